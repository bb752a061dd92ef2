"""The linear system of a smooth field: what windows say, and a prior on how a field bends.

The prior is a Gaussian process with Matérn's covariance of smoothness 2: fields of an amplitude
that bend over a length, the stiffness, and return to zero where nothing is seen. In cubic
B-splines its precision is a band matrix (Lindgren, Rue and Lindström 2011), and so is the system.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from math import comb
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ..._images.pyramid.levels import Floats, floats
from ..._transform.splines import DEGREE, Array, Lattice

Real = TypeVar("Real", Array, Floats)


@dataclass(frozen=True)
class Splines:
    """The splines of a field of two components, and how they are numbered.

    A coefficient of component c at row i and column j is number ``2 * (i * columns + j) + c`` or,
    where there are more columns than rows, ``2 * (j * rows + i) + c``: the band is as wide as the
    shorter side.
    """

    rows: Lattice
    columns: Lattice

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of the coefficients."""
        return self.rows.count, self.columns.count, 2

    def prior(self, stiffness: float) -> Array:
        """Return the precision of fields of amplitude 1 that bend over a length, as a band."""
        return _prior(self, stiffness)

    def log_prior(self, stiffness: float) -> float:
        """Return the logarithm of that precision's determinant."""
        return _log_prior(self, stiffness)

    def held_back(self, stiffness: float, coefficients: Array) -> Array:
        """Return that precision times coefficients (n,)."""
        from scipy.linalg.blas import dsbmv

        band = _prior(self, stiffness)
        return np.asarray(dsbmv(len(band) - 1, 1.0, band, coefficients, lower=1))

    def pairs(self, design: tuple[Array, Array]) -> tuple[Floats, Floats]:
        """Return the products of splines at rows and columns, for `information`."""
        down, across = (_pairs(floats(one)) for one in design)
        rows, columns = down[:, DEGREE:], across
        return rows.reshape(len(rows), -1).T.copy(), columns.reshape(len(columns), -1)

    def information(self, pairs: tuple[Floats, Floats], cells: Array) -> Array:
        """Return what cells say as a band.

        Parameters
        ----------
        pairs : tuple of ndarray
            From `pairs` of the cells' rows and columns.
        cells : ndarray, shape (3, h, w)
            Information xx, xy, yy, in 1/px².
        """
        parts = pairs[0] @ floats(cells) @ pairs[1]
        parts = parts.reshape(3, DEGREE + 1, self.rows.count, 2 * DEGREE + 1, self.columns.count)
        return _banded(self, parts)

    def gathered(self, design: tuple[Array, Array], cells: NDArray[np.floating]) -> Array:
        """Return forces on cells, (2, h, w), as forces on coefficients, (n,)."""
        return self._numbered(design[0].T @ cells @ design[1])

    def values(self, design: tuple[Array, Array], coefficients: Array) -> Array:
        """Return the field, (..., 2, h, w), of coefficients (..., n)."""
        return np.asarray(design[0] @ self.on_lattice(coefficients) @ design[1].T)

    def resampled(self, other: Splines, coefficients: Array) -> Array:
        """Return the coefficients of the field of other splines, as near as these come."""
        spread = _spread(self.rows, other.rows), _spread(self.columns, other.columns)
        return self._numbered(spread[0] @ other.on_lattice(coefficients) @ spread[1].T)

    def on_lattice(self, coefficients: Real) -> Real:
        """Return coefficients (..., n) as planes (..., 2, rows, columns)."""
        rows, columns, components = self.shape
        sides = (rows, columns) if rows >= columns else (columns, rows)
        shaped = coefficients.reshape(*coefficients.shape[:-1], *sides, components)
        planes = np.moveaxis(shaped, -1, -3)
        return planes if rows >= columns else planes.swapaxes(-1, -2)

    def _numbered(self, planes: Array) -> Array:
        """Return planes (2, rows, columns) as coefficients (n,)."""
        rows, columns, _ = self.shape
        turned = planes if rows >= columns else planes.swapaxes(-1, -2)
        return np.moveaxis(turned, 0, -1).ravel()


@lru_cache(maxsize=64)
def _spread(own: Lattice, other: Lattice) -> Array:
    """Return the coefficients of each spline of another lattice on a lattice, (count, others)."""
    places = np.linspace(own.start, own.last, 3 * own.count)
    return np.asarray(np.linalg.lstsq(own.design(places), other.design(places), rcond=None)[0])


def _factors(stiffness: float) -> Array:
    """Return what the energies of derivatives of order 0 to 3 count."""
    # The cube of (1 / stiffness² - Laplace) in parts, so scaled that the variance is 1.
    scale = stiffness**4 / (8 * np.pi)
    return np.array([stiffness**-6, 3 * stiffness**-4, 3 * stiffness**-2, 1.0]) * scale


@lru_cache(maxsize=16)
def _prior(splines: Splines, stiffness: float) -> Array:
    return np.asarray(np.tensordot(_energies(splines), _factors(stiffness), axes=1)).T


