"""The data of an Image or Labels layer on another grid, as lazy and multiscale as they were."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ..._images.sources import is_lazy
from ..._images.warping import Interpolation, warp
from ..._transform.transform import Transform
from .lazy_planes import plane_of
from .world import Grid, Matrix

if TYPE_CHECKING:
    from napari.layers import Layer


def resampled(
    layer: Layer,
    transform_of: Callable[[tuple[int, ...]], Transform],
    shape: tuple[int, int],
    *,
    interpolation: Interpolation,
    fill: float | Literal["background"],
) -> Any:
    """Return a layer's data on another grid, plane by plane.

    Parameters
    ----------
    layer : napari.layers.Image or Labels
        Of two or more axes; the last two (before colour) are resampled.
    transform_of : callable
        Returns, for the index of a plane, the transform from the pixels of the new grid to those
        of the plane.
    shape : tuple of int
        (height, width) of the new grid.
    interpolation, fill
        As in `warp`.

    Returns
    -------
    ndarray, dask array, or a list of those
        A list if the layer is multiscale, dask if its data are not in memory.
    """
    levels = list(layer.data) if layer.multiscale else [layer.data]
    leading = tuple(int(length) for length in levels[0].shape[: layer.ndim - 2])
    planes = {}
    for index in product(*map(range, leading)):
        sources = [plane_of(level, _index_at(level, index, leading)) for level in levels]
        planes[index] = plane_levels(
            sources,
            transform_of(index),
            shape,
            interpolation=interpolation,
            fill=fill,
            multiscale=bool(layer.multiscale),
        )
    if not leading:
        return planes[()] if layer.multiscale else planes[()][0]
    whole = [
        stacked([plane[number] for plane in planes.values()], leading)
        for number in range(len(next(iter(planes.values()))))
    ]
    return whole if layer.multiscale else whole[0]


def stacked_placement(layer: Layer, target: Grid) -> dict[str, Any]:
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


def _index_at(level: Any, index: tuple[int, ...], leading: tuple[int, ...]) -> tuple[int, ...]:
    """Return the plane of a level, which may have fewer planes than the full resolution."""
    return tuple(at * int(level.shape[axis]) // leading[axis] for axis, at in enumerate(index))


def plane_levels(
    sources: list[Any],
    transform: Transform,
    shape: tuple[int, int],
    *,
    interpolation: Interpolation,
    fill: float | Literal["background"],
    multiscale: bool,
) -> list[Any]:
    """Return one plane on another grid, at one size or, if it has several, at several."""
    from ..._images.lazy_warping import lazy_warp, warp_pyramid

    if multiscale:
        return warp_pyramid(
            sources, transform, output_shape=shape, interpolation=interpolation, fill=fill
        )
    way = lazy_warp if is_lazy(sources[0]) else warp
    return [way(sources[0], transform, output_shape=shape, interpolation=interpolation, fill=fill)]


def stacked(planes: list[Any], leading: tuple[int, ...]) -> Any:
    """Return planes, in order of their leading axes, as one array; lazy if they are."""
    if is_lazy(planes[0]):
        import dask.array as da

        stack = da.stack(planes)
    else:
        stack = np.stack(planes)
    return stack.reshape(*leading, *stack.shape[1:])
