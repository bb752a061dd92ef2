"""The part of a form that scrolls where the window has no room for all of it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from qtpy.QtCore import QEvent, QObject, QSize
from qtpy.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

from .rows import timer

_LEAST_WIDTH, _LEAST_HEIGHT = 120, 60
# Characters.
_USUAL_WIDTH = 45


class Scroll(QScrollArea):
    """Widgets below each other: as wide as they need, and as high as there is room.

    Parameters
    ----------
    widgets : sequence of QWidget
        From top to bottom.
    parent : QWidget
        What it is part of.
    tall : QWidget, optional
        What gets the height that is left; nothing does when left out.
    """

    def __init__(
        self, widgets: Sequence[QWidget], parent: QWidget, tall: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        inner = self._inner = QWidget()
        layout = QVBoxLayout(inner)
        layout.setContentsMargins(0, 0, 0, 0)
        for widget in widgets:
            layout.addWidget(widget, int(widget is tall))
        if tall is None:
            layout.addStretch()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidget(inner)
        inner.installEventFilter(self)

    def bring(self, widget: QWidget) -> None:
        """Scroll until a widget inside is in sight, once it has been laid out."""
        once = timer(self, partial(self.ensureWidgetVisible, widget))
        once.timeout.connect(once.deleteLater)
        once.start()

    def sizeHint(self) -> QSize:
        """Ask for room for all, and for lines that are good to read."""
        usual = QSize(self.fontMetrics().averageCharWidth() * _USUAL_WIDTH, 0)
        return self._wide(self._inner.sizeHint()).expandedTo(usual)

    def minimumSizeHint(self) -> QSize:
        """Be content with less: what is cut off is scrolled to."""
        return QSize(_LEAST_WIDTH, _LEAST_HEIGHT)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Ask anew when what is inside has changed."""
        if event is not None and event.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()
        return super().eventFilter(watched, event)

    def _wide(self, size: QSize) -> QSize:
        bar = self.verticalScrollBar()
        return size + QSize(0 if bar is None else bar.sizeHint().width(), 0)


def bring_into_sight(widget: QWidget) -> None:
    """Scroll the part of a form that a widget is in, if it is in one, until it is in sight."""
    above = widget.parentWidget()
    while above is not None and not isinstance(above, Scroll):
        above = above.parentWidget()
    if above is not None:
        above.bring(widget)


def scroll_all(form: QWidget, tall: QWidget | None = None) -> None:
    """Let all that is in a form scroll where the window has no room for it.

    Parameters
    ----------
    form : QWidget
        The form.
    tall : QWidget, optional
        What in it gets the height that is left.
    """
    layout = form.layout()
    assert layout is not None
    items = [layout.takeAt(0) for _ in range(layout.count())]
    widgets = [item.widget() for item in items if item is not None]
    layout.addWidget(Scroll([widget for widget in widgets if widget is not None], form, tall))
