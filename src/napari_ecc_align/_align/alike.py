"""What an estimate amounts to, with images made alike where they differ in tone or sharpness."""

from __future__ import annotations

from dataclasses import replace
from math import inf

import numpy as np

from .._ecc.appearance import Appearance, made_alike, measured_appearance
from .._ecc.estimate import Estimate
from .._ecc.options import SearchOptions
from .._ecc.refine import Refiner
from .._ecc.refined_from import refined_from
from .._ecc.tones import CLEARLY_LESS
from .._images.pyramid.levels import InSteps
from .._images.pyramid.pair import Pyramids
from .._images.pyramid.windows import OnDemand
from .._transform.matrices import MOTION_MODELS, MotionModel
from .._transform.models import MODELS, frame_of
from .._verdict.chance import ALPHA, p_value
from .._verdict.finding import Judged
from .._verdict.limits import MINOR
from .._verdict.pair_tiles import first_tiles
from .._verdict.rules import is_inexact, is_shown
from .._verdict.sampling import sampled_ecc
from .model_choice import assessed
from .options import Job

# px at the corners. Scans of pages, black and white ones too, are known to 0.04 as they are, and
# what a blur or light hides to more; looking takes as long as aligning an easy pair.
_INEXACT = 0.05
# What is known better than asked for, but for so much, is left alone even where a model is chosen,
# which takes all exactness there is.
_BUT_FOR = 1.1
_ROUNDS = 3
# Models from which on a motion is stiff: it has no freedom that uneven light looks like.
_STIFF = MOTION_MODELS.index("affine")


def assessed_alike(
    job: Job, pyramids: Pyramids, estimate: Estimate, searched: MotionModel
) -> InSteps[Judged]:
    """Return what an estimate amounts to, as `assessed`.

    Where it is not known well, and the images differ in tone or sharpness, it is refined and
    judged with images made alike, if that makes it clearly more exact.
    """
    asked = pyramids, estimate, job.options, job.initial, searched
    judged = (
        (yield from _assessed_settled(job, pyramids, estimate, searched))
        if estimate.converged
        else None
    )
    if judged is not None and (judged.result.verdict != "doubtful" or judged.result.placed):
        return judged
    stiffer = yield from _stiffer(pyramids, estimate, replace(job.options, model=searched))
    alike = stiffer and (yield from _judged_alike(job, pyramids, stiffer, searched))
    return alike or judged or (yield from assessed(*asked))


def _assessed_settled(
    job: Job, pyramids: Pyramids, estimate: Estimate, searched: MotionModel
) -> InSteps[Judged]:
    asked = pyramids, estimate, job.options, job.initial, searched
    if estimate.representation != "orientation":
        as_it_is = (yield from assessed(*asked)) if _bends(estimate, searched) else None
        # Where the place is sure and the motion bends, no light or blur hides a better one; where
        # hardly a tile fits, neither is what keeps them from it.
        if as_it_is is not None and (as_it_is.result.placed or not is_shown(as_it_is.evidence)):
            return as_it_is
        alike = yield from _judged_alike(job, pyramids, estimate, searched)
        return alike or as_it_is or (yield from assessed(*asked))
    edges = yield from assessed(*asked)
    if not edges.result.aligned or job.options.representation == "orientation":
        return edges
    alike = yield from _judged_alike(job, pyramids, estimate, searched)
    # Of a narrower model, edges may know more than values do of the freest.
    if alike is None or not alike.result.corner_uncertainty < edges.result.corner_uncertainty:
        return edges
    # Who looks at the images sees two kinds, and the place was believed for what edges said.
    reason = f"By the direction of edges, then by values: {alike.result.reason}"
    result = replace(alike.result, representation="orientation", reason=reason)
    return replace(edges, result=result, estimate=alike.estimate)


def _stiffer(
    pyramids: Pyramids, estimate: Estimate, options: SearchOptions
) -> InSteps[Estimate | None]:
    """Return what a stiffer model settles on from where an estimate lies, None if nothing.

    What is free follows uneven light until hardly anything is seen of both; what is stiff cannot.
    How exactly it is known is left to the estimate, if that has settled.
    """
    asked_for = MOTION_MODELS.index(options.freest)
    by_values = options.representation in ("auto", "intensity")
    if not (by_values and _is_comparable(pyramids, estimate)):
        return None
    begun = replace(estimate, converged=True, representation="intensity")
    middle = frame_of(pyramids.reference[0].shape).centre
    for model in reversed(MOTION_MODELS[: min(asked_for, _STIFF)]):
        stiff = replace(options, model=model)
        start = MODELS[model].project(estimate.matrix, middle)
        refiner = Refiner(pyramids.reference, pyramids.moving, stiff)
        coarse = yield from refiner.polished(start, patient=False)
        there = replace(begun, matrix=coarse.matrix, inverted=coarse.solution.gain < 0)
        # Of what lies elsewhere, nothing is learned, and the rest takes long.
        if not (coarse.solution.converged and _fits(pyramids, there)):
            continue
        found = yield from refined_from(
            pyramids.reference, pyramids.moving, stiff, begun, coarse.matrix
        )
        if found.converged:
            known = estimate.corner_uncertainty if estimate.converged else inf
            return replace(found, corner_uncertainty=known)
    return None


def _fits(pyramids: Pyramids, estimate: Estimate) -> bool:
    """Tell whether a good part of the tiles fits where an estimate lays two images, not by chance.

    As light hides detail, that need not be most of them.
    """
    tiles = first_tiles(pyramids, estimate)[1]
    return tiles.share > MINOR and p_value(tiles, None) <= ALPHA


