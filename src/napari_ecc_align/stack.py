"""Align every frame of a stack, with one transform per frame and no drift."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .alignment import align, align_steps
from .arguments import DEFAULT_EPSILON, DEFAULT_ITERATIONS, DEFAULT_PRECISION, Engine
from .errors import InputError
from .pixels import as_array, to_gray
from .pixels import check_shape as check_array
from .progress import Progress
from .result import AlignmentResult
from .sources import LazyArray, is_lazy
from .stack_masks import StackMasks
from .transform import MotionModel, Transform
from .warping import overlap, warp

To = Literal["first", "previous", "mean"]
_TRUSTED = ("failed", "doubtful", "aligned")

Frames = ArrayLike | LazyArray | Sequence[ArrayLike | LazyArray]
Masks = ArrayLike | LazyArray | Sequence[ArrayLike | LazyArray | None]
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

    of_align: dict[str, Any]
    reference_masks: StackMasks
    moving_masks: StackMasks
    cancel: Callable[[], bool] | None = None


def align_stack(
    frames: Frames,
    *,
    reference: ArrayLike | LazyArray | None = None,
    references: Frames | None = None,
    to: To | int = "first",
    model: MotionModel = "affine",
    engine: Engine = "pyramid",
    precision: float = DEFAULT_PRECISION,
    number_of_iterations: int = DEFAULT_ITERATIONS,
    termination_eps: float = DEFAULT_EPSILON,
    initial: Transform | ArrayLike | None = None,
    reference_mask: Masks | None = None,
    moving_mask: Masks | None = None,
    progress: Callable[[Progress], object] | None = None,
    cancel: Callable[[], bool] | None = None,
) -> list[AlignmentResult]:
    """Find one transform per frame that lays the frames of a stack on each other.

    Parameters
    ----------
    frames : array_like, shape (n, h, w) or (n, h, w, 3 or 4), or a sequence of images
        At least two frames; the images of a sequence may differ in size. Of what is lazy, a frame
        is read when its turn comes. One is enough if it is aligned to another image.
    reference : array_like, shape (h, w) or (h, w, 3 or 4), optional
        Align every frame to this image instead of one of the stack; `to` is then not used.
    references : array_like, shape (n, h, w) or (n, h, w, 3 or 4), or a sequence, optional
        Align each frame to the one of this stack that has its number instead.
    to : {"first", "previous", "mean"} or int, default: "first"
        What a frame is aligned to: the first frame, or the one of that index (negative ones count
        from the end); the frame before it, for stacks that change along the way; or the mean of
        all frames, aligned to the first in a first pass, for stacks whose frames are noisy.
        Transforms of "previous" are composed, and then corrected against the first frame wherever
        that still aligns, so that small errors do not add up.
    model, engine, precision, number_of_iterations, termination_eps
        As in `align`.
    initial : Transform or array_like of shape (3, 3) or (2, 3), optional
        Where to start first, with `reference` or `references`.
    reference_mask : array_like, shape (h, w) or (n, h, w), or a sequence of masks, optional
        Pixels that count of what a frame is aligned to: one mask for all, or one for each image
        of the stack that this is taken from (of the mean, that of the first frame).
    moving_mask : array_like, shape (h, w) or (n, h, w), or a sequence of masks, optional
        Pixels that count of a frame, when it is aligned: one mask for all, or one for each frame.
    progress : callable, optional
        Called with a `Progress` after every frame.
    cancel : callable, optional
        Asked often; when it returns True the frames that are left are "failed" and `cancelled`.

    Returns
    -------
    list of AlignmentResult
        One per frame. Each transform maps pixels of the first frame (of the frame `to` if that is
        an index, of the mean, which lies on the first, of the reference) to the pixels of its
        frame.

    Raises
    ------
    InputError
        If an argument cannot be used; the message names it.
    """
    steps = stack_steps(
        frames,
        reference=reference,
        references=references,
        to=to,
        model=model,
        engine=engine,
        precision=precision,
        number_of_iterations=number_of_iterations,
        termination_eps=termination_eps,
        initial=initial,
        reference_mask=reference_mask,
        moving_mask=moving_mask,
        cancel=cancel,
    )
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
    number_of_iterations: int = DEFAULT_ITERATIONS,
    termination_eps: float = DEFAULT_EPSILON,
    initial: Transform | ArrayLike | None = None,
    reference_mask: Masks | None = None,
    moving_mask: Masks | None = None,
    cancel: Callable[[], bool] | None = None,
) -> AllSteps:
    """Align a stack as `align_stack` does, one step at a time.

    For callers with a loop of their own, such as a worker thread. Arguments are checked at once,
    not at the first step.

    Returns
    -------
    generator
        Yields a `Progress` after every step, a `FrameProgress` after every frame, and returns one
        `AlignmentResult` per frame. Closing it cancels the alignment.
    """
    if reference is not None and references is not None:
        raise InputError("give a reference or references, not both")
    itself = reference is None and references is None
    images = _Stack(frames, "frames", 2 if itself else 1)
    others = images
    if not itself:
        given = [reference] if references is None else references
        others = _Stack(given, "reference" if references is None else "references", 1)
    of_align = {
        "model": model,
        "engine": engine,
        "precision": precision,
        "number_of_iterations": number_of_iterations,
        "termination_eps": termination_eps,
    }
    options = _Options(
        of_align,
        StackMasks(reference_mask, len(others), "reference_mask"),
        StackMasks(moving_mask, len(images), "moving_mask"),
        cancel,
    )
    if itself:
        return _to_itself(images, to, options)
    if references is not None and len(others) not in (1, len(images)):
        raise InputError(
            f"references must be as many images as there are frames, {len(images)}, "
            f"not {len(others)}"
        )
    return _to_others(others, images, initial, options)


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


def _to_itself(images: _Stack, to: To | int, options: _Options) -> AllSteps:
    anchor = _anchor(to, len(images))
    if to == "previous":
        return _chained(images, options)
    if to == "mean":
        return _to_mean(images, options)
    return _all_to(images[anchor], images, None, options, anchor)


def _to_others(
    others: _Stack, images: _Stack, initial: Transform | ArrayLike | None, options: _Options
) -> AllSteps:
    """Align every frame to an image of its own, or all to one; begin where the last one ended."""
    results: list[AlignmentResult] = []
    last = initial
    reference = others[0]
    for index in range(len(images)):
        against = index if len(others) > 1 else 0
        if against:
            reference = others[against]
        turn = _Turn(index, against, len(images))
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
    anchor: int = 0,
) -> AllSteps:
    """Align every frame to one image, starting where the frame before it was found.

    The image is the frame `anchor`, or lies on it.
    """
    results: list[AlignmentResult] = []
    last: Transform | None = None
    for index in range(len(images)):
        start = known[index] if known else (None if index == anchor else last)
        turn = _Turn(index, anchor, len(images))
        result = yield from _align(reference, images[index], start, options, turn)
        if result.verdict == "aligned":
            last = result.transform
        results.append(result)
        yield _told(index, len(images), result)
    return results


def _chained(images: _Stack, options: _Options) -> AllSteps:
    """Align each frame to the one before it, and correct the composed transform for drift."""
    first = previous = images[0]
    turn = _Turn(0, 0, len(images))
    results = [(yield from _align(first, first, None, options, turn))]
    yield _told(0, len(images), results[0])
    for index in range(1, len(images)):
        before, image = results[-1], images[index]
        turn = _Turn(index, index - 1, len(images), 0.0, 0.5)
        step = yield from _align(previous, image, None, options, turn)
        composed = step.transform @ before.transform
        # What the chain rests on is as good as its worst link.
        weakest = min(step, before, key=lambda result: _TRUSTED.index(result.verdict))
        chained = replace(step, transform=composed, verdict=weakest.verdict, reason=weakest.reason)
        turn = _Turn(index, 0, len(images), 0.5, 0.5)
        direct = yield from _align(first, image, composed, options, turn)
        results.append(direct if direct.verdict == "aligned" else chained)
        previous = image
        yield _told(index, len(images), results[-1])
    return results


@dataclass(frozen=True)
class _Turn:
    """One alignment of the whole: of a frame to an image, perhaps as one of two for the frame."""

    index: int
    against: int
    count: int
    begin: float = 0.0
    share: float = 1.0

    def of_all(self, step: Progress) -> Progress:
        """Return a step as one of the whole stack."""
        fraction = (self.index + self.begin + self.share * step.fraction) / self.count
        stage = f"frame {self.index + 1} of {self.count}: {step.stage}"
        return replace(step, fraction=fraction, stage=stage)


def _align(
    reference: NDArray[Any],
    moving: NDArray[Any],
    start: Transform | ArrayLike | None,
    options: _Options,
    turn: _Turn,
) -> Steps:
    arguments: dict[str, Any] = {
        **options.of_align,
        "reference_mask": options.reference_masks[turn.against],
        "moving_mask": options.moving_masks[turn.index],
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
