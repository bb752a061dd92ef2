"""The front door: align two images."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .arguments import (
    DEFAULT_EPSILON,
    DEFAULT_ITERATIONS,
    DEFAULT_PRECISION,
    Engine,
    Job,
    checked_job,
)
from .ecc.estimate import Estimate, Representation
from .ecc.opencv import opencv_steps
from .ecc.pyramid.ladder import estimate_steps
from .fieldofview import field_of_view
from .judging import as_transform, doubted, judged, trust
from .progress import Progress
from .pyramids import Pyramids, make_pyramids
from .regional import start_in_region
from .result import AlignmentResult
from .sources import ImageLike, LazyArray, LoadedImage
from .transform import MotionModel, Transform

_PACE = 8
# The field of view is looked for on a level of at most so many pixels.
_FIELD_PIXELS = 150_000

Runner = Callable[[Job, Pyramids], Generator[Progress, None, list[AlignmentResult]]]


def align(
    reference: ImageLike,
    moving: ImageLike,
    *,
    model: MotionModel = "affine",
    engine: Engine = "pyramid",
    precision: float = DEFAULT_PRECISION,
    number_of_iterations: int = DEFAULT_ITERATIONS,
    termination_eps: float = DEFAULT_EPSILON,
    reference_mask: ArrayLike | LazyArray | None = None,
    moving_mask: ArrayLike | LazyArray | None = None,
    initial: Transform | ArrayLike | None = None,
    progress: Callable[[Progress], object] | None = None,
    cancel: Callable[[], bool] | None = None,
) -> AlignmentResult:
    """Find the transform that lays the moving image on the reference.

    The enhanced correlation coefficient [1]_ is maximised, which does not depend on brightness
    and contrast; a negative is recognised by itself.

    Parameters
    ----------
    reference, moving : array_like, shape (h, w) or (h, w, 3 or 4)
        Images of at least 32 pixels on a side, of any real dtypes; their sizes may differ. NaN,
        infinity and full transparency mean "no data here". Lazy arrays (dask, zarr) are read only
        where they are needed, and a list of one image at decreasing sizes, finest first, is used
        as the pyramid it is.
    model : {"affine", "translation", "euclidean", "similarity", "homography"}
        The motion model.
    engine : {"pyramid", "opencv"}
        The estimator: our own, fast and with an uncertainty, or OpenCV's ECC, which has no
        "similarity".
    precision : float, default: 0.02
        Corner uncertainty in pixels at which the "pyramid" engine stops reading more tiles.
    number_of_iterations : int, default: 100
        Most iterations on a level ("pyramid"), or at full resolution ("opencv").
    termination_eps : float, default: 1e-7
        Stop when an iteration changes the correlation by less.
    reference_mask, moving_mask : array_like, shape (h, w), optional
        Pixels of each image that count, as booleans or numbers (0 does not count).
    initial : Transform or array_like of shape (3, 3) or (2, 3), optional
        Where to start first. Reference (x, y, 1) to moving. The motion model is what may have
        happened beyond it: known pixel sizes of 0.5 and 0.4 with the model "translation" give a
        transform that scales by just that. ("opencv" knows the model's own motions only.)
    progress : callable, optional
        Called with a `Progress` after every iteration.
    cancel : callable, optional
        Asked after every iteration; the alignment ends when it returns True.

    Returns
    -------
    AlignmentResult
        With a `verdict` to look at before anything else: images that cannot be aligned are a
        result, not an error.

    Raises
    ------
    InputError
        If an argument cannot be used; a `ValueError` whose message names it.

    References
    ----------
    .. [1] G. D. Evangelidis and E. Z. Psarakis, "Parametric image alignment using enhanced
       correlation coefficient maximization", IEEE Transactions on Pattern Analysis and Machine
       Intelligence 30 (2008) 1858-1865, :doi:`10.1109/TPAMI.2008.113`
    """
    began = time.perf_counter()
    steps = align_steps(
        reference,
        moving,
        model=model,
        engine=engine,
        precision=precision,
        number_of_iterations=number_of_iterations,
        termination_eps=termination_eps,
        reference_mask=reference_mask,
        moving_mask=moving_mask,
        initial=initial,
    )
    reached: Transform | None = None
    while True:
        try:
            step = next(steps)
        except StopIteration as stop:
            result: AlignmentResult = stop.value
            return result
        reached = step.transform or reached
        if progress is not None:
            progress(step)
        if cancel is not None and cancel():
            steps.close()
            return _without_estimate(
                reached or Transform.identity(model),
                "The alignment was cancelled.",
                engine,
                time.perf_counter() - began,
                cancelled=True,
            )


def align_steps(
    reference: ImageLike,
    moving: ImageLike,
    *,
    model: MotionModel = "affine",
    engine: Engine = "pyramid",
    precision: float = DEFAULT_PRECISION,
    number_of_iterations: int = DEFAULT_ITERATIONS,
    termination_eps: float = DEFAULT_EPSILON,
    reference_mask: ArrayLike | LazyArray | None = None,
    moving_mask: ArrayLike | LazyArray | None = None,
    initial: Transform | ArrayLike | None = None,
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
    job = checked_job(
        reference,
        moving,
        model=model,
        engine=engine,
        precision=precision,
        number_of_iterations=number_of_iterations,
        termination_eps=termination_eps,
        reference_mask=reference_mask,
        moving_mask=moving_mask,
        initial=initial,
    )
    return _run(job)


def _run(job: Job) -> Generator[Progress, None, AlignmentResult]:
    began = time.perf_counter()
    yield Progress(0.0, "preparing the images")
    start = yield from start_in_region(job, _run)
    job = replace(job, initial=start.matrix)
    pyramids = yield from _prepared(job)
    if pyramids.flaw:
        seconds = time.perf_counter() - began
        return _without_estimate(Transform.identity(job.model), pyramids.flaw, job.engine, seconds)
    run = _run_pyramid if job.engine == "pyramid" else _run_opencv
    results = yield from run(job, pyramids)
    if all(result.verdict != "aligned" for result in results):
        inside = _within_field(job, pyramids)
        if inside is not None:
            results += yield from _run_within_field(inside, run)
    yield Progress(1.0, "done", results[-1].transform)
    best = start.credited(max(results, key=trust))
    return replace(best, seconds=time.perf_counter() - began)


def _within_field(job: Job, pyramids: Pyramids) -> Job | None:
    """Return the job without the flat surrounds of its images, None if not both have one."""
    sources = []
    for source, levels in ((job.reference, pyramids.reference), (job.moving, pyramids.moving)):
        if not isinstance(source, LoadedImage):
            return None
        coarse = next((one for one in levels if one.image.size <= _FIELD_PIXELS), levels[-1])
        field = field_of_view(coarse, levels[0].shape)
        if field is None:
            return None
        mask = field if source.mask is None else field & source.mask
        sources.append(replace(source, mask=mask))
    return replace(job, reference=sources[0], moving=sources[1])


def _run_within_field(job: Job, run: Runner) -> Generator[Progress, None, list[AlignmentResult]]:
    pyramids = yield from _prepared(job)
    if pyramids.flaw:
        return []
    results = yield from run(job, pyramids)
    return [
        replace(result, reason=f"Without the flat surround: {result.reason}") for result in results
    ]


def _prepared(job: Job) -> Generator[Progress, None, Pyramids]:
    steps = make_pyramids(job)
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            pyramids: Pyramids = stop.value
            return pyramids
        yield Progress(0.0, "preparing the images")


def _run_pyramid(job: Job, pyramids: Pyramids) -> Generator[Progress, None, list[AlignmentResult]]:
    """Climb the ladder of starts until one passes the verdict; return all that were judged."""
    results: list[AlignmentResult] = []
    tried: list[NDArray[np.float64]] = []

    def accept(estimate: Estimate) -> bool:
        tried.append(estimate.matrix)
        results.append(judged(job, pyramids, estimate, 0.0))
        return results[-1].verdict == "aligned"

    steps = estimate_steps(
        pyramids.reference,
        pyramids.moving,
        model=job.model,
        initial=job.initial,
        precision=job.precision,
        number_of_iterations=job.number_of_iterations,
        termination_eps=job.termination_eps,
        accept=accept,
    )
    taken = 0
    matrix, reached = None, None
    while True:
        try:
            step = next(steps)
        except StopIteration as stop:
            estimate: Estimate = stop.value
            break
        taken += 1
        # Nobody knows how many rungs there are to climb: the bar approaches its end.
        fraction = 1 - _PACE / (_PACE + taken)
        if step.matrix is not matrix:
            matrix = step.matrix
            reached = None if matrix is None else as_transform(matrix, job.model, job.initial)
        yield Progress(fraction, step.stage, reached)
    if not any(one is estimate.matrix for one in tried):
        results.append(judged(job, pyramids, estimate, 0.0))
    results = doubted(results, pyramids.reference[0].shape)
    # Whichever is believed most: all rungs took their time.
    return [replace(result, timings=estimate.timings) for result in results]


def _run_opencv(job: Job, pyramids: Pyramids) -> Generator[Progress, None, list[AlignmentResult]]:
    """Correlate intensities, then detail if those lead nowhere; return both results."""
    results: list[AlignmentResult] = []
    representations: tuple[Representation, ...] = ("intensity", "detail")
    for half, representation in enumerate(representations):
        steps = opencv_steps(
            pyramids.reference,
            pyramids.moving,
            representation=representation,
            model=job.model,
            number_of_iterations=job.number_of_iterations,
            termination_eps=job.termination_eps,
            initial=job.initial,
        )
        while True:
            try:
                step = next(steps)
            except StopIteration as stop:
                estimate: Estimate = stop.value
                break
            yield replace(step, fraction=(half + step.fraction) / len(representations))
        results.append(judged(job, pyramids, estimate, 0.0))
        if results[-1].verdict == "aligned":
            break
    return results


def _without_estimate(
    transform: Transform, reason: str, engine: Engine, seconds: float, *, cancelled: bool = False
) -> AlignmentResult:
    return AlignmentResult(
        transform=transform,
        verdict="failed",
        reason=reason,
        ecc=0.0,
        ecc_before=0.0,
        inverted=False,
        overlap=0.0,
        corner_uncertainty=float("inf"),
        covariance=None,
        iterations=0,
        converged=False,
        start="none",
        timings={},
        representation="intensity",
        engine=engine,
        seconds=seconds,
        cancelled=cancelled,
    )
