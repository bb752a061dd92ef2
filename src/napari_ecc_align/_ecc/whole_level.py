"""Inverse compositional ECC on a whole small level, with one gain and offset for all of it.

The same equations as in `normal_equations`, but a level of some thousand pixels affords what
moments avoid: its Jacobian is kept, together with the image and a constant, so that one product
per block gives all sums of an iteration.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from functools import cached_property, lru_cache

import numpy as np

from .._images.pyramid.blocks import Blocks, Sampler
from .._images.pyramid.levels import Bools, Floats
from .._images.pyramid.whole_blocks import interior, used_blocks
from .._transform.models import Array, Frame, Model, exponents
from .correlation import ecc_of_sums
from .gauss_newton import GaussNewton, Step, linearised_for, nearly_covers, pseudoinverse
from .moments import products_of
from .motion import Motion
from .normal_equations import inverse2, over_planes, withdrawn

# So many of the outermost pixels are not seen where an image has moved by less, or not at all.
_MARGINS = (2, 3, 5)


class WholeLevelSolver(GaussNewton):
    """Refines transforms of one small level.

    Parameters
    ----------
    motion : Motion
        Of the model, around the reference level.
    reference : WholeReference
        What depends only on the reference.
    sample : callable
        Samples the moving level on the blocks.
    epsilon : float
        Stop when the ECC changes by less.
    least : float
        Share of the reference's pixels that must see the moving image.
    """

    def __init__(
        self,
        motion: Motion,
        reference: WholeReference,
        sample: Sampler,
        *,
        epsilon: float,
        least: float,
    ) -> None:
        super().__init__(motion, epsilon=epsilon, least=least)
        self._reference = reference
        self._sample = sample
        self._linearised: LinearisedLevel | None = None

    def _step(self, matrix: Array) -> Generator[None, None, Step | None]:
        found, image = linearised_for(
            self._sample(matrix),
            self._reference.valid,
            self._linearised,
            self._reference.linearised,
        )
        self._linearised = found
        yield
        if found.count < self._least * image.size:
            return None
        scores, gain, ecc = found.fit(image)
        if not np.isfinite(ecc):
            return None
        delta = found.inverse @ scores.sum(0) / gain if gain else np.zeros(scores.shape[1])
        return Step(
            found.normals * gain**2,
            scores * gain,
            found.normal * gain**2,
            delta,
            self._motion.jacobian(matrix),
            ecc,
            gain,
            lengthened=False,
        )


class WholeReference:
    """What a `WholeLevelSolver` has to know of a reference level, for any number of images.

    Parameters
    ----------
    rows : (k * n, p + 2, v) float32 array
        Of every block of v pixels of each of k planes, how the parameters change its values, the
        values, and ones; see `plane_rows`. The blocks' scores tell the uncertainty.
    valid : (k * n, ...) bool array or None
        Pixels of the blocks that count; None if all do.
    planes : int
    insides : sequence of (k * n, ...) bool arrays
        Choices of pixels, the largest first. Where one is seen, and nearly all that is seen, no
        others are used: the linearisation for it is kept.
    withdrawn_valid : (k * n, ...) bool array, optional
        `withdrawn` of what is valid, if that is known.
    """

    def __init__(
        self,
        rows: Floats,
        valid: Bools | None,
        *,
        planes: int = 1,
        insides: Sequence[Bools] = (),
        withdrawn_valid: Bools | None = None,
    ) -> None:
        self.valid = valid
        self._withdrawn_valid = withdrawn_valid
        self._rows, self._planes = rows, planes
        self._insides = insides
        self._kept: dict[int, LinearisedLevel] = {}

    def linearised(self, seen: Bools | None) -> LinearisedLevel:
        """Return the linearisation for pixels that are seen, None for all."""
        if seen is None:
            return self._of_all
        for index, inside in enumerate(self._insides):
            if nearly_covers(seen, inside):
                if index not in self._kept:
                    self._kept[index] = self._linearised(inside)
                return self._kept[index]
        return self._linearised(seen)

    @cached_property
    def _of_all(self) -> LinearisedLevel:
        return self._linearised(None)

    def _linearised(self, seen: Bools | None) -> LinearisedLevel:
        usual, squares = self._usual
        if seen is not None:
            # Of most blocks the same pixels are seen, wherever the image lies.
            unlike = ~seen if usual is None else seen != usual
            differs = np.asarray(unlike.reshape(len(seen), -1).any(axis=1))
            squares = np.where(differs[:, None, None], 0, squares)
            partly = np.flatnonzero(differs & seen.reshape(len(seen), -1).any(axis=1))
            shown = seen[partly].reshape(len(partly), 1, self._rows.shape[2])
            squares[partly] = _squares(self._rows[partly] * shown)
        return LinearisedLevel(self._rows, self._planes, seen, squares)

    @cached_property
    def _usual(self) -> tuple[Bools | None, Array]:
        """Pixels that are seen of most blocks, None for all, and sums of products over them."""
        if self.valid is None:
            return None, _squares(self._rows)
        known = self._withdrawn_valid
        usual = withdrawn(self.valid) if known is None else known
        return usual, _squares(self._rows * usual.reshape(len(usual), 1, -1))


def whole_plane(blocks: Blocks, model: Model, frame: Frame) -> WholeReference:
    """Return what a `WholeLevelSolver` has to know of a level of an image."""
    insides = [interior(frame.shape, blocks.size, margin) for margin in _MARGINS]
    # Of an image that counts whole, all but its outermost pixels are valid.
    whole = blocks.valid is interior(frame.shape, blocks.size, 1)
    if blocks.planes > 1:
        insides = [np.tile(inside, (blocks.planes, 1, 1)) for inside in insides]
    if blocks.valid is not None and not whole:
        insides = [inside & blocks.valid for inside in insides]
    rows = plane_rows(blocks, model, frame)
    return WholeReference(
        rows,
        blocks.valid,
        planes=blocks.planes,
        insides=insides,
        withdrawn_valid=insides[0] if whole else None,
    )


def plane_rows(blocks: Blocks, model: Model, frame: Frame) -> Floats:
    """Return what a `WholeLevelSolver` has to know of a level, (k * n, p + 2, b * b)."""
    n, b = len(blocks.values), blocks.size
    p = model.n_parameters
    rows = np.empty((n, p + 2, b, b), np.float32)
    # The motion is the same in all planes.
    shape = blocks.planes, -1, b, b
    gx, gy = blocks.slopes.reshape(2, *shape)
    for k, (across, down) in enumerate(_fields(model, frame, b)):
        row = rows[:, k].reshape(shape)
        if across is None or down is None:
            field, slope = (down, gy) if across is None else (across, gx)
            assert field is not None
            np.multiply(slope, field, out=row)
        else:
            row[:] = gx * across + gy * down
    rows[:, p], rows[:, p + 1] = blocks.values, 1
    return rows.reshape(n, p + 2, b * b)


def _squares(rows: Floats) -> Array:
    """Return sums of products of all rows of each block, (n, p + 2, p + 2)."""
    return np.asarray(products_of(rows), np.float64)


class LinearisedLevel:
    """What depends only on the reference and on which pixels are seen.

    Parameters
    ----------
    rows, planes
        As for `WholeReference`.
    seen : (k * n, ...) bool array or None
    squares : (k * n, p + 2, p + 2) array
        Sums of products of the rows over what is seen.
    """

    def __init__(self, rows: Floats, planes: int, seen: Bools | None, squares: Array) -> None:
        self.seen = seen
        p = rows.shape[1] - 2
        self._planes, self._rows = planes, rows
        squares = over_planes(squares, planes)
        self._cross, self._photometric = squares[:, :p, p:], squares[:, p:, p:]
        self._pooled = self._photometric.sum(0)
        self.count = float(self._pooled[1, 1])
        self._photometric_inverse = inverse2(self._pooled)
        self._coupling = self._cross.sum(0) @ self._photometric_inverse
        self.normals = squares[:, :p, :p] - self._cross @ self._coupling.T
        self.normal = self.normals.sum(0)
        self.inverse = pseudoinverse(self.normal)

    def fit(self, image: Floats) -> tuple[Array, float, float]:
        """Return each block's score, not yet multiplied by the gain, the gain and the ECC.

        What is not seen of the image is zero.
        """
        p = self._rows.shape[1] - 2
        flat = image.reshape(len(image), -1, 1)
        sums = np.matmul(self._rows, flat)[:, :, 0].astype(np.float64)
        sums = over_planes(sums, self._planes)
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
    model: Model, frame: Frame, size: int
) -> tuple[tuple[Floats | None, Floats | None], ...]:
    """Return how each parameter displaces the pixels of the blocks by x and by y, in px.

    None where it does not.
    """
    (cx, cy), radius = frame.centre, frame.radius
    within = np.arange(size)
    below, beside = (used[:, None] * size + within for used in used_blocks(frame.shape, size))
    rows, columns = len(below), len(beside)
    x = ((beside - cx) / radius).reshape(columns, 1, size)
    y = ((below - cy) / radius).reshape(rows, 1, size, 1)
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
