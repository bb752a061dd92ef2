"""Inverse compositional ECC on the moments of blocks.

Maximising the enhanced correlation coefficient over a motion equals the least squares fit of the
warped moving image by gain, offset and motion together ([1]_, sections 3 and 4).  The *reference*
is linearised, so that its gradients and normal matrix stay put while only the warped image changes
([2]_, section 3.2).  A negative gain is inverted contrast.

References
----------
.. [1] G. D. Evangelidis and E. Z. Psarakis, "Parametric Image Alignment Using Enhanced Correlation
   Coefficient Maximization", IEEE TPAMI 30(10), 2008.
.. [2] S. Baker and I. Matthews, "Lucas-Kanade 20 Years On: A Unifying Framework", IJCV 56(3),
   2004.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from functools import partial

import numpy as np

from .._images.pyramid.blocks import Blocks, Sampler
from .._transform.models import Array, Frame, Model
from .gauss_newton import CLOSE, GaussNewton, Step, eigen, linearised_for, pseudoinverse
from .normal_equations import Equations, Fit, LinearisedBlocks, chained, combined

# Share of the smaller image's pixels that must see the other one.
MIN_OVERLAP = 0.1
# A direction whose gradients are noise to more than this share is not told from noise.
_MOST_NOISE = 0.9
# After so many iterations, what is left of the way is compared with the uncertainty, too: a share
# of it does not matter.
_ITERATIONS_BEFORE_RELAXING = 6
_NEGLIGIBLE_SHARE_OF_UNCERTAINTY = 0.1


class _Part:
    """Some blocks of the reference; their linearisation is kept while it holds."""

    def __init__(self, blocks: Blocks, sample: Sampler) -> None:
        self.blocks = blocks
        self._sample = sample
        self.linearised: LinearisedBlocks | None = None
        self.noise: Array | None = None
        self._image = blocks.values
        self._last: Fit | None = None

    def fit(self, matrix: Array, model: Model, frame: Frame) -> Fit:
        """Sample the moving image at `matrix` and fit it."""
        self.linearised, self._image = linearised_for(
            self._sample(matrix),
            self.blocks,
            self.linearised,
            partial(LinearisedBlocks, self.blocks, model, frame),
        )
        self._last = self.linearised.fit(self._image)
        return self._last

    def fit_after(self, delta: Array) -> Fit | None:
        """Return the last fit as it is after a step so small that it is linear; None without one.

        Nothing is sampled.
        """
        if self._last is None:
            return None
        slopes = self._last.normals * self._last.gains[:, None, None]
        if self.noise is not None:
            slopes = slopes - self.noise
        self._last = replace(self._last, scores=self._last.scores - slopes @ delta)
        return self._last

    def measure_noise(self, gains: Array) -> None:
        """Measure the noise of the reference's gradients against the image fitted last."""
        if self.linearised is not None:
            self.noise = self.linearised.noise(self._image, gains)


class BlockSolver(GaussNewton):
    """Refines transforms of one level with a gain and offset per block.

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
        super().__init__(model, frame, epsilon=epsilon, least=least)
        self._parts: list[_Part] = []

    def add(self, blocks: Blocks, sample: Sampler) -> None:
        """Add blocks of the reference level, and what samples the moving level on them."""
        self._parts.append(_Part(blocks, sample))

    def _step(self, matrix: Array) -> Generator[None, None, Step | None]:
        unsampled, self._unsampled_step = self._unsampled_step, None
        equations = yield from self._equations(matrix, unsampled)
        if equations is None:
            return None
        normal = self._without_noise(equations.normals.sum(0), equations)
        delta = pseudoinverse(normal) @ equations.scores.sum(0)
        return Step(
            equations.normals,
            equations.scores,
            normal,
            delta,
            self._jacobian(matrix),
            equations.ecc,
            equations.gain,
        )

    def _tolerance(self, tolerance: float, done: int, step: Step) -> float:
        if done < _ITERATIONS_BEFORE_RELAXING:
            return tolerance
        corner = step.uncertainty()[1]
        negligible = _NEGLIGIBLE_SHARE_OF_UNCERTAINTY * corner
        return max(tolerance, negligible) if np.isfinite(corner) else tolerance

    def _equations(
        self, matrix: Array, unsampled_step: Array | None
    ) -> Generator[None, None, Equations | None]:
        """Fit all parts at `matrix`; None where they see too little.

        Those that were fitted before a last step that led there are not sampled again.
        """
        fits = []
        for part in self._parts:
            fit = None if unsampled_step is None else part.fit_after(unsampled_step)
            fits.append(fit or part.fit(matrix, self._model, self._frame))
            yield
        used = sum(part.linearised.count.sum() for part in self._parts if part.linearised)
        if used < self._least * sum(part.blocks.values.size for part in self._parts):
            return None
        equations = combined(fits)
        return equations if np.isfinite(equations.ecc) else None

    def _without_noise(self, normal: Array, equations: Equations) -> Array:
        """Return the normal matrix without the noise of the reference's gradients.

        The noise of a part is measured once the solution is close.
        """
        first = 0
        for part in self._parts:
            after = first + len(part.blocks.centres)
            if part.noise is None or self._convergence.moved > CLOSE:
                part.measure_noise(equations.gains[first:after])
            first = after
        noise = chained([part.noise for part in self._parts if part.noise is not None])
        summed = np.tensordot(equations.weights * equations.gains, noise, axes=1)
        return _noise_filter(normal, summed) @ normal


def _noise_filter(normal: Array, noise: Array) -> Array:
    """Return ``S`` so that ``S @ normal`` is the normal matrix without its noise.

    Every direction keeps at least a tenth.
    """
    try:
        root = np.linalg.cholesky(normal + 1e-9 * np.trace(normal) * np.eye(len(normal)))
    except np.linalg.LinAlgError:
        return np.eye(len(normal))
    inverse = np.linalg.inv(root)
    values, vectors = eigen(inverse @ noise @ inverse.T)
    kept = (vectors * (1 - np.clip(values, 0, _MOST_NOISE))) @ vectors.T
    return np.asarray(root @ kept @ inverse)
