"""Inverse compositional ECC on the moments of blocks.

Maximising the enhanced correlation coefficient over a motion equals the least squares fit of the
warped moving image by gain, offset and motion together (Evangelidis and Psarakis 2008, sections 3
and 4).  The *reference* is linearised, so that its gradients and normal matrix stay put while
only the warped image changes (Baker and Matthews 2004, section 3.2).  A negative gain is inverted
contrast.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .blocks import Blocks, Sampler
from .models import Array, Frame, Model, compose, corner_jacobian
from .normal import Equations, Linearised, withdrawn
from .scalespace import Bools, Floats

# Share of the reference's pixels that must see the moving image.
MIN_OVERLAP = 0.1
# A Gauss-Newton step is trusted this far (corner RMS as a share of the normalised radius).
_LONGEST_STEP = 0.2
# A linearisation is kept while it uses this share of the pixels that are seen.
_STILL_SEEN = 0.8
# Closer than this (px of the level), the moving image's gradients are those at the solution.
_CLOSE = 0.2
# A direction whose gradients are noise to more than this share is not told from noise.
_MOST_NOISE = 0.9


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


def solve(
    blocks: Blocks,
    sample: Sampler,
    matrix: Array,
    model: Model,
    frame: Frame,
    *,
    iterations: int,
    tolerance: float,
    termination_eps: float,
    local: bool,
) -> Solution:
    """Refine `matrix` on `blocks`.

    Parameters
    ----------
    blocks : Blocks
        Of the reference level.
    sample : callable
        Samples the moving level on those blocks.
    matrix : (3, 3) array
        Start, in px of the level.
    frame : Frame
        Of the reference level.
    iterations : int
        At most so many.
    tolerance : float
        Stop when a step moves the corners by less (RMS, px of the level).
    termination_eps : float
        Stop when the ECC changes by less.
    local : bool
        Gain and offset per block instead of one pair.
    """
    linearised: Linearised | None = None
    jacobian = np.zeros((8, model.n_parameters))
    last: tuple[Equations, Array, Array] | None = None
    previous = -2.0
    done = 0
    settled = False
    moved = np.inf
    clean = np.eye(model.n_parameters)
    limit = _LONGEST_STEP * frame.radius
    for iteration in range(1, iterations + 1):
        image = sample(matrix)
        seen = _seen(blocks, image)
        if linearised is None or not _covers(seen, linearised.seen):
            # One pixel less than is seen: the next small step then does not change what is used.
            linearised = Linearised(
                blocks, model, frame, None if seen is None else withdrawn(seen), local
            )
        if linearised.seen is not None:
            image = np.where(linearised.seen, image, np.float32(0))
        if linearised.count.sum() < MIN_OVERLAP * blocks.values.size:
            break
        equations = linearised.equations(image)
        if not np.isfinite(equations.ecc):
            break
        ecc = abs(equations.ecc)
        jacobian = corner_jacobian(matrix, model, frame)
        normal = equations.normals.sum(0)
        if local and moved > _CLOSE:
            clean = _shares(normal, linearised.noise(image, equations))
        if local:
            normal = clean @ normal
        delta = _regularised(normal, equations.scores.sum(0))
        moved = float(np.sqrt(np.mean(np.sum((jacobian @ delta).reshape(4, 2) ** 2, axis=1))))
        if not np.isfinite(moved):
            break
        settled = moved < tolerance or abs(ecc - previous) < termination_eps
        previous = ecc
        if moved > limit:
            delta *= limit / moved
        matrix = compose(matrix, model, frame, delta)
        last = equations, normal, delta
        done = iteration
        if settled:
            break
    if last is None:
        p = model.n_parameters
        return Solution(matrix, float("nan"), 1.0, np.full((p, p), np.inf), float("inf"), 0, False)
    equations, normal, delta = last
    covariance, corner = _uncertainty(equations, normal, jacobian, delta)
    return Solution(matrix, equations.ecc, equations.gain, covariance, corner, done, settled)


def _seen(blocks: Blocks, image: Floats) -> Bools | None:
    """Return the pixels valid in both images, None if all."""
    if not np.isnan(image.sum()):
        return blocks.valid
    finite = ~np.isnan(image)
    return finite if blocks.valid is None else finite & blocks.valid


def _covers(now: Bools | None, before: Bools | None) -> bool:
    """Tell whether the pixels seen `before` are still seen and nearly all of those seen `now`."""
    if now is None:
        return before is None
    if before is None:
        return False
    lost = before & ~now
    return not lost.any() and bool(before.sum() > _STILL_SEEN * now.sum())


def _shares(normal: Array, noise: Array) -> Array:
    """Return ``S`` so that ``S @ normal`` is the normal matrix without its noise.

    Every direction keeps at least a tenth.
    """
    try:
        root = np.linalg.cholesky(normal + 1e-9 * np.trace(normal) * np.eye(len(normal)))
    except np.linalg.LinAlgError:
        return np.eye(len(normal))
    inverse = np.linalg.inv(root)
    values, vectors = np.linalg.eigh(inverse @ noise @ inverse.T)
    kept = (vectors * (1 - np.clip(values, 0, _MOST_NOISE))) @ vectors.T
    return np.asarray(root @ kept @ inverse)


def _regularised(normal: Array, right: Array) -> Array:
    """Solve the normal equations, but move nothing in directions the image is silent about."""
    values, vectors = np.linalg.eigh((normal + normal.T) / 2)
    keep = values > 1e-7 * max(values[-1], 1e-30)
    inverse = np.where(keep, 1 / np.where(keep, values, 1), 0)
    return np.asarray(vectors @ (inverse * (vectors.T @ right)))


def _uncertainty(
    equations: Equations, normal: Array, jacobian: Array, delta: Array
) -> tuple[Array, float]:
    """Return the covariance of the parameters, and what it means at the corners (px).

    Residuals are correlated between neighbouring pixels, so that their variance alone would
    promise too much.  The blocks' scores are nearly independent: their outer products give the
    sandwich covariance, and, averaged over directions, a scale for the inverse normal matrix.
    The mean of both is less noisy than the first and less blind than the second.
    """
    p = len(normal)
    normal = (normal + normal.T) / 2
    n = int((equations.normals[:, 0, 0] > 0).sum())
    values = np.linalg.eigvalsh(normal)
    if n <= p or values[0] <= 1e-9 * values[-1]:
        return np.full((p, p), np.inf), float("inf")
    inverse = np.linalg.inv(normal)
    residual = equations.scores - equations.normals @ delta
    meat = residual.T @ residual * (n / (n - p))
    spread = np.trace(inverse @ meat) / p
    covariance = 0.5 * (inverse @ meat @ inverse + spread * inverse)
    return covariance, float(np.sqrt(np.trace(jacobian @ covariance @ jacobian.T) / 4))
