"""Which of two places fits better: what parts of the images are told apart by, if any."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .._common.opencv import cv2
from .._images.pyramid.levels import Floats, floats
from .chance import ALPHA_DOUBTFUL, binomial_tail
from .detail import DETAIL, shared_details
from .laid import Laid
from .limits import LEAST_SHARE, TIMES_LEFT

# Of such a side (px): what is detail is no wider.
_SIDE = 2 * DETAIL


def fits_better_here(laid: Laid, place: NDArray[np.float64]) -> bool:
    """Tell whether parts of two images fit clearly better where they lie than at another place.

    And none, but for chance, fits better there: where two places differ only by noise, or each has
    something that fits better, as of two of a kind, both may be meant.

    Parameters
    ----------
    laid : Laid
        Two images as they lie.
    place : ndarray of float64, shape (3, 3)
        Maps reference pixels to moving pixels there.
    """
    here, there = _left(laid), _left(laid.at(place))
    better, worse = (
        int((one + LEAST_SHARE > TIMES_LEFT * (other + LEAST_SHARE)).sum())
        for one, other in ((there, here), (here, there))
    )
    return bool(binomial_tail(better + worse, better, 0.5) < ALPHA_DOUBTFUL)


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
