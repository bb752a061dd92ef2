"""Pairs from a table: a CSV or TSV file with one row a pair."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..._common.errors import InputError
from ..._common.opening import opened, printable
from .pairs import Problem

_SIBLING = "sibling"
_LARGEST_TABLE = 200_000_000


@dataclass(frozen=True)
class TableRow:
    """One pair of a table.

    Attributes
    ----------
    number : int
        The first of its lines in the file, from 1.
    cells : dict of str to str
        Every cell by the name of its column.
    siblings : dict of str to str
        The cells of the sibling columns that are not empty, by what their column calls them.
    """

    number: int
    cells: dict[str, str]
    siblings: dict[str, str]


def read_table(path: Path) -> tuple[list[TableRow], list[Problem]]:
    """Read a table of pairs, separated by commas, semicolons or tabs.

    It has the columns ``reference`` and ``moving``, and may have ``name`` and any number of
    ``sibling:NAME``. Other columns are there to choose by.

    Returns
    -------
    rows : list of TableRow
        Those that can be read.
    problems : list of Problem
        What is wrong with the others.

    Raises
    ------
    InputError
        If the file cannot be read or is no such table.
    """
    with opened(path, "a CSV or TSV"):
        if path.stat().st_size > _LARGEST_TABLE:
            raise InputError(f"{path} is too large to be a table of pairs")
        text = path.read_text(encoding="utf-8-sig", errors="surrogateescape")
    lines = text.split("\n")
    if _strange(lines[0]):
        raise InputError(f"{path} is not a text in UTF-8; save it as one")
    found = _numbered_rows(lines, max("\t;,", key=lines[0].count))
    number, head = next(found, (1, list[str]()))
    if isinstance(head, str):
        raise InputError(f"{path}, line {number}: {head}")
    columns = [name.strip() for name in head]
    _check_columns(path, columns)
    rows, problems = list[TableRow](), list[Problem]()
    for number, cells in found:
        if isinstance(cells, str):
            problems.append(problem_of_line(path, number, cells))
        else:
            rows.append(_row(number, dict(zip(columns, cells, strict=True))))
    return rows, problems


def problem_of_line(path: Path, number: int, reason: str) -> Problem:
    """Return the problem of a pair of which the line in a table is wrong."""
    return Problem(path, f"line {number}: {reason}", f"line {number} of {printable(path.name)}")


def _numbered_rows(lines: list[str], separator: str) -> Iterator[tuple[int, list[str] | str]]:
    """Yield the number of each row's first line with its cells, or with what is wrong with it.

    Behind a line that is wrong it goes on with the next: a quote that is never closed would take
    in all that follow.
    """
    at, width = 0, 0
    while at < len(lines):
        first, wrong = at, ""
        rest = (f"{lines[number]}\n" for number in range(first, len(lines)))
        reader = csv.reader(rest, delimiter=separator, strict=True)
        try:
            for cells in reader:
                if any(cells):
                    width = width or len(cells)
                    wrong = _strange("".join(cells))
                    if len(cells) != width:
                        wrong = "it has not as many cells as the first line"
                    if wrong:
                        break
                    yield at + 1, cells
                at = first + reader.line_num
        except csv.Error as error:
            wrong = f"it cannot be read as a row ({error})"
        if wrong:
            at += 1
            yield at, wrong


def _strange(text: str) -> str:
    """Return what is wrong with the characters of a text, if anything is."""
    if "\0" in text:
        return "it has a NUL character in it; correct the table"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "it is not in UTF-8; save the table as a text in UTF-8"
    return ""


def _check_columns(path: Path, columns: list[str]) -> None:
    missing = {"reference", "moving"} - set(columns)
    if missing:
        raise InputError(
            f"{path} has no column {' and no column '.join(sorted(missing))}; its first line "
            "must name the columns, such as: reference,moving,sibling:binary"
        )
    if len(set(columns)) < len(columns):
        raise InputError(f"{path} has two columns of one name")


def _row(number: int, cells: dict[str, str]) -> TableRow:
    cells = {column: text.strip() for column, text in cells.items()}
    siblings = {
        column.removeprefix(_SIBLING).lstrip(":_- ") or _SIBLING: text
        for column, text in cells.items()
        if column.startswith(_SIBLING) and text
    }
    return TableRow(number, cells, siblings)
