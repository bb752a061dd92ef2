"""Which of two places fits better: what parts of the images are told apart by, if any."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._common.opencv import cv2
from .._common.steps import outcome_of
from .._ecc.options import SearchOptions
from .._ecc.refine import Refiner
from .._images.pyramid.levels import Floats, floats
from .._transform.coordinates import corner_error
from .._transform.matrices import MotionModel
from .chance import ALPHA_DOUBTFUL, binomial_tail
from .detail import DETAIL, shared_details
from .laid import Laid
from .limits import (
    ITERATIONS,
    LEAST_AGREEING,
    LEAST_PART,
    LEAST_SHARE,
    SAME_PLACE,
    TIMES_LEFT,
    WHOLE_PIXELS,
    WRONG,
    least_like,
)
from .second_motion import PARTS, in_parts
from .tile_matching import SMALLEST_TILE

# Of such a side (px): what is detail is no wider.
_SIDE = 2 * DETAIL


def fits_better_here(
    laid: Laid, place: NDArray[np.float64], model: MotionModel, *, rough: bool
) -> bool:
    """Tell whether parts of two images fit clearly better where they lie than at another place.

    And none, but for chance, fits better there: where two places differ only by noise, or each has
    something that fits better, as of two of a kind, both may be meant. Where nothing has moved, a
    few parts tell nothing: they may be what stays with the camera.

    Parameters
    ----------
    laid : Laid
        Two images as they lie.
    place : ndarray of float64, shape (3, 3)
        Maps reference pixels to moving pixels there, to within a pixel or two.
    model : str
        The motion model.
    rough : bool
        The place may be off by some turn or growth: what is worse all over it is not worse than
        it could be.
    """
    exact = _exact(laid, place, model)
    here, there = _left(laid), _left(laid.at(place if exact is None else exact))
    if not np.isfinite(here + there).any():
        return False
    if rough and (exact is None or _is_worse(np.nanmedian(there), np.nanmedian(here))):
        return False
    better, worse = (
        int(np.sum(_is_worse(one, other))) for one, other in ((there, here), (here, there))
    )
    moved = (
        corner_error(laid.estimate.matrix, laid.pyramids.unmoved, laid.pyramids.reference[0].shape)
        > WRONG
    )
    few = not moved and better < LEAST_PART * np.isfinite(here + there).sum()
    return not few and bool(binomial_tail(better + worse, better, 0.5) < ALPHA_DOUBTFUL)


def share_that_stays(laid: Laid) -> float:
    """Return over which share of what both images show they fit clearly better where they were.

    By large parts, up to the border, of a level on which noise is little: a background beside a
    subject that turns is farther from where that puts it than tiles see. 0 where those are fewer
    than points that determine a motion.
    """
    index, levels = laid.pyramids.index_below(WHOLE_PIXELS), laid.pyramids.reference
    while index > 0 and min(levels[index].shape) < PARTS * SMALLEST_TILE:
        index -= 1
    lain = _details(laid, index)
    there = _likeness(*_details(laid.at(laid.pyramids.unmoved), index))
    needed = least_like(there)
    # What moved by more than its detail is wide hardly correlates: nothing is as little like here.
    if (needed > 0).sum() < LEAST_AGREEING:
        return 0.0
    here = _likeness(*lain)
    stays = int((here < needed).sum())
    return stays / int(np.isfinite(here).sum()) if stays >= LEAST_AGREEING else 0.0


def _likeness(first: Floats, second: Floats, window: Floats) -> NDArray[np.float64]:
    """Return how well each part of two images correlates, 0 at least; NaN where few pixels do."""
    products = (first * second, first * first, second * second)
    joint, own, other = (
        in_parts(one if one.ndim == 2 else floats(one.sum(axis=2))) for one in products
    )
    seen = in_parts(floats(window > 0)) > 0.5
    alike = np.maximum(joint, 0) / np.sqrt(np.maximum(own * other, 1e-30))
    return np.where(seen, alike, np.nan).astype(np.float64)


def _is_worse(left: Any, other: Any) -> Any:
    """Tell whether places leave much more than others do."""
    return left + LEAST_SHARE > TIMES_LEFT * (other + LEAST_SHARE)


def _exact(
    laid: Laid, place: NDArray[np.float64], model: MotionModel
) -> NDArray[np.float64] | None:
    """Return another place as exactly as the images tell it, None where they lead away."""
    pyramids, representation = laid.pyramids, laid.estimate.representation
    options = SearchOptions(model, max_iterations=ITERATIONS)
    refiner = Refiner(pyramids.reference, pyramids.moving, options, representation=representation)
    found = outcome_of(refiner.fine(outcome_of(refiner.polished(place)))).matrix
    near = corner_error(found, place, pyramids.reference[0].shape) <= SAME_PLACE
    return found if near else None


def correlation_on(laid: Laid, index: int) -> float:
    """Return how well the detail of two images correlates on a level."""
    first, second, _ = _details(laid, index)
    power = float((first * first).sum()) * float((second * second).sum())
    return max(0.0, float((first * second).sum())) / power**0.5 if power > 0 else 0.0


def _details(laid: Laid, index: int) -> tuple[Floats, Floats, Floats]:
    return shared_details(
        laid.pyramids.reference[index],
        laid.pyramids.moving[index],
        laid.estimate.matrix,
        inverted=laid.inverted,
        representation=laid.estimate.representation,
    )


def _left(laid: Laid) -> Floats:
    """Return what each part leaves of its detail: 0 if it fits, 1 if it shows something else.

    NaN where it does not lie in both images.
    """
    first, second, window = _details(laid, 0)
    # Contrast is evened out against that of the whole, of which they share more or less.
    second = second * (float((first * second).sum()) / max(float((second * second).sum()), 1e-12))
    gap = first - second
    left, shown = _in_parts(gap * gap), _in_parts(first * first + second * second)
    seen = _in_parts(floats(window > 0)) > 0.999
    return floats(np.where(seen, left / np.maximum(shown, 1e-12), np.nan))


def _in_parts(planes: Floats) -> Floats:
    """Return the mean over parts of a plane, or of the sum of several."""
    plane = planes if planes.ndim == 2 else planes.sum(axis=2)
    height, width = (max(1, length // _SIDE) for length in plane.shape)
    whole = floats(plane[: height * _SIDE, : width * _SIDE])
    return floats(cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA))
