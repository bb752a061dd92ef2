"""Overlap and correlation of a pair from a sample of its full-resolution pixels."""

from __future__ import annotations

from functools import lru_cache
from math import isqrt

import numpy as np
from numpy.typing import NDArray

from .._common.opencv import cv2
from .._ecc.correlation import ecc
from .._images.pyramid.blocks import smoothed, tile_values
from .._images.pyramid.filters import RADIUS, warp
from .._images.pyramid.levels import Level, floats
from .._images.pyramid.representations import halo
from .._images.pyramid.tile_choice import MOST_A_SIDE
from .._images.pyramid.tile_sampler import TileSampler
from .._images.pyramid.windows import OnDemand
from .._transform.coordinates import UNMOVED, corners, crossings, map_points
from .limits import MOST_PIXELS
from .tile_matching import FIRST_TILES, LARGEST_TILE, MOST_TILES

_TILES_A_SIDE = isqrt(MOST_TILES)
# Of what has to be read for it, fewer tiles have to do, each at the best of many places.
_FEW_A_SIDE = isqrt(FIRST_TILES)
_POINTS_A_SIDE = isqrt(MOST_PIXELS)
# What the tiles' smoothing and sampling read around them, at most.
_AROUND = 16


def sampled_ecc(
    reference: Level, moving: Level, matrices: list[NDArray[np.float64]]
) -> list[float]:
    """Return the ECC under each matrix, over tiles spread evenly over the reference.

    The coefficient is that of Evangelidis and Psarakis (2008, eq. 3), over the pixels of all
    tiles together, at full resolution and slightly smoothed. A small image is sampled on an even
    lattice, a larger one in up to 36 tiles of 44 pixels. A pair that is read on demand is sampled
    in 16, moved to where its pixels are in memory.

    Parameters
    ----------
    reference, moving : Level
        Full-resolution levels.
    matrices : list of ndarray of float64, shape (3, 3)
        Each maps reference pixels to moving pixels.

    Returns
    -------
    list of float
        In [-1, 1]; 0 where too little overlaps or an image is flat there.
    """
    whole, other = smoothed(reference), smoothed(moving)
    if whole is not None and other is not None:
        lattice, size = _lattice(whole.shape)
        inside, at = _lattice_points(whole.shape)
        own = reference.recent("sparse sample", size, lambda: floats(whole.take(at)))
        # Where they are, on pixels of the same grid, nothing lies between them.
        alike = other.shape == whole.shape
        return [
            ecc(own, None, floats(other.take(at)))
            if alike and np.array_equal(matrix, UNMOVED)
            else ecc(own, None, warp(other, matrix @ lattice, size).take(inside))
            for matrix in matrices
        ]
    if any(isinstance(level.image, OnDemand) for level in (reference, moving)):
        origins = _tiles_at_hand(reference, moving, matrices)
    else:
        origins = _even_tiles(reference.shape, _TILES_A_SIDE)
    if not len(origins):
        return [0.0 for _ in matrices]
    values, valid = tile_values(reference, origins, _tile_side(reference.shape))
    return [
        ecc(values, valid, _sampled(moving, reference.shape, origins, matrix))
        for matrix in matrices
    ]


def overlap_share(reference: Level, moving: Level, matrix: NDArray[np.float64]) -> float:
    """Return the share of the reference's valid pixels that valid moving pixels cover.

    Parameters
    ----------
    reference, moving : Level
        Full-resolution levels.
    matrix : ndarray of float64, shape (3, 3)
        Maps reference pixels to moving pixels.
    """
    if reference.valid is None and moving.valid is None:
        part = _shared_part(reference.shape, moving.shape, matrix.astype(np.float64).tobytes())
        area = (reference.shape[0] - 1.0) * (reference.shape[1] - 1.0)
        share = cv2.contourArea(part.astype(np.float32)) / area if area and len(part) else 0
        return float(share) if share > 0 else 0.0
    points, shown = _shown_points(reference, moving, matrix)
    return np.count_nonzero(shown) / len(points) if len(points) else 0.0


