"""What the cells of a level say of a displacement: local correlation, gain and offset eliminated.

Around every cell the moving image is taken as the reference times a gain plus an offset, of a
Gaussian window, and as sharper or less sharp. What of the reference's gradient looks like gain or
offset is taken out of it, and what is left is gathered in the cell. So information stays where the
edges are, and a window's edge on one side does not stand for its middle. All of it is made of sums
of products over cells.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

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
# Two images of noise say by chance where they lie: the square of their correlation is one in so
# many pixels as vary alone, and these are so large as gradients are weak, so that it is one
# information per pixel whatever noise looks like. It is half of it as only what is alike counts,
# and over so many windows, as one sigma, so many times as much is two sigmas more.
_BY_CHANCE, _OVER = np.float32(2.5 / 2 / (2 * WINDOW**2)), 3.0
# Noise is weighed against what so many cells have, as one sigma; it is by so much stronger than
# the least that is seen by as many windows a side.
_NEAR, _AROUND, _ABOVE_LEAST = 1.0, 9, np.float32(1.3)
# What moves a cell farther (px) at once is an accident.
_FARTHEST = 1.0
_TINY = np.float32(1e-6)
_HALVINGS = tuple(2**k for k in range(1, CELL.bit_length()))
# Planes of so many cells a side are blurred as matrices: calls would take longer than sums.
_SMALL = 64


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
    # Twice by two is quicker than once by four.
    height, width = image.shape
    for side in _HALVINGS:
        size = width // side, height // side
        image = floats(cv2.resize(image, size, interpolation=cv2.INTER_AREA))
    return image * np.float32(CELL**2)


def blurred(cells: Floats, sigma: float) -> Floats:
    """Return sums over Gaussian windows of cells, (..., h, w), with nothing beyond the border."""
    height, width = cells.shape[-2:]
    if cells.ndim > 2 and max(height, width) <= _SMALL:
        return floats(_window_sums(height, sigma) @ cells @ _window_sums(width, sigma))
    out = np.empty_like(cells)
    for plane, into in zip(
        cells.reshape(-1, height, width), out.reshape(-1, height, width), strict=True
    ):
        cv2.GaussianBlur(plane, (0, 0), sigma, into, borderType=cv2.BORDER_CONSTANT)
    return out


@lru_cache(maxsize=64)
def _window_sums(length: int, sigma: float) -> Floats:
    """Return the matrix that sums over Gaussian windows along an axis."""
    reach = round(4 * sigma)
    kernel = cv2.getGaussianKernel(2 * reach + 1, sigma, cv2.CV_32F).ravel()
    wide = np.zeros((length, length + 2 * reach), np.float32)
    for k, weight in enumerate(kernel):
        wide[np.arange(length), np.arange(length) + k] = weight
    return np.ascontiguousarray(wide[:, reach : reach + length])


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
        own = [
            (self._window(one) / around - mean * flat) / power
            for one, flat in zip(alike, level, strict=True)
        ]
        flat = [one - part * mean for one, part in zip(level, own, strict=True)]
        self._own, self._flat = np.stack(own), np.stack(flat)
        self._offsets, self._gains = np.zeros((2, 2, *self.cells), np.float32)
        for k in (0, 1):
            self._offsets[k] = slope[k] - flat[k] * self.pixels - own[k] * self._first
            self._gains[k] = alike[k] - flat[k] * self._first - own[k] * self._second
        plain, like = sums(curved), sums(curved * image)
        # What windows gather of the reference alone.
        self._own_parts = np.stack(
            [self.pixels, self._first, self._second, plain, like, sums(curved * curved)]
        )
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

    def room(self, *, with_moving: bool) -> Floats:
        """Return room for what `multiply` makes, with products of both gradients or not."""
        return np.empty((9 if with_moving else 6, *self.cells), np.float32)

    def multiply(self, moving: Floats, rows: slice, into: Floats) -> None:
        """Gather products with the moving image as a field lays it here.

        Parameters
        ----------
        moving : ndarray of float32, shape (CELL * n + 2, CELL * w)
            Smoothed; of some rows of cells, and one row of pixels above and below.
        rows : slice
            Of cells.
        into : ndarray of float32, shape (9, h, w) or (6, h, w)
            From `room`; these rows are set: sums of the image, its square, its products with the
            reference, with how that curves and with its gradients; and products of gradients.
        """
        inner = slice(CELL * rows.start, CELL * rows.stop)
        gx, gy = (one[inner] for one in self._slopes)
        image = moving[1:-1] * self._weight[inner]
        product = np.empty_like(image)
        others = None, image, self._image[inner], self._curved[inner], gx, gy
        for room, by in zip(into, others, strict=False):
            made = image if by is None else np.multiply(image, by, out=product)
            room[rows] = sums(made)
        if len(into) > len(others):
            mx, my = (one[1:-1] for one in gradients(moving))
            into[6, rows] = sums(np.multiply(gx, mx, out=product))
            into[8, rows] = sums(np.multiply(gy, my, out=product))
            np.multiply(gx, my, out=image)
            image += np.multiply(gy, mx, out=product)
            into[7, rows] = sums(image) / 2

    def seen(self, made: Floats, shown: Floats, common: Floats | None, sign: int) -> Seen:
        """Compare with the moving image as a field lays it here.

        Parameters
        ----------
        made : ndarray of float32, shape (9, h, w) or (6, h, w)
            What `multiply` made of all rows.
        shown : ndarray of float32
            1 for cells where both images have pixels, else 0.
        common : ndarray of float32, shape (3, h, w), or None
            How much cells count, as in `Seen`; by what gradients have in common, if None.
        sign : {1, -1}
            -1 for a negative of the reference.
        """
        counted = shown if common is None else shown * largest(common)
        first, _, both, _, *moved = made[:6]
        gathered = self._window(counted * np.concatenate([self._own_parts, made[:4]]))
        gathered[1:] /= gathered[0] + np.float32(1e-3)
        _, here, second, level, alike, square, there, squares, mixed, bent = gathered
        own = np.maximum(second - here**2, _TINY)
        other = np.maximum(squares - there**2, _TINY)
        cross = mixed - here * there
        fit = np.clip(cross / np.sqrt(own * other), -0.9999, 0.9999)
        gain = np.where(cross * sign > 0, cross / own, np.float32(0))
        left = other * (1 - fit**2) + _TINY
        # How much sharper the moving image is, and what of curvature is offset and gain: what is
        # less sharp moves both flanks of an edge apart, but the edge nowhere.
        like = (alike - here * level) / own
        beside = level - like * here
        size = np.maximum(square - beside * level - like * alike, _TINY)
        sharper = (bent - beside * there - like * (cross + here * there)) / size
        force = (there - gain * here - sharper * beside) * self._offsets
        force += (gain - sharper * like) * self._gains
        force += sharper * self._flanks
        force -= moved - self._flat * first - self._own * both
        shares = shown * (
            self._common(made[6:], counted * gain / left, gain) if common is None else common
        )
        # Noise moves nothing: gradients count by what of them both images have.
        force = along(shares, force * (gain / left))
        certain = floats(shown * gain**2 / left)
        information = certain * between(shares, self._products)
        told = self._beyond_chance(information, shown)
        certain *= told
        information *= told
        force *= told
        far = np.sqrt(force[0] ** 2 + force[1] ** 2)
        far /= information[0] + information[2] + np.float32(1e-9)
        force *= np.minimum(1, _FARTHEST / np.maximum(far, _TINY))
        return Seen(floats(information), force, floats(fit), floats(shares), certain, shown)

    def _beyond_chance(self, information: Floats, shown: Floats) -> Floats:
        """Return by what share what cells say is more than noise would say by chance, (h, w)."""
        parts = np.stack([information[0] + information[2], shown * self.pixels])
        told, pixels = self._window(parts, _OVER)
        return floats(np.maximum(0, 1 - _BY_CHANCE * pixels / np.maximum(told, _TINY)))

    def _common(self, both: Floats, certain: Floats, gain: Floats) -> Floats:
        """Return the shares of gradients that both images have, 0 if it may be none: (3, h, w)."""
        weights = certain * gain
        parts = [certain * both, weights * self._power, (weights * self.pixels)[None]]
        gathered = self._window(np.concatenate(parts), _POOLED)
        common, power, pixels = gathered[:3], gathered[3:6], np.maximum(gathered[6], _TINY)
        # Noise is as strong around, and no stronger than all that is seen where least is.
        left = (power - common)[::2].sum(axis=0) / (2 * pixels)
        own, weakest = self._power_near
        noise = np.clip(left, 0, _ABOVE_LEAST * weakest)
        return in_common(own, common, power, floats(noise), _LEAST_COMMON)

    @cached_property
    def _power_near(self) -> tuple[Floats, Floats]:
        """Products of gradients around each cell, per pixel, and the least strength around."""
        parts = np.concatenate([self._power, self.pixels[None]])
        own, least = (
            near[:3] / np.maximum(near[3], _TINY)
            for near in (blurred(parts, sigma) for sigma in (_NEAR, 2 * _NEAR))
        )
        strength = floats(least[::2].mean(axis=0))
        return own, floats(cv2.erode(strength, np.ones((_AROUND, _AROUND), np.uint8)))
