"""Whether an alignment is to be trusted, and why, in a sentence."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from math import hypot, isnan

import numpy as np

from .._common.quantiles import middle
from .chance import ALPHA, ALPHA_DOUBTFUL, p_value
from .evidence import Evidence, Judgement
from .limits import (
    CLEAR,
    LARGEST_UNCERTAINTY,
    LEAST_AGREEING,
    LEAST_LIKE,
    LEAST_PART,
    LIKE,
    MINOR,
    WRONG,
)
from .other_motions import is_minor, may_be_camera, why_beside, why_turned, why_two_motions
from .residual_pattern import where_different
from .tile_matching import Tiles
from .wording import counted


# Before and after each question, which seldom adds anything.
@lru_cache(maxsize=1)
def judge(evidence: Evidence) -> Judgement:
    """Judge an alignment that is plausible by its evidence."""
    fine, wide = evidence.fine, evidence.wide
    if evidence.ecc > LIKE and _is_inconclusive(evidence):
        return Judgement(
            "doubtful",
            f"There is too little detail in the overlap to be sure (ECC {evidence.ecc:.3f}).",
        )
    why = _why_failed(evidence)
    if why and evidence.whole.rival.likeness <= 1 and _fits_roughly(evidence):
        return Judgement(
            "doubtful",
            f"Only {counted(fine)}, but {wide.agreeing} of {wide.tested} to within "
            f"{wide.radius:.0f} px: the images are deformed, or differ.",
            placed=p_value(wide, evidence.model) < ALPHA,
        )
    if why:
        return Judgement("failed", why)
    elsewhere = _why_ambiguous(evidence) or why_turned(evidence.turned)
    bent = _why_insufficient(evidence)
    two = why_two_motions(evidence)
    beside = why_beside(evidence)
    why = (
        elsewhere
        or bent
        or _why_inexact(evidence)
        or two
        or beside
        or _why_sparse(evidence)
        or _why_moved_in_part(wide, evidence.displaced_wide)
    )
    if why:
        # Parts of a deformed image lie as far from where the whole does.
        far = (
            beside and max(evidence.lines, evidence.whole.clear_offset) > evidence.pattern.largest
        )
        sure = not (elsewhere or far or (two and may_be_camera(evidence)))
        placed = bool(bent) and sure and _joint_p_value(evidence) <= ALPHA
        return Judgement("doubtful", why, placed=placed)
    agreed = f"{counted(fine)}, with ECC {evidence.ecc:.3f}."
    differing = where_different(fine, evidence.shape)
    second = evidence.second
    stays = evidence.still or evidence.stays > LEAST_PART
    if stays or (second is not None and second.is_still(evidence.motion, evidence.shape)):
        differing.append("Something else that is seen did not move.")
    elif second is not None and second.alone:
        differing.append(f"A part of it lies about {second.distance:.0f} px from there.")
    said = [agreed, *differing, evidence.pattern.sentence]
    if _is_inexact(evidence, 1.0):
        said.append(f"Edges place the corners to {_uncertain(evidence)}, no better.")
    elif evidence.frame_uncertainty > LARGEST_UNCERTAINTY:
        known = f"The corners of the frame are known to {evidence.frame_uncertainty:.2g} px"
        said.append(f"{known}: they lie far from what both images show.")
    if evidence.levels_apart > LARGEST_UNCERTAINTY:
        said.append(f"Fine and coarse detail lie {evidence.levels_apart:.1f} px apart.")
    return Judgement("aligned", " ".join(said))


def is_hopeless(evidence: Evidence) -> bool:
    """Tell whether the tiles say that it has failed, whatever else may be asked."""
    inconclusive = evidence.ecc > LIKE and _is_inconclusive(evidence)
    return not (inconclusive or _fits_roughly(evidence)) and bool(_why_failed(evidence))


def is_shown(evidence: Evidence | None) -> bool:
    """Tell whether tiles of full resolution show one thing where images lie, if any were asked."""
    return evidence is not None and not _why_failed(evidence)


def is_inexact(evidence: Evidence) -> bool:
    """Tell whether all that is in doubt is how exactly the images lie."""
    return judge(evidence).reason == _why_inexact(evidence)


def is_deformed(evidence: Evidence) -> bool:
    """Tell whether the model does not suffice, wherever a homography would put the corners."""
    there = replace(evidence, pattern=replace(evidence.pattern, corner_shift=0.0))
    return is_insufficient(there)


def is_insufficient(evidence: Evidence) -> bool:
    """Tell whether the model does not suffice."""
    return bool(_why_insufficient(evidence))


def may_be_settled_by_edges(evidence: Evidence) -> bool:
    """Tell whether brightness of two kinds is in doubt only by as little as edges may be off by.

    Or brightness by something faint that moves otherwise: of edges, none is faint. Unless images
    of one kind lie still: edges say nothing of whether what does belongs to the camera.
    """
    if evidence.by_edges or judge(evidence).verdict != "doubtful":
        return False
    second, two_kinds = evidence.second, abs(evidence.ecc) <= LIKE
    faint = second is not None and is_minor(second, evidence.ecc)
    faint = faint and (two_kinds or not evidence.lies_still(WRONG))
    asked = replace(evidence, by_edges=two_kinds, second=None if faint else second)
    return judge(asked).verdict == "aligned"


def slides(evidence: Evidence) -> bool:
    """Tell whether much of what fits would fit as well elsewhere along the same lines.

    And less than half of the tiles agree beyond that: other music on the same staves has as many.
    """
    fine, slid = evidence.fine, max(evidence.fine.slid, evidence.wide.slid)
    return fine.share < CLEAR and slid > MINOR and fine.share * (1 - slid) < 0.5


def _joint_p_value(evidence: Evidence) -> float:
    fine, wide, model = evidence.fine, evidence.wide, evidence.model
    if wide.radius == fine.radius:
        # Of the same pixels, those that were looked for farther say more.
        return p_value(wide, model)
    # What was laid through the fine ones was not laid through others as well.
    return max(p_value(fine, model), p_value(wide, None))


def _fits_roughly(evidence: Evidence) -> bool:
    """Tell whether tiles of a coarser level agree, as those of tissue that has stretched do."""
    fine, wide = evidence.fine, evidence.wide
    return (
        wide.radius > fine.radius
        and fine.tested >= LEAST_AGREEING
        and p_value(wide, evidence.model) < ALPHA_DOUBTFUL
        and _fit_unlike_chance(wide)
    )


def _is_inconclusive(evidence: Evidence) -> bool:
    """Tell whether even unanimous tiles could not have convinced, and most do agree."""
    fine, wide = evidence.fine, evidence.wide
    if fine.tested < LEAST_AGREEING:
        return True
    could = p_value(wide, evidence.model, unanimous=True) <= ALPHA_DOUBTFUL
    return not could and fine.share > 0.5


def _why_failed(evidence: Evidence) -> str | None:
    """Return why the tiles do not show one thing there, or None if they do."""
    fine = evidence.fine
    if fine.tested < LEAST_AGREEING:
        return "There is too little detail in the overlap to tell."
    if (
        (_joint_p_value(evidence) > ALPHA_DOUBTFUL and p_value(fine, evidence.model) > ALPHA)
        or fine.agreeing < LEAST_AGREEING
        or not _fit_unlike_chance(fine)
    ):
        return (
            f"Only {counted(fine)} (ECC {evidence.ecc:z.2f}): the images do not seem to "
            "show one thing, or the alignment is wrong."
        )
    # What the estimator did not believe itself is not worth a look where tiles point elsewhere.
    return None if evidence.believed else _why_elsewhere([evidence.wide, fine])


def _fit_unlike_chance(tiles: Tiles) -> bool:
    """Tell whether the tiles that agree fit better than tiles do at the best of a wrong place."""
    return bool(tiles.agreeing) and middle(tiles.fits[tiles.agree]) > tiles.chance_fit


def _why_ambiguous(evidence: Evidence) -> str | None:
    fine, wide, shifted = evidence.fine, evidence.wide, evidence.whole.rival
    asked = [tiles for tiles in (wide, fine) if not _shows_what_stays(tiles, evidence)]
    if why := _why_elsewhere(asked):
        return why
    if shifted.likeness > 1:
        return "The images fit better at another place."
    # Where some tiles fit and others do not, the place at which all fit may be another.
    largest = min(LIKE, LEAST_LIKE + min(fine.share, wide.share) / 3)
    like = [tiles.rival for tiles in asked if tiles.rival.likeness > LIKE]
    # Where a part stays, it leaves more at some places than at others, whatever moves.
    repeats = evidence.shows_still and shifted.likeness > LEAST_LIKE
    if repeats or shifted.is_like(largest):
        like.append(shifted)
    if like:
        return (
            "The images repeat: another place fits almost as well "
            f"({max(rival.likeness for rival in like):.0%} of the correlation)."
        )
    return None


def _why_elsewhere(asked: list[Tiles]) -> str | None:
    for tiles in asked:
        distance = float(np.hypot(*tiles.offset))
        if distance > tiles.radius and tiles.share < 0.5:
            return f"The tiles together fit better {distance:.1f} px from where they lie."
    return None


def _shows_what_stays(tiles: Tiles, evidence: Evidence) -> bool:
    """Tell whether all tiles together fit best where something else that is seen stayed."""
    second = evidence.second
    if second is None or not second.is_still(evidence.motion, evidence.shape):
        return False
    return float(np.hypot(*(second.displacement - tiles.offset))) <= 2 * tiles.radius


def _why_insufficient(evidence: Evidence) -> str | None:
    fine, pattern = evidence.fine, evidence.pattern
    if pattern.contradiction > _stated(evidence) and _is_inexact(evidence):
        if pattern.bends:
            return f"The motion model does not suffice. {pattern.sentence}"
        freer = "one that bends" if evidence.model == "homography" else "a freer one"
        return (
            f"The motion model does not suffice: {freer} would move the image's corners by "
            f"{pattern.corner_shift:.1f} px."
        )
    # Where no tile shows anything else, they lie as exactly as they fit.
    alone = fine.share >= CLEAR and fine.fit > LIKE
    bent = alone and pattern.largest and pattern.scatter > LARGEST_UNCERTAINTY
    if bent or pattern.misplaced_share > LEAST_PART:
        return f"The motion model does not suffice. {pattern.sentence}"
    return None


def _why_inexact(evidence: Evidence) -> str | None:
    model, sigma = evidence.model, evidence.pattern.freer_sigma
    # What a freer motion places less exactly than that says nothing of the model.
    if model != "homography" and not sigma <= evidence.exactness * WRONG:
        return "There is too little detail to tell whether the motion model suffices."
    if _is_inexact(evidence):
        return f"There is too little detail to say more exactly than to {_uncertain(evidence)}."
    return None


def _is_inexact(evidence: Evidence, times: float | None = None) -> bool:
    """Tell whether three sigma of the corners may be wrong."""
    largest = LARGEST_UNCERTAINTY * (evidence.exactness if times is None else times)
    return not hypot(_stated(evidence), evidence.pattern.contradiction) <= largest


def _uncertain(evidence: Evidence) -> str:
    return f"{hypot(_stated(evidence), evidence.pattern.contradiction):.2g} px"


def _stated(evidence: Evidence) -> float:
    """Return the estimator's uncertainty or, where it states none, that of the tiles.

    Of an estimate that has not settled it is at least theirs: nobody knows how far it had to go.
    """
    stated = evidence.corner_uncertainty
    if evidence.believed and not isnan(stated):
        return stated
    # A freer fit, which asks whether a homography suffices, says less of the homography itself.
    tiles = min(evidence.pattern.corner_sigma, evidence.pattern.freer_sigma)
    return tiles if isnan(stated) else max(stated, tiles)


def _why_sparse(evidence: Evidence) -> str | None:
    fine, pattern = evidence.fine, evidence.pattern
    told = counted(fine)
    if pattern.displaced > MINOR * fine.agreeing:
        return f"Only {told}. {pattern.sentence}"
    if _joint_p_value(evidence) > ALPHA:
        return f"{told}, which is too few to be sure."
    return None


def _why_moved_in_part(wide: Tiles, displaced: int) -> str | None:
    if displaced > MINOR * wide.agreeing:
        return (
            f"A part of the images moved otherwise than the rest: {displaced} tiles of "
            f"{wide.side:.0f} px fit best at a common other place."
        )
    return None
