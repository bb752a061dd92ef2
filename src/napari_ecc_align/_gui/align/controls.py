"""The controls of the Align form that are always in sight."""

from __future__ import annotations

from magicgui.widgets import ComboBox, ProgressBar, PushButton, Widget
from qtpy.QtCore import Qt

from ..shared.model_box import model_box
from ..shared.rows import row

_BUTTON_HEIGHT = 36
BAR_INTERVAL = 0.03
"""Seconds between two frames of which a bar tells."""


def model_choice() -> ComboBox:
    """Return the choice of a motion model."""
    return model_box(
        "What may have happened to the moving image: shifted (translation), also turned "
        "(euclidean), also scaled (similarity), also sheared (affine), also tilted (homography). "
        "The fewer freedoms, the more exact. Automatic: the narrowest that suffices. Smooth: it "
        "bends, as tissue does",
        bends=True,
    )


def begin_buttons() -> tuple[PushButton, PushButton]:
    """Return the buttons that align, and judge."""
    align = PushButton(
        text="&Align", tooltip="Lay the moving image on the reference (Return or Alt+A)"
    )
    judge = PushButton(
        text="&Judge as they lie",
        tooltip="Say whether the two images lie right where they are, whoever has aligned "
        "them; nothing is searched or moved (Alt+J)",
    )
    align.native.setMinimumHeight(_BUTTON_HEIGHT)
    font = align.native.font()
    font.setBold(True)
    align.native.setFont(font)
    return align, judge


def end_buttons() -> tuple[PushButton, PushButton, Widget]:
    """Return the buttons that end a run, with nothing and with what is done, and their row."""
    cancel = PushButton(text="Cancel", tooltip="Stop, and leave all as it was (Escape)")
    keep = PushButton(
        text="&Keep what is done",
        tooltip="Stop, and go on with the frames that are aligned; each of the others is laid as "
        "the nearest of them (Alt+K)",
    )
    return cancel, keep, row(cancel, keep)


def name_stage(progress: ProgressBar, stage: str) -> None:
    """Write on a bar what is being done, as far as there is room, and how much of it is."""
    bar = progress.native
    metrics = bar.fontMetrics()
    room = bar.width() - metrics.horizontalAdvance("  100% ")
    bar.setFormat(f"{metrics.elidedText(stage, Qt.TextElideMode.ElideRight, room)}  %p%")
