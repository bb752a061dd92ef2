"""The data of an Image or Labels layer on another grid, as lazy and multiscale as they were."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from itertools import product
from math import prod
from typing import Any

import numpy as np
from napari.layers import Layer
from numpy.typing import NDArray

from ..._align.progress import Progress
from ..._align.volume.inspection import (
    background_of,
    checked_interpolation,
    is_large,
    resampled_volume,
)
from ..._align.volume.lazy_warp import warped_levels
from ..._align.volume.transform import VolumeTransform
from ..._align.volume.warp import warped_by
from ..._common.errors import InputError
from ..._images.interpolation import resampled_to_edges
from ..._images.sources import is_lazy
from ..._images.warping import Resampling, warp
from ..._transform.axes import in_row_column
from ..._transform.field import Field
from ..._transform.transform import Transform
from ..._transform.volume_field import VolumeField
from .lazy_planes import lazily, plane_at_level
from .world import PixelGrid, data_matrix, placement_by

NEAREST: Any = "nearest"
"""Fills what lies outside an image with its nearest pixel."""


def resample_steps(
    levels: Sequence[Any],
    leading: tuple[int, ...],
    transform_of: Callable[[tuple[int, ...]], Transform | Field],
    shape: tuple[int, int],
    resampling: Resampling,
    *,
    multiscale: bool,
) -> Generator[Progress, None, Any]:
    """Put data on another grid, one plane at a time.

    Parameters
    ----------
    levels : sequence of array_like, shapes (..., h, w) or (..., h, w, 3 or 4)
        The data at every size there is, full resolution first; perhaps lazy.
    leading : tuple of int
        Lengths of the axes before the plane's.
    transform_of : callable
        Returns, for the index of a plane, the transform from the pixels of the new grid to those
        of the plane.
    shape : tuple of int
        (height, width) of the new grid.
    resampling : Resampling
        Between the pixels, and beyond them.
    multiscale : bool
        Whether the new data are wanted at several sizes.

    Returns
    -------
    generator
        Yields a `Progress` before every plane and returns an ndarray, or a dask array if the data
        are not in memory; if `multiscale` a list of dask arrays.
    """
    planes, count = [], prod(leading)
    for number, index in enumerate(product(*map(range, leading))):
        yield Progress(number / count, f"resampling plane {number + 1} of {count}")
        sources = [plane_at_level(level, index, leading) for level in levels]
        planes.append(
            _resampled(sources, transform_of(index), shape, resampling, multiscale=multiscale)
        )
    whole = [
        _stacked([plane[level] for plane in planes], leading) for level in range(len(planes[0]))
    ]
    return whole if multiscale else whole[0]


def resample_volumes_steps(
    levels: Sequence[Any],
    leading: tuple[int, ...],
    transform_of: Callable[[tuple[int, ...]], VolumeTransform | VolumeField],
    shape: tuple[int, ...],
    resampling: Resampling,
    *,
    multiscale: bool,
) -> Generator[Progress, None, Any]:
    """Put volumes on another grid, each by its transform, as `resample_steps` does planes."""
    volumes, count = [], prod(leading)
    lazy = is_lazy(levels[0]) or multiscale
    for number, index in enumerate(product(*map(range, leading))):
        yield Progress(number / count, f"resampling volume {number + 1} of {count}")
        sources = [plane_at_level(level, index, leading) for level in levels]
        if not lazy or len(sources[0].shape) > 3:
            volume = in_memory(sources[0], "The volume")
            volumes.append([resampled_volume(volume, transform_of(index), shape, resampling)])
            continue
        if not volumes and isinstance(resampling.fill, str):
            # That of one is for all: to tell it takes a volume of the smallest size.
            resampling = replace(resampling, fill=background_of(sources[-1], resampling.fill))
        transform = transform_of(index)
        if isinstance(transform, VolumeField):
            volumes.append([_bent_later(sources[0], transform, shape, resampling)])
            continue
        made = large_volume(sources, transform, shape, resampling)
        volumes.append(made if multiscale else made[:1])
    whole = [
        _stacked([volume[level] for volume in volumes], leading)
        for level in range(len(volumes[0]))
    ]
    return whole if multiscale else whole[0]


def resampled_volumes(
    data: Any,
    leading: tuple[int, ...],
    transform: VolumeTransform | VolumeField,
    shape: tuple[int, ...],
    resampling: Resampling,
) -> NDArray[Any]:
    """Put volumes on another grid, one after the other.

    Parameters
    ----------
    data : array_like, shape (..., d, h, w) or (..., d, h, w, 3 or 4)
        Read whole.
    leading : tuple of int
        Lengths of the axes before those of a volume.
    transform : VolumeTransform or VolumeField
        From the voxels of the new grid to those of a volume.
    shape : tuple of int
        (depth, height, width) of the new grid.
    resampling : Resampling
        Between the voxels, and beyond them.

    Raises
    ------
    InputError
        If volumes cannot be resampled so.
    """
    if resampling.fill == NEAREST:
        raise InputError(
            "Volumes do not go on with their nearest voxels: choose another value for what lies "
            "outside"
        )
    made = [
        resampled_volume(in_memory(data[index], "The volume"), transform, shape, resampling)
        for index in product(*map(range, leading))
    ]
    return np.stack(made).reshape(*leading, *made[0].shape)


def in_memory(volume: Any, name: str) -> NDArray[Any]:
    """Return a volume as an array; raise `InputError` if it is lazy and too large to be read."""
    _refuse_large(volume, name)
    return np.asarray(volume)


def _refuse_large(volume: Any, name: str) -> None:
    if is_large(volume):
        raise InputError(
            f"{name} has {prod(volume.shape):,} voxels and is not in memory: crop it, or open a "
            "smaller size"
        )


def _bent_later(
    volume: Any, field: VolumeField, shape: tuple[int, ...], resampling: Resampling
) -> Any:
    """Return a lazy volume as a field lays it, read whole when it is looked at."""
    import dask
    import dask.array as da

    _refuse_large(volume, "The volume")
    checked_interpolation(resampling)

    def bent() -> NDArray[Any]:
        return resampled_volume(np.asarray(volume), field, shape, resampling)

    dtype = np.dtype(volume.dtype).newbyteorder("=")
    return da.from_delayed(dask.delayed(bent, pure=False)(), shape, dtype)


def large_volume(
    source: Any, transform: VolumeTransform, shape: tuple[int, ...], resampling: Resampling
) -> Any:
    """Return a volume that is not in memory on another grid, read where it is seen.

    Parameters
    ----------
    source : lazy array or list of lazy arrays, shape (d, h, w)
        At every size there is, full resolution first.
    transform : VolumeTransform
        From the voxels of the new grid to those of the volume.
    shape : tuple of int
        (depth, height, width) of the new grid.
    resampling : Resampling
        Between the voxels, and beyond them.

    Returns
    -------
    dask array, or list of dask arrays if the volume is given at several sizes
    """
    levels = source if isinstance(source, list) else [source]
    coarsest = levels[-1]
    way, fill = checked_interpolation(resampling), resampling.fill
    if isinstance(fill, str):
        fill = background_of(coarsest, fill)
    outside = float(np.ravel(fill)[0])

    def warped(level: Any, matrix: Any, size: tuple[int, ...]) -> Any:
        return warped_by(level, matrix, size, interpolation=way, fill=outside)

    made = warped_levels(levels, in_row_column(transform.matrix), shape, warped)
    return made if isinstance(source, list) else made[0]


def stacked_placement(layer: Layer, target: PixelGrid) -> dict[str, Any]:
    """Return the keywords that lay a resampled layer over a grid.

    The leading axes of a stack keep what is the layer's own: where a plane lies among the others.
    """
    if layer.ndim == target.axes:
        return target.placement
    leading = layer.ndim - target.axes
    affine = data_matrix(layer)
    affine[leading:-1, :leading] = affine[:leading, leading:-1] = 0
    affine[leading:-1, leading:] = target.matrix[:-1]
    return placement_by(
        affine,
        (*layer.units[:leading], *target.units),
        (*layer.axis_labels[:leading], *target.axis_labels),
    )


def _resampled(
    sources: list[Any],
    transform: Transform | Field,
    shape: tuple[int, int],
    resampling: Resampling,
    *,
    multiscale: bool,
) -> list[Any]:
    """Return one plane on another grid, at one size or at several."""
    from ..._images.lazy_warping import lazy_warp, warp_pyramid

    if resampling.fill == NEAREST:
        if isinstance(transform, Field):
            raise InputError(
                "A field does not go on with nearest pixels: choose another value for what lies "
                "outside"
            )
        if is_lazy(sources[0]) or multiscale:
            raise InputError(
                "Only an image in memory goes on with its nearest pixels: choose another value "
                "for what lies outside"
            )
        image = np.asarray(sources[0])
        return [resampled_to_edges(image, transform.matrix, shape, resampling.interpolation)]
    options: dict[str, Any] = {"output_shape": shape, **vars(resampling)}
    if multiscale:
        return warp_pyramid([lazily(source) for source in sources], transform, **options)
    way: Any = lazy_warp if is_lazy(sources[0]) else warp
    return [way(sources[0], transform, **options)]


def _stacked(planes: list[Any], leading: tuple[int, ...]) -> Any:
    """Return planes, in order of their leading axes, as one array; lazy if they are."""
    if not leading:
        return planes[0]
    if is_lazy(planes[0]):
        import dask.array as da

        stack = da.stack(planes)
    else:
        stack = np.stack(planes)
    return stack.reshape(*leading, *stack.shape[1:])
