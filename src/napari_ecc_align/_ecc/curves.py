"""One image's values as a function of the other's, whatever the function.

What is bright in one image may be dark in another of a different kind, and what is brighter still
bright again: no curve that only rises lays them on each other's values. The mean of one image's
values over all pixels where the other one has some value is the function of the latter that comes
nearest to the former; what it leaves makes the correlation ratio [1]_. Of two images, either may
be a function of the other where that is none of it.

References
----------
.. [1] A. Roche, G. Malandain, X. Pennec and N. Ayache, "The Correlation Ratio as a New Similarity
   Measure for Multimodal Image Registration", MICCAI 1998.
"""

from __future__ import annotations

import numpy as np

from .._images.pyramid.levels import Floats
from .._transform.models import Array
from .tones import CLEARLY_LESS, Tones, centred, left_by, thinned

# Of a function so many means are taken, each of as many pixels: some hundreds, of all that are
# looked at.
_MEANS = 64


def learned_curve(
    own: Floats, other: Floats, place: Array, tones: Tones | None
) -> tuple[Tones | None, Tones | None] | None:
    """Return what to take either of two images' values for, if that explains clearly more.

    Parameters
    ----------
    own, other : (n, size, size) array
        Tiles of the reference, and what the moving image shows there.
    place : (2, n, size, size) array
        Where their pixels lie; see `Tones.of`.
    tones : Tones or None
        What the other image's values are taken for so far.

    Returns
    -------
    tones, own_tones : Tones or None
        Of the other image's values or, instead, of the own ones. None for both where neither
        leaves clearly less than what they are taken for so far.
    """
    own, other, place = thinned(own), thinned(other), thinned(place)
    sign = -1.0 if (centred(own) * centred(other)).sum() < 0 else 1.0
    alike = other if tones is None else tones.of(other, place)
    least, best = CLEARLY_LESS * left_by(own, alike) / _power(own), None
    for wanted, given, of_own in ((own, other, False), (other, own, True)):
        left = _left_of_others(wanted, given) / _power(wanted)
        if left < least:
            curve = Tones(0.0, 1.0, np.eye(6)[0], _curve(wanted, given) * [[1.0], [sign]])
            least, best = left, (None, curve) if of_own else (curve, None)
    return best


def _left_of_others(wanted: Floats, given: Floats) -> float:
    """Return what the curve of half of the tiles leaves of the other half, for both halves."""
    left = 0.0
    for half in (0, 1):
        x, y = _curve(wanted[1 - half :: 2], given[1 - half :: 2])
        seen = wanted[half::2], np.interp(given[half::2], x, y)
        left += left_by(*seen)
    return left


def _curve(wanted: Floats, given: Floats) -> Array:
    """Return values of one image and the mean of the other's there, shape (2, n)."""
    order = np.argsort(given, axis=None)
    shares = np.array_split(np.arange(order.size), min(_MEANS, order.size))
    starts = np.array([share[0] for share in shares])
    counts = np.diff([*starts, order.size])
    means = [
        np.add.reduceat(np.asarray(tiles, np.float64).ravel()[order], starts) / counts
        for tiles in (given, wanted)
    ]
    values, where, often = np.unique(means[0], return_inverse=True, return_counts=True)
    return np.stack([values, np.bincount(where.ravel(), means[1]) / often])


def _power(tiles: Floats) -> float:
    return float((centred(tiles) ** 2).sum()) or 1.0
