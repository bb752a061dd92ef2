"""Square blocks of a reference level with their gradients, and the moving image sampled on them.

Two sources look alike to the solver: a whole (coarse) level cut into blocks, and chosen tiles of
a fine one.  Both images are smoothed by the same Gaussian.  The moving image is sampled in single
precision, bilinearly, after the smoothing; samples that would touch a pixel outside the image or
a masked one come back as NaN.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..._cv2 import cv2
from .models import Array, apply
from .scalespace import Bools, Floats, Level, floats

KERNEL = 5
SIGMA = 0.8
RADIUS = KERNEL // 2
# The halving filter mirrors the image at its border: that many pixels of a level are not data.
BORDER = 2
# Between the pixels, by ``matrix @ (x, y, 1)``; NaN outside.
_LINEAR = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
_NAN = (float("nan"),)
# How far (px) a tile may wander before its patch of the moving image is read again.
_SLACK = 4

Sampler: TypeAlias = Callable[[Array], Floats]
Scalar = TypeVar("Scalar", bound=np.generic)


@dataclass(frozen=True)
class Blocks:
    """Blocks of the reference.

    Attributes
    ----------
    centres : (n, 2) array
        Centres (x, y) in px of the level.
    values : (n, b, b) float32 array
        Smoothed intensity; zero where not valid.
    slopes : (2, n, b, b) float32 array
        Its derivatives by x and y, per px; zero where not valid.
    valid : (n, b, b) bool array or None
        None if all are.
    """

    centres: Array
    values: Floats
    slopes: Floats
    valid: Bools | None

    @property
    def size(self) -> int:
        """Side of a block in px."""
        return int(self.values.shape[-1])


def smooth(image: Floats, valid: Bools | None, *, strict: bool) -> tuple[Floats, Bools]:
    """Smooth without inventing data.

    Strict: what the kernel ring of the border or of an invalid pixel touches becomes invalid.
    Otherwise the kernel is normalised by the valid weight below it, which loses nothing: good
    enough for a coarse level that is a start for a finer one.
    """
    kernel = (KERNEL, KERNEL)
    if strict:
        out = floats(cv2.GaussianBlur(image, kernel, SIGMA))
        if valid is None:
            ok = np.zeros(image.shape, bool)
            ok[RADIUS:-RADIUS, RADIUS:-RADIUS] = True
        else:
            ok = _eroded(valid, RADIUS)
        return out, ok
    weight = np.ones(image.shape, np.float32) if valid is None else valid.astype(np.float32)
    total = floats(cv2.GaussianBlur(weight, kernel, SIGMA, borderType=cv2.BORDER_CONSTANT))
    out = floats(cv2.GaussianBlur(image, kernel, SIGMA, borderType=cv2.BORDER_CONSTANT))
    out /= np.maximum(total, np.float32(1e-6))
    return out, np.ones(image.shape, bool) if valid is None else valid


def _eroded(valid: Bools, radius: int) -> Bools:
    element = np.ones((2 * radius + 1, 2 * radius + 1), np.uint8)
    out = cv2.erode(valid.view(np.uint8), element, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return np.asarray(out.view(bool))


_DERIVATIVE = np.array([-0.5, 0.0, 0.5], np.float32)
_ONE = np.ones(1, np.float32)


def gradients(image: Floats) -> tuple[Floats, Floats]:
    """Return the central differences by x and y, per px."""
    gx = cv2.sepFilter2D(image, cv2.CV_32F, _DERIVATIVE, _ONE)
    gy = cv2.sepFilter2D(image, cv2.CV_32F, _ONE, _DERIVATIVE)
    return floats(gx), floats(gy)


def _cut(image: NDArray[Scalar], size: int) -> NDArray[Scalar]:
    """Cut (h, w), padded with zeros, into row-major blocks (n, size, size)."""
    h, w = image.shape
    rows, columns = -(-h // size), -(-w // size)
    if (rows * size, columns * size) != (h, w):
        image = np.pad(image, ((0, rows * size - h), (0, columns * size - w)))
    return np.ascontiguousarray(
        image.reshape(rows, size, columns, size).swapaxes(1, 2).reshape(-1, size, size)
    )


def represent(image: Floats, valid: Bools | None, gradient: bool) -> tuple[Floats, Bools | None]:
    """Return the image, or its gradient magnitude, which outlives other stains and bands."""
    if not gradient:
        return image, valid
    out, ok = smooth(image, valid, strict=True)
    gx, gy = gradients(out)
    # Not cv2.magnitude, whose last bits depend on where in memory its arguments lie.
    return floats(np.sqrt(gx * gx + gy * gy)), _eroded(ok, 1)


def _whole(level: Level, gradient: bool) -> tuple[Floats, Bools]:
    image, valid = represent(*level.patch(0, level.shape[0], 0, level.shape[1]), gradient)
    return smooth(image, valid, strict=False)


def whole_reference(level: Level, size: int, *, gradient: bool = False) -> Blocks:
    """Return all of a level as blocks of `size` px."""
    image, valid = _whole(level, gradient)
    valid = _eroded(valid, 1)
    centre = _cut_centres(level.shape, size)
    planes = (image, *gradients(image))
    values, *slopes = (_cut(plane * valid, size) for plane in planes)
    return Blocks(centre, values, np.stack(slopes), _cut(valid, size))


def _cut_centres(shape: tuple[int, int], size: int) -> Array:
    rows, columns = -(-shape[0] // size), -(-shape[1] // size)
    y, x = np.mgrid[:rows, :columns]
    return np.stack([x.ravel(), y.ravel()], axis=1) * float(size) + (size - 1) / 2


def whole_moving(
    level: Level, shape: tuple[int, int], size: int, *, gradient: bool = False
) -> Sampler:
    """Return a sampler of a whole moving level on the blocks of a reference level of `shape`."""
    image, valid = _whole(level, gradient)
    image[~valid] = np.nan

    def sample(matrix: Array) -> Floats:
        return _cut(warp(image, matrix, (shape[1], shape[0])), size)

    return sample


def warp(image: Floats, matrix: Array, size: tuple[int, int]) -> Floats:
    """Sample `image` at ``matrix @ (x, y, 1)`` for the pixels of a (w, h) image; NaN outside."""
    if matrix[2, 0] == 0 and matrix[2, 1] == 0:
        return floats(
            cv2.warpAffine(image, matrix[:2] / matrix[2, 2], size, flags=_LINEAR, borderValue=_NAN)
        )
    return floats(cv2.warpPerspective(image, matrix, size, flags=_LINEAR, borderValue=_NAN))


def tile_reference(level: Level, origins: Array, size: int, *, gradient: bool = False) -> Blocks:
    """Return the tiles that begin at `origins`, (n, 2) as (x, y), `halo` px off the border."""
    image, mask = _smoothed_tiles(level, origins, size, gradient)
    ring = halo(gradient)
    values, valid = _inner(image, size, ring), None
    slopes = np.empty((2, *values.shape), np.float32)
    for out, plane in zip(slopes, gradients(image), strict=True):
        out[:] = _within(plane, size, ring)
    if mask is not None:
        valid = _inner(mask, size, ring)
        values[~valid] = 0
        slopes[:, ~valid] = 0
    return Blocks(origins + (size - 1) / 2, values, slopes, valid)


def tile_values(level: Level, origins: Array, size: int) -> tuple[Floats, Bools | None]:
    """Return the values and validity of `tile_reference`, without the derivatives."""
    image, mask = _smoothed_tiles(level, origins, size, False)
    ring = halo(False)
    values, valid = _inner(image, size, ring), None
    if mask is not None:
        valid = _inner(mask, size, ring)
        values[~valid] = 0
    return values, valid


def _smoothed_tiles(
    level: Level, origins: Array, size: int, gradient: bool
) -> tuple[Floats, Bools | None]:
    """Return tiles and their halo, one below the other, and what is valid of them."""
    ring = halo(gradient)
    stack, mask = _stack(level, origins.astype(int) - ring, size + 2 * ring)
    stack, mask = represent(stack, mask, gradient)
    image = floats(cv2.GaussianBlur(stack, (KERNEL, KERNEL), SIGMA))
    if mask is None or level.valid is None:
        return image, None
    return image, _eroded(mask, RADIUS + 1)


def _stack(level: Level, first: NDArray[np.int_], side: int) -> tuple[Floats, Bools | None]:
    """Read square patches, one below the other.

    Filters then run once, and only the rings of the patches mix.
    """
    n = len(first)
    raw = np.empty((n, side, side), level.image.dtype)
    valid = None if level.valid is None else np.empty((n, side, side), bool)
    # What is read chunk by chunk knows in which order it had better be.
    order = getattr(level.image, "order", None)
    for k in range(n) if order is None else order(first).tolist():
        x, y = first[k].tolist()
        raw[k] = level.image[y : y + side, x : x + side]
        if valid is not None and level.valid is not None:
            valid[k] = level.valid[y : y + side, x : x + side]
    mask = None if valid is None else valid.reshape(n * side, side)
    return level.convert(raw.reshape(n * side, side), mask), mask


def _within(stack: NDArray[Scalar], size: int, ring: int) -> NDArray[Scalar]:
    blocks = stack.reshape(-1, size + 2 * ring, size + 2 * ring)
    return blocks[:, ring : ring + size, ring : ring + size]


def _inner(stack: NDArray[Scalar], size: int, ring: int) -> NDArray[Scalar]:
    return np.ascontiguousarray(_within(stack, size, ring))


def halo(gradient: bool) -> int:
    """Pixels around a tile that its smoothing and derivatives read."""
    return RADIUS + 1 + (RADIUS + 1 if gradient else 0)


class TileSampler:
    """Sample tiles of a moving level, reading and smoothing only the patch below each."""

    def __init__(self, level: Level, origins: Array, size: int, *, gradient: bool = False) -> None:
        self._level = level
        self._origins = origins
        self._size = size
        self._gradient = gradient
        self._patches = np.empty((0, 0, 0), np.float32)
        self._first = self._low = self._high = origins
        last = size - 1
        square = np.array([[0, 0], [last, 0], [last, last], [0, last]], dtype=np.float64)
        self._corners = (origins[:, None] + square).reshape(-1, 2)
        self._shifts = np.tile(np.eye(3), (len(origins), 1, 1))
        self._shifts[:, :2, 2] = origins

    def __call__(self, matrix: Array) -> Floats:
        """Return (n, b, b) samples at ``matrix`` of the tiles' pixels; NaN without data."""
        size = self._size
        corners = apply(matrix, self._corners).reshape(-1, 4, 2)
        low, high = corners.min(axis=1), corners.max(axis=1)
        if not self._patches.size or (low < self._low).any() or (high > self._high).any():
            self._read(low, high)
        local = matrix @ self._shifts
        local[:, :2] -= self._first[:, :, None] * local[:, 2:]
        flat = matrix[2, 0] == 0 and matrix[2, 1] == 0
        if flat:
            local = local[:, :2] / local[:, 2:, 2:]
        sample = cv2.warpAffine if flat else cv2.warpPerspective
        out = np.empty((len(local), size, size), np.float32)
        for patch, own, tile in zip(self._patches, local, out, strict=True):
            sample(patch, own, (size, size), tile, _LINEAR, cv2.BORDER_CONSTANT, _NAN)
        return out

    def _read(self, low: Array, high: Array) -> None:
        """Read and smooth a square patch around each box, with room for the tiles to wander."""
        ring = halo(self._gradient)
        self._low, self._high = low - _SLACK, high + _SLACK
        side = int(np.ceil((high - low).max())) + 2 * (_SLACK + ring) + 2
        h, w = self._level.shape
        if side > min(h, w):
            self._read_padded(side)
            return
        first = np.clip(np.floor(self._low).astype(int) - ring, 0, np.array([w, h]) - side)
        stack, valid = _stack(self._level, first, side)
        self._smooth(stack, valid, side, first)

    def _read_padded(self, side: int) -> None:
        """Read from an image smaller than a patch: everything around it is missing."""
        h, w = self._level.shape
        values, valid = self._level.patch(0, h, 0, w)
        padded, inside = (
            np.zeros((side + h, side + w), np.float32),
            np.zeros((side + h, side + w), bool),
        )
        padded[:h, :w] = values
        inside[:h, :w] = True if valid is None else valid
        whole = Level(padded, inside, 0.0, 1.0, self._level.index)
        first = np.clip(
            np.floor(self._low).astype(int) - halo(self._gradient), 0, np.array([w, h])
        )
        self._smooth(*_stack(whole, first, side), side, first)

    def _smooth(
        self, stack: Floats, valid: Bools | None, side: int, first: NDArray[np.int_]
    ) -> None:
        ring = halo(self._gradient) - 1
        stack, valid = represent(stack, valid, self._gradient)
        image = floats(cv2.GaussianBlur(stack, (KERNEL, KERNEL), SIGMA))
        if valid is not None:
            image[~_eroded(valid, RADIUS)] = np.nan
        patches = image.reshape(-1, side, side)
        for edge in (slice(None, ring), slice(-ring, None)):
            patches[:, edge] = np.nan
            patches[:, :, edge] = np.nan
        self._patches, self._first = patches, first.astype(np.float64)
