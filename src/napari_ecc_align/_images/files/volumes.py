"""Volumes in image files: pages of depth as one array, and how far they are apart."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..stack_axes import StackAxes
from .image_file import ImageFile
from .layout import Layout
from .tags import CENTIMETRE, UNKNOWN_GRID, GridTags, TiffStyle, is_usable
from .units import micrometres

Spacing = tuple[float, float, float]
"""Lengths of a voxel along (z, y, x)."""
_UM = 10_000.0
_UM_OF_INCH = 25_400.0
_ZLIB = 8
_STEPS = ("PhysicalSizeZ", "PhysicalSizeZUnit", "spacing", "unit")


def has_depth(held: StackAxes | None, least: int) -> bool:
    """Tell whether axes are known to hold depth, and besides at most channels.

    Parameters
    ----------
    held : StackAxes or None
    least : int
        Fewer planes are none.
    """
    if held is None or held.guessed or held.along is None:
        return False
    roles = {held.roles[axis] for axis in held.long}
    return roles <= {"planes", "channels"} and held.lengths[held.along] >= least


def spacing_of(file: ImageFile) -> Spacing | None:
    """Return the lengths of a file's voxels in micrometres; None where it does not tell all."""
    told = dict(() if file.style is None else file.style.further)
    apart, unit = told.get("spacing"), told.get("unit")
    if "PhysicalSizeZ" in told:
        apart, unit = told["PhysicalSizeZ"], told.get("PhysicalSizeZUnit", "µm")
    length, sides = micrometres(unit), file.grid.per_inch
    try:
        if apart is None or length is None or sides is None:
            return None
        # In ImageJ a negative one, of planes from the last to the first, is as far.
        step = abs(float(apart)) * length
        known = 0 < step < math.inf
        return (step, _UM_OF_INCH / sides[1], _UM_OF_INCH / sides[0]) if known else None
    except (TypeError, ValueError):
        return None


def volume_of(file: ImageFile, channel: int | None, name: object) -> NDArray[Any]:
    """Return the volume by which a file is aligned: (d, h, w), or (d, h, w, 3 or 4).

    NaN where the file says that there are no data.

    Raises
    ------
    InputError
        If there is no such channel.
    """
    planes = [file.plane(channel, name, number) for number in range(file.frames)]
    volume = np.ma.stack(planes) if any(map(np.ma.is_masked, planes)) else np.stack(planes)
    if not np.ma.is_masked(volume):
        return np.asarray(volume)
    return np.ma.filled(volume.astype(np.float32), np.nan)


def grid_of(spacing: Spacing) -> GridTags:
    """Return what a file says of rows and columns of a length in micrometres."""
    resolution = _UM / spacing[2], _UM / spacing[1]
    return GridTags(resolution, CENTIMETRE) if is_usable(*resolution) else UNKNOWN_GRID


def resampled_volumes_of(
    file: ImageFile, resample: Callable[[NDArray[Any]], NDArray[Any]]
) -> NDArray[Any]:
    """Return the pixels of a file whose volumes, of each channel, are resampled alike.

    Parameters
    ----------
    file : ImageFile
        With planes of depth.
    resample : callable
        Returns a volume, (d, h, w) or (d, h, w, 3 or 4), on another grid.

    Returns
    -------
    ndarray, shape (n, h, w) or (n, h, w, 3 or 4)
        In the order of the file.
    """
    held = file.held
    assert held is not None and held.along is not None
    count = len(held.lengths)
    pixels = file.pixels.reshape(*held.lengths, *file.pixels.shape[1:])
    together = np.moveaxis(pixels, held.along, count - 1)
    leading = together.shape[: count - 1]
    volumes = together.reshape(-1, *together.shape[count - 1 :])
    made = np.stack([resample(np.ascontiguousarray(volume)) for volume in volumes])
    apart = made.reshape(*leading, *made.shape[1:])
    back = np.moveaxis(apart, count - 1, held.along)
    return back.reshape(-1, *back.shape[count:])


def volume_file(
    pixels: NDArray[Any],
    spacing: Spacing | None,
    like: ImageFile | None = None,
    *,
    space: NDArray[np.float64] | None = None,
) -> ImageFile:
    """Return what to write of volumes on a grid.

    Parameters
    ----------
    pixels : ndarray, shape (n, h, w) or (n, h, w, 3 or 4)
        Planes, of all channels.
    spacing : tuple of float or None
        Lengths of a voxel along (z, y, x) in micrometres, if they are known.
    like : ImageFile, optional
        Whose axes, but for the number of planes, and names of channels these have.
    space : ndarray, shape (4, 4), optional
        Where the grid's voxels lie, if a NIfTI says so.
    """
    style = TiffStyle(_ZLIB, layout=Layout("ZYX", (len(pixels),)))
    if like is not None and like.style is not None:
        style = like.style
    told = [(name, value) for name, value in style.further if name not in _STEPS]
    if spacing is not None:
        told += [("PhysicalSizeZ", spacing[0]), ("PhysicalSizeZUnit", "µm")]
        told += [("spacing", spacing[0]), ("unit", "um")] if style.imagej else []
    grid = UNKNOWN_GRID if spacing is None else grid_of(spacing)
    assert style.layout is not None
    layout = _with_planes(style.layout, len(pixels))
    style = replace(style, layout=layout, further=tuple(told))
    return ImageFile(pixels, grid, style, space=space)


def _with_planes(layout: Layout, count: int) -> Layout:
    """Return a layout with so many planes in all, whose axis of depth is called Z."""
    held = layout.held
    assert held.along is not None
    letter = layout.planes[held.along]
    others = math.prod(n for axis, n in enumerate(held.lengths) if axis != held.along)
    lengths = list(layout.lengths)
    lengths[layout.others.index(letter)] = count // others
    axes = layout.axes.replace(letter, "Z")
    if held.channels is not None:
        axes = axes.replace(layout.planes[held.channels], "C")
    return replace(layout, axes=axes, lengths=tuple(lengths), said=())
