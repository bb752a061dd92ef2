"""The part of a form that scrolls where the window has no room for all of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from qtpy.QtCore import QEvent, QObject, QPoint, QSize, Qt
from qtpy.QtWidgets import (
    QAbstractButton,
    QApplication,
    QFrame,
    QLayout,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from .rows import timer

_LEAST_WIDTH, _LEAST_HEIGHT = 120, 60
# Characters.
_USUAL_WIDTH = 45
# Of a form whose top can scroll: with what does not, also while something runs.
_LEAST_OF_ALL = 200
# Lines that are to be in sight below what does not scroll.
_READABLE = 12


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
        layout = self.inside = QVBoxLayout(inner)
        layout.setContentsMargins(0, 0, 0, 0)
        for widget in widgets:
            layout.addWidget(widget, int(widget is tall))
        if tall is None:
            layout.addStretch()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidget(inner)
        inner.installEventFilter(self)
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        app.focusChanged.connect(self._follow)
        # Tab stops here, too, so that a long table can be read without a mouse.
        self.setAccessibleName("scroll")
        self.setAccessibleDescription("The arrow keys scroll what is in this part of the form")

    def _follow(self, _: QWidget | None, now: QWidget | None) -> None:
        """Show what the keyboard has come to: Qt does only where it comes from inside."""
        # What the mouse has come to must stay below it.
        pressed = QApplication.mouseButtons() != Qt.MouseButton.NoButton
        if now is not None and not pressed and self._inner.isAncestorOf(now):
            self._show_rows_of(now)

    def _show_rows_of(self, widget: QWidget) -> None:
        """Scroll up or down until a widget is in sight, its top at least; never to the side."""
        bar, view = self.verticalScrollBar(), self.viewport()
        if bar is None or view is None:
            return
        top = widget.mapTo(self._inner, QPoint()).y()
        lowest = top - max(0, view.height() - widget.height())
        bar.setValue(min(max(bar.value(), lowest), top))

    def bring(self, widget: QWidget) -> None:
        """Scroll until a widget inside is in sight, or its top, once it has been laid out."""

        def scroll() -> None:
            self.inside.activate()
            self._show_rows_of(widget)

        once = timer(self, scroll)
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


class ScrollsWhereLow(QObject):
    """Lets the top of a form scroll with the rest where it would leave too little room for that.

    Parameters
    ----------
    form : QWidget
        Laid out from top to bottom.
    top : sequence of QWidget
        Its first widgets.
    scroll : Scroll
        Its last widget.
    moved : callable
        Called once the top has got another place.
    """

    def __init__(
        self,
        form: QWidget,
        top: Sequence[QWidget],
        scroll: Scroll,
        moved: Callable[[], object],
    ) -> None:
        super().__init__(form)
        self._form, self._top, self._scroll, self._moved = form, top, scroll, moved
        self._soon = timer(form, self._look)
        # Less than its top asks for: else the window would grow for a dock that joins this one,
        # rather than this one get lower.
        form.setMinimumHeight(_LEAST_OF_ALL)
        form.installEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Look at the room there is."""
        if event is not None and event.type() in (QEvent.Type.Resize, QEvent.Type.LayoutRequest):
            self._soon.start()
        return False

    def _look(self) -> None:
        outer = self._form.layout()
        assert isinstance(outer, QVBoxLayout)
        items = [outer.itemAt(at) for at in range(outer.count())]
        below = [item.widget() for item in items if item is not None]
        # What is shown only while something runs counts, too, or the form would jump.
        stays = [each for each in below if each not in (None, self._scroll, *self._top)]
        stays += [each for each in self._top if not each.isHidden()]
        heights = [_height(each, self._form.width()) for each in stays if each is not None]
        # napari dresses what shows text, not what holds it.
        button = self._form.findChild(QAbstractButton)
        assert button is not None
        readable = _READABLE * button.fontMetrics().lineSpacing()
        there = outer if sum(heights) + readable <= self._form.height() else self._scroll.inside
        if there.indexOf(self._top[0]) >= 0:
            return
        focus = QApplication.focusWidget()
        for at, widget in enumerate(self._top):
            hidden = widget.isHidden()
            there.insertWidget(at, widget)
            widget.setVisible(not hidden)
        self._moved()
        if focus is not None and self._form.isAncestorOf(focus):
            focus.setFocus()


def _height(widget: QWidget, width: int) -> int:
    return (
        widget.heightForWidth(width) if widget.hasHeightForWidth() else widget.sizeHint().height()
    )


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
    # One by one: while an item of the old layout lives, Qt does not tell that of the new one when
    # a sentence gets longer, whose last lines are cut off then.
    widgets = [_taken(layout) for _ in range(layout.count())]
    layout.addWidget(Scroll([widget for widget in widgets if widget is not None], form, tall))


def _taken(layout: QLayout) -> QWidget | None:
    item = layout.takeAt(0)
    return None if item is None else item.widget()