@lru_cache(maxsize=64)
def _log_prior(splines: Splines, stiffness: float) -> float:
    return Factor(_prior(splines, stiffness).copy(order="F")).log_determinant


@lru_cache(maxsize=8)
def _energies(splines: Splines) -> Array:
    """Return the bands of the squared derivatives of order 0 to 3, integrated: (n, ..., 4)."""
    y, x = ([_diagonals(one.gram(k)) for k in range(4)] for one in (splines.rows, splines.columns))
    bands = []
    for order in range(4):
        part = sum(
            comb(order, k) * np.multiply.outer(y[order - k][DEGREE:], x[k])
            for k in range(order + 1)
        )
        bands.append(_banded(splines, np.stack([part, np.zeros_like(part), part])).T)
    return np.stack(bands, axis=-1)


def _pairs(design: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the products of splines with those up to `DEGREE` before or behind: (n, 7, count)."""
    count = design.shape[1]
    wide = np.pad(design, ((0, 0), (DEGREE, DEGREE)))
    apart = range(2 * DEGREE + 1)
    return np.stack([design * wide[:, k : k + count] for k in apart], axis=1)


def _diagonals(gram: Array) -> Array:
    """Return the same of their integrals: (7, count)."""
    count = len(gram)
    wide = np.pad(gram, ((0, 0), (DEGREE, DEGREE)))
    rows = np.arange(count)
    return np.stack([wide[rows, rows + k] for k in range(2 * DEGREE + 1)])


def _banded(splines: Splines, parts: NDArray[np.floating]) -> Array:
    """Return a symmetric matrix as a band, in lower form.

    Parameters
    ----------
    splines : Splines
    parts : ndarray, shape (3, 4, rows, 7, columns)
        The products xx, xy and yy of a spline and one so many rows below and columns beside it.
    """
    taken, put, shape = _places(splines)
    # Column by column, as LAPACK has them.
    band = np.zeros(shape[::-1])
    band.reshape(-1)[put] = parts.reshape(-1)[taken]
    return band.T


@lru_cache(maxsize=8)
def _places(splines: Splines) -> tuple[NDArray[np.int_], NDArray[np.int_], tuple[int, int]]:
    """Return which products go where in a band of which shape."""
    height, width, _ = splines.shape
    dy, i, dx, j, a, b = np.ogrid[: DEGREE + 1, :height, -DEGREE : DEGREE + 1, :width, :2, :2]
    down, right = (width, 1) if height >= width else (1, height)
    # From the one of two that comes first.
    apart = down * dy + right * dx
    row = 2 * abs(apart) + np.where(apart < 0, b - a, a - b)
    column = 2 * (down * i + right * j + np.minimum(apart, 0)) + np.where(apart < 0, a, b)
    inside = (row >= 0) & (i + dy < height) & (j + dx >= 0) & (j + dx < width)
    inside = inside & ((dy > 0) | (dx >= 0))
    shape = 2 * (DEGREE * min(height, width) + DEGREE) + 2, 2 * height * width
    size = (3, DEGREE + 1, height, 2 * DEGREE + 1, width)
    taken = np.ravel_multi_index(np.broadcast_arrays(a + b, dy, i, dx + DEGREE, j), size)
    inside, put, taken = np.broadcast_arrays(inside, column * shape[0] + row, taken)
    return taken[inside], put[inside], shape


class Factor:
    """A positive definite band matrix, factored in its place."""

    def __init__(self, band: Array) -> None:
        from scipy.linalg.lapack import dpbtrf

        self._lower, flaw = dpbtrf(band, lower=1, overwrite_ab=1)
        self.sound = flaw == 0

    @property
    def log_determinant(self) -> float:
        return 2 * float(np.log(self._lower[0]).sum())

    def solve(self, force: Array) -> Array:
        """Return the solution for forces (n,)."""
        from scipy.linalg.lapack import dpbtrs

        return np.asarray(dpbtrs(self._lower, force[:, None], lower=1)[0][:, 0])

    def quick(self) -> Callable[[Array], Array]:
        """Return what solves in single precision, for steps that others correct."""
        from scipy.linalg.lapack import spbtrs

        lower = np.asfortranarray(self._lower, np.float32)

        def solve(force: Array) -> Array:
            return np.asarray(spbtrs(lower, floats(force)[:, None], lower=1)[0][:, 0], np.float64)

        return solve

    def samples(self, count: int) -> Floats:
        """Return random vectors (count, n) whose precision is the matrix; always the same."""
        from scipy.linalg.lapack import stbtrs

        noise = _noise(self._lower.shape[1], count)
        return floats(stbtrs(floats(self._lower), noise, uplo="L", trans="T")[0].T)


@lru_cache(maxsize=4)
def _noise(length: int, count: int) -> Floats:
    return np.random.default_rng(0).standard_normal((length, count), np.float32)
