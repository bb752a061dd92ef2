"""How ``ecc-align`` words a result, for people and for machines."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from .._compare.binary import Comparison
from .._compare.inspection import Inspection, before_after
from .._verdict.result import AlignmentResult, Verdict

_SUMMARY = (
    *("verdict", "reason", "ecc", "ecc_before", "inverted", "overlap_fraction"),
    *("corner_uncertainty", "iterations", "converged", "start", "representation", "engine"),
)
_COUNTS = ("different", "fraction", "iou", "dice", "compared", "method")

EXIT_CODES: dict[Verdict, int] = {"aligned": 0, "doubtful": 1, "failed": 1}


def result_text(result: AlignmentResult, seen: Inspection | None, written: dict[str, Path]) -> str:
    """Return what is printed for people; with the arguments of `report`."""
    verdict = f"{result.verdict}: {result.reason}"
    if seen is None:
        return f"{verdict}\nNothing was written."
    if result.inverted and result.verdict != "failed":
        verdict += " The moving image is a negative."
    rows = ((row.label, row.before, row.after) for row in before_after(result, seen))
    cells = [("", "before", "after"), *rows]
    width = max(len(label) for label, *_ in cells)
    column = max(len(text) for _, *texts in cells for text in texts)
    table = [
        f"{label:{width}}  {left:>{column}}  {right:>{column}}" for label, left, right in cells
    ]
    names = ", ".join(path.name for path in written.values())
    folder = written["transform"].parent
    return "\n".join([verdict, *table, f"Written to {folder}: {names}"])


def summary(result: AlignmentResult) -> dict[str, Any]:
    """Return an alignment's outcome as plain values that JSON can hold."""
    return {
        **{name: getattr(result, name) for name in _SUMMARY},
        "seconds": round(result.seconds, 4),
    }


def report(
    result: AlignmentResult, seen: Inspection | None, written: dict[str, Path]
) -> dict[str, Any]:
    """Return what ``--json`` prints: the same keys whatever the verdict.

    Parameters
    ----------
    result : AlignmentResult
    seen : Inspection or None
        None where the alignment failed; "before", "after" and "corner_shift" are then null.
    written : dict of str to Path
        The files written, by role.
    """
    return {
        **summary(result),
        "model": result.transform.model,
        "matrix": result.transform.matrix.tolist(),
        "before": seen and _counts(seen.before, seen.mean_difference_before),
        "after": seen and _counts(seen.after, seen.mean_difference),
        "corner_shift": seen and seen.corner_shift,
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
