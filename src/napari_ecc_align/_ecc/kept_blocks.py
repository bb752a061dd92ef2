"""Normal equations of a few blocks of a reference that many images, or steps, are fitted to."""

from __future__ import annotations

import numpy as np

from .._images.pyramid.blocks import Blocks
from .._images.pyramid.levels import Floats, Level, floats
from .._images.pyramid.representations import Representation
from .._transform.models import Array, Frame, Model
from . import moments
from .normal_equations import LinearisedBlocks

# The Jacobian of so few pixels of tiles is kept: as many as fit into a cache.
_KEPT_PIXELS = 2**18


def linearised_once(
    level: Level, blocks: Blocks, model: Model, frame: Frame, representation: Representation
) -> LinearisedBlocks:
    """Return blocks of a level, seen whole, linearised for all images that are laid on them."""
    if blocks.planes > 1 or blocks.values.size > _KEPT_PIXELS:
        return LinearisedBlocks(blocks, model, frame, None)
    key = blocks.centres.tobytes(), blocks.size, model.name, representation
    return level.recent("kept blocks", key, lambda: KeptBlocks(blocks, model, frame))


class KeptBlocks(LinearisedBlocks):
    """Blocks of one plane, seen whole, whose Jacobian is kept.

    One product per block then gives all sums of an iteration; of many blocks, it would not fit
    into the processor's cache.

    Parameters
    ----------
    blocks, model, frame
        As for `LinearisedBlocks`.
    """

    def __init__(self, blocks: Blocks, model: Model, frame: Frame) -> None:
        super().__init__(blocks, model, frame, None)
        b = blocks.size
        self._area = moments.area(b, model.degree) * (b / (b - 2)) ** 2

    def _own_products(self) -> tuple[Array, Array, Array, Array]:
        n, b = self._values.shape[:2]
        monomials = moments.monomials(b, self._degree)
        # How far each parameter moves each pixel, by x and by y.
        across, down = np.split(floats(self._restrict).transpose(0, 2, 1), 2, axis=2)
        gx, gy = self._slopes.reshape(2, n, 1, b * b)
        rows = self._rows = np.empty((n, across.shape[1] + 2, b * b), np.float32)
        np.multiply(gx, across @ monomials, out=rows[:, :-2])
        rows[:, :-2] += gy * (down @ monomials)
        rows[:, -2], rows[:, -1] = self._values.reshape(n, -1), 1
        against = _against_gradients(self._slopes).reshape(3, n, -1).swapaxes(0, 1)
        self._against = np.ascontiguousarray(against)
        self._own = self._gradients_with(self._values)
        products = moments.products_of(rows).astype(np.float64)
        motion = products[:, :-2]
        return motion[:, :, :-2], motion[:, :, -2:], products[:, -2, -2], products[:, -1, -2]

    def _gradients_with(self, image: Floats) -> Array:
        """Return sums of products of the gradients with those of an image, (n, 3)."""
        flat = image.reshape(len(image), -1, 1)
        return np.asarray(np.matmul(self._against, flat)[:, :, 0], np.float64)

    def _products(self, image: Floats) -> tuple[Array, Array]:
        flat = image.reshape(len(image), -1, 1)
        sums = np.matmul(self._rows, flat)[:, :, 0].astype(np.float64)
        return sums[:, :-2], sums[:, -2:]

    def _correlations(self, gains: Array, sums: Array, squares: Array) -> Array:
        varies = squares - sums**2 / self.count
        own = 1 / np.maximum(self._inverse[:, 0, 0], 1e-30)
        shares = np.maximum(own, 0) / np.maximum(varies, 1e-30)
        return np.asarray(np.minimum(1, gains * np.sqrt(shares)))

    def noise(self, image: Floats, gains: Array) -> Array:
        """Return what noise in the reference's gradients adds to the normals, (n, p, p)."""
        left = gains[:, None] * self._own - self._gradients_with(image)
        return self._restricted(*(sums[:, None, None] * self._area for sums in left.T))


def _against_gradients(slopes: Floats) -> Floats:
    """Return planes whose products with an image are those of two gradients, (3, n, b, b).

    By x and x, by x and y, and by y and y, of all pixels but the outermost: the derivative is
    taken of the block's own gradients instead, with its sign changed.
    """
    inner = np.zeros_like(slopes)
    inner[:, :, 1:-1, 1:-1] = slopes[:, :, 1:-1, 1:-1]
    by_x, by_y = (_differences(plane, axis) for axis, plane in ((2, inner[0]), (1, inner[1])))
    mixed = (_differences(inner[1], 2) + _differences(inner[0], 1)) / 2
    return floats(np.stack([by_x, mixed, by_y]))


def _differences(planes: Floats, axis: int) -> Floats:
    """Return half the difference of the neighbours before and after along an axis."""
    return floats((np.roll(planes, 1, axis) - np.roll(planes, -1, axis)) / 2)
