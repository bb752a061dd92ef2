"""Pairs from a table: a CSV or TSV file with one row a pair."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path

from ..._common.errors import InputError
from ..._common.opening import opened

_SIBLING = "sibling"
_LARGEST_TABLE = 200_000_000


@dataclass(frozen=True)
class TableRow:
    """One pair of a table.

    Attributes
    ----------
    number : int
        The line in the file, from 1.
    cells : dict of str to str
        Every cell by the name of its column.
    siblings : dict of str to str
        The cells of the sibling columns that are not empty, by what their column calls them.
    """

    number: int
    cells: dict[str, str]
    siblings: dict[str, str]


def read_table(path: Path) -> list[TableRow]:
    """Read a table of pairs, separated by commas, semicolons or tabs.

    It has the columns ``reference`` and ``moving``, and may have ``name`` and any number of
    ``sibling:NAME``. Other columns are there to choose by.

    Raises
    ------
    InputError
        If the file cannot be read or is no such table.
    """
    try:
        with opened(path, "a CSV or TSV"):
            if path.stat().st_size > _LARGEST_TABLE:
                raise InputError(f"{path} is too large to be a table of pairs")
            text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not a text in UTF-8; save it as one") from error
    head = text.partition("\n")[0]
    separator = max("\t;,", key=head.count)
    reader = csv.DictReader(io.StringIO(text), delimiter=separator, strict=True)
    try:
        columns = [name.strip() for name in reader.fieldnames or []]
        reader.fieldnames = columns
        _check_columns(path, columns)
        return [_row(path, reader.line_num, cells) for cells in reader if any(cells.values())]
    except csv.Error as error:
        raise InputError(f"{path}, line {reader.line_num}: {error}") from error


def _check_columns(path: Path, columns: list[str]) -> None:
    missing = {"reference", "moving"} - set(columns)
    if missing:
        raise InputError(
            f"{path} has no column {' and no column '.join(sorted(missing))}; its first line "
            "must name the columns, such as: reference,moving,sibling:binary"
        )
    if len(set(columns)) < len(columns):
        raise InputError(f"{path} has two columns of one name")


def _row(path: Path, number: int, cells: dict[str, str]) -> TableRow:
    if None in cells or None in cells.values():
        raise InputError(f"{path}, line {number}: it has not as many cells as the first line")
    cells = {column: text.strip() for column, text in cells.items()}
    siblings = {
        column.removeprefix(_SIBLING).lstrip(":_- ") or _SIBLING: text
        for column, text in cells.items()
        if column.startswith(_SIBLING) and text
    }
    return TableRow(number, cells, siblings)
