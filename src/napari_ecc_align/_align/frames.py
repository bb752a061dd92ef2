"""The frames of a stack as images of one plane, whatever axes the stack has."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._common.errors import InputError
from .._images.lazy_slices import LazySlices, is_sliced_by_dask
from .._images.named_axes import as_dask, has_names, named_axes, one_channel, one_plane
from .._images.pixels import refuse_paths
from .._images.sources import is_lazy
from .._images.stack_axes import Axis, role_of


class PlaneStack:
    """An array whose frames are made where they are asked for, as an array of frames.

    Parameters
    ----------
    stack, name, channel_axis, frame_axis
        As in `named_axes`.
    align_channel : int, optional
        As in `one_plane`.

    Attributes
    ----------
    called : str
        What the frames are: "frames", or the "planes" of a depth stack.
    given_ndim, frame_axis, channel_axis : int, int, int or None
        How many axes `stack` has, and which of them hold the frames and the channels.

    Raises
    ------
    InputError
        If there is not one axis left for the frames.
    """

    def __init__(
        self,
        stack: Any,
        name: str,
        channel_axis: Axis | None,
        align_channel: int | None,
        frame_axis: Axis | None = None,
    ) -> None:
        axes = named_axes(stack, name, channel_axis, frame_axis)
        known = None if frame_axis is None else axes.frames
        others = [axis for axis in axes.others if axis != known]
        long, channels = [axis for axis in others if axes.leading[axis] > 1], axes.channels
        if known is not None and channels is None and len(long) == 1:
            channels = long.pop()
        unnamed = axes.given is None and len(others) > 1
        if long if known is not None else not others or len(long) > 1 or unnamed:
            raise InputError(
                f"{name} must have one axis for the frames beside rows, columns and channels, "
                f"but its shape is {tuple(stack.shape)}; say which are which by frame_axis and "
                "channel_axis, and choose a place along any further one"
            )
        self._axis: int = (long or others)[0] if known is None else known
        self.given_ndim = len(axes.order)
        self.frame_axis = axes.order[self._axis]
        self.channel_axis = None if channels is None else axes.order[channels]
        self.called = "planes" if role_of(axes.name(self._axis)) == "planes" else "frames"
        self._pixels = as_dask(axes.pixels) if is_lazy(axes.pixels) else axes.pixels
        lazy = is_sliced_by_dask(self._pixels)
        self._slices = LazySlices(self._pixels, self._axis) if lazy else None
        self._at: list[Any] = [0] * len(axes.leading)
        if channels is not None:
            self._at[channels] = slice(None)
        self._channels, self._chosen, self._name = channels, align_channel, name
        first = self[0]
        self.shape: tuple[int, ...] = (int(axes.leading[self._axis]), *first.shape)
        self.ndim, self.dtype = len(self.shape), first.dtype

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: int) -> Any:
        at = self._at.copy()
        if self._slices is None:
            at[self._axis] = index
            plane = self._pixels[tuple(at)]
        else:
            del at[self._axis]
            plane = self._slices[index][tuple(at)]
        if self._channels is None:
            return plane
        return one_channel(plane, 0, self._chosen, self._name)


def frames_of(
    frames: Any,
    name: str,
    channel_axis: Axis | None = None,
    align_channel: int | None = None,
    frame_axis: Axis | None = None,
) -> Any:
    """Return a stack or sequence as frames of one channel or colour each.

    Parameters
    ----------
    frames : array_like, lazy array, DataArray or sequence of images
        The frames.
    name : str
        What to call them in an error.
    channel_axis, frame_axis : int or str, optional
        Which axis of an array, or of each image of a sequence, holds the channels; which axis of
        an array holds the frames.
    align_channel : int, optional
        The channel to take; their mean, if left out.
    """
    refuse_paths(frames, name)
    if isinstance(frames, (list, tuple)):
        return [
            one_plane(frame, f"{name}[{index}]", channel_axis, align_channel)
            for index, frame in enumerate(frames)
        ]
    if channel_axis is None and frame_axis is None and not has_names(frames):
        if align_channel is not None:
            raise InputError("align_channel needs channel_axis: which axis holds the channels")
        return frames
    return PlaneStack(frames, name, channel_axis, align_channel, frame_axis)


def reference_of(
    reference: Any, frames: Any, channel_axis: Axis | None, align_channel: int | None
) -> Any:
    """Return what frames are aligned to: a word or number as it is, or images as `frames_of`.

    Parameters
    ----------
    reference : str, int, array_like or sequence of images
        As given.
    frames : PlaneStack, array_like or sequence of images
        What `frames_of` has made of the frames, whose axes an array with as many has, too.
    channel_axis, align_channel
        As in `frames_of`.
    """
    if isinstance(reference, (str, int, np.integer)):
        return reference
    if isinstance(reference, (list, tuple)):
        return frames_of(reference, "reference", channel_axis, align_channel)
    axis, frame_axis = channel_axis, None
    if not has_names(reference) and isinstance(frames, PlaneStack):
        axis, frame_axis = frames.channel_axis, frames.frame_axis
        if np.ndim(reference) < frames.given_ndim:
            axis = axis and axis - (axis > frame_axis)
            frame_axis = None
    return _plane_or_frames(reference, "reference", axis, align_channel, frame_axis)


def masks_of(masks: Any, name: str) -> Any:
    """Return the masks of a stack, of which those with named axes are put in order."""
    return _plane_or_frames(masks, name)


def _plane_or_frames(
    images: Any,
    name: str,
    channel_axis: Axis | None = None,
    align_channel: int | None = None,
    frame_axis: int | None = None,
) -> Any:
    """Return one image, or a stack of them if an axis beside its channels is longer than 1."""
    if not has_names(images) and (
        np.ndim(images) < 3 or (channel_axis is None and frame_axis is None)
    ):
        return images
    axes = named_axes(images, name, channel_axis, frame_axis)
    if any(axes.leading[axis] > 1 for axis in axes.others):
        return PlaneStack(images, name, channel_axis, align_channel, frame_axis)
    return one_plane(images, name, channel_axis, align_channel)
