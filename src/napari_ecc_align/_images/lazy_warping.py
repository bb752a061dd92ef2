"""Resample images that are too large for memory: nothing is computed before it is looked at.

Needs dask, which napari brings along.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .._common.errors import InputError
from .._transform.coordinates import map_points
from .._transform.field import Field
from .._transform.matrices import Matrix
from .._transform.transform import Transform
from .blocks_on_demand import Window, drawn_in_blocks
from .field_warping import moving_places, resampled_at
from .filling import Fill, border_pixels, fill_values
from .interpolation import REACH, Interpolation, as_pixel, shifted_by
from .pyramid.halving import halved_shape
from .sources import LazyArray, is_lazy
from .warping import check_shape, warp

if TYPE_CHECKING:
    import dask.array as da

# Coarser levels than this are of no use to a viewer.
_COARSEST = 512

_Warping = Callable[[Any, Matrix, tuple[int, int]], NDArray[Any]]


def lazy_warp(
    moving: LazyArray | Sequence[LazyArray],
    transform: Transform | Field,
    *,
    output_shape: tuple[int, ...],
    interpolation: Interpolation = "linear",
    fill: Fill = "background",
) -> da.Array:
    """Resample a moving image on the reference's grid when, and where, it is looked at.

    Parameters
    ----------
    moving : lazy array or sequence of such, shape (h, w) or (h, w, 3 or 4)
        The image, or the same image at several sizes, full resolution first.
    transform, output_shape, interpolation, fill
        As in `warp`.

    Returns
    -------
    dask.array.Array, shape (height, width) or (height, width, 3 or 4)
        In chunks of 1024 x 1024; each reads only the part of the moving image that it needs.

    Raises
    ------
    InputError
        If an argument cannot be used; the message names it.
    """
    levels = _checked_levels(moving)
    shape = check_shape(output_shape)
    if isinstance(transform, Field):
        return _bent(levels[0], transform, shape, interpolation, _border_of(levels, fill))
    warped = _warping(levels, interpolation, fill)
    return _lazily(warped, levels[0], transform.matrix, shape)


def warp_pyramid(
    moving: Sequence[LazyArray | NDArray[Any]],
    transform: Transform | Field,
    *,
    output_shape: tuple[int, ...],
    interpolation: Interpolation = "linear",
    fill: Fill = "background",
) -> list[Any]:
    """Resample a multiscale image on the reference's grid, as a multiscale image.

    Parameters
    ----------
    moving : sequence of arrays, shapes (h, w) or (h, w, 3 or 4)
        The image at several sizes, full resolution first.
    transform, output_shape, interpolation, fill
        As in `warp`; the transform is between full resolutions.

    Returns
    -------
    list of dask.array.Array, or of ndarray if `moving` is in memory
        The result at full, half, quarter ... resolution. Each level is made of the coarsest one of
        the moving image that has its detail, so that an overview reads an overview.

    Notes
    -----
    A pixel of a coarser level is taken to lie at the middle of the pixels it stands for, which is
    where napari draws it.
    """
    levels = _checked_levels(moving)
    shape = check_shape(output_shape)
    warped = _warping(levels, interpolation, fill)
    border_of = _border_of(levels, fill)
    result: list[Any] = []
    for size in _level_shapes(shape, len(levels)):
        fine = to_full(size, shape)
        source = _level_for(levels, transform.matrix @ fine, size)
        to_source = np.linalg.inv(to_full(source.shape, levels[0].shape))
        if isinstance(transform, Field):
            field = Transform(to_source) @ (transform @ Transform(fine))
            result.append(
                _bent(source, field, size, interpolation, border_of)
                if is_lazy(source)
                else warp(source, field, output_shape=size, interpolation=interpolation, fill=fill)
            )
            continue
        matrix = to_source @ transform.matrix @ fine
        if is_lazy(source):
            result.append(_lazily(warped, source, matrix, size))
        else:
            result.append(warped(source, matrix, size))
    return result


def _warping(levels: tuple[Any, ...], interpolation: Interpolation, fill: Fill) -> _Warping:
    """Return `warp` with a matrix, and with the values that are outside."""
    border_of = _border_of(levels, fill)

    def warped(source: Any, matrix: Matrix, shape: tuple[int, int]) -> NDArray[Any]:
        transform = Transform(matrix, model="homography")
        values = border_of().tolist()
        pixels: NDArray[Any] = warp(
            source, transform, output_shape=shape, interpolation=interpolation, fill=values
        )
        return pixels

    return warped


def _border_of(levels: tuple[Any, ...], fill: Fill) -> Callable[[], Matrix]:
    """Return a function that tells the values that are outside."""
    # Of the background the edges have to be read, which waits until the first pixels are.
    known = [] if isinstance(fill, str) and fill == "background" else [_border(levels, fill)]

    def border() -> Matrix:
        if not known:
            known.append(_border(levels, fill))
        return known[0]

    return border


def _lazily(warped: _Warping, source: Any, matrix: Matrix, shape: tuple[int, int]) -> da.Array:
    window = Window(source)

    def part(rows: slice, columns: slice) -> NDArray[Any]:
        size = rows.stop - rows.start, columns.stop - columns.start
        return warped(window, matrix @ shifted_by(columns.start, rows.start), size)

    return drawn_in_blocks(part, (*shape, *window.shape[2:]), window.dtype.newbyteorder("="))


def _bent(
    source: Any,
    field: Field,
    shape: tuple[int, int],
    interpolation: Interpolation,
    border_of: Callable[[], Matrix],
) -> da.Array:
    """Resample a lazy image through a field when, and where, the result is looked at."""
    window = Window(source)
    dtype, size = window.dtype.newbyteorder("="), np.array(window.shape[1::-1])

    def part(rows: slice, columns: slice) -> NDArray[Any]:
        block = rows.stop - rows.start, columns.stop - columns.start
        places = moving_places(
            field,
            np.arange(rows.start, rows.stop, dtype=np.float64),
            np.arange(columns.start, columns.stop, dtype=np.float64),
        )
        low = np.floor(places.min(axis=(0, 1))) - REACH
        high = np.ceil(places.max(axis=(0, 1))) + REACH
        (left, top), (right, bottom) = (np.clip(at, 0, size).astype(int) for at in (low, high))
        border = border_of()
        if left >= right or top >= bottom:
            outside = as_pixel(border, dtype).reshape(window.shape[2:])
            return np.broadcast_to(outside, (*block, *window.shape[2:]))
        pixels = window[top:bottom, left:right].astype(dtype, copy=False)
        return resampled_at(pixels, places - (left, top), interpolation, border)

    return drawn_in_blocks(part, (*shape, *window.shape[2:]), dtype)


def _checked_levels(moving: Any) -> tuple[Any, ...]:
    levels = tuple(moving) if isinstance(moving, Sequence) else (moving,)
    if not levels or any(len(level.shape) not in (2, 3) for level in levels):
        raise InputError("moving must be an image, (h, w) or (h, w, 3 or 4), or one at many sizes")
    return levels


def _border(levels: tuple[Any, ...], fill: Fill) -> Matrix:
    """Return the value outside; the background is told from the coarsest level there is."""
    edges = border_pixels(Window(levels[-1]), fill)
    values = fill_values(edges[0], fill, edges)
    # What a whole number cannot hold would be refused; the median of an even count is such.
    return np.rint(values) if edges[0].dtype.kind in "iu" and isinstance(fill, str) else values


def _level_shapes(shape: tuple[int, int], most: int) -> list[tuple[int, int]]:
    """Return halved shapes, as many as the moving image has or until one fits on a screen."""
    shapes = [shape]
    while max(shapes[-1]) > _COARSEST and (len(shapes) < most or max(shapes[-1]) > 4 * _COARSEST):
        shapes.append(halved_shape(shapes[-1]))
    return shapes


def to_full(shape: Sequence[int], full: Sequence[int]) -> Matrix:
    """Return the matrix from (x, y) of a level to those of full resolution."""
    x, y = full[1] / shape[1], full[0] / shape[0]
    return np.array([[x, 0.0, (x - 1) / 2], [0.0, y, (y - 1) / 2], [0.0, 0.0, 1.0]])


def _level_for(levels: tuple[Any, ...], matrix: Matrix, shape: Sequence[int]) -> Any:
    """Return the coarsest level that is at least as fine as the pixels asked for."""
    middle = np.array([shape[1] / 2, shape[0] / 2])
    steps = map_points(matrix, middle + np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]))
    spacing = min(np.linalg.norm(steps[1] - steps[0]), np.linalg.norm(steps[2] - steps[0]))
    chosen = levels[0]
    for level in levels:
        # A little coarser will do: halved shapes are seldom exactly half.
        if levels[0].shape[0] / level.shape[0] <= spacing * 1.1:
            chosen = level
    return chosen
