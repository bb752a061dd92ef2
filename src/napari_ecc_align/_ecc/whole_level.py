"""Inverse compositional ECC on a whole small level, with one gain and offset for all of it.

The same equations as in `normal`, but a level of some thousand pixels affords what moments avoid:
its Jacobian is kept, together with the image and a constant, so that one product per block gives
all sums of an iteration.
"""

from __future__ import annotations

from collections.abc import Generator
from functools import lru_cache

import numpy as np

from .._images.pyramid.blocks import Blocks, Sampler
from .._images.pyramid.levels import Bools, Floats
from .._transform.models import MODELS, Array, Frame, Model, compose, corner_motions, corner_slopes
from .correlation import ecc_of_sums
from .moments import exponents
from .normal_equations import inverse2, withdrawn
from .solver import (
    LONGEST_STEP,
    Convergence,
    Solution,
    covers,
    no_solution,
    pseudoinverse,
    sandwich,
    seen_pixels,
)


class WholeSolver:
    """Refines transforms of one small level.

    Parameters
    ----------
    model : Model
    frame : Frame
        Of the reference level.
    blocks : Blocks
        The reference level, cut into blocks: their scores tell the uncertainty.
    sample : callable
        Samples the moving level on them.
    epsilon : float
        Stop when the ECC changes by less.
    least : float
        Share of the reference's pixels that must see the moving image.
    """

    def __init__(
        self,
        model: Model,
        frame: Frame,
        blocks: Blocks,
        sample: Sampler,
        *,
        epsilon: float,
        least: float,
    ) -> None:
        self._model = model
        self._frame = frame
        self._blocks = blocks
        self._sample = sample
        self._eps = epsilon
        self._least = least
        self._motions = corner_motions(model, frame)
        self._limit = LONGEST_STEP * frame.radius
        self._linearised: _Linearised | None = None

    def run(
        self, matrix: Array, *, iterations: int, tolerance: float
    ) -> Generator[None, None, Solution]:
        """Refine `matrix`, in px of the level; see `Solver.run`."""
        convergence = Convergence(self._eps, tolerance)
        done, settled = 0, False
        last: tuple[_Linearised, Array, Array, Array, float, float] | None = None
        while done < iterations and not settled:
            image = self._sample(matrix)
            linearised, image = self._at(image)
            yield
            if linearised.count < self._least * self._blocks.values.size:
                break
            scores, gain, ecc = linearised.fit(image)
            delta = (
                linearised.inverse @ scores.sum(0) / gain if gain else np.zeros(scores.shape[1])
            )
            jacobian = corner_slopes(matrix, self._frame, self._motions)
            moved = float(np.sqrt(np.sum((jacobian @ delta) ** 2) / 4))
            if not (np.isfinite(ecc) and np.isfinite(moved)):
                break
            settled = convergence.reached(moved, ecc)
            last = linearised, scores, delta, jacobian, gain, ecc
            step = delta if moved <= self._limit else delta * (self._limit / moved)
            matrix = compose(matrix, self._model, self._frame, step)
            done += 1
            if convergence.hopeless(done):
                break
        if last is None:
            return no_solution(matrix, self._model.n_parameters)
        linearised, scores, delta, jacobian, gain, ecc = last
        covariance, corner = sandwich(
            linearised.normals * gain**2,
            scores * gain,
            linearised.normal * gain**2,
            delta,
            jacobian,
        )
        return Solution(matrix, ecc, gain, covariance, corner, done, settled)

    def _at(self, image: Floats) -> tuple[_Linearised, Floats]:
        """Return the linearisation for the pixels that an image shows, and those alone of it."""
        seen = seen_pixels(self._blocks, image)
        found = self._linearised
        if found is None or not covers(seen, found.seen):
            # One pixel less than is seen: the next small step then does not change what is used.
            used = None if seen is None else withdrawn(seen)
            found = self._linearised = _Linearised(self._blocks, self._model, self._frame, used)
        return found, image if found.seen is None else np.where(found.seen, image, np.float32(0))


class _Linearised:
    """What depends only on the reference and on which pixels are seen."""

    def __init__(self, blocks: Blocks, model: Model, frame: Frame, seen: Bools | None) -> None:
        self.seen = seen
        n, b = len(blocks.values), blocks.size
        p = model.n_parameters
        rows = np.empty((n, p + 2, b, b), np.float32)
        gx, gy = blocks.slopes
        for k, (across, down) in enumerate(_fields(model.name, frame.shape, b)):
            if across is None or down is None:
                field, slope = (down, gy) if across is None else (across, gx)
                assert field is not None
                np.multiply(slope, field, out=rows[:, k])
            else:
                rows[:, k] = gx * across + gy * down
        rows[:, p], rows[:, p + 1] = blocks.values, 1
        if seen is not None:
            rows *= seen[:, None]
        self._rows = rows.reshape(n, p + 2, b * b)
        squares = np.matmul(self._rows, self._rows.transpose(0, 2, 1)).astype(np.float64)
        self._cross, self._photometric = squares[:, :p, p:], squares[:, p:, p:]
        self._pooled = self._photometric.sum(0)
        self.count = float(self._pooled[1, 1])
        self._photometric_inverse = inverse2(self._pooled)
        self._coupling = self._cross.sum(0) @ self._photometric_inverse
        self.normals = squares[:, :p, :p] - self._cross @ self._coupling.T
        self.normal = self.normals.sum(0)
        self.inverse = pseudoinverse(self.normal)

    def fit(self, image: Floats) -> tuple[Array, float, float]:
        """Return each block's score, not yet multiplied by the gain, the gain and the ECC."""
        p = self._rows.shape[1] - 2
        flat = image.reshape(len(image), -1, 1)
        sums = np.matmul(self._rows, flat)[:, :, 0].astype(np.float64)
        pairs = sums[:, p:]
        pair = pairs.sum(0)
        whole = self._photometric_inverse @ pair
        # The photometric equations hold only in the sum: each block also moves gain and offset by
        # its residual.
        residual = pairs - self._photometric @ whole
        scores = sums[:, :p] - self._cross @ whole - residual @ self._coupling.T
        square = float(np.matmul(flat.transpose(0, 2, 1), flat).sum(dtype=np.float64))
        return scores, float(whole[0]), ecc_of_sums(self._pooled, pair, square)


@lru_cache(maxsize=16)
def _fields(
    name: str, shape: tuple[int, int], size: int
) -> tuple[tuple[Floats | None, Floats | None], ...]:
    """Return how each parameter displaces the pixels of all blocks by x and by y, in px.

    None where it does not.
    """
    model, frame = MODELS[name], Frame(shape)
    rows, columns = (-(-length // size) for length in shape)
    (cx, cy), radius = frame.centre, frame.radius
    x = ((np.arange(columns * size) - cx) / radius).reshape(columns, 1, size)
    y = ((np.arange(rows * size) - cy) / radius).reshape(rows, 1, size, 1)
    powers = exponents(model.degree)
    monomials = np.stack(
        [np.broadcast_to(x**i * y**j, (rows, columns, size, size)) for i, j in powers]
    ).reshape(len(powers), -1, size, size)
    halves = model.basis.reshape(2, len(powers), -1) * radius
    out = []
    for k in range(model.n_parameters):
        pair = []
        for half in halves[:, :, k]:
            field = np.tensordot(half, monomials, axes=1).astype(np.float32)
            field.setflags(write=False)
            pair.append(field if half.any() else None)
        out.append((pair[0], pair[1]))
    return tuple(out)
