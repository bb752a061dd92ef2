"""The axes of an array: which are the rows and columns, which the channels, which any other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._common.errors import InputError
from .pixels import array_of, mean_type, refuse_paths
from .sources import is_lazy, is_multiscale
from .stack_axes import Axis, axis_number, role_of

_COLOURS = ("s", "rgb", "rgba")


@dataclass(frozen=True, eq=False)
class NamedAxes:
    """An array whose planes are together, whatever the order of its axes was.

    Attributes
    ----------
    pixels : ndarray or lazy array, shape (..., h, w) or (..., h, w, 3 or 4)
        The axes before those of a plane are in their old order.
    order : tuple of int
        Which axes of the array as it was given those of `pixels` are.
    channels, frames : int or None
        The axes of `pixels` that hold the channels and the frames, or planes, where that is known.
    colour : bool
        Whether the last axis is one colour's red, green and blue.
    given : DataArray or None
        What it comes from, if its axes have names.
    """

    pixels: Any
    order: tuple[int, ...]
    channels: int | None
    colour: bool
    given: Any
    frames: int | None = None

    @property
    def leading(self) -> tuple[int, ...]:
        """Lengths of the axes before those of a plane."""
        return tuple(self.pixels.shape[: self.pixels.ndim - 2 - self.colour])

    @property
    def others(self) -> list[int]:
        """The axes before those of a plane, but for the channels'."""
        return [axis for axis in range(len(self.leading)) if axis != self.channels]

    def name(self, axis: int) -> str:
        """Return what an axis of `pixels` is called, or nothing."""
        return "" if self.given is None else str(self.given.dims[self.order[axis]])

    @property
    def plane(self) -> tuple[int, int]:
        """Height and width."""
        height, width = self.pixels.shape[len(self.leading) :][:2]
        return int(height), int(width)

    def restored(self, pixels: Any, like: NamedAxes | None = None) -> Any:
        """Return new pixels with the axes as they were given, and with their names.

        Rows and columns get the coordinates of `like`, or keep theirs if there are as many.
        """
        if self.order != tuple(range(len(self.order))):
            pixels = pixels.transpose(np.argsort(self.order).tolist())
        if self.given is None:
            return pixels
        names = [str(name) for name in self.given.dims]
        first = len(self.leading)
        own = [names[axis] for axis in self.order[first : first + 2]]
        coords = _coords(self.given, lambda dims: not set(dims) & set(own))
        if like is not None and like.given is not None:
            at = len(like.leading)
            theirs = [str(like.given.dims[axis]) for axis in like.order[at : at + 2]]
            coords |= _coords(like.given, lambda dims: bool(dims) and set(dims) <= set(theirs))
            for axis, name in zip(self.order[first : first + 2], theirs, strict=True):
                names[axis] = name
        elif pixels.shape == self.given.shape:
            coords = _coords(self.given, lambda dims: True)
        return type(self.given)(
            pixels, dims=names, coords=coords, name=self.given.name, attrs=self.given.attrs
        )


def _coords(array: Any, wanted: Any) -> dict[str, Any]:
    coords: Mapping[str, Any] = array.coords
    return {
        name: (tuple(one.dims), one.data, one.attrs)
        for name, one in coords.items()
        if wanted(tuple(one.dims))
    }


def has_names(array: object) -> bool:
    """Tell whether an array knows its axes by name, as those of xarray do."""
    return all(hasattr(array, part) for part in ("dims", "coords", "data", "attrs"))


