"""Normal equations of gain, offset and motion on blocks, from moments.

With the reference R linearised, the moving image sampled through the current transform is fitted
by::

    moving = gain * R + offset + gain * grad R . displacement(parameters)

Gain and offset are eliminated (variable projection), either one pair for all blocks or one pair
per block; with a pair per block, each block also has a noise level of its own, by which it is
weighted.  Uneven light then bends nothing, and a block that shows something else hardly counts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..._cv2 import cv2
from . import moments
from .blocks import Blocks, gradients
from .models import Array, Frame, Model
from .scalespace import Bools, Floats

# A block's noise is believed down to this share of the typical block's.
_QUIETEST = 0.3


@dataclass(frozen=True)
class Equations:
    """Normal equations at one transform, gain and offset eliminated.

    Attributes
    ----------
    normals : (n, p, p) array
        Each block's contribution to the normal matrix.
    scores : (n, p) array
        Each block's contribution to the right-hand side.
    gains, weights : (n,) arrays
        Gain and inverse noise variance of each block.
    gain : float
        Of all blocks together; its sign tells the polarity.
    ecc : float
        Correlation with one gain and offset for all; NaN if undefined.
    """

    normals: Array
    scores: Array
    gains: Array
    weights: Array
    gain: float
    ecc: float


class Linearised:
    """The parts that depend only on the reference and on which pixels are seen.

    Parameters
    ----------
    blocks : Blocks
    model : Model
    frame : Frame
        Of the reference level.
    seen : (n, b, b) bool array or None
        Pixels to use; None for all.
    local : bool
        A gain, an offset and a noise level per block.
    """

    def __init__(
        self, blocks: Blocks, model: Model, frame: Frame, seen: Bools | None, local: bool
    ) -> None:
        self.seen = seen
        self._degree = model.degree
        self._local = local
        planes = [blocks.values, blocks.gx, blocks.gy]
        if seen is not None:
            planes = [plane * seen for plane in planes]
        self._values, self._gx, self._gy = planes
        n, b = len(blocks.values), blocks.size
        self.count = (
            np.full(n, float(b * b)) if seen is None else seen.sum(axis=(1, 2)).astype(np.float64)
        )
        # Per block, parameters -> coefficients over the block's own monomials: (n, 2m, p), in px
        # of displacement.
        shift = moments.shift(
            (blocks.centres - frame.centre) / frame.radius, b / 2 / frame.radius, model.degree
        )
        halves = model.basis.reshape(2, shift.shape[1], -1) * frame.radius
        self._restrict = np.concatenate(
            [shift.transpose(0, 2, 1) @ half for half in halves], axis=1
        )
        self._eliminate()

    def _eliminate(self) -> None:
        """Sum the reference's own moments and project gain and offset out of the motion."""
        gx, gy, values = self._gx, self._gy, self._values
        xx, yy = gx * gx, gy * gy
        self._strength = xx + yy
        hessian = self._quadratic(xx, gx * gy, yy)
        self._cross = np.stack([self._descent(values), self._descent(None)], axis=2)
        total, square = values.sum(axis=(1, 2), dtype=np.float64), _dot(values, values)
        self._photometric = np.array([[square, total], [total, self.count]]).transpose(2, 0, 1)
        shared = slice(None) if self._local else np.newaxis
        cross = self._cross if self._local else self._cross.sum(0)[shared]
        photometric = self._photometric if self._local else self._photometric.sum(0)[shared]
        self._inverse = _inverse2(photometric)
        self._coupling = cross @ self._inverse
        self._projected = hessian - self._cross @ self._coupling.transpose(0, 2, 1)

    def _quadratic(self, xx: Floats, xy: Floats, yy: Floats) -> Array:
        """Sum products of gradients, times products of monomials, per block: (n, p, p)."""
        a, b, c = (
            moments.quadratic(moments.table(p, 2 * self._degree), self._degree)
            for p in (xx, xy, yy)
        )
        full = np.concatenate(
            [np.concatenate([a, b], axis=2), np.concatenate([b, c], axis=2)], axis=1
        )
        return np.asarray(self._restrict.transpose(0, 2, 1) @ full @ self._restrict)

    def _descent(self, image: Floats | None) -> Array:
        """Sum steepest descent images times `image` (ones if None) per block: (n, p)."""
        gx, gy = (self._gx, self._gy) if image is None else (self._gx * image, self._gy * image)
        sums = [
            moments.linear(moments.table(plane, self._degree), self._degree) for plane in (gx, gy)
        ]
        return np.asarray((np.concatenate(sums, axis=1)[:, None] @ self._restrict)[:, 0])

    def equations(self, image: Floats) -> Equations:
        """Fit `image`, (n, b, b), zero where not seen."""
        descent = self._descent(image)
        pair = np.stack(
            [_dot(self._values, image), image.sum(axis=(1, 2), dtype=np.float64)], axis=1
        )
        square = _dot(image, image)
        whole = _inverse2(self._photometric.sum(0)) @ pair.sum(0)
        ecc = _correlation(self._photometric.sum(0), pair.sum(0), square.sum())
        if not self._local:
            residual = pair - self._photometric @ whole
            # The photometric equations hold only in the sum: each block also moves gain and
            # offset by its residual.
            scores = descent - self._cross @ whole - residual @ self._coupling[0].T
            gains, weights = np.full(len(image), whole[0]), np.ones(len(image))
        else:
            fitted = (self._inverse @ pair[:, :, None])[:, :, 0]
            scores = descent - (self._cross @ fitted[:, :, None])[:, :, 0]
            gains = fitted[:, 0]
            weights = self._weights(image, fitted)
        scores = scores * (weights * gains)[:, None]
        normals = self._projected * (weights * gains**2)[:, None, None]
        return Equations(normals, scores, gains, weights, float(whole[0]), ecc)

    def _weights(self, image: Floats, fitted: Array) -> Array:
        """Return inverse noise variances, relative to a typical block's.

        The noise is measured where the gradients are, because only there does it move anything:
        on a page, paper is quiet and the edges of the ink are not.
        """
        gain, offset = fitted.astype(np.float32).T[:, :, None, None]
        residual = image - self._values * gain - offset
        strength = self._strength.sum(axis=(1, 2), dtype=np.float64)
        variance = _dot(self._strength, residual * residual) / np.maximum(strength, 1e-30)
        used = strength > 0
        typical = float(np.median(variance[used])) if used.any() else 0.0
        if typical <= 0:
            return np.ones(len(variance))
        return np.asarray(1 / np.maximum(variance / typical, _QUIETEST))

    def noise(self, image: Floats, equations: Equations) -> Array:
        """Return what noise in the reference's gradients adds to the normal matrix, (p, p).

        The derivative of the scores by the motion is the product of the reference's gradients
        with those of the *moving* image.  The reference's with themselves also count its noise:
        steps would be too short, and the covariance too small, where there is little but noise.
        """
        n, b = len(image), image.shape[-1]
        ix, iy = (plane.reshape(n, b, b) for plane in gradients(image.reshape(n * b, b)))
        gain = equations.gains.astype(np.float32)[:, None, None]
        inside = np.zeros((1, b, b), np.float32)
        inside[:, 1:-1, 1:-1] = (b / (b - 2)) ** 2
        if self.seen is not None:
            inside = inside * withdrawn(self.seen)
        dx, dy = (self._gx * gain - ix) * inside, (self._gy * gain - iy) * inside
        sums = self._quadratic(
            self._gx * dx, np.float32(0.5) * (self._gx * dy + self._gy * dx), self._gy * dy
        )
        return np.asarray(np.tensordot(equations.weights * equations.gains, sums, axes=1))


