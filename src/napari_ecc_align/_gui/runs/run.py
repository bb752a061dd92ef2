"""What runs in a worker thread: arrays in, an outcome out, never a layer in between.

An exception in a worker thread can take the whole process with it, so none leaves here.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..._align.pair import align_steps
from ..._align.progress import Progress
from ..._compare.inspection import Inspection, inspection_steps
from ..._compare.views import checkerboard, overlay
from ..._ecc.options import SearchOptions
from ..._images.sources import is_lazy, is_multiscale
from ..._images.warping import Resampling, overlap
from ..._transform.transform import Transform
from ..._verdict.result import AlignmentResult
from ..shared.refusal import Refusal, refusing
from .task import Task

Step = TypeVar("Step")
Result = TypeVar("Result")

_INTERVAL = 0.03
# Of a lazy image no more than this is computed whole, as a comparison needs it.
_MOST_PIXELS = 2**27


@dataclass(frozen=True, eq=False)
class Outcome:
    """How a run ended: with a result and, unless it failed, what there is to look at."""

    result: AlignmentResult
    inspection: Inspection | None


def run_steps(task: Task) -> Generator[Progress, None, Outcome | Refusal]:
    """Align and inspect, yielding progress often enough to cancel and rarely enough to draw."""
    return (yield from refusing(lambda: _steps(task)))


def inspect_steps(task: Task, transform: Transform) -> Generator[str, None, Inspection | Refusal]:
    """Compare two images as they lie, with another threshold or difference than before."""

    def steps() -> Generator[str, None, Inspection]:
        yield "comparing"
        reference, moving = task.reference.data, task.moving.data
        return (yield from _inspected(task, reference, moving, transform, task.masks()))

    return (yield from refusing(steps))


def view_steps(
    task: Task, transform: Transform, aligned: Any, view: str
) -> Generator[None, None, NDArray[Any] | Refusal]:
    """Draw a picture of two aligned images, whole: "overlay" or "checkerboard"."""

    def steps() -> Generator[None, None, NDArray[Any]]:
        yield
        draw = overlay if view == "overlay" else checkerboard
        reference = np.asarray(task.reference.data)
        inside = overlap(
            transform, output_shape=reference.shape, moving_shape=task.moving.data.shape
        )
        return draw(reference, aligned, mask=inside)

    return (yield from refusing(steps))


def _steps(task: Task) -> Generator[Progress, None, Outcome]:
    yield Progress(0.0, "reading the layers")
    reference, moving = task.reference.source, task.moving.source
    fixed, other = _in_memory(reference), _in_memory(moving)
    masks = task.masks()
    steps = align_steps(
        reference if fixed is None else fixed,
        moving if other is None else other,
        SearchOptions(**task.parameters.of_align()),
        initial=task.initial,
        **masks,
    )
    result = yield from _seldom(steps)
    if result.verdict == "failed":
        return Outcome(result, None)
    if fixed is None or other is None:
        reason = f"{result.reason} The images are too large to be compared here."
        return Outcome(replace(result, reason=reason), None)
    steps_of_looking = _inspected(task, fixed, other, result.transform, masks)
    while True:
        yield Progress(1.0, "comparing", result.transform)
        try:
            next(steps_of_looking)
        except StopIteration as stop:
            return Outcome(result, stop.value)


def _inspected(
    task: Task, reference: Any, moving: Any, transform: Transform, masks: dict[str, Any]
) -> Generator[str, None, Inspection]:
    return inspection_steps(
        np.asarray(reference),
        np.asarray(moving),
        transform,
        thresholding=task.parameters.thresholding,
        mode=task.parameters.difference,
        resampling=Resampling(task.parameters.interpolation),
        **masks,
    )


def _in_memory(image: Any) -> NDArray[Any] | None:
    """Return an image's full resolution, or None if it is not in memory and had better not be."""
    finest = image[0] if is_multiscale(image) else image
    if is_lazy(finest) and finest.shape[0] * finest.shape[1] > _MOST_PIXELS:
        return None
    return np.asarray(finest)


def _seldom(
    steps: Generator[Progress, None, AlignmentResult],
) -> Generator[Progress, None, AlignmentResult]:
    last = 0.0
    while True:
        try:
            step = next(steps)
        except StopIteration as stop:
            result: AlignmentResult = stop.value
            return result
        if time.perf_counter() - last >= _INTERVAL:
            yield step
            last = time.perf_counter()
