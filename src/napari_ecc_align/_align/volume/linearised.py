"""Normal equations of gain, offset and motion on blocks of a volume, from their Jacobian.

The same as `napari_ecc_align._ecc.normal_equations` sums by moments; of so few blocks of a volume
the Jacobian itself is affordable, and an axis more changes nothing of it.
"""

from __future__ import annotations

import numpy as np

from ..._ecc.moments import products_of
from ..._ecc.normal_equations import Fit, inverse2, withdrawn
from ..._images.pyramid.levels import Bools, Floats
from ..._transform.models import Array
from .blocks import VolumeBlocks, inner_gradients, rows_of
from .motion import VolumeFrame, VolumeModel

# The noise of gradients is measured on every so many-th plane of a block.
_SPARSE = 2


def level_rows(blocks: VolumeBlocks, model: VolumeModel, frame: VolumeFrame) -> Floats:
    """Return how the parameters change blocks' values, the values, and ones, (n, p + 2, v)."""
    n, p = len(blocks.values), model.n_parameters
    rows = np.ones((n, p + 2, blocks.values[0].size), np.float32)
    rows[:, :p] = rows_of(blocks.slopes, blocks.origins, (1, 1, 1), model, frame)
    rows[:, p] = blocks.values.reshape(n, -1)
    return rows


class LinearisedVolume:
    """The parts that depend only on the reference and on which voxels are seen.

    Parameters
    ----------
    blocks : VolumeBlocks
    model : VolumeModel
    frame : VolumeFrame
        Of the reference level.
    seen : (n, a, b, c) bool array or None
        Voxels to use; None for all.
    """

    def __init__(
        self, blocks: VolumeBlocks, model: VolumeModel, frame: VolumeFrame, seen: Bools | None
    ) -> None:
        self.seen = seen
        self._blocks, self._model, self._frame = blocks, model, frame
        rows = level_rows(blocks, model, frame)
        self._slopes = blocks.slopes
        if seen is not None:
            rows *= seen.reshape(len(rows), 1, -1)
            self._slopes = self._slopes * seen
        self._rows = rows
        p = model.n_parameters
        squares = products_of(rows).astype(np.float64)
        self._cross, self._photometric = squares[:, :p, p:], squares[:, p:, p:]
        self.count = squares[:, p + 1, p + 1]
        self._inverse = inverse2(self._photometric)
        coupling = self._cross @ self._inverse
        self._projected = squares[:, :p, :p] - self._cross @ coupling.transpose(0, 2, 1)
        strength = (self._slopes**2).sum(axis=0).reshape(len(rows), -1)
        self._strength = strength
        self._total_strength = np.maximum(strength.sum(axis=1, dtype=np.float64), 1e-30)

    def fit(self, image: Floats) -> Fit:
        """Fit `image`, (n, a, b, c), zero where not seen."""
        p = self._model.n_parameters
        flat = image.reshape(len(image), -1, 1)
        sums = np.matmul(self._rows, flat)[:, :, 0].astype(np.float64)
        pairs = sums[:, p:]
        fitted = (self._inverse @ pairs[:, :, None])[:, :, 0]
        scores = sums[:, :p] - (self._cross @ fitted[:, :, None])[:, :, 0]
        gain, offset = fitted.astype(np.float32).T[:, :, None]
        residual = self._rows[:, p] * gain
        residual += offset
        residual -= flat[:, :, 0]
        residual *= residual
        noise = np.einsum("nv,nv->n", self._strength, residual, dtype=np.float64)
        square = float(np.matmul(flat.transpose(0, 2, 1), flat).sum(dtype=np.float64))
        return Fit(
            self._projected,
            scores,
            fitted[:, 0],
            noise / self._total_strength,
            self._photometric.sum(0),
            pairs.sum(0),
            square,
        )

    def noise(self, image: Floats, gains: Array) -> Array:
        """Return what noise in the reference's gradients adds to the normals, (n, p, p).

        As `napari_ecc_align._ecc.normal_equations.LinearisedBlocks.noise`.
        """
        inside = (slice(1, -1, _SPARSE), slice(1, -1), slice(1, -1))
        own = self._slopes[:, :, *inside]
        left = own * gains.astype(np.float32)[:, None, None, None]
        left -= inner_gradients(image)[:, :, ::_SPARSE]
        if self.seen is not None:
            left *= withdrawn(self.seen)[:, *inside]
        steps = (_SPARSE, 1, 1)
        first = self._blocks.origins + 1
        with_own, with_left = (
            rows_of(np.ascontiguousarray(slopes), first, steps, self._model, self._frame)
            for slopes in (own, left)
        )
        product = np.matmul(with_own, with_left.transpose(0, 2, 1)).astype(np.float64)
        share = image[0].size / own[0, 0].size
        return np.asarray((product + product.transpose(0, 2, 1)) * (share / 2))
