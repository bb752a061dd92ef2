"""Independent evidence of an alignment: do small tiles, each on its own, find it right too.

An unrelated image can be bent until it correlates somewhat, but its tiles then fit best in random
places. Where an alignment is right, most tiles fit best where they are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .ecc.pyramid import tiles
from .ecc.pyramid.blocks import SIGMA, TileSampler, halo, tile_reference
from .ecc.pyramid.models import scaled
from .ecc.pyramid.scalespace import Level, overview

AGREEMENT_RADIUS = 1.5
"""A tile agrees when it fits best within this many pixels (of its level) of where it is."""

MOST_TILES = 40
FIRST_TILES = 16
_CLEAR_SHARE = 0.9
# Tiles that are typically displaced by more than this (px of the level) make a pattern.
_EXACT = 0.35
_SMALLEST_TILE = 16
_LARGEST_TILE = 48
_LEAST_REACH = 6
# Smoothing correlates the noise of this many pixels: 4 pi sigma squared.
_CORRELATED = 4 * np.pi * SIGMA**2
# What the parabola through a peak is off by at best (px of the level).
_PEAK_ERROR = 0.04
# Tiles are chosen by their texture on a coarser level, where they still measure so many pixels.
_COARSE_SIDE = 4
_LEAST_DETAIL = 0.02
_FLAT = 1e-5


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
    uncertainties : ndarray of float64, shape (tested,)
        One sigma of each displacement in its least certain direction, in full-resolution pixels;
        infinite where the best fit lies on the border of what was searched.
    fits : ndarray of float64, shape (tested,)
        Normalised correlation of each tile at its best.
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
    radius : float
        How far off, in full-resolution pixels, a tile still agrees.
    """

    tested: int
    agreeing: int
    displacements: NDArray[np.float64]
    uncertainties: NDArray[np.float64]
    fits: NDArray[np.float64]
    offset: tuple[float, float]
    rival: float
    fit: float
    chance: float
    reach: float
    radius: float

    @property
    def agree(self) -> NDArray[np.bool_]:
        """Which tiles fit best where they are, shape (tested,)."""
        return np.asarray(np.hypot(*self.displacements[:, 2:].T) <= self.radius)

    @property
    def share(self) -> float:
        """Share of the tested tiles that agree."""
        return self.agreeing / self.tested if self.tested else 0.0


def tile_evidence(
    reference: list[Level],
    moving: list[Level],
    index: int,
    matrix: NDArray[np.float64],
    *,
    inverted: bool,
    far: bool = False,
) -> TileEvidence:
    """Match small tiles of the reference in the moving image around where a matrix puts them.

    Only the pixels below the tiles are read.

    Parameters
    ----------
    reference, moving : list of Level
        Pyramids, full resolution first.
    index : int
        The level on which to match.
    matrix : ndarray of float64, shape (3, 3)
        Maps reference pixels to moving pixels, at full resolution.
    inverted : bool
        The moving image is a negative of the reference.
    far : bool, default: False
        Look twice as far, to see where else a repeating image would fit.
    """
    level, local = reference[index], scaled(matrix, 2.0**-index)
    side, reach = _tile_size(level.shape, far)
    origins = _chosen(reference, moving[index], index, local, side, reach)
    if not len(origins):
        return _weighed(np.empty((0, 0, 0), np.float32), np.empty((0, 2)), side, reach, index)
    said = _matched(level, moving[index], local, origins[:FIRST_TILES], side, reach, inverted)
    first = _weighed(*said, side, reach, index)
    typical = np.median(np.hypot(*first.displacements[:, 2:].T)) if first.tested else np.inf
    clear = first.agreeing >= _CLEAR_SHARE * FIRST_TILES and typical < _EXACT * 2**index
    if clear or len(origins) <= FIRST_TILES:
        return first
    # Not all as it should be: it is worth the time to look closer.
    more = _matched(level, moving[index], local, origins[FIRST_TILES:], side, reach, inverted)
    surfaces = np.concatenate([said[0], more[0]])
    centres = np.concatenate([said[1], more[1]])
    return _weighed(surfaces, centres, side, reach, index)


