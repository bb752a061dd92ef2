"""What follows the font and the colours that napari gives a form, also when they change."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QAbstractSpinBox, QHeaderView, QLabel, QLineEdit, QTableView, QWidget

from .rows import timer

# What napari's stylesheet leaves in the font of the system, whatever size a person has chosen.
_LEFT_OUT = (QLineEdit, QAbstractSpinBox, QTableView, QHeaderView)


def write_all_in_one_font(form: QWidget) -> None:
    """Let lines, numbers and tables of a form have the font that napari gives its labels."""

    def dress() -> None:
        label = form.findChildren(QLabel)[0]
        label.ensurePolished()
        for kind in _LEFT_OUT:
            for widget in form.findChildren(kind):
                widget.setFont(label.font())

    Dressed(form, dress)


class Dressed(QObject):
    """Has something done once a widget has its font and colours, and whenever it gets others.

    Parameters
    ----------
    widget : QWidget
        Whose life it shares.
    action : callable
        What is done.
    """

    def __init__(self, widget: QWidget, action: Callable[[], object]) -> None:
        super().__init__(widget)
        self._soon = timer(widget, action)
        self._soon.start()
        widget.installEventFilter(self)

    def eventFilter(self, _: QObject | None, event: QEvent | None) -> bool:
        """Look whether it is dressed anew."""
        if event is not None and event.type() == QEvent.Type.StyleChange:
            self._soon.start()
        return False
