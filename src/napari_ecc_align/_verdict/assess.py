"""From an estimate to a result: what independent tiles say of it, and the verdict."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .._ecc.estimate import Estimate
from .._ecc.options import SearchOptions
from .._images.pyramid.levels import Level
from .._images.pyramid.pair import Pyramids
from .._transform.matrices import MotionModel
from .._transform.transform import (
    Transform,
    corner_error,
    map_points,
    shift,
    usable_transform,
)
from .line_fields import field_offset
from .model_check import homography_shift
from .residual_pattern import residual_pattern
from .result import VERDICTS, AlignmentResult
from .rival import NO_RIVAL, Rival
from .rules import (
    HIGH_ECC,
    LARGEST_RIVAL,
    LEAST_AGREEING,
    LEAST_RIVAL,
    Evidence,
    Judgement,
    doubted,
    judge,
    why_failed,
    why_implausible,
    why_too_little,
)
from .sampling import overlap_share, sampled_ecc
from .second_motion import LEAST_SHARE, second_motion, still_tiles
from .shifted_rival import whole_fit
from .tile_matching import FIRST_TILES, MOST_TILES, UNLIKE, Tiles, is_clear, tile_evidence, without
from .turned_motion import turned_motion
from .turned_rival import turned_rival
from .wrong_places import with_sampled_chance

# Tiles of a level of at most so many pixels see far: of about 550 px on a side, where the largest
# tiles are a twelfth of it. Of a side of at least 140 px, where tiles of 17 px are still many.
_WIDE_PIXELS = 300_000
_WIDE_SIDE = 140
# As few wide tiles say nothing that those at full resolution do not. Chosen by hand.
_FEW_TILES = 6
# The whole of a level of at most so many pixels is correlated at every displacement: 200 by 200,
# chosen for its cost.
_WHOLE_PIXELS = 40_000
# A second motion is looked for on a level of at most so many pixels, 316 by 316: chosen for its
# cost; one of three times as many found no more of them.
_SECOND_PIXELS = 100_000
# Where the tiles place the corners less exactly than this (px), all pixels are asked, too. Of a
# result that would be aligned: with more than 0.377, the rules would overlook a pixel at the
# corners, which is then no third of a pixel beyond 2.5 sigma. Of one that would be doubtful, a
# pixel is to be four sigma, so that tiles are not alone to say so.
_CORNER_SIGMA_ALIGNED = 0.36
_CORNER_SIGMA_DOUBTFUL = 0.25
# Another place counts if so many px away (RMS of the corners) it has this share of the evidence.
# The first is twice the radius in which tiles agree; the second was tuned on known pairs.
_OTHER_PLACE, _LIKE_EVIDENCE = 3.0, 0.85
# Of tiles that are matched by the direction of edges, so many are to agree: on different music on
# the same staves, three quarters of them did.
_LEAST_EDGES = 0.9
# What belongs to the camera holds an alignment where it was, to less than this (px).
_HELD = 0.2
# Results correlate alike if the better one leaves so large a share of what the other one leaves
# unexplained. Chosen on marks that are symmetric.
_LIKE_RESIDUAL = 0.5

_BY = {
    "intensity": "",
    "gradient": "By the strength of edges: ",
    "orientation": "By the direction of edges: ",
}


@dataclass(frozen=True, eq=False)
class _Finding:
    """A judgement and what it was made of; no tiles where none were asked."""

    judgement: Judgement
    inverted: bool
    ecc: float
    ecc_before: float
    fine: Tiles | None = None
    contradiction: float = 0.0


def assess(
    pyramids: Pyramids,
    estimate: Estimate,
    options: SearchOptions,
    initial: NDArray[np.float64] | None,
) -> AlignmentResult:
    """Return the result that an estimate amounts to; who called knows its `seconds`."""
    reference, moving = pyramids.reference[0], pyramids.moving[0]
    transform = usable_transform(estimate.matrix, options.model, initial)
    overlap = overlap_share(reference, moving, estimate.matrix)
    flaw = _why_refused(reference, moving, estimate.matrix, overlap)
    if transform is None:
        flaw = f"No motion of the model '{options.model}' lays the images on each other."
    if flaw:
        # Nothing is sampled through a matrix that may map a tile to a continent.
        before = sampled_ecc(reference, moving, [pyramids.unmoved])[0]
        found = _Finding(Judgement("failed", flaw), estimate.inverted, 0.0, before)
    else:
        found = _found_by_tiles(pyramids, estimate, options.model)
    sign = -1 if found.inverted else 1
    said = _BY[estimate.representation]
    return AlignmentResult(
        transform=transform or Transform.identity(options.model),
        verdict=found.judgement.verdict,
        reason=f"{said}{found.judgement.reason}",
        placed=found.judgement.placed and estimate.converged,
        shape=reference.shape,
        ecc=sign * found.ecc,
        ecc_before=sign * found.ecc_before,
        inverted=found.inverted,
        overlap_fraction=overlap,
        corner_uncertainty=float(np.hypot(estimate.corner_uncertainty, found.contradiction)),
        contradiction=found.contradiction,
        covariance=estimate.covariance,
        iterations=estimate.iterations,
        converged=estimate.converged,
        start=estimate.start,
        timings=estimate.timings,
        representation=estimate.representation,
        engine=options.engine,
        tiles=found.fine,
    )


def _why_refused(
    reference: Level, moving: Level, matrix: NDArray[np.float64], overlap: float
) -> str | None:
    """Return why a matrix is not worth asking tiles, or None if it is."""
    flaw = why_implausible(matrix, reference.shape)
    if not flaw and (flaw := why_too_little(overlap)):
        # What is small, or counts only in a small region, covers little however well it lies.
        back = np.asarray(np.linalg.inv(matrix), np.float64)
        flaw = why_too_little(overlap_share(moving, reference, back)) and flaw
    return flaw


def _found_by_tiles(pyramids: Pyramids, estimate: Estimate, model: MotionModel) -> _Finding:
    estimate, inverted, fine = _first_tiles(pyramids, estimate)
    # After the tiles, whose pixels it may use if they had to be read.
    ecc, before = sampled_ecc(
        pyramids.reference[0], pyramids.moving[0], [estimate.matrix, pyramids.unmoved]
    )
    evidence = _gathered(pyramids, estimate, model, -ecc if inverted else ecc, inverted, fine)
    evidence, judgement = _with_model_checked(pyramids, estimate, evidence)
    if estimate.representation == "orientation" and fine.share < _LEAST_EDGES:
        judgement = doubted(judgement, "Edges that so many images have may lie alike by chance.")
    return _Finding(judgement, inverted, ecc, before, fine, evidence.pattern.contradiction)


def _first_tiles(pyramids: Pyramids, estimate: Estimate) -> tuple[Estimate, bool, Tiles]:
    """Return the estimate as it is judged, whether it is inverted, and the tiles there.

    What edges have found is judged by brightness where that says more.
    """
    inverted = estimate.inverted
    fine = _matched(pyramids, estimate, 0, inverted, far=False)
    if estimate.representation == "orientation" and not is_clear(fine, FIRST_TILES, 0):
        other = replace(estimate, representation="gradient")
        judged, turned_over, said = _first_tiles(pyramids, other)
        if said.share > fine.share:
            return judged, turned_over, said
    if estimate.representation == "gradient" and fine.fit < 0:
        # Gradients are as strong in a negative.
        inverted = not inverted
        fine = _matched(pyramids, estimate, 0, inverted, far=False)
    return estimate, inverted, fine


def _gathered(
    pyramids: Pyramids,
    estimate: Estimate,
    model: MotionModel,
    ecc: float,
    inverted: bool,
    fine: Tiles,
) -> Evidence:
    """Add to the tiles at full resolution what else the verdict needs."""
    shape = pyramids.reference[0].shape
    whole = pyramids.index_below(_WHOLE_PIXELS)
    together = whole_fit(
        pyramids.reference[whole],
        pyramids.moving[whole],
        estimate.matrix,
        inverted=inverted,
        representation=estimate.representation,
    )
    wide = _wide_tiles(pyramids, estimate, inverted, fine, together.rival.likeness)
    motion: NDArray[np.float64] = np.linalg.inv(pyramids.unmoved) @ estimate.matrix
    still = still_tiles(fine, motion)
    moving = without(fine, still)
    wide = moving if wide is fine else without(wide, still_tiles(wide, motion))
    fine = moving
    fine, wide = _with_chance(pyramids, estimate, inverted, fine, wide)
    together = replace(together, rival=_seconded(pyramids, estimate, together.rival, inverted))
    evidence = Evidence(
        ecc=ecc,
        corner_uncertainty=estimate.corner_uncertainty,
        model=model,
        shape=shape,
        motion=motion,
        fine=fine,
        wide=wide,
        still=int(still.sum()),
        pattern=residual_pattern(fine, shape, bent=model == "homography"),
        whole=together,
    )
    if why_failed(evidence):
        # Whatever else moves, or fits elsewhere, does not matter then.
        return evidence
    index = pyramids.index_below(_SECOND_PIXELS)
    levels = pyramids.reference[index], pyramids.moving[index]
    middle = (np.array(shape[::-1]) - 1.0) / 2
    back = map_points(np.asarray(np.linalg.inv(motion), np.float64), middle[None])[0] - middle
    held = corner_error(motion, np.eye(3), shape) <= _HELD
    second = second_motion(
        *levels,
        estimate.matrix,
        inverted=inverted,
        still=back,
        # Where nothing moved, nothing was interpolated.
        least=0.0 if held else LEAST_SHARE,
        representation=estimate.representation,
    )
    if second is None and held:
        second = turned_motion(pyramids, estimate.matrix, inverted=inverted)
    # Where something lies still all over the image, tiles show that, or something between.
    below = second is not None and second.is_everywhere and second.is_still(motion, shape)
    moved, moved_wide = (
        without(tiles, ~tiles.agree) if below else tiles for tiles in (fine, wide)
    )
    turned = turned_rival(
        pyramids,
        estimate.matrix,
        model,
        inverted=inverted,
        representation=estimate.representation,
    )
    turned = _seconded(pyramids, estimate, turned, inverted)
    places = fine.displacements[fine.agree, :2]
    fields = (
        field_offset(pyramids.reference[0], places),
        field_offset(pyramids.moving[0], map_points(estimate.matrix, places)),
    )
    if below:
        bent = model == "homography"
        evidence = replace(evidence, pattern=residual_pattern(moved, shape, bent=bent))
    return replace(
        evidence,
        # Tiles that see farther also find what has moved farther.
        displaced_wide=0 if wide is fine else residual_pattern(moved_wide, shape).displaced,
        turned=turned,
        second=second,
        fields=abs(fields[0] - fields[1]),
    )


def _seconded(pyramids: Pyramids, estimate: Estimate, rival: Rival, inverted: bool) -> Rival:
    """Return another place if tiles fit there, too, and else none.

    The whole of a coarse level need not show what fine detail shows: it may be blurred away, or be
    another layer.
    """
    if rival.matrix is None or not rival.likeness > LEAST_RIVAL:
        return rival
    # Of a level on which the place is known to within the tiles' reach.
    index = max(0, pyramids.index_below(_WHOLE_PIXELS) - 2)
    here = _matched(pyramids, estimate, index, inverted, far=False)
    there, place = here, rival.matrix
    for _ in range(2):
        # A second time, from between the pixels, where they fit as well as they can.
        there = _matched(pyramids, replace(estimate, matrix=place), index, inverted, far=False)
        place = place @ shift(*there.offset)
    apart = np.hypot(*(there.displacements[:, 2:] - there.offset).T)
    share = float((apart <= there.radius).mean()) if there.tested else 0.0
    joint = Rival(here.rival.here, there.rival.here, rival.known_to)
    like = share > _LIKE_EVIDENCE * here.share and joint.is_like(LARGEST_RIVAL)
    return rival if like else NO_RIVAL


def _with_model_checked(
    pyramids: Pyramids, estimate: Estimate, evidence: Evidence
) -> tuple[Evidence, Judgement]:
    """Judge; where the tiles cannot tell whether the motion model suffices, ask all pixels."""
    judgement, pattern = judge(evidence), evidence.pattern
    if judgement.verdict == "failed" or evidence.model == "homography":
        return evidence, judgement
    aligned = judgement.verdict == "aligned"
    enough = _CORNER_SIGMA_ALIGNED if aligned else _CORNER_SIGMA_DOUBTFUL
    if pattern.homography_sigma <= enough:
        return evidence, judgement
    moved, sigma = homography_shift(pyramids, estimate, evidence.fine) or (0.0, np.inf)
    if sigma < pattern.homography_sigma:
        pattern = replace(pattern, corner_shift=moved, corner_sigma=sigma, homography_sigma=sigma)
        evidence = replace(evidence, pattern=pattern)
        judgement = judge(evidence)
    return evidence, judgement


def _wide_tiles(
    pyramids: Pyramids, estimate: Estimate, inverted: bool, fine: Tiles, rival: float
) -> Tiles:
    """Ask tiles that see far, if those at full resolution and the whole leave a doubt."""
    if max(rival, fine.rival.likeness) < UNLIKE and is_clear(
        fine, max(FIRST_TILES, fine.tested), 0
    ):
        return fine
    wide = _matched(pyramids, estimate, _wide_level(pyramids), inverted, far=True)
    # Where little overlaps, and near the borders, only those that do not see far fit in.
    return fine if wide.tested < _FEW_TILES else wide


def _with_chance(
    pyramids: Pyramids, estimate: Estimate, inverted: bool, fine: Tiles, wide: Tiles
) -> tuple[Tiles, Tiles]:
    """Ask wrong places of the images what is chance, if so many agree that it matters."""

    def sampled(tiles: Tiles, index: int, far: bool) -> Tiles:
        if tiles.agreeing < LEAST_AGREEING or is_clear(tiles, max(FIRST_TILES, tiles.tested), 0):
            return tiles

        def matched(matrix: NDArray[np.float64], most: int) -> Tiles:
            there = replace(estimate, matrix=matrix)
            return _matched(pyramids, there, index, inverted, far=far, most=most)

        return with_sampled_chance(tiles, estimate.matrix, matched)

    asked = sampled(fine, 0, False)
    if wide is fine:
        return asked, asked
    return asked, sampled(wide, _wide_level(pyramids), True)


def _matched(
    pyramids: Pyramids,
    estimate: Estimate,
    index: int,
    inverted: bool,
    *,
    far: bool,
    most: int = MOST_TILES,
) -> Tiles:
    return tile_evidence(
        pyramids.reference,
        pyramids.moving,
        index,
        estimate.matrix,
        inverted=inverted,
        far=far,
        most=most,
        # Tiles see less of gradients than of intensities, of which they may be a negative.
        representation="orientation" if estimate.representation == "orientation" else "intensity",
    )


def _wide_level(pyramids: Pyramids) -> int:
    """Return the level whose tiles see far and are still many."""
    index = min(max(1, pyramids.index_below(_WIDE_PIXELS)), pyramids.index_below(0))
    while index > 0 and min(pyramids.reference[index].shape) < _WIDE_SIDE:
        index -= 1
    return index


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
    least = 1 - (1 - abs(result.ecc)) / _LIKE_RESIDUAL
    return abs(other.ecc) >= max(HIGH_ECC, least)


def trust_key(result: AlignmentResult) -> tuple[int, float]:
    """Return a key that sorts results by how much they are to be trusted."""
    share = result.tiles.share if result.tiles else 0.0
    return VERDICTS.index(result.verdict), share


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


def _rivals(other: AlignmentResult, result: AlignmentResult, shape: tuple[int, int]) -> bool:
    """Tell whether another result, though doubtful, lies elsewhere with like evidence."""
    theirs, own = other.tiles, result.tiles
    if other.verdict != "doubtful" or theirs is None or own is None:
        return False
    # Where so many agree, no more are asked.
    enough = min(own.agreeing, FIRST_TILES)
    like = min(theirs.share / own.share, theirs.agreeing / enough)
    apart = corner_error(other.transform.matrix, result.transform.matrix, shape)
    # What does not know its corners may lie at the same place.
    return like > _LIKE_EVIDENCE and apart > max(_OTHER_PLACE, 3 * other.corner_uncertainty)
