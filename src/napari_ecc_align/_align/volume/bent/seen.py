"""What the cells of two volumes say of a displacement: local correlation, as of images.

Around every cell the moving volume is taken as the reference times a gain plus an offset, of a
Gaussian window; what of the reference's derivatives looks like either is taken out of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ...._common.opencv import cv2
from ...._images.pyramid.levels import Floats, floats
from ...._transform.models import Array
from ..blocks import inner_gradients, smoothed
from ..levels import VolumeLevel
from ..motion import Shape, scaled
from .basis import Basis, Places, values

CELL = 4
"""Voxels of a level on a side, over which a field is as good as straight."""
WINDOW = 1.5
"""Of a window, as one sigma in cells."""
# One sigma, in cells, of what says whether gradients have anything in common, above
# which share; and of what says how much forces vary.
_POOLED, _LEAST_COMMON, _AROUND, _NEAR = 2.0, 0.2, 3.0, 2.0
# What moves a cell farther (voxels) at once is an accident.
_FARTHEST = 1.0
# As volumes are smoothed, white noise moves a cell and its neighbours alike: by so much more in
# sum than each on its own (1.4 along two axes).
_NEIGHBOURS = 1.4**1.5
_TINY = np.float32(1e-6)
# A cell counts that has so much of its voxels, in the reference and laid on it.
_COUNTED, _SHOWN = 0.5, 0.99
# So many planes of cells are resampled together.
_PLANES = 4
PAIRS = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))
"""The order in which symmetric matrices of three rows are held."""


@dataclass(frozen=True, eq=False)
class Seen:
    """What cells say where a field puts them, in px of the reference.

    Attributes
    ----------
    information : ndarray of float32, shape (6, d, h, w)
        Of the displacement, in 1/px², by `PAIRS`.
    force : ndarray of float32, shape (3, d, h, w)
        Information times the displacement that is still to be made.
    shown : ndarray of float32, shape (d, h, w)
        1 where both volumes have voxels, else 0.
    left : ndarray of float32, shape (d, h, w)
        Mean square of what windows leave unexplained of the moving volume.
    level : ndarray of float32, shape (d, h, w)
        Mean of the moving volume in the same windows.
    steep : ndarray of float32, shape (d, h, w)
        Mean square of the reference's slope along an axis there, as strong as the moving
        volume's, in 1/px².
    """

    information: Floats
    force: Floats
    shown: Floats
    left: Floats
    level: Floats
    steep: Floats


class Stage:
    """One level of both volumes, ready to be compared.

    Parameters
    ----------
    reference, moving : VolumeLevel
        In memory.
    unit : float
        Length of a px: the shortest side of the reference's voxels.
    """

    def __init__(self, reference: VolumeLevel, moving: VolumeLevel, unit: float) -> None:
        self.shape: Shape = reference.shape
        self.cells: Shape = tuple(-(-n // CELL) for n in self.shape)
        # Px to a voxel of this level.
        self.apart = reference.spacing / unit
        self._steps = reference.step, moving.step
        self._moving = _without_gaps(moving)
        image, counted = smoothed(np.asarray(reference.values, np.float32)[None])
        valid = np.zeros(self.shape, bool)
        inner = (slice(1, -1),) * 3
        valid[inner] = True if counted is None else ndimage.minimum_filter(counted[0], 3)[inner]
        slopes = np.zeros((3, *self.shape), np.float32)
        slopes[:, *inner] = inner_gradients(image)[:, 0]
        slopes[:, ~valid] = 0
        self._slopes = slopes / floats(self.apart)[:, None, None, None]
        self._weight = valid.astype(np.float32)
        self._image = np.where(valid, image[0], np.float32(0))
        self._of_reference()

    def _of_reference(self) -> None:
        r, g = self._image, self._slopes
        self._count, self._first, self._second = (sums(x) for x in (self._weight, r, r * r))
        slope, alike = np.stack([sums(x) for x in g]), np.stack([sums(x * r) for x in g])
        around = blurred(self._count, WINDOW) + _TINY
        mean = blurred(self._first, WINDOW) / around
        power = np.maximum(blurred(self._second, WINDOW) / around - mean**2, _TINY)
        level, like = blurred(slope, WINDOW) / around, blurred(alike, WINDOW) / around
        self._own = (like - mean * level) / power
        self._flat = level - self._own * mean
        self._offsets = slope - self._flat * self._count - self._own * self._first
        self._gains = alike - self._flat * self._first - self._own * self._second
        plain = np.stack([sums(g[k] * g[m]) for k, m in PAIRS])
        self._power = plain[0] + plain[3] + plain[5]
        self._products = plain - np.stack(
            [
                self._flat[k] * slope[m]
                + self._own[k] * alike[m]
                + self._flat[m] * self._offsets[k]
                + self._own[m] * self._gains[k]
                for k, m in PAIRS
            ]
        )

    def places(self) -> Places:
        """Return where the middles of cells lie along each axis, in px."""
        z, y, x = (
            (np.arange(n) * CELL + (CELL - 1) / 2) * apart
            for n, apart in zip(self.cells, self.apart, strict=True)
        )
        return z, y, x

    def voxels(self) -> Places:
        """Return where voxels lie along each axis, in px."""
        z, y, x = (np.arange(n) * apart for n, apart in zip(self.shape, self.apart, strict=True))
        return z, y, x

    def seen(self, basis: Basis, coefficients: Floats, matrix: Array, sign: int) -> Seen:
        """Compare where a field puts the reference before a matrix, (4, 4) by (z, y, x).

        `sign` is -1 for a negative of the reference.
        """
        made, common, shown = self._made(basis, coefficients, scaled(matrix, *self._steps[::-1]))
        first, squares, both, *moved = made
        gathered = blurred(
            shown
            * np.stack([self._count, self._first, self._second, first, squares, both, common]),
            WINDOW,
        )
        count = gathered[0] + _TINY
        here, second, there, other, mixed = gathered[1:6] / count
        own = np.maximum(second - here**2, _TINY)
        other = np.maximum(other - there**2, _TINY)
        cross = mixed - here * there
        fit = np.clip(cross / np.sqrt(own * other), -0.9999, 0.9999)
        gain = np.where(cross * sign > 0, cross / own, np.float32(0))
        left = other * (1 - fit**2) + _TINY
        certain = shown * gain / left
        force = (there - gain * here) * self._offsets + gain * self._gains
        force -= np.stack(moved) - self._flat * first - self._own * both
        steep = gain**2 * blurred(shown * self._power, WINDOW) / (3 * count)
        share = self._share(common, gain, certain)
        force *= share * certain
        information = share**2 * certain * gain * self._products
        trace = information[0] + information[3] + information[5]
        far = np.sqrt((force**2).sum(axis=0)) / (trace + np.float32(1e-9))
        force *= np.minimum(1, _FARTHEST * floats(self.apart.min()) / np.maximum(far, _TINY))
        return Seen(
            floats(information), floats(force), floats(shown), floats(left), there, floats(steep)
        )

    def _share(self, common: Floats, gain: Floats, certain: Floats) -> Floats:
        """Return the share of gradients that both volumes have, 0 if it may be none."""
        there = blurred(certain * common, _POOLED)
        share = there / np.maximum(blurred(certain * gain * self._power, _POOLED), _TINY)
        return np.clip((share - _LEAST_COMMON) / (1 - _LEAST_COMMON), 0, 1)

    def _made(
        self, basis: Basis, coefficients: Floats, local: Array
    ) -> tuple[list[Floats], Floats, Floats]:
        """Return sums over cells of what is laid, and what of its gradients both have."""
        made = [np.zeros(self.cells, np.float32) for _ in range(7)]
        shown = np.zeros(self.cells, np.float32)
        z, y, x = self.voxels()
        step = _PLANES * CELL
        for top in range(0, self.shape[0], step):
            # One plane more on either side has the slopes within.
            low, high = max(0, top - 1), min(self.shape[0], top + step + 1)
            planes = slice(top, min(top + step, self.shape[0]))
            laid = self._laid(basis, coefficients, (z[low:high], y, x), low, local)
            inside = np.isfinite(laid)
            laid[~inside] = 0
            laid *= self._weight[low:high]
            slopes = _slopes(laid, self.apart)
            own = slice(planes.start - low, planes.stop - low)
            m, r, g = laid[own], self._image[planes], self._slopes[:, planes]
            there = slice(top // CELL, -(-planes.stop // CELL))
            parts = (m, m * m, m * r, *(m * one for one in g))
            for into, part in zip(made, parts, strict=False):
                into[there] = sums(part)
            made[6][there] = sums((g * slopes[:, own]).sum(axis=0))
            shown[there] = sums(floats(inside[own] & (self._weight[planes] > 0)))
        full = np.maximum(self._count, _COUNTED * CELL**3)
        return made[:6], made[6], floats(shown >= _SHOWN * full)

    def _laid(
        self, basis: Basis, coefficients: Floats, places: Places, low: int, local: Array
    ) -> Floats:
        """Return the moving level on planes of the reference's from one on; NaN without data."""
        at = values(basis.designs(places), coefficients) / floats(self.apart)[:, None, None, None]
        for axis, one in enumerate(np.ogrid[tuple(slice(n) for n in at.shape[1:])]):
            at[axis] += one.astype(np.float32) + np.float32(low if axis == 0 else 0)
        return resampled_at(self._moving, at, local)


