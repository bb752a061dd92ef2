"""Resample an image through a field."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._transform.coordinates import map_points
from .._transform.field import Field
from .._transform.transform import Transform
from .interpolation import ADDRESSED, Interpolation, as_pixel, opencv_flag

# OpenCV remaps these as they are; all else goes through double precision.
_NATIVE = ("uint8", "uint16", "int16", "float32")
_STRIP_PIXELS = 2**20


CELL = 4
"""Px of a level on a side, over which a field is as good as straight."""


def cell_places(
    cells: tuple[int, int], times: float, around: int = 0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the rows and columns of the middles of a level's cells, in px of full resolution.

    Parameters
    ----------
    cells : tuple of int
        How many, by rows and columns.
    times : float
        Px of full resolution to one of the level.
    around : int, default: 0
        So many more on each side.
    """
    places = [np.arange(-around, n + around, dtype=np.float64) * CELL for n in cells]
    rows, columns = ((one + (CELL - 1) / 2) * times for one in places)
    return rows, columns


def moved_cells(
    displacement: NDArray[np.floating[Any]], matrix: NDArray[np.float64], times: float
) -> NDArray[np.float32]:
    """Return where the middles of a level's cells lie on the same level of the moving image.

    Parameters
    ----------
    displacement : ndarray, shape (2, h + 2, w + 2)
        Of the middles of cells and of one more around, in px of full resolution.
    matrix : ndarray of float64, shape (3, 3)
        That moves them after.
    times : float

    Returns
    -------
    ndarray of float32, shape (h + 2, w + 2, 2)
        As (x, y).
    """
    height, width = displacement.shape[1:]
    rows, columns = cell_places((height - 2, width - 2), times, 1)
    at = np.empty((height, width, 2), np.float32)
    x, y = displacement[0] + columns, displacement[1] + rows[:, None]
    if matrix[2, 0] == 0 == matrix[2, 1]:
        scale: Any = matrix[2, 2] * times
    else:
        scale = (matrix[2, 0] * x + matrix[2, 1] * y + matrix[2, 2]) * times
    for k in (0, 1):
        at[..., k] = (matrix[k, 0] * x + matrix[k, 1] * y + matrix[k, 2]) / scale
    return at


def between_cells(cells: NDArray[np.float32], beyond: int = 0) -> NDArray[np.float32]:
    """Return where pixels lie whose cells, and one more around, lie at (h + 2, w + 2, 2).

    Parameters
    ----------
    cells : ndarray of float32, shape (h + 2, w + 2, 2)
        As `moved_cells` returns them, or some rows of that.
    beyond : int, default: 0
        So many rows of pixels more above and below, fewer than `CELL`.

    Returns
    -------
    ndarray of float32, shape (CELL * h + 2 * beyond, CELL * w, 2)
    """
    from .._common.opencv import cv2

    height, width = cells.shape[:2]
    pixels = cv2.resize(cells, (CELL * width, CELL * height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(pixels[CELL - beyond : beyond - CELL, CELL:-CELL])


def moving_places(
    transform: Transform | Field, rows: NDArray[np.float64], columns: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return where points on a grid of the reference lie in the moving image.

    Parameters
    ----------
    transform : Transform or Field
        Maps reference pixels to moving pixels.
    rows, columns : ndarray of float64, shapes (h,) and (w,)
        Those of the grid, in reference pixels.

    Returns
    -------
    ndarray of float64, shape (h, w, 2)
        As (x, y).
    """
    grid = np.stack(np.meshgrid(columns, rows), axis=-1)
    if isinstance(transform, Field):
        grid += transform.displacements(rows, columns)
    return map_points(transform.matrix, grid)


def resampled_through(
    image: NDArray[Any],
    field: Field,
    shape: tuple[int, int],
    interpolation: Interpolation,
    border: NDArray[Any],
) -> NDArray[Any]:
    """Return an image on the reference's grid, as `resampled` does through a matrix."""
    result = np.empty((*shape, *image.shape[2:]), image.dtype)
    columns = np.arange(shape[1], dtype=np.float64)
    step = max(1, _STRIP_PIXELS // shape[1])
    for top in range(0, shape[0], step):
        rows = np.arange(top, min(top + step, shape[0]), dtype=np.float64)
        moved = moving_places(field, rows, columns)
        result[top : top + step] = resampled_at(image, moved, interpolation, border)
    return result


def resampled_at(
    image: NDArray[Any],
    moved: NDArray[np.float64],
    interpolation: Interpolation,
    border: NDArray[Any],
) -> NDArray[Any]:
    """Return the pixels of an image at places (x, y), shape (h, w, 2); outside it the border."""
    result = np.empty((*moved.shape[:2], *image.shape[2:]), image.dtype)
    result[:] = as_pixel(border, image.dtype).reshape(image.shape[2:])
    height, width = image.shape[:2]
    inside = ((moved > -0.5) & (moved < (width - 0.5, height - 0.5))).all(axis=-1)
    if interpolation == "nearest":
        x, y = np.rint(moved[inside]).astype(np.intp).T
        result[inside] = image[y, x]
    else:
        result[inside] = _between(image, moved, interpolation)[inside]
    return result


def _between(
    image: NDArray[Any], moved: NDArray[np.float64], interpolation: Interpolation
) -> NDArray[Any]:
    """Return pixels between those of an image, at its edge those."""
    if image.dtype.name in _NATIVE and max(*image.shape[:2], *moved.shape[:2]) < ADDRESSED:
        from .._common.opencv import cv2

        x, y = np.moveaxis(moved.astype(np.float32), -1, 0)
        remapped = cv2.remap(
            image,
            np.ascontiguousarray(x),
            np.ascontiguousarray(y),
            opencv_flag(interpolation),
            borderMode=cv2.BORDER_REPLICATE,
        )
        return np.asarray(remapped)
    from scipy.ndimage import map_coordinates

    order = 1 if interpolation == "linear" else 3
    channels = image.reshape(*image.shape[:2], -1)
    at = moved[..., ::-1].transpose(2, 0, 1)
    planes = [
        map_coordinates(channels[..., k].astype(np.float64), at, order=order, mode="nearest")
        for k in range(channels.shape[2])
    ]
    out = np.stack(planes, axis=-1).reshape(*moved.shape[:2], *image.shape[2:])
    if image.dtype.kind in "iu":
        limits = np.iinfo(image.dtype)
        out = np.clip(np.rint(out), limits.min, limits.max)
    return np.asarray(out >= 0.5 if image.dtype.kind == "b" else out.astype(image.dtype))
