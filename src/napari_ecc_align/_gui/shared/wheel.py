"""A wheel that scrolls a form, and never changes what is chosen in it on the way."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QAbstractSpinBox, QComboBox, QSlider, QWidget

_CHANGED_BY_A_WHEEL = (QComboBox, QAbstractSpinBox, QSlider)


def wheel_only_scrolls(form: QWidget) -> None:
    """Let the wheel go through every choice and number of a form to what scrolls around it.

    Qt changes what is under the mouse: who scrolls a form down would choose another view, or
    another setting, without a look at it.
    """
    to_the_parent = _ToTheParent(form)
    for widget in form.findChildren(QWidget):
        if isinstance(widget, _CHANGED_BY_A_WHEEL):
            widget.installEventFilter(to_the_parent)


class _ToTheParent(QObject):
    def eventFilter(self, _: QObject | None, event: QEvent | None) -> bool:
        if event is None or event.type() != QEvent.Type.Wheel:
            return False
        # Not accepted, Qt offers it to the widget around.
        event.ignore()
        return True
