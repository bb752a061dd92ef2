"""The verdict in words and colour, and the table before/after."""

from __future__ import annotations

from html import escape
from math import ceil

from magicgui.widgets import Container, Label
from qtpy.QtGui import QFont, QTextDocument, QTextOption

from ..._compare.inspection import Row
from ..._verdict.result import Verdict
from ..shared.html import GRAY, VERDICT_COLOURS, grayed, table
from ..shared.labels import fill_width


class VerdictTable(Container):  # type: ignore[type-arg]
    """A verdict line above a table that says what the alignment changed."""

    def __init__(self) -> None:
        self.verdict = Label(value="")
        self.table = Label(value="")
        super().__init__(widgets=[self.verdict, self.table], labels=False)
        self.margins = (0, 0, 0, 0)
        fill_width(self.verdict, lines=3)
        fill_width(self.table)
        self.say("")

    def say(self, message: str) -> None:
        """Show a plain message in place of a verdict and its table."""
        self._fill(escape(message), "")

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
        body = _as_html(rows)
        head = [f"<b>{escape(title)}</b>" if title else "", said]
        if past:
            head, body = [*map(grayed, head), escape(past)], grayed(body, "div")
        self._fill("<br>".join(part for part in (escape(note), *head) if part), body)

    def _fill(self, verdict: str, table: str) -> None:
        for label, text in ((self.verdict, verdict), (self.table, table)):
            label.value = text
            label.visible = bool(text)
        native = self.table.native
        native.ensurePolished()
        # What is wider than lines of single words has to be scrolled to.
        native.setMinimumWidth(_narrowest(table, native.font()))


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


def _as_html(rows: list[Row]) -> str:
    if not rows:
        return ""
    compared = any(row.before for row in rows)
    head = ['<tr><th></th><th align="right">before</th><th align="right">after</th></tr>']
    body = (
        f"<tr><td>{escape(row.label)}</td>"
        + f'<td align="right">{escape(row.before)}</td>' * compared
        + f'<td align="right"><b>{escape(row.after)}</b></td></tr>'
        for row in rows
    )
    return table([*head * compared, *body])
