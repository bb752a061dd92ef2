"""A form by the keyboard: Return does what it is for, Escape stops, Tab goes down the form."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtGui import QKeyEvent, QKeySequence, QShortcut  # type: ignore[attr-defined]
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLayout,
    QLineEdit,
    QWidget,
)

_RETURN = (Qt.Key.Key_Return, Qt.Key.Key_Enter)
_LEAVES = (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QLineEdit,
)


class Keys(QObject):
    """Listens to the keys that the widgets of a form have no use for themselves.

    Parameters
    ----------
    form : QWidget
        Whose life it shares.
    on_return : callable
        What Return does, unless a button has the focus, which it then presses.
    on_escape : callable
        What Escape does; it tells whether there was anything to do.
    """

    def __init__(
        self,
        form: QWidget,
        on_return: Callable[[], object],
        on_escape: Callable[[], bool] = lambda: False,
    ) -> None:
        super().__init__(form)
        self._form = form
        self._on_return = on_return
        self._on_escape = on_escape
        form.installEventFilter(self)

    def eventFilter(self, form: QObject | None, event: QEvent | None) -> bool:
        """Take a key that has come up to the form."""
        if not isinstance(event, QKeyEvent) or event.type() != QEvent.Type.KeyPress:
            return False
        if event.key() in _RETURN:
            focus = QApplication.focusWidget()
            if isinstance(focus, QAbstractButton) and self._form.isAncestorOf(focus):
                focus.click()
            else:
                self._on_return()
            return True
        return event.key() == Qt.Key.Key_Escape and self._on_escape()


def anywhere_in(form: QWidget, key: str, action: Callable[[], object]) -> None:
    """Let a key such as "Alt+B" do something whatever part of a form has the focus."""
    shortcut = QShortcut(QKeySequence(key), form)
    shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
    shortcut.activated.connect(action)


def tab_from_top_to_bottom(form: QWidget) -> None:
    """Let Tab go through a form in the order in which a person reads it."""
    for before, after in pairwise(stops(form)):
        QWidget.setTabOrder(before, after)


def stops(widget: QWidget) -> Iterator[QWidget]:
    """Yield what Tab stops at, in the order in which a person reads it."""
    if isinstance(widget, _LEAVES):
        if widget.focusPolicy() & Qt.FocusPolicy.TabFocus:
            yield widget
        return
    layout = widget.layout()
    if layout is not None:
        yield from _in_layout(layout)
        return
    for child in widget.findChildren(QWidget, options=Qt.FindChildOption.FindDirectChildrenOnly):
        yield from stops(child)


def _in_layout(layout: QLayout) -> Iterator[QWidget]:
    for number in range(layout.count()):
        item = layout.itemAt(number)
        inner = None if item is None else item.widget()
        below = None if item is None else item.layout()
        if inner is not None:
            yield from stops(inner)
        elif below is not None:
            yield from _in_layout(below)
