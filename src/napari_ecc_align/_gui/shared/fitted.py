"""Boxes and buttons whose text fits into the width there is: Qt cuts it off without a word."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import (
    QComboBox,
    QPushButton,
    QStyle,
    QStyleOptionButton,
    QStyleOptionComboBox,
    QStylePainter,
)

# Qt draws the text of a box a pixel inside of its field, on either side.
_INSIDE = 2


class ElidedBox(QObject):
    """Shows the beginning and the end of what is chosen in a box that is too narrow for it.

    Parameters
    ----------
    box : QComboBox
        Whose life it shares.
    """

    def __init__(self, box: QComboBox) -> None:
        super().__init__(box)
        self._box = box
        box.installEventFilter(self)

    @property
    def shown(self) -> str:
        """What there is room for."""
        box = self._box
        room = box.width() - beside_text(box)
        return box.fontMetrics().elidedText(box.currentText(), Qt.TextElideMode.ElideMiddle, room)

    def eventFilter(self, _: QObject | None, event: QEvent | None) -> bool:
        """Draw the box with what there is room for, where that is less."""
        if event is None or event.type() != QEvent.Type.Paint:
            return False
        shown = self.shown
        if shown == self._box.currentText():
            return False
        option = _option(self._box)
        option.currentText = shown
        painter = QStylePainter(self._box)
        painter.drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option)
        painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)
        painter.end()
        return True


def beside_text(box: QComboBox) -> int:
    """Return how much wider a box is than the longest text that is read in it."""
    style, option = box.style(), _option(box)
    assert style is not None
    field = style.subControlRect(
        QStyle.ComplexControl.CC_ComboBox, option, QStyle.SubControl.SC_ComboBoxEditField, box
    )
    return int(box.width() - field.width()) + _INSIDE


def _option(box: QComboBox) -> QStyleOptionComboBox:
    option = QStyleOptionComboBox()
    option.initFrom(box)
    option.currentText, option.iconSize = box.currentText(), box.iconSize()
    option.frame = True
    option.subControls = QStyle.SubControl.SC_All
    return option


class WrappedButton(QObject):
    """Writes what stands on a button in as many lines as there is need of.

    Parameters
    ----------
    button : QPushButton
        Whose life it shares. Its own text stays what it is.
    """

    def __init__(self, button: QPushButton) -> None:
        super().__init__(button)
        self._button = button
        button.installEventFilter(self)

    @property
    def shown(self) -> str:
        """The text, with the line breaks that it has need of."""
        button = self._button
        width = button.fontMetrics().horizontalAdvance
        room = button.width() - self._beside()
        lines = [""]
        for word in button.text().split():
            longer = f"{lines[-1]} {word}".strip()
            if lines[-1] and width(_seen(longer)) > room:
                lines.append(word)
            else:
                lines[-1] = longer
        return "\n".join(lines)

    def eventFilter(self, _: QObject | None, event: QEvent | None) -> bool:
        """Look whether it fits, and draw it in lines where it does not."""
        if event is None:
            return False
        kinds = QEvent.Type
        if event.type() in (kinds.Resize, kinds.StyleChange, kinds.FontChange, kinds.Paint):
            self._fit()
        if event.type() != kinds.Paint or "\n" not in self.shown:
            return False
        painter = QStylePainter(self._button)
        painter.drawControl(QStyle.ControlElement.CE_PushButton, self._option())
        painter.end()
        return True

    def _beside(self) -> int:
        """Return the width that a button needs beside its text."""
        button = self._button
        text = button.fontMetrics().horizontalAdvance(_seen(button.text()))
        return int(button.sizeHint().width()) - text

    def _fit(self) -> None:
        button, width = self._button, self._button.fontMetrics().horizontalAdvance
        words = _seen(button.text()).split()
        # Qt asks for a least width of more than a pixel.
        least = max(map(width, words), default=0) + self._beside()
        more = self.shown.count("\n") * button.fontMetrics().lineSpacing()
        high = button.sizeHint().height() + more if more else 0
        if (button.minimumWidth(), button.minimumHeight()) != (least, high):
            button.setMinimumSize(least, high)

    def _option(self) -> QStyleOptionButton:
        button, option = self._button, QStyleOptionButton()
        option.initFrom(button)
        option.text = self.shown
        option.icon, option.iconSize = button.icon(), button.iconSize()
        down = QStyle.StateFlag.State_Sunken if button.isDown() else QStyle.StateFlag.State_Raised
        option.state |= down
        return option


def _seen(text: str) -> str:
    # A sign before the letter of a shortcut is not drawn.
    return text.replace("&", "")
