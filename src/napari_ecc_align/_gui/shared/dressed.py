"""What follows the font and the colours that napari gives a form, also when they change."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QWidget

from .rows import timer


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
