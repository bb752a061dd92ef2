"""The choice of a motion model."""

from __future__ import annotations

from magicgui.widgets import ComboBox

from ..._transform.matrices import MOTION_MODELS


def model_box(tooltip: str, *, bends: bool = False) -> ComboBox:
    """Return a box of all motion models, of the narrowest that suffices, and of a smooth field."""
    others = [("automatic", "auto"), *[("smooth, it bends", "smooth")] * bends]
    return ComboBox(
        choices=[*zip(MOTION_MODELS, MOTION_MODELS, strict=True), *others],
        value="affine",
        label="motion model",
        tooltip=tooltip,
    )
