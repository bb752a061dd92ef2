"""``ecc-align points``."""

from __future__ import annotations

import argparse
import csv
import io
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .._align.volume.transform import load_of_either
from .._common.atomic import write_atomically
from .._common.errors import InputError
from .._common.memory import whole_file
from .._common.opening import opened
from .._transform.transform import Transform
from .console import pour, tell
from .outputs import all_or_none, check_outputs, check_parent

STREAM = Path("-")
# Ours, and those of napari's own tables of points.
_NAMES = {
    2: (("x", "y"), ("axis-1", "axis-0")),
    3: (("x", "y", "z"), ("axis-2", "axis-1", "axis-0")),
}


def run_points(chosen: argparse.Namespace) -> int:
    """Map the points of a table through a transform; return the exit code."""
    to_file = chosen.out is not None and chosen.out != STREAM
    if to_file:
        inputs = [path for path in (chosen.transform, chosen.points) if path != STREAM]
        check_parent(chosen.out)
        check_outputs([chosen.out], inputs, overwrite=chosen.overwrite)
    transform = load_of_either(chosen.transform)
    axes = 2 if isinstance(transform, Transform) else 3
    name, text = _read(chosen.points)
    delimiter = next((mark for mark in "\t;" if mark in text.partition("\n")[0]), ",")
    header, *rows = csv.reader(io.StringIO(text), delimiter=delimiter) if text.strip() else [[]]
    columns = _columns(header, name, axes)
    points = np.array(
        [
            _point(row, columns, f"{name}, line {line}")
            for line, row in enumerate(rows, start=2)
            if row
        ]
    ).reshape(-1, axes)
    mapped = (transform.to_reference if chosen.to_reference else transform.to_moving)(points)
    result = _written(header, [row for row in rows if row], columns, mapped, delimiter)
    if to_file:
        with all_or_none([chosen.out], overwrite=chosen.overwrite) as (staged,):
            write_atomically(staged, result.encode())
        tell(chosen, f"Written to {chosen.out}")
    else:
        pour(result.removesuffix("\n"))
    return 0


def _read(path: Path) -> tuple[str, str]:
    """Return what to call a table, and its text."""
    try:
        if path == STREAM:
            return "standard input", "" if sys.stdin is None else sys.stdin.read()
        with opened(path, "a table of points") as file:
            return str(path), whole_file(file, path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is no text; give a table of points as CSV") from error


def _columns(header: list[str], name: str, axes: int) -> tuple[int, ...]:
    """Return which columns hold x and y, and z of volumes."""
    names = [each.strip().lower() for each in header]
    for wanted in _NAMES[axes]:
        if all(names.count(each) == 1 for each in wanted) and f"axis-{axes}" not in names:
            return tuple(map(names.index, wanted))
    whose = "one is x and one y" if axes == 2 else "one is x, one y and one z"
    raise InputError(f"{name} must begin with a line of names, of which {whose}")


def _point(row: list[str], columns: tuple[int, ...], where: str) -> list[float]:
    try:
        return [float(row[column]) for column in columns]
    except (ValueError, IndexError) as error:
        called = "x and y" if len(columns) == 2 else "x, y and z"
        raise InputError(f"{where}: {called} must be numbers") from error


def _written(
    header: list[str],
    rows: list[list[str]],
    columns: tuple[int, ...],
    points: NDArray[np.float64],
    delimiter: str,
) -> str:
    """Return the table with other points, and all else as it was."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    writer.writerow(header)
    for row, point in zip(rows, points.tolist(), strict=True):
        cells = row.copy()
        for column, value in zip(columns, point, strict=True):
            cells[column] = repr(value)
        writer.writerow(cells)
    return text.getvalue()
