"""The "pyramid" estimator: initial guesses refined coarse to fine until one is believed."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from dataclasses import replace
from functools import partial

from .._common.steps import retold
from .._images.pyramid.levels import Level
from .._images.pyramid.representations import Representation
from .._transform.models import Array
from .candidate import Candidate
from .estimate import Estimate, Step
from .initial_guesses import InitialGuesses
from .options import SearchOptions
from .refined import Refined

# Tells whether an estimate is believed, in steps of whatever kind.
Accept = Callable[[Estimate], Generator[object, None, bool]]

# With less agreement there is nothing to make more precise.
_WORTH_REFINING = 0.2


def estimate_steps(
    reference: list[Level],
    moving: list[Level],
    options: SearchOptions,
    *,
    initial: Array | None = None,
    accept: Accept | None = None,
    enough: Callable[[], bool] | None = None,
    nearby: bool = False,
    far: Callable[[], bool] = lambda: True,
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
        Given an estimate whose own tiles agree, tells in steps whether to stop; otherwise the next
        source of guesses is tried.  Every such estimate is accepted by default.
    enough : callable, optional
        Asked after each source of guesses that has led to such estimates: tells whether no other
        source would lead to a better one.
    nearby : bool, default: False
        Try no other start than `initial`.
    far : callable, optional
        Asked before edges are turned far, and before points are looked for: tells whether that is
        worth it. It is by default.

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
    best: dict[Representation, Candidate] = {}
    refused: Estimate | None = None
    for start, candidates in guesses.sources(nearby=nearby, far=far):
        clock = time.perf_counter()
        for candidate in candidates():
            if candidate is None:
                yield Step(start, None)
                continue
            yield Step(start, candidate.refined.matrix)
            kept = best.setdefault(candidate.refiner.representation, candidate)
            if candidate.rank > kept.rank:
                best[candidate.refiner.representation] = candidate
            if candidate.tried or not candidate.believed or guesses.is_known(candidate):
                continue
            refined = yield from _fine_steps(guesses, candidate, start)
            timings[start] = timings.get(start, 0.0) + time.perf_counter() - clock
            clock = time.perf_counter()
            confirmed = guesses.is_confirmed(candidate, refined)
            if confirmed:
                found = _result(guesses, candidate, refined, timings, accepted=True)
                if accept is None or (yield from _told(accept(found), start)):
                    return found
                refused = refused or found
            guesses.note_refined(candidate, refined, confirmed=confirmed)
        timings[start] = timings.get(start, 0.0) + time.perf_counter() - clock
        if refused is not None and enough is not None and enough():
            return replace(refused, timings=timings)
    return (yield from _unbelieved(guesses, best, refused, timings))


def _told(steps: Generator[object, None, bool], start: str) -> Generator[Step, None, bool]:
    return retold(steps, lambda _: Step(start, None))


def _unbelieved(
    guesses: InitialGuesses,
    best: dict[Representation, Candidate],
    refused: Estimate | None,
    timings: dict[str, float],
) -> Generator[Step, None, Estimate]:
    """Return what is left where no start was accepted: one that was refused, or the best."""
    left = max(best.values(), key=lambda candidate: candidate.rank)
    if refused is not None:
        # Where edges alone were believed, brightness may still say more.
        left = best.get("intensity", left)
        edges = refused.representation == "orientation" != left.refiner.representation
        if not edges or left.believed or left.agreement.share < _WORTH_REFINING:
            return replace(refused, timings=timings)
    refined = left.refined
    if before := guesses.led_to(left):
        refined = before
    elif left.agreement.share >= _WORTH_REFINING:
        refined = yield from _fine_steps(guesses, left, left.start)
    return _result(guesses, left, refined, timings, accepted=False)


def _fine_steps(
    guesses: InitialGuesses, candidate: Candidate, start: str
) -> Generator[Step, None, Refined]:
    def step(reached: Refined) -> Step:
        where = f"1/{2**reached.level} of the resolution" if reached.level else "full resolution"
        return Step(f"{start}, {where}, ECC {abs(reached.solution.ecc):.3f}", reached.matrix)

    promising = partial(guesses.is_promising, candidate)
    return retold(candidate.refiner.fine(candidate.refined, promising=promising), step)


def _result(
    guesses: InitialGuesses,
    candidate: Candidate,
    refined: Refined,
    timings: dict[str, float],
    *,
    accepted: bool,
) -> Estimate:
    return Estimate.of(
        refined,
        guesses.options.motion.n_parameters,
        start=candidate.start,
        representation=candidate.refiner.representation,
        accepted=accepted,
        timings=timings,
    )
