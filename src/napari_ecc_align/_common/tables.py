"""Flat tables: the one name of every number in dictionaries, JSON, CSV and records."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

PART_KEYS = ("x", "y", "rotation", "scale_x", "scale_y", "shear")
"""Of a transform, at the middle of the reference."""
UNCERTAINTY_KEYS = tuple(f"{part}_uncertainty" for part in PART_KEYS)
"""One sigma of each of them."""
MATRIX_KEYS = tuple(f"m{row}{column}" for row in range(3) for column in range(3))
"""Of a matrix, row by row."""
RESULT_KEYS = (
    *("verdict", "reason", "model", *PART_KEYS, *UNCERTAINTY_KEYS),
    *("corner_shift", "corner_uncertainty", "ecc_before", "ecc", "inverted", "overlap_fraction"),
    *("tiles", "tiles_agreeing", "iterations", "converged", "start", "representation", "engine"),
    *("seconds", *MATRIX_KEYS),
)
"""Of the result of an alignment."""
FIELD_KEYS = (
    *("verdict", "reason", "model", "x", "y", "known_share", "uncertainty", "bends"),
    *(
        "bends_up_to",
        "stiffness",
        "corner_shift",
        "ecc_before",
        "ecc",
        "inverted",
        "overlap_fraction",
    ),
    *("tiles", "tiles_agreeing", "start", "representation", "seconds", *MATRIX_KEYS),
)
"""Of the result of a smooth alignment."""
COUNT_KEYS = ("different", "fraction", "iou", "dice", "compared")
"""Of two images in black and white."""
INSPECTION_KEYS = (
    *(f"{key}{when}" for key in (*COUNT_KEYS, "mean_difference") for when in ("_before", "")),
    "method",
)
"""Of two images before and after an alignment."""

# As they begin, also in full width.
_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def finite(value: Any) -> Any:
    """Return plain values in which a number that is not finite is None, as JSON wants it."""
    if isinstance(value, Mapping):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def spreadsheet_text(value: Any) -> Any:
    """Return a text such that no spreadsheet takes it for a formula, and other values as they are.

    Such a text, and one that could be taken for what this makes of one, gets an apostrophe.
    """
    formula = isinstance(value, str) and value.lstrip("'").startswith(_FORMULAS)
    return f"'{value}" if formula else value


def csv_text(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """Return a table as CSV with a header line; what is not known is empty, no text a formula."""
    return "".join(csv_lines(columns, rows))


def csv_lines(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the lines of `csv_text`."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    yield text.getvalue()
    for row in rows:
        text.seek(0)
        text.truncate()
        writer.writerow({key: spreadsheet_text(finite(value)) for key, value in row.items()})
        yield text.getvalue()


def three_digits(value: float) -> str:
    """Return a number as people write it: 0.0123, 1.23, 123 and 12,300.

    >>> [three_digits(value) for value in (0.01234, 99.96, 999.7, 12345.6)]
    ['0.0123', '100', '1,000', '12,300']
    """
    if abs(value) >= 100:
        return f"{float(f'{value:.3g}'):,.0f}"
    return f"{value:.3g}"
