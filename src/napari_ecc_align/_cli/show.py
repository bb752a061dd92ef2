"""How ``ecc-align`` words a result, for people and for machines."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from .._common.tables import INSPECTION_KEYS, finite
from .._compare.inspection import Inspection
from .._compare.table import before_after, smooth_rows
from .._verdict.field_result import SmoothAlignment
from .._verdict.result import AlignmentResult
from .._verdict.verdict import Verdict

_EXIT_CODES: dict[Verdict, int] = {"aligned": 0, "doubtful": 1, "failed": 1, "cancelled": 130}
_MOST_LINES = 20


def exit_code(chosen: argparse.Namespace, verdicts: Iterable[Verdict]) -> int:
    """Return the exit code of the worst verdict, where ``--accept`` may have made one good."""
    return max((_EXIT_CODES[each] for each in verdicts if each != chosen.accept), default=0)


def result_text(
    result: AlignmentResult | SmoothAlignment,
    seen: Inspection | None,
    written: Mapping[str, Path],
    notes: Sequence[str] = (),
) -> str:
    """Return what is printed for people; with the arguments of `report`, and further lines."""
    verdict = f"{result.verdict}: {result.reason}"
    if seen is None:
        return "\n".join([verdict, *notes])
    if result.inverted and result.found:
        verdict += " The moving image is a negative."
    if isinstance(result, SmoothAlignment):
        rows = smooth_rows(result, seen)
    else:
        rows = before_after(result, seen)
    cells: list[tuple[str, ...]] = [(row.label, row.after) for row in rows]
    if any(row.before for row in rows):
        cells = [("", "before", "after"), *((row.label, row.before, row.after) for row in rows)]
    return "\n".join([verdict, *notes, *table(cells), *written_text(written)])


def written_text(written: Mapping[str, Path | list[Path]]) -> list[str]:
    """Return a line for each folder that something was written to, with what it was."""
    lists = ([paths] if isinstance(paths, Path) else paths for paths in written.values())
    every = [path for paths in lists for path in paths]
    if len(every) == 1:
        return [f"Written to {every[0]}"]
    names: dict[Path, list[str]] = {}
    for path in every:
        names.setdefault(path.parent, []).append(path.name)
    return [
        f"Written to {folder}: {', '.join([*these[:_MOST_LINES], *_and_more(these)])}"
        for folder, these in names.items()
    ]


def table(cells: Sequence[Sequence[str]]) -> list[str]:
    """Return lines of texts in columns, the first to the left and the others to the right."""
    width = max(len(label) for label, *_ in cells)
    column = max(len(text) for _, *texts in cells for text in texts)
    return [
        "  ".join([f"{label:{width}}", *(f"{text:>{column}}" for text in texts)]).rstrip()
        for label, *texts in cells
    ]


def some(lines: list[str], hint: str = "") -> list[str]:
    """Return lines, of many only the first, and how many more there are."""
    return [*lines[:_MOST_LINES], *(f"  ... {more}{hint}" for more in _and_more(lines))]


def report(
    result: AlignmentResult | SmoothAlignment,
    seen: Inspection | None,
    written: Mapping[str, Path],
    notes: Sequence[str] = (),
) -> dict[str, Any]:
    """Return what ``align --json`` prints: the same keys whatever the verdict.

    Parameters
    ----------
    result : AlignmentResult
    seen : Inspection or None
        None where the alignment failed; what was to be compared is then null.
    written : dict of str to Path
        The files written, by role.
    notes : sequence of str, optional
        What the axes of the files were taken for.
    """
    return {
        **result_numbers(result),
        **(dict.fromkeys(INSPECTION_KEYS) if seen is None else seen.to_dict()),
        "notes": [*notes],
        "files": files(written),
    }


def result_numbers(result: AlignmentResult | SmoothAlignment) -> dict[str, Any]:
    """Return the flat row of a result, with the size of its reference."""
    height, width = result.shape
    return {**result.to_dict(), "width": width, "height": height}


def files(written: Mapping[str, Path | list[Path]]) -> dict[str, str | list[str]]:
    """Return what was written, by role, as JSON can hold it."""
    return {
        role: str(paths) if isinstance(paths, Path) else [*map(str, paths)]
        for role, paths in written.items()
    }


def to_json(document: Any, indent: int | None = 2) -> str:
    """Return plain values as JSON, in which a number that is not finite is null."""
    return json.dumps(finite(document), indent=indent, allow_nan=False)


def json_pieces(document: Mapping[str, Any]) -> Iterator[str]:
    """Yield the text of `to_json`, of a value that is an iterator one item at a time."""
    start = "{"
    for key, value in document.items():
        yield f"{start}\n  {json.dumps(key)}: "
        start = ","
        if not isinstance(value, Iterator):
            yield _further_in(value, 1)
            continue
        item_start = "["
        for item in value:
            yield f"{item_start}\n    {_further_in(item, 2)}"
            item_start = ","
        yield "\n  ]" if item_start == "," else "[]"
    yield "\n}"


def _further_in(value: Any, depth: int) -> str:
    """Return a value as JSON, so many steps further in; no text of JSON breaks a line."""
    return to_json(value).replace("\n", "\n" + "  " * depth)


def _and_more(items: Sequence[str]) -> list[str]:
    return [f"and {len(items) - _MOST_LINES} more"] if len(items) > _MOST_LINES else []
