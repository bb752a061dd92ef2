"""Forms that ask for no more width than they need, whatever layers and folders are called."""

from __future__ import annotations

from functools import partial

from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QCheckBox, QComboBox, QLineEdit, QPushButton, QWidget

from .fitted import ElidedBox, WrappedButton
from .rows import FoldedRow, fold_rows

# Characters that stay readable; the rest is cut, and stands in the tooltip.
_LEAST, _LEAST_OF_A_PATH = 3, 14
# So many letters there is room for in any form and font.
_LONG = 8


def be_narrow(form: QWidget) -> None:
    """Let what a form shows of choices and texts give way, and stand in full in its tooltip."""
    fold_rows(form)
    for box in form.findChildren(QComboBox):
        box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        box.setMinimumContentsLength(_LEAST)
        _tell_in_tooltip(box, box.currentText())
        box.currentTextChanged.connect(partial(_tell_in_tooltip, box))
        # Its row may have to be folded.
        box.currentTextChanged.connect(partial(_ask_anew, box))
        ElidedBox(box)
    for button in form.findChildren(QPushButton):
        # The head of a fold is drawn by napari's style, and has a few words.
        if not button.isCheckable():
            WrappedButton(button)
    for check in form.findChildren(QCheckBox):
        _Wrapped(check)
    for line in form.findChildren(QLineEdit):
        beside, least = line.parentWidget(), _LEAST
        if beside is not None and beside.findChild(QPushButton) is not None:
            least = _LEAST_OF_A_PATH
            FoldedRow(beside)
        line.setMinimumWidth(line.fontMetrics().averageCharWidth() * least)
        _tell_in_tooltip(line, line.text())
        line.textChanged.connect(partial(_tell_in_tooltip, line))


class _Wrapped(QObject):
    """Writes what stands beside a checkbox in as many lines as there is need of."""

    def __init__(self, check: QCheckBox) -> None:
        super().__init__(check)
        self._check, self._words = check, check.text().split()
        # Else it would ask for room for all in one line.
        check.setMinimumWidth(1)
        check.installEventFilter(self)

    def eventFilter(self, _: QObject | None, event: QEvent | None) -> bool:
        """Look whether it fits into another width, or in another font."""
        kinds = (QEvent.Type.Resize, QEvent.Type.StyleChange, QEvent.Type.FontChange)
        if event is not None and event.type() in kinds:
            self._wrap()
        return False

    def _wrap(self) -> None:
        check, width = self._check, self._check.fontMetrics().horizontalAdvance
        beside = check.sizeHint().width() - max(map(width, check.text().split("\n")))
        lines = [""]
        for word in self._words:
            longer = f"{lines[-1]} {word}".strip()
            if lines[-1] and width(longer) > check.width() - beside:
                lines.append(word)
            else:
                lines[-1] = longer
        text = "\n".join(lines)
        if text != check.text():
            check.setText(text)


def _ask_anew(box: QComboBox, _: str) -> None:
    box.updateGeometry()


def _tell_in_tooltip(widget: QWidget, text: str) -> None:
    own = widget.property("tip") or widget.toolTip()
    widget.setProperty("tip", own)
    widget.setToolTip(f"{text}\n{own}" if len(text) > _LONG else own)
