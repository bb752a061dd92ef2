"""How far a field moves places on an even grid, for the formats of others."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from .coordinates import map_points
from .formats.field_zarr import Sampled
from .splines import Array, Lattice

# Between the places at which displacements are written, lines are right to so many px.
_BETWEEN = 0.01


class Bending(Protocol):
    """A field, as far as it is asked here."""

    @property
    def matrix(self) -> Array: ...
    @property
    def rows(self) -> Lattice: ...
    @property
    def columns(self) -> Lattice: ...
    @property
    def coefficients(self) -> Array: ...
    def displacements(self, rows: Array, columns: Array) -> Array: ...


def at_pixels(field: Bending) -> tuple[Array, tuple[float, float]]:
    """Return how far every pixel moves, (h, w, 2), and where (x, y) the first one is."""
    rows = np.arange(field.rows.start, field.rows.last + 1e-6)
    columns = np.arange(field.columns.start, field.columns.last + 1e-6)
    return _moved(field, rows, columns), (float(columns[0]), float(rows[0]))


def sampled(field: Bending) -> Sampled:
    """Return how far places move between which lines are right to a hundredth of a px."""
    # A perspective is no straight line.
    apart = (
        1.0 if field.matrix[2, :2].any() else np.sqrt(8 * _BETWEEN / max(_curvature(field), 1e-9))
    )
    grid = []
    for one in (field.rows, field.columns):
        count = max(3, int(np.ceil((one.last - one.start) / max(1.0, apart))))
        grid.append(np.linspace(one.start, one.last, count + 1))
    rows, columns = grid
    spacing = float(columns[1] - columns[0]), float(rows[1] - rows[0])
    return Sampled(_moved(field, rows, columns), (float(columns[0]), float(rows[0])), spacing)


def _moved(field: Bending, rows: Array, columns: Array) -> Array:
    points = np.stack(np.meshgrid(columns, rows), axis=-1)
    moved = map_points(field.matrix, points + field.displacements(rows, columns))
    return np.asarray(moved - points)


def _curvature(field: Bending) -> float:
    """Return the most that a field curves along rows and along columns, in sum, per px."""
    lattices = field.rows, field.columns
    places = [np.linspace(one.start, one.last, 2 * one.count) for one in lattices]
    plain, curved = (
        [one.design(at, k) for one, at in zip(lattices, places, strict=True)] for k in (0, 2)
    )
    u = np.moveaxis(field.coefficients, -1, 0)
    ways = (curved[0], plain[1]), (plain[0], curved[1])
    return sum(float(np.abs(down @ u @ across.T).max()) for down, across in ways)
