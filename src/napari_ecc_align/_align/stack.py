"""Align every frame of a stack, with one transform per frame and no drift."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Literal, overload

import numpy as np
from numpy.typing import ArrayLike

from .._common.steps import outcome_of
from .._ecc.options import DEFAULTS, Compared, Engine, ModelChoice, SearchOptions
from .._images.sources import LazyArray
from .._images.stack_axes import Axis
from .._transform.transform_like import TransformLike
from .._verdict.field_result import SmoothAlignment
from .._verdict.result import AlignmentResult
from .frame_by_frame import FrameSteps, Series
from .frame_options import Bending, StackOptions
from .frames import PlaneStack, frames_of, masks_of, reference_of
from .jumps import doubt_jumps
from .packed_results import PackedResults
from .passes import (
    ONE_PROCESS,
    Anchor,
    StackRun,
    aligned_series,
    anchor_of,
    checked_workers,
    own_steps,
)
from .progress import FrameProgress, Progress
from .read_frames import ReadFrames, other_images
from .smooth import check_stiffness
from .smooth_stack import SmoothStack, doubted_fields
from .stack_masks import StackMasks
from .stack_result import StackResult
from .still_films import doubt_still

Frames = ArrayLike | LazyArray | Sequence[ArrayLike | LazyArray]
Masks = ArrayLike | LazyArray | Sequence[ArrayLike | LazyArray | None]
StackReference = Anchor | int | Frames
# Of more frames the tiles are just counted, and results packed: one holds 0.4 KB instead of 6.
_MANY = 10_000
AllSteps = Generator[Progress, None, StackResult | SmoothStack]


@overload
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
    workers: int = 1,
    progress: Callable[[Progress], object] | None = None,
    cancel: Callable[[], bool] | None = None,
) -> StackResult: ...
@overload
def align_stack(
    frames: Frames,
    *,
    model: Literal["smooth"],
    reference: StackReference = "first",
    stiffness: float | None = None,
    precision: float = DEFAULTS.precision,
    representation: Compared = "auto",
    initial: TransformLike | None = None,
    reference_mask: Masks | None = None,
    moving_mask: Masks | None = None,
    channel_axis: Axis | None = None,
    align_channel: int | None = None,
    frame_axis: Axis | None = None,
    workers: int = 1,
    progress: Callable[[Progress], object] | None = None,
    cancel: Callable[[], bool] | None = None,
) -> SmoothStack: ...
def align_stack(
    frames: Frames,
    *,
    reference: StackReference = "first",
    model: ModelChoice | Literal["smooth"] = "affine",
    engine: Engine = "pyramid",
    precision: float = DEFAULTS.precision,
    max_iterations: int = DEFAULTS.max_iterations,
    tolerance: float = DEFAULTS.tolerance,
    representation: Compared = "auto",
    mirrored: bool = False,
    stiffness: float | None = None,
    initial: TransformLike | None = None,
    reference_mask: Masks | None = None,
    moving_mask: Masks | None = None,
    channel_axis: Axis | None = None,
    align_channel: int | None = None,
    frame_axis: Axis | None = None,
    workers: int = 1,
    progress: Callable[[Progress], object] | None = None,
    cancel: Callable[[], bool] | None = None,
) -> StackResult | SmoothStack:
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
        the frames (of more than 16, of so many that are spread evenly), aligned to the first in a
        first pass, for stacks whose frames are noisy.
        Transforms of "previous" are composed, and then corrected against the first frame wherever
        that still aligns, so that small errors do not add up. An image that is none of the stack,
        shape (h, w) or (h, w, 3 or 4), for all frames; or a stack or sequence of as many images
        as there are frames, each for the frame of its number.
    model, engine, precision, max_iterations, tolerance, representation, mirrored, stiffness
        As in `align`; with the model "smooth" each frame has a field that bends.
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
    workers : int, default: 1
        How many processes, this one among them, align the frames; the results are the same. More
        than one pay where there is work for many seconds, and not with "previous", where each
        frame waits for the one before.
    progress : callable, optional
        Called with a `Progress` after every frame.
    cancel : callable, optional
        Asked often; when it returns True the frames that are left are "cancelled".

    Returns
    -------
    StackResult, or SmoothStack with "smooth"
        A sequence of one `AlignmentResult` or `SmoothAlignment` per frame. Each transform maps
        pixels of the first frame (of the frame `reference` if that is an index, of the mean, which
        lies on the first, of the image) to the pixels of its frame; that of the frame that the
        others are aligned to
        is exactly the identity. A frame that cannot be read has "failed". Of more than 10,000
        frames the `tiles` are counted, not kept one by one, and each result is made when it is
        asked for.

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
    bends = model == "smooth"
    check_stiffness(stiffness, bending=bends)
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
        run=StackRun(
            planes.called if isinstance(planes, PlaneStack) else "frames",
            checked_workers(workers),
            cancel=cancel,
            bending=Bending(stiffness) if bends else None,
        ),
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
    run: StackRun = ONE_PROCESS,
) -> AllSteps:
    """Align a stack as `align_stack` does, one step at a time.

    For callers with a loop of their own, such as a worker thread. Arguments are checked at once,
    not at the first step.

    Returns
    -------
    generator
        Yields a `Progress` after every step, a `FrameProgress` after every frame, and returns the
        `StackResult`. Closing it cancels the alignment.
    """
    itself = isinstance(reference, (str, int, np.integer))
    images = ReadFrames(frames, "frames", 2 if itself else 1)
    others = images if itself else other_images(reference, len(images))
    options_of_all = StackOptions(
        options,
        StackMasks(reference_mask, len(others), "reference_mask"),
        StackMasks(moving_mask, len(images), "moving_mask"),
        run.cancel,
        run.called,
        run.brief or len(images) > _MANY,
        run.bending,
    )
    if not itself:
        one = len(others) == 1
        series = Series([others[0]] if one else others, images, options_of_all, initial)
        to: str | int = "image" if one else "images"
        return _whole(aligned_series(series, run), images, options_of_all, to)
    anchor = anchor_of(reference, len(images), "frames", "images")
    steps = own_steps(reference, anchor, images, options_of_all, run)
    to = reference if isinstance(reference, str) else anchor
    return _whole(steps, images, options_of_all, to)


def _whole(
    steps: FrameSteps, images: ReadFrames, options: StackOptions, reference: str | int
) -> AllSteps:
    """Return the results of all frames together, with what they were aligned to."""
    found = yield from steps
    if options.bending is not None:
        bent = tuple(one for one in found if isinstance(one, SmoothAlignment))
        if options.called == "frames":
            bent = doubted_fields(bent, images, options.moving_masks)
        return SmoothStack(bent, reference, called=options.called)
    results: Sequence[AlignmentResult] = (
        found
        if isinstance(found, PackedResults)
        else tuple(one for one in found if isinstance(one, AlignmentResult))
    )
    # Only frames follow one another in time.
    if options.called == "frames":
        results = doubt_still(doubt_jumps(results), images, options.moving_masks)
    return StackResult(results, reference, called=options.called)
