"""The verdict in words and colour, and the table before/after, which fits into little width."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from math import ceil
from typing import cast

from magicgui.widgets import Container, Label, Widget
from qtpy.QtCore import QEvent, QObject
from qtpy.QtGui import QFont, QTextDocument, QTextOption
from qtpy.QtWidgets import QWidget

from ..._compare.inspection import Row
from ..._verdict.verdict import Verdict
from ..shared.dressed import Dressed
from ..shared.html import GRAY, VERDICT_COLOURS, breakable, grayed, table
from ..shared.labels import fill_width


class VerdictTable(Container):  # type: ignore[type-arg]
    """A verdict line above a table that says what the alignment changed.

    Parameters
    ----------
    between : widget, optional
        Shown below the verdict and above the table.
    """

    def __init__(self, between: Widget | None = None) -> None:
        self._rows: list[Row] = []
        self._past = False
        self.verdict = Label(value="")
        self.table = Label(value="")
        widgets = [self.verdict, *[between] * (between is not None), self.table]
        super().__init__(widgets=widgets, labels=False)
        self.margins = (0, 0, 0, 0)
        fill_width(self.verdict, lines=3)
        fill_width(self.table)
        self.say("")
        _Resized(self.native, self._fit)
        # In another font the same numbers need another width.
        Dressed(self.table.native, self._fit)

    def say(self, message: str) -> None:
        """Show a plain message in place of a verdict and its table."""
        self._rows = []
        self._fill(escape(message))

    def show_verdict(
        self,
        verdict: Verdict,
        reason: str,
        rows: list[Row],
        *,
        title: str = "",
        note: str = "",
        past: str = "",
    ) -> None:
        """Show a verdict, why it was given, and the table before/after if it has rows.

        Parameters
        ----------
        verdict, reason
            Of a result.
        rows : list of Row
            The table.
        title : str
            Of what it is the result.
        note : str
            What is said above it.
        past : str
            Why it is no longer the result of what is chosen: then it is gray.
        """
        colour = GRAY if past else VERDICT_COLOURS[verdict]
        said = f'<b style="color: {colour}">{verdict.capitalize()}.</b> {escape(reason)}'
        self._rows, self._past = rows, bool(past)
        head = [f"<b>{breakable(title)}</b>" if title else "", said]
        if past:
            head = [*map(grayed, head), escape(past)]
        self._fill("<br>".join(part for part in (escape(note), *head) if part))

    def _fill(self, verdict: str) -> None:
        self.verdict.value = verdict
        self.verdict.visible = bool(verdict)
        self.table.visible = bool(self._rows)
        self._fit()

    def _fit(self) -> None:
        """Let the numbers stand below their names where there is no room beside them."""
        native = self.table.native
        native.ensurePolished()
        body, stacked = (_as_html(self._rows, stacked=below) for below in (False, True))
        # What is wider than lines of single words has to be scrolled to.
        native.setMinimumWidth(_narrowest(stacked, native.font()))
        if self.native.width() < _narrowest(body, native.font()) and native.isVisible():
            body = stacked
        body = grayed(body, "div") if self._past else body
        if body != self.table.value:
            self.table.value = body


class _Resized(QObject):
    """Has something done when a widget gets another width."""

    def __init__(self, widget: QWidget, action: Callable[[], object]) -> None:
        super().__init__(widget)
        self._action, self._width = action, widget.width()
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Look at the width."""
        if event is not None and event.type() == QEvent.Type.Resize:
            width = cast("QWidget", watched).width()
            if width != self._width:
                self._width = width
                self._action()
        return False


def _narrowest(html: str, font: QFont) -> int:
    """Return the width of HTML with a line for every word, in pixels."""
    document = QTextDocument()
    option = document.defaultTextOption()
    option.setWrapMode(QTextOption.WrapMode.WordWrap)
    document.setDefaultTextOption(option)
    document.setDefaultFont(font)
    document.setHtml(html)
    document.setTextWidth(0)
    return ceil(document.size().width())


def _as_html(rows: list[Row], *, stacked: bool = False) -> str:
    """Return a table, with each name before its numbers or, stacked, above them."""
    if not rows:
        return ""
    compared = any(row.before for row in rows)
    empty = "" if stacked else "<th></th>"
    head = [f'<tr>{empty}<th align="right">before</th><th align="right">after</th></tr>']
    after_name = "</tr><tr>" if stacked else ""
    span = f' colspan="{1 + compared}"' * stacked
    body = (
        f"<tr><td{span}>{escape(row.label)}</td>{after_name}"
        + f'<td align="right">{escape(row.before)}</td>' * compared
        + f'<td align="right"><b>{escape(row.after)}</b></td></tr>'
        for row in rows
    )
    return table([*head * compared, *body])
