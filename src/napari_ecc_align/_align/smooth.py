"""Aligning a pair by a smooth field, after a global motion."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from dataclasses import replace

import numpy as np

from .._common.errors import InputError
from .._common.one_thread import in_one_thread
from .._common.steps import outcome_of, retold
from .._ecc.estimate import Estimate
from .._ecc.estimator import estimate_steps
from .._ecc.options import SearchOptions
from .._ecc.refine import Refiner
from .._images.pyramid.levels import Level
from .._images.pyramid.pair import Pyramids, make_pyramids
from .._transform.coordinates import scaled
from .._transform.field import Field
from .._transform.transform import Transform
from .._verdict.field_result import SmoothAlignment
from .._verdict.limits import LIKE
from .._verdict.verdict import VERDICTS
from .bent import Array, Bent, bent_steps, is_placed, nothing
from .cancelling import CANCELLED, Cancelled
from .counted_part import counted_sources
from .foretold import Foretold
from .given_field import judged_by
from .options import Job
from .progress import Progress

_LEAST_STIFF = 4.0
# The global motion is looked for on a level of so many pixels at most, and no more exactly (px of
# it): the field does the rest. What is too fine to be seen there is looked for on a level of more.
_ROUGH_PIXELS, _GLOBAL_PIXELS, _ROUGH = 20_000, 80_000, 0.2
# A field is like that of another frame if it bends within so many times as far for what is
# expected, in squares, and is told of on so much of what that is told of on.
_MORE, _AS_MUCH = 2.0, 0.9
# Splines as close as the width asks for take memory by the square of their number along the
# length: half a gigabyte of a strip so many times as long as wide.
_LONGEST = 50


def check_stiffness(stiffness: object, *, bending: bool) -> None:
    """Raise `InputError` for a stiffness that a smooth field, or all else, cannot have."""
    if not bending:
        if stiffness is not None:
            raise InputError("stiffness is an option of model='smooth'")
        return
    number = isinstance(stiffness, int | float | np.number) and not isinstance(stiffness, bool)
    if stiffness is not None and not (number and _LEAST_STIFF <= float(stiffness) < np.inf):  # type: ignore[arg-type]
        raise InputError(
            f"stiffness must be a number of pixels, {_LEAST_STIFF:g} or more, not {stiffness!r}"
        )


def smooth_result(
    job: Job,
    stiffness: float | None,
    progress: Callable[[Progress], object] | None,
    cancel: Callable[[], bool] | None,
) -> SmoothAlignment:
    """Align what a job says by a field, telling and asking the caller after each step."""

    def tell(step: Progress) -> None:
        if progress is not None:
            progress(step)
        if cancel is not None and cancel():
            raise Cancelled(step.transform)

    try:
        return outcome_of(smooth_steps(job, stiffness), tell)
    except Cancelled:
        return nothing(job.shape, "cancelled", CANCELLED)


class FieldFollower:
    """What the field of one frame of a film foretells of the next, all aligned to one image.

    Parameters
    ----------
    basis : Foretold, optional
        By the last frame of which nothing was foretold.
    """

    def __init__(self, basis: Foretold | None = None) -> None:
        self.basis = basis

    def keep(self, found: Bent) -> None:
        """Remember what was found of a frame of which nothing was foretold.

        A frame says to a step how it bends; of two alike the stiffer one bends nowhere in vain.
        """
        before, field, result = self.basis, found.field, found.result
        prior = field.prior
        sure = before is not None and before.expected.prior.is_like(prior)
        if before is not None and sure and before.expected.prior.stiffness > prior.stiffness:
            self.basis = replace(before, sure=True)
            return
        self.basis = Foretold(
            sure=sure,
            verdict=result.verdict,
            told_share=found.told_share,
            bends=result.bends,
            representation=found.motion.representation,
            inverted=found.motion.inverted,
            energy=field.energy,
            expected=field.expected,
            halves=[half.expected.counting_as(field.expected) for half in found.halves.fields],
            judged=found.judged,
        )


def smooth_steps(
    job: Job, stiffness: float | None = None, follower: FieldFollower | None = None
) -> Generator[Progress, None, SmoothAlignment]:
    """Align by a field, one step at a time: yields `Progress`, returns the result."""
    as_float = None if stiffness is None else float(stiffness)
    return in_one_thread(_steps(job, as_float, follower))


def _steps(
    job: Job, stiffness: float | None, follower: FieldFollower | None
) -> Generator[Progress, None, SmoothAlignment]:
    began = time.perf_counter()
    job = counted_sources(job)
    steps = make_pyramids(job.reference, job.moving, np.eye(3))
    pyramids = yield from retold(steps, lambda _: Progress(0.0, "preparing the images"))
    if flaw := pyramids.flaw or _why_too_long(job.shape):
        return nothing(job.shape, "failed", flaw)
    best = None
    if job.moving.shape[:2] != job.shape:
        # On other levels, perhaps.
        follower = None
    before = follower.basis if follower is not None else None
    if before is not None and before.sure and job.initial is not None:
        best = yield from _followed(job, pyramids, before)
    if best is None:
        best = yield from _searched(job, pyramids, stiffness)
        if follower is not None and is_placed(best.result):
            follower.keep(best)
    yield Progress(1.0, "done", Transform(best.result.transform.matrix))
    return replace(best.result, seconds=time.perf_counter() - began)


def _why_too_long(shape: tuple[int, ...]) -> str:
    """Say why no field is looked for in a strip; "" if one is."""
    times = max(shape[:2]) / min(shape[:2])
    if times <= _LONGEST:
        return ""
    return (
        f"The reference is {times:,.0f} times as long as wide; a field is looked for in images of "
        f"at most {_LONGEST} times. Cut it into parts, or choose a model that does not bend."
    )


def _searched(
    job: Job, pyramids: Pyramids, stiffness: float | None
) -> Generator[Progress, None, Bent]:
    """Return the best field after all global motions that were found."""
    found: list[Bent] = []
    coarse = (pyramids.index_below(pixels) for pixels in (_ROUGH_PIXELS, _GLOBAL_PIXELS))
    # What is too fine to be seen on coarse levels is looked for on all of them.
    for index in sorted({*coarse, 0}, reverse=True):
        found += yield from _from_level(job, pyramids, index, stiffness)
        if any(is_placed(one.result) for one in found):
            break
    return max(found, key=lambda one: (VERDICTS.index(one.result.verdict), one.result.known_share))


def _followed(
    job: Job, pyramids: Pyramids, before: Foretold
) -> Generator[Progress, None, Bent | None]:
    """Bend as another frame foretells, from a global motion nearby; None if a doubt is left."""
    assert job.initial is not None
    index = pyramids.index_below(_ROUGH_PIXELS)
    options, seen_by = _roughly(job), before.representation
    reference, moving = _levels_from(pyramids, index)
    refiner = Refiner(reference, moving, options, representation=seen_by, follows=True)
    steps = refiner.polished(scaled(job.initial, 2.0**-index), patient=False)
    refined = yield from retold(steps, lambda _: Progress(0.3, "initial"))
    count = options.motion.n_parameters
    found = Estimate.of(refined, count, start="initial", representation=seen_by)
    inverted, matrix = before.inverted, scaled(found.matrix, 2.0**index)
    motion = replace(found, matrix=matrix, inverted=inverted)
    bent = yield from bent_steps(job, pyramids, motion, None, before)
    result = bent.result
    settled = (
        is_placed(result)
        and VERDICTS.index(result.verdict) >= VERDICTS.index(before.verdict)
        and before.energy / _MORE <= bent.field.energy <= _MORE * before.energy
        and bent.told_share >= _AS_MUCH * before.told_share
    )
    return bent if settled else None


def _roughly(job: Job) -> SearchOptions:
    """Return what is asked of a global motion after which a field does the rest."""
    return replace(job.options, model="affine", precision=max(_ROUGH, job.options.precision))


def _levels_from(pyramids: Pyramids, index: int) -> list[list[Level]]:
    """Return both pyramids from a level on, as if that were the finest."""
    return [
        [replace(one, index=one.index - index) for one in part[index:]]
        for part in (pyramids.reference, pyramids.moving)
    ]


def _from_level(
    job: Job, pyramids: Pyramids, index: int, stiffness: float | None
) -> Generator[Progress, None, list[Bent]]:
    """Return the fields after global motions that were found on a level."""
    options = _roughly(job)
    results: list[Bent] = []
    tried: list[Array] = []

    def bent(estimate: Estimate) -> Generator[Progress, None, Bent]:
        tried.append(estimate.matrix)
        whole = replace(estimate, matrix=scaled(estimate.matrix, 2.0**index))
        return bent_steps(job, pyramids, whole, stiffness)

    def accept(estimate: Estimate) -> Generator[Progress, None, bool]:
        found = yield from bent(estimate)
        if estimate.representation == "orientation" and abs(found.result.ecc) > LIKE:
            # What brightness says as well it says more exactly, and of both polarities.
            inverted = found.result.ecc < 0
            bright = replace(estimate, representation="intensity", inverted=inverted)
            again = yield from bent(bright)
            found = again if again.result.aligned else found
        results.append(found)
        return is_placed(found.result)

    initial = None if job.initial is None else scaled(job.initial, 2.0**-index)
    reference, moving = _levels_from(pyramids, index)
    looked = estimate_steps(reference, moving, options, initial=initial, accept=accept)
    estimate = yield from retold(looked, lambda step: Progress(0.4, step.stage))
    if not any(one is estimate.matrix for one in tried):
        results.append((yield from bent(estimate)))
    return results


def judged_field(
    job: Job,
    field: Field,
    progress: Callable[[Progress], object] | None,
    cancel: Callable[[], bool] | None,
) -> SmoothAlignment:
    """Say whether a field lays a pair: how far from it the field lies that the images find."""

    def find(start: Array) -> SmoothAlignment:
        return smooth_result(replace(job, initial=start), None, progress, cancel)

    return judged_by(find, field, job.shape)
