"""Frames that jump away from their neighbours and back: a place that few tiles know is doubted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from .._verdict.limits import LEAST_LIKE
from .._verdict.result import AlignmentResult

# Farther than this (px, RMS of the corners) from both neighbours is elsewhere: twice the radius in
# which tiles agree. And so many times as far as those lie from each other. Chosen, not tuned.
_ELSEWHERE = 3.0
_TIMES_APART = 4.0


def doubt_jumps(results: Sequence[AlignmentResult]) -> tuple[AlignmentResult, ...]:
    """Return the results of a film's frames, none aligned that jumps away without good evidence.

    A camera may be knocked, or an animal start, for one frame; then nearly all tiles see it. What
    a part of them sees while both neighbours lie together elsewhere is rather a wrong place.

    Parameters
    ----------
    results : sequence of AlignmentResult
        One per frame, in the order of time.
    """
    doubted = list(results)
    for index in range(1, len(results) - 1):
        before, here, after = results[index - 1 : index + 2]
        if not (before.aligned and here.aligned and after.aligned) or here.tiles is None:
            continue
        if here.tiles.share >= LEAST_LIKE:
            continue
        away = min(_apart(here, before), _apart(here, after))
        jumps = away > max(_ELSEWHERE, _TIMES_APART * _apart(before, after))
        if jumps:
            also = f"But the frames before and after it lie {away:.1f} px from there."
            reason = f"{here.reason} {also}"
            doubted[index] = replace(here, verdict="doubtful", reason=reason)
    return tuple(doubted)


def _apart(one: AlignmentResult, other: AlignmentResult) -> float:
    """Return how far apart two frames lie, in px of the reference, RMS of its corners."""
    return one.transform.corner_distance(other.transform, one.shape)
