"""Trilinear interpolation by OpenCV, which interpolates between four pixels as exactly as SciPy.

That it does so in single precision is new in OpenCV 5; older ones know 32 places between pixels.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from ..._common.opencv import cv2
from ..._images.coverage import BARELY
from ..._images.pyramid.levels import Floats
from ..._transform.models import Array
from .motion import Shape, mapped

# Rows and columns of the blocks of which a result is made, of all planes that one thread makes:
# larger ones leave the cache, of smaller ones the calls take longer than the work.
_ROWS, _COLUMNS, _FEWEST = 32, 256, 4
# Where a block lies on more rows, of its planes one below the other, single precision rounds
# places by more than a thousandth of a voxel.
_MOST_ROWS = 2**14
# OpenCV maps no more rows or columns than it has numbers of 16 bits for.
_MOST = 2**15 - 2
# Of such blocks, which lie on few planes each, those of large volumes are made.
_SMALL = 32, 64


def block_for(shape: Shape, matrix: Array, planes: int) -> tuple[int, int] | None:
    """Return the rows and columns of the blocks of which so many planes of a result are made.

    None if OpenCV cannot interpolate in such a volume, or not exactly.

    Parameters
    ----------
    shape : tuple of int
        Of the volume.
    matrix : (4, 4) array
        From voxels of the result to those of the volume.
    planes : int
        Of the result.
    """
    rows, columns = _ROWS, _COLUMNS
    if min(shape) < 2 or max(shape[1:]) > _MOST or not _is_exact():
        return None
    while rows >= _FEWEST:
        seen = np.ceil(np.abs(matrix[0, :3]) @ (planes, rows, columns)) + 3
        if seen * shape[1] <= _MOST_ROWS:
            return rows, columns
        rows, columns = rows // 2, columns // 2
    return _SMALL


@cache
def _is_exact() -> bool:
    """Tell whether OpenCV interpolates in single precision."""
    steps = np.array([[0.0, 1.0], [2.0, 4.0]], np.float32)
    column, row = np.full((2, 1, 1), 0.01, np.float32)
    found = cv2.remap(steps, column, row, cv2.INTER_LINEAR)
    return bool(abs(found[0, 0] - 0.0301) < 1e-5)


def fill_planes(
    out: Floats, volume: Floats, matrix: Array, block: tuple[int, int], outside: float
) -> None:
    """Interpolate a volume on planes, (n, h, w), whose first voxel a matrix maps to the volume.

    Parameters
    ----------
    out : (n, h, w) float32 array
        Filled.
    volume : (d, h, w) float32 array
        C-contiguous.
    matrix : (4, 4) array
        From voxels of `out` to those of `volume`.
    block : tuple of int
        Rows and columns, of `block_for`.
    outside : float
        Beyond the outermost voxels of the volume.
    """
    rows, columns = block
    room = np.empty((6, len(out) * rows * columns), np.float32)
    # Of infinite voxels, whose differences are nothing to tell of.
    with np.errstate(invalid="ignore", over="ignore"):
        for row in range(0, out.shape[1], rows):
            for column in range(0, out.shape[2], columns):
                piece = out[:, row : row + rows, column : column + columns]
                begin = mapped(matrix, np.array([0, row, column], np.float64))
                _fill_block(piece, volume, begin, matrix[:3, :3], room, outside)


def _fill_block(
    piece: Floats, volume: Floats, begin: Array, steps: Array, room: Floats, outside: float
) -> None:
    last = np.array(volume.shape) - 1
    across = steps * (np.array(piece.shape) - 1)
    low = begin + np.minimum(across, 0).sum(axis=1)
    high = begin + np.maximum(across, 0).sum(axis=1)
    if (high < -BARELY).any() or (low > last + BARELY).any():
        piece[:] = outside
        return
    # As OpenCV knows images: the rows of all planes one below the other.
    flat = room[:, : piece.size].reshape(6, -1, piece.shape[2])
    places, values = flat[:3], flat[3:]
    base = np.clip(np.floor(low), 0, last - 1).astype(int)
    deep, down, along = (np.arange(length) for length in piece.shape)
    beyond: NDArray[np.bool_] | None = None
    for axis, at in enumerate(places):
        # Relative to the first voxel, single precision is enough.
        first = begin[axis] - base[axis] + steps[axis, 0] * deep
        rows = np.add.outer(first, steps[axis, 1] * down).reshape(-1, 1)
        np.add(rows.astype(np.float32), (steps[axis, 2] * along).astype(np.float32), out=at)
        # What is found there is of no use, and replaced, but for what is barely there.
        for is_beyond, end, compared in (
            (low[axis] < 0, 0, np.less),
            (high[axis] > last[axis], last[axis], np.greater),
        ):
            if is_beyond:
                edge = np.float32(end - base[axis])
                found = compared(at, edge - BARELY if compared is np.less else edge + BARELY)
                beyond = found if beyond is None else np.logical_or(beyond, found, out=beyond)
                (np.maximum if compared is np.less else np.minimum)(at, edge, out=at)
    planes = volume[base[0] : int(np.ceil(high[0])) + 2, base[1] :, base[2] :]
    if len(planes) * volume.shape[1] <= _MOST_ROWS:
        below = volume[base[0] : base[0] + len(planes)].reshape(-1, volume.shape[2])
        at_end = high[0] >= last[0]
        _between_two(
            values, below[base[1] :, base[2] :], places, volume.shape[1], at_end=bool(at_end)
        )
    else:
        _between_all(values, planes, places)
    if beyond is not None:
        np.copyto(values[0], np.float32(outside), where=beyond)
    piece[:] = values[0].reshape(piece.shape)


def _between_two(
    values: Floats, below: Floats, places: Floats, height: int, *, at_end: bool
) -> None:
    """Interpolate in planes one below the other, each voxel in its own and in the next.

    Parameters
    ----------
    values : (3, h, w) float32 array
        The first is filled.
    below : (rows, columns) float32 array
        The planes.
    places : (3, h, w) float32 array
        Where each voxel lies along z, y and x, all inside; changed.
    height : int
        How many rows lie between a plane and the next.
    at_end : bool
        Whether some voxels lie on the last plane.
    """
    lower, upper, cell = values
    weight, row, column = places
    np.floor(weight, out=cell)
    if at_end:
        # What lies on the last plane lies in the cell before it.
        np.minimum(cell, -(-len(below) // height) - 2, out=cell)
    weight -= cell
    cell *= height
    row += cell
    cv2.remap(below, column, row, cv2.INTER_LINEAR, dst=lower, borderMode=cv2.BORDER_REPLICATE)
    cv2.remap(
        below[height:], column, row, cv2.INTER_LINEAR, dst=upper, borderMode=cv2.BORDER_REPLICATE
    )
    upper -= lower
    upper *= weight
    lower += upper


def _between_all(values: Floats, planes: Floats, places: Floats) -> None:
    """Interpolate in every plane, each as far as a voxel lies near it, as `_between_two` does."""
    total, found, weight = values
    depth, row, column = places
    total[:] = 0
    for number, plane in enumerate(planes):
        np.subtract(depth, number, out=weight)
        np.abs(weight, out=weight)
        np.subtract(1, weight, out=weight)
        np.maximum(weight, 0, out=weight)
        cv2.remap(plane, column, row, cv2.INTER_LINEAR, dst=found, borderMode=cv2.BORDER_REPLICATE)
        found *= weight
        # Of a plane farther away, not even NaN counts.
        np.add(total, found, out=total, where=weight > 0)
