"""An alignment that its caller may end before it is done."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator

from .._common.steps import outcome_of
from .._ecc.options import SearchOptions
from .._transform.transform import Transform
from .._verdict.result import AlignmentResult
from .options import Job
from .progress import Progress

CANCELLED = "The alignment was cancelled."


def result_of(
    job: Job,
    steps: Generator[Progress, None, AlignmentResult],
    progress: Callable[[Progress], object] | None,
    cancel: Callable[[], bool] | None,
) -> AlignmentResult:
    """Return what the steps of a job lead to, telling and asking the caller after each of them."""
    began = time.perf_counter()
    reached: Transform | None = None

    def told(step: Progress) -> None:
        nonlocal reached
        reached = step.transform or reached
        if progress is not None:
            progress(step)
        if cancel is not None and cancel():
            raise Cancelled(reached)

    try:
        return outcome_of(steps, told)
    except Cancelled as cancelled:
        seconds = time.perf_counter() - began
        return cancelled_result(job.shape, job.options, cancelled.reached, seconds=seconds)


class Cancelled(Exception):
    """The caller has asked an alignment to end; `reached` is the best transform so far, if any."""

    def __init__(self, reached: Transform | None) -> None:
        super().__init__()
        self.reached = reached


def cancelled_result(
    shape: tuple[int, int],
    options: SearchOptions,
    reached: Transform | None = None,
    *,
    seconds: float = 0.0,
) -> AlignmentResult:
    """Return the result of an alignment that was cancelled, with the best transform so far."""
    return AlignmentResult(
        reached or Transform.identity(options.narrowest),
        "cancelled",
        CANCELLED,
        shape,
        engine=options.engine,
        seconds=seconds,
    )
