"""Whether an alignment is to be trusted, and why, in a sentence."""

from __future__ import annotations

from dataclasses import dataclass
from math import comb, hypot

import numpy as np
from numpy.typing import NDArray

from .._common.quantiles import middle
from .._transform.transform import MotionModel, corners
from .residual_pattern import Deformation, part_of
from .result import Verdict
from .tile_matching import TileEvidence

LEAST_OVERLAP = 0.15
LARGEST_STRETCH = 4.0
LARGEST_SHEAR = 2.5
LEAST_AGREEING = 4
# So rarely would so many tiles agree by chance. An estimator bends the images until some do, so
# that chance is taken to be kinder than it is.
RAREST_DOUBTFUL = 1e-3
RAREST_ROUGH = 1e-4
RAREST_ALIGNED = 2e-6
KINDNESS = 2.5
# Where fewer agree, the others must show something else and not merely lie elsewhere.
ALIGNED_SHARE = 0.5
LARGEST_DISPLACED = 0.2
CLEAR_SHARE = 0.75
# Those that agree must do so to this many pixels: by chance, they would to 0.75.
LARGEST_SCATTER = 0.55
LEAST_FIT = 0.25
# Where tiles are too few to tell, images that correlate like this may lie right.
HIGH_ECC = 0.9
LARGEST_RIVAL = 0.9
LARGEST_RIVAL_PLACE = 0.93
FAR_SHARE = 0.2
# By how much (px), with one sigma, the tiles may contradict the transform at the corners.
LARGEST_CORNER_SHIFT = 1.0
# Share of the tiles that may be displaced by more than a pixel.
LARGEST_ASTRAY = 0.1
# If a freer model places the corners less exactly than this (px), it says nothing of the model.
LARGEST_FREEDOM = 0.75
# One sigma in px: three of them must not make a pixel.
LARGEST_UNCERTAINTY = 0.33


@dataclass(frozen=True)
class Judgement:
    """A verdict and the sentence that gives its reason."""

    verdict: Verdict
    reason: str


def why_implausible(matrix: NDArray[np.float64], shape: tuple[int, int] = (1, 1)) -> str | None:
    """Return why no two images of one thing are related by a matrix, or None if they may be.

    Parameters
    ----------
    matrix : ndarray of float64, shape (3, 3)
        Maps reference pixels to moving pixels.
    shape : tuple of int
        Height and width of the reference; by default only its first pixel is looked at.
    """
    # A perspective stretches most in a corner, anything else alike everywhere.
    for x, y in corners(shape) if matrix[2, :2].any() else ((0, 0),):
        depth = matrix[2] @ (x, y, 1)
        if not depth > 0:
            return "The transform found folds the image."
        there = matrix[:2] @ (x, y, 1) / depth
        local = (matrix[:2, :2] - there[:, None] * matrix[2, :2]) / depth
        (a, b), (c, d) = local.tolist()
        # Also where something is not finite.
        if not a * d - b * c > 0:
            return "The transform found would mirror the image."
        both, apart = hypot(a + d, b - c), hypot(a - d, b + c)
        large, small = (both + apart) / 2, (both - apart) / 2
        if large > LARGEST_STRETCH or small < 1 / LARGEST_STRETCH or large > LARGEST_SHEAR * small:
            return (
                f"The transform found stretches the image by {large:.2g} and {small:.2g}, "
                "which no two images of one thing need."
            )
    return None


def why_too_little(overlap: float) -> str | None:
    """Return why an overlap does not do, or None if it does."""
    if overlap < LEAST_OVERLAP:
        return f"Only {overlap:.0%} of the reference is covered."
    return None


def judge(
    *,
    ecc: float,
    corner_uncertainty: float,
    model: MotionModel,
    shape: tuple[int, int],
    fine: TileEvidence,
    wide: TileEvidence,
    bent: Deformation,
    elsewhere: int,
    rival: float,
) -> Judgement:
    """Judge an alignment that is plausible by its tiles.

    Parameters
    ----------
    ecc : float
        Of the two images, at full resolution.
    corner_uncertainty : float
        As the estimator states it, in px; NaN if it states none.
    model : str
        The motion model.
    shape : tuple of int
        Height and width of the reference.
    fine : TileEvidence
        Tiles at full resolution: is it exact?
    wide : TileEvidence
        Tiles that see farther: is it the right place at all?
    bent : Deformation
        The pattern in the displacements of the fine tiles.
    elsewhere : int
        Wide tiles that, with their neighbours, fit well at another place.
    rival : float
        How well the images correlate at the best other place, relative to where they lie.
    """
    if ecc > HIGH_ECC and _untellable(fine, wide):
        return Judgement(
            "doubtful", f"There is too little detail in the overlap to be sure (ECC {ecc:.3f})."
        )
    why = _why_failed(fine, wide, ecc)
    if why and rival <= 1 and _fits_roughly(fine, wide):
        return Judgement(
            "doubtful",
            f"Only {_counted(fine)}, but {wide.agreeing} of {wide.tested} to within "
            f"{wide.radius:.0f} px: the images are deformed, or differ.",
        )
    if why:
        return Judgement("failed", why)
    why = (
        _why_ambiguous(fine, wide, rival)
        or _why_inexact(bent, corner_uncertainty, model)
        or _why_sparse(fine, wide, bent)
        or _why_parted(wide, elsewhere)
    )
    if why:
        return Judgement("doubtful", why)
    counted = f"{_counted(fine)}, with ECC {ecc:.3f}."
    return Judgement("aligned", " ".join([counted, *_differing(fine, shape), bent.sentence]))


