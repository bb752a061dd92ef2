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

from .._images.pyramid.levels import Floats, floats
from .._transform.models import Array
from .tones import CLEARLY_LESS, Tones, centred, left_by

# Of a function so many means are taken, each of as many pixels: some hundreds, of all that are
# looked at.
_MEANS = 64


def learned_curve(
    own: Floats, other: Floats, alike: Floats | None = None
) -> tuple[Tones | None, Tones | None] | None:
    """Return what to take either of two images' values for, if that explains clearly more.

    Parameters
    ----------
    own, other : (n, size, size) array
        Tiles of the reference, and what the moving image shows there.
    alike : (n, size, size) array, optional
        What the other image's values are taken for so far, as they are by default.

    Returns
    -------
    tones, own_tones : Tones or None
        Of the other image's values or, instead, of the own ones. None for both where neither
        leaves clearly less than what they are taken for so far.
    """
    if len(own) < 2:
        return None
    sign = -1.0 if (centred(own) * centred(other)).sum() < 0 else 1.0
    # An uncertainty falls by as much as the root of what is left.
    least = CLEARLY_LESS**2 * left_by(own, other if alike is None else alike) / _power(own)
    best: tuple[Tones | None, Tones | None] | None = None
    for wanted, given, of_own in ((own, other, False), (other, own, True)):
        enough, curve = least * _power(wanted), _curve(wanted, given)
        # Of what it was learned from, a curve leaves less than of others.
        if left_by(wanted, floats(np.interp(given, *curve))) < enough:
            left = _left_of_others(wanted, given)
            if left < enough:
                tones = Tones.of_curve(curve * [[1.0], [sign]])
                least, best = left / _power(wanted), (None, tones) if of_own else (tones, None)
    return best


def is_folded(own: Floats, other: Floats) -> bool:
    """Tell whether a curve that both rises and falls explains clearly more than one that does not.

    Where it turns, the other image has edges of its own, and none where the values are alike.
    """
    learned = learned_curve(own, other)
    if learned is None:
        return False
    tones, own_tones = learned
    wanted, given, taken = (own, other, tones) if tones else (other, own, own_tones)
    assert taken is not None
    values, means = taken.curve
    left = left_by(wanted, floats(np.interp(given, values, means)))
    return all(
        left < CLEARLY_LESS * left_by(wanted, floats(np.interp(given, values, rising)))
        for rising in (_rising(means), -_rising(-means))
    )


def _rising(means: Array) -> Array:
    """Return values that never fall, halfway between the nearest that lie above and below."""
    above, below = np.maximum.accumulate(means), np.minimum.accumulate(means[::-1])[::-1]
    return np.asarray((above + below) / 2)


def _left_of_others(wanted: Floats, given: Floats) -> float:
    """Return what the curve of half of the tiles leaves of the other half, for both halves."""
    left = 0.0
    for half in (0, 1):
        curve = _curve(wanted[1 - half :: 2], given[1 - half :: 2])
        left += left_by(wanted[half::2], floats(np.interp(given[half::2], *curve)))
    return left


def _curve(wanted: Floats, given: Floats) -> Array:
    """Return values of one image and the mean of the other's there, shape (2, n)."""
    order = np.argsort(given, axis=None)
    count = min(_MEANS, order.size)
    starts = np.arange(count) * order.size // count
    counts = np.diff(starts, append=order.size)
    values, means = (
        np.add.reduceat(tiles.ravel()[order], starts, dtype=np.float64) / counts
        for tiles in (given, wanted)
    )
    # Of many pixels of one value, some tell what all do.
    last = np.diff(values, append=np.inf) > 0
    return np.stack([values[last], means[last]])


def _power(tiles: Floats) -> float:
    return float((centred(tiles) ** 2).sum()) or 1.0
