"""Inverse compositional ECC on the moments of blocks.

Maximising the enhanced correlation coefficient over a motion equals the least squares fit of the
warped moving image by gain, offset and motion together (Evangelidis and Psarakis 2008, sections 3
and 4).  The *reference* is linearised, so that its gradients and normal matrix stay put while
only the warped image changes (Baker and Matthews 2004, section 3.2).  A negative gain is inverted
contrast.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace

import numpy as np

from .._common.opencv import cv2
from .._images.pyramid.blocks import Blocks, Sampler
from .._images.pyramid.levels import Bools, Floats
from .._transform.models import Array, Frame, Model, compose, corner_motions, corner_slopes
from .normal_equations import Equations, Fit, Linearised, chained, combined, withdrawn

# Share of the smaller image's pixels that must see the other one.
MIN_OVERLAP = 0.1
# A Gauss-Newton step is trusted this far (corner RMS as a share of the normalised radius).
LONGEST_STEP = 0.2
# A linearisation is kept while it uses this share of the pixels that are seen.
_STILL_SEEN = 0.8
# Closer than this (px of the level), the moving image's gradients are those at the solution.
_CLOSE = 0.2
# A direction whose gradients are noise to more than this share is not told from noise.
_MOST_NOISE = 0.9
# Each step is taken to be shorter than the last by a factor within these limits, and the second
# by this one if the first is close already and the images correlate like this.
_RATES = (0.05, 0.98)
_FIRST_RATE = 0.07
_ALIKE = 0.99
# After so many iterations, what is left of the way is compared with the uncertainty, too: a share
# of it does not matter.
_PATIENCE = 6
_NEGLIGIBLE = 0.1
# After so many, steps that are not `_CLOSE` lead nowhere.
_LAST_CHANCE = 25


@dataclass(frozen=True)
class Solution:
    """State of a solve.

    Attributes
    ----------
    matrix : (3, 3) array
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
    """

    matrix: Array
    ecc: float
    gain: float
    covariance: Array
    corner_uncertainty: float
    iterations: int
    converged: bool


def no_solution(matrix: Array, parameters: int) -> Solution:
    """Return what is known where nothing could be fitted."""
    covariance = np.full((parameters, parameters), np.inf)
    return Solution(matrix, float("nan"), 1.0, covariance, float("inf"), 0, False)


class Convergence:
    """Whether the steps so far leave anything to be expected.

    Parameters
    ----------
    epsilon : float
        A change of the ECC by less ends a run.
    tolerance : float
        So does the prospect of moving the corners by less (RMS, px of the level).
    """

    def __init__(self, epsilon: float, tolerance: float) -> None:
        self._epsilon = epsilon
        self.tolerance = tolerance
        self.moved, self.left, self._rate = np.inf, np.inf, _RATES[1]
        self._ecc: float | None = None

    def resume(self) -> None:
        """Begin anew, but from where the last run ended: what it learned still holds."""
        self._ecc = None

    def reached(self, moved: float, ecc: float) -> bool:
        """Tell whether nothing that matters is to be expected after a step."""
        if self._ecc is not None:
            self._rate = min(max(moved / self.moved, _RATES[0]), _RATES[1])
        elif self.moved == np.inf and moved < _CLOSE and abs(ecc) > _ALIKE:
            self._rate = _FIRST_RATE
        self.moved = moved
        # Steps that shrink by a factor each add up to this.
        self.left = moved * self._rate / (1 - self._rate)
        before, self._ecc = -2.0 if self._ecc is None else self._ecc, abs(ecc)
        return self.left < self.tolerance or abs(self._ecc - before) < self._epsilon

    def hopeless(self, done: int) -> bool:
        """Tell whether so many steps should have come closer."""
        return done >= _LAST_CHANCE and self.moved > _CLOSE


def sandwich(
    normals: Array, scores: Array, normal: Array, delta: Array, jacobian: Array
) -> tuple[Array, float]:
    """Return the covariance of the parameters, and what it means at the corners (px).

    Residuals are correlated between neighbouring pixels, so that their variance alone would
    promise too much.  The blocks' scores are nearly independent: their outer products give the
    sandwich covariance, and, averaged over directions, a scale for the inverse normal matrix.
    The mean of both is less noisy than the first and less blind than the second.

    Parameters
    ----------
    normals : (n, p, p) array
    scores : (n, p) array
        Of each block.
    normal : (p, p) array
        Of all of them.
    delta : (p,) array
        The step that solves the equations.
    jacobian : (8, p) array
        How the parameters move the corners.
    """
    p = len(normal)
    normal = (normal + normal.T) / 2
    n = int((normals[:, 0, 0] > 0).sum())
    values, vectors = _eigen(normal)
    if n <= p or values[0] <= 1e-9 * values[-1]:
        return np.full((p, p), np.inf), float("inf")
    inverse = (vectors / values) @ vectors.T
    residual = scores - normals @ delta
    half = inverse @ (residual.T @ residual * (n / (n - p)))
    covariance = 0.5 * (half @ inverse + np.trace(half) / p * inverse)
    return covariance, float(np.sqrt(np.sum((jacobian @ covariance) * jacobian) / 4))


@dataclass(frozen=True)
class _Step:
    """One Gauss-Newton step: `moved` is how far it moves the corners (RMS, px of the level)."""

    equations: Equations
    normal: Array
    delta: Array
    jacobian: Array
    moved: float

    def within(self, limit: float) -> Array:
        """Return the step, shortened so that it moves the corners by `limit` at most."""
        return self.delta if self.moved <= limit else self.delta * (limit / self.moved)

    def uncertainty(self) -> tuple[Array, float]:
        """Return the covariance of the parameters, and what it means at the corners (px)."""
        equations = self.equations
        return sandwich(
            equations.normals, equations.scores, self.normal, self.delta, self.jacobian
        )


class _Part:
    """Some blocks of the reference; their linearisation is kept while it holds."""

    def __init__(self, blocks: Blocks, sample: Sampler) -> None:
        self.blocks = blocks
        self._sample = sample
        self.linearised: Linearised | None = None
        self.noise: Array | None = None
        self._image = blocks.values
        self._last: Fit | None = None

    def fit(self, matrix: Array, model: Model, frame: Frame) -> Fit:
        """Sample the moving image at `matrix` and fit it."""
        image = self._sample(matrix)
        seen = seen_pixels(self.blocks, image)
        if self.linearised is None or not covers(seen, self.linearised.seen):
            # One pixel less than is seen: the next small step then does not change what is used.
            used = None if seen is None else withdrawn(seen)
            self.linearised = Linearised(self.blocks, model, frame, used)
        if self.linearised.seen is not None:
            image = np.where(self.linearised.seen, image, np.float32(0))
        self._image = image
        self._last = self.linearised.fit(image)
        return self._last

    def carried(self, delta: Array) -> Fit | None:
        """Return the last fit carried over a step so small that it is linear; None without one."""
        if self._last is None:
            return None
        slopes = self._last.normals * self._last.gains[:, None, None]
        if self.noise is not None:
            slopes = slopes - self.noise
        self._last = replace(self._last, scores=self._last.scores - slopes @ delta)
        return self._last

    def measure(self, gains: Array) -> None:
        """Measure the noise of the reference's gradients against the image fitted last."""
        if self.linearised is not None:
            self.noise = self.linearised.noise(self._image, gains)


