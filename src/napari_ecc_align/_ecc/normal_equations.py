"""Normal equations of gain, offset and motion on blocks, from moments.

With the reference R linearised, the moving image sampled through the current transform is fitted
by::

    moving = gain * R + offset + gain * grad R . displacement(parameters)

Of several planes the equations are the sums over all of them, with one gain and offset.

Gain and offset are eliminated (variable projection), either one pair for all blocks or one pair
per block; with a pair per block, each block also has a noise level of its own, by which it is
weighted.  Uneven light then bends nothing, and a block that shows something else hardly counts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .._common.quantiles import middle
from .._images.pyramid.blocks import Blocks
from .._images.pyramid.filters import inner_gradients
from .._images.pyramid.levels import Bools, Floats
from .._transform.models import Array, Frame, Model
from . import moments
from .correlation import ecc_of_sums

# A block's noise is believed down to this share of the typical block's.
_QUIETEST = 0.3
# What is nearly blank in the reference and not in the moving image has a gain beyond measure, with
# which it would count more than all others.
_MOST_GAIN = 4.0
# A block's noise is measured on every so many-th of its rows and columns.
_SPARSE = 2


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
        Of the typical block; its sign tells the polarity.
    ecc : float
        Correlation with one gain and offset for all; NaN if undefined.
    noise : float
        Noise variance of a block of weight one.
    """

    normals: Array
    scores: Array
    gains: Array
    weights: Array
    gain: float
    ecc: float
    noise: float


@dataclass(frozen=True)
class Fit:
    """What one set of blocks says of one transform.

    Attributes
    ----------
    normals : (n, p, p) array
    scores : (n, p) array
        Neither multiplied by the gains nor by the weights yet.
    gains : (n,) array
    variances : (n,) array
        Noise where the reference has gradients, zero in blocks without.
    photometric : (2, 2) array
        Sums of R², R and 1 over all blocks.
    pair : (2,) array
        Sums of R * moving and of moving.
    square : float
        Sum of moving².
    correlations : (n,) array, optional
        Of each block's pixels with those of the moving image.
    """

    normals: Array
    scores: Array
    gains: Array
    variances: Array
    photometric: Array
    pair: Array
    square: float
    correlations: Array | None = None


