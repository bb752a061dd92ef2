"""Where else two volumes would fit: at other places, and turned."""

from __future__ import annotations

import numpy as np

from ..._common.steps import outcome_of
from ..._transform.models import Array
from ..._verdict.limits import SAME_PLACE
from .levels import VolumeLevel
from .motion import mapped
from .refine import VolumeRefiner
from .search import laid_on, level_below, masked_correlation, rotation_of

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


def turned_rival(refiner: VolumeRefiner, matrix: Array) -> float:
    """Return how well the coarsest level correlates if turned, relative to where it lies."""
    index = len(refiner.reference) - 1
    own = refiner.reference[index]
    here = _correlated(refiner, index, matrix)
    if here <= 0:
        return 1.0
    centre = refiner.reference[0].frame.centre
    best = 0.0
    for turn in _TURNS:
        refiner.asked()
        linear = own.spacing / own.step
        turned = np.eye(4)
        turned[:3, :3] = rotation_of(turn) * linear / linear[:, None]
        turned[:3, 3] = centre - turned[:3, :3] @ centre
        start = matrix @ turned
        if _correlated(refiner, index, start) < _LEAST_LIKENESS * here:
            continue
        found = outcome_of(refiner.coarse(start, first=index, last=index))
        away = np.linalg.norm(
            mapped(found.matrix, refiner.reference[0].frame.corners)
            - mapped(matrix, refiner.reference[0].frame.corners),
            axis=1,
        ).mean()
        if away > SAME_PLACE * own.step.max():
            best = max(best, abs(float(np.nan_to_num(found.solution.ecc))))
    return best / here


def _correlated(refiner: VolumeRefiner, index: int, matrix: Array) -> float:
    """Return the size of the correlation of a whole level at a matrix between level 0's voxels."""
    from ..._ecc.correlation import ecc

    own, other = refiner.reference[index], refiner.moving[index]
    laid = laid_on(own, other, matrix)
    return abs(ecc(np.asarray(own.values, np.float32), None, laid))