class Solver:
    """Refines transforms of one level, on blocks that may become more.

    Parameters
    ----------
    model : Model
    frame : Frame
        Of the reference level.
    epsilon : float
        Stop when the ECC changes by less.
    least : float
        Share of the blocks' pixels that must see the moving image.
    """

    def __init__(
        self, model: Model, frame: Frame, *, epsilon: float, least: float = MIN_OVERLAP
    ) -> None:
        self._model = model
        self._frame = frame
        self._eps = epsilon
        self._least = least
        self._parts: list[_Part] = []
        self._motions = corner_motions(model, frame)
        self._limit = LONGEST_STEP * frame.radius
        self._convergence = Convergence(epsilon, 0.0)
        # The last step, if it was too small to sample the same blocks again.
        self._ended: Array | None = None

    def add(self, blocks: Blocks, sample: Sampler) -> None:
        """Add blocks of the reference level, and what samples the moving level on them."""
        self._parts.append(_Part(blocks, sample))

    def run(
        self, matrix: Array, *, iterations: int, tolerance: float, resumed: bool = False
    ) -> Generator[None, None, Solution]:
        """Refine `matrix`, in px of the level.

        Parameters
        ----------
        matrix : (3, 3) array
            Start.
        iterations : int
            At most so many.
        tolerance : float
            Stop when all further steps are expected to move the corners by less (RMS, px of the
            level).
        resumed : bool
            `matrix` is where the last run ended, and what that learned still holds.

        Yields
        ------
        None
            After every part of every iteration.
        """
        if resumed:
            self._convergence.resume()
        else:
            self._convergence, self._ended = Convergence(self._eps, tolerance), None
        last: _Step | None = None
        done, settled = 0, False
        while done < iterations and not settled:
            equations = yield from self._equations(matrix, self._ended)
            self._ended = None
            step = None if equations is None else self._step(matrix, equations)
            if step is None:
                break
            self._convergence.tolerance = tolerance
            if done >= _PATIENCE:
                corner = step.uncertainty()[1]
                if np.isfinite(corner):
                    self._convergence.tolerance = max(tolerance, _NEGLIGIBLE * corner)
            settled = self._convergence.reached(step.moved, step.equations.ecc)
            matrix = compose(matrix, self._model, self._frame, step.within(self._limit))
            last = step
            done += 1
            if self._convergence.hopeless(done):
                break
        if last is None:
            return no_solution(matrix, self._model.n_parameters)
        if self._convergence.left < tolerance:
            self._ended = last.within(self._limit)
        covariance, corner = last.uncertainty()
        ecc, gain = last.equations.ecc, last.equations.gain
        return Solution(matrix, ecc, gain, covariance, corner, done, settled)

    def _step(self, matrix: Array, equations: Equations) -> _Step | None:
        """Return the Gauss-Newton step at `matrix`, None without one."""
        normal = self._cleaned(equations.normals.sum(0), equations)
        delta = pseudoinverse(normal) @ equations.scores.sum(0)
        jacobian = corner_slopes(matrix, self._frame, self._motions)
        moved = float(np.sqrt(np.sum((jacobian @ delta) ** 2) / 4))
        return _Step(equations, normal, delta, jacobian, moved) if np.isfinite(moved) else None

    def _equations(
        self, matrix: Array, ended: Array | None
    ) -> Generator[None, None, Equations | None]:
        """Fit all parts at `matrix`; None where they see too little.

        Those that were fitted before a last step `ended` there are carried along.
        """
        fits = []
        for part in self._parts:
            fit = None if ended is None else part.carried(ended)
            fits.append(fit or part.fit(matrix, self._model, self._frame))
            yield
        used = sum(part.linearised.count.sum() for part in self._parts if part.linearised)
        if used < self._least * sum(part.blocks.values.size for part in self._parts):
            return None
        equations = combined(fits)
        return equations if np.isfinite(equations.ecc) else None

    def _cleaned(self, normal: Array, equations: Equations) -> Array:
        """Return the normal matrix without the noise of the reference's gradients.

        The noise of a part is measured once the solution is close.
        """
        first = 0
        for part in self._parts:
            after = first + len(part.blocks.values)
            if part.noise is None or self._convergence.moved > _CLOSE:
                part.measure(equations.gains[first:after])
            first = after
        noise = chained([part.noise for part in self._parts if part.noise is not None])
        summed = np.tensordot(equations.weights * equations.gains, noise, axes=1)
        return _shares(normal, summed) @ normal


