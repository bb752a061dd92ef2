"""Which tiles of a fine level to read: textured in both directions, spread over the overlap."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from ..._common.opencv import cv2
from ..._common.quantiles import quantile
from ..._transform.coordinates import corners, crossings, map_points
from ..._transform.models import Array
from .filters import BORDER
from .levels import Level, index_below
from .representations import Representation, halo

# Tiles weaker than this share of a strong one are paper, sky or noise; so many are not stronger.
_WEAKEST, _STRONG = 0.02, 0.9
# With less than this share of the strongest, a tile shows nothing that could be matched; where
# only few show more, all that are so many times as strong as an empty one, as the weakest tenth is
# where there is little to see, and not only across an edge. Chosen on stars, and on marks in an
# even field.
_LEAST_DETAIL, _EMPTY, _ABOVE_EMPTY, _ROUND = 0.02, 0.1, 6.0, 0.1
# A tile needs so much of its area unmasked.
_MIN_VALID = 0.6
# The image is divided into so many cells along its longer side; tiles are dealt out cell by cell.
_CELLS = 6
# Of a level of at most so many pixels what tiles are chosen by is kept.
_KEPT_PIXELS = 2**18
MOST_A_SIDE = 128
"""Tiles to choose from along each side: more take longer to rank than to read."""
OVERVIEW_PIXELS = 2**21
"""A level of at most so many pixels can be looked at whole."""


@lru_cache(maxsize=32)
def grid(shape: tuple[int, int], size: int, margin: int) -> Array:
    """Return the first pixels (x, y), shape (n, 2), of tiles inside a margin.

    They lie side by side or, on very large images, some tiles apart.
    """
    axes = []
    for length in (shape[1], shape[0]):
        count = max(0, (length - 2 * margin) // size)
        apart = size * max(1, -(-count // MOST_A_SIDE))
        count = -(-count * size // apart)
        first = (length - (count - 1) * apart - size) // 2
        axes.append(first + apart * np.arange(count))
    return crossings(*axes)


@lru_cache(maxsize=32)
def best_size(shape: tuple[int, int], margin: int, around: int) -> int:
    """Return the tile size near `around` px that leaves least of the image uncovered."""

    def covered(size: int) -> int:
        height, width = ((length - 2 * margin) // size * size for length in shape)
        return height * width

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
    return _eigenvalues(level, shrink, origins, size)[0]


def _eigenvalues(level: Level, shrink: int, origins: Array, size: int) -> tuple[Array, Array]:
    """Return the smaller and the larger eigenvalue of each tile's structure tensor."""
    h, w = level.shape
    first = np.rint(origins.T / shrink).astype(int)
    last = np.rint((origins.T + size) / shrink).astype(int)
    ends = np.minimum(np.maximum((first, last), 0), np.array([[w], [h]]))
    (x0, y0), (x1, y1) = ends
    table = _structure(level)
    sums = table[y1, x1] - table[y0, x1] - table[y1, x0] + table[y0, x0]
    xx, xy, yy = sums.T[:3]
    mean, apart = (xx + yy) / 2, np.sqrt(((xx - yy) / 2) ** 2 + xy**2)
    smaller = mean - apart
    if level.valid is not None:
        # A tile's corners are rounded here: it may measure a pixel less or more.
        smaller[sums[:, 3] < _MIN_VALID * (x1 - x0) * (y1 - y0)] = 0
    return np.asarray(smaller), np.asarray(mean + apart)


def detail(level: Level, shrink: int, origins: Array, size: int, enough: int) -> Array:
    """Return the strength of each tile, 0 where a tile shows too little to be matched.

    Parameters
    ----------
    level, shrink, origins, size
        As for `strength`.
    enough : int
        If fewer tiles show something next to the strongest, those that stand out of the noise in
        every direction do, too: a few bright stars do not make nothing of all others.
    """
    weak, strong = _eigenvalues(level, shrink, origins, size)
    least = _LEAST_DETAIL * weak.max(initial=0)
    shown = weak >= least
    if 0 < np.count_nonzero(shown) < enough:
        empty = quantile(weak[weak > 0], _EMPTY)
        shown |= (weak > _ABOVE_EMPTY * empty) & (weak > _ROUND * strong)
    return np.where(shown, weak, 0)


def _structure(level: Level) -> Array:
    """Return the integral, (h + 1, w + 1, 3 or 4), of gx², gx·gy, gy² and, if need be, validity.

    That of a small level is kept, because several sorts of tiles are chosen on it.
    """
    kept: Array | None = level.cache.get("structure")
    if kept is not None:
        return kept
    image, valid = level.whole()
    gx = cv2.Sobel(image, cv2.CV_32F, 1, 0)
    gy = cv2.Sobel(image, cv2.CV_32F, 0, 1)
    planes = np.empty((*image.shape, 3 if valid is None else 4), np.float32)
    for k, (a, b) in enumerate(((gx, gx), (gx, gy), (gy, gy))):
        np.multiply(a, b, out=planes[..., k])
    if valid is not None:
        inside = cv2.erode(valid.view(np.uint8), np.ones((3, 3), np.uint8))
        planes[..., :3] *= inside[..., None]
        planes[..., 3] = valid
    table = np.asarray(cv2.integral(planes, sdepth=cv2.CV_64F))
    if image.size <= _KEPT_PIXELS:
        level.cache["structure"] = table
    return table


def overlap(
    origins: Array,
    size: int,
    matrix: Array,
    moving: Level,
    representation: Representation = "intensity",
) -> Array:
    """Tell how well tiles land inside the moving level: 1 entirely, 0.5 partly, 0 not."""
    ring = halo(representation) + BORDER + 1
    h, w = moving.shape
    (x, y), around = _mapped(origins, size, matrix)
    whole = (np.abs(x - (w - 1) / 2) + around[0] <= (w - 1) / 2 - ring) & (
        np.abs(y - (h - 1) / 2) + around[1] <= (h - 1) / 2 - ring
    )
    x, y = np.rint(x).astype(int), np.rint(y).astype(int)
    central = (x >= ring) & (x < w - ring) & (y >= ring) & (y < h - ring)
    if moving.valid is not None:
        central &= moving.valid[np.clip(y, 0, h - 1), np.clip(x, 0, w - 1)]
    return np.where(central, np.where(whole, 1.0, 0.5), 0.0)


def _mapped(origins: Array, size: int, matrix: Array) -> tuple[Array, Array]:
    """Return the middles of mapped tiles, (2, n) as (x, y), and how far these reach from them."""
    last = size - 1
    if matrix[2, 0] == matrix[2, 1] == 0:
        middles = map_points(matrix, origins + last / 2).T
        return middles, np.abs(matrix[:2, :2] / matrix[2, 2]).sum(axis=1) * (last / 2)
    boxes = origins + corners((size, size))[[0, 1, 3, 2], None]
    mapped = np.moveaxis(map_points(matrix, boxes), -1, 0)
    middles = mapped.sum(axis=1) / 4
    return middles, np.abs(mapped - middles[:, None]).max(axis=1)


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
    useful, cells = useful[by_strength], cells[by_strength]
    rank = np.arange(len(useful)) - np.searchsorted(cells, cells)
    own = strengths[useful]
    weak = (own < _WEAKEST * quantile(strengths, _STRONG)) | (overlaps[useful] < 1)
    return np.asarray(useful[np.lexsort((-own, rank, weak))])


def overview(levels: list[Level], first: int) -> Level:
    """Return the finest level from `first` on that can be looked at whole, or the coarsest."""
    rest = levels[min(first, len(levels) - 1) :]
    return rest[index_below(OVERVIEW_PIXELS, rest)]
