"""From an estimate to a result: what independent tiles say of it, and the verdict."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from .._common.steps import outcome_of
from .._ecc.estimate import Estimate
from .._ecc.gauss_newton import ALIKE
from .._ecc.options import SearchOptions
from .._ecc.refined import Refined, total
from .._images.pyramid.levels import InSteps
from .._images.pyramid.pair import Pyramids
from .._transform.coordinates import map_points
from .._transform.matrices import MotionModel
from .._transform.models import MODELS
from .._transform.transform import Transform, usable_transform
from .compared_places import share_that_stays
from .evidence import Evidence, Judgement
from .finding import Finding, Judged, result_of
from .first_motion import of_the_first, pattern_of, without_raster
from .held_by_lines import held_by_lines
from .laid import Laid
from .limits import (
    CLEAR,
    LARGEST_UNCERTAINTY,
    LEAST_PART,
    LEAST_SHARE,
    LIKE,
    SECOND_PIXELS,
    TIMES_LEFT,
    WHOLE_PIXELS,
    WRONG,
)
from .line_fields import field_offset
from .model_check import colours_apart, freer_shift, levels_apart
from .pair_tiles import (
    all_tiles,
    first_seconded,
    first_tiles,
    is_witnessed,
    looks_alike,
    seconded,
    told_apart,
    wide_tiles,
    with_chance,
)
from .refusals import why_refused
from .residual_pattern import residual_pattern
from .result import AlignmentResult
from .rival import NO_RIVAL
from .rules import is_deformed, is_hopeless, is_shown, judge, slides
from .sampling import overlap_share, sampled_ecc, shared_hull
from .second_motion import SecondMotion, second_motion, still_tiles
from .shifted_rival import whole_fit
from .tile_matching import MOST_TILES, Tiles, without
from .turned_motion import turned_motion
from .turned_rival import turned_rival
from .uncertainty import uncertainty_over


def assess(
    pyramids: Pyramids,
    estimate: Estimate,
    options: SearchOptions,
    initial: NDArray[np.float64] | None,
) -> AlignmentResult:
    """Return the result that an estimate amounts to; who called knows its `seconds`."""
    return outcome_of(assess_steps(pyramids, estimate, options, initial))


def assess_steps(
    pyramids: Pyramids,
    estimate: Estimate,
    options: SearchOptions,
    initial: NDArray[np.float64] | None,
) -> InSteps[AlignmentResult]:
    """Do what `assess` does, question by question."""
    return (yield from judged_steps(pyramids, estimate, options, initial)).result


def judged_steps(
    pyramids: Pyramids,
    estimate: Estimate,
    options: SearchOptions,
    initial: NDArray[np.float64] | None,
    *,
    failed: str | None = None,
) -> InSteps[Judged]:
    """Return what `assess_steps` does with the evidence of it; only count tiles if `failed`."""
    reference, moving = pyramids.reference[0], pyramids.moving[0]
    transform = usable_transform(estimate.matrix, options.freest, initial)
    overlap = overlap_share(reference, moving, estimate.matrix)
    flaw = why_refused(reference, moving, estimate.matrix, overlap)
    if transform is None:
        flaw = f"No motion of the model '{options.freest}' lays the images on each other."
    if flaw:
        # Nothing is sampled through a matrix that may map a tile to a continent.
        before = sampled_ecc(reference, moving, [pyramids.unmoved])[0]
        found = Finding(Judgement("failed", flaw), estimate.inverted, 0.0, before)
    else:
        found = yield from _found_by_tiles(pyramids, estimate, options.freest, failed)
    if found.averaged is not None:
        unpulled = _at(found.averaged, estimate, options.freest)
        judged = yield from judged_steps(pyramids, unpulled, options, initial)
        if judged.result.aligned:
            return judged
    transform = transform or Transform.identity(options.freest)
    result = result_of(found, estimate, transform, reference.shape, overlap, options.engine)
    return Judged(result, estimate, found.evidence)


def _at(refined: Refined, estimate: Estimate, model: MotionModel) -> Estimate:
    """Return an estimate as a coarser level has it."""
    return Estimate.of(
        refined,
        MODELS[model].n_parameters,
        start=estimate.start,
        representation=estimate.representation,
        accepted=estimate.converged,
        timings=estimate.timings,
    )


def _is_own(estimate: Estimate) -> bool:
    """Tell whether an estimate is of the place that was found, not of one that was given."""
    refined = estimate.refined
    return refined is not None and bool((refined.matrix == estimate.matrix).all())


def _found_by_tiles(
    pyramids: Pyramids, estimate: Estimate, model: MotionModel, failed: str | None
) -> InSteps[Finding]:
    laid, fine = first_tiles(pyramids, estimate)
    yield
    # After the tiles, whose pixels it may use if they had to be read.
    ecc, before = sampled_ecc(
        pyramids.reference[0], pyramids.moving[0], [estimate.matrix, pyramids.unmoved]
    )
    if failed:
        return Finding(Judgement("failed", failed), laid.inverted, ecc, before, fine)
    evidence = _of_tiles(laid, model, -ecc if laid.inverted else ecc, fine)
    yield
    if is_hopeless(evidence):
        return Finding(judge(evidence), laid.inverted, ecc, before, fine, evidence)
    evidence = _with_places_compared(laid, evidence)
    yield
    if evidence.by_edges and evidence.lies_still(WRONG):
        evidence = replace(evidence, alike=looks_alike(laid, fine))
    # What a second motion can be is a part of what the first one leaves of a coarse level, too.
    explained = 1 - evidence.whole.here < LEAST_SHARE / TIMES_LEFT and not evidence.lies_still()
    if not explained and judge(evidence).verdict != "failed":
        evidence = _with_second_motion(laid, evidence)
        yield
    evidence = without_raster(laid, evidence)
    if judge(evidence).verdict == "aligned":
        evidence = _with_what_costs(laid, evidence)
        yield
    evidence, judgement = yield from _with_model_checked(laid, evidence)
    averaged = None
    if judgement.verdict == "aligned":
        apart = 0.0
        if _may_be_pulled(laid, evidence):
            apart, coarser = yield from levels_apart(pyramids, estimate, model, evidence.hull)
            if coarser and evidence.raster and _is_own(estimate):
                exacter = apart or total(coarser) < estimate.corner_uncertainty
                averaged = coarser if exacter else None
        colours = colours_apart(pyramids, estimate.matrix)
        if apart or colours:
            evidence = replace(evidence, levels_apart=apart, colours_apart=colours)
            judgement = judge(evidence)
    if evidence.by_edges and slides(evidence):
        judgement = judgement.doubted("Edges that so many images have may lie alike by chance.")
    return Finding(judgement, laid.inverted, ecc, before, fine, evidence, averaged)


def _may_be_pulled(laid: Laid, evidence: Evidence) -> bool:
    """Tell whether something may pull all tiles alike: images differ, or tiles scatter.

    By more than noise and what is stated; what noise alone leaves is stated.
    """
    differ = abs(laid.estimate.refined.solution.ecc) < ALIKE if laid.estimate.refined else False
    return differ or evidence.raster or evidence.pattern.scatter > evidence.corner_uncertainty


def _of_tiles(laid: Laid, model: MotionModel, ecc: float, fine: Tiles) -> Evidence:
    """Return what tiles, and the whole of a coarse level, say of where the images lie."""
    pyramids, matrix = laid.pyramids, laid.estimate.matrix
    shape = pyramids.reference[0].shape
    index = pyramids.index_below(WHOLE_PIXELS)
    whole = whole_fit(
        pyramids.reference[index],
        pyramids.moving[index],
        matrix,
        inverted=laid.inverted,
        representation=laid.estimate.representation,
    )
    wide = wide_tiles(laid, fine, whole.rival)
    motion: NDArray[np.float64] = np.linalg.inv(pyramids.unmoved) @ matrix
    hull = shared_hull(pyramids.reference[0], pyramids.moving[0], matrix)
    still = still_tiles(fine, motion)
    moving = without(fine, still)
    wide = moving if wide is fine else without(wide, still_tiles(wide, motion))
    fine, wide = with_chance(laid, moving, wide, model)
    evidence = Evidence(
        ecc=ecc,
        corner_uncertainty=uncertainty_over(hull, laid.estimate, shape),
        frame_uncertainty=laid.estimate.corner_uncertainty,
        hull=hull,
        model=model,
        shape=shape,
        motion=motion,
        fine=fine,
        wide=wide,
        still=int(still.sum()),
        pattern=residual_pattern(fine, shape, bent=model == "homography", hull=hull),
        whole=whole,
        by_edges=laid.estimate.representation == "orientation",
        believed=laid.estimate.converged,
    )
    displaced = _displaced(evidence, wide)
    return replace(evidence, displaced_wide=displaced) if displaced else evidence


def _with_places_compared(laid: Laid, evidence: Evidence) -> Evidence:
    """Leave out the rivals that more than what found them tells from where the images lie."""
    if is_shown(evidence):
        evidence = _with_tiles_told_apart(laid, evidence)
    # What stays is nearer to itself at one place than at another, whatever moves.
    if evidence.shows_still:
        return evidence
    whole = evidence.whole
    rival = first_seconded(laid, whole, evidence.model)
    if rival is whole.rival:
        return evidence
    return replace(evidence, whole=replace(whole, rival=rival))


def _with_tiles_told_apart(laid: Laid, evidence: Evidence) -> Evidence:
    """Leave out the rivals of tiles, which matter only where these show one thing."""
    model, whole, same = evidence.model, evidence.whole, evidence.wide is evidence.fine
    fine = told_apart(laid, evidence.fine, whole, model)
    wide = fine if same else told_apart(laid, evidence.wide, whole, model)
    if fine is evidence.fine and wide is evidence.wide:
        return evidence
    return replace(evidence, fine=fine, wide=wide)


def _displaced(evidence: Evidence, wide: Tiles) -> int:
    """Return how many tiles that see far are displaced alike: they find what moved farther."""
    if evidence.wide is evidence.fine:
        return 0
    # What is nearer is seen by the fine ones, and may be the same place less exactly.
    near = np.hypot(*wide.displacements[:, 2:].T) <= 2 * wide.radius
    return residual_pattern(without(wide, near & ~wide.agree), evidence.shape).displaced


def _with_second_motion(laid: Laid, evidence: Evidence) -> Evidence:
    """Add what moves otherwise."""
    pyramids, shape, motion = laid.pyramids, evidence.shape, evidence.motion
    index = pyramids.index_below(SECOND_PIXELS)
    middle = (np.array(shape[::-1]) - 1.0) / 2
    back = map_points(np.asarray(np.linalg.inv(motion), np.float64), middle[None])[0] - middle
    seek = partial(
        second_motion,
        pyramids.reference[index],
        pyramids.moving[index],
        laid.estimate.matrix,
        inverted=laid.inverted,
        still=back,
        representation=laid.estimate.representation,
    )
    second = seek()
    by_camera = evidence.alike and evidence.lies_still()
    if second is None and by_camera:
        second = seek(of_rest=True)
        if second is not None and second.part < LEAST_PART and not _is_seen(second, evidence):
            second = None
    elif second is not None and evidence.by_edges and not by_camera:
        # Of two kinds of images, what either shows alone may lie on one side of what both show.
        seen = second.is_still(motion, shape) or is_witnessed(laid, second, evidence.fine.chance)
        second = second if seen else None
    return _with_pattern(replace(evidence, second=second))


def _is_seen(second: SecondMotion, evidence: Evidence) -> bool:
    """Tell whether a tile shows it, too: of pages, a staff lies like another one in the rest."""
    return any(second.shown_by(tiles).any() for tiles in (evidence.fine, evidence.wide))


def _with_pattern(evidence: Evidence) -> Evidence:
    """Add what the tiles say of the motion model, without those that show a second motion."""
    fine, wide = (of_the_first(evidence, tiles) for tiles in (evidence.fine, evidence.wide))
    if fine is evidence.fine:
        return evidence
    return replace(
        evidence,
        pattern=pattern_of(evidence.fine, evidence),
        displaced_wide=_displaced(evidence, wide),
    )


def _with_what_costs(laid: Laid, evidence: Evidence) -> Evidence:
    """Add what is asked only where all else says that the images lie right."""
    pyramids, matrix = laid.pyramids, laid.estimate.matrix
    places = evidence.fine.displacements[evidence.fine.agree, :2]
    fields = (
        field_offset(pyramids.reference[0], places),
        field_offset(pyramids.moving[0], map_points(matrix, places)),
    )
    turned = turned_rival(
        pyramids,
        matrix,
        evidence.model,
        inverted=laid.inverted,
        representation=laid.estimate.representation,
    )
    # Looks at what the last question did.
    stays = 0.0 if evidence.lies_still(WRONG) else share_that_stays(laid)
    lines = None
    if evidence.alike:
        lines = held_by_lines(pyramids, matrix, inverted=laid.inverted)
    second = evidence.second
    # What turns below something that lies still may, in a small part, move like a shift.
    small = second is None or second.spread < LEAST_PART
    if small and evidence.alike and evidence.lies_still():
        second = turned_motion(pyramids, matrix, inverted=laid.inverted) or second
    turned = seconded(laid, turned, evidence.model) if turned.is_like(LIKE) else turned
    apart, distance = abs(fields[0] - fields[1]), lines.distance if lines else 0.0
    found = turned is not NO_RIVAL or second is not evidence.second
    if not (stays or apart or distance or found):
        # As it is, it has been judged.
        return evidence
    return replace(
        evidence, stays=stays, fields=apart, lines=distance, turned=turned, second=second
    )


def _with_model_checked(laid: Laid, evidence: Evidence) -> InSteps[tuple[Evidence, Judgement]]:
    """Judge; where the tiles cannot tell whether the motion model suffices, ask all pixels."""
    judgement, pattern = judge(evidence), evidence.pattern
    one_motion = evidence.second is None and not evidence.still
    # What outshines the rest has the first tiles: where nothing moved, all are asked.
    still = evidence.alike and evidence.lies_still(WRONG)
    if judgement.verdict == "aligned" and (pattern.largest or still) and one_motion:
        # What bends or is torn shows in all tiles and, if nothing differs, in motions that bend.
        evidence = _of_all_tiles(laid, evidence, bent=evidence.fine.share >= CLEAR)
        yield
        judgement, pattern = judge(evidence), evidence.pattern
    if judgement.verdict == "failed" or evidence.model == "homography":
        return evidence, judgement
    # With more, the rules would overlook a pixel at the corners.
    if pattern.freer_sigma <= LARGEST_UNCERTAINTY:
        return evidence, judgement
    if evidence.fine.tested <= MOST_TILES:
        shown = is_shown(evidence)
        evidence = _of_all_tiles(laid, evidence)
        yield
        if not shown and is_shown(evidence):
            evidence = _with_tiles_told_apart(laid, evidence)
        judgement, pattern = judge(evidence), evidence.pattern
        if pattern.freer_sigma <= LARGEST_UNCERTAINTY:
            return evidence, judgement
    # What is inexact in any case is no more exact for a freer motion.
    inexact = evidence.corner_uncertainty > evidence.exactness * WRONG
    if inexact or is_deformed(evidence):
        return evidence, judgement
    moved, sigma = 0.0, np.inf
    for freer in _asked_models(evidence.model):
        found = yield from freer_shift(
            laid.pyramids, laid.estimate, evidence.fine, evidence.hull, freer=freer
        )
        moved, sigma = found or (0.0, np.inf)
        if sigma <= WRONG:
            break
    if sigma < pattern.freer_sigma:
        pattern = replace(pattern, corner_shift=moved, corner_sigma=sigma, freer_sigma=sigma)
        evidence = replace(evidence, pattern=pattern)
        judgement = judge(evidence)
    return evidence, judgement


def _asked_models(model: MotionModel) -> Iterator[MotionModel]:
    """Yield what a motion may become: where no perspective can be known, what stretches alone."""
    yield "homography"
    if model != "affine":
        yield "affine"


def _of_all_tiles(laid: Laid, evidence: Evidence, *, bent: bool = False) -> Evidence:
    """Ask all tiles for the pattern: the first ones have told whether they agree."""
    few, fine = evidence.fine, all_tiles(laid)
    fine = without(fine, still_tiles(fine, evidence.motion))
    fine = replace(fine, chance=few.chance, chance_fit=few.chance_fit, rival=few.rival)
    evidence = replace(
        evidence,
        fine=fine,
        wide=fine if evidence.wide is few else evidence.wide,
        pattern=pattern_of(fine, evidence, bent=bent),
    )
    return without_raster(laid, evidence)
