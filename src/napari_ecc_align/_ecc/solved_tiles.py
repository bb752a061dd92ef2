"""Which tiles of a fine level a transform is fitted to."""

from __future__ import annotations

import numpy as np

from .._images.pyramid import tile_choice as tiles
from .._images.pyramid.filters import BORDER
from .._images.pyramid.levels import Level
from .._images.pyramid.representations import Representation, halo
from .._images.pyramid.tile_choice import overview
from .._transform.coordinates import corners, map_points, scaled
from .._transform.models import Array

_TILE = 64
# Tiles keep off the border by how far a film's frames have moved, in steps of so many px.
_ROOM, _MOST_STEPS = 4, 6


def chosen_tiles(
    reference: list[Level],
    moving: Level,
    index: int,
    matrix: Array,
    representation: Representation,
    *,
    inside: bool = False,
) -> tuple[int, Array]:
    """Return the size of tiles on a level, and their first pixels (x, y), best first.

    Parameters
    ----------
    reference : list of Level
        Pyramid, full resolution first.
    moving : Level
        The level of the moving image.
    index : int
        Of the level.
    matrix : (3, 3) array
        Roughly where the moving image lies, in px of level 0.
    representation : {"intensity", "gradient", "orientation"}
    inside : bool, default: False
        Move those at the border so that all lie on a moving image which moved little.
    """
    level = reference[index]
    margin = halo(representation) + (BORDER if index else 0)
    around = _TILE if min(level.shape) >= 6 * _TILE else _TILE // 2
    size = tiles.best_size(level.shape, margin, around)
    origins = tiles.grid(level.shape, size, margin)
    local = scaled(matrix, 2.0**-index)
    seen = inside and moving.valid is None and moving.shape == level.shape
    moved = _moved_by(local, level.shape) if seen else 0
    if moved:
        last = np.array(level.shape[::-1]) - size - margin - moved
        origins = np.clip(origins, margin + moved, np.maximum(last, margin + moved))
        overlaps = np.ones(len(origins))
    else:
        overlaps = tiles.overlap(origins, size, local, moving, representation)

    def chosen() -> Array:
        measured = overview(reference, index + 3)
        strengths = tiles.strength(measured, 2 ** (measured.index - index), origins, size)
        return np.asarray(origins[tiles.order(origins, strengths, overlaps, level.shape)])

    key = size, origins.tobytes(), overlaps.tobytes()
    return size, level.recent("choice of tiles", key, chosen)


def _moved_by(matrix: Array, shape: tuple[int, int]) -> int:
    """Return how far (px) a matrix moves the corners of a level, in few steps; 0 if far.

    Tiles that keep off the border by so much lie on the moving image. They overlap their
    neighbours by it.
    """
    moves = map_points(matrix, corners(shape)) - corners(shape)
    steps = int(np.ceil(np.abs(moves).max() / _ROOM))
    return _ROOM * steps if steps <= _MOST_STEPS else 0
