"""Align every frame of a stack, with one transform per frame and no drift."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .alignment import align
from .arguments import DEFAULT_PRECISION, Engine
from .errors import InputError
from .pixels import as_array, to_gray
from .progress import Progress
from .result import AlignmentResult
from .transform import MotionModel, Transform
from .warping import overlap, warp

To = Literal["first", "previous", "mean"]
_TRUSTED = ("failed", "doubtful", "aligned")


@dataclass(frozen=True)
class _Options:
    """What every alignment of a stack has in common."""

    model: MotionModel
    engine: Engine
    precision: float
    cancel: Callable[[], bool] | None


def align_stack(
    frames: ArrayLike | Sequence[ArrayLike],
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
        At least two frames; the images of a sequence may differ in size.
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
    images = _checked_frames(frames)
    options = _Options(model, engine, precision, cancel)
    anchor = _anchor(to, len(images))
    if to == "previous":
        return _chained(images, options, progress)
    if to == "mean":
        first = _all_to(images[0], images, None, options, _part(progress, 0.0))
        mean = _mean_frame(images, first)
        known = [result.transform for result in first]
        return _all_to(mean, images, known, options, _part(progress, 0.5))
    return _all_to(images[anchor], images, None, options, progress, anchor)


def _all_to(
    reference: NDArray[Any],
    images: list[NDArray[Any]],
    known: list[Transform] | None,
    options: _Options,
    progress: Callable[[Progress], object] | None,
    anchor: int | None = None,
) -> list[AlignmentResult]:
    """Align every frame to one image, starting where the frame before it was found."""
    results: list[AlignmentResult] = []
    last: Transform | None = None
    for index, image in enumerate(images):
        start = known[index] if known else last
        same = image is reference and index == anchor
        result = _align(reference, image, None if same else start, options)
        if result.verdict == "aligned":
            last = result.transform
        results.append(result)
        _tell(progress, index, len(images), result)
    return results


def _chained(
    images: list[NDArray[Any]],
    options: _Options,
    progress: Callable[[Progress], object] | None,
) -> list[AlignmentResult]:
    """Align each frame to the one before it, and correct the composed transform for drift."""
    results = [_align(images[0], images[0], None, options)]
    for index in range(1, len(images)):
        before = results[-1]
        step = _align(images[index - 1], images[index], None, options)
        composed = step.transform @ before.transform
        # What the chain rests on is as good as its worst link.
        weakest = min(step, before, key=lambda result: _TRUSTED.index(result.verdict))
        chained = replace(step, transform=composed, verdict=weakest.verdict, reason=weakest.reason)
        direct = _align(images[0], images[index], composed, options)
        results.append(direct if direct.verdict == "aligned" else chained)
        _tell(progress, index, len(images), results[-1])
    return results


def _align(
    reference: NDArray[Any], moving: NDArray[Any], start: Transform | None, options: _Options
) -> AlignmentResult:
    return align(
        reference,
        moving,
        model=options.model,
        engine=options.engine,
        precision=options.precision,
        initial=start,
        cancel=options.cancel,
    )


def _mean_frame(images: list[NDArray[Any]], results: list[AlignmentResult]) -> NDArray[np.float32]:
    """Return the mean of the frames that were aligned, on the first frame; NaN where none is."""
    shape = images[0].shape[:2]
    total, count = np.zeros(shape), np.zeros(shape)
    for index, (image, result) in enumerate(zip(images, results, strict=True)):
        if index and result.verdict != "aligned":
            continue
        sign = -1 if result.inverted else 1
        gray = sign * to_gray(image).astype(np.float32)
        inside = overlap(result.transform, output_shape=shape, moving_shape=image.shape)
        total += np.where(inside, warp(gray, result.transform, output_shape=shape), 0)
        count += inside
    with np.errstate(invalid="ignore"):
        return (total / np.where(count > 0, count, np.nan)).astype(np.float32)


def _checked_frames(frames: ArrayLike | Sequence[ArrayLike]) -> list[NDArray[Any]]:
    try:
        count = len(frames)  # type: ignore[arg-type]
    except TypeError as error:
        raise InputError("frames must be a stack or a sequence of images") from error
    if count < 2:
        raise InputError(f"frames must be at least two images, not {count}")
    return [as_array(frames[index], f"frames[{index}]") for index in range(count)]  # type: ignore[index]


def _anchor(to: object, count: int) -> int:
    if to in ("first", "previous", "mean"):
        return 0
    if isinstance(to, (int, np.integer)) and not isinstance(to, bool) and -count <= to < count:
        return int(to) % count
    raise InputError(
        f"to must be first, previous, mean, or the index of one of {count} frames, not {to!r}"
    )


def _part(
    progress: Callable[[Progress], object] | None, begin: float
) -> Callable[[Progress], object] | None:
    """Return a callback for one of two passes."""
    if progress is None:
        return None
    return lambda step: progress(replace(step, fraction=begin + step.fraction / 2))


def _tell(
    progress: Callable[[Progress], object] | None,
    index: int,
    count: int,
    result: AlignmentResult,
) -> None:
    if progress is not None:
        stage = f"frame {index + 1} of {count}: {result.verdict}"
        progress(Progress((index + 1) / count, stage, result.transform))