def withdrawn(seen: Bools) -> Bools:
    """Shrink what is seen by one pixel, block by block."""
    element = np.ones((3, 3), np.uint8)
    blocks = [cv2.erode(block, element) for block in seen.view(np.uint8)]
    return np.asarray(np.stack(blocks).view(bool))


def _dot(a: Floats, b: Floats) -> Array:
    return np.asarray(np.einsum("nij,nij->n", a, b), dtype=np.float64)


def _inverse2(matrix: Array) -> Array:
    """Invert (..., 2, 2) symmetric matrices, with a ridge that keeps flat blocks finite."""
    a, b, d = matrix[..., 0, 0], matrix[..., 0, 1], matrix[..., 1, 1]
    scale = 1 / np.maximum(a * d - b * b, 1e-6 * a * d + 1e-12)
    return np.asarray(
        np.stack([np.stack([d, -b], -1), np.stack([-b, a], -1)], -2) * scale[..., None, None]
    )


def _correlation(photometric: Array, pair: Array, square: float) -> float:
    (aa, a), (_, n) = photometric.tolist()
    ab, b = pair.tolist()
    variances = float((aa - a * a / n) * (square - b * b / n)) if n > 0 else 0.0
    return float((ab - a * b / n) / math.sqrt(variances)) if variances > 0 else float("nan")
