"""What the cells of a level say of a displacement: local correlation, gain and offset eliminated.

Around every cell the moving image is taken as the reference times a gain plus an offset, of a
Gaussian window, and as sharper or less sharp. What of the reference's gradient looks like gain or
offset is taken out of it, and what is left is gathered in the cell. So information stays where the
edges are, and a window's edge on one side does not stand for its middle. All of it is made of sums
of products over cells.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ..._common.opencv import cv2
from ..._images.field_warping import CELL
from ..._images.pyramid.filters import eroded, gradients, smoothed_inside
from ..._images.pyramid.levels import Bools, Floats, floats
from .shares import along, between, in_common, largest

WINDOW = 8.0
"""Of a window, as one sigma in px of the level."""
# Windows count where so much of what they see moves alike beyond chance: the gradients of noise
# have nothing in common. Over so many windows, and above this share.
_POOLED, _LEAST_COMMON = 2.0, 0.2
# Noise is weighed against what so many cells have, as one sigma; it is by so much stronger than
# the least that is seen by as many windows a side.
_NEAR, _AROUND, _ABOVE_LEAST = 1.0, 9, np.float32(1.3)
# What moves a cell farther (px) at once is an accident.
_FARTHEST = 1.0
_TINY = np.float32(1e-6)


@dataclass(frozen=True, eq=False)
class Seen:
    """What cells say where a field puts them.

    Attributes
    ----------
    information : ndarray of float32, shape (3, h, w)
        Of the displacement, xx, xy and yy, in 1/px² of the level.
    force : ndarray of float32, shape (2, h, w)
        Information times the displacement that is still to be made.
    fit : ndarray of float32, shape (h, w)
        Correlation of the windows, negative where one image is a negative of the other.
    counted : ndarray of float32, shape (3, h, w)
        How much a cell counts, xx, xy and yy: 0 where an image has no pixels, and in directions
        in which both have nothing in common.
    certain : ndarray of float32, shape (h, w)
        What the products of gradients that count are multiplied by to be information.
    shown : ndarray of float32, shape (h, w)
        1 where both images have pixels.
    """

    information: Floats
    force: Floats
    fit: Floats
    counted: Floats
    certain: Floats
    shown: Floats

    def after(self, step: Floats) -> Seen:
        """Return what is said, to first order, once the field has moved on, (2, h, w)."""
        xx, xy, yy = self.information
        x, y = step
        made = np.stack([xx * x + xy * y, xy * x + yy * y])
        return replace(self, force=floats(self.force - made))


def sums(image: Floats) -> Floats:
    """Return the sums over cells of an image whose sides are whole cells."""
    height, width = image.shape
    size = width // CELL, height // CELL
    return floats(cv2.resize(image, size, interpolation=cv2.INTER_AREA)) * np.float32(CELL**2)


def blurred(cells: Floats, sigma: float) -> Floats:
    """Return sums over Gaussian windows of cells, (h, w), where nothing lies beyond the border."""
    return floats(cv2.GaussianBlur(cells, (0, 0), sigma, borderType=cv2.BORDER_CONSTANT))


class Windows:
    """A plane of the reference on a level, ready to be compared.

    Parameters
    ----------
    image : ndarray of float32, shape (h, w)
    valid : ndarray of bool, shape (h, w), or None
    """

    def __init__(self, image: Floats, valid: Bools | None) -> None:
        self.cells = -(-image.shape[0] // CELL), -(-image.shape[1] // CELL)
        smooth, inside = smoothed_inside(image, valid)
        weight = eroded(inside, 1).astype(np.float32)
        curved = floats(cv2.Laplacian(smooth, cv2.CV_32F))
        planes = [self._padded(part * weight) for part in (smooth, curved, *gradients(smooth))]
        self._weight = weight = self._padded(weight)
        self._image, self._curved, *self._slopes = image, curved, gx, gy = planes
        self.pixels = sums(weight)
        self._first, self._second = sums(image), sums(image * image)
        slope, alike = [sums(one) for one in (gx, gy)], [sums(one * image) for one in (gx, gy)]
        products = [sums(gx * gx), sums(gx * gy), sums(gy * gy)]
        self._power = np.stack(products)
        # What a gradient has of an offset and of the image itself, around every cell.
        around = self._window(self.pixels) + np.float32(1e-3)
        mean = self._window(self._first) / around
        power = np.maximum(self._window(self._second) / around - mean**2, _TINY)
        level = [self._window(one) / around for one in slope]
        self._own = own = [
            (self._window(one) / around - mean * flat) / power
            for one, flat in zip(alike, level, strict=True)
        ]
        self._flat = flat = [one - part * mean for one, part in zip(level, own, strict=True)]
        self._offsets, self._gains = np.zeros((2, 2, *self.cells), np.float32)
        for k in (0, 1):
            self._offsets[k] = slope[k] - flat[k] * self.pixels - own[k] * self._first
            self._gains[k] = alike[k] - flat[k] * self._first - own[k] * self._second
        self._bends = sums(curved), sums(curved * image), sums(curved * curved)
        plain, like, _ = self._bends
        self._flanks = np.stack(
            [
                sums(curved * one) - flat[k] * plain - own[k] * like
                for k, one in enumerate((gx, gy))
            ]
        )
        # What is left is orthogonal to neither in a single cell.
        self._products = np.stack(
            [
                product
                - flat[k] * slope[m]
                - own[k] * alike[m]
                - flat[m] * self._offsets[k]
                - own[m] * self._gains[k]
                for product, (k, m) in zip(products, ((0, 0), (0, 1), (1, 1)), strict=True)
            ]
        )

    def _padded(self, image: Floats) -> Floats:
        below, right = (CELL * n - m for n, m in zip(self.cells, image.shape, strict=True))
        return floats(cv2.copyMakeBorder(image, 0, below, 0, right, cv2.BORDER_CONSTANT))

    def _window(self, cells: Floats, times: float = 1.0) -> Floats:
        return blurred(cells, times * WINDOW / CELL)

    def seen(self, moving: Floats, shown: Floats, common: Floats | None, sign: int) -> Seen:
        """Compare with the moving image as a field lays it here.

        Parameters
        ----------
        moving : ndarray of float32, shape (h, w)
            Smoothed; its sides are whole cells.
        shown : ndarray of float32
            1 for cells where both images have pixels, else 0.
        common : ndarray of float32, shape (3, h, w), or None
            How much cells count, as in `Seen`; by what gradients have in common, if None.
        sign : {1, -1}
            -1 for a negative of the reference.
        """
        counted = shown if common is None else shown * largest(common)
        image = moving * self._weight
        around = self._window(counted * self.pixels) + np.float32(1e-3)

        def mean(cells: Floats) -> Floats:
            return floats(self._window(counted * cells) / around)

        first, both = sums(image), sums(image * self._image)
        there, here = mean(first), mean(self._first)
        own = np.maximum(mean(self._second) - here**2, _TINY)
        other = np.maximum(mean(sums(image * image)) - there**2, _TINY)
        cross = mean(both) - here * there
        fit = np.clip(cross / np.sqrt(own * other), -0.9999, 0.9999)
        gain = np.where(cross * sign > 0, cross / own, np.float32(0))
        left = other * (1 - fit**2) + _TINY
        sharper, level, like = self._sharper(mean, image, here, there, own, cross)
        force = np.empty_like(self._offsets)
        for k, slope in enumerate(self._slopes):
            moved = sums(image * slope) - self._flat[k] * first - self._own[k] * both
            force[k] = (there - gain * here) * self._offsets[k] + gain * self._gains[k] - moved
            flanks = self._flanks[k] - level * self._offsets[k] - like * self._gains[k]
            force[k] += sharper * flanks
        shares = shown * (
            self._common(moving, counted * gain / left, gain) if common is None else common
        )
        # Noise moves nothing: gradients count by what of them both images have.
        force = along(shares, force * (gain / left))
        certain = floats(shown * gain**2 / left)
        information = certain * between(shares, self._products)
        far = np.sqrt(force[0] ** 2 + force[1] ** 2)
        far /= information[0] + information[2] + np.float32(1e-9)
        force *= np.minimum(1, _FARTHEST / np.maximum(far, _TINY))
        return Seen(floats(information), force, floats(fit), floats(shares), certain, shown)

    def _sharper(
        self,
        mean: Callable[[Floats], Floats],
        image: Floats,
        here: Floats,
        there: Floats,
        own: Floats,
        cross: Floats,
    ) -> tuple[Floats, Floats, Floats]:
        """Return how much sharper the moving image is, and what of curvature is offset and gain.

        What is less sharp moves both flanks of an edge apart, but the edge nowhere.
        """
        level, alike, square = (mean(one) for one in self._bends)
        like = (alike - here * level) / own
        beside = level - like * here
        size = np.maximum(square - beside * level - like * alike, _TINY)
        both = mean(sums(image * self._curved)) - beside * there - like * (cross + here * there)
        return floats(both / size), floats(beside), floats(like)

    def _common(self, moving: Floats, certain: Floats, gain: Floats) -> Floats:
        """Return the shares of gradients that both images have, 0 if it may be none: (3, h, w)."""
        (gx, gy), (mx, my) = self._slopes, gradients(moving)
        crossed = floats((sums(gx * my) + sums(gy * mx)) / 2)
        products = sums(gx * mx), crossed, sums(gy * my)
        common = np.stack([self._window(certain * one, _POOLED) for one in products])
        certain = certain * gain
        power = np.stack([self._window(certain * one, _POOLED) for one in self._power])
        pixels = np.maximum(self._window(certain * self.pixels, _POOLED), _TINY)
        # Noise is as strong around, and no stronger than all that is seen where least is.
        left = (power - common)[::2].sum(axis=0) / (2 * pixels)
        own, least = (
            floats(
                np.stack([blurred(one, near) for one in self._power])
                / np.maximum(blurred(self.pixels, near), _TINY)
            )
            for near in (_NEAR, 2 * _NEAR)
        )
        weakest = cv2.erode(least[::2].mean(axis=0), np.ones((_AROUND, _AROUND), np.uint8))
        noise = np.clip(left, 0, _ABOVE_LEAST * weakest)
        return in_common(own, common, power, floats(noise), _LEAST_COMMON)
