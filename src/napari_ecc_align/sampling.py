"""Overlap and correlation of a pair from a sample of its full-resolution pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .ecc.pyramid.blocks import TileSampler, halo, tile_reference
from .ecc.pyramid.scalespace import Level
from .transform import map_points

_TILE = 32
_TILES_A_SIDE = 7
_POINTS_A_SIDE = 48
_LEAST_PIXELS = 100


def sampled_ecc(
    reference: Level, moving: Level, matrices: list[NDArray[np.float64]]
) -> list[float]:
    """Return the ECC under each matrix, over tiles spread evenly over the reference.

    The coefficient is that of Evangelidis and Psarakis (2008, eq. 3), over the pixels of all
    tiles together, at full resolution and slightly smoothed. An image of up to some 220 pixels on
    a side is sampled whole but for its border; of a larger one, up to 49 tiles of 32 pixels are.

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
    origins = _even_tiles(reference.shape)
    if not len(origins):
        return [0.0 for _ in matrices]
    tiles = tile_reference(reference, origins, _TILE)
    sampler = [TileSampler(moving, origins, _TILE)(matrix) for matrix in matrices]
    return [_pooled(tiles.values, tiles.valid, image) for image in sampler]


def overlap_share(reference: Level, moving: Level, matrix: NDArray[np.float64]) -> float:
    """Return the share of the reference's valid pixels that valid moving pixels cover.

    Parameters
    ----------
    reference, moving : Level
        Full-resolution levels.
    matrix : ndarray of float64, shape (3, 3)
        Maps reference pixels to moving pixels.
    """
    height, width = reference.shape
    y, x = np.meshgrid(
        np.linspace(0, height - 1, min(height, _POINTS_A_SIDE)).round(),
        np.linspace(0, width - 1, min(width, _POINTS_A_SIDE)).round(),
        indexing="ij",
    )
    points = np.stack([x.ravel(), y.ravel()], axis=1)
    points = points[_valid_at(reference, points)]
    if not len(points):
        return 0.0
    with np.errstate(all="ignore"):
        there = map_points(matrix, points)
    return float(_valid_at(moving, there).mean())


def _even_tiles(shape: tuple[int, int]) -> NDArray[np.float64]:
    margin = halo(False)
    axes = []
    for length in (shape[1], shape[0]):
        room = length - 2 * margin - _TILE
        count = min(_TILES_A_SIDE, 1 + room // _TILE) if room >= 0 else 0
        axes.append(margin + np.linspace(0, room, count).round())
    x, y = np.meshgrid(*axes)
    return np.stack([x.ravel(), y.ravel()], axis=1)


def _pooled(
    values: NDArray[np.float32], valid: NDArray[np.bool_] | None, image: NDArray[np.float32]
) -> float:
    inside = np.isfinite(image)
    if valid is not None:
        inside &= valid
    a, b = values[inside], image[inside]
    if len(a) < _LEAST_PIXELS:
        return 0.0
    a = a - a.mean(dtype=np.float64)
    b = b - b.mean(dtype=np.float64)
    # Not by matrix products, whose threads take longer to wake than this.
    norm = np.sqrt(np.square(a).sum() * np.square(b).sum())
    return float((a * b).sum() / norm) if norm > 0 else 0.0


def _valid_at(level: Level, points: NDArray[np.float64]) -> NDArray[np.bool_]:
    height, width = level.shape
    inside: NDArray[np.bool_] = np.all((points >= 0) & (points <= (width - 1, height - 1)), axis=1)
    if level.valid is not None:
        x, y = np.rint(points[inside]).astype(np.intp).T
        inside[inside] = level.valid[y, x]
    return inside
