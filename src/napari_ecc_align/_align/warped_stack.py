"""Resample every frame of a stack through a transform of its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .._common.errors import InputError
from .._images.filling import Fill
from .._images.interpolation import Interpolation
from .._images.kinds import kind_of
from .._images.lazy_warping import lazy_warp
from .._images.named_axes import NamedAxes, as_dask
from .._images.pixels import as_array, refuse_paths
from .._images.sources import LazyArray, is_lazy
from .._images.stack_axes import Axis
from .._images.warping import channel_fill, checked_axes, fitting, target_grid, warp
from .._transform.field import Field
from .._transform.transform import Transform
from .._transform.transform_like import FieldLike, TransformLike, as_map
from .smooth_stack import SmoothStack
from .stack import Frames
from .stack_result import StackResult


def warp_stack(
    frames: Frames,
    transforms: StackResult | SmoothStack | Sequence[TransformLike | FieldLike],
    *,
    like: ArrayLike | LazyArray | None = None,
    output_shape: Sequence[int] | None = None,
    interpolation: Interpolation | None = None,
    fill: Fill = "background",
    channel_axis: Axis | None = None,
    frame_axis: Axis | None = None,
) -> Any:
    """Resample every frame of a stack on the grid of what it was aligned to.

    Parameters
    ----------
    frames : array_like, lazy array or DataArray, shape (n, h, w) or (n, h, w, 3 or 4)
        The frames, or a sequence of images. Further axes of a DataArray, such as depth, and the
        channels are resampled along with the frame that they belong to; "t" or "time" are its
        frames, or else "z" or "depth", or else its first axis.
    transforms : StackResult, SmoothStack, or sequence of Transform, Field or array_like (3, 3)
        One per frame. Of what `align_stack` returns these are the `filled_transforms`: a frame
        that has failed takes that of the nearest frame that has not.
    like, output_shape
        As in `warp`; if both are left out, the grid of what a `StackResult` was aligned to, or
        of the first frame.
    interpolation, fill
        As in `warp`; what fits the images is told from the first frame that is not blank.
    channel_axis, frame_axis : int or str, optional
        The axis of an array of frames, or of each image of a sequence, that holds channels; the
        axis of an array that holds the frames, as in `align_stack`.

    Returns
    -------
    ndarray, dask array or DataArray, of as many axes as `frames`, with (height, width) for (h, w)
        A dask array if the frames are lazy: each is read, a window at a time, when its part of
        the result is.

    Raises
    ------
    InputError
        If an argument cannot be used; the message names it.

    Examples
    --------
    >>> import numpy as np
    >>> from skimage import data
    >>> from napari_ecc_align import align_stack, warp_stack
    >>> camera = data.camera()
    >>> film = np.stack([camera[100 + 2 * k : 300 + 2 * k, 100:300] for k in range(3)])
    >>> steady = warp_stack(film, align_stack(film, model="translation"))
    >>> steady.shape, int(np.ptp(steady[:, 50, 50]))
    ((3, 200, 200), 0)
    """
    axes = _frame_axes(frames, channel_axis, frame_axis)
    number = axes.others[0] if axes.frames is None else axes.frames
    steps = _one_each(transforms, axes.leading[number])
    if like is None and output_shape is None and isinstance(transforms, StackResult | SmoothStack):
        output_shape = transforms.shape
    shape, target = target_grid(axes, like, output_shape, channel_axis)
    ways: dict[tuple[int, ...], tuple[Interpolation | None, Fill]] = {}
    warped = []
    for index in np.ndindex(axes.leading):
        place = index[:number] + index[number + 1 :]
        if place not in ways:
            along = (
                axes.pixels[(*place[:number], frame, *place[number:])]
                for frame in range(axes.leading[number])
            )
            ways[place] = _way(along, interpolation, channel_fill(fill, axes, index))
        way, value = ways[place]
        plane, step = axes.pixels[index], steps[index[number]]
        resample: Any = lazy_warp if is_lazy(plane) else warp
        warped.append(resample(plane, step, output_shape=shape, interpolation=way, fill=value))
    if is_lazy(warped[0]):
        import dask.array as da

        whole = da.stack(warped)
    else:
        whole = np.stack(warped)
    return axes.restored(whole.reshape(*axes.leading, *whole.shape[1:]), target)


class _Images:
    """Images of one shape that are no array, indexed as if they were."""

    def __init__(self, images: Sequence[NamedAxes]) -> None:
        self._images = images
        self.shape = (len(images), *images[0].pixels.shape)
        self.ndim = len(self.shape)

    def __getitem__(self, index: tuple[int, ...]) -> Any:
        pixels = self._images[index[0]].pixels
        return pixels[index[1:]] if index[1:] else pixels


def _frame_axes(frames: Any, channel_axis: Axis | None, frame_axis: Axis | None) -> NamedAxes:
    """Return the axes of a stack or sequence; of a sequence, its own is the first."""
    refuse_paths(frames, "frames")
    if not isinstance(frames, (list, tuple)):
        # Beside the frames, what no name tells of is the channels'.
        spare = 1 + (frame_axis is not None and channel_axis is None)
        axes = checked_axes(frames, "frames", channel_axis, frame_axis, spare)
        if not axes.others:
            raise InputError(f"frames must be a stack of images, not of shape {axes.plane}")
        return replace(axes, pixels=as_dask(axes.pixels)) if is_lazy(axes.pixels) else axes
    images = [
        checked_axes(frame, f"frames[{index}]", channel_axis) for index, frame in enumerate(frames)
    ]
    if not images:
        raise InputError("frames must be at least one image, not 0")
    first = images[0]
    for index, image in enumerate(images):
        if (image.leading, image.order) != (first.leading, first.order):
            raise InputError(f"frames[{index}] must have the axes and channels of frames[0]")
    order = (0, *(1 + axis for axis in first.order))
    channels = None if first.channels is None else 1 + first.channels
    return NamedAxes(_Images(images), order, channels, first.colour, None)


def _one_each(
    transforms: StackResult | SmoothStack | Sequence[TransformLike | FieldLike], count: int
) -> Sequence[Transform | Field]:
    """Return one transform for each frame, or raise `InputError`."""
    try:
        given: list[Any] = list(transforms)
    except TypeError as error:
        raise InputError("transforms must be a sequence of them, one per frame") from error
    if len(given) != count:
        raise InputError(f"transforms must be one for each of {count} frames, not {len(given)}")
    if isinstance(transforms, StackResult | SmoothStack):
        return transforms.filled_transforms
    return [as_map(one, f"transforms[{index}]") for index, one in enumerate(given)]


def _way(
    planes: Iterable[Any], interpolation: Interpolation | None, fill: Fill
) -> tuple[Interpolation | None, Fill]:
    """Return how all frames are resampled, as it fits the first one that is not blank."""
    if interpolation is not None:
        return interpolation, fill
    for plane in planes:
        kind = kind_of(plane if is_lazy(plane) else as_array(plane, "frames"))
        if kind == "blank":
            continue
        # `warp` decides by itself, frame by frame; a lazy frame is not read whole for that.
        if kind == "two values" and not is_lazy(plane):
            return None, fill
        return fitting(kind, None, fill)
    return "linear", fill
