"""Forms that ask for no more width than they need, whatever layers and folders are called."""

from __future__ import annotations

from functools import partial

from qtpy.QtWidgets import QComboBox, QLineEdit, QPushButton, QWidget

from .rows import FoldedRow, fold_rows

# Characters that stay readable; the rest is cut, and stands in the tooltip.
_LEAST, _LEAST_OF_A_PATH = 3, 14
_LONG = 16


def be_narrow(form: QWidget) -> None:
    """Let what a form shows of choices and texts give way, and stand in full in its tooltip."""
    fold_rows(form)
    for box in form.findChildren(QComboBox):
        box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        box.setMinimumContentsLength(_LEAST)
        _tell_in_tooltip(box, box.currentText())
        box.currentTextChanged.connect(partial(_tell_in_tooltip, box))
    for line in form.findChildren(QLineEdit):
        beside, least = line.parentWidget(), _LEAST
        if beside is not None and beside.findChild(QPushButton) is not None:
            least = _LEAST_OF_A_PATH
            FoldedRow(beside)
        line.setMinimumWidth(line.fontMetrics().averageCharWidth() * least)
        _tell_in_tooltip(line, line.text())
        line.textChanged.connect(partial(_tell_in_tooltip, line))


def _tell_in_tooltip(widget: QWidget, text: str) -> None:
    own = widget.property("tip") or widget.toolTip()
    widget.setProperty("tip", own)
    widget.setToolTip(f"{text}\n{own}" if len(text) > _LONG else own)
