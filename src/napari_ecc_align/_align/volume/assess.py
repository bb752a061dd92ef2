"""From an estimate of a volume's motion to a result: what tiles say of it, and the verdict."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from math import hypot

import numpy as np

from ..._transform.models import Array
from ..._verdict.chance import ALPHA, ALPHA_DOUBTFUL, binomial_tail
from ..._verdict.limits import (
    LARGEST_UNCERTAINTY,
    LEAST_AGREEING,
    LEAST_LIKE,
    LEAST_PART,
    LEAST_SHARE,
    LIKE,
    MINOR,
    TIMES_LEFT,
    WRONG,
)
from ..._verdict.refusals import LARGEST_STRETCH
from ..._verdict.result import GIVEN
from ..._verdict.verdict import Verdict
from .levels import VolumeLevel
from .motion import corners, inverse, mapped, scaled
from .refine import RefinedVolume, VolumeRefiner
from .residuals import residuals_of
from .result import VolumeAlignment
from .rivals import place_rival, turned_rival
from .search import overlap_share, shared_box
from .second_motion import left_twice, second_motion
from .sufficiency import freer_shift
from .tiles import TileMatcher, VolumeTiles
from .transform import VolumeTransform

# How likely tiles of a coarse level may agree by chance where finer levels are worth the time.
_LIKELY = 0.05
# What no statistics of one pair show: sampling, in px, as in two dimensions.
_BIAS = 0.01


@dataclass(frozen=True, eq=False)
class Judged:
    """A verdict, its reason and the tiles it was made of."""

    verdict: Verdict
    reason: str
    tiles: VolumeTiles | None = None


def assessed(
    refiner: VolumeRefiner, found: RefinedVolume, before: Array, start: str
) -> VolumeAlignment:
    """Return the result that an estimate amounts to.

    Parameters
    ----------
    refiner : VolumeRefiner
    found : RefinedVolume
    before : (4, 4) array
        How the volumes lay before.
    start : str
    """
    level = refiner.reference[0]
    unit = level.frame.unit
    solution = found.solution
    overlap = overlap_share(level.shape, refiner.moving[0].shape, found.matrix)
    along = _along_axes(refiner, found, level.frame.corners) * unit
    judged = _judged(refiner, found, before, overlap)
    bent = np.zeros(3)
    # Of a matrix that was given tiles say how far that lies off.
    if judged.tiles is not None and start != GIVEN:
        bent = residuals_of(judged.tiles, level.spacing).bent * level.spacing
    turned = np.eye(4)[[2, 1, 0, 3]]
    return VolumeAlignment(
        VolumeTransform(turned @ found.matrix @ turned, refiner.model.name),
        judged.verdict,
        judged.reason,
        level.shape,
        tuple(level.spacing.tolist()),
        ecc=float(np.nan_to_num(abs(solution.ecc))),
        inverted=solution.gain < 0,
        overlap_fraction=overlap,
        corner_uncertainty=hypot(found.uncertainty * unit, _BIAS * unit, *bent.tolist()),
        axis_uncertainty=tuple(np.hypot(along, bent)[::-1].tolist()),
        iterations=solution.iterations,
        converged=solution.converged,
        start=start,
        tiles=judged.tiles,
    )


def _along_axes(refiner: VolumeRefiner, found: RefinedVolume, points: Array) -> Array:
    """Return one sigma at voxels (n, 3) of level 0 along each axis, RMS, in px of level 0."""
    covariance = found.solution.covariance
    if not np.isfinite(covariance).all():
        return np.full(3, np.inf)
    motion, level = refiner.motion(found.level), refiner.reference[found.level]
    local = scaled(found.matrix, refiner.moving[found.level].step, level.step)
    jacobian = motion.jacobian(local, points / level.step)
    variances = np.einsum("ij,jk,ik->i", jacobian, covariance, jacobian).reshape(-1, 3)
    factor = level.frame.unit / refiner.reference[0].frame.unit
    return np.asarray(np.hypot(np.sqrt(variances.mean(axis=0)) * factor, _BIAS / np.sqrt(3)))


def is_likely(refiner: VolumeRefiner, found: RefinedVolume) -> bool:
    """Tell whether tiles of the level that a transform comes from speak for it, or cannot tell."""
    if found.level == 0 or not np.isfinite(found.solution.ecc):
        return found.level == 0
    inverted = found.solution.gain < 0
    pair = refiner.reference, refiner.moving, found.level
    matcher = TileMatcher(*pair, found.matrix, inverted=inverted, asked=refiner.asked)
    tiles = matcher.asked(found.matrix)
    if tiles.tested < LEAST_AGREEING:
        return True
    return p_value(tiles, 0) < _LIKELY


def _judged(refiner: VolumeRefiner, found: RefinedVolume, before: Array, overlap: float) -> Judged:
    reference, moving = refiner.reference, refiner.moving
    back = overlap_share(moving[0].shape, reference[0].shape, inverse(found.matrix))
    why = _why_implausible(reference[0], moving[0], found.matrix)
    if not why and max(overlap, back) < LEAST_PART:
        why = f"Only {overlap:.0%} of the reference is covered."
    if not why and not np.isfinite(found.solution.ecc):
        why = "The volumes share too little to be compared."
    if why:
        return Judged("failed", why)
    inverted = found.solution.gain < 0
    matcher = TileMatcher(
        reference, moving, 0, found.matrix, inverted=inverted, asked=refiner.asked
    )
    tiles = matcher.with_sampled_chance(matcher.asked(found.matrix), found.matrix)
    verdict, why = _said(refiner, found, before, tiles, matcher)
    return Judged(verdict, why, tiles)


def _why_implausible(own: VolumeLevel, other: VolumeLevel, matrix: Array) -> str | None:
    """Return why no two volumes of one thing are related by a matrix, or None if they may be."""
    linear = other.spacing[:, None] * matrix[:3, :3] / own.spacing
    if not np.linalg.det(linear) > 0:
        return "The transform found would mirror the volume."
    sizes = np.linalg.svd(linear, compute_uv=False)
    if sizes[0] > LARGEST_STRETCH or sizes[2] < 1 / LARGEST_STRETCH:
        return (
            f"The transform found stretches the volume by {sizes[0]:.2g} and {sizes[2]:.2g}, "
            "which no two volumes of one thing need."
        )
    return None


def _said(
    refiner: VolumeRefiner,
    found: RefinedVolume,
    before: Array,
    tiles: VolumeTiles,
    matcher: TileMatcher,
) -> tuple[Verdict, str]:
    reference = refiner.reference[0]
    counted = _counted(tiles)
    ecc = abs(found.solution.ecc)
    if tiles.tested < LEAST_AGREEING:
        if ecc > LIKE:
            return "doubtful", f"There is too little detail to be sure (ECC {ecc:.3f})."
        return "failed", "There is too little detail in the overlap to tell."
    chance = p_value(tiles, refiner.model.n_parameters)
    if chance > ALPHA_DOUBTFUL or tiles.agreeing < LEAST_AGREEING:
        return "failed", (
            f"Only {counted} (ECC {ecc:.2f}): the volumes do not seem to show one thing, or the "
            "alignment is wrong."
        )
    why = (
        _why_ambiguous(refiner, found, tiles)
        or _why_inexact(refiner, found, tiles)
        or _why_two_motions(refiner, found, before, tiles, matcher)
    )
    if why:
        return "doubtful", why
    if chance > ALPHA or tiles.share < LEAST_LIKE:
        return "doubtful", f"Only {counted}; elsewhere the volumes differ."
    said = f"{counted}, with ECC {ecc:.3f}."
    at_corners = _along_axes(refiner, found, reference.frame.corners)
    if _in_voxels(refiner, at_corners) > LARGEST_UNCERTAINTY:
        known = found.uncertainty * reference.frame.unit
        said += f" The corners are known to {known:.2g}: they lie far from what both volumes show."
    return "aligned", said


def _in_voxels(refiner: VolumeRefiner, along: Array) -> float:
    """Return one sigma of which those along each axis are given in px.

    Planes that lie far apart are known less exactly, but not less of the way between two.
    """
    unit = refiner.reference[0].frame.unit
    return float(np.linalg.norm(along * unit / refiner.moving[0].spacing))


def _counted(tiles: VolumeTiles) -> str:
    counted = f"{tiles.agreeing} of {tiles.tested} tiles fit best where they lie"
    telling = int(tiles.telling.sum())
    if telling == tiles.tested:
        return counted
    agreeing = int(tiles.agree[tiles.telling].sum())
    return f"{counted}, {agreeing} of the {telling} with most detail"


def p_value(tiles: VolumeTiles, n_parameters: int) -> float:
    """Return how likely it is that as many tiles agree by chance: a binomial tail.

    Of all or of the telling ones, whichever say more. A motion can be laid through a third as many
    tiles as it has parameters, whatever they show.
    """
    laid = n_parameters // 3
    return min(
        2 * binomial_tail(max(0, tested - laid), agreeing - laid, tiles.chance)
        for tested, agreeing in (
            (tiles.tested, tiles.agreeing),
            (int(tiles.telling.sum()), int(tiles.agree[tiles.telling].sum())),
        )
    )


def _why_ambiguous(refiner: VolumeRefiner, found: RefinedVolume, tiles: VolumeTiles) -> str | None:
    refiner.asked()
    places = place_rival(refiner.reference, refiner.moving, found.matrix)
    if places > 1:
        return "The volumes fit better at another place."
    largest = min(LIKE, LEAST_LIKE + tiles.share / 3)
    if tiles.rival > LIKE or places > largest:
        return (
            "The volumes repeat: another place fits almost as well "
            f"({max(tiles.rival, places):.0%} of the correlation)."
        )
    inverted = found.solution.gain < 0
    if turned_rival(refiner, found.matrix, inverted=inverted).is_like(LIKE):
        return "The volumes fit almost as well when one is turned."
    return None


def _why_inexact(refiner: VolumeRefiner, found: RefinedVolume, tiles: VolumeTiles) -> str | None:
    level = refiner.reference[0]
    unit = level.frame.unit
    refiner.asked()
    shift, known = freer_shift(tiles, refiner.model.name)
    if shift > 3 * known and np.hypot(shift, known) > LARGEST_UNCERTAINTY * unit:
        freer = "a smooth field" if refiner.model.name == "affine" else "a freer one"
        moved = f"{freer} would move the tiles by {shift:.2g} (RMS)."
        return f"The motion model does not suffice: {moved}"
    box = shared_box(level.shape, refiner.moving[0].shape, found.matrix)
    along = _along_axes(refiner, found, box)
    uncertain = _in_voxels(refiner, along)
    why = residuals_of(tiles, level.spacing).why_in_parts(tiles.agreeing, uncertain)
    if why or uncertain <= LARGEST_UNCERTAINTY:
        return why
    sigma = float(np.linalg.norm(along)) * unit
    if not np.isfinite(sigma):
        return "There is too little detail to know the motion in all directions."
    axis = int(np.argmax(along))
    return (
        f"There is too little detail to say more exactly than to {sigma:.2g}, most of it "
        f"along {'zyx'[axis]}."
    )


def _why_two_motions(
    refiner: VolumeRefiner,
    found: RefinedVolume,
    before: Array,
    tiles: VolumeTiles,
    matcher: TileMatcher,
) -> str | None:
    level = refiner.reference[0]
    ends = corners(level.shape)
    moved = (mapped(found.matrix, ends) - mapped(before, ends)) * refiner.moving[0].spacing
    distance = float(np.linalg.norm(moved, axis=1).mean())
    still = distance <= WRONG * level.frame.unit
    refiner.asked()
    counted = _counted(tiles)
    if still and tiles.share < LEAST_LIKE:
        return f"Only {counted}, and what lies still may belong to the camera."
    if distance > 2 * tiles.radius and tiles.agreeing < LEAST_LIKE * tiles.tested:
        there = matcher.asked(before)
        if there.agreeing > MINOR * tiles.agreeing:
            return (
                f"{counted}, but {there.agreeing} of {there.tested} where they were before "
                "anything moved."
            )
    if tiles.clear and TIMES_LEFT * (1 - abs(found.solution.ecc)) < LEAST_SHARE:
        # Nothing is left that could be another motion.
        return None
    together = _largest_group(tiles)
    if together > max(2, MINOR * tiles.agreeing):
        return (
            f"A part of the volumes moved otherwise than the rest: {together} tiles fit best at a "
            "common other place."
        )
    asked = partial(
        second_motion, refiner.reference, refiner.moving, inverted=found.solution.gain < 0
    )
    refiner.asked()
    # Where nothing was interpolated, noise alone is left.
    second = asked(before, of_rest=True) or asked(before) if still else asked(found.matrix)
    moved_by = second.distance if second else None
    if still and moved_by is None:
        moved_by = left_twice(refiner.reference, refiner.moving, before)
    if still and moved_by is not None:
        return (
            "What lies still may belong to the camera: something else that is seen moved by "
            f"about {moved_by:.2g}."
        )
    if second and (second.is_everywhere or tiles.agreeing < LEAST_LIKE * tiles.tested):
        return (
            "Two motions are seen: a part of what is seen lies about "
            f"{second.distance:.2g} from where the rest puts it."
        )
    return None


def _largest_group(tiles: VolumeTiles) -> int:
    """Return how many of the tiles that clearly fit elsewhere share a displacement."""
    moved = tiles.displacements[(tiles.fits > tiles.clear_fit) & ~tiles.agree, 3:]
    if not len(moved):
        return 0
    apart = np.linalg.norm(moved[:, None] - moved[None], axis=2)
    return int((apart <= tiles.radius).sum(axis=1).max())
