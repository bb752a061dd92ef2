"""The frames of a stack as images of one plane, whatever axes the stack has."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._common.errors import InputError
from .._images.named_axes import as_dask, has_names, named_axes, one_channel, one_plane
from .._images.pixels import refuse_paths
from .._images.sources import is_lazy


class PlaneStack:
    """An array whose frames are made where they are asked for, as an array of frames.

    Parameters
    ----------
    stack, name, channel_axis
        As in `named_axes`.
    align_channel : int, optional
        As in `one_plane`.

    Raises
    ------
    InputError
        If there is not one axis left for the frames.
    """

    def __init__(
        self, stack: Any, name: str, channel_axis: int | None, align_channel: int | None
    ) -> None:
        axes = named_axes(stack, name, channel_axis)
        others = axes.others
        long = [axis for axis in others if axes.leading[axis] > 1]
        if not others or len(long) > 1 or (axes.given is None and len(others) > 1):
            raise InputError(
                f"{name} must have one axis for the frames beside rows, columns and channels, "
                f"but its shape is {tuple(stack.shape)}"
            )
        self._axis = (long or others)[0]
        self._pixels = as_dask(axes.pixels) if is_lazy(axes.pixels) else axes.pixels
        self._at: list[Any] = [0] * len(axes.leading)
        if axes.channels is not None:
            self._at[axes.channels] = slice(None)
        self._channels, self._chosen, self._name = axes.channels, align_channel, name
        first = self[0]
        self.shape: tuple[int, ...] = (int(axes.leading[self._axis]), *first.shape)
        self.ndim, self.dtype = len(self.shape), first.dtype

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: int) -> Any:
        at = self._at.copy()
        at[self._axis] = index
        plane = self._pixels[tuple(at)]
        if self._channels is None:
            return plane
        return one_channel(plane, 0, self._chosen, self._name)


def frames_of(
    frames: Any, name: str, channel_axis: int | None = None, align_channel: int | None = None
) -> Any:
    """Return a stack or sequence as frames of one channel or colour each.

    Parameters
    ----------
    frames : array_like, lazy array, DataArray or sequence of images
        The frames.
    name : str
        What to call them in an error.
    channel_axis : int, optional
        Which axis of an array, or of each image of a sequence, holds the channels.
    align_channel : int, optional
        The channel to take; their mean, if left out.
    """
    refuse_paths(frames, name)
    if isinstance(frames, (list, tuple)):
        return [
            one_plane(frame, f"{name}[{index}]", channel_axis, align_channel)
            for index, frame in enumerate(frames)
        ]
    if channel_axis is None and not has_names(frames):
        if align_channel is not None:
            raise InputError("align_channel needs channel_axis: which axis holds the channels")
        return frames
    return PlaneStack(frames, name, channel_axis, align_channel)


def reference_of(
    reference: Any, frames: Any, channel_axis: int | None, align_channel: int | None
) -> Any:
    """Return what frames are aligned to: a word or number as it is, or images as `frames_of`."""
    if isinstance(reference, (str, int, np.integer)):
        return reference
    if isinstance(reference, (list, tuple)):
        return frames_of(reference, "reference", channel_axis, align_channel)
    axis = channel_axis
    if not has_names(reference) and axis is not None and hasattr(frames, "ndim"):
        axis = axis % frames.ndim
        if np.ndim(reference) < frames.ndim:
            # The frames' own axis is the first but the channels'.
            axis -= axis > 0
    return _plane_or_frames(reference, "reference", axis, align_channel)


def masks_of(masks: Any, name: str) -> Any:
    """Return the masks of a stack, of which those with named axes are put in order."""
    return _plane_or_frames(masks, name)


def _plane_or_frames(
    images: Any, name: str, channel_axis: int | None = None, align_channel: int | None = None
) -> Any:
    """Return one image, or a stack of them if an axis beside its channels is longer than 1."""
    if not has_names(images) and (channel_axis is None or np.ndim(images) < 3):
        return images
    axes = named_axes(images, name, channel_axis)
    many = any(axes.leading[axis] > 1 for axis in axes.others)
    make = PlaneStack if many else one_plane
    return make(images, name, channel_axis, align_channel)