def _matched(
    reference: Level,
    moving: Level,
    matrix: NDArray[np.float64],
    origins: NDArray[np.float64],
    side: int,
    reach: int,
    inverted: bool,
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Return the correlation surface of every tile that can be matched, and the tiles' centres."""
    templates = tile_reference(reference, origins, side)
    around = TileSampler(moving, origins - reach, side + 2 * reach)(matrix)
    surfaces, centres = [], []
    for template, seen, region, centre in zip(
        templates.values,
        [None] * len(origins) if templates.valid is None else templates.valid,
        around,
        templates.centres,
        strict=True,
    ):
        surface = _match(template, seen, region)
        if surface is not None:
            surfaces.append(-surface if inverted else surface)
            centres.append(centre)
    width = 2 * reach + 1
    return (
        np.array(surfaces, np.float32).reshape(-1, width, width),
        np.array(centres, np.float64).reshape(-1, 2),
    )


def _tile_size(shape: tuple[int, int], far: bool) -> tuple[int, int]:
    side = int(np.clip(min(shape) // 8, _SMALLEST_TILE, _LARGEST_TILE))
    least = 2 * _LEAST_REACH if far else _LEAST_REACH
    room = (min(shape) - side) // 2 - halo(False) - 2
    return side, max(1, min(room, max(least, side // 2 if far else side // 4)))


def _chosen(
    reference: list[Level],
    moving: Level,
    index: int,
    local: NDArray[np.float64],
    side: int,
    reach: int,
) -> NDArray[np.float64]:
    """Choose tiles with detail in both directions that lie, with their reach, on moving pixels."""
    level = reference[index]
    margin = reach + halo(False) + 2
    origins = tiles.grid(level.shape, side, margin)
    if not len(origins):
        return origins
    halvings = int(np.log2(side / _COARSE_SIDE))
    coarser = overview(reference, index + halvings)
    strengths = tiles.strength(coarser, 2 ** (coarser.index - index), origins, side)
    covered = tiles.overlap(origins - reach, side + 2 * reach, local, moving, False)
    strengths[strengths < _LEAST_DETAIL * strengths.max(initial=0)] = 0
    usable = np.where(covered == 1, strengths, 0)
    chosen: NDArray[np.float64] = origins[tiles.order(origins, usable, covered, level.shape)]
    return chosen[:MOST_TILES]


def _match(
    template: NDArray[np.float32], seen: NDArray[np.bool_] | None, region: NDArray[np.float32]
) -> NDArray[np.float32] | None:
    """Return the normalised correlation of a tile at every displacement within its reach."""
    from ._cv2 import cv2

    if np.isnan(region.sum()) or (seen is not None and not seen.all()):
        return None
    if np.ptp(template) < _FLAT or np.ptp(region) < _FLAT:
        return None
    surface: NDArray[np.float32] = cv2.matchTemplate(region, template, cv2.TM_CCOEFF_NORMED)
    return surface if np.isfinite(surface).all() else None


def _weighed(
    surfaces: NDArray[np.float32],
    centres: NDArray[np.float64],
    side: int,
    reach: int,
    index: int,
) -> TileEvidence:
    factor = 2**index
    found = np.array([_peak(surface) for surface in surfaces]).reshape(-1, 2) - reach
    joint = surfaces.mean(axis=0) if len(surfaces) else np.zeros((2 * reach + 1,) * 2, np.float32)
    best = _peak(joint)
    return TileEvidence(
        tested=len(surfaces),
        agreeing=int((np.hypot(*found.T) <= AGREEMENT_RADIUS).sum()),
        displacements=np.hstack([centres, found]) * factor,
        uncertainties=np.array([_uncertainty(surface, side) for surface in surfaces]) * factor,
        fits=surfaces.max(axis=(1, 2), initial=-1).astype(np.float64),
        offset=tuple(((best - reach) * factor).tolist()) if len(surfaces) else (0.0, 0.0),
        rival=_rival(joint, best) if len(surfaces) else 0.0,
        fit=float(joint[reach, reach]),
        chance=float(np.pi * AGREEMENT_RADIUS**2 / (2 * reach + 1) ** 2),
        reach=float(reach * factor),
        radius=AGREEMENT_RADIUS * factor,
    )


def _uncertainty(surface: NDArray[np.float32], side: int) -> float:
    """Return one sigma of a peak's place in its least certain direction, in px of the level.

    For a template in white noise the variance is that of the noise over the sum of the squared
    gradients; the height and the curvature of the normalised correlation tell both.
    """
    y, x = np.unravel_index(int(surface.argmax()), surface.shape)
    if not (0 < y < surface.shape[0] - 1 and 0 < x < surface.shape[1] - 1):
        return float("inf")
    near = surface[y - 1 : y + 2, x - 1 : x + 2].astype(np.float64)
    height = float(near[1, 1])
    xx, yy = near[1, 0] - 2 * height + near[1, 2], near[0, 1] - 2 * height + near[2, 1]
    xy = (near[2, 2] - near[2, 0] - near[0, 2] + near[0, 0]) / 4
    flattest = -(xx + yy) / 2 - np.hypot((xx - yy) / 2, xy)
    if height <= 0 or flattest <= 0:
        return float("inf")
    noise = _CORRELATED * max(0.0, 1 - height**2) / (height * side**2 * flattest)
    return float(np.sqrt(noise + _PEAK_ERROR**2))


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
    from ._cv2 import cv2

    top = float(joint.max())
    if top <= 0:
        return 1.0
    around = cv2.dilate(joint, np.ones((3, 3), np.uint8))
    y, x = np.nonzero(joint >= around)
    away = np.hypot(x - best[0], y - best[1]) > 2 * AGREEMENT_RADIUS
    return max(0.0, float(joint[y[away], x[away]].max()) / top) if away.any() else 0.0
