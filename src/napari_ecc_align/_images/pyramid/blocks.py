"""Square blocks of a reference level with their gradients, and the moving image sampled on them.

Two sources look alike to the solver: a whole (coarse) level cut into blocks, and chosen tiles of
a fine one.  Both images are smoothed by the same Gaussian.  The moving image is sampled in single
precision, bilinearly, after the smoothing; samples that would touch a pixel outside the image or
a masked one come back as NaN.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import repeat
from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..._common.opencv import cv2
from ..._transform.models import Array
from ..._transform.transform import corners, crossings, map_points
from .filters import (
    KERNEL,
    LINEAR,
    NAN,
    RADIUS,
    SIGMA,
    eroded,
    gradients,
    halo,
    inner_gradients,
    represent,
    smoothed_whole,
    warp,
)
from .levels import Bools, Floats, Image, Level, floats
from .windows import OnDemand

# What smoothing to single precision loses nothing of.
_NARROW = (np.dtype(np.uint8), np.dtype(np.uint16))
# A level of at most so many pixels is smoothed whole, once.
_SMOOTHED_PIXELS = 1_100_000
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


def _blocks_of(image: NDArray[Scalar], size: int) -> NDArray[Scalar]:
    """Look at (h, w), padded with zeros, as blocks (rows, columns, size, size)."""
    h, w = image.shape
    rows, columns = -(-h // size), -(-w // size)
    if (rows * size, columns * size) != (h, w):
        image = np.pad(image, ((0, rows * size - h), (0, columns * size - w)))
    return image.reshape(rows, size, columns, size).swapaxes(1, 2)


def _cut(image: NDArray[Scalar], size: int) -> NDArray[Scalar]:
    """Cut (h, w), padded with zeros, into row-major blocks (n, size, size)."""
    return np.ascontiguousarray(_blocks_of(image, size).reshape(-1, size, size))


def _whole(level: Level, gradient: bool) -> tuple[Floats, Bools | None]:
    image, valid = represent(*level.whole(), gradient)
    return smoothed_whole(image, valid), valid


def whole_reference(level: Level, size: int, *, gradient: bool = False) -> Blocks:
    """Return all of a level as blocks of `size` px."""
    image, valid = _whole(level, gradient)
    inside = _interior(level.shape, size) if valid is None else _cut(eroded(valid, 1), size)
    blocks = np.empty((3, *inside.shape), np.float32)
    for out, plane in zip(blocks, (image, *gradients(image)), strict=True):
        cut = _blocks_of(plane, size)
        np.multiply(cut, inside.reshape(cut.shape), out=out.reshape(cut.shape))
    return Blocks(_cut_centres(level.shape, size), blocks[0], blocks[1:], inside)


@lru_cache(maxsize=32)
def _interior(shape: tuple[int, int], size: int) -> Bools:
    """Return where a whole image has derivatives, in blocks."""
    inside = _cut(eroded(np.ones(shape, bool), 1), size)
    inside.setflags(write=False)
    return inside


@lru_cache(maxsize=32)
def _cut_centres(shape: tuple[int, int], size: int) -> Array:
    y, x = (np.arange(-(-length // size)) * float(size) + (size - 1) / 2 for length in shape)
    return crossings(x, y)


def whole_moving(
    level: Level, shape: tuple[int, int], size: int, *, gradient: bool = False
) -> Sampler:
    """Return a sampler of a whole moving level on the blocks of a reference level of `shape`."""
    image, valid = _whole(level, gradient)
    if valid is not None:
        image[~valid] = np.nan

    def sample(matrix: Array) -> Floats:
        return _cut(warp(image, matrix, (shape[1], shape[0])), size)

    return sample


def tile_reference(level: Level, origins: Array, size: int, *, gradient: bool = False) -> Blocks:
    """Return the tiles that begin at `origins`, (n, 2) as (x, y), `halo` px off the border."""
    image, mask, ring = _smoothed_tiles(level, origins, size, gradient)
    values, valid = _inner_tiles(image, mask, size, ring)
    slopes = inner_gradients(_within(image, size + 2, ring - 1))
    if valid is not None:
        slopes[:, ~valid] = 0
    return Blocks(origins + (size - 1) / 2, values, slopes, valid)


def tile_values(level: Level, origins: Array, size: int) -> tuple[Floats, Bools | None]:
    """Return the values and validity of `tile_reference`, without the derivatives."""
    image, mask, ring = _smoothed_tiles(level, origins, size, False)
    return _inner_tiles(image, mask, size, ring)


def _smoothed_tiles(
    level: Level, origins: Array, size: int, gradient: bool
) -> tuple[Floats, Bools | None, int]:
    """Return tiles and a ring around them, one below the other, what is valid, and the ring."""
    first = origins.astype(int)
    whole = smoothed(level, gradient=gradient)
    if whole is not None:
        side = size + 2
        tiles = np.empty((len(first), side, side), np.float32)
        for out, (x, y) in zip(tiles, (first - 1).tolist(), strict=True):
            out[:] = whole[y : y + side, x : x + side]
        image: Floats = tiles.reshape(-1, side)
        return image, None if level.valid is None else eroded(~np.isnan(image), 1), 1
    ring = halo(gradient)
    image, mask = _blurred(level, *_stack(level, first - ring, size + 2 * ring), gradient)
    if mask is None or level.valid is None:
        return image, None, ring
    return image, eroded(mask, RADIUS + 1), ring


def smoothed(level: Level, *, gradient: bool = False) -> Floats | None:
    """Return all of a small level smoothed, NaN where data are missing; None if it is not small.

    Tiles of a small level overlap, and are wanted more than once.
    """
    if level.size > _SMOOTHED_PIXELS or not isinstance(level.image, np.ndarray):
        return None
    name = f"smoothed {gradient}"
    kept = level.cache.get(name)
    if kept is None:
        valid = None if level.valid is None else level.valid[:, :]
        kept, valid = _blurred(level, level.image, valid, gradient)
        if valid is not None:
            kept[~eroded(valid, RADIUS)] = np.nan
        for edge in (slice(None, RADIUS), slice(-RADIUS, None)):
            kept[edge] = np.nan
            kept[:, edge] = np.nan
        level.cache[name] = kept
    return kept


def _blurred(
    level: Level, raw: Image, valid: Bools | None, gradient: bool
) -> tuple[Floats, Bools | None]:
    """Smooth pixels of a level, and tell which of what was smoothed is valid."""
    if valid is None and not gradient and raw.dtype in _NARROW and raw.dtype.isnative:
        # In one pass, which also brings the pixels to the level's units.
        kernel = np.asarray(cv2.getGaussianKernel(KERNEL, SIGMA))
        offset = -level.offset / level.scale
        smooth = cv2.sepFilter2D(raw, cv2.CV_32F, kernel / level.scale, kernel, delta=offset)
        return floats(smooth), None
    values, valid = represent(level.convert(raw, valid), valid, gradient)
    return floats(cv2.GaussianBlur(values, (KERNEL, KERNEL), SIGMA)), valid


def _stack(level: Level, first: NDArray[np.int_], side: int) -> tuple[Image, Bools | None]:
    """Read square patches, one below the other.

    Filters then run once, and only the rings of the patches mix. What lies beyond the image is
    not valid.
    """
    n = len(first)
    raw = np.zeros((n, side, side), level.image.dtype)
    beyond = (first + side > level.shape[::-1]).any()
    valid = np.zeros((n, side, side), bool) if beyond or level.valid is not None else None
    # What is read chunk by chunk knows in which order it had better be.
    order = level.image.reader.order(first) if isinstance(level.image, OnDemand) else range(n)
    for k in order:
        x, y = first[k].tolist()
        part = level.image[y : y + side, x : x + side]
        within = k, slice(part.shape[0]), slice(part.shape[1])
        raw[within] = part
        if valid is not None:
            counted = level.valid
            valid[within] = counted is None or counted[y : y + side, x : x + side]
    mask = None if valid is None else valid.reshape(n * side, side)
    return raw.reshape(n * side, side), mask


def _within(stack: NDArray[Scalar], size: int, ring: int) -> NDArray[Scalar]:
    blocks = stack.reshape(-1, size + 2 * ring, size + 2 * ring)
    return blocks[:, ring : ring + size, ring : ring + size]


def _inner_tiles(
    image: Floats, mask: Bools | None, size: int, ring: int
) -> tuple[Floats, Bools | None]:
    """Return tiles without the ring around them, zero where they are not valid."""
    values = np.ascontiguousarray(_within(image, size, ring))
    if mask is None:
        return values, None
    valid = np.ascontiguousarray(_within(mask, size, ring))
    values[~valid] = 0
    return values, valid


class TileSampler:
    """Sample tiles of a moving level, reading and smoothing only the patch below each."""

    def __init__(self, level: Level, origins: Array, size: int, *, gradient: bool = False) -> None:
        self._level = level
        self._origins = origins
        self._size = size
        self._gradient = gradient
        self._whole = smoothed(level, gradient=gradient)
        self._patches = np.empty((0, 0, 0), np.float32)
        self._first = self._low = self._high = origins
        self._shifts = np.tile(np.eye(3), (len(origins), 1, 1))
        self._shifts[:, :2, 2] = origins

    def __call__(self, matrix: Array) -> Floats:
        """Return (n, b, b) samples at ``matrix`` of the tiles' pixels; NaN without data."""
        size = self._size
        local = matrix @ self._shifts
        if self._whole is None:
            self._follow(matrix)
            local[:, :2] -= self._first[:, :, None] * local[:, 2:]
            patches = iter(self._patches)
        else:
            patches = repeat(self._whole, len(local))
        flat = matrix[2, 0] == 0 and matrix[2, 1] == 0
        if flat:
            local = local[:, :2] / local[:, 2:, 2:]
        sample = cv2.warpAffine if flat else cv2.warpPerspective
        out = np.empty((len(local), size, size), np.float32)
        for patch, own, tile in zip(patches, local, out, strict=True):
            sample(patch, own, (size, size), tile, LINEAR, cv2.BORDER_CONSTANT, NAN)
        return out

    def _follow(self, matrix: Array) -> None:
        """Read again what lies below the tiles if they have wandered off."""
        boxes = self._origins[:, None] + corners((self._size, self._size))
        mapped = map_points(matrix, boxes)
        low, high = mapped.min(axis=1), mapped.max(axis=1)
        if not self._patches.size or (low < self._low).any() or (high > self._high).any():
            self._read(low, high)

    def _read(self, low: Array, high: Array) -> None:
        """Read and smooth a square patch around each box, with room for the tiles to wander."""
        ring = halo(self._gradient)
        self._low, self._high = low - _SLACK, high + _SLACK
        side = int(np.ceil((high - low).max())) + 2 * (_SLACK + ring) + 2
        h, w = self._level.shape
        # Of an image smaller than a patch, everything around it is missing.
        last = np.array([w, h]) - (0 if side > min(h, w) else side)
        first = np.clip(np.floor(self._low).astype(int) - ring, 0, last)
        ring -= 1
        image, valid = _blurred(self._level, *_stack(self._level, first, side), self._gradient)
        if valid is not None:
            image[~eroded(valid, RADIUS)] = np.nan
        patches = image.reshape(-1, side, side)
        for edge in (slice(None, ring), slice(-ring, None)):
            patches[:, edge] = np.nan
            patches[:, :, edge] = np.nan
        self._patches, self._first = patches, first.astype(np.float64)
