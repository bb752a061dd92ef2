"""Of several results of one pair: which is to be trusted most, and which rival each other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .._transform.coordinates import corner_error
from .chance import ALPHA_DOUBTFUL, p_value
from .limits import LEAST_LIKE, LEAST_SHARE, LIKE, SAME_PLACE, least_like
from .result import AlignmentResult
from .rival import Rival
from .tile_matching import FIRST_TILES
from .verdict import VERDICTS


def most_trusted(results: list[AlignmentResult]) -> AlignmentResult:
    """Return the result to be trusted most; of those that correlate alike, the first.

    Starts are tried from little motion to much: a mark that looks the same turned by half is not
    turned.
    """
    best = max(results, key=trust_key)
    alike = (r for r in results if r.verdict == best.verdict and _correlates_like(r, best))
    return next(alike, best)


def _correlates_like(other: AlignmentResult, result: AlignmentResult) -> bool:
    """Tell whether two results both correlate so well that neither is the better one."""
    return abs(other.ecc) >= max(LIKE, least_like(abs(result.ecc)))


def trust_key(result: AlignmentResult) -> tuple[int, float]:
    """Return a key that sorts results by how much they are to be trusted."""
    share = result.tiles.share if result.tiles else 0.0
    return VERDICTS.index(result.verdict), share


def best_known(
    free: list[AlignmentResult], narrower: list[AlignmentResult]
) -> list[AlignmentResult]:
    """Return the results of searches of a free and a narrower motion model, in that order.

    Without those of the free one where they are no more trusted and their place is less known.
    """
    first, second = most_trusted(free), most_trusted(narrower)
    trusted = VERDICTS.index(first.verdict) > VERDICTS.index(second.verdict)
    if trusted or first.corner_uncertainty < second.corner_uncertainty:
        return [*free, *narrower]
    return narrower


def doubt_rivalled(
    results: list[AlignmentResult], shape: tuple[int, int]
) -> list[AlignmentResult]:
    """Return results in which none is aligned that a doubtful one at another place rivals.

    Parameters
    ----------
    results : list of AlignmentResult
        Of one pair.
    shape : tuple of int
        Height and width of the reference.
    """
    return [
        replace(
            result,
            verdict="doubtful",
            reason=f"{result.reason} But the images fit almost as well at another place.",
        )
        if result.verdict == "aligned" and any(_rivals(other, result, shape) for other in results)
        else result
        for result in results
    ]


def doubt_surrounded(
    results: list[AlignmentResult], around: list[AlignmentResult], shape: tuple[int, int]
) -> list[AlignmentResult]:
    """Return results of a field of view, in doubt where the surround itself is seen to have moved.

    A surround shows nothing, or what belongs to the camera, and stays. Of what has moved, by more
    tiles than chance, the field may be no field but a bar or a mark.

    Parameters
    ----------
    results, around : list of AlignmentResult
        Of the field and of what lies around it.
    shape : tuple of int
        Height and width of the reference.
    """
    moved = [
        one
        for one in around
        if one.tiles is not None
        and p_value(one.tiles, one.transform.model) < ALPHA_DOUBTFUL
        and corner_error(one.transform.matrix, np.eye(3), shape) > SAME_PLACE
    ]
    return [
        replace(
            result,
            verdict="doubtful",
            reason=f"{result.reason} But what lies around it moved otherwise.",
        )
        if result.aligned and any(_is_apart(other, result, shape) for other in moved)
        else result
        for result in results
    ]


def _is_apart(other: AlignmentResult, result: AlignmentResult, shape: tuple[int, int]) -> bool:
    apart = corner_error(other.transform.matrix, result.transform.matrix, shape)
    # What does not know its corners may lie at the same place.
    return apart > max(SAME_PLACE, 3 * other.corner_uncertainty)


def _rivals(other: AlignmentResult, result: AlignmentResult, shape: tuple[int, int]) -> bool:
    """Tell whether another result, though doubtful, lies elsewhere with like evidence."""
    theirs, own = other.tiles, result.tiles
    if other.verdict != "doubtful" or theirs is None or own is None:
        return False
    # Where so many agree, no more are asked.
    enough = min(own.agreeing, FIRST_TILES)
    like = min(theirs.share / own.share, theirs.agreeing / enough)
    # Whichever explains much less is not meant, though every tile finds its place; what lies on
    # little of the reference explains little, however well. Unless it is the whole that leaves no
    # more: tiles of a part may see less that differs.
    here, there = (
        one.overlap_fraction * seen.fit for one, seen in ((result, own), (other, theirs))
    )
    fits = Rival(here, there, LEAST_SHARE).is_like(LIKE) or _correlates_like(other, result)
    alike = like > LEAST_LIKE and fits
    return alike and _is_apart(other, result, shape)
