"""Trilinear interpolation by OpenCV, which gathers faster than SciPy interpolates.

OpenCV's own interpolation knows 32 places between two pixels; eight gathered neighbours, weighed
in single precision, are exact.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..._common.opencv import cv2
from ..._images.pyramid.levels import Floats
from ..._transform.models import Array
from .motion import Shape, mapped

# Voxels of a tile of a plane of the result: larger ones leave the cache.
_ROWS, _COLUMNS, _FEWEST = 64, 256, 8
# OpenCV gathers from no more rows or columns than it has numbers of 16 bits for.
_MOST = 2**15 - 2


def tile_for(shape: Shape, matrix: Array) -> tuple[int, int] | None:
    """Return the rows and columns of tiles that lie on few planes of a volume; None if none do.

    Parameters
    ----------
    shape : tuple of int
        Of the volume.
    matrix : (4, 4) array
        From voxels of the result to those of the volume.
    """
    rows, columns = _ROWS, _COLUMNS
    if min(shape) < 2 or max(shape[1:]) > _MOST:
        return None
    while rows >= _FEWEST:
        planes = np.ceil(np.abs(matrix[0, 1:3]) @ (rows, columns)) + 3
        if planes * shape[1] <= _MOST:
            return rows, columns
        rows, columns = rows // 2, columns // 2
    return None


def fill_planes(
    out: Floats, volume: Floats, matrix: Array, tile: tuple[int, int], outside: float
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
    tile : tuple of int
        Rows and columns, of `tile_for`.
    outside : float
        Beyond the outermost voxels of the volume.
    """
    room = _Room(tile)
    for plane, part in enumerate(out):
        for row in range(0, part.shape[0], tile[0]):
            for column in range(0, part.shape[1], tile[1]):
                piece = part[row : row + tile[0], column : column + tile[1]]
                begin = mapped(matrix, np.array([plane, row, column], np.float64))
                _fill_tile(piece, volume, begin, matrix[:3, 1:3], room, outside)


class _Room:
    """Memory for one tile at a time."""

    def __init__(self, tile: tuple[int, int]) -> None:
        self.neighbours = np.empty((8, *tile), np.float32)
        self.weights = np.empty((3, *tile), np.float32)
        self.cells = np.empty((3, *tile), np.int16)
        self.places = np.empty((*tile, 2), np.int16)


def _fill_tile(
    piece: Floats, volume: Floats, begin: Array, steps: Array, room: _Room, outside: float
) -> None:
    last = np.array(volume.shape) - 1
    across = steps * (np.array(piece.shape) - 1)
    low = begin + np.minimum(across, 0).sum(axis=1)
    high = begin + np.maximum(across, 0).sum(axis=1)
    if (high < 0).any() or (low > last).any():
        piece[:] = outside
        return
    part = slice(piece.shape[0]), slice(piece.shape[1])
    weights, cells = room.weights[:, *part], room.cells[:, *part]
    base = np.clip(np.floor(low), 0, last - 1).astype(int)
    inside: NDArray[np.bool_] | None = None
    for axis in range(3):
        # Relative to the first cell, single precision is enough.
        down = begin[axis] - base[axis] + steps[axis, 0] * np.arange(piece.shape[0])
        along = steps[axis, 1] * np.arange(piece.shape[1])
        at, most = weights[axis], last[axis] - base[axis]
        np.add(down.astype(np.float32)[:, np.newaxis], along.astype(np.float32), out=at)
        if low[axis] < 0 or high[axis] > last[axis]:
            seen = (at >= -base[axis]) & (at <= most)
            inside = seen if inside is None else inside & seen
            np.clip(at, 0, most, out=at)
        np.copyto(cells[axis], at, casting="unsafe")
        if high[axis] >= last[axis]:
            np.minimum(cells[axis], most - 1, out=cells[axis])
        at -= cells[axis]
    height, width = volume.shape[1:]
    places = room.places[part]
    places[..., 0] = cells[2]
    np.multiply(cells[0], np.int16(height), out=cells[0])
    np.add(cells[0], cells[1], out=places[..., 1])
    planes = int(np.ceil(high[0])) - base[0] + 2
    rows = volume[base[0] : base[0] + planes].reshape(-1, width)
    values = room.neighbours[:, *part]
    for number, target in enumerate(values):
        z, y, x = number >> 2, number >> 1 & 1, number & 1
        source = rows[z * height + base[1] + y :, base[2] + x :]
        cv2.remap(source, places, None, cv2.INTER_NEAREST, dst=target)
    for weight in weights[::-1]:
        before, values = values[::2], values[1::2]
        values *= weight
        before *= 1 - weight
        values += before
    piece[:] = values[0] if inside is None else np.where(inside, values[0], np.float32(outside))
