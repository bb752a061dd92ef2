"""What tiles have in common with the tiles beside them, in images and in volumes."""

from __future__ import annotations

from functools import lru_cache
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from .limits import CLEAR, CLEAR_SIGMAS, LEAST_TILES

Array = NDArray[np.float64]
Beside = tuple[NDArray[np.intp], Array]
"""Which tiles are nearest to each, shape (n, 3), and how far they are, infinite if none."""

# Most of so many nearest neighbours must be displaced alike, to this share of the displacement, or
# those of one that is displaced alike. Chosen by hand: two of one length that point anywhere
# differ by more in four of five cases, so that one of three is alike by chance in half of all, and
# two in one of ten; in volumes all are rarer.
_ALIKE, _NEIGHBOURS = 0.6, 3
LEAST_DISPLACED = _NEIGHBOURS
"""As many tiles a pixel off are no accident."""


def lengths(vectors: Array) -> Array:
    """Return the lengths of vectors along the last axis."""
    return np.asarray(np.sqrt(np.einsum("...i,...i->...", vectors, vectors)))


def neighbours(places: Array, side: float) -> Beside:
    """Return each tile's nearest others, of places (n, axes) and of a side.

    Tiles that overlap show the same and are no neighbours.
    """
    return _kept_neighbours(places.astype(np.float64).tobytes(), places.shape[1], side)


# The frames of a film are asked at the same places.
@lru_cache(maxsize=64)
def _kept_neighbours(at: bytes, axes: int, side: float) -> Beside:
    places = np.frombuffer(at).reshape(-1, axes)
    # Along so short an axis as that of places, one product would take twice as long.
    apart = np.sqrt(sum((along[:, None] - along) ** 2 for along in places.T))
    # By more than rounding explains.
    apart[apart < CLEAR * side] = np.inf
    rows, count = np.arange(len(places)), min(_NEIGHBOURS, len(places))
    nearest, distances = np.empty((len(places), count), np.intp), np.empty((len(places), count))
    # To put all of them in order would take three times as long.
    for one in range(count):
        nearest[:, one] = apart.argmin(axis=1)
        distances[:, one] = apart[rows, nearest[:, one]]
        apart[rows, nearest[:, one]] = np.inf
    return nearest, distances


def like_neighbours(
    moves: Array, own: NDArray[np.intp], beside: Beside
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Tell of each tile, one of `own`, if most of its nearest are displaced alike, and if any is.

    Of most also if those of one that is like it are: at the edge of what is displaced, most are
    not.
    """
    found = np.zeros((2, len(moves)), bool)
    if len(own) < 2:
        return found[0], found[1]
    nearest, apart = beside
    good = moves[own]
    unlike = lengths(good[:, None] - good[nearest])
    unlike[~np.isfinite(apart)] = np.inf
    alike = unlike <= _ALIKE * lengths(good)[:, None]
    most = 2 * alike.sum(axis=1) > _NEIGHBOURS
    found[:, own] = most | (alike & most[nearest]).any(axis=1), alike.any(axis=1)
    return found[0], found[1]


def shared_with(moves: Array, beside: Beside) -> float:
    """Return the RMS displacement that tiles share with their neighbours; 0 if it is in doubt.

    The mean product of two tiles' displacements is without the noise of either.
    """
    if len(moves) < LEAST_TILES:
        return 0.0
    nearest, apart = beside
    others = np.where(np.isfinite(apart)[..., None], moves[nearest], 0).mean(axis=1)
    products = (moves * others).sum(axis=1)
    # Each product is there twice.
    mean = float(products.sum()) / len(products)
    around = products - mean
    doubt = CLEAR_SIGMAS * sqrt(float(around @ around) / len(products) / (len(products) / 2))
    return float(np.sqrt(mean)) if mean > doubt else 0.0
