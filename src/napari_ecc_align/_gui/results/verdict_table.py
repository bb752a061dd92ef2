"""The verdict in words and colour, and the table before/after."""

from __future__ import annotations

from html import escape

from magicgui.widgets import Container, Label
from qtpy.QtCore import Qt

from ..._compare.inspection import Row
from ..._verdict.result import Verdict
from ..shared.html import MEANINGS, VERDICT_COLOURS, legend, table
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
        self, verdict: Verdict, reason: str, rows: list[Row], *, explained: bool = False
    ) -> None:
        """Show a verdict, why it was given, and the table before/after if it has rows.

        If `explained`, the colours of the binary difference are explained below.
        """
        title = f'<b style="color: {VERDICT_COLOURS[verdict]}">{verdict.capitalize()}.</b>'
        below = "&nbsp; ".join(map(legend, MEANINGS)) if explained and rows else ""
        self._fill(f"{title} {escape(reason)}", _as_html(rows) + below)

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