def _bends(estimate: Estimate, searched: MotionModel) -> bool:
    """Tell whether tiles lie clearly elsewhere than where a model puts them that may be freer.

    Of a homography, what is hardly known goes astray like this as well.
    """
    return estimate.refined is not None and estimate.refined.deformed and searched != "homography"


def _judged_alike(
    job: Job, pyramids: Pyramids, estimate: Estimate, searched: MotionModel
) -> InSteps[Judged | None]:
    """Return what comes of images made alike, None where they are not aligned more exactly.

    Unless they show that nothing narrower than what is known too little may be chosen.
    """
    options = job.options
    by_edges = estimate.representation == "orientation"
    best: tuple[Pyramids, Estimate, Appearance] | None = None
    reached = estimate
    # Where the images lie better on each other, it is better known how they differ.
    for _ in range(_ROUNDS):
        if not _is_worth_it(pyramids, reached, options):
            break
        yield
        looks = measured_appearance(
            pyramids.reference, pyramids.moving, reached.matrix, two_kinds=_may_be_off(estimate)
        )
        yield
        if looks is None or not looks.differs:
            break
        # What is known well, or by edges, is not known better for light or blur.
        known = reached.corner_uncertainty <= _INEXACT and not _asks_for_all(reached, options)
        if (by_edges and not looks.retoned) or (known and not looks.is_learned):
            break
        asked = replace(options, model=searched)
        alike, refined = yield from _refined_alike(pyramids, reached, asked, looks)
        if not refined.corner_uncertainty < CLEARLY_LESS * reached.corner_uncertainty:
            break
        best, reached = (alike, refined, looks), refined
    if best is None:
        return None
    alike, refined, looks = best
    judged = yield from assessed(alike, refined, options, job.initial, searched)
    if not judged.result.aligned and not _contradicts(judged):
        return None
    return _of_images_as_they_are(judged, pyramids, looks)


def _contradicts(judged: Judged) -> bool:
    """Tell whether a place is sure, but not how exactly, that contradicts all narrower models.

    Of images as they are, which are known less, none would be contradicted.
    """
    evidence = judged.evidence
    return judged.result.placed and evidence is not None and is_inexact(evidence)


def _is_worth_it(pyramids: Pyramids, estimate: Estimate, options: SearchOptions) -> bool:
    """Tell whether it may matter how two images differ in tone and sharpness."""
    enough = _BUT_FOR * options.precision
    if not (_asks_for_all(estimate, options) or _may_be_off(estimate)):
        enough = max(enough, _INEXACT)
    if estimate.corner_uncertainty <= enough:
        return False
    # How two images differ is seen where they lie on each other.
    if not estimate.converged:
        return False
    return _is_comparable(pyramids, estimate)


def _is_comparable(pyramids: Pyramids, estimate: Estimate) -> bool:
    """Tell whether it can be seen how pixels differ where an estimate lays two images."""
    if estimate.representation == "gradient":
        return False
    # What is read where it is looked at has pixels enough.
    levels = *pyramids.reference, *pyramids.moving
    lazy = any(isinstance(level.image, OnDemand) for level in levels)
    return not lazy and bool(np.isfinite(estimate.matrix).all())


def _asks_for_all(estimate: Estimate, options: SearchOptions) -> bool:
    """Tell whether what is known well is worth being known better.

    Where a model is chosen; and where tiles disagree by more than noise: what makes them, such as
    light from one side, moves them together as well, by several times as much as they scatter.
    """
    refined = estimate.refined
    return options.model == "auto" or (refined is not None and refined.scattered)


def _may_be_off(estimate: Estimate) -> bool:
    """Tell whether all of an image may be off by more than its tiles tell.

    Where one's values fold the other's, edges do not lie on edges, and what is left is no noise.
    """
    refined = estimate.refined
    folded = refined is not None and refined.folded
    return folded or estimate.representation == "orientation"


def may_be_more_exact(judged: Judged) -> bool:
    """Tell whether brightness is inexact for more than noise: edges may be more exact."""
    refined, by_values = judged.estimate.refined, judged.result.representation == "intensity"
    scattered = refined is not None and refined.scattered
    return by_values and scattered and judged.estimate.corner_uncertainty > _INEXACT


def _refined_alike(
    pyramids: Pyramids, estimate: Estimate, options: SearchOptions, looks: Appearance
) -> InSteps[tuple[Pyramids, Estimate]]:
    reference, moving = yield from made_alike(
        pyramids.reference, pyramids.moving, looks, estimate.matrix
    )
    by_values = replace(estimate, representation="intensity")
    refined = yield from refined_from(reference, moving, options, by_values, estimate.matrix)
    return replace(pyramids, reference=reference, moving=moving), refined


def _of_images_as_they_are(judged: Judged, pyramids: Pyramids, looks: Appearance) -> Judged:
    """Return a judgement with the correlation of the images themselves, and what was done."""
    result = judged.result
    matrices = [np.asarray(result.transform.matrix), pyramids.unmoved]
    sampled = sampled_ecc(pyramids.reference[0], pyramids.moving[0], matrices)
    sign = -1 if result.inverted else 1
    ecc, before = (sign * one for one in sampled)
    reason = f"{result.reason} {_sentence(looks)}"
    return replace(judged, result=replace(result, ecc=ecc, ecc_before=before, reason=reason))


def _sentence(looks: Appearance) -> str:
    which = "the reference" if looks.blur > 0 else "the moving image"
    done = []
    if looks.blur:
        done.append(f"{which} blurred by {np.sqrt(abs(looks.blur)):.1f} px")
    if looks.tones is not None:
        done.append("the moving image's tones fitted to the reference's")
    if looks.own_tones is not None:
        done.append("the reference's tones fitted to the moving image's")
    return f"Compared with {' and '.join(done)}."
