"""The controls of the Align form that are always in sight."""

from __future__ import annotations

from magicgui.widgets import ComboBox, ProgressBar, PushButton
from qtpy.QtCore import Qt

from ..shared.model_box import model_box


def model_choice() -> ComboBox:
    """Return the choice of a motion model."""
    return model_box(
        "What may have happened to the moving image: shifted (translation), also turned "
        "(euclidean), also scaled (similarity), also sheared (affine), also tilted (homography). "
        "The fewer freedoms, the more exact. Automatic: the narrowest that suffices. Smooth: it "
        "bends, as tissue does",
        bends=True,
    )


def run_buttons() -> tuple[PushButton, PushButton, PushButton]:
    """Return the buttons that align, judge, and cancel."""
    align = PushButton(
        text="&Align", tooltip="Lay the moving image on the reference (Return or Alt+A)"
    )
    judge = PushButton(
        text="&Judge as they lie",
        tooltip="Say whether the two images lie right where they are, whoever has aligned "
        "them; nothing is searched or moved (Alt+J)",
    )
    cancel = PushButton(text="Cancel", tooltip="Stop, and leave all as it was (Escape)")
    return align, judge, cancel


def name_stage(progress: ProgressBar, stage: str) -> None:
    """Write on a bar what is being done, as far as there is room, and how much of it is."""
    bar = progress.native
    metrics = bar.fontMetrics()
    room = bar.width() - metrics.horizontalAdvance("  100% ")
    bar.setFormat(f"{metrics.elidedText(stage, Qt.TextElideMode.ElideRight, room)}  %p%")
