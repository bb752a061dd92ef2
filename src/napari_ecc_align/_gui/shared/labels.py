"""Labels: sentences as wide as there is room, and names of one width."""

from __future__ import annotations

from collections.abc import Collection

from magicgui.widgets import Label
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QSizePolicy, QWidget

from .dressed import Dressed

_GAP = 10


def fill_width(label: Label, lines: int = 0) -> None:
    """Let a label of HTML wrap at the width there is, and its words be selected.

    Parameters
    ----------
    label : Label
        The label.
    lines : int, default: 0
        How many lines it has room for at any time. Within a container inside another, where more
        of them would take the room of what is below.
    """
    native = label.native
    native.setTextFormat(Qt.TextFormat.RichText)
    native.setWordWrap(True)
    native.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    # A wrapped label would else claim no more than half of the width.
    native.setMinimumWidth(1)
    # Nor its height at that width: a layout asks for it at the width there is.
    native.setMinimumHeight(max(1, lines * native.fontMetrics().lineSpacing()))
    native.setAlignment(Qt.AlignmentFlag.AlignTop)
    native.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)


def align_names(form: QWidget, names: Collection[str]) -> None:
    """Give the labels of a form's rows one width, once napari has dressed them in its font.

    magicgui measures them before that, and each container on its own.

    Parameters
    ----------
    form : QWidget
        Holds the labels.
    names : collection of str
        Their texts; of what has none, such as a button, nothing is done.
    """
    named = {name for name in names if name}

    def even() -> None:
        labels = [label for label in form.findChildren(QLabel) if label.text() in named]
        for label in labels:
            label.ensurePolished()
        width = max(
            (label.fontMetrics().horizontalAdvance(label.text()) for label in labels), default=0
        )
        for label in labels:
            label.setFixedWidth(width + _GAP)

    Dressed(form, even)


def elided(text: str, longest: int = 28) -> str:
    """Return a text without its middle, if it has more characters than may be shown."""
    if len(text) <= longest:
        return text
    kept = longest - 1
    return f"{text[: kept - kept // 2]}…{text[-(kept // 2) :]}"
