"""Independent evidence of an alignment: do small tiles, each on its own, find it right too.

An unrelated image can be bent until it correlates somewhat, but its tiles then fit best in random
places. Where an alignment is right, most tiles fit best where they are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from .._common.quantiles import middle
from .._ecc.correlation import template_correlations
from .._images.pyramid import tile_choice as tiles
from .._images.pyramid.blocks import tile_values
from .._images.pyramid.levels import Level
from .._images.pyramid.representations import Representation, halo
from .._images.pyramid.tile_choice import overview
from .._images.pyramid.tile_sampler import TileSampler
from .._transform.coordinates import scaled
from .limits import (
    AGREEMENT_RADIUS,
    CLEAR,
    DIRECTIONS,
    LARGEST_UNCERTAINTY,
    LEAST_AGREEING,
)
from .peaks import Peaks, highest_rival
from .rival import NO_RIVAL, Rival

FIRST_TILES = 16
MOST_TILES = 40
# Where so many leave a doubt but some agree, all that there are, at most so many.
ALL_TILES = 4 * MOST_TILES
SMALLEST_TILE = 16
LARGEST_TILE = 44
LEAST_REACH = 6
# Tiles are chosen by their texture on a coarser level, where they still measure so many pixels.
_COARSE_SIDE = 4
_FLAT = float(np.finfo(np.float32).eps)


@dataclass(frozen=True, eq=False)
class Tiles:
    """What the tiles of one level say.

    Attributes
    ----------
    tested : int
        Tiles with enough detail to be matched.
    independent : float
        How many independent ones they are worth: fewer where they overlap.
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
    rival : Rival
        The highest joint fit, and that at another place.
    fit : float
        Joint fit of the tiles where they are: their mean normalised correlation.
    chance : float
        Share of tiles that would agree by chance: of the area that they are looked for in or,
        where that leaves a doubt, as seen at wrong places of the same images.
    chance_fit : float
        What they typically correlate there at their best; 0 if that was not asked.
    reach : float
        How far the tiles were looked for, in full-resolution pixels.
    radius : float
        How far off, in full-resolution pixels, a tile still agrees.
    side : float
        Of a tile, in full-resolution pixels.
    slid : float
        The highest joint fit at six pixels (of the level) or more from where they are, relative
        to that there, both above that in the typical direction: what runs along lines fits
        wherever it slides.

    Examples
    --------
    >>> from skimage import data
    >>> from napari_ecc_align import align
    >>> camera = data.camera()
    >>> tiles = align(camera[100:300, 100:350], camera[97:297, 105:355]).tiles
    >>> int(tiles.agree.sum()) == tiles.agreeing == tiles.tested, tiles.share
    (True, 1.0)
    >>> tiles.displacements[:, 2:].round().any(), tiles.displacements.shape == (tiles.tested, 4)
    (np.False_, True)
    """

    tested: int
    independent: float
    agreeing: int
    displacements: NDArray[np.float64]
    uncertainties: NDArray[np.float64]
    fits: NDArray[np.float64]
    offset: tuple[float, float]
    rival: Rival
    fit: float
    chance: float
    chance_fit: float
    reach: float
    radius: float
    side: float
    slid: float = 0.0

    @cached_property
    def agree(self) -> NDArray[np.bool_]:
        """Which tiles fit best where they are, shape (tested,)."""
        return np.asarray(np.hypot(*self.displacements[:, 2:].T) <= self.radius)

    @property
    def share(self) -> float:
        """Share of the tested tiles that agree."""
        return self.agreeing / self.tested if self.tested else 0.0


def without(said: Tiles, others: NDArray[np.bool_]) -> Tiles:
    """Return what tiles say without some of them, shape (tested,)."""
    left = ~others
    return replace(
        said,
        tested=int(left.sum()),
        independent=said.independent * int(left.sum()) / len(left) if len(left) else 0.0,
        agreeing=int((said.agree & left).sum()),
        displacements=said.displacements[left],
        uncertainties=said.uncertainties[left],
        fits=said.fits[left],
    )


def tile_evidence(
    reference: list[Level],
    moving: list[Level],
    index: int,
    matrix: NDArray[np.float64],
    *,
    inverted: bool,
    far: bool = False,
    representation: Representation = "intensity",
    asked: tuple[int, int] = (0, ALL_TILES),
) -> Tiles:
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
    representation : {"intensity", "orientation"}
        Planes that are matched, all together.
    asked : tuple of int, default: (0, 160)
        Tiles to ask, however clear the first of them are, and at most; of those that look far, 40.
    """
    least, most = asked
    level, local = reference[index], scaled(matrix, 2.0**-index)
    height, width = np.minimum(level.shape, moving[index].shape).tolist()
    side, reach = _tile_size((height, width), far, halo(representation))
    apart = side
    pair = reference, moving[index], index, representation
    # Of a narrow image, those a pixel farther in lie on moving pixels; at its border none does.
    margin = reach + halo(representation) + 2
    origins = _chosen(*pair, local, _Layout(side, reach, apart, margin))
    # Fewer side by side are replaced by smaller ones that overlap by half.
    if len(origins) < FIRST_TILES:
        side = 3 * side // 4
        apart, margin = side // 2, margin + 1
        origins = _chosen(*pair, local, _Layout(side, reach, apart, margin))
    if len(origins) < FIRST_TILES:
        # Where little overlaps, the borders that face each other are all that there is.
        origins = _chosen(*pair, local, _Layout(side, reach, apart, margin - reach))
    surfaces, centres = _none(reach)
    if not len(origins):
        return weighed(surfaces, centres, side, reach, index, apart)
    used, origins = 0, origins[:most]
    stages: tuple[int, ...] = (FIRST_TILES, MOST_TILES)
    if not far:
        # Where tiles are small, each says less and costs less: as many pixels are then asked.
        few = max(FIRST_TILES, FIRST_TILES * LARGEST_TILE**2 // side**2)
        few = min(few, MOST_TILES) if apart == side else MOST_TILES
        stages = (few, MOST_TILES, ALL_TILES)
    for count in sorted({max(least, count) for count in stages}):
        # Not all as it should be: it is worth the time to look closer.
        part = origins[used:count]
        more = _matched(*pair, local, part, side, reach)
        if inverted:
            more = -more[0], more[1]
        surfaces, centres = np.concatenate([surfaces, more[0]]), np.concatenate([centres, more[1]])
        said = weighed(surfaces, centres, side, reach, index, apart)
        used = count
        if used >= len(origins) or is_clear(said, min(used, FIRST_TILES), index):
            break
        if said.agreeing * MOST_TILES < LEAST_AGREEING * used and used >= least:
            break
    return said


def same_tiles(
    reference: list[Level],
    moving: list[Level],
    index: int,
    matrix: NDArray[np.float64],
    fine: Tiles,
    *,
    inverted: bool,
    representation: Representation = "intensity",
) -> Tiles:
    """Match tiles of full resolution again, on a coarser level: those that lie inside of it.

    Takes what `tile_evidence` does, and what the tiles have said.
    """
    level, reach = reference[index], LEAST_REACH
    side = max(SMALLEST_TILE, int(fine.side) >> index)
    origins = np.rint(fine.displacements[:, :2] * 2.0**-index - (side - 1) / 2)
    margin = reach + halo(representation) + 2
    last = np.array(level.shape[::-1]) - margin - side
    origins = origins[((origins >= margin) & (origins <= last)).all(axis=1)]
    if not len(origins):
        return weighed(*_none(reach), side, reach, index, side)
    pair = reference, moving[index], index, representation
    surfaces, centres = _matched(*pair, scaled(matrix, 2.0**-index), origins, side, reach)
    return weighed(-surfaces if inverted else surfaces, centres, side, reach, index, side)


def is_clear(said: Tiles, asked: int, index: int) -> bool:
    """Tell whether the tiles asked so far leave no need to ask more."""
    if not said.agreeing >= CLEAR * asked:
        return False
    return middle(np.hypot(*said.displacements[:, 2:].T)) < LARGEST_UNCERTAINTY * 2.0**index


def _matched(
    reference: list[Level],
    moving: Level,
    index: int,
    representation: Representation,
    matrix: NDArray[np.float64],
    origins: NDArray[np.float64],
    side: int,
    reach: int,
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Return the correlation surface of every tile that can be matched, and the tiles' centres."""
    level = reference[index]

    def made() -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        templates, valid = tile_values(level, origins, side, representation)
        usable = _extent(templates) >= _FLAT
        return templates, usable if valid is None else usable & valid.all(axis=(1, 2))

    key = side, representation, origins.tobytes()
    templates, usable = level.recent("templates", key, made)
    sampler = TileSampler(moving, origins - reach, side + 2 * reach, representation=representation)
    around = sampler(matrix)
    # What is NaN anywhere has no extent, not even a small one.
    usable = usable & (_extent(around) >= _FLAT)
    if not usable.all():
        around, templates, origins = around[usable], templates[usable], origins[usable]
    surfaces = template_correlations(around, templates)
    finite = np.isfinite(surfaces).all(axis=(1, 2))
    return surfaces[finite], origins[finite] + (side - 1) / 2


def _none(reach: int) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Return the surfaces, and the centres, of no tiles."""
    return np.empty((0, 2 * reach + 1, 2 * reach + 1), np.float32), np.empty((0, 2))


def _extent(tiles: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the range of each tile's values, shape (n,)."""
    flat = tiles.reshape(len(tiles), -1)
    return np.asarray(flat.max(axis=1) - flat.min(axis=1))


def _tile_size(shape: tuple[int, int], far: bool, ring: int) -> tuple[int, int]:
    side = int(np.clip(min(shape) // 8, SMALLEST_TILE, LARGEST_TILE))
    least = 2 * LEAST_REACH if far else LEAST_REACH
    room = (min(shape) - side) // 2 - ring - 2
    return side, max(1, min(room, max(least, side // 2 if far else side // 4 - 1)))


@dataclass(frozen=True)
class _Layout:
    """Of tiles, in px: their side, how far they look, their step, and what border is left out."""

    side: int
    reach: int
    apart: int
    margin: int


def _chosen(
    reference: list[Level],
    moving: Level,
    index: int,
    representation: Representation,
    local: NDArray[np.float64],
    layout: _Layout,
) -> NDArray[np.float64]:
    """Choose tiles with detail in both directions that lie, with their reach, on moving data."""
    level, side, reach = reference[index], layout.side, layout.reach
    origins = tiles.grid(level.shape, layout.apart, layout.margin)
    last = np.array(level.shape[::-1]) - layout.margin - side
    origins = origins[(origins <= last).all(axis=1)]
    if not len(origins):
        return origins
    covered = tiles.overlap(origins - reach, side + 2 * reach, local, moving, representation)

    def chosen() -> NDArray[np.float64]:
        coarser = overview(reference, index + int(np.log2(side / _COARSE_SIDE)))
        shrink = 2 ** (coarser.index - index)
        strengths = tiles.detail(coarser, shrink, origins, side, FIRST_TILES)
        usable = np.where(covered == 1, strengths, 0)
        return np.asarray(origins[tiles.order(origins, usable, covered, level.shape)])

    return level.recent("chosen tiles", (layout, covered.tobytes()), chosen)


def weighed(
    surfaces: NDArray[np.float32],
    centres: NDArray[np.float64],
    side: int,
    reach: int,
    index: int,
    apart: int,
) -> Tiles:
    """Return what tiles of a level with some centres say by their correlation surfaces."""
    factor = 2**index
    width = 2 * reach + 1
    joint = surfaces.mean(axis=0) if len(surfaces) else np.zeros((width, width), np.float32)
    # One more surface: all tiles together.
    tops = Peaks.of(np.concatenate([surfaces, joint[None]]))
    found, best = tops.places[:-1] - reach, tops.places[-1]
    return Tiles(
        tested=len(surfaces),
        independent=_independent(centres, apart) if apart < side else float(len(surfaces)),
        agreeing=int((np.hypot(*found.T) <= AGREEMENT_RADIUS).sum()),
        displacements=np.hstack([centres, found]) * factor,
        uncertainties=tops.uncertainties(side)[:-1] * factor,
        fits=tops.heights[:-1],
        offset=tuple(((best - reach) * factor).tolist()) if len(surfaces) else (0.0, 0.0),
        rival=highest_rival(joint, best, factor) if len(surfaces) else NO_RIVAL,
        fit=float(joint[reach, reach]),
        chance=float(np.pi * AGREEMENT_RADIUS**2 / width**2),
        chance_fit=0.0,
        reach=float(reach * factor),
        radius=AGREEMENT_RADIUS * factor,
        side=float(side * factor),
        slid=_slid(joint, reach),
    )


def _slid(joint: NDArray[np.float32], reach: int) -> float:
    """Return how high a surface is far from its middle in one direction, relative to there.

    Both above the typical direction: what is as high in all of them is blurred and slides nowhere.
    """
    highest = np.array([joint[there].max() for there in _far_in_each_direction(reach)])
    typical = middle(highest) if len(highest) else np.inf
    here = float(joint[reach, reach]) - typical
    return (float(highest.max()) - typical) / here if here > 0 else 1.0


@lru_cache(maxsize=8)
def _far_in_each_direction(reach: int) -> tuple[NDArray[np.bool_], ...]:
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    far = np.hypot(x, y) >= min(LEAST_REACH, reach)
    towards = np.rint(np.arctan2(y, x) % np.pi * (DIRECTIONS / np.pi)).astype(int) % DIRECTIONS
    each = (far & (towards == k) for k in range(DIRECTIONS))
    return tuple(there for there in each if there.any())


def _independent(centres: NDArray[np.float64], apart: int) -> float:
    """Return how many tiles side by side would cover what tiles that overlap by half cover."""
    cells = {
        (x + i, y + j)
        for x, y in np.rint((centres - centres.min(axis=0, initial=np.inf)) / apart).tolist()
        for i in (0, 1)
        for j in (0, 1)
    }
    return len(cells) / 4
