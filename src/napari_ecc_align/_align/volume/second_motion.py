"""Is there a second motion in two volumes: the search of images, with an axis more.

See `napari_ecc_align._verdict.second_motion` for why it finds what the first motion leaves.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from ..._images.pyramid.levels import Floats, floats
from ..._transform.models import Array
from ..._verdict.detail import typical
from ..._verdict.limits import LEAST_PART, LEAST_SHARE, SAME_PLACE, TIMES_LEFT
from .levels import VolumeLevel
from .search import laid_on, level_below

# As of images, in voxels of the level: what is coarser is shading, contrast is evened out over
# cubes of a side, what stands out farther counts no more, and frequencies are weighed.
_DETAIL, _PATCH, _BRIGHTEST, _WHITENING, _LEAST_POWER = 6, 25, 8.0, 0.5, 1e-3
DETAIL_VOXELS = 300_000
"""Detail is looked at on the finest level of at most so many voxels."""
# In standard deviations of what other displacements show: 5 of a normal one are met by chance in
# one pair of fifty, with a share of the detail that counts in one of a thousand.
_LEAST_SIGNIFICANCE = 5.0
# Of what is left, noise makes no part of a tenth; so large a one needs to stand out less.
_OF_REST = 4.0
# It is asked over a neighbourhood of this standard deviation if the first motion explains a place.
_NEIGHBOURHOOD = _DETAIL / 2
# Witnesses of a displacement with less than such a part of the usual evidence are too few.
_LEAST_EVIDENCE = 1e-2
# It is everywhere if spread over more than a quarter, as seen in so many parts along an axis.
_EVERYWHERE, _PARTS = 0.25, 4


# Of what two volumes differ in, more than a half is one thing that moved, no farther than such a
# part of the volume; or a fifth, if the details say that it moved there, too.
_MOST_OF_IT, _PART_OF_IT, _FARTHEST = 0.5, 0.2, 0.4
# What is displaced is left by a difference once more and once less, minus what it shares with
# itself; what only one of two volumes of different kinds shows, beside what both show, is not.
_LEFT = 0.5


@dataclass(frozen=True)
class SecondMotion:
    """What moves otherwise than the first motion says.

    Attributes
    ----------
    distance : float
        How far from where the first motion puts it, in the unit of the spacing.
    is_everywhere : bool
        Whether it is no mere part of the volume.
    """

    distance: float
    is_everywhere: bool


def second_motion(
    reference: list[VolumeLevel],
    moving: list[VolumeLevel],
    matrix: Array,
    *,
    inverted: bool,
    of_rest: bool = False,
) -> SecondMotion | None:
    """Return the second motion of two volumes that a matrix lays on each other, if there is one.

    Parameters
    ----------
    reference, moving : list of VolumeLevel
    matrix : (4, 4) array
        Between voxels of level 0.
    inverted : bool
        The moving volume is a negative of the reference.
    of_rest : bool, default: False
        Look only at what the first motion does not explain where it is: among what stays, what
        moved may be a small share of the detail.
    """
    index = level_below(reference, moving, DETAIL_VOXELS)
    level = reference[index]
    laid = laid_on(level, moving[index], matrix)
    first, second, window = details(np.asarray(level.values, np.float32), laid)
    if not window.any():
        return None
    rest = _rest(level, laid) if of_rest else None
    second = -second if inverted else second
    if of_rest:
        first, second = _unexplained(first, second)
    least, stands_out = (LEAST_PART, _OF_REST) if of_rest else (LEAST_SHARE, _LEAST_SIGNIFICANCE)
    first, second = _whitened(first, second)
    most = TIMES_LEFT * (1 - float((first * second).sum()))
    share, significance = _compared(first, second)
    some = (share >= min(least, LEAST_SHARE)) & (share <= most) & _is_elsewhere(significance)
    allowed = some & (share >= least)
    if not (allowed & (significance >= stands_out)).any():
        allowed = some
    at = np.array(np.unravel_index(np.where(allowed, significance, 0).argmax(), share.shape))
    if not (allowed[tuple(at)] and significance[tuple(at)] >= stands_out):
        return None
    size = np.array(share.shape)
    there = np.where(at > size // 2, at - size, at)
    if share[tuple(at)] < least and not (rest and rest.shows(there)):
        return None
    if _left_at(first, second, there) > -_LEFT * float(share[tuple(at)]):
        return None
    distance = float(np.linalg.norm(there * level.spacing))
    return SecondMotion(distance, _spread(first, second, window, there) > _EVERYWHERE)


def left_twice(
    reference: list[VolumeLevel], moving: list[VolumeLevel], matrix: Array
) -> float | None:
    """Return how far what two volumes differ in has moved, if most of that is one thing that has.

    What moved is left twice, once more and once less: at its displacement the difference
    correlates with itself by as much as -1/2. What stays, however strong, is gone from it.

    Parameters
    ----------
    reference, moving : list of VolumeLevel
    matrix : (4, 4) array
        Between voxels of level 0.

    Returns
    -------
    float or None
        In the unit of the spacing.
    """
    index = level_below(reference, moving, DETAIL_VOXELS)
    level = reference[index]
    rest = _rest(level, laid_on(level, moving[index], matrix))
    if rest is None or rest.share <= _MOST_OF_IT:
        return None
    return float(np.linalg.norm(rest.there * level.spacing))


@dataclass(frozen=True, eq=False)
class _Rest:
    """What most of the difference of two volumes would be, if it were one thing that moved.

    Attributes
    ----------
    there : (3,) array
        By how many voxels, forth or back.
    share : float
        Of the difference.
    """

    there: NDArray[np.int_]
    share: float

    def shows(self, there: NDArray[np.int_]) -> bool:
        """Tell whether a good part of it is what moved by so many voxels."""
        apart = min(float(np.linalg.norm(self.there - sign * there)) for sign in (1, -1))
        return self.share >= _PART_OF_IT and apart <= SAME_PLACE


def _rest(level: VolumeLevel, laid: Floats) -> _Rest | None:
    """Return what the difference of a level and of what is laid on it shows."""
    from scipy import fft

    own = np.asarray(level.values, np.float32)
    seen = np.isfinite(own) & np.isfinite(laid)
    if not seen.any():
        return None
    first, second = own[seen] - own[seen].mean(), laid[seen] - laid[seen].mean()
    rest = np.full(own.shape, np.nan, np.float32)
    rest[seen] = first - second * (first @ second) / max(float(second @ second), 1e-30)
    detail, _ = _windowed(rest)
    size = [fft.next_fast_len(n, real=True) for n in detail.shape]
    power = np.abs(fft.rfftn(detail, size)) ** 2
    alike = np.asarray(fft.irfftn(power, size), np.float64)
    # As far as the window leaves enough of both.
    far = [np.minimum(np.arange(n), n - np.arange(n)) for n in alike.shape]
    away = np.sqrt(sum(along.astype(float) ** 2 for along in np.ix_(*far)))
    near = np.ix_(*(along < _FARTHEST * n for along, n in zip(far, detail.shape, strict=True)))
    allowed = np.zeros(alike.shape, bool)
    allowed[near] = away[near] > SAME_PLACE
    if not allowed.any() or not alike.flat[0] > 0:
        return None
    at = np.unravel_index(np.where(allowed, alike, np.inf).argmin(), alike.shape)
    place, size_of = np.array(at), np.array(alike.shape)
    there = np.where(place > size_of // 2, place - size_of, place)
    return _Rest(there, -2 * float(alike[at] / alike.flat[0]))


def _left_at(first: Floats, second: Floats, there: NDArray[np.int_]) -> float:
    """Return how a difference of two details correlates with itself at a displacement."""
    gap = first - second
    return float((gap * np.roll(gap, (-there).tolist(), (0, 1, 2))).sum())


def details(reference: Floats, laid: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the detail of both where both are seen, each of length one, and the window."""
    from scipy import ndimage

    (one, own), (two, other) = _windowed(reference), _windowed(laid)
    window = np.minimum(own, other)
    # Near the border of what both show, detail differs by what lies beyond it.
    inside = ndimage.minimum_filter(window > 0, 2 * _DETAIL + 1, mode="nearest")
    out = []
    for detail in (one, two):
        kept = detail * inside
        some = typical(kept[inside][:, None]) if inside.any() else 0.0
        most = _BRIGHTEST * max(some, 0.1 * float(np.sqrt((kept * kept).mean())))
        kept = np.clip(kept, -most, most)
        out.append(kept / max(float(np.sqrt((kept * kept).sum())), 1e-6))
    return out[0], out[1], window * inside