class LinearisedBlocks:
    """The parts that depend only on the reference and on which pixels are seen.

    Parameters
    ----------
    blocks : Blocks
    model : Model
    frame : Frame
        Of the reference level.
    seen : (k * n, b, b) bool array or None
        Pixels to use; None for all.
    """

    def __init__(self, blocks: Blocks, model: Model, frame: Frame, seen: Bools | None) -> None:
        self.seen = seen
        self._degree = model.degree
        self._planes = blocks.planes
        self._values, self._slopes = blocks.values, blocks.slopes
        if seen is not None:
            self._values, self._slopes = self._values * seen, self._slopes * seen
        n, b = len(blocks.values), blocks.size
        self.count = self._summed(
            np.full(n, float(b * b))
            if seen is None
            else np.array([np.count_nonzero(block) for block in seen], np.float64)
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

    def _summed(self, values: Array) -> Array:
        """Return the sums over the planes of what there is of each block of each."""
        return over_planes(values, self._planes)

    def _eliminate(self) -> None:
        """Sum the reference's own moments and project gain and offset out of the motion."""
        hessian, self._cross, square, total = self._own_products()
        values, slopes = self._values, self._slopes
        self._photometric = np.array([[square, total], [total, self.count]]).transpose(2, 0, 1)
        self._pooled = self._photometric.sum(0)
        sparse = slopes[:, :, ::_SPARSE, ::_SPARSE]
        self._sparse = np.ascontiguousarray(values[:, ::_SPARSE, ::_SPARSE])
        self._strength = sparse[0] ** 2 + sparse[1] ** 2
        self._total_strength = np.maximum(self._summed(_sum(self._strength)), 1e-30)
        self._inverse = inverse2(self._photometric)
        coupling = self._cross @ self._inverse
        self._projected = hessian - self._cross @ coupling.transpose(0, 2, 1)

    def _own_products(self) -> tuple[Array, Array, Array, Array]:
        """Return sums of the motion's products with itself, and with the values and 1.

        Of shapes (n, p, p) and (n, p, 2), and the sums of the values' squares and of these, (n,).
        """
        values, slopes = self._values, self._slopes
        planes = np.empty((5, *values.shape), np.float32)
        for out, first, second in zip(planes, (0, 0, 1), (0, 1, 1), strict=False):
            np.multiply(slopes[first], slopes[second], out=out)
        np.multiply(slopes, values, out=planes[3:])
        table = over_planes(moments.table(planes, 2 * self._degree), self._planes, 1)
        hessian = self._restricted(*moments.quadratic(table[:3], self._degree))
        cross = np.stack([self._moments_against(table[3:]), self._descent(slopes)], axis=2)
        total, square = self._summed(_sum(values)), self._summed(dot(values, values))
        return hessian, cross, square, total

    def _restricted(self, a: Array, b: Array, c: Array) -> Array:
        """Return (n, p, p) for sums by x and x, x and y, and y and y, each (n, m, m)."""
        m = a.shape[-1]
        full = np.empty((len(a), 2 * m, 2 * m))
        full[:, :m, :m], full[:, m:, m:] = a, c
        full[:, :m, m:] = full[:, m:, :m] = b
        return np.asarray(self._restrict.transpose(0, 2, 1) @ full @ self._restrict)

    def _descent(self, planes: Floats) -> Array:
        """Sum products with the gradients by x and by y against the motion: (n, p)."""
        return self._moments_against(
            over_planes(moments.table(planes, self._degree), self._planes, 1)
        )

    def _moments_against(self, table: Array) -> Array:
        """Sum moments of products with the gradients against the motion: (n, p)."""
        sums = moments.linear(table, self._degree)
        both = sums.transpose(1, 0, 2).reshape(sums.shape[1], 1, -1)
        return np.asarray((both @ self._restrict)[:, 0])

    def fit(self, image: Floats) -> Fit:
        """Fit `image`, (k * n, b, b), zero where not seen."""
        scores, pairs = self._products(image)
        pair = pairs.sum(0)
        fitted = (self._inverse @ pairs[:, :, None])[:, :, 0]
        scores = scores - (self._cross @ fitted[:, :, None])[:, :, 0]
        variances = self._variances(image, fitted)
        squares, gains = dot(image, image), fitted[:, 0]
        return Fit(
            self._projected,
            scores,
            gains,
            variances,
            self._pooled,
            pair,
            float(squares.sum()),
            self._correlations(gains, pairs[:, 1], squares),
        )

    def _correlations(self, gains: Array, sums: Array, squares: Array) -> Array | None:
        """Return the correlation of each block with an image; None where it is not measured."""
        return None

    def _products(self, image: Floats) -> tuple[Array, Array]:
        """Return sums of an image's products with the motion, (n, p), the values and 1, (n, 2)."""
        pairs = self._summed(np.stack([dot(self._values, image), _sum(image)], axis=1))
        return self._descent(self._slopes * image), pairs

    def _variances(self, image: Floats, fitted: Array) -> Array:
        """Return each block's noise variance.

        The noise is measured where the gradients are, because only there does it move anything:
        on a page, paper is quiet and the edges of the ink are not.
        """
        gain, offset = self._each(fitted).astype(np.float32).T[:, :, None, None]
        residual = self._sparse * gain
        residual += offset
        residual -= image[:, ::_SPARSE, ::_SPARSE]
        residual *= residual
        return np.asarray(self._summed(dot(self._strength, residual)) / self._total_strength)

    def _each(self, values: Array) -> Array:
        """Return for each block of each plane what holds for all planes."""
        return values if self._planes == 1 else np.tile(values, (self._planes, 1))

    def noise(self, image: Floats, gains: Array) -> Array:
        """Return what noise in the reference's gradients adds to the normals, (n, p, p).

        It is still to be multiplied by the weights and gains.

        The derivative of the scores by the motion is the product of the reference's gradients
        with those of the *moving* image.  The reference's with themselves also count its noise:
        steps would be too short, and the covariance too small, where there is little but noise.
        """
        b = image.shape[-1]
        # Noise is much the same all over a block: its moments are those of the block's area.
        if self.seen is None:
            area = moments.area(b, self._degree) * (b / (b - 2)) ** 2
            shared = self._with_gradients(_differences(image))
            sums = gains[:, None] * self._own_gradients - shared
            return self._restricted(*(one[:, None, None] * area for one in sums.T))
        inside = slice(1, b - 1, _SPARSE), slice(1, b - 1)
        own = self._slopes[:, :, *inside]
        left = own * self._each(gains[:, None]).astype(np.float32)[:, :, None]
        left -= inner_gradients(image, _SPARSE)
        left *= withdrawn(self.seen)[:, *inside]
        xx, yy = (self._summed(dot(own[k], left[k])) for k in (0, 1))
        xy = self._summed(dot(own[0], left[1]) + dot(own[1], left[0])) / 2
        area = moments.area(b, self._degree) * (b**2 / own[0, 0].size)
        return self._restricted(*(sums[:, None, None] * area for sums in (xx, xy, yy)))

    @cached_property
    def _inner(self) -> Floats:
        """The gradients, zero at the border, (n, 2, pixels)."""
        inner = self._slopes.copy()
        for edge in (0, -1):
            inner[:, :, edge] = inner[..., edge] = 0
        return inner.reshape(*inner.shape[:2], -1).transpose(1, 0, 2)

    @cached_property
    def _own_gradients(self) -> Array:
        return self._with_gradients(self._slopes.reshape(*self._slopes.shape[:2], -1))

    def _with_gradients(self, other: Floats) -> Array:
        """Return sums of products of the gradients with others but at the border, (n, 3).

        By x and x, by x and y, and by y and y; of others of shape (2, n, pixels).
        """
        products = np.matmul(self._inner, other.transpose(1, 2, 0)).astype(np.float64)
        sums = products.reshape(-1, 4)[:, [0, 1, 3]]
        sums[:, 1] = (products[:, 0, 1] + products[:, 1, 0]) / 2
        return self._summed(sums)


def _differences(blocks: Floats) -> Floats:
    """Return gradients of blocks (n, b, b), (2, n, b * b), but at the border, where it is none."""
    n, b, _ = blocks.shape
    flat = blocks.reshape(-1)
    out = np.zeros((2, flat.size), np.float32)
    for along, step in zip(out, (1, b), strict=True):
        np.subtract(flat[2 * step :], flat[: -2 * step], out=along[step:-step])
    out *= np.float32(0.5)
    return out.reshape(2, n, b * b)


def combined(fits: list[Fit]) -> Equations:
    """Put the fits of several sets of blocks together (of one set, where not local)."""
    photometric = sum((fit.photometric for fit in fits), np.zeros((2, 2)))
    pair = sum((fit.pair for fit in fits), np.zeros(2))
    square = sum(fit.square for fit in fits)
    gains = chained([fit.gains for fit in fits])
    normals = chained([fit.normals for fit in fits])
    variances = chained([fit.variances for fit in fits])
    noise = middle(variances[variances > 0]) if (variances > 0).any() else 0.0
    weights = _weights(variances, noise)
    strengths = np.maximum(normals[:, 0, 0], 0)
    weights[np.abs(gains) > _MOST_GAIN * _typical_gain(strengths, gains)] = 0
    # Light from one side may correlate with all of an image, against what each block shows.
    gain = float(strengths @ gains) / max(float(strengths.sum()), 1e-30)
    scores = chained([fit.scores for fit in fits]) * (weights * gains)[:, None]
    normals = normals * (weights * gains**2)[:, None, None]
    ecc = ecc_of_sums(photometric, pair, square)
    return Equations(normals, scores, gains, weights, gain, ecc, noise)


def _typical_gain(strengths: Array, gains: Array) -> float:
    """Return the root mean square gain, each block weighed by the strength of its gradients."""
    total = float(strengths.sum())
    return math.sqrt(float(strengths @ gains**2) / total) if total > 0 else 0.0


def chained(arrays: list[Array]) -> Array:
    """Return arrays one after the other, without a copy if there is one only."""
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)


