"""Cubic B-splines on a lattice: their values, derivatives and products."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Array = NDArray[np.float64]

DEGREE = 3
# A map that leaves less of an area is taken to fold, and not to be turned round by its slopes.
LEAST_AREA = 0.05
# Of what is so many steps beyond, a spline's coefficient has a part in 1e10.
_BEYOND = 18


@dataclass(frozen=True)
class Lattice:
    """Where along one axis the splines of a field lie.

    Spline j is centred at ``start + (j - 1) * spacing``; the field is known from the centre of
    the second to that of the last but one, and constant beyond.

    Attributes
    ----------
    start, spacing : float
        In pixels.
    count : int
        Number of splines, four or more.
    """

    start: float
    spacing: float
    count: int

    @classmethod
    def over(cls, length: int, spacing: float) -> Lattice:
        """Return the lattice of about some spacing that spans the pixels of an axis."""
        steps = max(1, int(np.ceil((length - 1) / spacing)))
        return cls(0.0, max(1e-6, (length - 1) / steps), steps + DEGREE)

    @property
    def last(self) -> float:
        """Where the field ends."""
        return self.start + (self.count - DEGREE) * self.spacing

    def local(
        self, places: Array, derivative: int = 0
    ) -> tuple[NDArray[np.int_], tuple[Array, ...]]:
        """Return the first of the four splines that are not zero at some places, and their values.

        Or a derivative per px; beyond the lattice those of its end.
        """
        at = (np.clip(places, self.start, self.last) - self.start) / self.spacing
        index = np.clip(np.floor(at).astype(int), 0, self.count - DEGREE - 1)
        scale = self.spacing**-derivative
        return index, tuple(piece * scale for piece in _pieces(at - index, derivative))

    def design(self, places: Array, derivative: int = 0) -> Array:
        """Return the splines at some places, or a derivative per px, shape (n, count)."""
        index, pieces = self.local(np.asarray(places, np.float64), derivative)
        out = np.zeros((len(index), self.count))
        for k, piece in enumerate(pieces):
            out[np.arange(len(index)), index + k] = piece
        return out

    def at(self, places: Array) -> csr_array:
        """Return the splines at some places as `design` does, without what is zero."""
        from scipy.sparse import csr_array

        index, pieces = self.local(np.asarray(places, np.float64))
        used = index[:, None] + np.arange(len(pieces))
        ends = len(pieces) * np.arange(len(index) + 1)
        values = np.stack(pieces, axis=1).ravel()
        return csr_array((values, used.ravel(), ends), shape=(len(index), self.count))

    def gram(self, derivative: int) -> Array:
        """Return the integrals of products of derivatives of splines, (count, count)."""
        return _gram(self.count, derivative) * self.spacing ** (1 - 2 * derivative)


def summed(lattices: Sequence[Lattice], places: Sequence[ArrayLike], coefficients: Array) -> Array:
    """Return what splines add up to at all crossings of places along some axes.

    Parameters
    ----------
    lattices : sequence of Lattice
        Of the first axes of the coefficients.
    places : sequence of array_like, each of shape (n,)
        Along each of these axes, in pixels.
    coefficients : ndarray of float64
        The last axis holds components.
    """
    out = coefficients
    for axis in reversed(range(len(lattices))):
        first = np.ascontiguousarray(np.moveaxis(out, axis, 0))
        mixed = lattices[axis].at(np.asarray(places[axis])) @ first.reshape(len(first), -1)
        out = np.moveaxis(mixed.reshape(len(mixed), *first.shape[1:]), 0, axis)
    return out


def interpolating(values: Array) -> tuple[Array, tuple[int, ...]]:
    """Return the coefficients of splines through values on an even grid, and how many there are.

    Along all axes but the last one, which holds components. At the border they go on evenly.
    """
    from scipy.ndimage import spline_filter1d

    axes = values.ndim - 1
    wide = np.pad(values, (*[(_BEYOND, _BEYOND)] * axes, (0, 0)), "reflect", reflect_type="odd")
    for axis in range(axes):
        wide = spline_filter1d(wide, DEGREE, axis=axis, mode="mirror")
    wide = wide[(*[slice(_BEYOND - 1, 1 - _BEYOND)] * axes,)]
    return wide, wide.shape[:-1]


def affine_part(lattices: Sequence[Lattice], coefficients: Array) -> Array:
    """Return the matrix that places, displaced by splines, are moved by as nearly as by any.

    Parameters
    ----------
    lattices : sequence of Lattice
        Columns last.
    coefficients : ndarray of float64
        By how much places are displaced, as (x, y) or (x, y, z).

    Returns
    -------
    ndarray of float64, shape (3, 3) or (4, 4)
        That can be inverted: where all comes to lie on a line, or nearly, a shift alone.
    """
    axes = len(lattices)
    spacing = np.array([one.spacing for one in lattices])
    matrix = np.eye(axes + 1)
    matrix[:-1, :-1] += (_slopes(coefficients) / spacing[:, None])[::-1].T
    if abs(np.linalg.det(matrix)) < LEAST_AREA:
        matrix = np.eye(axes + 1)
    middle = np.array([(one.start + one.last) / 2 for one in lattices[::-1]])
    moved = middle + coefficients.mean(axis=tuple(range(axes)))
    matrix[:-1, -1] = moved - matrix[:-1, :-1] @ middle
    return matrix


def apart(lattices: Sequence[Lattice], coefficients: Array) -> tuple[Array, Array]:
    """Return the matrix of `affine_part`, and the coefficients that are left if it comes after.

    Together both move places as the given coefficients do without any matrix.
    """
    affine = affine_part(lattices, coefficients)
    nodes = [one.start + one.spacing * np.arange(-1.0, one.count - 1) for one in lattices]
    places = np.stack(np.meshgrid(*nodes, indexing="ij")[::-1], axis=-1)
    back = np.linalg.inv(affine)
    moved = (places + coefficients) @ back[:-1, :-1].T + back[:-1, -1]
    return affine, np.asarray(moved - places)


def solved(slopes: Sequence[Array], wanted: Array) -> Array:
    """Return how far to go along each axis to come by what is wanted, by Cramer's rule.

    Parameters
    ----------
    slopes : sequence of (n, axes) array
        By how much each of n places moves per step along x, y and z.
    wanted : (n, axes) array
        What folds is taken to leave `LEAST_AREA`.
    """
    size = np.maximum(_spanned(slopes), LEAST_AREA)
    steps = [_spanned([*slopes[:k], wanted, *slopes[k + 1 :]]) / size for k in range(len(slopes))]
    return np.stack(steps, axis=1)


def _spanned(sides: Sequence[Array]) -> Array:
    """Return the areas, or volumes, that sides span."""
    if len(sides) == 2:
        (a, c), (b, d) = (one.T for one in sides)
        return np.asarray(a * d - b * c)
    return np.asarray((sides[0] * np.cross(sides[1], sides[2])).sum(axis=1))


def _slopes(values: Array) -> Array:
    """Return by how much values go up a step of each axis, on average, (axes, components)."""
    axes = range(values.ndim - 1)
    slopes = []
    for axis in axes:
        along = values.mean(axis=tuple(other for other in axes if other != axis))
        at = np.arange(len(along)) - (len(along) - 1) / 2
        slopes.append(at @ along / (at @ at))
    return np.stack(slopes)


@lru_cache(maxsize=64)
def _gram(count: int, derivative: int) -> Array:
    """Return the integrals for splines that lie 1 px apart."""
    steps = count - DEGREE
    nodes, weights = np.polynomial.legendre.leggauss(DEGREE + 1)
    inner = np.arange(steps)[:, None] + (nodes + 1) / 2
    values = Lattice(0.0, 1.0, count).design(inner.ravel(), derivative)
    return np.asarray(values.T @ (values * np.tile(weights / 2, steps)[:, None]))


def _pieces(t: Array, derivative: int) -> tuple[Array, ...]:
    """Return the four splines that are not zero at a fraction of an interval."""
    one = np.ones_like(t)
    if derivative == 0:
        return (
            (1 - t) ** 3 / 6,
            (3 * t**3 - 6 * t**2 + 4) / 6,
            (-3 * t**3 + 3 * t**2 + 3 * t + 1) / 6,
            t**3 / 6,
        )
    if derivative == 1:
        return (
            -((1 - t) ** 2) / 2,
            (3 * t**2 - 4 * t) / 2,
            (-3 * t**2 + 2 * t + 1) / 2,
            t**2 / 2,
        )
    if derivative == 2:
        return 1 - t, 3 * t - 2, 1 - 3 * t, t
    return -one, 3 * one, -3 * one, one
