"""Labels for sentences and tables: as wide as there is room, to be selected with the mouse."""

from __future__ import annotations

from magicgui.widgets import Label
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QSizePolicy


def fill_width(label: Label) -> None:
    """Let a label of HTML wrap at the width there is, and its words be selected."""
    native = label.native
    native.setTextFormat(Qt.TextFormat.RichText)
    native.setWordWrap(True)
    native.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    # A wrapped label would else claim no more than half of the width.
    native.setMinimumWidth(1)
    native.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
