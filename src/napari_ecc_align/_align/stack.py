"""Align every frame of a stack, with one transform per frame and no drift."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._common.errors import InputError
from .._common.steps import outcome_of, retold
from .._ecc.options import DEFAULTS, Compared, Engine, ModelChoice, SearchOptions
from .._images.coverage import overlap
from .._images.opacity import flattened
from .._images.pixels import to_gray
from .._images.sources import LazyArray
from .._images.stack_axes import Axis
from .._images.warping import warp
from .._transform.models import MODELS
from .._transform.transform import Transform
from .._transform.transform_like import TransformLike
from .._verdict.result import VERDICTS, AlignmentResult
from .frames import PlaneStack, frames_of, masks_of, reference_of
from .pair import Cancelled, cancelled_result, checked_job, job_steps
from .progress import FrameProgress, Progress
from .read_frames import ReadFrames, other_images
from .stack_masks import StackMasks
from .stack_result import StackResult

Anchor = Literal["first", "previous", "mean"]

Frames = ArrayLike | LazyArray | Sequence[ArrayLike | LazyArray]
Masks = ArrayLike | LazyArray | Sequence[ArrayLike | LazyArray | None]
StackReference = Anchor | int | Frames
Steps = Generator[Progress, None, AlignmentResult]
FrameSteps = Generator[Progress, None, list[AlignmentResult]]
AllSteps = Generator[Progress, None, StackResult]


@dataclass(frozen=True)
class _Options:
    """What every alignment of a stack has in common."""

    search: SearchOptions
    reference_masks: StackMasks
    moving_masks: StackMasks
    cancel: Callable[[], bool] | None = None
    called: str = "frames"


def align_stack(
    frames: Frames,
    *,
    reference: StackReference = "first",
    model: ModelChoice = "affine",
    engine: Engine = "pyramid",
    precision: float = DEFAULTS.precision,
    max_iterations: int = DEFAULTS.max_iterations,
    tolerance: float = DEFAULTS.tolerance,
    representation: Compared = "auto",
    mirrored: bool = False,
    initial: TransformLike | None = None,
    reference_mask: Masks | None = None,
    moving_mask: Masks | None = None,
    channel_axis: Axis | None = None,
    align_channel: int | None = None,
    frame_axis: Axis | None = None,
    progress: Callable[[Progress], object] | None = None,
    cancel: Callable[[], bool] | None = None,
) -> StackResult:
    """Find one transform per frame that lays the frames of a stack on each other.

    Parameters
    ----------
    frames : array_like, shape (n, h, w) or (n, h, w, 3 or 4), or a sequence of images
        At least two frames; the images of a sequence may differ in size. Of what is lazy (dask,
        zarr), a frame is read when its turn comes. One is enough if it is aligned to another
        image. Of an xarray DataArray "y" and "x" are the rows and columns, "c", "channel" or
        "band" the channels, and the axis that is left the frames', or the planes' of a depth
        stack: each of them is aligned in x and y only; z is not searched.
    reference : {"first", "previous", "mean"}, int, array_like or a sequence, default: "first"
        What a frame is aligned to: the first frame, or the one of that index (negative ones count
        from the end); the frame before it, for stacks that change along the way; or the mean of
        all frames, aligned to the first in a first pass, for stacks whose frames are noisy.
        Transforms of "previous" are composed, and then corrected against the first frame wherever
        that still aligns, so that small errors do not add up. An image that is none of the stack,
        shape (h, w) or (h, w, 3 or 4), for all frames; or a stack or sequence of as many images
        as there are frames, each for the frame of its number.
    model, engine, precision, max_iterations, tolerance, representation, mirrored
        As in `align`.
    initial : Transform, AlignmentResult or array_like of shape (3, 3) or (2, 3), optional
        Where to start first, if `reference` is none of the stack.
    reference_mask : array_like, shape (h, w) or (n, h, w), or a sequence of masks, optional
        Pixels that count of what a frame is aligned to: one mask for all, or one for each image
        of the stack that this is taken from (of the mean, that of the first frame).
    moving_mask : array_like, shape (h, w) or (n, h, w), or a sequence of masks, optional
        Pixels that count of a frame, when it is aligned: one mask for all, or one for each frame.
    channel_axis : int or str, optional
        The axis of an array of frames, or of each image of a sequence, that holds channels: 1 for
        (n, c, h, w), or a name. They move together: their mean is aligned, or one of them. A
        stack as `reference` has the same axes; an image has those of a frame, or no channels.
    align_channel : int, optional
        Which channel is aligned.
    frame_axis : int or str, optional
        The axis of an array that holds the frames, if it is not the first but the channels': 1
        for (c, n, h, w), whose channels are the axis that is left. That of the channels aligns
        each channel for itself, as for a chromatic shift.
    progress : callable, optional
        Called with a `Progress` after every frame.
    cancel : callable, optional
        Asked often; when it returns True the frames that are left are "cancelled".

    Returns
    -------
    StackResult
        A sequence of one `AlignmentResult` per frame. Each transform maps pixels of the first
        frame (of the frame `reference` if that is an index, of the mean, which lies on the first,
        of the image) to the pixels of its frame; that of the frame that the others are aligned to
        is exactly the identity.

    Raises
    ------
    InputError
        If an argument cannot be used; the message names it.

    Examples
    --------
    >>> import numpy as np
    >>> from skimage import data
    >>> from napari_ecc_align import align_stack
    >>> camera = data.camera()
    >>> film = np.stack([camera[100 + 2 * k : 300 + 2 * k, 100:300] for k in range(3)])
    >>> stack = align_stack(film, model="translation")
    >>> stack
    3 frames to the first: 3 aligned; x up to 0.00, y up to 4.00 px
    >>> stack[2]
    aligned: x +0.00 ± 0.01 px, y -4.00 ± 0.01, 23 of 23 tiles
    """
    planes = frames_of(frames, "frames", channel_axis, align_channel, frame_axis)
    steps = stack_steps(
        planes,
        SearchOptions(
            model, engine, precision, max_iterations, tolerance, representation, mirrored
        ),
        reference=reference_of(reference, planes, channel_axis, align_channel),
        initial=initial,
        reference_mask=masks_of(reference_mask, "reference_mask"),
        moving_mask=masks_of(moving_mask, "moving_mask"),
        cancel=cancel,
        called=planes.called if isinstance(planes, PlaneStack) else "frames",
    )

    def told(step: Progress) -> None:
        if progress is not None and isinstance(step, FrameProgress):
            progress(step)

    return outcome_of(steps, told)


def stack_steps(
    frames: Frames,
    options: SearchOptions = DEFAULTS,
    *,
    reference: StackReference = "first",
    initial: TransformLike | None = None,
    reference_mask: Masks | None = None,
    moving_mask: Masks | None = None,
    cancel: Callable[[], bool] | None = None,
    called: str = "frames",
) -> AllSteps:
    """Align a stack as `align_stack` does, one step at a time.

    For callers with a loop of their own, such as a worker thread. Arguments are checked at once,
    not at the first step. `called` is what the frames are: "frames", "planes" or "channels".

    Returns
    -------
    generator
        Yields a `Progress` after every step, a `FrameProgress` after every frame, and returns the
        `StackResult`. Closing it cancels the alignment.
    """
    itself = isinstance(reference, (str, int, np.integer))
    images = ReadFrames(frames, "frames", 2 if itself else 1)
    others = images if itself else other_images(reference, len(images))
    options_of_all = _Options(
        options,
        StackMasks(reference_mask, len(others), "reference_mask"),
        StackMasks(moving_mask, len(images), "moving_mask"),
        cancel,
        called,
    )
    if not itself:
        steps = _one_by_one(others, images, options_of_all, initial=initial)
        return _whole(steps, "image" if len(others) == 1 else "images", called)
    anchor = _anchor(reference, len(images))
    if reference == "previous":
        steps = _chained(images, options_of_all)
    elif reference == "mean":
        steps = _to_mean(images, options_of_all)
    else:
        steps = _one_by_one([images[anchor]], images, options_of_all, own=anchor)
    return _whole(steps, reference if isinstance(reference, str) else anchor, called)


def _whole(steps: FrameSteps, reference: str | int, called: str) -> AllSteps:
    """Return the results of all frames together, with what they were aligned to."""
    return StackResult(tuple((yield from steps)), reference, called=called)


def _to_mean(images: ReadFrames, options: _Options) -> FrameSteps:
    first = yield from _part(_one_by_one([images[0]], images, options, own=0), 0.0)
    mean = _mean_frame(images, first)
    known = [result.transform for result in first]
    return (yield from _part(_one_by_one([mean], images, options, starts=known), 0.5))


def _one_by_one(
    references: Sequence[NDArray[Any]] | ReadFrames,
    images: ReadFrames,
    options: _Options,
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
    options : _Options
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
    reference = references[0]
    for index in range(len(images)):
        against = index if many else own or 0
        if many and index:
            reference = references[index]
        if index == own:
            result = _itself(reference.shape[:2], options.search)
        else:
            start = starts[index] if starts else last
            turn = _Turn(index, against, len(images))
            result = yield from _align(reference, images[index], start, options, turn)
        if result.aligned:
            last = result.transform
        results.append(result)
        yield _told(index, len(images), result)
    return results


def _chained(images: ReadFrames, options: _Options) -> FrameSteps:
    """Align each frame to the one before it, and correct the composed transform for drift."""
    first = previous = images[0]
    results = [_itself(first.shape[:2], options.search)]
    yield _told(0, len(images), results[0])
    for index in range(1, len(images)):
        before, image = results[-1], images[index]
        turn = _Turn(index, index - 1, len(images), 0.0, 0.5)
        step = yield from _align(previous, image, None, options, turn)
        composed = step.transform @ before.transform
        # What the chain rests on is as good as its worst link.
        weakest = min(step, before, key=lambda result: VERDICTS.index(result.verdict))
        chained = replace(step, transform=composed, verdict=weakest.verdict, reason=weakest.reason)
        turn = _Turn(index, 0, len(images), 0.5, 0.5)
        direct = yield from _align(first, image, composed, options, turn)
        results.append(direct if direct.aligned else chained)
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

    def of_all(self, step: Progress, called: str) -> Progress:
        """Return a step as one of the whole stack."""
        fraction = (self.index + self.begin + self.share * step.fraction) / self.count
        stage = f"{called[:-1]} {self.index + 1} of {self.count}: {step.stage}"
        return replace(step, fraction=fraction, stage=stage)


def _align(
    reference: NDArray[Any],
    moving: NDArray[Any],
    start: TransformLike | None,
    options: _Options,
    turn: _Turn,
) -> Steps:
    job = checked_job(
        reference,
        moving,
        options.search,
        reference_mask=options.reference_masks[turn.against],
        moving_mask=options.moving_masks[turn.index],
        initial=start,
    )

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


def _mean_frame(images: ReadFrames, results: list[AlignmentResult]) -> NDArray[np.float32]:
    shape = images[0].shape[:2]

    def on_the_first(index: int) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        image, transform = images[index], results[index].transform
        gray = to_gray(flattened(image)).astype(np.float32)
        gray = warp(gray, transform, output_shape=shape, interpolation="linear", fill=0)
        return gray, overlap(transform, output_shape=shape, moving_shape=image.shape)

    return mean_image(results, shape, on_the_first).astype(np.float32)


def mean_image(
    results: Sequence[AlignmentResult],
    shape: tuple[int, ...],
    gray_at: Callable[[int], tuple[NDArray[Any], NDArray[np.bool_]]],
) -> NDArray[np.float64]:
    """Return the mean of the frames that were aligned, on the grid of the first one.

    Parameters
    ----------
    results : sequence of AlignmentResult
        One per frame.
    shape : tuple of int
        (height, width) of the first frame.
    gray_at : callable
        Returns, for the number of a frame, its gray values on that grid and where they hold.

    Returns
    -------
    ndarray of float64, shape ``shape``
        Negatives count with their sign turned. NaN where no frame holds data.
    """
    total, count = np.zeros(shape), np.zeros(shape)
    for index, result in enumerate(results):
        if index and not result.aligned:
            continue
        gray, inside = gray_at(index)
        total += np.where(inside, -gray if result.inverted else gray, 0)
        count += inside
    return np.asarray(total / np.where(count > 0, count, np.nan))


def _anchor(to: object, count: int) -> int:
    if to in ("first", "previous", "mean"):
        return 0
    if isinstance(to, (int, np.integer)) and not isinstance(to, bool) and -count <= to < count:
        return int(to) % count
    raise InputError(
        f"reference must be first, previous, mean, the index of one of {count} frames, "
        f"or images, not {to!r}"
    )


def _part(steps: FrameSteps, begin: float) -> FrameSteps:
    """Tell the progress of one of two passes."""
    return retold(steps, lambda step: replace(step, fraction=begin + step.fraction / 2))


def _told(index: int, count: int, result: AlignmentResult) -> FrameProgress:
    stage = f"frame {index + 1} of {count}: {result.verdict}"
    return FrameProgress((index + 1) / count, stage, result.transform, result)
