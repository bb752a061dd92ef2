"""Gradient moments of square blocks: all that a Gauss-Newton step needs, without a Jacobian.

The Jacobian of a polynomial motion is gradient times monomial, and monomials are separable: a sum
over a block of ``plane * x^i * y^j`` is the entry (j, i) of ``Y' (plane X)`` with ``X`` and ``Y``
the powers of the coordinates, two small matrix products.  Blocks keep their own centred
coordinates (well conditioned in single precision); `shift` carries the sums to the normalised
coordinates of the whole image.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from .._transform.models import Array, exponents

Planes = NDArray[np.float32]


@cache
def _powers(size: int, degree: int) -> NDArray[np.float32]:
    u = (2 * np.arange(size) - (size - 1)) / size
    return np.stack([u**k for k in range(degree + 1)], axis=1).astype(np.float32)


@cache
def monomials(size: int, degree: int) -> NDArray[np.float32]:
    """Return the monomials ``u^i * v^j`` on the pixels of a block, shape (m, size * size)."""
    powers = _powers(size, degree)
    return np.stack([np.outer(powers[:, j], powers[:, i]).ravel() for i, j in exponents(degree)])


def table(planes: Planes, degree: int) -> Array:
    """Sum ``plane * u^i * v^j`` over each block.

    Parameters
    ----------
    planes : (..., b, b) float32 array
        Blocks, axes (row, column).
    degree : int
        Highest power in each coordinate.

    Returns
    -------
    (..., degree + 1, degree + 1) array
        Entry (j, i) belongs to ``u^i v^j``; u and v run from -1 to 1 over the block.
    """
    powers = _powers(planes.shape[-1], degree)
    return np.asarray(np.matmul(powers.T, np.matmul(planes, powers)), dtype=np.float64)


def products_of(rows: Planes) -> Planes:
    """Return the sums of products of all rows of each block with each other, (n, r, r).

    All rows at once, numpy would leave to what takes five times as long where they are few.
    """
    out = np.empty((*rows.shape[:-1], rows.shape[-2]), np.float32)
    across = rows.swapaxes(-1, -2)
    for some in (slice(-1), slice(-1, None)):
        np.matmul(rows[..., some, :], across, out=out[..., some, :])
    return out


@cache
def _indices(degree: int) -> tuple[NDArray[np.int_], NDArray[np.int_]]:
    i, j = np.array(exponents(degree)).T
    return i, j


@cache
def area(size: int, degree: int) -> Array:
    """Return the mean of products of two monomials over a block, shape (m, m)."""
    return quadratic(table(np.full((size, size), size**-2.0, np.float32), 2 * degree), degree)


def linear(moments: Array, degree: int) -> Array:
    """Pick the monomials up to `degree` from tables (..., d, d): shape (..., m)."""
    i, j = _indices(degree)
    return np.asarray(moments[..., j, i])


def quadratic(moments: Array, degree: int) -> Array:
    """Arrange tables of degree ``2 * degree`` as (..., m, m) products of two monomials."""
    i, j = _indices(degree)
    return np.asarray(moments[..., j[:, None] + j, i[:, None] + i])


def shift(centres: Array, radius: float, degree: int) -> Array:
    """Express the monomials of the image's normalised coordinates in those of each block.

    Parameters
    ----------
    centres : (n, 2) array
        Block centres (x, y) in normalised coordinates.
    radius : float
        Half a block's side in normalised coordinates.
    degree : int
        1 or 2.

    Returns
    -------
    (n, m, m) array
        ``S`` with global monomials = ``S @`` local monomials.
    """
    x, y = centres.T
    size = len(exponents(degree))
    out = np.zeros((len(centres), size, size))
    out[:, 0, 0] = 1
    out[:, 1, 0], out[:, 1, 1] = x, radius
    out[:, 2, 0], out[:, 2, 2] = y, radius
    if degree == 2:
        out[:, 3, 0], out[:, 3, 1], out[:, 3, 3] = x * x, 2 * x * radius, radius**2
        out[:, 4, 0], out[:, 4, 1], out[:, 4, 2], out[:, 4, 4] = (
            x * y,
            y * radius,
            x * radius,
            radius**2,
        )
        out[:, 5, 0], out[:, 5, 2], out[:, 5, 5] = y * y, 2 * y * radius, radius**2
    return out
