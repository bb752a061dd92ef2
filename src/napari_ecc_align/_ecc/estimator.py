"""The "pyramid" estimator: initial guesses refined coarse to fine until one is believed."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from dataclasses import replace

import numpy as np

from .._common.steps import retold
from .._images.pyramid.levels import Level
from .._transform.models import Array
from .._transform.plausible import SEARCHED, is_plausible
from .estimate import Estimate, Representation, Step
from .initial_guesses import Candidate, InitialGuesses
from .options import SearchOptions
from .refine import Refined, Refiner

Accept = Callable[[Estimate], bool]

# With less agreement there is nothing to make more precise.
_WORTH_REFINING = 0.2


def estimate_steps(
    reference: list[Level],
    moving: list[Level],
    options: SearchOptions,
    *,
    initial: Array | None = None,
    accept: Accept | None = None,
) -> Generator[Step, None, Estimate]:
    """Align the finest level of `moving` to that of `reference`, one step at a time.

    Parameters
    ----------
    reference, moving : list of Level
        Pyramids, full resolution first; see `image_pyramid`.
    options : SearchOptions
        Of which the engine is not looked at.
    initial : (3, 3) array, optional
        First start, tried before all others.
    accept : callable, optional
        Given an estimate whose own tiles agree, tells whether to stop; otherwise the next source
        of guesses is tried.  Every such estimate is accepted by default.

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
    guesses = InitialGuesses(reference, moving, options, initial)
    timings: dict[str, float] = {}
    best: Candidate | None = None
    refused: Estimate | None = None
    for start, candidates in guesses.sources():
        clock = time.perf_counter()
        for candidate in candidates():
            if candidate is None:
                yield Step(start, None)
                continue
            yield Step(start, candidate.refined.matrix)
            if best is None or candidate.rank > best.rank:
                best = candidate
            if candidate.tried or not candidate.believed or guesses.refined_before(candidate):
                continue
            refined = yield from _fine_steps(candidate.refiner, candidate.refined, start)
            timings[start] = timings.get(start, 0.0) + time.perf_counter() - clock
            clock = time.perf_counter()
            if guesses.is_confirmed(candidate, refined):
                found = _result(guesses, candidate, refined, timings, accepted=True)
                if accept is None or accept(found):
                    return found
                refused = refused or found
                guesses.note_refined(candidate, refined)
        timings[start] = timings.get(start, 0.0) + time.perf_counter() - clock
    if refused is not None:
        return replace(refused, timings=timings)
    assert best is not None
    refined = best.refined
    if best.agreement.share >= _WORTH_REFINING:
        refined = yield from _fine_steps(best.refiner, refined, best.start)
    return _result(guesses, best, refined, timings, accepted=False)


def _fine_steps(refiner: Refiner, coarse: Refined, start: str) -> Generator[Step, None, Refined]:
    def step(reached: Refined) -> Step:
        where = f"1/{2**reached.level} of the resolution" if reached.level else "full resolution"
        return Step(f"{start}, {where}, ECC {abs(reached.solution.ecc):.3f}", reached.matrix)

    return retold(refiner.fine(coarse), step)


def nearby_steps(
    reference: list[Level],
    moving: list[Level],
    options: SearchOptions,
    start: Array,
    *,
    gradient: bool,
) -> Generator[Step, None, Estimate]:
    """Refine one start from the coarsest level on, wherever that leads; as `estimate_steps`.

    Returns
    -------
    Estimate
        With the start itself and no uncertainty where that leads to nothing plausible.
    """
    shapes = reference[0].shape, moving[0].shape
    representation: Representation = "gradient" if gradient else "intensity"
    yield Step("given", start)
    if is_plausible(start, *shapes, SEARCHED):
        refiner = Refiner(reference, moving, options, gradient=gradient)
        refined = refiner.coarse(start)
        if is_plausible(refined.matrix, *shapes, SEARCHED):
            refined = yield from _fine_steps(refiner, refined, "given")
        if is_plausible(refined.matrix, *shapes, SEARCHED):
            converged = refined.solution.converged
            return _estimate(refined, options, representation, "given", converged=converged)
    return Estimate(start, False, 0, False, "given", representation)


def _result(
    guesses: InitialGuesses,
    candidate: Candidate,
    refined: Refined,
    timings: dict[str, float],
    *,
    accepted: bool,
) -> Estimate:
    representation: Representation = "gradient" if candidate.refiner.gradient else "intensity"
    converged = accepted and refined.solution.converged
    found = _estimate(
        refined, guesses.options, representation, candidate.start, converged=converged
    )
    return replace(found, timings=dict(timings))


def _estimate(
    refined: Refined,
    options: SearchOptions,
    representation: Representation,
    start: str,
    *,
    converged: bool,
) -> Estimate:
    solution = refined.solution
    covariance = solution.covariance
    if len(covariance) != options.motion.n_parameters:
        # The coarsest levels know a homography only by its affine part.
        covariance = np.full((options.motion.n_parameters,) * 2, np.inf)
    return Estimate(
        matrix=refined.matrix,
        inverted=solution.gain < 0,
        iterations=solution.iterations,
        converged=converged,
        start=start,
        representation=representation,
        corner_uncertainty=float(np.hypot(refined.uncertainty, refined.bias)),
        covariance=covariance,
    )
