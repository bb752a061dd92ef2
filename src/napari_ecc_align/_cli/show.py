"""How ``ecc-align`` words a result, for people and for machines."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from .._compare.binary import Comparison
from .._compare.inspection import Inspection, Row
from .._verdict.result import AlignmentResult, Verdict

_SUMMARY = (
    *("verdict", "reason", "ecc", "ecc_before", "inverted", "overlap", "corner_uncertainty"),
    *("iterations", "converged", "start", "representation", "engine"),
)
_COUNTS = ("different", "fraction", "iou", "dice", "compared", "method")

EXIT_CODES: dict[Verdict, int] = {"aligned": 0, "doubtful": 1, "failed": 1}


def verdict_line(result: AlignmentResult) -> str:
    """Return the verdict and its reason in one line."""
    negative = " The moving image is a negative." if result.inverted else ""
    return f"{result.verdict}: {result.reason}{'' if result.verdict == 'failed' else negative}"


def table_lines(rows: list[Row]) -> list[str]:
    """Return the table before/after as lines of text."""
    width = max(len(row.label) for row in rows)
    column = max(len("before"), *(len(text) for row in rows for text in (row.before, row.after)))
    cells = [("", "before", "after"), *((row.label, row.before, row.after) for row in rows)]
    return [
        f"{label:{width}}  {left:>{column}}  {right:>{column}}" for label, left, right in cells
    ]


def written_line(folder: Path, paths: dict[str, Path]) -> str:
    """Return where the results are in one line."""
    return f"Written to {folder}: {', '.join(path.name for path in paths.values())}"


def summary(result: AlignmentResult) -> dict[str, Any]:
    """Return an alignment's outcome as plain values that JSON can hold."""
    return {
        **{name: getattr(result, name) for name in _SUMMARY},
        "seconds": round(result.seconds, 4),
    }


def report(
    result: AlignmentResult, inspection: Inspection | None, written: dict[str, Path]
) -> dict[str, Any]:
    """Return what ``--json`` prints: the same keys whatever the verdict.

    Parameters
    ----------
    result : AlignmentResult
    inspection : Inspection or None
        None where the alignment failed; "before", "after" and "corner_shift" are then null.
    written : dict of str to Path
        The files written, by role.
    """
    before = after = shift = None
    if inspection is not None:
        before = _counts(inspection.before, inspection.mean_difference_before)
        after = _counts(inspection.after, inspection.mean_difference)
        shift = inspection.corner_shift
    return {
        **summary(result),
        "model": result.transform.model,
        "matrix": result.transform.matrix.tolist(),
        "before": before,
        "after": after,
        "corner_shift": shift,
        "files": {role: str(path) for role, path in written.items()},
    }


def to_json(document: dict[str, Any]) -> str:
    """Return a document as JSON, in which a number that is not finite is null."""
    return json.dumps(finite(document), indent=2, allow_nan=False)


def _counts(comparison: Comparison, mean_difference: float) -> dict[str, Any]:
    counted = {name: getattr(comparison, name) for name in _COUNTS}
    return {**counted, "mean_difference": mean_difference}


def finite(value: Any) -> Any:
    """Return a document in which a number that is not finite is None."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
