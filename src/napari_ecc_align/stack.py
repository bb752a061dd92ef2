"""Align every frame of a stack, with one transform per frame and no drift."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .alignment import align, align_steps
from .arguments import DEFAULT_PRECISION, Engine
from .errors import InputError
from .pixels import as_array, to_gray
from .pixels import check_shape as check_array
from .progress import Progress
from .result import AlignmentResult
from .sources import LazyArray, is_lazy
from .transform import MotionModel, Transform
from .warping import overlap, warp

To = Literal["first", "previous", "mean"]
_TRUSTED = ("failed", "doubtful", "aligned")

Frames = ArrayLike | LazyArray | Sequence[ArrayLike | LazyArray]
Steps = Generator[Progress, None, AlignmentResult]
AllSteps = Generator[Progress, None, list[AlignmentResult]]


@dataclass(frozen=True)
class FrameProgress(Progress):
    """The progress of a whole stack, told when a frame is done.

    Attributes
    ----------
    result : AlignmentResult or None
        Of the frame that is done.
    """

    result: AlignmentResult | None = None


@dataclass(frozen=True)
class _Options:
    """What every alignment of a stack has in common."""

    model: MotionModel
    engine: Engine
    precision: float
    reference_mask: Any = None
    cancel: Callable[[], bool] | None = None


def align_stack(
    frames: ArrayLike | LazyArray | Sequence[ArrayLike | LazyArray],
    *,
    to: To | int = "first",
    model: MotionModel = "affine",
    engine: Engine = "pyramid",
    precision: float = DEFAULT_PRECISION,
    progress: Callable[[Progress], object] | None = None,
    cancel: Callable[[], bool] | None = None,
) -> list[AlignmentResult]:
    """Find one transform per frame that lays the frames of a stack on each other.

    Parameters
    ----------
    frames : array_like, shape (n, h, w) or (n, h, w, 3 or 4), or a sequence of images
        At least two frames; the images of a sequence may differ in size. Of what is lazy, a frame
        is read when its turn comes.
    to : {"first", "previous", "mean"} or int, default: "first"
        What a frame is aligned to: the first frame, or the one of that index (negative ones count
        from the end); the frame before it, for stacks that change along the way; or the mean of
        all frames, aligned to the first in a first pass, for stacks whose frames are noisy.
        Transforms of "previous" are composed, and then corrected against the first frame wherever
        that still aligns, so that small errors do not add up.
    model, engine, precision
        As in `align`.
    progress : callable, optional
        Called with a `Progress` after every frame.
    cancel : callable, optional
        Asked often; when it returns True the frames that are left are "failed" and `cancelled`.

    Returns
    -------
    list of AlignmentResult
        One per frame. Each transform maps pixels of the first frame (of the frame `to` if that is
        an index, of the mean, which lies on the first) to the pixels of its frame.

    Raises
    ------
    InputError
        If an argument cannot be used; the message names it.
    """
    steps = _steps(frames, None, to, None, _Options(model, engine, precision, None, cancel))
    while True:
        try:
            step = next(steps)
        except StopIteration as stop:
            results: list[AlignmentResult] = stop.value
            return results
        if progress is not None and isinstance(step, FrameProgress):
            progress(step)


def stack_steps(
    frames: Frames,
    *,
    reference: ArrayLike | LazyArray | None = None,
    references: Frames | None = None,
    to: To | int = "first",
    model: MotionModel = "affine",
    engine: Engine = "pyramid",
    precision: float = DEFAULT_PRECISION,
    initial: Transform | None = None,
    reference_mask: ArrayLike | LazyArray | None = None,
) -> AllSteps:
    """Align a stack as `align_stack` does, or to other images, one step at a time.

    For callers with a loop of their own, such as a worker thread. Arguments are checked at once,
    not at the first step.

    Parameters
    ----------
    frames, to, model, engine, precision
        As in `align_stack`.
    reference : array_like, shape (h, w) or (h, w, 3 or 4), optional
        Align every frame to this image instead; `to` is then not used.
    references : array_like, shape (n, h, w) or (n, h, w, 3 or 4), or a sequence, optional
        Align each frame to the one of this stack that has its number instead.
    initial : Transform, optional
        Where to start first, with `reference` or `references`.
    reference_mask : array_like, shape (h, w), optional
        Pixels of whatever a frame is aligned to that count.

    Returns
    -------
    generator
        Yields a `Progress` after every step, a `FrameProgress` after every frame, and returns one
        `AlignmentResult` per frame. Closing it cancels the alignment.
    """
    others = [reference] if reference is not None else references
    options = _Options(model, engine, precision, reference_mask)
    return _steps(frames, others, to, initial, options)


class _Stack:
    """Frames that are read when they are asked for."""

    def __init__(self, frames: Any, name: str, least: int) -> None:
        try:
            count = len(frames)
        except TypeError as error:
            raise InputError(f"{name} must be a stack or a sequence of images") from error
        if count < least:
            raise InputError(f"{name} must be at least two images, not {count}")
        self._frames, self._name, self._count = frames, name, count
        for index in range(count):
            frame = frames[index]
            if is_lazy(frame):
                check_array(tuple(frame.shape), frame.dtype, f"{name}[{index}]")
            else:
                as_array(frame, f"{name}[{index}]")

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> NDArray[Any]:
        return as_array(self._frames[index], f"{self._name}[{index}]")


def _steps(
    frames: Any, references: Any, to: To | int, initial: Transform | None, options: _Options
) -> AllSteps:
    images = _Stack(frames, "frames", 2 if references is None else 1)
    if references is not None:
        others = _Stack(references, "references", 1)
        if len(others) not in (1, len(images)):
            raise InputError(
                f"references must be as many images as there are frames, {len(images)}, "
                f"not {len(others)}"
            )
        return _to_others(others, images, initial, options)
    anchor = _anchor(to, len(images))
    if to == "previous":
        return _chained(images, options)
    if to == "mean":
        return _to_mean(images, options)
    return _all_to(images[anchor], images, None, options, anchor=anchor)


def _to_others(
    others: _Stack, images: _Stack, initial: Transform | None, options: _Options
) -> AllSteps:
    """Align every frame to an image of its own, or all to one; begin where the last one ended."""
    results: list[AlignmentResult] = []
    last = initial
    reference = others[0]
    for index in range(len(images)):
        if len(others) > 1:
            reference = others[index]
        turn = _Turn(index, len(images))
        result = yield from _align(reference, images[index], last, options, turn)
        if result.verdict == "aligned":
            last = result.transform
        results.append(result)
        yield _told(index, len(images), result)
    return results


def _to_mean(images: _Stack, options: _Options) -> AllSteps:
    first = yield from _part(_all_to(images[0], images, None, options), 0.0)
    mean = _mean_frame(images, first)
    known = [result.transform for result in first]
    return (yield from _part(_all_to(mean, images, known, options), 0.5))


def _all_to(
    reference: NDArray[Any],
    images: _Stack,
    known: list[Transform] | None,
    options: _Options,
    anchor: int | None = None,
) -> AllSteps:
    """Align every frame to one image, starting where the frame before it was found."""
    results: list[AlignmentResult] = []
    last: Transform | None = None
    for index in range(len(images)):
        start = known[index] if known else last
        start = None if index == anchor else start
        turn = _Turn(index, len(images))
        result = yield from _align(reference, images[index], start, options, turn)
        if result.verdict == "aligned":
            last = result.transform
        results.append(result)
        yield _told(index, len(images), result)
    return results


def _chained(images: _Stack, options: _Options) -> AllSteps:
    """Align each frame to the one before it, and correct the composed transform for drift."""
    first = previous = images[0]
    results = [(yield from _align(first, first, None, options, _Turn(0, len(images))))]
    yield _told(0, len(images), results[0])
    for index in range(1, len(images)):
        before, image = results[-1], images[index]
        halves = [_Turn(index + half / 2, len(images), 0.5) for half in (0, 1)]
        step = yield from _align(previous, image, None, options, halves[0])
        composed = step.transform @ before.transform
        # What the chain rests on is as good as its worst link.
        weakest = min(step, before, key=lambda result: _TRUSTED.index(result.verdict))
        chained = replace(step, transform=composed, verdict=weakest.verdict, reason=weakest.reason)
        direct = yield from _align(first, image, composed, options, halves[1])
        results.append(direct if direct.verdict == "aligned" else chained)
        previous = image
        yield _told(index, len(images), results[-1])
    return results


@dataclass(frozen=True)
class _Turn:
    """Which part of the whole an alignment is, in frames."""

    begin: float
    count: int
    share: float = 1.0

    def of_all(self, step: Progress) -> Progress:
        """Return a step as one of the whole stack."""
        fraction = (self.begin + self.share * step.fraction) / self.count
        stage = f"frame {int(self.begin) + 1} of {self.count}: {step.stage}"
        return replace(step, fraction=fraction, stage=stage)


def _align(
    reference: NDArray[Any],
    moving: NDArray[Any],
    start: Transform | None,
    options: _Options,
    turn: _Turn,
) -> Steps:
    arguments: dict[str, Any] = {
        "model": options.model,
        "engine": options.engine,
        "precision": options.precision,
        "reference_mask": options.reference_mask,
        "initial": start,
    }
    steps = align_steps(reference, moving, **arguments)
    while True:
        try:
            step = next(steps)
        except StopIteration as stop:
            result: AlignmentResult = stop.value
            return result
        if options.cancel is not None and options.cancel():
            steps.close()
            return align(reference, moving, **arguments, cancel=lambda: True)
        yield turn.of_all(step)


def _mean_frame(images: _Stack, results: list[AlignmentResult]) -> NDArray[np.float32]:
    """Return the mean of the frames that were aligned, on the first frame; NaN where none is."""
    shape = images[0].shape[:2]
    total, count = np.zeros(shape), np.zeros(shape)
    for index, result in enumerate(results):
        if index and result.verdict != "aligned":
            continue
        image = images[index]
        sign = -1 if result.inverted else 1
        gray = sign * to_gray(image).astype(np.float32)
        inside = overlap(result.transform, output_shape=shape, moving_shape=image.shape)
        total += np.where(inside, warp(gray, result.transform, output_shape=shape), 0)
        count += inside
    with np.errstate(invalid="ignore"):
        return (total / np.where(count > 0, count, np.nan)).astype(np.float32)


def _anchor(to: object, count: int) -> int:
    if to in ("first", "previous", "mean"):
        return 0
    if isinstance(to, (int, np.integer)) and not isinstance(to, bool) and -count <= to < count:
        return int(to) % count
    raise InputError(
        f"to must be first, previous, mean, or the index of one of {count} frames, not {to!r}"
    )


def _part(steps: AllSteps, begin: float) -> AllSteps:
    """Tell the progress of one of two passes."""
    while True:
        try:
            step = next(steps)
        except StopIteration as stop:
            results: list[AlignmentResult] = stop.value
            return results
        yield replace(step, fraction=begin + step.fraction / 2)


def _told(index: int, count: int, result: AlignmentResult) -> FrameProgress:
    stage = f"frame {index + 1} of {count}: {result.verdict}"
    return FrameProgress((index + 1) / count, stage, result.transform, result)
