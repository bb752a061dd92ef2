"""The steps of a run for a worker thread, which loads what aligns.

That takes as long as all else that the form loads before it opens.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from ..._align.progress import Progress
from ..._compare.inspection import Inspection
from ..shared.refusal import Refusal
from .finished_run import FinishedRun
from .task import Task


def run_steps(task: Task) -> Generator[Progress, None, FinishedRun | Refusal]:
    """Align, and resample or compare, what a task says: see `steps.run_steps`."""
    from . import steps

    return (yield from steps.run_steps(task))


def inspect_steps(task: Task, transform: Any) -> Generator[str, None, Inspection | Refusal]:
    """Compare two images as they lie: see `steps.inspect_steps`."""
    from . import steps

    return (yield from steps.inspect_steps(task, transform))


def aligned_steps(run: FinishedRun, seen: Inspection) -> Generator[Progress, None, FinishedRun]:
    """Return a run with what was seen of it: see `steps.aligned_steps`."""
    from . import steps

    return (yield from steps.aligned_steps(run, seen))