def shared_hull(
    reference: Level, moving: Level, matrix: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the corners (x, y) of the hull of the reference's pixels that both images show.

    The arguments are those of `overlap_share`. The corners of the frame where little is shared.
    """
    if reference.valid is None and moving.valid is None:
        hull = _shared_part(reference.shape, moving.shape, matrix.astype(np.float64).tobytes())
    else:
        points, shown = _shown_points(reference, moving, matrix)
        points = points[shown]
        # Row by row: of those between the first and the last, none is a corner.
        ends = np.ones(len(points) + 1, bool)
        ends[1:-1] = points[1:, 1] != points[:-1, 1]
        points = points[ends[1:] | ends[:-1]].astype(np.float32)
        hull = cv2.convexHull(points)[:, 0].astype(np.float64) if len(points) else points
    return corners(reference.shape) if len(hull) < 3 else hull


def _shown_points(
    reference: Level, moving: Level, matrix: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return points (x, y) all over the reference, and which of them the moving image shows."""
    points = _even_points(reference.shape)
    if reference.valid is not None:
        points = points[_valid_at(reference, points)]
    return points, _valid_at(moving, map_points(matrix, points))


@lru_cache(maxsize=4)
def _shared_part(
    shape: tuple[int, int], there: tuple[int, int], matrix: bytes
) -> NDArray[np.float64]:
    """Return the corners (x, y) of the part of an image that another one shows, one by one."""
    across, down, depth = np.frombuffer(matrix).reshape(3, 3)
    part = corners(shape)[[0, 1, 3, 2]].tolist()
    # Beyond the horizon of a perspective nothing is on the right side of all four edges.
    edges = across, down, (there[1] - 1) * depth - across, (there[0] - 1) * depth - down
    for a, b, c in np.array(edges).tolist():
        sides = [a * x + b * y + c for x, y in part]
        kept = []
        for k, (x, y) in enumerate(part):
            (u, v), side, before = part[k - 1], sides[k], sides[k - 1]
            if (side < 0) != (before < 0):
                share = side / (side - before)
                kept.append([x + share * (u - x), y + share * (v - y)])
            if side >= 0:
                kept.append([x, y])
        part = kept
    found = np.array(part).reshape(-1, 2)
    found.setflags(write=False)
    return found


def _lattice(shape: tuple[int, int]) -> tuple[NDArray[np.float64], tuple[int, int]]:
    """Return a map from (i, j, 1) to pixels (x, y, 1) of an image, and how many i and j there are.

    Its points lie askew: whatever repeats along rows or columns is seen in every phase.
    """
    height, width = shape
    step = int(np.ceil(np.sqrt(max(0.0, height * width / MOST_PIXELS - 1))))
    if not step:
        return np.eye(3), (width, height)
    share = step**2 + 1
    first = -(-height // share)
    lattice = np.array([[step, 1, -step * first], [-1, step, first], [0, 0, 1.0]])
    return lattice, (-(-step * width // share) + first, -(-(width + step * height) // share))


@lru_cache(maxsize=4)
def _lattice_points(shape: tuple[int, int]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return which points of the lattice lie on smoothed pixels, and on which of these.

    Both as indices of what is flat. So far inside that there is a pixel after each.
    """
    lattice, (width, height) = _lattice(shape)
    j, i = np.mgrid[:height, :width].reshape(2, -1)
    x, y = map_points(lattice, np.stack([i, j], axis=1)).T.astype(np.intp)
    far = np.stack([x, y], axis=1) - RADIUS
    inside = np.flatnonzero(_inside((shape[0] - 2 * RADIUS - 1, shape[1] - 2 * RADIUS - 1), far))
    return inside, (y * shape[1] + x)[inside]


def _sampled(
    moving: Level,
    shape: tuple[int, int],
    origins: NDArray[np.float64],
    matrix: NDArray[np.float64],
) -> NDArray[np.float32]:
    """Return the tiles of the moving image under a matrix, NaN without data."""
    side = _tile_side(shape)
    if moving.shape != shape or not np.array_equal(matrix, np.eye(3)):
        return TileSampler(moving, origins, side)(matrix)
    values, valid = tile_values(moving, origins, side)
    if valid is not None:
        values[~valid] = np.nan
    return values


@lru_cache(maxsize=8)
def _even_points(shape: tuple[int, int]) -> NDArray[np.float64]:
    y, x = (np.linspace(0, n - 1, min(n, _POINTS_A_SIDE)).round() for n in shape)
    return crossings(x, y)


def _tile_side(shape: tuple[int, int]) -> int:
    return min(LARGEST_TILE, max(1, min(shape) - 2 * halo()))


@lru_cache(maxsize=8)
def _even_tiles(shape: tuple[int, int], most: int) -> NDArray[np.float64]:
    margin = halo()
    side = _tile_side(shape)
    axes = []
    for length in (shape[1], shape[0]):
        room = length - 2 * margin - side
        count = min(most, 1 + room // side) if room >= 0 else 0
        axes.append(margin + np.linspace(0, room, count).round())
    return crossings(*axes)


def _tiles_at_hand(
    reference: Level, moving: Level, matrices: list[NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Return a few even tiles, each moved to the nearest place that costs least to read."""
    origins = _even_tiles(reference.shape, _FEW_A_SIDE)
    others = _even_tiles(reference.shape, MOST_A_SIDE)
    if not len(others):
        return origins
    box = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) * (LARGEST_TILE - 1 + 2 * _AROUND) - _AROUND
    boxes = others[:, None] + box
    costs = np.zeros(len(others))
    for level, matrix in ((reference, np.eye(3)), *((moving, matrix) for matrix in matrices)):
        if isinstance(level.image, OnDemand):
            costs += ~level.image.reader.at_hand(map_points(matrix, boxes))
    apart = np.array(reference.shape[::-1]) / _FEW_A_SIDE
    chosen = []
    for origin in origins:
        distances = np.abs((others - origin) / apart).max(axis=1)
        # So that they stay spread, in its own part of the image.
        near = distances <= 0.5
        chosen.append(others[np.where(near, costs + distances, np.inf).argmin()])
    return np.unique(chosen, axis=0)


def _inside(shape: tuple[int, int], points: NDArray[np.float64]) -> NDArray[np.bool_]:
    (x, y), (height, width) = points.T, shape
    return np.asarray((x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1))


def _valid_at(level: Level, points: NDArray[np.float64]) -> NDArray[np.bool_]:
    inside = _inside(level.shape, points)
    if level.valid is not None:
        x, y = np.rint(points[inside]).astype(np.intp).T
        inside[inside] = level.valid[y, x]
    return inside
