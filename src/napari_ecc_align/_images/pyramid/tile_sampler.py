"""Tiles of a moving level, sampled where a transform lays them, of which little is read."""

from __future__ import annotations

from functools import cached_property
from itertools import repeat

import numpy as np

from ..._common.opencv import cv2
from ..._transform.coordinates import UNMOVED, corners, map_points, shift
from ..._transform.models import Array
from .blocks import blurred, smoothed, stacked, windows
from .filters import LINEAR, NAN, RADIUS, eroded, warp
from .levels import Floats, Level, floats
from .representations import Representation, halo, turned

# Where tiles cover so much of a level, all of it is sampled at once.
_MOST_OF_ALL = 0.5
# How far (px) a tile may wander before its patch of the moving image is read again.
_SLACK = 4
_UNTURNED = UNMOVED[:, :2]


class TileSampler:
    """Sample tiles of a moving level, reading and smoothing only the patch below each."""

    def __init__(
        self,
        level: Level,
        origins: Array,
        size: int,
        *,
        representation: Representation = "intensity",
    ) -> None:
        self._level = level
        self._origins = origins
        self._size = size
        self._representation = representation
        self._whole = smoothed(level, representation)
        self._patches = np.empty((0, 0, 0), np.float32)
        self._first = self._low = self._high = origins

    def __call__(self, matrix: Array) -> Floats:
        """Return samples at ``matrix`` of the tiles' pixels, NaN without data.

        They are of shape (n, b, b) or, of k planes, (n, b, b, k).
        """
        size = self._size
        planes: tuple[int, ...]
        if self._whole is None:
            self._follow(matrix)
            planes = self._patches.shape[3:]
        else:
            planes = self._whole.shape[2:]
        if not planes and matrix[2, 2] == 1 and np.array_equal(matrix[:, :2], _UNTURNED):
            corners = self._origins + matrix[:2, 2]
            between = self._between(corners if self._whole is not None else corners - self._first)
            if between is not None:
                return between
        local = matrix @ self._shifts
        if self._whole is None:
            local[:, :2] -= self._first[:, :, None] * local[:, 2:]
        patches = iter(self._patches) if self._whole is None else repeat(self._whole, len(local))
        flat = matrix[2, 0] == 0 and matrix[2, 1] == 0
        if flat:
            local = local[:, :2] / local[:, 2:, 2:]
            first = self._origins.min(axis=0)
            width, height = (self._origins.max(axis=0) - first + size).astype(int).tolist()
            if not planes and self._whole is not None and self._is_most_of(width * height):
                image = warp(self._whole, matrix @ shift(*first), (width, height))
                return windows(image, self._origins - first, size)
        sample = cv2.warpAffine if flat else cv2.warpPerspective
        out = np.empty((len(local), size, size, *planes), np.float32)
        kind = (size, size), LINEAR, cv2.BORDER_CONSTANT, NAN
        shape, flags, border, value = map(repeat, kind)
        # All that is to be done lies in the call, and a loop would take as long again.
        for _ in map(sample, patches, local, shape, out, flags, border, value):
            pass
        if not planes:
            return out
        return turned(out, matrix, self._origins.mean(axis=0) + (size - 1) / 2)

    @cached_property
    def _shifts(self) -> Array:
        """The matrices, (n, 3, 3), that move the first pixel to that of each tile."""
        shifts = np.empty((len(self._origins), 3, 3))
        shifts[:] = UNMOVED
        shifts[:, :2, 2] = self._origins
        return shifts

    def _between(self, corners: Array) -> Floats | None:
        """Return what lies between the pixels from corners (x, y) on, (n, b, b).

        All corners lie equally far from the next pixels. OpenCV would round that to a
        thirty-second of a pixel, which is the same error all over an image. None where a tile
        reaches beyond the pixels.
        """
        first = np.floor(corners)
        x, y = (corners[0] - first[0]).tolist()
        kernel = np.outer((1 - y, y), (1 - x, x))
        size, whole = self._size, self._whole
        low, high = first.min(axis=0), first.max(axis=0) + size
        shape = self._patches.shape[1:] if whole is None else whole.shape
        if low.min() < 0 or high[0] >= shape[1] or high[1] >= shape[0]:
            return None
        if whole is not None and self._is_most_of(whole.size):
            all_of_it = self._level.recent("between", (x, y), lambda: _blended(whole, kernel))
            return windows(all_of_it, first, size)
        side = size + 1
        if whole is not None:
            around = windows(whole, first, side)
        else:
            around = np.stack(
                [
                    patch[v : v + side, u : u + side]
                    for patch, (u, v) in zip(self._patches, first.astype(int), strict=True)
                ]
            )
        mean = _blended(around.reshape(-1, side), kernel).reshape(around.shape)
        return np.ascontiguousarray(mean[:, :size, :size])

    def _is_most_of(self, pixels: int) -> bool:
        return len(self._origins) * self._size**2 > _MOST_OF_ALL * pixels

    def _follow(self, matrix: Array) -> None:
        """Read again what lies below the tiles if they have wandered off."""
        boxes = self._origins[:, None] + corners((self._size, self._size))
        mapped = map_points(matrix, boxes)
        low, high = mapped.min(axis=1), mapped.max(axis=1)
        if not self._patches.size or (low < self._low).any() or (high > self._high).any():
            self._read(low, high)

    def _read(self, low: Array, high: Array) -> None:
        """Read and smooth a square patch around each box, with room for the tiles to wander."""
        ring = halo(self._representation)
        self._low, self._high = low - _SLACK, high + _SLACK
        side = int(np.ceil((high - low).max())) + 2 * (_SLACK + ring) + 2
        h, w = self._level.shape
        # Of an image smaller than a patch, everything around it is missing.
        last = np.array([w, h]) - (0 if side > min(h, w) else side)
        first = np.clip(np.floor(self._low).astype(int) - ring, 0, last)
        ring -= 1
        image, valid = blurred(
            self._level, *stacked(self._level, first, side), self._representation
        )
        if valid is not None:
            image[~eroded(valid, RADIUS)] = np.nan
        patches = image.reshape(-1, side, *image.shape[1:])
        for edge in (slice(None, ring), slice(-ring, None)):
            patches[:, edge] = np.nan
            patches[:, :, edge] = np.nan
        self._patches, self._first = patches, first.astype(np.float64)


def _blended(pixels: Floats, kernel: Array) -> Floats:
    """Return the weighed mean of each pixel and those after it."""
    return floats(cv2.filter2D(pixels, -1, kernel, anchor=(0, 0)))
