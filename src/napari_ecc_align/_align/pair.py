"""Two images aligned step by step: each start tried and judged until one convinces."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from dataclasses import replace
from functools import cache, partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._common.steps import outcome_of, retold
from .._ecc.estimate import Estimate, Step
from .._ecc.estimator import estimate_steps
from .._ecc.opencv import opencv_steps
from .._ecc.options import DEFAULTS, SearchOptions
from .._images.pyramid.pair import Pyramids, make_pyramids
from .._images.pyramid.representations import Representation
from .._images.sources import ImageLike, LazyArray, LoadedImage, checked_source
from .._transform.matrices import MotionModel
from .._transform.transform import Transform, usable_transform
from .._transform.transform_like import TransformLike
from .._verdict.assess import assess_steps
from .._verdict.finding import Judged
from .._verdict.limits import WRONG
from .._verdict.model_check import colours_apart
from .._verdict.result import AlignmentResult
from .._verdict.rules import is_inexact
from .._verdict.trust import best_known, doubt_rivalled, doubt_surrounded, most_trusted
from .._verdict.wording import told_of_colours
from .alike import assessed_alike
from .by_edges import asked_of_edges, is_placed, refined_by_edges
from .counted_part import CountedPart, counted_part, counted_sources, lazily_counted_part
from .held_parts import parts_by_field, without_held_lines
from .mirrored import aligned_either_way, is_mirrored
from .options import Job, checked_initial
from .progress import Progress
from .region_start import start_in_region

_PACE = 8
_PASSING = 0.2

# The last argument tells whether it is worth it to look for edges that are turned far, and points.
Runner = Callable[
    [Job, Pyramids, Callable[[], bool]], Generator[Progress, None, list[AlignmentResult]]
]


def align_steps(
    reference: ImageLike,
    moving: ImageLike,
    options: SearchOptions = DEFAULTS,
    *,
    reference_mask: ArrayLike | LazyArray | None = None,
    moving_mask: ArrayLike | LazyArray | None = None,
    initial: TransformLike | None = None,
) -> Generator[Progress, None, AlignmentResult]:
    """Align as `align` does, one step at a time.

    For callers with a loop of their own, such as a worker thread. Arguments are checked at once,
    not at the first step.

    Returns
    -------
    generator
        Yields a `Progress` after every step and returns the `AlignmentResult`. Closing it
        cancels the alignment.
    """
    masks = {"reference_mask": reference_mask, "moving_mask": moving_mask}
    return job_steps(checked_job(reference, moving, options, initial=initial, **masks))


def checked_job(
    reference: ImageLike,
    moving: ImageLike,
    options: SearchOptions,
    *,
    reference_mask: ArrayLike | LazyArray | None = None,
    moving_mask: ArrayLike | LazyArray | None = None,
    initial: TransformLike | None = None,
) -> Job:
    """Return the arguments of `align` as a job, or raise `InputError`."""
    # OpenCV's ECC reads every pixel on every iteration.
    whole = options.engine == "opencv"
    return Job(
        checked_source(reference, reference_mask, "reference", whole=whole),
        checked_source(moving, moving_mask, "moving", whole=whole),
        options,
        checked_initial(initial),
    )


def job_steps(job: Job) -> Generator[Progress, None, AlignmentResult]:
    """Align what a job says, one step at a time; as `align_steps`."""
    began = time.perf_counter()
    job = counted_sources(job)
    result = yield from _followed(job)
    if result is None or not result.aligned:
        result = yield from aligned_either_way(job, _as_they_are, _nearby)
    return replace(result, seconds=time.perf_counter() - began)


def _followed(job: Job) -> Generator[Progress, None, AlignmentResult | None]:
    """Follow the frame before as the images are; None if that settles nothing, or is not all."""
    if job.follower is None or job.options.mirrored or is_mirrored(job.initial):
        return None
    sources = job.reference, job.moving
    plain = all(isinstance(one, LoadedImage) and one.mask is None for one in sources)
    if not plain or job.reference.shape[:2] != job.moving.shape[:2]:
        return None
    preparing = Progress(0.0, "preparing the images")
    yield preparing
    pyramids = yield from retold(make_pyramids(*sources, np.eye(3)), lambda _: preparing)
    if pyramids.flaw:
        return None
    steps = job.follower.followed(pyramids, job.options, job.initial)
    return (yield from retold(steps, lambda _: Progress(0.5, "initial")))


def _as_they_are(job: Job) -> Generator[Progress, None, AlignmentResult]:
    """Align sources of which is known what counts; the seconds are left to who called."""
    yield Progress(0.0, "preparing the images")
    start = yield from start_in_region(job, _as_they_are)
    run = _run_pyramid if job.options.engine == "pyramid" else _run_opencv
    started = job if start.matrix is job.initial else replace(job, initial=start.matrix)
    best = yield from best_result(started, run)
    return start.noted_in(best)


def _nearby(job: Job) -> Generator[Progress, None, AlignmentResult]:
    """Align sources from the start of the job alone."""
    return best_result(job, partial(_run_pyramid, nearby=True))


def best_result(job: Job, run: Runner) -> Generator[Progress, None, AlignmentResult]:
    """Run on the parts of both images that count and, if none is aligned, without flat surrounds.

    Returns
    -------
    generator
        Yields `Progress` and returns the result that is to be trusted most.
    """
    results = yield from _results(job, run)
    yield Progress(1.0, "done", results[-1].transform)
    return most_trusted(results)


def _results(job: Job, run: Runner) -> Generator[Progress, None, list[AlignmentResult]]:
    """Return all results that were judged, of the parts of the images that count."""
    part = counted_part(job)
    pyramids = yield from _prepared(part)
    narrower = lazily_counted_part(job, part, pyramids)
    if narrower is not part:
        part, pyramids = narrower, (yield from _prepared(narrower))
    results = yield from retold(_results_of_part(part.job, pyramids, run), part.told)
    given = job.initial is not None
    return [_named(part.of_whole(result), given=given) for result in results]


def _named(result: AlignmentResult, *, given: bool) -> AlignmentResult:
    """Return a result whose start, where nobody has given one, was the identity of the whole."""
    if given or "initial" not in (result.start, *result.timings):
        return result
    timings = dict(result.timings)
    if "initial" in timings:
        timings["identity"] = timings.pop("initial") + timings.get("identity", 0.0)
    start = "identity" if result.start == "initial" else result.start
    return replace(result, start=start, timings=timings)


def _results_of_part(
    job: Job, pyramids: Pyramids, run: Runner
) -> Generator[Progress, None, list[AlignmentResult]]:
    if pyramids.flaw:
        nothing = Transform.identity(job.options.narrowest)
        return [
            AlignmentResult(nothing, "failed", pyramids.flaw, job.shape, engine=job.options.engine)
        ]
    parts = cache(lambda: parts_by_field(job, pyramids))
    # The edge of a surround holds others fast, and has points of its own: what edges and points
    # find farther off is looked for without it.
    results = yield from run(job, pyramids, lambda: parts() is None)
    if any(result.aligned for result in results):
        return results
    inside_and_around = parts()
    if inside_and_around is None:
        return results + (yield from _run_without_lines(job, pyramids, results, run))
    # Lines of the camera are looked for there, too: outside, the edge of a surround makes some.
    results += yield from _run_within_field(*inside_and_around, run)
    return doubt_rivalled(results, job.shape)


def _run_within_field(
    inside: Job, around: Job, run: Runner
) -> Generator[Progress, None, list[AlignmentResult]]:
    results = yield from _results(inside, run)
    results = [
        replace(result, reason=f"Without the flat surround: {result.reason}")
        for result in results
        if result.start != "none"
    ]
    if not any(result.aligned for result in results):
        return results
    around = replace(around, options=replace(around.options, representation="intensity"))
    beside = yield from _results(around, run)
    return doubt_surrounded(results, beside, inside.shape)


def _run_without_lines(
    job: Job, pyramids: Pyramids, results: list[AlignmentResult], run: Runner
) -> Generator[Progress, None, list[AlignmentResult]]:
    """Run without the rows and columns that may hold the images where results lay them, if any."""
    looking = Progress(1.0, "looking at the images without lines of the camera")
    steps = without_held_lines(job, pyramids, most_trusted(results))
    without = yield from retold(steps, lambda _: looking)
    if without is None:
        return []
    found = yield from _results(without.job, run)
    found = [replace(one, reason=f"Without whole {without.lines}: {one.reason}") for one in found]
    found = [_in_colours(one, pyramids) for one in found]
    # What no lines held remains another place.
    return found if without.held else doubt_rivalled([*results, *found], job.shape)[len(results) :]


def _in_colours(result: AlignmentResult, pyramids: Pyramids) -> AlignmentResult:
    """Return a result of gray images, in doubt where the colours that these had lie apart."""
    matrix = np.asarray(result.transform.matrix, np.float64)
    apart = colours_apart(pyramids, matrix) if result.aligned else 0.0
    if apart <= WRONG:
        return result
    return replace(result, verdict="doubtful", reason=told_of_colours(apart))


def _prepared(part: CountedPart) -> Generator[Progress, None, Pyramids]:
    steps = make_pyramids(part.job.reference, part.job.moving, part.unmoved)
    return retold(steps, lambda _: Progress(0.0, "preparing the images"))


def _run_pyramid(
    job: Job, pyramids: Pyramids, far: Callable[[], bool], *, nearby: bool = False
) -> Generator[Progress, None, list[AlignmentResult]]:
    """Try initial guesses until one passes the verdict; return all results that were judged."""
    if job.follower is not None and not nearby:
        steps_of_one = job.follower.followed(pyramids, job.options, job.initial)
        followed = yield from retold(steps_of_one, lambda _: Progress(0.5, "initial"))
        if followed is not None:
            return [followed]
    approached = _approach(job)
    search = partial(_searched, job, pyramids, far, approached, nearby=nearby)
    results = yield from search(job.options)
    # Where the place is sure, narrower models have been asked there.
    sure = any(result.aligned or result.placed for result in results)
    if job.options.model == "auto" and not sure:
        # What is too free bends until something correlates, where affine motions find their way.
        narrower = yield from search(replace(job.options, model="affine"))
        results = doubt_rivalled(best_known(results, narrower), job.shape)
    return results


def _searched(
    job: Job,
    pyramids: Pyramids,
    far: Callable[[], bool],
    approached: Callable[[Step], Progress],
    options: SearchOptions,
    *,
    nearby: bool,
) -> Generator[Progress, None, list[AlignmentResult]]:
    """Return all results that were judged of a search by `options`, for those of the job."""
    judged: list[Judged] = []
    tried: list[NDArray[np.float64]] = []

    def accept(estimate: Estimate) -> Generator[object, None, bool]:
        tried.append(estimate.matrix)
        judged.append((yield from assessed_alike(job, pyramids, estimate, options.freest)))
        if job.options.representation == "auto":
            yield from asked_of_edges(job, pyramids, judged, options)
        if is_placed(judged[-1].result):
            judged.extend((yield from refined_by_edges(job, pyramids, estimate, options)))
            return True
        return judged[-1].result.aligned

    steps = estimate_steps(
        pyramids.reference,
        pyramids.moving,
        options,
        initial=job.initial,
        accept=accept,
        # Where the place is sure but the motion model does not suffice, no start leads farther.
        enough=lambda: any(one.result.placed and not _is_only_inexact(one) for one in judged),
        nearby=nearby,
        far=far,
    )
    # Where nobody watches, what is told on the way takes longer than some of the steps.
    estimate = (yield from retold(steps, approached)) if job.watching else outcome_of(steps)
    if not any(one is estimate.matrix for one in tried):
        judging = assessed_alike(job, pyramids, estimate, options.freest)
        judged.append((yield from retold(judging, lambda _: approached(Step("judging", None)))))
    if job.options.model == "auto":
        judged = _best_known(judged, options.freest)
    results = doubt_rivalled([one.result for one in judged], pyramids.reference[0].shape)
    if job.follower is not None and not nearby:
        job.follower.keep(pyramids, job.options, judged, results)
    # Whichever is believed most: all guesses took their time.
    return [replace(result, timings=estimate.timings) for result in results]


def _best_known(judged: list[Judged], freest: MotionModel) -> list[Judged]:
    """Return what was judged without what is less known with the freest model, as `best_known`."""
    free = [one.result for one in judged if one.result.model == freest]
    narrower = [one.result for one in judged if one.result.model != freest]
    if not free or not narrower:
        return judged
    kept = best_known(free, narrower)
    return [one for one in judged if any(one.result is result for result in kept)]


def _is_only_inexact(judged: Judged) -> bool:
    return judged.evidence is not None and is_inexact(judged.evidence)


def _approach(job: Job) -> Callable[[Step], Progress]:
    """Return what tells the steps of the estimator, of which nobody knows how many there will be.

    The bar approaches its end.
    """
    steps = 0.0
    matrix: NDArray[np.float64] | None = None
    reached: Transform | None = None

    def told(step: Step) -> Progress:
        nonlocal matrix, reached, steps
        # Of the steps that lead nowhere new, there are many.
        steps += _PASSING if step.matrix is None else 1.0
        if step.matrix is not matrix:
            matrix = step.matrix
            reached = None
            if matrix is not None and job.watching:
                reached = usable_transform(matrix, job.options.freest, job.initial)
        return Progress(1 - _PACE / (_PACE + steps), step.stage, reached)

    return told


def _run_opencv(
    job: Job, pyramids: Pyramids, _: Callable[[], bool]
) -> Generator[Progress, None, list[AlignmentResult]]:
    """Correlate intensities, then gradients if those lead nowhere; return both results."""
    results: list[AlignmentResult] = []
    kinds: list[Representation] = ["intensity"]
    if job.options.representation == "auto":
        kinds.append("gradient")
    for half, representation in enumerate(kinds):
        steps = opencv_steps(
            pyramids.reference,
            pyramids.moving,
            job.options,
            representation=representation,
            initial=job.initial,
        )
        estimate = yield from retold(steps, partial(_half_told, job, half / 2))
        told = _half_told(job, half / 2, Step("judging", estimate.matrix, 1.0))
        results.append((yield from _judged(job, pyramids, estimate, told)))
        if results[-1].aligned:
            break
    return results


def _judged(
    job: Job, pyramids: Pyramids, estimate: Estimate, told: Progress
) -> Generator[Progress, None, AlignmentResult]:
    return retold(assess_steps(pyramids, estimate, job.options, job.initial), lambda _: told)


def _half_told(job: Job, begin: float, step: Step) -> Progress:
    reached = None if step.matrix is None else usable_transform(step.matrix, job.options.freest)
    return Progress(begin + step.fraction / 2, step.stage, reached)
