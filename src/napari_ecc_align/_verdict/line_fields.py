"""Is every other line displaced: scanned there and back, or interlaced."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from .._images.pyramid.levels import Floats, Level
from .limits import LEAST_TILES, least_like
from .tile_matching import LARGEST_TILE

# As far (px) a field is looked for: what is displaced by more is seen by eye.
_REACH = 8


def field_offset(level: Level, places: NDArray[np.float64]) -> float:
    """Return by how much every other line of an image is displaced along itself.

    Each line of one field is correlated with the mean of its two neighbours, which belong to the
    other field: of an image that is one, whatever it shows, that is highest where they lie.

    Parameters
    ----------
    level : Level
        Of full resolution.
    places : ndarray of float64, shape (n, 2)
        Places (x, y) with detail.

    Returns
    -------
    float
        In px, of rows or of columns, whichever is more; 0 where it is in doubt.
    """
    some = places[:LEAST_TILES]
    return level.recent("displaced fields", some.tobytes(), lambda: _clearest(level, some))


def _clearest(level: Level, places: NDArray[np.float64]) -> float:
    patches = _patches(level, places)
    offsets = (_offset(patches), _offset(patches.transpose(0, 2, 1)))
    return max(offsets, key=abs)


def _patches(level: Level, places: NDArray[np.float64]) -> Floats:
    height, width = level.shape
    side = min(LARGEST_TILE, height, width) // 2 * 2
    firsts = np.clip(np.rint(places) - side // 2, 0, (width - side, height - side)).astype(int)
    boxes = [np.s_[y : y + side, x : x + side] for x, y in firsts.tolist()]
    counts = level.valid
    whole = [level.image[box] for box in boxes if counts is None or counts[box].all()]
    if not whole:
        return np.empty((0, side, side), np.float32)
    return level.convert(np.stack(whole), None)


def _offset(patches: Floats) -> float:
    """Return by how much odd rows are displaced along rows, in patches (n, h, w)."""
    if not len(patches) or patches.shape[1] < 4 * _REACH:
        return 0.0
    lines = patches - patches.mean(axis=2, keepdims=True)
    odd = lines[:, 1:-1:2, _REACH:-_REACH]
    around = np.ascontiguousarray(lines[:, :-2:2] + lines[:, 2::2])
    shape, strides = (2 * _REACH + 1, odd.shape[2]), around.strides
    shifted = as_strided(around, (*around.shape[:2], *shape), (*strides, strides[2]))
    fits = np.einsum("nrw,nrsw->ns", odd, shifted)
    columns = np.einsum("nrw,nrw->nw", around, around)
    powers = as_strided(columns, (len(columns), *shape), (*columns.strides, columns.strides[1]))
    fits /= np.sqrt((odd * odd).sum(axis=(1, 2))[:, None] * powers.sum(axis=2)) + 1e-12
    found = fits.argmax(axis=1) - _REACH
    # Where they lie they leave much more unexplained, and the best is no border.
    clear = (fits[:, _REACH] < least_like(fits.max(axis=1))) & (np.abs(found) < _REACH)
    typical = float(np.median(found[clear])) if clear.any() else 0.0
    alike = clear & (np.abs(found - typical) <= 1)
    # A colour mosaic may look displaced by one.
    return typical if abs(typical) > 1 and 2 * alike.sum() > len(found) else 0.0
