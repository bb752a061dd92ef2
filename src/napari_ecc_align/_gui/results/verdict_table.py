"""The verdict in words and colour, and the table before/after."""

from __future__ import annotations

from html import escape

from magicgui.widgets import Container, Label
from qtpy.QtCore import Qt

from ..._compare.inspection import Row
from ..._verdict.result import Verdict
from ..shared.html import GRAY, MEANINGS, VERDICT_COLOURS, grayed, legend, table
from ..shared.labels import fill_width

_WIDTH = 300


class VerdictTable(Container):  # type: ignore[type-arg]
    """A verdict line above a table that says what the alignment changed."""

    def __init__(self) -> None:
        self.verdict = Label(value="")
        self.table = Label(value="")
        super().__init__(widgets=[self.verdict, self.table], labels=False)
        self.margins = (0, 0, 0, 0)
        self.table.native.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        fill_width(self.verdict, lines=3)
        # Of the line alone: one of the whole would count in place of what the table needs.
        self.verdict.min_width = _WIDTH
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
        explained: bool = False,
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
        explained : bool, default: False
            Explain the colours of the binary difference below.
        """
        colour = GRAY if past else VERDICT_COLOURS[verdict]
        said = f'<b style="color: {colour}">{verdict.capitalize()}.</b> {escape(reason)}'
        below = "&nbsp; ".join(map(legend, MEANINGS)) if explained and rows and not past else ""
        body = _as_html(rows) + below
        head = [f"<b>{escape(title)}</b>" if title else "", said]
        if past:
            head, body = [*map(grayed, head), escape(past)], grayed(body, "div")
        self._fill("<br>".join(part for part in (escape(note), *head) if part), body)

    def _fill(self, verdict: str, table: str) -> None:
        for label, text in ((self.verdict, verdict), (self.table, table)):
            label.value = text
            label.visible = bool(text)


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
