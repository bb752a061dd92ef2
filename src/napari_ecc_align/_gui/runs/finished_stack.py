"""A run on a stack that has ended, in words and numbers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..._compare.inspection import Row
from ..._transform.files import STACK_FORMATS, save_transforms
from ..._verdict.result import AlignmentResult, Verdict
from .provenance import plain, provenance
from .stack_run import StackOutcome
from .stack_script import stack_script
from .stack_task import StackTask
from .task import Task

_ORDER: tuple[Verdict, ...] = ("aligned", "doubtful", "failed")
_NAMED = 5


@dataclass(frozen=True, eq=False)
class FinishedStack:
    """What came of a stack.

    Attributes
    ----------
    job : StackTask
        What was asked.
    outcome : StackOutcome
        What came of it.
    """

    job: StackTask
    outcome: StackOutcome

    formats = STACK_FORMATS
    """The formats that `save` knows, by suffix."""

    @property
    def task(self) -> Task:
        """The two layers' planes on show, and what was chosen."""
        return self.job.task

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
            initial=self.job.initial,
            region=self.job.region_records(),
        )
        return {
            **shared,
            "frames": str(self.job.choice),
            "axis": self.job.stack.axis,
            # Where the frames follow each other in the world, along that axis.
            "frame_places": list(self.job.stack.frame_places),
            "frame_matrices": [each.matrix.tolist() for each in self.outcome.transforms],
            "frame_verdicts": [result.verdict for result in results],
            "drift": plain(self.outcome.drift),
        }

    def script(self) -> str:
        """Return a Python script that finds the same transforms."""
        return stack_script(self.job)

    def save(self, path: Path) -> None:
        """Write the transforms of all frames, in the format that the suffix names.

        Raises
        ------
        InputError
            If it cannot be written.
        """
        verdicts = [result.verdict for result in self.outcome.results]
        if not self.job.every:
            verdicts *= len(self.outcome.transforms)
        save_transforms(self.outcome.transforms, path, verdicts=verdicts)


def _worst(results: list[AlignmentResult]) -> AlignmentResult:
    return max(results, key=lambda result: _ORDER.index(result.verdict))


def _median(values: list[float]) -> str:
    return f"{np.median(values):.3g}" if values else ""
