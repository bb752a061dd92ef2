"""Where the pixels of a given coarser level lie: nobody says, so it is measured.

Levels are made by striding, by the mean of squares, or by resizing to a rounded size: their first
pixels lie at 0, at half a square, or in between.  Half a pixel of a level eight times coarser is
four at full resolution, more than the next finer level forgives.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..._common.opencv import cv2
from .filters import gradients
from .levels import Floats, Grid, Level, floats
from .windows import interpolated

Vector = NDArray[np.float64]

# Two levels are compared in patches of so many px of the coarser one a side; the image is divided
# into so many cells a side to spread them, and the best few cells are used.
_PATCH = 48
_CELLS = 3
_MOST = 4
# A level that lies further (px of it) from every known convention is not trusted.
_FARTHEST_FROM_CONVENTION = 0.15


def textured_places(guide: Level) -> Vector:
    """Return places with texture, spread over an image, (n, 2) as shares of its width and height.

    `guide` is any level of it in memory.
    """
    height, width = guide.shape
    image, valid = guide.whole()
    texture = cv2.cornerMinEigenVal(image, max(3, min(height, width) // 40), 3)
    if valid is not None:
        reach = np.ones((9, 9), np.uint8)
        texture[~cv2.erode(valid.view(np.uint8), reach).view(bool)] = 0
    found = []
    rows, columns = (np.linspace(0.05, 0.95, _CELLS + 1) * side for side in (height, width))
    for y0, y1 in zip(rows[:-1].astype(int), rows[1:].astype(int), strict=True):
        for x0, x1 in zip(columns[:-1].astype(int), columns[1:].astype(int), strict=True):
            _, best, _, (x, y) = cv2.minMaxLoc(texture[y0:y1, x0:x1])
            if best > 0:
                found.append((best, (x0 + x) / width, (y0 + y) / height))
    found.sort(reverse=True)
    return np.array(found, np.float64).reshape(-1, 3)[:_MOST, 1:]


def located(finer: Level, coarser: Level, places: Vector) -> tuple[Grid, bool]:
    """Return the grid of a level in px of a finer one, and whether it follows that convention.

    They are compared at some `places`.
    """
    grids = conventions(finer.shape, coarser.shape)
    distances = [_distance(finer, coarser, places, grid) for grid in grids]
    best = int(np.argmin(distances))
    return grids[best], distances[best] < _FARTHEST_FROM_CONVENTION


def conventions(finer: tuple[int, ...], coarser: tuple[int, ...]) -> list[Grid]:
    """Return the grids that levels of these shapes may have, the commonest first.

    Shapes are (h, w), or have an axis more; grids are in the opposite order of axes.
    """
    fine, coarse = (np.array(shape[::-1], np.float64) for shape in (finer, coarser))
    ratio = fine / coarse
    whole = np.rint(ratio)
    grids = []
    if (np.abs(fine - whole * coarse) < whole).all():
        grids += [Grid(whole, (whole - 1) / 2), Grid(whole, np.zeros(len(fine)))]
    if not grids or (whole != ratio).any():
        grids.append(Grid(ratio, (ratio - 1) / 2))
        grids.append(Grid((fine - 1) / np.maximum(1, coarse - 1), np.zeros(len(fine))))
    return grids


def _distance(finer: Level, coarser: Level, places: Vector, grid: Grid) -> float:
    """Return the RMS distance (px) between a level and where a grid would put it."""
    side = min(_PATCH, *coarser.shape)
    limits = np.array(coarser.shape[::-1]) - side
    firsts = np.clip(np.rint(places * coarser.shape[::-1] - side / 2), 0, limits).astype(int)
    normal, moment = 0.0, 0.0
    for x, y in firsts.tolist():
        seen, valid = coarser.patch(y, y + side, x, x + side)
        if valid is not None and not valid.all():
            continue
        expected = _expected(finer, grid, (x, y), side)
        if expected is None:
            continue
        shift, weight = _shift(expected, seen)
        normal += weight
        moment += weight * float(shift @ shift)
    return float(np.sqrt(moment / normal)) if normal > 0 else np.inf


def _expected(finer: Level, grid: Grid, first: tuple[int, int], side: int) -> Floats | None:
    """Return what a patch of the coarser level should hold; None where something is masked."""
    reach = np.ceil(2 * grid.step).astype(int) + 3
    begin: Vector = grid.step * np.array(first) + grid.start
    end = begin + grid.step * (side - 1)
    low = np.clip(np.floor(begin).astype(int) - reach, 0, None)
    high = np.clip(np.ceil(end).astype(int) + reach + 1, None, finer.shape[::-1])
    values, valid = finer.patch(low[1], high[1], low[0], high[0])
    if valid is not None and not valid.all():
        return None
    smooth = cv2.GaussianBlur(
        values, (0, 0), sigmaX=0.4 * float(grid.step[0]), sigmaY=0.4 * float(grid.step[1])
    )
    return interpolated(floats(smooth), None, grid.step, begin - low, (side, side))[0]


def _shift(expected: Floats, seen: Floats) -> tuple[Vector, float]:
    """Return the displacement (dx, dy) between two patches and the texture it rests on.

    One step of Lucas and Kanade (1981), with gain and offset.
    """
    inner = slice(4, -4), slice(4, -4)
    a, b = (floats(cv2.GaussianBlur(image, (0, 0), 1.0)) for image in (expected, seen))
    gx, gy = gradients(a)
    columns = np.stack(
        [gx[inner].ravel(), gy[inner].ravel(), a[inner].ravel(), np.ones(gx[inner].size)],
        axis=1,
        dtype=np.float64,
    )
    normal = columns.T @ columns
    if np.linalg.cond(normal) > 1e10:
        return np.zeros(2), 0.0
    solution = np.linalg.solve(normal, columns.T @ b[inner].ravel())
    if solution[2] <= 0.2:
        return np.zeros(2), 0.0
    return solution[:2] / solution[2], float(np.linalg.eigvalsh(normal[:2, :2])[0])
