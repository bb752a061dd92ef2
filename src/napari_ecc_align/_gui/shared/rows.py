"""Parts of a form."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from magicgui.widgets import Container, PushButton, Widget
from qtpy.QtCore import QObject, QTimer


class Form(Container):  # type: ignore[type-arg]
    """Widgets below each other, with their labels and without margins.

    Parameters
    ----------
    *widgets : magicgui widget
        From top to bottom.
    **options
        As a `Container` takes them.
    """

    def __init__(self, *widgets: Widget, **options: Any) -> None:
        super().__init__(widgets=list(widgets), **options)
        self.margins = (0, 0, 0, 0)


def form(*widgets: Widget) -> Form:
    """Return widgets below each other, with their labels and without margins."""
    return Form(*widgets)


def row(*widgets: Widget) -> Form:
    """Return widgets beside each other, without labels and margins."""
    return Form(*widgets, layout="horizontal", labels=False)


def button(text: str, tooltip: str, action: Callable[[], object]) -> PushButton:
    """Return a button that does something when it is pressed."""
    made = PushButton(text=text, tooltip=tooltip)
    made.changed.connect(action)
    return made


def timer(parent: QObject, action: Callable[[], object], milliseconds: int = 0) -> QTimer:
    """Return a timer that does something once whenever it is started.

    Parameters
    ----------
    parent : QObject
        Whose life it shares.
    action : callable
        What it does.
    milliseconds : int, default: 0
        When, counted from its last start; 0 is as soon as what is under way has been done.
    """
    made = QTimer(parent)
    made.setSingleShot(True)
    made.setInterval(milliseconds)
    made.timeout.connect(action)
    return made
