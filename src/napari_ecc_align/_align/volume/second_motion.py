"""Is there a second motion in two volumes: the search of images, with an axis more.

See `napari_ecc_align._verdict.second_motion` for why it finds what the first motion leaves.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from ..._images.pyramid.levels import Floats
from ..._transform.models import Array
from ..._verdict.detail import typical
from ..._verdict.limits import SAME_PLACE, TIMES_LEFT
from ..._verdict.second_motion import LEAST_SIGNIFICANCE
from .levels import VolumeLevel
from .search import laid_on, level_below

# As of images, in voxels of the level: what is coarser is shading, contrast is evened out over
# cubes of a side, what stands out farther counts no more, and frequencies are weighed.
_DETAIL, _PATCH, _BRIGHTEST, _WHITENING, _LEAST_POWER = 6, 25, 8.0, 0.5, 1e-3
LEAST_SHARE_MOVED = 0.045
"""Of two levels with so few voxels, noise and interpolation leave more than of images."""
_VOXELS = 300_000
# It is everywhere if spread over more than a quarter, as seen in so many parts along an axis.
_EVERYWHERE, _PARTS = 0.25, 4


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
    least: float,
) -> SecondMotion | None:
    """Return the second motion of two volumes that a matrix lays on each other, if there is one.

    Parameters
    ----------
    reference, moving : list of VolumeLevel
    matrix : (4, 4) array
        Between voxels of level 0.
    inverted : bool
        The moving volume is a negative of the reference.
    least : float
        A smaller share of the detail is none.
    """
    index = level_below(reference, _VOXELS)
    level = reference[index]
    laid = laid_on(level, moving[index], matrix)
    first, second, shown = _details(np.asarray(level.values, np.float32), laid)
    likeness = float((first * second).sum()) * (-1 if inverted else 1)
    most = TIMES_LEFT * (1 - likeness)
    if most < least or not shown.any():
        return None
    odd = _odd_part(first, second) * (-1 if inverted else 1)
    at, share = _highest(odd)
    if not max(least, LEAST_SIGNIFICANCE * typical(odd.reshape(len(odd), -1))) <= share:
        return None
    if share > most:
        return None
    distance = float(np.linalg.norm(at * level.spacing))
    return SecondMotion(distance, _spread(first, second, shown, at) > _EVERYWHERE)


def _details(reference: Floats, laid: Floats) -> tuple[Floats, Floats, Floats]:
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


def _odd_part(first: Floats, second: Floats) -> Floats:
    """Return how much more two volumes correlate at each displacement than at its opposite.

    Of their whitened autocorrelation where they do not move; circular, its first entry is there.
    """
    from scipy import fft

    size = [fft.next_fast_len(n, real=True) for n in first.shape]
    one, two = (fft.rfftn(image, size) for image in (first, second))
    power = (np.abs(one) ** 2 + np.abs(two) ** 2) / 2
    weight = np.maximum(power / max(float(power.mean()), 1e-30), _LEAST_POWER) ** -_WHITENING
    whole = fft.irfftn((power * weight).astype(np.complex64), size).flat[0]
    odd = (two * np.conj(one)).imag * weight * (2 / max(float(whole), 1e-30))
    return np.asarray(fft.irfftn(1j * odd, size), np.float32)


def _highest(odd: Floats) -> tuple[NDArray[np.int_], float]:
    """Return the displacement of the highest peak elsewhere, and its height."""
    from scipy import ndimage

    peaks = np.where(odd >= ndimage.maximum_filter(odd, 3, mode="wrap"), odd, 0)
    near = np.arange(-int(SAME_PLACE), int(SAME_PLACE) + 1)
    ball = np.hypot(np.hypot(near[:, None, None], near[:, None]), near) <= SAME_PLACE
    middle = np.ix_(*(near % n for n in odd.shape))
    peaks[middle] = np.where(ball, 0, peaks[middle])
    at, size = np.array(np.unravel_index(peaks.argmax(), odd.shape)), np.array(odd.shape)
    return np.where(at > size // 2, at - size, at), float(peaks.max())


def _spread(first: Floats, second: Floats, window: Floats, at: NDArray[np.int_]) -> float:
    """Return over which share of what two volumes show what is displaced is spread."""

    def parts(step: NDArray[np.int_]) -> Floats:
        there, back = (np.roll(second, (sign * step).tolist(), (0, 1, 2)) for sign in (-1, 1))
        return _in_parts(first * (there - back))

    own, shown = parts(at), _in_parts(window * window)
    # What noise makes of it, as it is at a displacement across.
    chance = parts(np.array([at[2], -at[0], at[1]]))
    power = max(float((own * own).sum() - (chance * chance).sum()), 1e-12)
    whole = float(shown.sum()) ** 2 / max(float((shown * shown).sum()), 1e-12)
    return float(own.sum()) ** 2 / power / max(whole, 1.0)


def _in_parts(volume: Floats) -> Floats:
    for axis, length in enumerate(volume.shape):
        begins = np.linspace(0, length, _PARTS + 1).astype(int)[:-1]
        volume = np.add.reduceat(volume, begins, axis=axis)
    return volume
