"""The verdict in words and colour, and the table before/after."""

from __future__ import annotations

from html import escape

from magicgui.widgets import Container, Label, Table
from qtpy.QtWidgets import QSizePolicy

from ..inspection import Row
from ..result import AlignmentResult, Verdict

# Readable on napari's dark and light themes alike.
_COLOURS: dict[Verdict, str] = {"aligned": "#2a9d4a", "doubtful": "#d98a00", "failed": "#e0484d"}
_WIDTH = 300
_TITLES: dict[Verdict, str] = {"aligned": "Aligned", "doubtful": "Doubtful", "failed": "Failed"}


class ResultsView(Container):  # type: ignore[type-arg]
    """A verdict line above a table that says what the alignment changed."""

    def __init__(self) -> None:
        self.verdict = Label(value="")
        self.table = Table(value={"before": [], "after": []})
        super().__init__(widgets=[self.verdict, self.table], labels=False)
        self.margins = (0, 0, 0, 0)
        self.min_width = _WIDTH
        self.verdict.native.setWordWrap(True)
        # A wrapped label would else claim no more than half of the width.
        self.verdict.native.setMinimumWidth(1)
        self.verdict.native.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self.table.read_only = True
        header = self.table.native.horizontalHeader()
        header.setSectionResizeMode(header.ResizeMode.Stretch)
        self.clear()

    def clear(self) -> None:
        """Show nothing."""
        self.say("")
        self.table.visible = False

    def say(self, message: str) -> None:
        """Show a plain message in place of a verdict."""
        self.verdict.value = escape(message)
        self.verdict.visible = bool(message)

    def show_result(self, result: AlignmentResult, rows: list[Row]) -> None:
        """Show a verdict and its table, which is hidden when it has no rows."""
        title, colour = _TITLES[result.verdict], _COLOURS[result.verdict]
        notes = " The moving image is a negative." if result.inverted and rows else ""
        self.verdict.value = (
            f'<b style="color: {colour}">{title}.</b> {escape(result.reason)}{notes}'
        )
        self.verdict.visible = True
        self.table.value = {
            "data": [[row.before, row.after] for row in rows],
            "index": [row.label for row in rows],
            "columns": ["before", "after"],
        }
        self.table.visible = bool(rows)
        native = self.table.native
        height = native.verticalHeader().length() + native.horizontalHeader().height()
        self.table.min_height = height + 2 * native.frameWidth()
