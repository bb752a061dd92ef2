"""The frames of a stack, one after the other, each aligned to an image or to the one before."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._common.steps import retold
from .._ecc.options import SearchOptions
from .._images.sources import Source, checked_source
from .._transform.models import MODELS
from .._transform.transform import Transform
from .._transform.transform_like import TransformLike
from .._verdict.result import VERDICTS, AlignmentResult
from .cancelling import Cancelled, cancelled_result
from .options import Job, checked_initial
from .pair import job_steps
from .progress import FrameProgress, Progress
from .read_frames import ReadFrames
from .stack_masks import StackMasks

FrameSteps = Generator[Progress, None, list[AlignmentResult]]


@dataclass(frozen=True)
class StackOptions:
    """What every alignment of a stack has in common."""

    search: SearchOptions
    reference_masks: StackMasks
    moving_masks: StackMasks
    cancel: Callable[[], bool] | None = None
    called: str = "frames"

    def prepared(self, image: NDArray[Any], index: int) -> Source:
        """Return an image that frames are aligned to, of a number, as a reference for all."""
        whole = self.search.engine == "opencv"
        return checked_source(image, self.reference_masks[index], "reference", whole=whole)


def one_by_one(
    references: Sequence[NDArray[Any]] | ReadFrames,
    images: ReadFrames,
    options: StackOptions,
    *,
    initial: TransformLike | None = None,
    starts: Sequence[Transform] = (),
    own: int | None = None,
) -> FrameSteps:
    """Align every frame to an image of its own, or all to one.

    Each starts where the frame before it was found.

    Parameters
    ----------
    references : sequence of ndarray
        One for each frame, or one for all.
    images : ReadFrames
        The frames.
    options : StackOptions
        What they have in common.
    initial : Transform, AlignmentResult or array_like, optional
        Where the first one starts.
    starts : sequence of Transform, optional
        Where each of them starts instead.
    own : int, optional
        The frame that the one reference is itself.
    """
    results: list[AlignmentResult] = []
    last = initial
    many = len(references) > 1
    reference = options.prepared(references[0], own or 0)
    for index in range(len(images)):
        if many and index:
            reference = options.prepared(references[index], index)
        if index == own:
            result = _itself(reference.shape[:2], options.search)
        else:
            start = starts[index] if starts else last
            turn = _Turn(index, len(images))
            result = yield from _align(reference, images[index], start, options, turn)
        if result.aligned:
            last = result.transform
        results.append(result)
        yield _told(index, len(images), result)
    return results


def chained_frames(images: ReadFrames, options: StackOptions) -> FrameSteps:
    """Align each frame to the one before it, and correct the composed transform for drift."""
    first = previous = options.prepared(images[0], 0)
    results = [_itself(first.shape[:2], options.search)]
    yield _told(0, len(images), results[0])
    for index in range(1, len(images)):
        before, image = results[-1], images[index]
        turn = _Turn(index, len(images), 0.0, 0.5)
        step = yield from _align(previous, image, None, options, turn)
        composed = step.transform @ before.transform
        # What the chain rests on is as good as its worst link.
        weakest = min(step, before, key=lambda result: VERDICTS.index(result.verdict))
        chained = replace(step, transform=composed, verdict=weakest.verdict, reason=weakest.reason)
        turn = _Turn(index, len(images), 0.5, 0.5)
        direct = yield from _align(first, image, composed, options, turn)
        results.append(direct if direct.aligned else chained)
        previous = options.prepared(image, index)
        yield _told(index, len(images), results[-1])
    return results


@dataclass(frozen=True)
class _Turn:
    """One alignment of the whole: of a frame to an image, perhaps as one of two for the frame."""

    index: int
    count: int
    begin: float = 0.0
    share: float = 1.0

    def of_all(self, step: Progress, called: str) -> Progress:
        """Return a step as one of the whole stack."""
        fraction = (self.index + self.begin + self.share * step.fraction) / self.count
        stage = f"{called[:-1]} {self.index + 1} of {self.count}: {step.stage}"
        return replace(step, fraction=fraction, stage=stage)


def _align(
    reference: Source,
    moving: NDArray[Any],
    start: TransformLike | None,
    options: StackOptions,
    turn: _Turn,
) -> Generator[Progress, None, AlignmentResult]:
    mask = options.moving_masks[turn.index]
    whole = options.search.engine == "opencv"
    source = checked_source(moving, mask, "moving", whole=whole)
    job = Job(reference, source, options.search, checked_initial(start))

    def told(step: Progress) -> Progress:
        if options.cancel is not None and options.cancel():
            raise Cancelled(step.transform)
        return turn.of_all(step, options.called)

    try:
        return (yield from retold(job_steps(job), told))
    except Cancelled as cancelled:
        return cancelled_result(job, cancelled.reached)


def _itself(shape: tuple[int, ...], search: SearchOptions) -> AlignmentResult:
    """Return the result of the frame that the others are aligned to, of shape (h, w)."""
    return AlignmentResult(
        Transform.identity(search.narrowest),
        "aligned",
        "The frame that the others are aligned to.",
        (shape[0], shape[1]),
        ecc=1.0,
        ecc_before=1.0,
        overlap_fraction=1.0,
        corner_uncertainty=0.0,
        covariance=np.zeros((MODELS[search.narrowest].n_parameters,) * 2),
        converged=True,
        start="identity",
        engine=search.engine,
    )


def _told(index: int, count: int, result: AlignmentResult) -> FrameProgress:
    stage = f"frame {index + 1} of {count}: {result.verdict}"
    return FrameProgress((index + 1) / count, stage, result.transform, result)
