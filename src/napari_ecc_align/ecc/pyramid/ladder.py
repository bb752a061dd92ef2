"""The fast estimator: starts from cheap to dear, refined coarse to fine until one is believed."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace

import numpy as np

from ...transform import MotionModel
from ..estimate import Estimate
from .models import MODELS, Array
from .refine import Refined, Settings
from .rungs import Candidate, Rungs
from .scalespace import Bools, Image, Level, base, pyramid

Accept = Callable[[Estimate], bool]

DEFAULT_PRECISION = 0.02

_SMALLEST = 24
# With less agreement there is nothing to make more precise.
_WORTH_REFINING = 0.2


@dataclass(frozen=True)
class Step:
    """What is being done, and the transform (px of level 0) reached, if any."""

    stage: str
    matrix: Array | None


def estimate_steps(
    reference: list[Level],
    moving: list[Level],
    *,
    model: MotionModel = "affine",
    initial: Array | None = None,
    precision: float = DEFAULT_PRECISION,
    number_of_iterations: int = 50,
    termination_eps: float = 1e-7,
    accept: Accept | None = None,
) -> Generator[Step, None, Estimate]:
    """Align the finest level of `moving` to that of `reference`, one step at a time.

    Parameters
    ----------
    reference, moving : list of Level
        Pyramids, full resolution first; see `image_pyramid`.
    model : {"translation", "euclidean", "similarity", "affine", "homography"}
        The motion model.
    initial : (3, 3) array, optional
        First start, tried before all others.
    precision : float
        Corner uncertainty in px to reach; more tiles of finer levels are read until it is.
    number_of_iterations : int
        At most so many per level.
    termination_eps : float
        A level is done when the ECC changes by less.
    accept : callable, optional
        Given an estimate whose own tiles agree, tells whether to stop; otherwise the next rung
        is climbed.  Every such estimate is accepted by default.

    Yields
    ------
    Step

    Returns
    -------
    Estimate
        Never an exception for images that do not match: see `Estimate.converged`.

    References
    ----------
    .. [1] G. D. Evangelidis and E. Z. Psarakis, "Parametric Image Alignment Using Enhanced
       Correlation Coefficient Maximization", IEEE TPAMI 30(10), 2008.
    .. [2] S. Baker and I. Matthews, "Lucas-Kanade 20 Years On: A Unifying Framework", IJCV 56(3),
       2004.
    """
    motion = MODELS[model]
    settings = Settings(motion, precision, number_of_iterations, termination_eps)
    rungs = Rungs(reference, moving, settings, initial)
    timings: dict[str, float] = {}
    best: Candidate | None = None
    refused: Estimate | None = None
    for rung, candidates in rungs.cheapest_first():
        clock = time.perf_counter()
        for candidate in candidates():
            if candidate is None:
                yield Step(rung, None)
                continue
            yield Step(rung, candidate.refined.matrix)
            if best is None or candidate.rank > best.rank:
                best = candidate
            if candidate.tried or not candidate.believed or rungs.descended(candidate):
                continue
            refined = yield from _fine_steps(candidate, rung)
            timings[rung] = timings.get(rung, 0.0) + time.perf_counter() - clock
            clock = time.perf_counter()
            if rungs.confirmed(candidate, refined):
                found = _result(rungs, candidate, refined, timings, accepted=True)
                if accept is None or accept(found):
                    return found
                refused = refused or found
                rungs.note_descent(candidate, refined)
        timings[rung] = timings.get(rung, 0.0) + time.perf_counter() - clock
    if refused is not None:
        return replace(refused, timings=timings)
    assert best is not None
    refined = best.refined
    if best.agreement.share >= _WORTH_REFINING:
        refined = yield from _fine_steps(best, best.rung)
    return _result(rungs, best, refined, timings, accepted=False)


def _fine_steps(candidate: Candidate, rung: str) -> Generator[Step, None, Refined]:
    steps = candidate.refiner.fine(candidate.refined)
    while True:
        try:
            reached = next(steps)
        except StopIteration as stop:
            refined: Refined = stop.value
            return refined
        where = f"1/{2**reached.level} of the resolution" if reached.level else "full resolution"
        so_far = f"ECC {abs(reached.solution.ecc):.3f}"
        yield Step(f"{rung}, {where}, {so_far}", reached.matrix)


def image_pyramid(image: Image, mask: Bools | None = None) -> list[Level]:
    """Return the pyramid of an image, full resolution first, down to about 24 px.

    Parameters
    ----------
    image : (h, w) array
        Of any real dtype, which the levels keep where they can. Pixels that are not finite are
        masked.
    mask : (h, w) bool array, optional
        True where a pixel may be used.
    """
    return pyramid(base(image, mask), _SMALLEST)


def _result(
    rungs: Rungs,
    candidate: Candidate,
    refined: Refined,
    timings: dict[str, float],
    *,
    accepted: bool,
) -> Estimate:
    solution = refined.solution
    covariance = solution.covariance
    if len(covariance) != rungs.settings.model.n_parameters:
        # The coarsest levels know a homography only by its affine part.
        covariance = np.full((rungs.settings.model.n_parameters,) * 2, np.inf)
    return Estimate(
        matrix=refined.matrix,
        inverted=solution.gain < 0,
        iterations=solution.iterations,
        converged=accepted and solution.converged,
        start=candidate.rung,
        representation="gradient" if candidate.refiner.gradient else "intensity",
        corner_uncertainty=float(np.hypot(refined.uncertainty, refined.bias)),
        covariance=covariance,
        timings=dict(timings),
    )