def named_axes(
    image: Any, name: str, channel_axis: Axis | None = None, frame_axis: Axis | None = None
) -> NamedAxes:
    """Return an array with its planes together.

    Parameters
    ----------
    image : array_like, lazy array or DataArray
        The rows and columns of a DataArray are its axes "y" and "x", and its channels "c",
        "channel" or "band", in capitals or not. Of any other array the last two are the rows and
        columns once the channels are set aside, or the two before colours.
    name : str
        What to call the argument in an error.
    channel_axis, frame_axis : int or str, optional
        Which axes hold the channels and the frames, or planes: by number, from the end if it is
        negative, or by name.

    Raises
    ------
    InputError
        If there is no such axis, or both are the same.
    """
    refuse_paths(image, name)
    given = image if has_names(image) else None
    pixels = image if given is None else given.data
    if not is_lazy(pixels) and not isinstance(pixels, np.ma.MaskedArray):
        pixels = array_of(pixels, name)
    dims = [str(dim).lower() for dim in given.dims] if given is not None else []
    axes = list(range(pixels.ndim))
    owner = f"{name}, {tuple(map(int, pixels.shape))}"
    channels, frames = (
        None if axis is None else axis_number(axis, dims, pixels.ndim, option, owner)
        for axis, option in ((channel_axis, "channel_axis"), (frame_axis, "frame_axis"))
    )
    if channels is not None and channels == frames:
        raise InputError(f"channel_axis and frame_axis are one axis of {owner}; choose two")
    if channels is None:
        named = (axis for axis, dim in enumerate(dims) if role_of(dim) == "channels")
        channels = next((axis for axis in named if axis != frames), None)
    if frames is None:
        frames = _frame_axis(dims, channels)
    rest = [axis for axis in axes if axis != channels]
    if len(rest) < 2:
        raise InputError(f"{name} has no rows and columns: its shape is {tuple(pixels.shape)}")
    colours: list[int] = []
    if {"y", "x"} <= set(dims):
        plane = [dims.index("y"), dims.index("x")]
        colours = [
            axis for axis in rest if dims[axis] in _COLOURS and pixels.shape[axis] in (3, 4)
        ]
    else:
        given = None
        if channels is None and len(rest) > 2 and pixels.shape[rest[-1]] in (1, 3, 4):
            colours = rest[-1:]
        end = len(rest) - len(colours)
        plane = rest[end - 2 : end]
    leading = [axis for axis in axes if axis not in plane + colours]
    order = (*leading, *plane, *colours)
    if order != tuple(axes):
        pixels = (as_dask(pixels) if is_lazy(pixels) else pixels).transpose(order)
    if frames is not None and frames not in leading:
        raise InputError(f"frame_axis {frame_axis} holds the rows, columns or colours of {owner}")
    where = [None if axis is None else leading.index(axis) for axis in (channels, frames)]
    return NamedAxes(pixels, order, where[0], bool(colours), given, where[1])


def _frame_axis(dims: Sequence[str], channels: int | None) -> int | None:
    """Return the axis whose name says that it holds frames, or else planes."""
    for wanted in ("frames", "planes"):
        for axis, dim in enumerate(dims):
            if role_of(dim) == wanted and axis != channels:
                return axis
    return None


def as_dask(pixels: Any) -> Any:
    """Return a lazy array as one whose axes can be moved without reading it."""
    import dask.array as da

    if isinstance(pixels, da.Array):
        return pixels
    # A name of its own, or dask would read all of it to make one up.
    return da.from_array(pixels, chunks=getattr(pixels, "chunks", None) or "auto", name=False)


def one_plane(
    image: Any, name: str, channel_axis: Axis | None = None, align_channel: int | None = None
) -> Any:
    """Return an image as an alignment takes it: (h, w) or (h, w, 3 or 4), one channel or colour.

    Parameters
    ----------
    image, name, channel_axis
        As in `named_axes`; a sequence of one image at several sizes is one of such planes. What
        has no more axes than a plane has no channels.
    align_channel : int, optional
        The channel to take; their mean, if left out.
    """
    if is_multiscale(image):
        return [one_plane(level, name, channel_axis, align_channel) for level in image]
    if not has_names(image):
        refuse_paths(image, name)
        if channel_axis is None and align_channel is not None:
            raise InputError("align_channel needs channel_axis: which axis holds the channels")
        if channel_axis is None or np.ndim(image) == 2:
            return image
    axes = named_axes(image, name, channel_axis)
    pixels, channels = axes.pixels, axes.channels
    for axis in reversed(axes.others):
        if axes.leading[axis] > 1:
            names = "" if axes.given is None else f" {tuple(map(str, axes.given.dims))}"
            raise InputError(
                f"{name} must be one image, but its shape is {tuple(pixels.shape)}{names}; "
                "give one plane of it, or use align_stack"
            )
        pixels = pixels[(slice(None),) * axis + (0,)]
    return pixels if channels is None else one_channel(pixels, 0, align_channel, name)


def one_channel(pixels: Any, axis: int, chosen: int | None, name: str) -> Any:
    """Return one of the channels along an axis, or their mean."""
    count = pixels.shape[axis]
    is_index = isinstance(chosen, (int, np.integer)) and not isinstance(chosen, bool)
    if chosen is not None and not is_index:
        raise InputError(f"align_channel must be a whole number, not {chosen!r}")
    if not -count <= (chosen or 0) < count:
        raise InputError(f"align_channel {chosen} is none of the {count} channels of {name}")
    pixels = as_dask(pixels) if is_lazy(pixels) else pixels
    if pixels.dtype.kind not in "buif":
        raise InputError(f"{name} must hold real numbers, but its dtype is {pixels.dtype}")
    if chosen is None and count > 1:
        # What a mean cannot hold becomes infinite, which counts as missing.
        with np.errstate(over="ignore"):
            return pixels.mean(axis=axis, dtype=mean_type(pixels.dtype))
    return pixels[(slice(None),) * axis + (chosen or 0,)]
