"""Which tiles of a fine level a transform is fitted to."""

from __future__ import annotations

import numpy as np

from .._images.pyramid import tile_choice as tiles
from .._images.pyramid.filters import BORDER
from .._images.pyramid.levels import Level, overview
from .._images.pyramid.representations import Representation, halo
from .._transform.models import Array
from .._transform.transform import scaled

_TILE = 64


def chosen_tiles(
    reference: list[Level],
    moving: Level,
    index: int,
    matrix: Array,
    representation: Representation,
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
    """
    level = reference[index]
    margin = halo(representation) + (BORDER if index else 0)
    around = _TILE if min(level.shape) >= 6 * _TILE else _TILE // 2
    size = tiles.best_size(level.shape, margin, around)
    origins = tiles.grid(level.shape, size, margin)
    local = scaled(matrix, 2.0**-index)
    overlaps = tiles.overlap(origins, size, local, moving, representation)
    measured = overview(reference, index + 3)
    strengths = tiles.strength(measured, 2 ** (measured.index - index), origins, size)
    return size, np.asarray(origins[tiles.order(origins, strengths, overlaps, level.shape)])
