"""Gauss-Newton iterations of one level: steps, when they have converged, how certain they are."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, TypeVar

import numpy as np

from .._common.opencv import cv2
from .._images.pyramid.levels import Bools, Floats
from .._transform.models import Array
from .motion import Motion
from .normal_equations import withdrawn

# A Gauss-Newton step is trusted this far (corner RMS as a share of the normalised radius).
_LONGEST_STEP = 0.2
# A linearisation is kept while it uses this share of the pixels that are seen.
_STILL_SEEN = 0.8
# Closer than this (px of the level), the moving image's gradients are those at the solution.
CLOSE = 0.2
# Each step is taken to be shorter than the last by a factor within these limits, and the second
# by this one if the first is close already and the images correlate like this.
_RATES = (0.05, 0.98)
SLOWEST = _RATES[1]
_FIRST_RATE = 0.07
ALIKE = 0.99
# After so many iterations, what is left of the way is compared with the uncertainty, too: a share
# of it does not matter.
_ITERATIONS_BEFORE_RELAXING = 6
_NEGLIGIBLE_SHARE_OF_UNCERTAINTY = 0.1
# After so many iterations, steps that are not `CLOSE` lead nowhere; after so few, those of images
# that correlate less than they should.
_LAST_CHANCE, _FIRST_DOUBT = 25, 7


@dataclass(frozen=True)
class Solution:
    """State of a solve.

    Attributes
    ----------
    matrix : (d + 1, d + 1) array
        Reference pixel of the level to moving pixel of the level.
    ecc : float
        Correlation of reference and sampled moving image, gain and offset fitted globally; NaN if
        undefined.
    gain : float
        Sign tells the polarity.
    covariance : (p, p) array
        Of the parameters around `matrix`, in normalised coordinates.
    corner_uncertainty : float
        RMS over the reference's corners, one sigma, in px of the level; inf if undetermined.
    iterations : int
    converged : bool
    rate : float
        By which factor each step was shorter than the one before, as far as that is known.
    """

    matrix: Array
    ecc: float
    gain: float
    covariance: Array
    corner_uncertainty: float
    iterations: int
    converged: bool
    rate: float = SLOWEST


class Convergence:
    """Whether the steps so far leave anything to be expected.

    Parameters
    ----------
    epsilon : float
        A change of the ECC by less ends a run.
    tolerance : float
        So does the prospect of moving the corners by less (RMS, px of the level).
    rate : float, optional
        By which factor each step is expected to be shorter than the one before.
    """

    def __init__(self, epsilon: float, tolerance: float, rate: float = SLOWEST) -> None:
        self._epsilon = epsilon
        self.tolerance = tolerance
        self.moved, self.left, self.rate = np.inf, np.inf, rate
        self._ecc: float | None = None

    def resume(self) -> None:
        """Begin anew, but from where the last run ended: what it learned still holds."""
        self._ecc = None

    def reached(self, moved: float, ecc: float) -> bool:
        """Tell whether nothing that matters is to be expected after a step."""
        if self._ecc is not None:
            self.rate = min(max(moved / self.moved, _RATES[0]), _RATES[1])
        elif self.moved == np.inf and moved < CLOSE and abs(ecc) > ALIKE:
            self.rate = min(self.rate, _FIRST_RATE)
        elif self.moved == np.inf and moved >= CLOSE:
            self.rate = _RATES[1]
        self.moved = moved
        # Steps that shrink by a factor each add up to this.
        self.left = moved * self.rate / (1 - self.rate)
        before, self._ecc = -2.0 if self._ecc is None else self._ecc, abs(ecc)
        return self.left < self.tolerance or abs(self._ecc - before) < self._epsilon

    def diverges(self, done: int, unlike: bool = False) -> bool:
        """Tell whether so many steps should have come closer, of images that are `unlike`."""
        return done >= (_FIRST_DOUBT if unlike else _LAST_CHANCE) and self.moved > CLOSE


@dataclass(frozen=True)
class Step:
    """One Gauss-Newton step.

    Attributes
    ----------
    normals : (n, p, p) array
        Each block's contribution to the normal matrix.
    scores : (n, p) array
        Each block's contribution to the right-hand side.
    normal : (p, p) array
        The normal matrix that was solved.
    delta : (p,) array
        The solution.
    jacobian : (d * c, p) array
        How the parameters move the c corners, in the d directions of an image of d axes.
    ecc, gain : float
        At the transform that the step starts from; see `Solution`.
    lengthened : bool
        The normal matrix is without the noise of the reference's gradients.
    """

    normals: Array
    scores: Array
    normal: Array
    delta: Array
    jacobian: Array
    ecc: float
    gain: float
    lengthened: bool = True

    @cached_property
    def moved(self) -> float:
        """How far the step moves the corners (RMS, px of the level)."""
        moves = self.jacobian @ self.delta
        return math.sqrt(float(moves @ moves) / self._corners)

    @property
    def _corners(self) -> int:
        """An area has four corners, a volume eight: rows of the Jacobian over axes."""
        return 4 if len(self.jacobian) == 4 * 2 else 8

    def limited(self, limit: float) -> Array:
        """Return the step, shortened so that it moves the corners by `limit` at most."""
        moved = self.moved
        return self.delta if moved <= limit else self.delta * (limit / moved)

    @cached_property
    def uncertainty(self) -> tuple[Array, float]:
        """The covariance of the parameters, and what it means at the corners (px).

        Residuals are correlated between neighbouring pixels, so that their variance alone would
        promise too much.  The blocks' scores are nearly independent: their outer products give
        the sandwich covariance, and, averaged over directions, a scale for the inverse normal
        matrix.  The mean of both is less noisy than the first and less blind than the second.
        """
        p = len(self.normal)
        n = int(np.count_nonzero(self.normals[:, 0, 0] > 0))
        nothing = np.full((p, p), np.inf), float("inf")
        if n <= p:
            return nothing
        values, vectors = eigen((self.normal + self.normal.T) / 2)
        if values[0] <= 1e-9 * values[-1]:
            return nothing
        inverse = (vectors / values) @ vectors.T
        own = self.delta
        if self.lengthened:
            # Of the equations as they are.
            own = pseudoinverse(self.normals.sum(axis=0)) @ self.scores.sum(axis=0)
        residual = self.scores - self.normals @ own
        half = inverse @ (residual.T @ residual * (n / (n - p)))
        covariance = 0.5 * (half @ inverse + float(half.trace()) / p * inverse)
        return covariance, self.at_corners(covariance)

    def at_corners(self, covariance: Array) -> float:
        """Return what a covariance of the parameters means at the corners (RMS, px)."""
        spread = float(((self.jacobian @ covariance) * self.jacobian).sum()) / self._corners
        return math.sqrt(spread) if spread >= 0 else math.nan


class GaussNewton(ABC):
    """Refines transforms of one level; what the equations are is up to the subclass.

    Parameters
    ----------
    motion : Motion
        Of the model, around the reference level.
    epsilon : float
        Stop when the ECC changes by less.
    least : float
        Share of the blocks' pixels that must see the moving image.
    """

    def __init__(self, motion: Motion, *, epsilon: float, least: float) -> None:
        self._motion = motion
        self._epsilon = epsilon
        self._least = least
        self._limit = _LONGEST_STEP * motion.radius
        self._convergence = Convergence(epsilon, 0.0)
        # The last step of a run, if it was too small to sample the same blocks again.
        self._unsampled_step: Array | None = None

    def run(
        self,
        matrix: Array,
        *,
        iterations: int,
        tolerance: float,
        resumed: bool = False,
        rate: float = SLOWEST,
        alike: float = 0.0,
    ) -> Generator[None, None, Solution]:
        """Refine `matrix`, in px of the level.

        Parameters
        ----------
        matrix : (d + 1, d + 1) array
            Start.
        iterations : int
            At most so many.
        tolerance : float
            Stop when all further steps are expected to move the corners by less (RMS, px of the
            level).
        resumed : bool
            `matrix` is where the last run ended, and what that learned still holds.
        rate : float, optional
            As for `Convergence`.
        alike : float, optional
            What correlates less is given up where it does not come close in a few steps.

        Yields
        ------
        None
            At least once in every iteration.
        """
        if resumed:
            self._convergence.resume()
        else:
            self._convergence = Convergence(self._epsilon, tolerance, rate)
            self._unsampled_step = None
        last: Step | None = None
        done, converged = 0, False
        while done < iterations and not converged:
            step = yield from self._step(matrix)
            if step is None or not math.isfinite(step.moved):
                break
            self._convergence.tolerance = self._tolerance(tolerance, done, step)
            converged = self._convergence.reached(step.moved, step.ecc)
            moved = self._motion.composed(matrix, step.limited(self._limit))
            if not np.isfinite(moved).all():
                break
            matrix, last = moved, step
            done += 1
            if self._convergence.diverges(done, abs(step.ecc) < alike):
                break
        if last is None:
            nothing = np.full((self._motion.n_parameters,) * 2, np.inf)
            return Solution(matrix, float("nan"), 1.0, nothing, float("inf"), 0, False)
        if self._convergence.left < tolerance:
            self._unsampled_step = last.limited(self._limit)
        covariance, corner = last.uncertainty
        rate = self._convergence.rate
        return Solution(matrix, last.ecc, last.gain, covariance, corner, done, converged, rate)

    @abstractmethod
    def _step(self, matrix: Array) -> Generator[None, None, Step | None]:
        """Return the step at `matrix`, None where the images share too little."""

    def _tolerance(self, tolerance: float, done: int, step: Step) -> float:
        """Return the tolerance that holds after so many iterations and this step."""
        if done < _ITERATIONS_BEFORE_RELAXING:
            return tolerance
        corner = step.uncertainty[1]
        negligible = _NEGLIGIBLE_SHARE_OF_UNCERTAINTY * corner
        return max(tolerance, negligible) if math.isfinite(corner) else tolerance


class _SeesPixels(Protocol):
    seen: Bools | None


_Linearised = TypeVar("_Linearised", bound=_SeesPixels)


def linearised_for(
    image: Floats,
    valid: Bools | None,
    current: _Linearised | None,
    linearise: Callable[[Bools | None], _Linearised],
) -> tuple[_Linearised, Floats]:
    """Return a linearisation for the pixels that an image shows, and those alone of it.

    Parameters
    ----------
    image : (n, ...) array
        Samples of the moving image on blocks; NaN where there are none.
    valid : (n, ...) bool array or None
        Pixels of the reference that count; None if all do.
    current : linearisation or None
        Kept while its pixels are still seen and nearly all that are.
    linearise : callable
        Makes one for the pixels it is given.
    """
    seen = _seen_pixels(valid, image)
    if current is None or not _covers(seen, current.seen):
        # One pixel less than is seen: the next small step then does not change what is used.
        current = linearise(None if seen is None else withdrawn(seen))
    return current, image if current.seen is None else np.where(current.seen, image, np.float32(0))


def _seen_pixels(valid: Bools | None, image: Floats) -> Bools | None:
    """Return the pixels valid in both images, None if all."""
    if not np.isnan(image.sum()):
        return valid
    finite = ~np.isnan(image)
    return finite if valid is None else finite & valid


def _covers(now: Bools | None, before: Bools | None) -> bool:
    """Tell whether the pixels seen `before` are still seen and nearly all of those seen `now`."""
    if now is None:
        return before is None
    return before is not None and nearly_covers(now, before)


def nearly_covers(seen: Bools, used: Bools) -> bool:
    """Tell whether pixels that are used are all seen, and nearly all of those."""
    if np.any(used > seen):
        return False
    return bool(np.count_nonzero(used) > _STILL_SEEN * np.count_nonzero(seen))


def pseudoinverse(normal: Array) -> Array:
    """Invert a normal matrix, but move nothing in directions the image is silent about."""
    values, vectors = eigen((normal + normal.T) / 2)
    keep = values > 1e-7 * max(values[-1], 1e-30)
    if keep.all():
        return np.asarray((vectors / values) @ vectors.T)
    inverse = np.where(keep, 1 / np.where(keep, values, 1), 0)
    return np.asarray((vectors * inverse) @ vectors.T)


def eigen(symmetric: Array) -> tuple[Array, Array]:
    """Return eigenvalues, ascending, and eigenvectors as columns; numpy's way in takes longer."""
    _, values, vectors = cv2.eigen(symmetric)
    return values[::-1, 0], vectors[::-1].T
