"""The levels of two images on which a field is looked for, and what their cells say there."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from ..._common.opencv import cv2
from ..._images.field_warping import CELL, between_cells, cell_places, moved_cells
from ..._images.pyramid.filters import smoothed_inside
from ..._images.pyramid.levels import Floats, Level, floats
from ..._images.pyramid.representations import Representation, planes_of, represent, turned
from ..._transform.splines import Array
from .system import Splines
from .windows import Seen, Windows, sums

# The finest level has so many pixels at most, and the coarsest so many on its shorter side.
_FINEST, _COARSEST = 1_500_000, 56
# A place counts so far (px of a level, times the scale) within the moving image.
_INSIDE = 3.5
# So many pixels are compared at once: what is made of them stays near at hand.
_STRIP_PIXELS = 2**16


class Stage:
    """One level of both images."""

    def __init__(self, reference: Level, moving: Level, representation: Representation) -> None:
        # The same for all images that are compared with this one.
        self.windows: list[Windows] = reference.recent(
            "field windows", representation, lambda: _windows(reference, representation)
        )
        planes, valid = represent(moving, *moving.whole(), representation)
        self.moving, _ = smoothed_inside(planes, None)
        self._valid = None if valid is None or valid.all() else valid.astype(np.float32)
        if valid is not None:
            self.moving[~valid] = 0
        self.index, self.times = reference.index, 2.0**reference.index
        self.cells = self.windows[0].cells
        self.apart = CELL * self.times
        self._middle = np.array(self.cells[::-1]) * CELL / 2
        self._unbent: tuple[Array, int, Floats, Seen] | None = None

    def places(self, around: int = 0) -> tuple[Array, Array]:
        """Return where the rows and columns of cells are, and some around, in px of level 0."""
        return cell_places(self.cells, self.times, around)

    def design(self, splines: Splines, around: int = 0) -> tuple[Array, Array]:
        """Return splines on the rows and columns of cells, and on so many around."""
        return designs(splines, self.cells, self.times, around)

    def curving(self, splines: Splines) -> tuple[list[Floats], list[Floats]]:
        """Return splines on the rows and columns of cells, and their first two derivatives."""
        return _curving(splines, self.cells, self.times)

    def pairs(self, splines: Splines) -> tuple[Floats, Floats]:
        """Return the products of splines on the rows and columns of cells."""
        return _pairs(splines, self.cells, self.times)

    def seen(self, field: Array, matrix: Array, sign: int, common: Floats | None = None) -> Seen:
        """Compare where a field puts the reference.

        Parameters
        ----------
        field : ndarray, shape (2, h, w)
            On the cells and a ring of them around, in px of level 0.
        matrix : ndarray of float64, shape (3, 3)
            Reference to moving pixels.
        sign : {1, -1}
        common : ndarray of float32, shape (3, h, w), optional
            How much cells count; what gradients have nothing in common in does not, by default.
        """
        at = moved_cells(field, matrix, self.times)
        shown = self._shown(at[1:-1, 1:-1], matrix)
        products = [windows.room(with_moving=common is None) for windows in self.windows]
        step = max(1, _STRIP_PIXELS // (CELL**2 * self.cells[1]))
        for top in range(0, self.cells[0], step):
            rows = slice(top, min(top + step, self.cells[0]))
            pixels = between_cells(at[rows.start : rows.stop + 2], 1)
            laid = floats(cv2.remap(self.moving, pixels, None, cv2.INTER_LINEAR))
            if laid.ndim == 3:
                laid = turned(laid, matrix, self._middle)
            for windows, plane, room in zip(self.windows, planes_of(laid), products, strict=True):
                windows.multiply(np.ascontiguousarray(plane), rows, room)
            if self._valid is not None:
                there = cv2.remap(self._valid, pixels[1:-1], None, cv2.INTER_LINEAR)
                shown[rows] *= sums(floats(there)) > 0.99 * CELL**2
        parts = [
            windows.seen(made, shown, common, sign)
            for windows, made in zip(self.windows, products, strict=True)
        ]
        if len(parts) == 1:
            return parts[0]
        return Seen(
            *(
                floats(np.sum([getattr(part, name) for part in parts], axis=0))
                for name in ("information", "force")
            ),
            *(
                floats(np.mean([getattr(part, name) for part in parts], axis=0))
                for name in ("fit", "counted", "certain", "shown")
            ),
        )

    def seen_unbent(self, matrix: Array, sign: int, common: Floats) -> Seen:
        """Compare where a matrix alone puts the reference; the same is not compared again."""
        kept = self._unbent
        if kept is None or kept[0] is not matrix or kept[1] != sign or kept[2] is not common:
            around = self.cells[0] + 2, self.cells[1] + 2
            seen = self.seen(np.zeros((2, *around)), matrix, sign, common)
            self._unbent = kept = matrix, sign, common, seen
        return kept[3]

    def _shown(self, at: Floats, matrix: Array) -> Floats:
        """Return 1 where cells lie on pixels of both images, else 0."""
        margin = _INSIDE * max(1.0, float(np.abs(matrix[:2, :2]).sum(axis=1).max()))
        height, width = self.moving.shape[:2]
        x, y = at[..., 0], at[..., 1]
        within = (x >= margin) & (x <= width - 1 - margin)
        within &= (y >= margin) & (y <= height - 1 - margin)
        return floats(within & (self.windows[0].pixels > CELL**2 / 2))


@lru_cache(maxsize=32)
def designs(
    splines: Splines, cells: tuple[int, int], times: float, around: int
) -> tuple[Array, Array]:
    """Return splines on the rows and columns of a level's cells, and on so many around."""
    rows, columns = cell_places(cells, times, around)
    return splines.rows.design(rows), splines.columns.design(columns)


@lru_cache(maxsize=8)
def _curving(
    splines: Splines, cells: tuple[int, int], times: float
) -> tuple[list[Floats], list[Floats]]:
    rows, columns = cell_places(cells, times)
    orders = range(3)
    return (
        [floats(splines.rows.design(rows, order)) for order in orders],
        [floats(splines.columns.design(columns, order)) for order in orders],
    )


@lru_cache(maxsize=32)
def _pairs(splines: Splines, cells: tuple[int, int], times: float) -> tuple[Floats, Floats]:
    return splines.pairs(designs(splines, cells, times, 0))


def _windows(reference: Level, representation: Representation) -> list[Windows]:
    planes, valid = represent(reference, *reference.whole(), representation)
    return [Windows(plane, valid) for plane in planes_of(planes)]


def stages_of(
    reference: list[Level], moving: list[Level], representation: Representation
) -> list[Stage]:
    """Return the levels on which a field is looked for, the coarsest first."""
    used = [
        (here, there)
        for here, there in zip(reference, moving, strict=False)
        if max(here.size, there.size) <= _FINEST and isinstance(here.image, np.ndarray)
    ]
    wide = [pair for pair in used if min(*pair[0].shape, *pair[1].shape) >= _COARSEST]
    return [Stage(*pair, representation) for pair in reversed(wide or used[:1])]
