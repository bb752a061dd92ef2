"""A run on a stack that has ended, in words and numbers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..inspection import Row
from ..result import AlignmentResult, Verdict
from .provenance import plain, provenance
from .stack_layers import StackSnapshot
from .stack_run import StackOutcome
from .task import Task

_ORDER: tuple[Verdict, ...] = ("aligned", "doubtful", "failed")
_NAMED = 5


@dataclass(frozen=True, eq=False)
class FinishedStack:
    """What came of a stack.

    Attributes
    ----------
    task : Task
        What was asked; its moving image is the frame on show.
    stack : StackSnapshot
        The moving stack.
    frames : str
        What was to happen to the frames.
    outcome : StackOutcome
        What came of it.
    """

    task: Task
    stack: StackSnapshot
    frames: str
    outcome: StackOutcome

    @property
    def verdict(self) -> Verdict:
        """The verdict of the worst frame; "doubtful" where some frames have failed."""
        found = {result.verdict for result in self.outcome.results}
        if found == {"failed"}:
            return "failed"
        return "aligned" if found == {"aligned"} else "doubtful"

    def reason(self) -> str:
        """Return how many frames lie right, and which do not, in a sentence or two."""
        results = self.outcome.results
        counts = Counter(result.verdict for result in results)
        parts = [f"{counts[verdict]} {verdict}" for verdict in _ORDER if counts[verdict]]
        text = f"{len(results)} frame{'s' * (len(results) != 1)}: {', '.join(parts)}."
        wrong = [at for at, result in enumerate(results) if result.verdict != "aligned"]
        if not wrong:
            return text
        named = ", ".join(str(at) for at in wrong[:_NAMED]) + (", …" if wrong[_NAMED:] else "")
        one = f"Frame {named}" if len(wrong) == 1 else f"Frames {named}"
        return f"{text} {one}: {results[wrong[0]].reason}"

    def rows(self) -> list[Row]:
        """Return the table before and after."""
        good = [result for result in self.outcome.results if result.verdict != "failed"]
        drift = self.outcome.drift
        span = [f"{np.nanmax(np.abs(axis)):.2f}" for axis in (drift.x, drift.y)] if good else []
        rows = [
            Row(
                "ECC, median",
                _median([r.ecc_before for r in good]),
                _median([r.ecc for r in good]),
            ),
            Row("uncertainty, px", "", _median([r.corner_uncertainty for r in good])),
            Row("time, s", "", f"{sum(result.seconds for result in self.outcome.results):.2g}"),
        ]
        if span:
            rows.insert(1, Row("largest shift (x, y), px", "", " / ".join(span)))
        return rows

    def record(self) -> dict[str, Any]:
        """Return how the result came about, as plain values that JSON can hold."""
        task, results = self.task, self.outcome.results
        shared = provenance(
            task.reference,
            task.moving,
            vars(task.parameters),
            _worst(results),
            initial=task.initial,
            region=task.region_records(),
        )
        return {
            **shared,
            "frames": self.frames,
            "axis": self.stack.axis,
            "frame_matrices": [each.matrix.tolist() for each in self.outcome.transforms],
            "frame_verdicts": [result.verdict for result in results],
            "drift": plain(self.outcome.drift),
        }


def _worst(results: list[AlignmentResult]) -> AlignmentResult:
    return max(results, key=lambda result: _ORDER.index(result.verdict))


def _median(values: list[float]) -> str:
    return f"{np.median(values):.3g}" if values else ""
