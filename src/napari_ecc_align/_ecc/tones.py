"""Curves of tones and uneven light between two images of one thing, and how to take them out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.polynomial import chebyshev

from .._images.pyramid.levels import Floats, floats
from .._transform.models import Array

CLEARLY_LESS = 0.8
"""What is not smaller by a fifth is not worth doing something again for."""

# The degree of a curve of tones: a gamma of 0.5 or 2 is within a hundredth of one, and noise
# bends it but little.
_DEGREE = 4
# A curve of tones is known between these quantiles, and beyond as at the last one known.
_KNOWN = (0.001, 0.999)
_KNOTS = 512
# Light and tones change little after so many turns, and no light is darker than this share.
_TURNS, _DARKEST = 3, 0.1
# Of so many pixels a few numbers are known well enough.
_PIXELS = 2**14
_NO_CURVE = np.zeros((2, 2))

Kind = TypeVar("Kind", Floats, Array)


@dataclass(frozen=True, eq=False)
class Tones:
    """What the values of an image are to be taken for: ``curve(sign * (value - dark) / light)``.

    Attributes
    ----------
    dark : float
        The value of what is lit by nothing.
    sign : {1, -1}
        -1 in the negative of what was lit.
    light : (6,) or (1,) array
        Factors of 1, x, y, x², xy and y² in how bright the light is around 1; x and y are -1 and 1
        at the borders of the reference. Just 1 where it is even.
    curve : (2, n) array
        Values as they are in even light, and what to take them for.
    """

    dark: float
    sign: float
    light: Array
    curve: Array

    @classmethod
    def of_curve(cls, curve: Array) -> Tones:
        """Return tones that are the same everywhere."""
        return cls(0.0, 1.0, np.array([1.0]), curve)

    @property
    def is_even(self) -> bool:
        """Whether places do not matter."""
        return len(self.light) == 1

    def of(self, values: Floats, place: Array | None) -> Floats:
        """Return what values at places (x, y), shape (2, ...), are to be taken for."""
        even = self.sign * (values - np.float32(self.dark))
        if place is not None and not self.is_even:
            even = even / _lit(self.light, place)
        return floats(np.interp(even, *self.curve))


def within_reference(pixels: Array, shape: tuple[int, int]) -> Array:
    """Return places that are -1 and 1 at the borders of an image, and no farther."""
    last = np.reshape(np.array(shape[::-1]) - 1.0, (2,) + (1,) * (pixels.ndim - 1))
    return np.asarray(np.clip(2 * pixels / last - 1, -1, 1))


def _lit(light: Array, place: Array) -> Array:
    """Return how bright the light is at places (x, y), never next to none."""
    return np.asarray(np.maximum(np.tensordot(light, _powers(place), axes=1), _DARKEST))


def _powers(place: Array) -> Array:
    x, y = place
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y])


def measured_tones(own: Floats, other: Floats, place: Array) -> Tones | None:
    """Return what the other image's values are to be taken for; None if they are as good already.

    Light and curve are found in turns. Light changes what is seen of the other image in proportion
    to what that would be in even light, which is what the curve takes the own values for. Either
    end of its values may be what is lit by nothing.
    """
    own, other, place = thinned(own), thinned(other), thinned(place)
    (dark, bright), (least, most) = np.quantile(other, _KNOWN), np.quantile(own, _KNOWN)
    if not (dark < bright and least < most):
        return None
    scaled = np.asarray((own - least) / (most - least), np.float64)
    if (centred(own) * centred(other)).sum() < 0:
        scaled = 1 - scaled
    values = np.clip(np.asarray(other, np.float64), dark, bright)
    tried = (
        _in_turns(own, values - dark, scaled, place, Tones(dark, 1.0, np.ones(6), _NO_CURVE)),
        _in_turns(
            own, bright - values, 1 - scaled, place, Tones(bright, -1.0, np.ones(6), _NO_CURVE)
        ),
    )
    left = [np.inf if one is None else left_by(own, one.of(other, place)) for one in tried]
    best = tried[int(np.argmin(left))]
    if best is None or min(left) > CLEARLY_LESS * left_by(own, other):
        return None
    # Dark stays dark: whether one image is a negative is not lost.
    rises = best.sign if best.curve[1, 0] < best.curve[1, -1] else -best.sign
    return replace(best, curve=best.curve * [[1.0], [rises]])


def sparsest(size: int, pixels: int = _PIXELS) -> int:
    """Return of which rows and columns tiles still have so many pixels: each so many-th."""
    return max(1, int(np.ceil(np.sqrt(size / pixels))))


def thinned(tiles: Kind) -> Kind:
    """Return every so many-th row and column of n tiles, shape (..., n, size, size)."""
    step = sparsest(int(np.prod(tiles.shape[-3:])))
    return tiles[..., ::step, ::step]


def _in_turns(own: Floats, seen: Array, even: Array, place: Array, tones: Tones) -> Tones | None:
    """Return light and curve from what is seen above the dark, and what it may be in even light.

    Both are changed in proportion, so that neither may be below 0. None where no light fits.
    """
    powers = _powers(place)
    for _ in range(_TURNS):
        light = solved(seen, [even * power for power in powers])
        light = light / max(float(np.tensordot(light, powers, axes=1).mean()), 1e-9)
        curve = _curve(own, seen / _lit(light, place))
        if curve is None:
            return None
        tones = replace(tones, light=light, curve=curve)
        even = np.interp(own, *(curve[::-1] if curve[1, 0] < curve[1, -1] else curve[::-1, ::-1]))
    return tones


def _curve(own: Floats, even: Array) -> Array | None:
    """Return the curve from values in even light to the own ones, None where there is no light.

    It is the polynomial of the highest degree that only rises, or only falls.
    """
    last = float(np.quantile(even, _KNOWN[1]))
    if not last > 0:
        return None
    scaled = np.clip(even * (2 / last) - 1, -1, 1)
    bases = list(np.moveaxis(chebyshev.chebvander(scaled, _DEGREE), -1, 0))
    values = np.linspace(-1, 1, _KNOTS)
    gram, right = _products(own, bases)
    for last_one in range(_DEGREE + 1, 1, -1):
        factors = _solution(gram[:last_one, :last_one], right[:last_one])
        taken = chebyshev.chebval(values, factors)
        steps = np.diff(taken)
        if steps.min() > 0 or steps.max() < 0:
            return np.stack([(values + 1) * (last / 2), taken])
    return None


def solved(wanted: Array | Floats, others: list[Array]) -> Array:
    """Return the factors of arrays whose sum comes nearest to what is wanted."""
    return _solution(*_products(wanted, others))


def _products(wanted: Array | Floats, others: list[Array]) -> tuple[Array, Array]:
    """Return both sides of the normal equations."""
    design = np.stack([other.ravel() for other in others])
    return design @ design.T, design @ np.asarray(wanted, np.float64).ravel()


def _solution(gram: Array, right: Array) -> Array:
    return np.asarray(np.linalg.lstsq(gram, right, rcond=1e-9)[0], np.float64)


def left_by(own: Floats, other: Floats) -> float:
    """Return what a gain and an offset in each tile leave of tiles."""
    first, second = centred(own), centred(other)
    power = np.maximum((second**2).sum(axis=(1, 2)), 1e-12)
    return float((first**2).sum() - ((first * second).sum(axis=(1, 2)) ** 2 / power).sum())


def centred(tiles: Array | Floats) -> Array:
    """Return tiles less the mean of each."""
    return np.asarray(tiles - tiles.mean(axis=(1, 2), keepdims=True), np.float64)
