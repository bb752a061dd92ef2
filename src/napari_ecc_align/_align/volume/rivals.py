"""Where else two volumes would fit: at other places, and turned."""

from __future__ import annotations

import numpy as np

from ..._common.steps import outcome_of
from ..._transform.models import Array
from ..._verdict.limits import MOST_RIVALS, SAME_PLACE
from ..._verdict.rival import NO_RIVAL, Rival
from .levels import VolumeLevel
from .motion import mapped
from .refine import VolumeRefiner
from .search import laid_on, level_below, masked_correlation, rotation_of
from .second_motion import DETAIL_VOXELS, details

# The whole of a level of at most so many voxels is correlated at every displacement.
_WHOLE_VOXELS = 40_000
# Turns about which a thing may be symmetric, in degrees about z, y and x.
_TURNS = (
    (180, 0, 0), (0, 180, 0), (0, 0, 180), (90, 0, 0), (-90, 0, 0), (0, 90, 0), (0, -90, 0),
    (0, 0, 90), (0, 0, -90), (120, 0, 0), (60, 0, 0),
)  # fmt: skip
# What correlates less before it is refined does not come near.
_LEAST_LIKENESS = 0.6


def place_rival(reference: list[VolumeLevel], moving: list[VolumeLevel], matrix: Array) -> float:
    """Return how well a coarse level correlates at the best other place, relative to here."""
    from scipy import ndimage

    index = level_below(reference, moving, _WHOLE_VOXELS)
    own, other = reference[index], moving[index]
    laid = laid_on(own, other, matrix)
    correlation, _ = masked_correlation(np.asarray(own.values, np.float32), laid)
    surface = np.abs(correlation)
    here = float(surface[np.ix_(*[[-1, 0, 1]] * 3)].max())
    if here <= 0:
        return 1.0
    tops = surface >= ndimage.maximum_filter(surface, 3, mode="wrap")
    places = np.argwhere(tops)
    size = np.array(surface.shape)
    signed = np.where(places > size // 2, places - size, places)
    away = np.linalg.norm(signed, axis=1) > SAME_PLACE
    heights = surface[tuple(places[away].T)]
    return float(heights.max(initial=0) / here)


def turned_rival(refiner: VolumeRefiner, matrix: Array, *, inverted: bool) -> Rival:
    """Return how well the detail of two volumes correlates here, and at best if one is turned.

    A thing in an empty surround has an outline that fits turned as well: that alone is no rival.
    It is looked for on the coarsest level, and compared on a fine one.
    """
    coarsest = len(refiner.reference) - 1
    index = level_below(refiner.reference, refiner.moving, DETAIL_VOXELS)
    own, other = refiner.reference[index], refiner.moving[index]
    here = abs(correlated(refiner, matrix, coarsest))
    if here <= 0:
        return Rival(0.0, 1.0)
    reference = np.asarray(own.values, np.float32)

    def shared(there: Array) -> float:
        first, second, window = details(reference, laid_on(own, other, there))
        sign = -1.0 if inverted else 1.0
        return sign * float((first * second).sum()) if window.any() else 0.0

    ends = refiner.reference[0].frame.corners
    best = 0.0
    for start in _turned_places(refiner, matrix, here):
        found = outcome_of(refiner.coarse(start, first=coarsest, last=index)).matrix
        away = np.linalg.norm(mapped(found, ends) - mapped(matrix, ends), axis=1).mean()
        if away > SAME_PLACE * own.step.max():
            best = max(best, shared(found))
    # Where nothing turned comes near, how well it fits here, which takes long, is not asked.
    return Rival(shared(matrix), best) if best > 0 else NO_RIVAL


def _turned_places(refiner: VolumeRefiner, matrix: Array, here: float) -> list[Array]:
    """Return the turned places at which the coarsest level correlates best, where it does."""
    coarsest = len(refiner.reference) - 1
    own = refiner.reference[coarsest]
    centre = refiner.reference[0].frame.centre
    linear = own.spacing / own.step
    found: list[tuple[float, Array]] = []
    for turn in _TURNS:
        refiner.asked()
        turned = np.eye(4)
        turned[:3, :3] = rotation_of(turn) * linear / linear[:, None]
        turned[:3, 3] = centre - turned[:3, :3] @ centre
        start = matrix @ turned
        if abs(correlated(refiner, start, coarsest)) >= _LEAST_LIKENESS * here:
            there = outcome_of(refiner.coarse(start, first=coarsest, last=coarsest))
            found.append((abs(float(np.nan_to_num(there.solution.ecc))), there.matrix))
    found.sort(key=lambda one: -one[0])
    return [place for _, place in found[:MOST_RIVALS]]


def correlated(refiner: VolumeRefiner, matrix: Array, index: int | None = None) -> float:
    """Return the correlation of a whole level at a matrix between level 0's voxels.

    Of the finest that is small, if none is chosen.
    """
    from ..._ecc.correlation import ecc

    if index is None:
        index = level_below(refiner.reference, refiner.moving, DETAIL_VOXELS)
    own, other = refiner.reference[index], refiner.moving[index]
    laid = laid_on(own, other, matrix)
    return ecc(np.asarray(own.values, np.float32), None, laid)
