"""The data of an Image or Labels layer on another grid, as lazy and multiscale as they were."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from itertools import product
from math import prod
from typing import Any

import numpy as np
from napari.layers import Layer

from ..._align.progress import Progress
from ..._images.sources import is_lazy
from ..._images.warping import Resampling, warp
from ..._transform.transform import Transform
from .lazy_planes import plane_at_level
from .world import Matrix, PixelGrid


def resample_steps(
    levels: Sequence[Any],
    leading: tuple[int, ...],
    transform_of: Callable[[tuple[int, ...]], Transform],
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
        are not in memory; a list of those if `multiscale`.
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


def stacked_placement(layer: Layer, target: PixelGrid) -> dict[str, Any]:
    """Return the keywords that lay a resampled layer over a grid.

    The leading axes of a stack keep what is the layer's own: where a plane lies among the others.
    """
    if layer.ndim == 2:
        return dict(target.placement)
    size = layer.ndim
    origin = np.asarray(layer.data_to_world(np.zeros(size)))
    affine = np.eye(size + 1)
    for axis in range(size - 2):
        step = np.zeros(size)
        step[axis] = 1
        affine[: size - 2, axis] = (np.asarray(layer.data_to_world(step)) - origin)[: size - 2]
    affine[: size - 2, size] = origin[: size - 2]
    affine[size - 2 : size, size - 2 :] = target.matrix[:2]
    straight = _diagonal(affine)
    scale = np.diag(affine)[:size] if straight else np.ones(size)
    units = (*(str(unit) for unit in layer.units[: size - 2]), *target.units)
    return {
        "scale": scale.copy(),
        "translate": affine[:size, size].copy() if straight else np.zeros(size),
        "rotate": np.eye(size),
        "shear": np.zeros(size * (size - 1) // 2),
        "affine": np.eye(size + 1) if straight else affine,
        "units": units,
        "axis_labels": (*layer.axis_labels[: size - 2], *target.axis_labels),
    }


def _diagonal(affine: Matrix) -> bool:
    linear = affine[:-1, :-1]
    return bool((linear == np.diag(np.diag(linear))).all() and (np.diag(linear) > 0).all())


def _resampled(
    sources: list[Any],
    transform: Transform,
    shape: tuple[int, int],
    resampling: Resampling,
    *,
    multiscale: bool,
) -> list[Any]:
    """Return one plane on another grid, at one size or at several."""
    from ..._images.lazy_warping import lazy_warp, warp_pyramid

    options: dict[str, Any] = {"output_shape": shape, **vars(resampling)}
    if multiscale:
        return warp_pyramid(sources, transform, **options)
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