def rarity(evidence: TileEvidence) -> float:
    """Return how likely it is that as many tiles agree by chance: a binomial tail."""
    tested = round(evidence.independent)
    agreeing = int(tested * evidence.share + 1e-9)
    kind = min(0.5, KINDNESS * evidence.chance)
    return sum(
        comb(tested, k) * kind**k * (1 - kind) ** (tested - k) for k in range(agreeing, tested + 1)
    )


def _accident(fine: TileEvidence, wide: TileEvidence) -> float:
    """Return how likely it is that the tiles agree by chance."""
    if wide.radius == fine.radius:
        # The same pixels; those that were looked for farther say more.
        return rarity(wide)
    return max(rarity(fine), rarity(wide))


def _fits_roughly(fine: TileEvidence, wide: TileEvidence) -> bool:
    """Tell whether tiles of a coarser level agree, as those of tissue that has stretched do."""
    return (
        wide.radius > fine.radius
        and fine.tested >= LEAST_AGREEING
        and rarity(wide) < RAREST_ROUGH
        and _agreed_fit(wide) >= LEAST_FIT
    )


def _untellable(fine: TileEvidence, wide: TileEvidence) -> bool:
    """Tell whether even unanimous tiles could not have convinced, and most do agree."""
    if fine.tested < LEAST_AGREEING:
        return True
    best = min(0.5, KINDNESS * wide.chance) ** round(wide.independent)
    return best > RAREST_DOUBTFUL and fine.share > CLEAR_SHARE


def _why_failed(fine: TileEvidence, wide: TileEvidence, ecc: float) -> str | None:
    counted = _counted(fine)
    if fine.tested < LEAST_AGREEING:
        return "There is too little detail in the overlap to tell."
    if (
        _accident(fine, wide) > RAREST_DOUBTFUL
        or fine.agreeing < LEAST_AGREEING
        or _agreed_fit(fine) < LEAST_FIT
    ):
        return (
            f"Only {counted} (ECC {ecc:.2f}): the images do not seem to "
            "show one thing, or the alignment is wrong."
        )
    return None


def _counted(evidence: TileEvidence) -> str:
    return f"{evidence.agreeing} of {evidence.tested} tiles fit best where they lie"


def _agreed_fit(evidence: TileEvidence) -> float:
    """Return the typical correlation of the tiles that agree."""
    return middle(evidence.fits[evidence.agree]) if evidence.agreeing else 0.0


def _why_ambiguous(fine: TileEvidence, wide: TileEvidence, rival: float) -> str | None:
    for level in (wide, fine):
        distance = float(np.hypot(*level.offset))
        if distance > FAR_SHARE * level.reach and level.share < ALIGNED_SHARE:
            return f"The tiles together fit better {distance:.1f} px from where they lie."
    if rival > 1:
        return "The images fit better at another place."
    # Where some tiles fit and others do not, the place at which all fit may be another.
    largest = min(LARGEST_RIVAL_PLACE, (2 + min(fine.share, wide.share)) / 3)
    most = max(fine.rival / LARGEST_RIVAL, wide.rival / LARGEST_RIVAL, rival / largest)
    if most > 1:
        likeness = max(fine.rival, wide.rival, rival)
        return (
            "The images repeat: another place fits almost as well "
            f"({likeness:.0%} of the correlation)."
        )
    return None


def _why_inexact(bent: Deformation, corner_uncertainty: float, model: MotionModel) -> str | None:
    uncertain = bent.corner_sigma if np.isnan(corner_uncertainty) else corner_uncertainty
    if bent.contradiction and (
        bent.corner_shift + bent.corner_sigma > LARGEST_CORNER_SHIFT
        or hypot(uncertain, bent.contradiction) > LARGEST_UNCERTAINTY
    ):
        return (
            "The motion model does not suffice: a freer one would move the image's corners by "
            f"{bent.corner_shift:.1f} px."
        )
    if bent.astray > LARGEST_ASTRAY:
        return f"The motion model does not suffice. {bent.sentence}"
    if model != "homography" and not bent.freest_sigma <= LARGEST_FREEDOM:
        return "There is too little detail to tell whether the motion model suffices."
    if not uncertain <= LARGEST_UNCERTAINTY:
        return f"There is too little detail to say more exactly than to {uncertain:.2g} px."
    return None


def _why_sparse(fine: TileEvidence, wide: TileEvidence, bent: Deformation) -> str | None:
    counted = _counted(fine)
    if bent.displaced > LARGEST_DISPLACED * fine.agreeing:
        return f"Only {counted}. {bent.sentence}"
    if _accident(fine, wide) > RAREST_ALIGNED:
        if fine.share > CLEAR_SHARE:
            return f"{counted}, which is too few to be sure."
        return f"Only {counted}; elsewhere the images differ."
    if bent.explained > LARGEST_SCATTER:
        return f"{counted}, but each only to about {bent.explained:.1f} px."
    return None


def _why_parted(wide: TileEvidence, elsewhere: int) -> str | None:
    if elsewhere > LARGEST_DISPLACED * wide.agreeing:
        return (
            f"A part of the images moved otherwise than the rest: {elsewhere} tiles of "
            f"{wide.side:.0f} px fit best at a common other place."
        )
    return None


def _differing(fine: TileEvidence, shape: tuple[int, int]) -> list[str]:
    """Say which part of the images differs, if much of them does."""
    agree = fine.agree
    if fine.share > CLEAR_SHARE or (~agree).sum() < LEAST_AGREEING:
        return []
    return [f"Elsewhere they differ, most in the {part_of(_middle(fine, ~agree), shape)}."]


def _middle(fine: TileEvidence, chosen: NDArray[np.bool_]) -> NDArray[np.float64]:
    return np.asarray(np.median(fine.displacements[chosen, :2], axis=0))