def resampled_at(moving: Floats, at: Floats, local: Array, order: int = 1) -> Floats:
    """Return a volume where a matrix puts places (3, ...) by (z, y, x); NaN beyond it."""
    there = np.tensordot(floats(local[:3, :3]), at, axes=1)
    there += floats(local[:3, 3])[:, None, None, None]
    out = np.empty(at.shape[1:], np.float32)
    ndimage.map_coordinates(moving, there, out, order=order, cval=np.nan, prefilter=False)
    return out


def _without_gaps(level: VolumeLevel) -> Floats:
    image, valid = smoothed(np.asarray(level.values, np.float32)[None])
    if valid is not None:
        image[~valid] = np.nan
    return np.ascontiguousarray(image[0])


def _slopes(laid: Floats, apart: Array) -> Floats:
    out = np.zeros((3, *laid.shape), np.float32)
    if min(laid.shape) > 2:
        out[:, 1:-1, 1:-1, 1:-1] = inner_gradients(laid[None])[:, 0]
    out /= floats(apart)[:, None, None, None]
    return out


def sums(volume: Floats) -> Floats:
    """Return the sums over cells of a volume, padded with nothing to whole cells."""
    below = [(0, -n % CELL) for n in volume.shape]
    if any(more for _, more in below):
        volume = np.pad(volume, below)
    depth, height, width = volume.shape
    flat = np.ascontiguousarray(volume, np.float32).reshape(depth * height, width)
    size = width // CELL, depth * height // CELL
    means = cv2.resize(flat, size, interpolation=cv2.INTER_AREA)
    planes = means.reshape(depth // CELL, CELL, height // CELL, width // CELL).sum(axis=1)
    return floats(planes * np.float32(CELL**2))


def blurred(cells: NDArray[np.floating], sigma: float) -> Floats:
    """Return sums over Gaussian windows of cells, (..., d, h, w), with nothing beyond."""
    out = floats(cells)
    for axis in (-3, -2, -1):
        out = ndimage.gaussian_filter1d(out, sigma, axis=axis, mode="constant", truncate=3.0)
    return out


def inflation(seen: Seen) -> Floats:
    """Return by how much forces vary more than independent noise would, (d, h, w)."""
    near = blurred(np.concatenate([seen.information, seen.force]), _NEAR)
    matrices = full(near[:6])
    matrices += np.eye(3) * (
        np.trace(matrices, axis1=-2, axis2=-1)[..., None, None] * 1e-3 + 1e-12
    )
    step = np.linalg.solve(matrices, np.moveaxis(near[6:], 0, -1)[..., None])[..., 0]
    left = seen.force - np.moveaxis(
        np.einsum("...kl,...l->...k", full(seen.information), step), -1, 0
    )
    expected = seen.information[0] + seen.information[3] + seen.information[5]
    pooled = blurred(np.stack([(left**2).sum(axis=0), expected]), _AROUND)
    return floats(np.maximum(1, _NEIGHBOURS * pooled[0] / np.maximum(pooled[1], 1e-12)))


def full(packed: NDArray[np.floating]) -> Array:
    """Return symmetric matrices, (..., 3, 3), of what is held as (6, ...)."""
    out = np.empty((*packed.shape[1:], 3, 3))
    for one, (k, m) in zip(packed, PAIRS, strict=True):
        out[..., k, m] = out[..., m, k] = one
    return out
