"""Parts of a form."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, cast

from magicgui.widgets import Container, PushButton, Widget
from qtpy.QtCore import QEvent, QObject, QTimer
from qtpy.QtWidgets import (
    QAbstractItemView,
    QBoxLayout,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QLayoutItem,
    QPushButton,
    QWidget,
)

from .fitted import beside_text

# Characters of what is chosen that are to be read.
_EASY = {QComboBox: 13, QAbstractItemView: 20}
# Of a longer text, the beginning and the end say what it is.
_MOST = 16


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


def fold_rows(form: QWidget) -> None:
    """Let every name in a form stand above what it names where there is no room beside it."""
    for label, _ in named_rows(form):
        FoldedRow(cast("QWidget", label.parent()))


def named_rows(form: QWidget) -> Iterator[tuple[QLabel, QWidget]]:
    """Yield the names of a form, and what stands beside each."""
    for row in form.findChildren(QWidget):
        layout = row.layout()
        if not isinstance(layout, QHBoxLayout) or layout.count() != 2:
            continue
        items = map(layout.itemAt, range(2))
        first, second = (item.widget() if item is not None else None for item in items)
        if isinstance(first, QLabel) and second is not None:
            yield first, second


def row(*widgets: Widget) -> Form:
    """Return widgets beside each other, or below where that is too narrow; without labels."""
    made = Form(*widgets, layout="horizontal", labels=False)
    FoldedRow(made.native)
    return made


class FoldedRow(QObject):
    """Puts what is in a row below each other where there is no room beside each other."""

    def __init__(self, row: QWidget) -> None:
        super().__init__(row)
        # Else the row would claim the width of all that is in it.
        row.setMinimumWidth(1)
        row.installEventFilter(self)

    def eventFilter(self, row: QObject | None, event: QEvent | None) -> bool:
        """Look at the room there is."""
        if event is not None and event.type() in (QEvent.Type.Resize, QEvent.Type.LayoutRequest):
            _fold(cast("QWidget", row))
        return False


def _fold(row: QWidget) -> None:
    layout = row.layout()
    assert isinstance(layout, QBoxLayout)
    items = [layout.itemAt(at) for at in range(layout.count())]
    widths = [item.minimumSize().width() for item in items if item and not item.isEmpty()]
    if not widths:
        return
    row.setMinimumWidth(max(widths))
    easy = sum(_easy_width(item) for item in items if item and not item.isEmpty())
    wanted = easy + (len(widths) - 1) * layout.spacing()
    directions = QBoxLayout.Direction
    narrow = wanted > row.width()
    direction = directions.TopToBottom if narrow else directions.LeftToRight
    if layout.direction() != direction:
        layout.setDirection(direction)


def _easy_width(item: QLayoutItem) -> int:
    """Return how wide a part of a row should be for what stands in it to be read."""
    widget, least = item.widget(), item.minimumSize().width()
    if isinstance(widget, QPushButton):
        # In a line.
        return int(widget.sizeHint().width())
    for kind, letters in _EASY.items():
        if isinstance(widget, kind):
            letter = widget.fontMetrics().averageCharWidth()
            least = max(least, letters * letter)
            if isinstance(widget, QComboBox):
                text = widget.fontMetrics().horizontalAdvance(widget.currentText())
                least = max(least, beside_text(widget) + min(text, _MOST * letter))
    return least


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