def seen_pixels(blocks: Blocks, image: Floats) -> Bools | None:
    """Return the pixels valid in both images, None if all."""
    if not np.isnan(image.sum()):
        return blocks.valid
    finite = ~np.isnan(image)
    return finite if blocks.valid is None else finite & blocks.valid


def covers(now: Bools | None, before: Bools | None) -> bool:
    """Tell whether the pixels seen `before` are still seen and nearly all of those seen `now`."""
    if now is None:
        return before is None
    if before is None:
        return False
    if np.any(before > now):
        return False
    return bool(np.count_nonzero(before) > _STILL_SEEN * np.count_nonzero(now))


def _shares(normal: Array, noise: Array) -> Array:
    """Return ``S`` so that ``S @ normal`` is the normal matrix without its noise.

    Every direction keeps at least a tenth.
    """
    try:
        root = np.linalg.cholesky(normal + 1e-9 * np.trace(normal) * np.eye(len(normal)))
    except np.linalg.LinAlgError:
        return np.eye(len(normal))
    inverse = np.linalg.inv(root)
    values, vectors = _eigen(inverse @ noise @ inverse.T)
    kept = (vectors * (1 - np.clip(values, 0, _MOST_NOISE))) @ vectors.T
    return np.asarray(root @ kept @ inverse)


def pseudoinverse(normal: Array) -> Array:
    """Invert a normal matrix, but move nothing in directions the image is silent about."""
    values, vectors = _eigen((normal + normal.T) / 2)
    keep = values > 1e-7 * max(values[-1], 1e-30)
    inverse = np.where(keep, 1 / np.where(keep, values, 1), 0)
    return np.asarray((vectors * inverse) @ vectors.T)


def _eigen(symmetric: Array) -> tuple[Array, Array]:
    """Return eigenvalues, ascending, and eigenvectors as columns; numpy's way in takes longer."""
    _, values, vectors = cv2.eigen(symmetric)
    return values[::-1, 0], vectors[::-1].T
