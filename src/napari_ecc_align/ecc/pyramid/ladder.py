"""The fast estimator: starts from cheap to dear, refined coarse to fine until one is believed."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from ...transform import MotionModel
from ..estimate import Estimate
from . import check, coarse, features
from .models import MODELS, Array, Frame, apply, scaled
from .refine import Refined, Refiner, Settings
from .scalespace import Bools, Image, Level, base, pyramid

Accept = Callable[[Estimate], bool]

DEFAULT_PRECISION = 0.02

_SMALLEST = 24
# The search over rotation and scale tries the smaller image first; phase correlation affords a
# larger one.
_SEARCH_PIXELS = (80 * 80, 140 * 140)
_SHIFT_PIXELS = 140 * 140
# Tiles are asked on a level of at most so many pixels; half of them, and four, must agree.
_CHECK_PIXELS = 300 * 300
_MIN_AGREEMENT = 0.5
_MIN_AGREEING = 4
# With less agreement there is nothing to make more precise.
_WORTH_REFINING = 0.2
# Where the fine levels moved on, this much of the agreement must remain.
_KEPT_AGREEMENT = 0.7
# What is too small or too plain to ask tiles must correlate so well.
_MIN_ECC = 0.9
# What correlates like this on a whole level is refined without asking tiles first: whoever accepts
# an estimate asks his own.
_SURE_ECC = 0.97
# Only what correlates like this at all is worth a second look with a gain per block.
_PROMISING = 0.5
# Starts that lead to within so many px (of the level of the tiles) of each other are the same.
_SAME = 0.5
# So near (px of the level on which they start), the fine levels lead to the same place.
_SAME_BASIN = 1.5


@dataclass(frozen=True)
class Step:
    """What is being done, and the transform (px of level 0) reached, if any."""

    stage: str
    matrix: Array | None


@dataclass(frozen=True)
class _Candidate:
    refined: Refined
    agreement: check.Agreement
    refiner: Refiner
    rung: str
    # Believed before any tile was asked; and already refined, in vain.
    sure: bool = False
    tried: bool = False

    @property
    def believed(self) -> bool:
        if self.sure:
            return True
        if self.agreement.tiles < _MIN_AGREEING:
            return abs(self.refined.solution.ecc) > _MIN_ECC
        return self.agreement.share >= _MIN_AGREEMENT and self.agreement.agreeing >= _MIN_AGREEING

    @property
    def rank(self) -> tuple[float, float]:
        ecc = self.refined.solution.ecc
        return self.agreement.share, abs(ecc) if np.isfinite(ecc) else 0.0


# None where nothing has been found yet but time has passed.
Candidates = Generator[_Candidate | None, None, None]


class _Run:
    """One pair being aligned."""

    def __init__(
        self,
        reference: list[Level],
        moving: list[Level],
        settings: Settings,
        initial: Array | None,
    ) -> None:
        self.settings = settings
        self.initial = initial
        depth = min(len(reference), len(moving))
        self.reference, self.moving = reference[:depth], moving[:depth]
        self.frame = Frame(reference[0].shape)
        self.intensity = Refiner(self.reference, self.moving, settings, gradient=False)
        self.gradient = Refiner(self.reference, self.moving, settings, gradient=True)
        self.checked = self._at_most(_CHECK_PIXELS)
        self._tried: list[tuple[Refiner, Array]] = []
        self._descended: list[tuple[Refiner, Array]] = []

    def _at_most(self, pixels: int) -> int:
        sizes = [
            max(a.image.size, b.image.size)
            for a, b in zip(self.reference, self.moving, strict=True)
        ]
        return next((k for k, size in enumerate(sizes) if size <= pixels), len(sizes) - 1)

    def rungs(self) -> Iterator[tuple[str, Callable[[], Candidates]]]:
        """Yield the rungs from cheap to dear; each makes its candidates only when asked."""
        if self.initial is not None:
            start = self.initial
            yield "initial", lambda: self._close("initial", [start])
            yield "initial", lambda: self._from("initial", lambda: [start])
        identity = self.settings.model.project(np.eye(3), self.frame.centre)
        for refiner in (self.intensity, self.gradient):
            yield "identity", partial(self._from, "identity", lambda: [identity], refiner)
            if not self.textured:
                return
            shifted = partial(self._shifted, refiner)
            yield "phase correlation", partial(self._from, "phase correlation", shifted, refiner)
        rough, exact = (self._at_most(pixels) for pixels in _SEARCH_PIXELS)
        yield "rotation and scale", partial(self._searched, self.gradient, rough)
        yield "rotation and scale", partial(self._searched, self.intensity, rough)
        yield "features", self._matched
        if exact != rough:
            yield "rotation and scale", partial(self._searched, self.gradient, exact)

    @property
    def textured(self) -> bool:
        """Both images show something."""
        levels = self.reference[-1], self.moving[-1]
        patches = (level.patch(0, level.shape[0], 0, level.shape[1])[0] for level in levels)
        return all(np.ptp(patch) > 0 for patch in patches)

    def _shifted(self, refiner: Refiner) -> list[Array]:
        small = self._at_most(_SHIFT_PIXELS)
        return coarse.translations(
            self.reference[small], self.moving[small], gradient=refiner.gradient, count=3
        )

    def _searched(self, refiner: Refiner, level: int) -> Candidates:
        """Search rotation and scale on a level, and refine the best few from there."""
        starts = yield from (
            coarse.similarities(
                self.reference[level], self.moving[level], gradient=refiner.gradient, count=6
            )
        )
        yield from self._from("rotation and scale", lambda: starts, refiner, level)

    def _matched(self) -> Candidates:
        level = self._at_most(features.PIXELS)
        starts = yield from (
            features.starts(self.reference[level], self.moving[level], self.settings.model)
        )
        yield from self._close("features", starts)

    def _from(
        self,
        rung: str,
        starts: Callable[[], list[Array]],
        refiner: Refiner | None = None,
        first: int | None = None,
    ) -> Candidates:
        """Refine and check each start, in both representations if none is given."""
        for start in starts():
            for chosen in (refiner,) if refiner else (self.intensity, self.gradient):
                refined = chosen.coarse(start, first=first)
                if self._known(refined.matrix, chosen):
                    yield None
                    continue
                sure = self._sure(refined, chosen)
                if sure:
                    yield _Candidate(refined, check.Agreement(0, 0), chosen, rung, sure=True)
                found = self._settled(self._checked(refined, chosen, rung))
                yield replace(found, tried=sure and found.refined is refined)

    def _close(self, rung: str, starts: list[Array]) -> Candidates:
        """Refine and check starts that are too good for the coarsest levels."""
        for start in starts:
            if not check.plausible(start, self.reference[0].shape, self.moving[0].shape):
                continue
            for refiner in (self.intensity, self.gradient):
                yield self._settled(self.candidate(refiner.polished(start), refiner, rung))

    def _known(self, matrix: Array, refiner: Refiner) -> bool:
        """Tell whether an earlier start led to the same transform, and remember this one."""
        corners = apply(matrix, self.frame.corners)
        for other, before in self._tried:
            if other is refiner and np.abs(corners - before).max() < _SAME * 2.0**self.checked:
                return True
        self._tried.append((refiner, corners))
        return False

    def descended(self, candidate: _Candidate) -> bool:
        """Tell whether the fine levels were reached from here before, and went nowhere good."""
        corners = apply(candidate.refined.matrix, self.frame.corners)
        near = _SAME_BASIN * 2.0**candidate.refined.level
        return any(
            other is candidate.refiner and np.abs(corners - before).max() < near
            for other, before in self._descended
        )

    def note_descent(self, candidate: _Candidate, refined: Refined) -> None:
        """Remember from where the fine levels settled."""
        if refined.solution.converged:
            for matrix in (candidate.refined.matrix, refined.matrix):
                self._descended.append((candidate.refiner, apply(matrix, self.frame.corners)))

    def _sure(self, refined: Refined, refiner: Refiner) -> bool:
        """Tell whether a coarsely refined start need not be checked before it is refined."""
        solution = refined.solution
        return (
            not refiner.gradient
            and refined.level == refiner.finest_whole > 0
            and solution.converged
            and abs(solution.ecc) > _SURE_ECC
            and self.plausible(refined)
        )

    def _checked(self, refined: Refined, refiner: Refiner, rung: str) -> _Candidate:
        """Check a coarsely refined start; if need be, once more with uneven light allowed for."""
        found = self.candidate(refined, refiner, rung)
        if (
            found.believed
            or not abs(refined.solution.ecc) > _PROMISING
            or not self.plausible(refined)
        ):
            return found
        again = self.candidate(refiner.polished(refined.matrix), refiner, rung)
        return again if again.rank > found.rank else found

    def _settled(self, found: _Candidate) -> _Candidate:
        """Return to intensities, which are sharper, where they agree with the gradients."""
        if not found.refiner.gradient or not found.believed:
            return found
        again = self.candidate(
            self.intensity.polished(found.refined.matrix), self.intensity, found.rung
        )
        return (
            again
            if again.believed and again.agreement.share > 0.9 * found.agreement.share
            else found
        )

    def candidate(self, refined: Refined, refiner: Refiner, rung: str) -> _Candidate:
        """Check a coarsely refined start with tiles."""
        agreement = check.Agreement(0, 0)
        if np.isfinite(refined.solution.ecc) and self.plausible(refined):
            matrix = scaled(refined.matrix, 2.0**-self.checked)
            agreement = check.agreement(
                self.reference[self.checked],
                self.reference[min(self.checked + 2, len(self.reference) - 1)],
                self.moving[self.checked],
                matrix,
                inverted=refined.solution.gain < 0,
                gradient=refiner.gradient,
            )
        return _Candidate(refined, agreement, refiner, rung)

    def confirmed(self, candidate: _Candidate, refined: Refined) -> bool:
        """Tell whether the fine levels stayed with what was believed of the coarse ones."""
        if not self.plausible(refined):
            return False
        corners = self.frame.corners
        moved = apply(refined.matrix, corners) - apply(candidate.refined.matrix, corners)
        if np.abs(moved).max() < 2.0**self.checked:
            return True
        again = self.candidate(refined, candidate.refiner, candidate.rung)
        if candidate.sure:
            return again.believed
        return again.agreement.share >= _KEPT_AGREEMENT * candidate.agreement.share

    def plausible(self, refined: Refined) -> bool:
        """Tell whether a refined transform could be one."""
        return check.plausible(refined.matrix, self.reference[0].shape, self.moving[0].shape)


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
    run = _Run(reference, moving, settings, initial)
    timings: dict[str, float] = {}
    best: _Candidate | None = None
    refused: Estimate | None = None
    for rung, candidates in run.rungs():
        clock = time.perf_counter()
        for candidate in candidates():
            if candidate is None:
                yield Step(rung, None)
                continue
            yield Step(rung, candidate.refined.matrix)
            if best is None or candidate.rank > best.rank:
                best = candidate
            if candidate.tried or not candidate.believed or run.descended(candidate):
                continue
            refined = yield from _fine_steps(candidate, rung)
            timings[rung] = timings.get(rung, 0.0) + time.perf_counter() - clock
            clock = time.perf_counter()
            if run.confirmed(candidate, refined):
                found = _result(run, candidate, refined, timings, accepted=True)
                if accept is None or accept(found):
                    return found
                refused = refused or found
                run.note_descent(candidate, refined)
        timings[rung] = timings.get(rung, 0.0) + time.perf_counter() - clock
    if refused is not None:
        return replace(refused, timings=timings)
    assert best is not None
    refined = best.refined
    if best.agreement.share >= _WORTH_REFINING:
        refined = yield from _fine_steps(best, best.rung)
    return _result(run, best, refined, timings, accepted=False)


def _fine_steps(candidate: _Candidate, rung: str) -> Generator[Step, None, Refined]:
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
    run: _Run,
    candidate: _Candidate,
    refined: Refined,
    timings: dict[str, float],
    *,
    accepted: bool,
) -> Estimate:
    solution = refined.solution
    covariance = solution.covariance
    if len(covariance) != run.settings.model.n_parameters:
        # The coarsest levels know a homography only by its affine part.
        covariance = np.full((run.settings.model.n_parameters,) * 2, np.inf)
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
