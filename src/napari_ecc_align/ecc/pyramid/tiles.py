"""Which tiles of a fine level to read: textured in both directions, spread over the overlap."""

from __future__ import annotations

import numpy as np

from ..._cv2 import cv2
from .blocks import BORDER, halo
from .models import Array, apply
from .scalespace import Floats, Level, floats

# Tiles weaker than this share of a strong one are paper, sky or noise.
_WEAKEST = 0.02
# A tile needs so much of its area unmasked.
_MIN_VALID = 0.6
# The image is divided into so many cells along its longer side; tiles are dealt out cell by cell.
_CELLS = 6
# Tiles to choose from along each side: more take longer to rank than to read.
_MOST_A_SIDE = 128


def grid(shape: tuple[int, int], size: int, margin: int) -> Array:
    """Return the first pixels (x, y), shape (n, 2), of tiles inside a margin.

    They lie side by side or, on very large images, some tiles apart.
    """
    axes = []
    for length in (shape[1], shape[0]):
        count = max(0, (length - 2 * margin) // size)
        apart = size * max(1, -(-count // _MOST_A_SIDE))
        count = -(-count * size // apart)
        first = (length - (count - 1) * apart - size) // 2
        axes.append(first + apart * np.arange(count))
    x, y = np.meshgrid(*axes)
    return np.stack([x.ravel(), y.ravel()], axis=1).astype(np.float64)


def best_size(shape: tuple[int, int], margin: int, around: int) -> int:
    """Return the tile size near `around` px that leaves least of the image uncovered."""

    def covered(size: int) -> float:
        return float(
            np.prod([(length - 2 * margin) // size * size for length in shape], dtype=np.float64)
        )

    return max(range(around - around // 4, around + around // 4 + 1, 4), key=covered)


def strength(level: Level, shrink: int, origins: Array, size: int) -> Array:
    """Return the smaller eigenvalue of each tile's structure tensor, on a coarser level.

    Parameters
    ----------
    level : Level
        The coarser level, on which tiles measure ``size / shrink`` px.
    shrink : int
        Ratio between the tiles' level and `level`.
    origins : (n, 2) array
        Tiles, in px of their own level.
    """
    image, valid = level.patch(0, level.shape[0], 0, level.shape[1])
    gx = cv2.Sobel(image, cv2.CV_32F, 1, 0)
    gy = cv2.Sobel(image, cv2.CV_32F, 0, 1)
    planes = [floats(gx * gx), floats(gx * gy), floats(gy * gy)]
    if valid is not None:
        inside = cv2.erode(valid.view(np.uint8), np.ones((3, 3), np.uint8)).astype(np.float32)
        planes = [plane * inside for plane in planes]
    xx, xy, yy = (_sums(plane, origins, size, shrink) for plane in planes)
    smaller = (xx + yy) / 2 - np.sqrt(((xx - yy) / 2) ** 2 + xy**2)
    if valid is not None:
        covered = _sums(valid.astype(np.float32), origins, size, shrink) * shrink**2 / size**2
        smaller[covered < _MIN_VALID] = 0
    return np.asarray(smaller)


def _sums(plane: Floats, origins: Array, size: int, shrink: int) -> Array:
    integral = cv2.integral(plane, sdepth=cv2.CV_64F)
    h, w = plane.shape
    x0, y0 = np.clip(np.rint(origins / shrink).astype(int), 0, [w, h]).T
    x1, y1 = np.clip(np.rint((origins + size) / shrink).astype(int), 0, [w, h]).T
    return np.asarray(integral[y1, x1] - integral[y0, x1] - integral[y1, x0] + integral[y0, x0])


def overlap(origins: Array, size: int, matrix: Array, moving: Level, gradient: bool) -> Array:
    """Tell how well tiles land inside the moving level: 1 entirely, 0.5 partly, 0 not."""
    ring = halo(gradient) + BORDER + 1
    last = size - 1
    square = np.array([[0, 0], [last, 0], [last, last], [0, last]], dtype=np.float64)
    corners = apply(matrix, (origins[:, None] + square).reshape(-1, 2)).reshape(-1, 4, 2)
    h, w = moving.shape
    inside = np.all((corners >= ring) & (corners <= np.array([w, h]) - 1 - ring), axis=2)
    centre = np.rint(corners.mean(axis=1)).astype(int)
    central = np.all((centre >= ring) & (centre < np.array([w, h]) - ring), axis=1)
    if moving.valid is not None:
        x, y = np.clip(centre, 0, [w - 1, h - 1]).T
        central &= moving.valid[y, x]
    return np.asarray(np.where(central, np.where(inside.all(axis=1), 1.0, 0.5), 0.0))


def order(origins: Array, strengths: Array, overlaps: Array, shape: tuple[int, int]) -> Array:
    """Return the indices of tiles that have any texture, best spread first.

    The strongest tile of every cell comes first, then the second of every cell, and so on: any
    leading part covers the image.  Weak tiles and those that overlap only partly come last.
    """
    useful = np.flatnonzero((strengths > 0) & (overlaps > 0))
    cell = max(shape) / _CELLS
    column, row = (origins[useful] // cell).astype(int).T
    cells = row * (_CELLS + 1) + column
    by_strength = np.lexsort((-strengths[useful], cells))
    sorted_cells = cells[by_strength]
    first = (
        np.flatnonzero(np.r_[True, sorted_cells[1:] != sorted_cells[:-1]])
        if len(useful)
        else np.zeros(0, int)
    )
    rank = np.arange(len(useful)) - np.repeat(first, np.diff(np.r_[first, len(useful)]))
    weak = (strengths < _WEAKEST * _typical(strengths)) | (overlaps < 1)
    dealt = np.lexsort((-strengths[useful][by_strength], rank, weak[useful][by_strength]))
    return np.asarray(useful[by_strength[dealt]])


def _typical(strengths: Array) -> float:
    return float(np.quantile(strengths, 0.9)) if len(strengths) else 0.0
