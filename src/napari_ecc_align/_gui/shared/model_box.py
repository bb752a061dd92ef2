"""The choice of a motion model."""

from __future__ import annotations

from magicgui.widgets import ComboBox

from ..._transform.matrices import MOTION_MODELS


def model_box(tooltip: str) -> ComboBox:
    """Return a box of all motion models, and of the narrowest that suffices."""
    return ComboBox(
        choices=[*zip(MOTION_MODELS, MOTION_MODELS, strict=True), ("automatic", "auto")],
        value="affine",
        label="motion model",
        tooltip=tooltip,
    )
