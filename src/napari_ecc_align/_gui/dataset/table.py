"""The pairs of a dataset as a table, those to look at first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from itertools import takewhile
from typing import Any, NamedTuple

from qtpy.QtCore import QAbstractTableModel, QEvent, QModelIndex, QSize, QSortFilterProxyModel, Qt
from qtpy.QtGui import QColor, QKeyEvent, QResizeEvent, QShowEvent
from qtpy.QtWidgets import QAbstractItemView, QTableView

from ..._batch.records.record import Record
from ..._batch.report.report import worst_first
from ..._batch.run.run_plan import Counts
from .texts import COLOURS, counts_text, is_rejected

SORT_ROLE = Qt.ItemDataRole.UserRole
FILTER_ROLE = SORT_ROLE + 1
_UNSURE = "unsure"
_ROWS_SHOWN = 6
_CELL_MARGIN, _ROW_MARGIN = 18, 16
# Characters.
_LEAST_OF_A_NAME = 18
# Of the ends that all names have in common, no more are shown.
_KEPT = 6
_SEPARATORS = "_- ./"


class Column(NamedTuple):
    """A column: its title, what it means, and how a record is shown and sorted in it."""

    title: str
    meaning: str
    widest: str
    text: Callable[[Record], str]
    key: Callable[[Record], Any]


def _measured(title: str, meaning: str, widest: str, name: str, how: str) -> Column:
    """Return the column of a measured number, which is empty where there is no transform."""

    def number(record: Record) -> float:
        value = record.numbers.get(name)
        known = isinstance(value, int | float) and record.transform is not None
        return float(value) if known and value is not None else -1.0

    def text(record: Record) -> str:
        value = number(record)
        return "" if value < 0 else format(value, how)

    return Column(title, meaning, widest, text, number)


def _verdict(record: Record) -> str:
    if record.review is None:
        return record.outcome
    return f"{'rejected' if is_rejected(record) else record.outcome} ✓"


def _worst_first(record: Record) -> float:
    rank, differing, _ = worst_first(record)
    return rank * 1e12 + differing


COLUMNS = (
    Column("pair", "Its name", "", lambda r: r.name, lambda r: r.name),
    Column("verdict", "✓: a person has decided", "passed through", _verdict, _worst_first),
    _measured(
        "moved", "How far the corners were moved, in pixels", "9999.9", "corner_shift", ".1f"
    ),
    _measured(
        "differing",
        "Differing pixels after the alignment",
        "9,999,999",
        "different",
        ",.0f",
    ),
)
VERDICT = 1
_UP, _DOWN = Qt.SortOrder.AscendingOrder, Qt.SortOrder.DescendingOrder
# How many columns further a key sorts, and which way.
_SORTING: dict[int, tuple[int, Qt.SortOrder]] = {
    Qt.Key.Key_Left: (-1, _UP),
    Qt.Key.Key_Right: (1, _UP),
    Qt.Key.Key_Up: (0, _UP),
    Qt.Key.Key_Down: (0, _DOWN),
}


class PairModel(QAbstractTableModel):
    """The records of an output folder, a row each."""

    def __init__(self) -> None:
        super().__init__()
        self._records: list[Record] = []
        self._rows: dict[str, int] = {}
        # How many characters all names begin and end with.
        self._shared = (0, 0)

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        """Return how many pairs there are."""
        return 0 if parent is not None and parent.isValid() else len(self._records)

    def columnCount(self, parent: QModelIndex | None = None) -> int:
        """Return how many columns there are."""
        return 0 if parent is not None and parent.isValid() else len(COLUMNS)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return what a cell shows."""
        record, column = self._records[index.row()], COLUMNS[index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            text = column.text(record)
            return self._told_apart(text) if index.column() == 0 else text
        if role == SORT_ROLE:
            return column.key(record)
        if role == FILTER_ROLE:
            return _UNSURE if record.needs_review and not is_rejected(record) else ""
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{record.name}: {record.reason}"
        if role == Qt.ItemDataRole.ForegroundRole and index.column() == VERDICT:
            return QColor(COLOURS[record.outcome])
        if role == Qt.ItemDataRole.TextAlignmentRole and index.column() > VERDICT:
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        return None

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Return the title of a column, or what it means."""
        if orientation == Qt.Orientation.Horizontal:
            if role == Qt.ItemDataRole.DisplayRole:
                return COLUMNS[section].title
            if role == Qt.ItemDataRole.ToolTipRole:
                return COLUMNS[section].meaning
        return None

    @property
    def counts(self) -> Counts:
        """How many pairs came to what."""
        return reduce(Counts.plus, (record.outcome for record in self._records), Counts())

    @property
    def counts_in_words(self) -> str:
        """How many pairs came to what, in words."""
        return counts_text(self.counts, sum(map(is_rejected, self._records)))

    def clear(self) -> None:
        """Take all rows away."""
        self.beginResetModel()
        self._records, self._rows, self._shared = [], {}, (0, 0)
        self.endResetModel()

    def put(self, records: Iterable[Record]) -> None:
        """Add records, or renew those of pairs that are there."""
        fresh = []
        for record in records:
            row = self._rows.get(record.name)
            if row is None:
                fresh.append(record)
                continue
            self._records[row] = record
            self.dataChanged.emit(self.index(row, 0), self.index(row, len(COLUMNS) - 1))
        if not fresh:
            return
        first = len(self._records)
        self.beginInsertRows(QModelIndex(), first, first + len(fresh) - 1)
        self._records += fresh
        self._rows.update({record.name: first + at for at, record in enumerate(fresh)})
        self._shared = shared_ends(list(self._rows))
        self.endInsertRows()

    def record(self, row: int) -> Record:
        """Return the record of a row."""
        return self._records[row]

    def _told_apart(self, name: str) -> str:
        """Return a name without what all have in common, if that is long."""
        begin, end = self._shared
        middle = name[begin : len(name) - end]
        before, after = name[:begin], name[len(name) - end :]
        short = [part if len(part) <= _KEPT else "…" for part in (before, after)]
        return f"{short[0]}{middle}{short[1]}"

    def __contains__(self, name: str) -> bool:
        return name in self._rows


def shared_ends(names: Sequence[str]) -> tuple[int, int]:
    """Return how many characters, up to a separator, all of several names begin and end with."""
    if len(names) < 2:
        return 0, 0
    begin = _common(names)
    begin = begin[: 1 + max(map(begin.rfind, _SEPARATORS))]
    end = _common([name[len(begin) :][::-1] for name in names])
    return len(begin), 1 + max(map(end.rfind, _SEPARATORS))


def _common(names: Sequence[str]) -> str:
    """Return what all names begin with: as the first and the last of them do."""
    first, last = min(names), max(names)
    alike = takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False))
    return "".join(letter for letter, _ in alike)


class PairTable(QTableView):
    """The table; `model` holds the records."""

    def __init__(self, on_choice: Callable[[Record], object]) -> None:
        super().__init__()
        self.pairs = PairModel()
        self._order = QSortFilterProxyModel()
        self._order.setSourceModel(self.pairs)
        self._order.setSortRole(SORT_ROLE)
        self._order.setFilterRole(FILTER_ROLE)
        self._on_choice = on_choice
        self.setAccessibleName("pairs")
        self.setAccessibleDescription(
            "The pairs of the dataset, those to look at first. Alt+Left and Alt+Right sort by "
            "another column, Alt+Up and Alt+Down one way or the other"
        )
        self.setModel(self._order)
        # Tab goes on through the form, not through every cell.
        self.setTabKeyNavigation(False)
        self.setSortingEnabled(True)
        self.sortByColumn(VERDICT, Qt.SortOrder.AscendingOrder)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setWordWrap(False)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        header, side, selection = (
            self.horizontalHeader(),
            self.verticalHeader(),
            self.selectionModel(),
        )
        assert header is not None and side is not None and selection is not None
        side.hide()
        header.setMinimumSectionSize(1)
        selection.currentRowChanged.connect(self._choose)
        self._order.rowsInserted.connect(lambda *_: self._fit_names())

    def show_only_unsure(self, wanted: bool) -> None:
        """Leave out the pairs that nobody needs to look at."""
        self._order.setFilterFixedString(_UNSURE if wanted else "")

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Sort by another column, or the other way round, as a click on a title does."""
        alt = event is not None and event.modifiers() == Qt.KeyboardModifier.AltModifier
        if event is None or not alt or event.key() not in _SORTING:
            super().keyPressEvent(event)
            return
        step, order = _SORTING[event.key()]
        column = (self._order.sortColumn() + step) % len(COLUMNS)
        self.sortByColumn(column, order)

    def showEvent(self, event: QShowEvent | None) -> None:
        """Give rows and columns their sizes, once napari has dressed the table in its font."""
        super().showEvent(event)
        self._fit_cells()

    def changeEvent(self, event: QEvent | None) -> None:
        """Give them other sizes for another font."""
        super().changeEvent(event)
        if event is not None and event.type() == QEvent.Type.FontChange:
            self._fit_cells()

    def _fit_cells(self) -> None:
        side = self.verticalHeader()
        assert side is not None
        side.setDefaultSectionSize(self.fontMetrics().height() + _ROW_MARGIN)
        self.setMinimumHeight((_ROWS_SHOWN + 1) * side.defaultSectionSize())
        for number, column in enumerate(COLUMNS):
            width = max(map(self.fontMetrics().horizontalAdvance, (column.title, column.widest)))
            self.setColumnWidth(number, width + _CELL_MARGIN)
        self._fit_names()

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Let the names have the room that is left, or what they need to be told apart."""
        super().resizeEvent(event)
        self._fit_names()

    def sizeHint(self) -> QSize:
        """Ask for no more height than a few rows need: what is left comes by itself."""
        return QSize(super().sizeHint().width(), self.minimumHeight())

    def _fit_names(self) -> None:
        header, view = self.horizontalHeader(), self.viewport()
        assert header is not None and view is not None
        left = view.width() - sum(map(self.columnWidth, range(1, len(COLUMNS))))
        least = self.fontMetrics().averageCharWidth() * _LEAST_OF_A_NAME
        if self._order.rowCount():
            # Short names leave the room to the verdicts.
            least = min(least, self.sizeHintForColumn(0))
        header.resizeSection(0, max(left, least))

    def _choose(self, current: QModelIndex, _: QModelIndex) -> None:
        if current.isValid():
            self._on_choice(self.pairs.record(self._order.mapToSource(current).row()))
