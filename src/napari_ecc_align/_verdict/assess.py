"""From an estimate to a result: what independent tiles say of it, and the verdict."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from .._ecc.estimate import Estimate
from .._ecc.options import SearchOptions
from .._images.pyramid.pair import Pyramids
from .._transform.transform import MotionModel, Transform, as_transform, corner_error
from .ambiguity import rival_place
from .model_check import freed
from .residual_pattern import Deformation, deformation
from .result import AlignmentResult
from .rules import Judgement, judge, why_implausible, why_too_little
from .sampling import overlap_share, sampled_ecc
from .tile_matching import FIRST_TILES, NO_RIVAL, TileEvidence, is_clear, tile_evidence

# Tiles of a level of at most so many pixels see far.
_WIDE_PIXELS = 300_000
_FEW_TILES = 6
# The whole of a level of at most so many pixels is asked for another place.
_WHOLE_PIXELS = 40_000
# Where the tiles place the corners less exactly than this (px), so that they would not clearly
# show that they are a pixel off, all pixels are asked, too.
_TOLD = 0.36
# And where they make doubtful, but know less exactly than this, they are not alone to say so.
_TOLD_BY_TILES = 0.25
# Another place counts if so many px away (RMS of the corners) it has this share of the evidence.
_ELSEWHERE, _LIKE_EVIDENCE = 3.0, 0.85
# Fewer pixels on a side hold too few tiles.
_WIDE_SIDE = 140


def judged(
    pyramids: Pyramids,
    estimate: Estimate,
    options: SearchOptions,
    initial: NDArray[np.float64] | None,
) -> AlignmentResult:
    """Return the result that an estimate amounts to; its `seconds` are not known here."""
    matrix = estimate.matrix
    reference, moving = pyramids.reference[0], pyramids.moving[0]
    transform = as_transform(matrix, options.model, initial)
    overlap = overlap_share(reference, moving, matrix)
    coefficient = before = 0.0
    inverted = estimate.inverted
    fine = bent = None
    flaw = why_implausible(matrix, reference.shape)
    if not flaw and (flaw := why_too_little(overlap)):
        # What is small, or counts only in a small region, covers little however well it lies.
        back = np.asarray(np.linalg.inv(matrix), np.float64)
        flaw = why_too_little(overlap_share(moving, reference, back)) and flaw
    if transform is None:
        flaw = f"No motion of the model '{options.model}' lays the images on each other."
    if flaw:
        # Nothing is sampled through a matrix that may map a tile to a continent.
        before = sampled_ecc(reference, moving, [np.eye(3)])[0]
        judgement = Judgement("failed", flaw)
    else:
        fine = _asked(pyramids, estimate, 0, inverted, far=False)
        if estimate.representation == "gradient" and fine.fit < 0:
            # Gradients are as strong in a negative.
            inverted = not inverted
            fine = _asked(pyramids, estimate, 0, inverted, far=False)
        # After the tiles, whose pixels it may use if they had to be read.
        coefficient, before = sampled_ecc(reference, moving, [matrix, np.eye(3)])
        ecc = -coefficient if inverted else coefficient
        judgement, bent = _judgement(pyramids, estimate, options.model, ecc, inverted, fine)
    sign = -1 if inverted else 1
    return AlignmentResult(
        transform=transform or Transform.identity(options.model),
        verdict=judgement.verdict,
        reason=judgement.reason,
        ecc=sign * coefficient,
        ecc_before=sign * before,
        inverted=inverted,
        overlap=overlap,
        corner_uncertainty=float(
            np.hypot(estimate.corner_uncertainty, bent.contradiction if bent else 0.0)
        ),
        covariance=estimate.covariance,
        iterations=estimate.iterations,
        converged=estimate.converged,
        start=estimate.start,
        timings=estimate.timings,
        representation=estimate.representation,
        engine=options.engine,
        seconds=0.0,
        evidence=fine,
        residuals=None if fine is None else fine.displacements,
        residual_uncertainties=None if fine is None else fine.uncertainties,
    )


def _seen_farther(
    pyramids: Pyramids, estimate: Estimate, inverted: bool, fine: TileEvidence, rival: float
) -> TileEvidence:
    """Ask tiles that see far, if those at full resolution and the whole leave a doubt."""
    if max(rival, fine.rival) < NO_RIVAL and is_clear(fine, max(FIRST_TILES, fine.tested), 0):
        return fine
    wide = _asked(pyramids, estimate, _wide_level(pyramids), inverted, far=True)
    # Where little overlaps, and near the borders, only those that do not see far fit in.
    return fine if wide.tested < _FEW_TILES else wide


def _judgement(
    pyramids: Pyramids,
    estimate: Estimate,
    model: MotionModel,
    ecc: float,
    inverted: bool,
    fine: TileEvidence,
) -> tuple[Judgement, Deformation]:
    """Weigh the evidence; return what bends, too."""
    matrix = estimate.matrix
    shape = pyramids.reference[0].shape
    whole = pyramids.index_below(_WHOLE_PIXELS)
    rival = rival_place(
        pyramids.reference[whole], pyramids.moving[whole], matrix, inverted=inverted
    )
    wide = _seen_farther(pyramids, estimate, inverted, fine, rival)
    bent = deformation(fine, shape)
    # Tiles that see farther also find what has moved farther.
    elsewhere = 0 if wide is fine else deformation(wide, shape).displaced
    said = partial(
        judge,
        ecc=ecc,
        corner_uncertainty=estimate.corner_uncertainty,
        model=model,
        fine=fine,
        wide=wide,
        elsewhere=elsewhere,
        rival=rival,
        shape=shape,
    )
    judgement = said(bent=bent)
    enough = _TOLD if judgement.verdict == "aligned" else _TOLD_BY_TILES
    unclear = model != "homography" and bent.freest_sigma > enough
    if unclear and judgement.verdict != "failed":
        shift, sigma = freed(pyramids, estimate, fine) or (0.0, np.inf)
        if sigma < bent.freest_sigma:
            bent = replace(bent, corner_shift=shift, corner_sigma=sigma, freest_sigma=sigma)
            judgement = said(bent=bent)
    return judgement, bent


def _asked(
    pyramids: Pyramids, estimate: Estimate, index: int, inverted: bool, *, far: bool
) -> TileEvidence:
    return tile_evidence(
        pyramids.reference, pyramids.moving, index, estimate.matrix, inverted=inverted, far=far
    )


def _wide_level(pyramids: Pyramids) -> int:
    """Return the level whose tiles see far and are still many."""
    index = min(max(1, pyramids.index_below(_WIDE_PIXELS)), pyramids.index_below(0))
    while index > 0 and min(pyramids.reference[index].shape) < _WIDE_SIDE:
        index -= 1
    return index


def trust(result: AlignmentResult) -> tuple[int, float]:
    """Return a key that sorts results by how much they are to be trusted."""
    share = result.evidence.share if result.evidence else 0.0
    return ("failed", "doubtful", "aligned").index(result.verdict), share


def doubted(results: list[AlignmentResult], shape: tuple[int, int]) -> list[AlignmentResult]:
    """Return results in which none is aligned that another one, elsewhere, rivals.

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


def _rivals(other: AlignmentResult, result: AlignmentResult, shape: tuple[int, int]) -> bool:
    """Tell whether another result lies elsewhere with like evidence, though it was doubted."""
    theirs, own = other.evidence, result.evidence
    if other.verdict != "doubtful" or theirs is None or own is None:
        return False
    like = min(theirs.share / own.share, theirs.agreeing / own.agreeing)
    apart = corner_error(other.transform.matrix, result.transform.matrix, shape)
    # What does not know its corners may lie at the same place.
    return like > _LIKE_EVIDENCE and apart > max(_ELSEWHERE, 3 * other.corner_uncertainty)