def _windowed(volume: Floats) -> tuple[Floats, Floats]:
    """Return a volume's detail under a window that falls to nothing at its border, and it."""
    from scipy import ndimage

    valid = np.isfinite(volume)
    weight = valid.astype(np.float32)
    image = np.where(valid, volume, np.float32(0))
    near, far = ndimage.gaussian_filter(image, 1.0), ndimage.uniform_filter(image, 2 * _DETAIL + 1)
    if not valid.all():
        near /= np.maximum(ndimage.gaussian_filter(weight, 1.0), 1e-3)
        far /= np.maximum(ndimage.uniform_filter(weight, 2 * _DETAIL + 1), 1e-3)
    detail = (near - far) * weight
    strength = np.sqrt(np.maximum(ndimage.uniform_filter(detail * detail, _PATCH), 0))
    strength += max(1e-6, float(strength.mean()))
    window = reduce(
        np.multiply.outer, [np.sqrt(np.hanning(n + 2)[1:-1]) for n in volume.shape]
    ).astype(np.float32)
    window *= weight
    return np.asarray(detail / strength * window, np.float32), window


def _unexplained(first: Floats, second: Floats) -> tuple[Floats, Floats]:
    """Return two details under one weight, of what they do not share where they are."""
    from scipy import ndimage

    own, other, shared = (
        ndimage.gaussian_filter(one, _NEIGHBOURHOOD)
        for one in (first * first, second * second, first * second)
    )
    weight = np.sqrt(np.clip(1 - shared / np.sqrt(np.maximum(own * other, 1e-20)), 0, 1))
    return first * weight, second * weight


