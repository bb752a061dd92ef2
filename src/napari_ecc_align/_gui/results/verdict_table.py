"""The verdict in words and colour, and the table before/after."""

from __future__ import annotations

from html import escape

from magicgui.widgets import Container, Label
from qtpy.QtCore import Qt

from ..._compare.binary import COLOURS, ONLY_ALIGNED, ONLY_REFERENCE
from ..._compare.inspection import Row
from ..._verdict.result import Verdict
from ..shared.labels import fill_width

# Readable on napari's dark and light themes alike.
_COLOURS: dict[Verdict, str] = {"aligned": "#2a9d4a", "doubtful": "#d98a00", "failed": "#e0484d"}
_WIDTH = 300


class VerdictTable(Container):  # type: ignore[type-arg]
    """A verdict line above a table that says what the alignment changed."""

    def __init__(self) -> None:
        self.verdict = Label(value="")
        self.table = Label(value="")
        super().__init__(widgets=[self.verdict, self.table], labels=False)
        self.margins = (0, 0, 0, 0)
        self.min_width = _WIDTH
        self.table.native.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        fill_width(self.verdict, lines=3)
        self.clear()

    def clear(self) -> None:
        """Show nothing."""
        self.say("")

    def say(self, message: str) -> None:
        """Show a plain message in place of a verdict and its table."""
        self._fill(escape(message), "")

    def show_verdict(
        self, verdict: Verdict, reason: str, rows: list[Row], *, legend: bool = False
    ) -> None:
        """Show a verdict, why it was given, and the table before/after if it has rows.

        With a legend the colours of the binary difference are explained below.
        """
        title = f'<b style="color: {_COLOURS[verdict]}">{verdict.capitalize()}.</b>'
        table = _as_html(rows) + (_legend() if legend and rows else "")
        self._fill(f"{title} {escape(reason)}", table)

    def _fill(self, verdict: str, table: str) -> None:
        for label, text in ((self.verdict, verdict), (self.table, table)):
            label.value = text
            label.visible = bool(text)


def _as_html(rows: list[Row]) -> str:
    if not rows:
        return ""
    head = '<tr><th></th><th align="right">before</th><th align="right">after</th></tr>'
    body = "".join(
        f"<tr><td>{escape(row.label)}</td>"
        f'<td align="right">{escape(row.before)}</td>'
        f'<td align="right"><b>{escape(row.after)}</b></td></tr>'
        for row in rows
    )
    return f'<table cellspacing="0" cellpadding="4" width="100%">{head}{body}</table>'


def _legend() -> str:
    said = {ONLY_REFERENCE: "only in reference", ONLY_ALIGNED: "only in moving"}
    return "&nbsp; ".join(
        f'<span style="color: rgb{COLOURS[label]}">&#9632;</span> {words}'
        for label, words in said.items()
    )
