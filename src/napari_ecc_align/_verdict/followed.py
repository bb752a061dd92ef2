"""The verdict on an image by what it shares with one that was judged whole before it.

Of two frames of a film that show the reference alike, what repeats, what looks alike when turned
and what else moves is the same. What was asked of the first is asked of the next only if it might
differ: if it leaves more unexplained, or its tiles leave a doubt.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .._ecc.estimate import Estimate
from .._ecc.options import SearchOptions
from .._images.pyramid.pair import Pyramids
from .._transform.coordinates import map_points
from .._transform.transform import usable_transform
from .evidence import Evidence
from .finding import Finding, Judged, result_of
from .held_by_lines import held_by_lines
from .laid import Laid
from .limits import (
    AGREEMENT_RADIUS,
    CLEAR,
    KNOWN_TO,
    LARGEST_UNCERTAINTY,
    LEAST_LIKE,
    LEAST_SHARE,
    MINOR,
    TIMES_LEFT,
    WHOLE_PIXELS,
    least_like,
)
from .line_fields import field_offset
from .pair_tiles import few_tiles
from .refusals import why_refused
from .residual_pattern import residual_pattern
from .rules import judge
from .sampling import overlap_share, sampled_ecc, shared_hull
from .second_motion import still_tiles
from .shifted_rival import whole_correlation
from .tile_matching import Tiles, without
from .uncertainty import uncertainty_over


def judged_like(
    before: Judged,
    pyramids: Pyramids,
    estimate: Estimate,
    options: SearchOptions,
    initial: NDArray[np.float64] | None,
) -> Judged | None:
    """Return what an estimate amounts to if another image of the same reference was judged whole.

    Its tiles are asked, how exact it is, and how well the whole of a coarse level fits; all else
    is as it was before.

    Parameters
    ----------
    before : Judged
        The other image's: aligned without any doubt, or placed.
    pyramids, estimate, options, initial
        As for `assess`.

    Returns
    -------
    Judged or None
        None if that leaves a doubt that a look at the whole may settle.
    """
    shared, reference, moving = before.evidence, pyramids.reference[0], pyramids.moving[0]
    matrix = estimate.matrix
    transform = usable_transform(matrix, options.freest, initial)
    overlap = overlap_share(reference, moving, matrix)
    if shared is None or transform is None or not estimate.converged:
        return None
    if why_refused(reference, moving, matrix, overlap):
        return None
    laid = Laid(pyramids, estimate, estimate.inverted)
    tiles = _tiles(before, laid)
    ecc, ecc_before = sampled_ecc(reference, moving, [matrix, pyramids.unmoved])
    evidence = _evidence(shared, laid, tiles, -ecc if laid.inverted else ecc)
    judgement = judge(evidence)
    if before.result.aligned:
        settled = judgement.verdict == "aligned" and _leaves_no_more(shared, evidence)
    else:
        settled = judgement.placed
    if not settled:
        return None
    found = Finding(judgement, laid.inverted, ecc, ecc_before, tiles, evidence)
    result = result_of(found, estimate, transform, reference.shape, overlap, options.engine)
    return Judged(result, estimate, evidence)


def may_be_followed(judged: Judged) -> bool:
    """Tell whether what was found of a pair says what is to be expected of the next one."""
    result, evidence = judged.result, judged.evidence
    if evidence is None or evidence.by_edges:
        return False
    if result.placed and not result.aligned:
        return True
    rivals = evidence.fine.rival, evidence.wide.rival, evidence.whole.rival, evidence.turned
    likeness = max(rival.likeness for rival in rivals)
    return result.aligned and evidence.second is None and likeness < LEAST_LIKE


def _evidence(shared: Evidence, laid: Laid, tiles: Tiles, ecc: float) -> Evidence:
    """Return the evidence of two images, with all that is as it was of the pair before."""
    pyramids, estimate = laid.pyramids, laid.estimate
    motion: NDArray[np.float64] = np.linalg.inv(pyramids.unmoved) @ estimate.matrix
    still = still_tiles(tiles, motion)
    fine = _with_chance_of(shared.fine, without(tiles, still) if still.any() else tiles)
    reference, moving = pyramids.reference[0], pyramids.moving[0]
    hull = shared_hull(reference, moving, estimate.matrix)
    index = pyramids.index_below(WHOLE_PIXELS)
    here = whole_correlation(
        pyramids.reference[index], pyramids.moving[index], estimate.matrix, inverted=laid.inverted
    )
    places = fine.displacements[fine.agree, :2]
    there = map_points(estimate.matrix, places)
    bent = shared.model == "homography"
    # Those that were not held before hold exactly.
    lines = held_by_lines(
        pyramids, estimate.matrix, inverted=laid.inverted, within=LARGEST_UNCERTAINTY
    )
    return replace(
        shared,
        ecc=ecc,
        corner_uncertainty=uncertainty_over(hull, estimate, shared.shape),
        frame_uncertainty=estimate.corner_uncertainty,
        hull=hull,
        motion=motion,
        fine=fine,
        # Whether it is the right place at all, the whole tells: it fits as well.
        wide=fine if shared.wide is shared.fine else shared.wide,
        still=int(still.sum()),
        pattern=residual_pattern(fine, shared.shape, bent=bent, hull=hull),
        whole=replace(shared.whole, here=here),
        # Of one frame alone, every other line may be displaced.
        fields=abs(field_offset(reference, places) - field_offset(moving, there)),
        lines=lines.distance if lines else 0.0,
    )


def _tiles(before: Judged, laid: Laid) -> Tiles:
    """Return what tiles say of where they lie.

    Where all that the estimator has used were seen before, that is known from its last step: those
    that fit as well as then lie where it moves them. Else some are looked for all around.
    """
    refined, last = laid.estimate.refined, before.estimate.refined
    shared = before.evidence
    if not refined or not last or not shared or not before.result.aligned:
        return few_tiles(laid)
    moves, seen = refined.moves, last.moves
    if moves is None or seen is None or refined.level or last.level:
        return few_tiles(laid)
    sign, fine = -1 if laid.inverted else 1, shared.fine
    fits, then = sign * moves.correlations, sign * seen.correlations
    if not np.array_equal(moves.centres, seen.centres):
        apart = np.hypot(*(moves.centres[:, None] - seen.centres).transpose(2, 0, 1))
        then = then[apart.argmin(axis=1)]
    alike = fits >= least_like(then, KNOWN_TO)
    # What shows too little to tell where it lies is no witness.
    tells = 2 * moves.sigmas <= AGREEMENT_RADIUS
    found = np.where(alike[:, None], moves.moves, fine.reach)
    agree = np.hypot(*found.T) <= AGREEMENT_RADIUS
    tested = int(tells.sum())
    return replace(
        fine,
        tested=tested,
        independent=float(tested),
        agreeing=int((agree & tells).sum()),
        displacements=np.hstack([moves.centres, found])[tells],
        uncertainties=np.where(alike, moves.sigmas, np.inf)[tells],
        fits=fits[tells],
        offset=(0.0, 0.0),
        fit=float(fits[tells].mean()) if tested else 0.0,
        side=float(moves.size),
    )


def _with_chance_of(before: Tiles, tiles: Tiles) -> Tiles:
    chance = max(before.chance, tiles.chance)
    return replace(tiles, chance=chance, chance_fit=before.chance_fit)


def _leaves_no_more(shared: Evidence, evidence: Evidence) -> bool:
    """Tell whether images leave no more unexplained than those that were judged whole.

    By the whole of a coarse level, where what moves otherwise is looked for, and by tiles, which
    see the finest detail: of that, what interpolation leaves differs from frame to frame.
    """
    # Where nothing moved, the least that moves otherwise counts.
    more = KNOWN_TO if evidence.lies_still() and shared.lies_still() else LEAST_SHARE / TIMES_LEFT
    fine = evidence.fine
    return (
        fine.rival.likeness < LEAST_LIKE
        and fine.share >= CLEAR * shared.fine.share
        and evidence.still <= MINOR * fine.agreeing
        and shared.whole.here - evidence.whole.here <= more
        # Tiles of another sort have been compared one by one.
        and (fine.side != shared.fine.side or fine.fit >= least_like(shared.fine.fit, KNOWN_TO))
    )