def _weights(variances: Array, typical: float) -> Array:
    """Return inverse noise variances, relative to a typical block's; 1 if there is no noise."""
    if not typical:
        return np.ones(len(variances))
    return np.asarray(1 / np.maximum(variances / typical, _QUIETEST))


def withdrawn(seen: Bools) -> Bools:
    """Shrink what is seen by one pixel along each axis, block by block."""
    flat = seen.reshape(len(seen), -1)
    partly = np.flatnonzero(flat.any(axis=1) & ~flat.all(axis=1))
    shrunk = seen[partly]
    for axis in range(1, seen.ndim):
        kept, along = shrunk.copy(), (slice(None),) * axis
        after, before = (*along, slice(1, None)), (*along, slice(-1))
        kept[after] &= shrunk[before]
        kept[before] &= shrunk[after]
        shrunk = kept
    out = seen.copy()
    out[partly] = shrunk
    return out


def over_planes(values: Array, planes: int, axis: int = 0) -> Array:
    """Return the sums over the planes of what there is of each block of each, along an axis."""
    if planes == 1:
        return values
    shape = values.shape
    return np.asarray(values.reshape(*shape[:axis], planes, -1, *shape[axis + 1 :]).sum(axis=axis))


def dot(a: Floats, b: Floats) -> Array:
    """Return the sum of products of each block with another; `einsum` takes twice as long."""
    n = len(a)
    products = np.matmul(a.reshape(n, 1, -1), b.reshape(n, -1, 1))
    return np.asarray(products[:, 0, 0], np.float64)


def _sum(planes: Floats) -> Array:
    """Sum each block; numpy adds pairwise along one axis, which single precision needs."""
    return np.asarray(planes.reshape(len(planes), -1).sum(axis=1), dtype=np.float64)


def inverse2(matrix: Array) -> Array:
    """Invert (..., 2, 2) symmetric matrices, with a ridge that keeps flat blocks finite."""
    a, b, d = matrix[..., 0, 0], matrix[..., 0, 1], matrix[..., 1, 1]
    scale = 1 / np.maximum(a * d - b * b, 1e-6 * a * d + 1e-12)
    out = np.empty(matrix.shape)
    out[..., 0, 0], out[..., 1, 1] = d * scale, a * scale
    out[..., 0, 1] = out[..., 1, 0] = -b * scale
    return out
