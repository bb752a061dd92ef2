"""What the cells of a level say of a displacement: local correlation, gain and offset eliminated.

Around every pixel the moving image is taken as the reference times a gain plus an offset, of a
Gaussian window. What of the reference's gradient looks like those is taken out of it, and what is
left is gathered in cells. So information stays where the edges are, and a window's edge on one
side does not stand for its middle.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..._common.opencv import cv2
from ..._images.pyramid.filters import eroded, gradients, smoothed_inside
from ..._images.pyramid.levels import Bools, Floats, floats

# Of a window, as one sigma in px of the level.
_WINDOW = 8.0
# Windows count where so much of what they see moves alike beyond chance: the gradients of noise
# have nothing in common. Over so many windows, and above this share.
_POOLED, _LEAST_COMMON = 2.0, 0.2
# What moves a cell farther (px) at once is an accident.
_FARTHEST = 1.0
# Forces are compared in blocks of so many cells a side: what noise has in common beside itself.
_BLOCK = 4
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
    counted : ndarray of float32, shape (h, w)
        1 where both images have pixels, 0 elsewhere.
    """

    information: Floats
    force: Floats
    fit: Floats
    counted: Floats

    def inflation(self) -> float:
        """Return by how much forces vary more than noise that differs from pixel to pixel."""
        information, x, y = (_blocks(part) for part in (self.information[::2].sum(0), *self.force))
        if not (information > 0).any():
            return 1.0
        used = information >= np.median(information[information > 0])
        return max(1.0, float(np.mean((x[used] ** 2 + y[used] ** 2) / information[used])))


def _blocks(cells: Floats) -> Floats:
    height, width = (length // _BLOCK for length in cells.shape)
    blocks = cells[: height * _BLOCK, : width * _BLOCK].reshape(height, _BLOCK, width, _BLOCK)
    return floats(blocks.sum(axis=(1, 3)))


class Windows:
    """A plane of the reference on a level, ready to be compared.

    Parameters
    ----------
    image : ndarray of float32, shape (h, w)
    valid : ndarray of bool, shape (h, w), or None
    side : int
        Of a cell, in px.
    """

    def __init__(self, image: Floats, valid: Bools | None, side: int) -> None:
        self.side = side
        self.cells = -(-image.shape[0] // side), -(-image.shape[1] // side)
        self.shape = self.cells[0] * side, self.cells[1] * side
        smooth, inside = smoothed_inside(image, valid)
        inside = eroded(inside, 1)
        weight = self._padded(inside.astype(np.float32))
        self._sigma = _WINDOW / side
        self._weight, self._count = weight, self._sum(weight)
        around = self._window(self._count) + np.float32(1e-3)
        image, *slopes = (self._padded(part) * weight for part in (smooth, *gradients(smooth)))
        image = (image - self._spread(self._window(self._sum(image)) / around)) * weight
        power = np.maximum(self._window(self._sum(image * image)) / around, _TINY)
        left = []
        for slope in slopes:
            mean = self._window(self._sum(slope)) / around
            alike = self._window(self._sum(slope * image)) / (around * power)
            left.append((slope - self._spread(mean) - self._spread(alike) * image) * weight)
        self._image, self._slopes = image, left
        self._first, self._second = self._sum(image), self._sum(image * image)
        pairs = ((left[0], left[0]), (left[0], left[1]), (left[1], left[1]))
        self._products = np.stack([self._sum(a * b) for a, b in pairs])
        self._offsets = np.stack([self._sum(slope) for slope in left])
        self._gains = np.stack([self._sum(slope * image) for slope in left])

    def _padded(self, image: Floats) -> Floats:
        below, right = self.shape[0] - image.shape[0], self.shape[1] - image.shape[1]
        return floats(cv2.copyMakeBorder(image, 0, below, 0, right, cv2.BORDER_CONSTANT))

    def _sum(self, image: Floats) -> Floats:
        cells = cv2.resize(image, self.cells[::-1], interpolation=cv2.INTER_AREA)
        return floats(cells) * np.float32(self.side**2)

    def _window(self, cells: Floats, times: float = 1.0) -> Floats:
        sigma = times * self._sigma
        return floats(cv2.GaussianBlur(cells, (0, 0), sigma, borderType=cv2.BORDER_CONSTANT))

    def _spread(self, cells: Floats) -> Floats:
        return floats(cv2.resize(cells, self.shape[::-1], interpolation=cv2.INTER_LINEAR))

    def seen(self, moving: Floats, sign: int, *, sift: bool) -> Seen:
        """Compare with the moving image as a field lays it here, NaN where it has no pixels.

        Parameters
        ----------
        moving : ndarray of float32, shape (h, w)
            Smoothed; of `shape`.
        sign : {1, -1}
            -1 for a negative of the reference.
        sift : bool
            Leave out what gradients have nothing in common in.
        """
        weight = self._weight * np.isfinite(moving)
        moving = np.nan_to_num(moving)
        count = self._sum(weight)
        counted = floats((count > 0.9 * self._count) & (self._count > self.side**2 / 2))
        image = moving * weight
        around = self._window(counted * self._count) + np.float32(1e-3)

        def mean(cells: Floats) -> Floats:
            return floats(self._window(counted * cells) / around)

        there, here = mean(self._sum(image)), mean(self._first)
        own = np.maximum(mean(self._second) - here**2, _TINY)
        other = np.maximum(mean(self._sum(image * moving)) - there**2, _TINY)
        both = mean(self._sum(image * self._image)) - here * there
        fit = np.clip(both / np.sqrt(own * other), -0.9999, 0.9999)
        gain = np.where(both * sign > 0, both / own, np.float32(0))
        left = other * (1 - fit**2) + _TINY
        slopes = np.stack([self._sum(image * slope) for slope in self._slopes])
        force = (there - gain * here) * self._offsets + gain * self._gains - slopes
        if sift:
            counted = counted * self._common(moving, weight, counted * gain / left, gain)
        force = force * (counted * gain / left)
        information = self._products * (counted * gain**2 / left)
        far = np.hypot(*force) / (information[0] + information[2] + np.float32(1e-9))
        force *= np.minimum(1, _FARTHEST / np.maximum(far, _TINY))
        return Seen(floats(information), floats(force), floats(fit), floats(counted))

    def _common(self, moving: Floats, weight: Floats, certain: Floats, gain: Floats) -> Floats:
        """Return the share of the gradients' power that both images have, 0 if it may be none."""
        there = gradients(moving)
        products = sum(
            self._sum(slope * other * weight)
            for slope, other in zip(self._slopes, there, strict=True)
        )
        common = self._window(certain * products, _POOLED)
        power = self._window(certain * gain * self._products[::2].sum(axis=0), _POOLED)
        share = common / np.maximum(power, _TINY)
        return floats(np.clip((share - _LEAST_COMMON) / (1 - _LEAST_COMMON), 0, 1))