def _whitened(first: Floats, second: Floats) -> tuple[Floats, Floats]:
    """Return two details with their frequencies evened out, of length one; circular."""
    from scipy import fft

    size = [fft.next_fast_len(n, real=True) for n in first.shape]
    spectra = [fft.rfftn(image, size) for image in (first, second)]
    power = sum(np.abs(one) ** 2 for one in spectra) / 2
    power /= max(float(power.mean()), 1e-30)
    weight = np.maximum(power, _LEAST_POWER) ** (-_WHITENING / 2)
    one, two = (floats(fft.irfftn(part * weight, size)) for part in spectra)
    return _of_length_one(one), _of_length_one(two)


def _of_length_one(values: Floats) -> Floats:
    return floats(values / max(float(np.linalg.norm(values)), 1e-6))


def _compared(first: Floats, second: Floats) -> tuple[Floats, Floats]:
    """Return how much more two details correlate at each displacement than at its opposite.

    And how significant that is, in standard deviations of what other displacements show. Each
    voxel says ``first(x) second(x + d) - second(x) first(x + d)``, nothing where one motion
    explains both. The sum is held against the root of the sum of squares: where a few voxels say
    it all, as where two threads happen to cross, they are a few witnesses.

    Returns
    -------
    share, significance : ndarray, shape of the details
        Circular, the first entry is where they lie.
    """
    from scipy import fft

    size = first.shape
    one, two, *others = (
        fft.rfftn(image) for image in (first, second, first**2, second**2, first * second)
    )
    share = np.asarray(fft.irfftn(2j * (np.conj(one) * two).imag, size), np.float32)
    squares = 2 * (np.conj(others[0]) * others[1]).real - 2 * np.abs(others[2]) ** 2
    evidence = fft.irfftn(squares, size)
    enough = evidence > _LEAST_EVIDENCE * evidence.mean()
    said = np.asarray(
        np.where(enough, share / np.sqrt(np.where(enough, evidence, 1)), 0), np.float32
    )
    return share, said / max(typical(said.reshape(len(said), -1)), 1e-12)


def _is_elsewhere(values: Floats) -> NDArray[np.bool_]:
    """Tell where a circular volume has a peak, not near its first entry."""
    from scipy import ndimage

    peaks = values >= ndimage.maximum_filter(values, 3, mode="wrap")
    near = np.arange(-int(SAME_PLACE), int(SAME_PLACE) + 1)
    ball = np.hypot(np.hypot(near[:, None, None], near[:, None]), near) <= SAME_PLACE
    peaks[np.ix_(*(near % n for n in values.shape))] &= ~ball
    return np.asarray(peaks)


def _spread(first: Floats, second: Floats, window: Floats, at: NDArray[np.int_]) -> float:
    """Return over which share of what two volumes show what is displaced is spread."""
    there = [np.roll(image, (-at).tolist(), (0, 1, 2)) for image in (first, second)]
    own, shown = _in_parts(first * there[1] - second * there[0]), _in_parts(window * window)
    whole = float(shown.sum()) ** 2 / max(float((shown * shown).sum()), 1e-12)
    return float(own.sum()) ** 2 / max(float((own * own).sum()), 1e-12) / max(whole, 1.0)


def _in_parts(volume: Floats) -> Floats:
    for axis, length in enumerate(volume.shape):
        begins = np.linspace(0, length, _PARTS + 1).astype(int)[:-1]
        volume = np.add.reduceat(volume, begins, axis=axis)
    return volume
