"""How ``ecc-align`` words a result, for people and for machines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .._common.tables import INSPECTION_KEYS, finite
from .._compare.inspection import Inspection, before_after
from .._verdict.result import AlignmentResult, Verdict

EXIT_CODES: dict[Verdict, int] = {"aligned": 0, "doubtful": 1, "failed": 1, "cancelled": 130}


def result_text(result: AlignmentResult, seen: Inspection | None, written: dict[str, Path]) -> str:
    """Return what is printed for people; with the arguments of `report`."""
    verdict = f"{result.verdict}: {result.reason}"
    if seen is None:
        return f"{verdict}\nNothing was written."
    if result.inverted and result.found:
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


def report(
    result: AlignmentResult, seen: Inspection | None, written: dict[str, Path]
) -> dict[str, Any]:
    """Return what ``--json`` prints: the same keys whatever the verdict.

    Parameters
    ----------
    result : AlignmentResult
    seen : Inspection or None
        None where the alignment failed; what was to be compared is then null.
    written : dict of str to Path
        The files written, by role.
    """
    return {
        **result.to_dict(),
        **(dict.fromkeys(INSPECTION_KEYS) if seen is None else seen.to_dict()),
        "files": {role: str(path) for role, path in written.items()},
    }


def to_json(document: dict[str, Any]) -> str:
    """Return a document as JSON, in which a number that is not finite is null."""
    return json.dumps(finite(document), indent=2, allow_nan=False)
