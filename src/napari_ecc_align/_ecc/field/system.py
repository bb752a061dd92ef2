"""The linear system of a smooth field: what windows say, and a prior on how a field bends.

The prior is a Gaussian process with Matérn's covariance of smoothness 2: fields of an amplitude
that bend over a length, the stiffness, and return to zero where nothing is seen. In cubic
B-splines its precision is a band matrix (Lindgren, Rue and Lindström 2011), and so is the system.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import comb

import numpy as np
from numpy.typing import NDArray

from ..._transform.splines import DEGREE, Array, Lattice

_OFFSETS = [
    (dy, dx) for dy in range(DEGREE + 1) for dx in range(-DEGREE, DEGREE + 1) if dy > 0 or dx >= 0
]


@dataclass(frozen=True)
class Splines:
    """The splines of a field of two components, and how they are numbered.

    A coefficient of component c at row i and column j is number ``2 * (i * columns + j) + c``.
    """

    rows: Lattice
    columns: Lattice

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of the coefficients."""
        return self.rows.count, self.columns.count, 2

    def empty(self) -> Array:
        """Return a band of zeros."""
        return np.zeros((2 * (DEGREE * self.columns.count + DEGREE) + 2, int(np.prod(self.shape))))

    def add(self, band: Array, offset: tuple[int, int], parts: tuple[Array, ...]) -> None:
        """Add products (xx, xy, yy) of splines an offset apart to a band."""
        (dy, dx), width = offset, self.columns.count
        numbers = 2 * (
            np.arange(self.rows.count - dy)[:, None] * width
            + np.arange(max(0, -dx), width - max(0, dx))
        )
        below = 2 * (dy * width + dx)
        for a in (0, 1):
            for b in (0, 1):
                if below + a - b >= 0:
                    band[below + a - b, (numbers + b).ravel()] += parts[a + b].ravel()

    def prior(self, stiffness: float) -> Array:
        """Return the precision of fields of amplitude 1 that bend over a length, as a band."""
        # The cube of (1 / stiffness² - Laplace) in parts, so scaled that the variance is 1.
        scale = stiffness**4 / (8 * np.pi)
        factors = np.array([stiffness**-6, 3 * stiffness**-4, 3 * stiffness**-2, 1.0]) * scale
        return np.asarray(np.tensordot(factors, _energies(self), axes=1))

    def information(self, design: tuple[Array, Array], cells: Array) -> Array:
        """Return what cells say as a band.

        Parameters
        ----------
        design : tuple of ndarray
            The splines at the cells' rows and columns.
        cells : ndarray, shape (3, h, w)
            Information xx, xy, yy, in 1/px².
        """
        by, bx = design
        band = self.empty()
        for dy in range(DEGREE + 1):
            rows = by[:, : by.shape[1] - dy] * by[:, dy:]
            folded = rows.T @ cells
            for dx in range(-DEGREE if dy else 0, DEGREE + 1):
                last = bx.shape[1] - abs(dx)
                columns = bx[:, :last] * bx[:, abs(dx) :]
                self.add(band, (dy, dx), tuple(folded @ columns))
        return band

    def gathered(self, design: tuple[Array, Array], cells: NDArray[np.floating]) -> Array:
        """Return forces on cells, (2, h, w), as forces on coefficients, (n,)."""
        return np.moveaxis(design[0].T @ cells @ design[1], 0, -1).ravel()

    def values(self, design: tuple[Array, Array], coefficients: Array) -> Array:
        """Return the field, (..., 2, h, w), of coefficients (..., n)."""
        shaped = np.moveaxis(coefficients.reshape(*coefficients.shape[:-1], *self.shape), -1, -3)
        return np.asarray(design[0] @ shaped @ design[1].T)

    def resampled(self, other: Splines, coefficients: Array) -> Array:
        """Return the coefficients of the field of other splines, as near as these come."""
        spread = []
        for own, their in ((self.rows, other.rows), (self.columns, other.columns)):
            places = np.linspace(own.start, own.last, 3 * own.count)
            spread.append(np.linalg.lstsq(own.design(places), their.design(places), rcond=None)[0])
        shaped = np.moveaxis(coefficients.reshape(other.shape), -1, 0)
        return np.moveaxis(spread[0] @ shaped @ spread[1].T, 0, -1).ravel()


@lru_cache(maxsize=8)
def _energies(splines: Splines) -> Array:
    """Return the bands of the squared derivatives of order 0 to 3, integrated: (4, ..., n)."""
    y = [splines.rows.gram(k) for k in range(4)]
    x = [splines.columns.gram(k) for k in range(4)]
    bands = []
    for order in range(4):
        band = splines.empty()
        for dy, dx in _OFFSETS:
            part = sum(
                comb(order, k) * np.outer(np.diagonal(y[order - k], dy), np.diagonal(x[k], dx))
                for k in range(order + 1)
            )
            part = np.asarray(part)
            splines.add(band, (dy, dx), (part, np.zeros_like(part), part))
        bands.append(band)
    return np.stack(bands)


class Factor:
    """A positive definite band matrix, factored."""

    def __init__(self, band: Array) -> None:
        from scipy.linalg import get_lapack_funcs

        factor, self._solve, self._triangular = get_lapack_funcs(
            ("pbtrf", "pbtrs", "tbtrs"), (band,)
        )
        self._lower, flaw = factor(band, lower=1)
        self.sound = flaw == 0

    @property
    def log_determinant(self) -> float:
        return 2 * float(np.log(self._lower[0]).sum())

    def solve(self, force: Array) -> Array:
        """Return the solution for forces (n,)."""
        return np.asarray(self._solve(self._lower, force[:, None], lower=1)[0][:, 0])

    def samples(self, count: int, generator: np.random.Generator) -> Array:
        """Return random vectors (count, n) whose precision is the matrix."""
        noise = generator.standard_normal((self._lower.shape[1], count))
        return np.asarray(self._triangular(self._lower, noise, uplo="L", trans="T")[0].T)


def multiply(band: Array, vector: Array) -> Array:
    """Return the product of a symmetric band matrix in lower form and a vector."""
    out = band[0] * vector
    for k in np.flatnonzero(band[1:].any(axis=1)) + 1:
        own = band[k, : len(vector) - k]
        out[k:] += own * vector[:-k]
        out[:-k] += own * vector[k:]
    return np.asarray(out)
