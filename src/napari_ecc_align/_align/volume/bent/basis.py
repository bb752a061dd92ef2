"""The waves that a field of a volume is made of, and how strong each is expected to be.

The prior is a Gaussian process with Matérn's covariance of smoothness 2, as that of images
(`_ecc/field/system.py`). In cosines it is diagonal, so that a system of some ten thousand
coefficients is solved by conjugate gradients in a few dozen steps. They span a margin around the
volume, beyond which alone they are level.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from ...._images.pyramid.levels import Floats, floats
from ...._transform.models import Array

# Half waves to a stiffness, and along an axis at most: shorter ones have a hundredth of the power.
_OFTEN, _MOST = 2.0, 28
# Of the precision of waves: the smoothness and half the number of axes.
_POWER = 2 + 3 / 2

Places = tuple[Array, Array, Array]
Designs = tuple[Floats, Floats, Floats]


@dataclass(frozen=True)
class Prior:
    """How far (px, of each axis) a field is expected to bend, and over what length (px)."""

    amplitude: float
    stiffness: float


@dataclass(frozen=True)
class Basis:
    """Cosines along the axes (z, y, x) of a volume and a margin around it.

    Attributes
    ----------
    lengths : tuple of float
        Of the volume, from its first voxel to its last, in px.
    margin : float
        In px.
    counts : tuple of int
        Of the waves along each axis.
    """

    lengths: tuple[float, float, float]
    margin: float
    counts: tuple[int, int, int]

    @classmethod
    def over(cls, lengths: Array, prior: Prior) -> Basis:
        """Return the waves that fields of a prior are made of."""
        wide = np.asarray(lengths) + 2 * prior.stiffness
        counts = np.clip(np.ceil(_OFTEN * wide / prior.stiffness), 2, _MOST).astype(int)
        z, y, x = np.asarray(lengths, float).tolist()
        return cls((z, y, x), prior.stiffness, tuple(counts.tolist()))

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Of the coefficients of a field: of each axis that is displaced along, its waves."""
        return (3, *self.counts)

    def designs(self, places: Places) -> Designs:
        """Return the waves at places (px) along each axis, (n, count) each."""
        z, y, x = (floats(self.waves(k, one)) for k, one in enumerate(places))
        return z, y, x

    def waves(self, axis: int, places: Array) -> Array:
        """Return the waves along an axis at places, (n, count)."""
        size = np.full(self.counts[axis], np.sqrt(2))
        size[0] = 1
        return np.asarray(np.cos(np.outer(places + self.margin, self._turns(axis))) * size)

    def _turns(self, axis: int) -> Array:
        whole = self.lengths[axis] + 2 * self.margin
        return np.asarray(np.pi * np.arange(self.counts[axis]) / whole)

    @cached_property
    def squares(self) -> Array:
        """How steep waves are: their squared frequencies, (z, y, x) in 1/px²."""
        z, y, x = (self._turns(k) ** 2 for k in range(3))
        return np.asarray(z[:, None, None] + y[:, None] + x)

    def variance(self, prior: Prior) -> Array:
        """Return the variance of each wave's coefficient, (z, y, x): in sum the amplitude's."""
        shares = (1 / prior.stiffness**2 + self.squares) ** -_POWER
        return np.asarray(prior.amplitude**2 * shares / shares.sum())

    def resampled(self, other: Basis, coefficients: Floats) -> Floats:
        """Return the coefficients of the field of another basis, as near as these come."""
        out: NDArray[np.floating] = coefficients
        for axis in range(3):
            spread = _spread(self, other, axis)
            out = np.moveaxis(np.tensordot(out, spread, axes=(axis + 1, 1)), -1, axis + 1)
        return floats(out)


@lru_cache(maxsize=32)
def _spread(basis: Basis, other: Basis, axis: int) -> Array:
    """Return the coefficients of each wave of another basis along an axis, (count, others)."""
    places = np.linspace(0, basis.lengths[axis], 4 * max(basis.counts[axis], other.counts[axis]))
    own, given = basis.waves(axis, places), other.waves(axis, places)
    # Waves of a margin are not told apart within; the least of all that fit does.
    return np.asarray(np.linalg.lstsq(own, given, rcond=1e-4)[0])


def values(designs: Designs, coefficients: NDArray[np.floating]) -> Floats:
    """Return fields (..., z, y, x) at the places of designs."""
    z, y, x = designs
    folded = np.asarray(coefficients, np.float32) @ x.T
    folded = np.moveaxis(np.tensordot(folded, y, axes=(-2, 1)), -1, -2)
    return floats(np.moveaxis(np.tensordot(folded, z, axes=(-3, 1)), -1, -3))


def gathered(designs: Designs, forces: NDArray[np.floating]) -> Floats:
    """Return forces at the places of designs, (..., z, y, x), as forces on coefficients."""
    z, y, x = designs
    return values((floats(z.T), floats(y.T), floats(x.T)), forces)
