"""Whether all pixels of a coarser level, with a homography or without, lay images otherwise."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .._common.steps import outcome_of, retold
from .._ecc.estimate import Estimate
from .._ecc.options import SearchOptions
from .._ecc.refine import Refiner
from .._ecc.refined import Refined
from .._images.pyramid.colours import colour_levels, to_squares
from .._images.pyramid.levels import InSteps
from .._images.pyramid.pair import Pyramids
from .._transform.coordinates import corners, map_points
from .._transform.matrices import MotionModel
from .limits import (
    CLEAR_SIGMAS,
    ITERATIONS,
    LARGEST_UNCERTAINTY,
    LIKE,
    MOST_PIXELS,
    SECOND_PIXELS,
    beyond,
)
from .residual_pattern import SIGMAS
from .tile_matching import Tiles
from .uncertainty import spread_share


def freer_shift(
    pyramids: Pyramids,
    estimate: Estimate,
    evidence: Tiles,
    hull: NDArray[np.float64] | None = None,
    *,
    freer: MotionModel = "homography",
) -> InSteps[tuple[float, float] | None]:
    """Return how far an estimate moves the corners when its motion may be freer.

    The tiles of the evidence keep a distance from the border, and where they are few they say
    nothing of the corners. All pixels of a small level, and large tiles, say more.

    Parameters
    ----------
    pyramids : Pyramids
        Of both images.
    estimate : Estimate
        Of any smaller motion model.
    evidence : Tiles
        Of the estimate, at full resolution.
    hull : ndarray of float64, shape (n, 2), optional
        The corners (x, y) that are asked: of what both images show. Those of the frame by default.
    freer : MotionModel
        What the motion may become.

    Returns
    -------
    shift, sigma : float
        By how much that moves those corners (RMS), and one sigma of it, in px. None if
        it moves them clearly, but carries the tiles away from where they fit: where the images
        differ in part, a freer model follows what differs.
    """
    options = SearchOptions(freer, precision=LARGEST_UNCERTAINTY, max_iterations=ITERATIONS)
    refiner = Refiner(
        pyramids.reference,
        pyramids.moving,
        options,
        representation=estimate.representation,
    )
    found = yield from refiner.polished(estimate.matrix)
    if not found.uncertainty <= LARGEST_UNCERTAINTY and found.level > 0:
        finer = yield from retold(refiner.fine(found), lambda _: None)
        found = min(found, finer, key=lambda refined: refined.uncertainty)
    shift, sigma = _moved(pyramids, estimate, found, hull)
    motion: NDArray[np.float64] = np.linalg.inv(estimate.matrix) @ found.matrix
    if shift > CLEAR_SIGMAS * sigma and not _brings_nearer(evidence, motion):
        return None
    return shift, sigma


def levels_apart(
    pyramids: Pyramids,
    estimate: Estimate,
    model: MotionModel,
    hull: NDArray[np.float64] | None = None,
) -> InSteps[tuple[float, Refined | None]]:
    """Return how far (px, RMS) coarse detail lies from where an estimate lays fine, beyond doubt.

    And what lays that, None where the estimate is of the coarsest level.

    At the corners of the frame, or of the hull of what both show. A raster, or something faint
    that moves otherwise but has the same spacing, pulls all tiles alike, so that their scatter
    does not tell; but not all levels alike. 0 where the estimate is of the coarsest, or the coarse
    one does not settle.
    """
    reference = pyramids.reference
    next_one = (estimate.refined.level if estimate.refined else 0) + 1
    if next_one >= min(len(reference), len(pyramids.moving)):
        return 0.0, None
    refiner = Refiner(
        reference,
        pyramids.moving,
        SearchOptions(model, precision=LARGEST_UNCERTAINTY, max_iterations=ITERATIONS),
        representation=estimate.representation,
        whole_pixels=min(SECOND_PIXELS, reference[next_one].size),
    )
    found = yield from refiner.polished(estimate.matrix)
    if not found.solution.converged:
        # Wherever a free motion has got to that hardly anything holds, no detail lies there.
        return 0.0, None
    shift, sigma = _moved(pyramids, estimate, found, hull)
    return beyond(shift, float(np.hypot(sigma, found.bias))), found


def colours_apart(pyramids: Pyramids, matrix: NDArray[np.float64]) -> float:
    """Return how far (px) red, green or blue lies from where a matrix lays all, beyond doubt.

    Of those that show the same in both images; 0 where these are not in colour and in memory.
    """
    if pyramids.colours is None:
        return 0.0
    index, farthest = pyramids.index_below(MOST_PIXELS), 0.0
    grays = pyramids.reference[index], pyramids.moving[index]
    pairs = zip(*map(colour_levels, pyramids.colours, grays), strict=True)
    start = to_squares(matrix, index)
    options = SearchOptions("translation", max_iterations=ITERATIONS)
    for reference, moving in pairs:
        found = outcome_of(Refiner([reference], [moving], options).polished(start))
        if found.solution.converged and abs(found.solution.ecc) > LIKE:
            distance = float(np.hypot(*(found.matrix - start)[:2, 2]))
            sigma = float(np.hypot(found.uncertainty, found.bias))
            farthest = max(farthest, 2**index * beyond(distance, sigma))
    return farthest


def _moved(
    pyramids: Pyramids, estimate: Estimate, found: Refined, hull: NDArray[np.float64] | None
) -> tuple[float, float]:
    """Return how far from an estimate something else lays corners (px, RMS), and one sigma."""
    shape, covariance = pyramids.reference[0].shape, found.solution.covariance
    asked = corners(shape) if hull is None else hull
    apart = map_points(found.matrix, asked) - map_points(estimate.matrix, asked)
    shift = float(np.sqrt((apart**2).sum(axis=1).mean()))
    return shift, found.uncertainty * spread_share(asked, found.matrix, covariance, shape)


def _brings_nearer(evidence: Tiles, motion: NDArray[np.float64]) -> bool:
    """Tell whether a motion of the reference moves tiles towards where they fit best."""
    used = evidence.agree & np.isfinite(evidence.uncertainties)
    places, moves = evidence.displacements[used, :2], evidence.displacements[used, 2:]
    sigma = evidence.uncertainties[used, None]
    # What is off by more sigmas than stand out counts as off by so many.
    left = map_points(motion, places) - places - moves
    before, after = (np.minimum((gap / sigma) ** 2, SIGMAS**2).sum() for gap in (moves, left))
    return bool(after <= before)
