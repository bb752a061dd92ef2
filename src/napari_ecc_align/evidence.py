"""Independent evidence of an alignment: do small tiles, each on its own, find it right too.

An unrelated image can be bent until it correlates somewhat, but its tiles then fit best in random
places. Where an alignment is right, most tiles fit best where they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from .ecc.correlation import resample
from .ecc.levels import Level

AGREEMENT_RADIUS = 1.5
"""A tile agrees when it fits best within this many pixels (of its level) of where it is."""

_GRID = 8
_LARGEST_TILE = 64
_LARGEST_REACH = 16
_LEAST_DETAIL = 0.02


@dataclass(frozen=True, eq=False)
class TileEvidence:
    """What the tiles of one level say.

    Attributes
    ----------
    tested : int
        Tiles with enough detail to be matched.
    agreeing : int
        Those that fit best where they are.
    displacements : ndarray of float64, shape (tested, 4)
        Centre (x, y) of each tile in the reference and the displacement (dx, dy) of its best fit,
        in full-resolution pixels.
    offset : tuple of float
        The one displacement (dx, dy) at which the tiles together fit best, in full-resolution
        pixels; (0, 0) when the alignment is right.
    rival : float
        Highest joint fit at another place, relative to the highest: near 1 when the images
        repeat, so that a shift by a period fits as well.
    fit : float
        Joint fit of the tiles where they are: their mean normalised correlation.
    chance : float
        Share of tiles that would agree by chance.
    reach : float
        How far the tiles were looked for, in full-resolution pixels.
    """

    tested: int
    agreeing: int
    displacements: NDArray[np.float64]
    offset: tuple[float, float]
    rival: float
    fit: float
    chance: float
    reach: float

    @property
    def share(self) -> float:
        """Share of the tested tiles that agree."""
        return self.agreeing / self.tested if self.tested else 0.0


def tile_evidence(
    reference: Level, moving: Level, matrix: NDArray[np.float64], *, inverted: bool
) -> TileEvidence:
    """Match small tiles of the reference in the aligned moving image around where they are.

    Parameters
    ----------
    reference, moving : Level
        Smoothed planes of one level.
    matrix : ndarray of float64, shape (3, 3)
        Maps reference pixels to moving pixels, both of this level.
    inverted : bool
        The moving image is a negative of the reference.
    """
    side, reach = _tile_size(reference.values.shape)
    covered = resample(moving.valid, matrix, reference.values.shape)
    inside = ((reference.valid == 255) & (covered == 255)).astype(np.uint8)
    surfaces, centres = [], []
    for top, left in _tile_corners(reference.values, inside, side, reach):
        tile = reference.values[top : top + side, left : left + side]
        surface = _match(tile, moving, matrix, (top, left), reach)
        if surface is not None:
            surfaces.append(-surface if inverted else surface)
            centres.append((left + (side - 1) / 2, top + (side - 1) / 2))
    return _weighed(np.array(surfaces), np.array(centres), reach, reference.factor)


def _tile_size(shape: tuple[int, ...]) -> tuple[int, int]:
    side = int(np.clip(min(shape[:2]) // 6, 10, _LARGEST_TILE))
    return side, int(np.clip(side // 3, 4, _LARGEST_REACH))


def _tile_corners(
    values: NDArray[np.float32], inside: NDArray[np.uint8], side: int, reach: int
) -> list[tuple[int, int]]:
    """Choose one tile per cell of a grid: where detail in its weaker direction is strongest."""
    import cv2

    strength = cv2.cornerMinEigenVal(values, side | 1, 3)
    # A tile and all the places it is looked for must lie in the overlap.
    margin = side // 2 + reach + 2
    kernel = np.ones((2 * margin + 1, 2 * margin + 1), np.uint8)
    usable = cv2.erode(inside, kernel, borderType=cv2.BORDER_CONSTANT, borderValue=0) > 0
    strength[~usable] = 0
    floor = _LEAST_DETAIL * float(strength.max())
    height, width = values.shape
    rows = np.linspace(0, height, min(_GRID, max(1, height // side)) + 1).astype(int)
    columns = np.linspace(0, width, min(_GRID, max(1, width // side)) + 1).astype(int)
    chosen = []
    for top, bottom in pairwise(rows):
        for left, right in pairwise(columns):
            cell = strength[top:bottom, left:right]
            y, x = np.unravel_index(int(cell.argmax()), cell.shape)
            if cell[y, x] > floor:
                chosen.append((top + int(y) - side // 2, left + int(x) - side // 2))
    return chosen


def _match(
    tile: NDArray[np.float32],
    moving: Level,
    matrix: NDArray[np.float64],
    corner: tuple[int, int],
    reach: int,
) -> NDArray[np.float32] | None:
    """Return the normalised correlation of a tile at every displacement up to `reach`."""
    import cv2

    top, left = corner
    side = tile.shape[0] + 2 * reach
    place = np.array([[1.0, 0.0, left - reach], [0.0, 1.0, top - reach], [0.0, 0.0, 1.0]])
    around = resample(moving.values, matrix @ place, (side, side)).astype(np.float32)
    if tile.std() < 1e-6 or around.std() < 1e-6:
        return None
    surface: NDArray[np.float32] = cv2.matchTemplate(around, tile, cv2.TM_CCOEFF_NORMED)
    return surface if np.isfinite(surface).all() else None


def _weighed(
    surfaces: NDArray[np.float32], centres: NDArray[np.float64], reach: int, factor: int
) -> TileEvidence:
    width = 2 * reach + 1
    chance = np.pi * AGREEMENT_RADIUS**2 / width**2
    if not len(surfaces):
        return TileEvidence(
            0, 0, np.empty((0, 4)), (0.0, 0.0), 0.0, 0.0, chance, float(reach * factor)
        )
    found = np.array([_peak(surface) for surface in surfaces]) - reach
    agreeing = int((np.hypot(*found.T) <= AGREEMENT_RADIUS).sum())
    joint = surfaces.mean(axis=0)
    best = _peak(joint)
    return TileEvidence(
        tested=len(surfaces),
        agreeing=agreeing,
        displacements=np.hstack([centres, found]) * factor,
        offset=tuple(((best - reach) * factor).tolist()),
        rival=_rival(joint, best),
        fit=float(joint[reach, reach]),
        chance=chance,
        reach=float(reach * factor),
    )


def _peak(surface: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the (x, y) of the highest point, to a fraction of a pixel by a parabola."""
    y, x = np.unravel_index(int(surface.argmax()), surface.shape)
    return np.array([x + _vertex(surface[y], x), y + _vertex(surface[:, x], y)])


def _vertex(line: NDArray[np.float32], at: np.intp) -> float:
    if not 0 < at < len(line) - 1:
        return 0.0
    before, here, after = (float(value) for value in line[at - 1 : at + 2])
    bend = before - 2 * here + after
    return 0.5 * (before - after) / bend if bend < 0 else 0.0


def _rival(joint: NDArray[np.float32], best: NDArray[np.float64]) -> float:
    """Return the highest local maximum away from the best one, relative to it."""
    import cv2

    top = float(joint.max())
    if top <= 0:
        return 1.0
    around = cv2.dilate(joint, np.ones((3, 3), np.uint8))
    y, x = np.nonzero(joint >= around)
    away = np.hypot(x - best[0], y - best[1]) > 2 * AGREEMENT_RADIUS
    return max(0.0, float(joint[y[away], x[away]].max()) / top) if away.any() else 0.0
