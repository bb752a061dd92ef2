"""Frames that jump away from their neighbours and back: a place that few tiles know is doubted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from .._verdict.limits import LEAST_LIKE
from .._verdict.result import AlignmentResult
from .packed_results import with_others

# Farther than this (px, RMS of the corners) from both neighbours is elsewhere: twice the radius in
# which tiles agree. And so many times as far as those lie from each other. Chosen, not tuned.
_ELSEWHERE = 3.0
_TIMES_APART = 4.0


def doubt_jumps(results: Sequence[AlignmentResult]) -> Sequence[AlignmentResult]:
    """Return the results of a film's frames, none aligned that jumps away without good evidence.

    A camera may be knocked, or an animal start, for one frame; then nearly all tiles see it. What
    a part of them sees while both neighbours lie together elsewhere is rather a wrong place.

    Parameters
    ----------
    results : sequence of AlignmentResult
        One per frame, in the order of time.
    """
    return with_others(results, _jumping(results))


def _jumping(results: Sequence[AlignmentResult]) -> Iterator[tuple[int, AlignmentResult]]:
    """Yield the doubtful results of frames that jump, with their numbers."""
    for index, (before, here, after) in enumerate(_neighbours(results), 1):
        if not (before.aligned and here.aligned and after.aligned) or here.tiles is None:
            continue
        if here.tiles.share >= LEAST_LIKE:
            continue
        away = min(_apart(here, before), _apart(here, after))
        jumps = away > max(_ELSEWHERE, _TIMES_APART * _apart(before, after))
        if jumps:
            also = f"But the frames before and after it lie {away:.1f} px from there."
            reason = f"{here.reason} {also}"
            yield index, replace(here, verdict="doubtful", reason=reason)


def _neighbours(
    results: Sequence[AlignmentResult],
) -> Iterator[tuple[AlignmentResult, AlignmentResult, AlignmentResult]]:
    """Yield each result but the first and the last between those before and after it."""
    for (before, here), (_, after) in pairwise(pairwise(results)):
        yield before, here, after


def _apart(one: AlignmentResult, other: AlignmentResult) -> float:
    """Return how far apart two frames lie, in px of the reference, RMS of its corners."""
    return one.transform.corner_distance(other.transform, one.shape)
