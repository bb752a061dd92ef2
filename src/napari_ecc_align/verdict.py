"""Whether an alignment is to be trusted, and why, in a sentence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .evidence import TileEvidence
from .result import Verdict

LEAST_OVERLAP = 0.15
LARGEST_STRETCH = 4.0
LARGEST_SHEAR = 2.5
ALIGNED_SHARE = 0.5
DOUBTFUL_SHARE = 0.2
LEAST_AGREEING = 4
LEAST_FIT = 0.25
LARGEST_RIVAL = 0.9
FAR_SHARE = 0.2
LARGEST_OFFSET = 1.0


@dataclass(frozen=True)
class Judgement:
    """A verdict and the sentence that gives its reason."""

    verdict: Verdict
    reason: str


def judge(
    matrix: NDArray[np.float64],
    *,
    ecc: float,
    overlap: float,
    fine: TileEvidence,
    wide: TileEvidence,
) -> Judgement:
    """Judge an alignment by its plausibility, its correlation and its tiles.

    Parameters
    ----------
    matrix : ndarray of float64, shape (3, 3)
        Maps reference pixels to moving pixels.
    ecc, overlap : float
        Of the two images under the matrix, at full resolution.
    fine : TileEvidence
        Tiles at full resolution: is it exact?
    wide : TileEvidence
        Tiles at a coarser level, which see farther: is it the right place at all?
    """
    implausible = why_implausible(matrix)
    if implausible:
        return Judgement("failed", implausible)
    if overlap < LEAST_OVERLAP:
        return Judgement("failed", f"Only {overlap:.0%} of the reference is covered.")
    return _judge_tiles(fine, wide, ecc)


def why_implausible(matrix: NDArray[np.float64]) -> str | None:
    """Return why no two images of one thing are related by a matrix, or None if they may be."""
    linear = matrix[:2, :2]
    if np.linalg.det(linear) <= 0:
        return "The transform found would mirror the image."
    large, small = np.linalg.svd(linear, compute_uv=False)
    if large > LARGEST_STRETCH or small < 1 / LARGEST_STRETCH or large > LARGEST_SHEAR * small:
        return (
            f"The transform found stretches the image by {large:.2g} and {small:.2g}, "
            "which no two images of one thing need."
        )
    return None


def _judge_tiles(fine: TileEvidence, wide: TileEvidence, ecc: float) -> Judgement:
    counted = f"{fine.agreeing} of {fine.tested} tiles"
    if fine.tested < LEAST_AGREEING:
        return Judgement("failed", "There is too little detail in the overlap to tell.")
    if min(fine.share, wide.share) < DOUBTFUL_SHARE or max(fine.fit, wide.fit) < LEAST_FIT:
        return Judgement(
            "failed",
            f"Only {counted} fit best where they lie (ECC {ecc:.2f}): the images do not seem to "
            "show one thing, or the alignment is wrong.",
        )
    for level in (wide, fine):
        distance = float(np.hypot(*level.offset))
        if distance > FAR_SHARE * level.reach:
            return Judgement(
                "failed", f"The tiles together fit better {distance:.1f} px from where they lie."
            )
        if level.rival > LARGEST_RIVAL:
            return Judgement(
                "doubtful",
                "The images repeat: another place fits almost as well "
                f"({level.rival:.0%} of the correlation).",
            )
    if fine.share < ALIGNED_SHARE or fine.agreeing < LEAST_AGREEING:
        return Judgement(
            "doubtful",
            f"{counted} fit best where they lie; elsewhere the images differ or are deformed.",
        )
    distance = float(np.hypot(*fine.offset))
    if distance > LARGEST_OFFSET:
        return Judgement(
            "doubtful", f"The tiles together fit best {distance:.1f} px from where they lie."
        )
    return Judgement("aligned", f"{counted} fit best where they lie, with ECC {ecc:.3f}.")
