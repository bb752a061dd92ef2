"""How far a field moves places on an even grid, for the formats of others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from .coordinates import map_points
from .formats.field_zarr import Sampled
from .splines import Array, Lattice, summed

# Between the places at which displacements are written, lines are right to so many px.
_BETWEEN = 0.01


class Bending(Protocol):
    """A field, as far as it is asked here."""

    @property
    def matrix(self) -> Array: ...
    @property
    def coefficients(self) -> Array: ...


def at_pixels(field: Bending, lattices: Sequence[Lattice]) -> Sampled:
    """Return how far every pixel, or voxel, moves; with its lattices, columns last."""
    places = [np.arange(one.start, one.last + 1e-6) for one in lattices]
    return _moved(field, lattices, places, 1.0)


def sampled(field: Bending, lattices: Sequence[Lattice]) -> Sampled:
    """Return how far places move between which lines are right to a hundredth of a px."""
    # A perspective is no straight line.
    apart = 1.0
    if not field.matrix[-1, :-1].any():
        apart = np.sqrt(8 * _BETWEEN / max(_curvature(field, lattices), 1e-9))
    counts = (max(3, int(np.ceil((one.last - one.start) / max(1.0, apart)))) for one in lattices)
    grid = [
        np.linspace(one.start, one.last, count + 1)
        for one, count in zip(lattices, counts, strict=True)
    ]
    return _moved(field, lattices, grid)


def _moved(
    field: Bending,
    lattices: Sequence[Lattice],
    places: Sequence[Array],
    apart: float | None = None,
) -> Sampled:
    """Return how far all crossings of places move, which are so far apart."""
    points = np.stack(np.meshgrid(*places, indexing="ij")[::-1], axis=-1)
    moved = map_points(field.matrix, points + summed(lattices, places, field.coefficients))
    start = tuple(float(along[0]) for along in places[::-1])
    spacing = tuple(apart or float(along[1] - along[0]) for along in places[::-1])
    return Sampled(np.asarray(moved - points), start, spacing)


def _curvature(field: Bending, lattices: Sequence[Lattice]) -> float:
    """Return the most that a field curves along each axis, in sum, per px."""
    places = [np.linspace(one.start, one.last, 2 * one.count) for one in lattices]
    total = 0.0
    for curved in range(len(lattices)):
        u = field.coefficients
        for axis, (one, at) in enumerate(zip(lattices, places, strict=True)):
            design = one.design(at, 2 * (axis == curved))
            u = np.moveaxis(np.tensordot(design, u, axes=(1, axis)), 0, axis)
        total += float(np.abs(u).max())
    return total
