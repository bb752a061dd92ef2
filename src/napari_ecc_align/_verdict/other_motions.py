"""What says that an image holds another motion, or lies elsewhere than where it was laid."""

from __future__ import annotations

from .chance import together_elsewhere
from .evidence import Evidence
from .limits import (
    CLEAR,
    LARGEST_UNCERTAINTY,
    LEAST_LIKE,
    LEAST_PART,
    LIKE,
    MINOR,
    RIGHT,
    WRONG,
)
from .rival import Rival
from .second_motion import SecondMotion
from .wording import counted, told_of_colours


def is_minor(second: SecondMotion, ecc: float) -> bool:
    """Tell whether so little moves otherwise, as shadows do, that the first motion is meant.

    That one explains more than half of what is seen, by its edges and by its brightness.
    """
    return second.share < MINOR * second.first and 2 * min(second.first, abs(ecc)) > 1


def why_two_motions(evidence: Evidence) -> str | None:
    """Say why nobody can know which of two motions is meant, or None if it is clear."""
    if evidence.still > evidence.fine.agreeing:
        return (
            f"{counted(evidence.fine)}, but {evidence.still} others fit best where they were "
            "before anything moved."
        )
    second, motion, shape = evidence.second, evidence.motion, evidence.shape
    still = evidence.lies_still(WRONG)
    # Marks that outshine the rest have most tiles, but not all that is seen. So have hot pixels,
    # between which tiles show what moved: not, as those of a car that passes, with neighbours.
    doubted = still and evidence.alike and evidence.fine.share < CLEAR
    if doubted and abs(evidence.ecc) > LIKE and evidence.fine.share >= LEAST_LIKE:
        doubted = together_elsewhere(evidence.fine) > 2 * evidence.pattern.displaced
    if doubted:
        return f"Only {counted(evidence.fine)}, and what lies still may belong to the camera."
    displaced = evidence.pattern.displaced
    if still and evidence.alike and displaced > LEAST_PART * evidence.fine.tested:
        return f"What lies still may belong to the camera: {displaced} tiles moved alike."
    if second is None or second.spread < LEAST_PART:
        return None
    if still:
        return (
            "What lies still may belong to the camera: something else that is seen moved by "
            f"about {second.distance:.0f} px."
        )
    if second.is_still(motion, shape):
        return None
    # Of what is another motion's, such as shadows, two tiles in three are not. What is over most
    # of it all may be a scene below shadows, unless it has its like and no tile, as what repeats.
    chance = not second.alone and not evidence.shows_still
    minor = is_minor(second, evidence.ecc) and (second.spread < 0.5 or chance)
    apart = minor or not second.is_everywhere
    if apart and evidence.fine.share >= LEAST_LIKE:
        return None
    return (
        "Two motions are seen: a part of what is seen lies about "
        f"{second.distance:.0f} px from where the rest puts it."
    )


def may_be_camera(evidence: Evidence) -> bool:
    """Tell whether what lies still, of two motions, may be the camera's.

    Not what is seen from afar as well, which dust and hot pixels are not.
    """
    still = evidence.lies_still(WRONG)
    far = evidence.wide.radius > evidence.fine.radius and evidence.wide.share > LEAST_LIKE
    return evidence.still > evidence.fine.agreeing or (still and not far)


def why_beside(evidence: Evidence) -> str | None:
    """Say why the images lie, or may lie, beside where they were laid."""
    return _why_two_fields(evidence) or _why_held(evidence) or _why_whole_beside(evidence)


def _why_two_fields(evidence: Evidence) -> str | None:
    if evidence.fields > WRONG:
        return (
            f"Every other line of one image is displaced by about {evidence.fields:.0f} px, as "
            "where it was scanned there and back: it lies on the mean of the two."
        )
    return None


def _why_held(evidence: Evidence) -> str | None:
    if not evidence.lines:
        return None
    return (
        "Lines that lie still may belong to the camera: without whole rows or columns, the images "
        f"fit better {evidence.lines:.1f} px from there."
    )


def _why_whole_beside(evidence: Evidence) -> str | None:
    """Say if the whole of a coarse level does not lie where fine detail puts it.

    A raster, or another fine pattern that both images have, holds them a period of it off. Where
    there are two motions, the whole lies between them.
    """
    whole, second = evidence.whole, evidence.second
    between = evidence.shows_still or (
        second is not None
        and (
            not (is_minor(second, evidence.ecc) and second.is_everywhere)
            or second.is_still(evidence.motion, evidence.shape)
        )
    )
    least = evidence.exactness * LARGEST_UNCERTAINTY
    # What is no more than that is less beyond doubt.
    if whole.offset > least and whole.clear_offset > least and not between:
        return (
            f"The fine detail fits, but the images as a whole fit better {whole.clear_offset:.1f} "
            "px from where it puts them."
        )
    if evidence.colours_apart > WRONG:
        return told_of_colours(evidence.colours_apart)
    if evidence.levels_apart > evidence.exactness * RIGHT and not between:
        return f"Fine and coarse detail lie {evidence.levels_apart:.1f} px apart."
    return None


def why_turned(turned: Rival) -> str | None:
    """Say if the images fit as well turned or enlarged."""
    if turned.is_like(LIKE):
        return "The images fit almost as well when one is turned or enlarged."
    return None
