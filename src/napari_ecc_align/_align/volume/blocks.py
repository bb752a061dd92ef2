"""Blocks of a reference level with their gradients, and the moving volume sampled on them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._images.pyramid.filters import RADIUS, SIGMA
from ..._images.pyramid.levels import Bools, Floats
from ..._transform.models import Array
from .levels import VolumeLevel
from .motion import Shape, VolumeFrame, VolumeModel, corners, mapped
from .voxels import Voxels

Sampler = Callable[[Array], Floats]

# How far (voxels) a tile may wander before its patch of the moving volume is read again.
_SLACK = 2


@dataclass(frozen=True, eq=False)
class VolumeBlocks:
    """Blocks of the reference.

    Attributes
    ----------
    origins : (n, 3) array
        First voxel of each.
    values : (n, a, b, c) float32 array
        Smoothed; zero where not valid.
    slopes : (3, n, a, b, c) float32 array
        Their derivatives along each axis, per voxel; zero where not valid.
    valid : (n, a, b, c) bool array or None
        None if all are.
    """

    origins: Array
    values: Floats
    slopes: Floats
    valid: Bools | None

    @cached_property
    def centres(self) -> Array:
        """The (n, 3) centres."""
        return self.origins + (np.array(self.values.shape[1:]) - 1) / 2


def rows_of(
    slopes: Floats, first: Array, steps: Shape, model: VolumeModel, frame: VolumeFrame
) -> Floats:
    """Return how each parameter changes the values of blocks, (n, p, v).

    Parameters
    ----------
    slopes : (3, n, a, b, c) array
        Derivatives along each axis, per voxel.
    first : (n, 3) array
        First voxel of each block.
    steps : tuple of int
        Voxels from one sample to the next along each axis.
    model : VolumeModel
    frame : VolumeFrame
        Of the reference level.
    """
    _, n, *shape = slopes.shape
    grid = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1) * np.array(steps)
    own = grid.reshape(-1, 3) / frame.scale
    start = frame.monomials(first)
    flat = slopes.reshape(3, n, 1, -1)
    rows = np.zeros((n, model.n_parameters, flat.shape[-1]), np.float32)
    for axis in range(3):
        used = np.flatnonzero(model.basis[axis].any(axis=0))
        basis = model.basis[axis][:, used] * frame.scale[axis]
        # The same over the block, and what its place adds.
        inside = (own @ basis[1:]).T.astype(np.float32)
        along = (start @ basis).astype(np.float32)
        rows[:, used] += flat[axis] * (inside + along[:, :, None])
    return rows


def _kernel() -> Array:
    x = np.arange(-RADIUS, RADIUS + 1)
    weights = np.exp(-0.5 * (x / SIGMA) ** 2)
    return np.asarray(weights / weights.sum())


def smoothed(stack: Floats) -> tuple[Floats, Bools | None]:
    """Smooth volumes along their last three axes, and tell which voxels are made of valid ones."""
    from scipy import ndimage

    missing = np.isnan(stack)
    valid = None
    if missing.any():
        stack = np.where(missing, np.float32(0), stack)
        for axis in (-3, -2, -1):
            missing = ndimage.maximum_filter1d(missing, 2 * RADIUS + 1, axis=axis, mode="constant")
        valid = ~missing
    for axis in (-3, -2, -1):
        stack = ndimage.correlate1d(stack, _kernel(), axis=axis, mode="nearest")
    return stack, valid


def inner_gradients(stack: Floats) -> Floats:
    """Return the derivatives of volumes inside their border along each axis, (3, n, ...)."""
    inner = slice(1, -1)
    return np.stack(
        [
            (stack[:, 2:, inner, inner] - stack[:, :-2, inner, inner]) / 2,
            (stack[:, inner, 2:, inner] - stack[:, inner, :-2, inner]) / 2,
            (stack[:, inner, inner, 2:] - stack[:, inner, inner, :-2]) / 2,
        ]
    )


def patches(level: VolumeLevel, first: NDArray[np.int_], shape: Shape) -> Floats:
    """Read patches of a level in single precision, (n, *shape); NaN beyond its border."""
    out = np.full((len(first), *shape), np.nan, np.float32)
    lows, highs = np.maximum(first, 0), np.minimum(first + shape, level.shape)
    inside = np.flatnonzero((highs > lows).all(axis=1))
    boxes = [
        tuple(slice(a, b) for a, b in zip(lows[k].tolist(), highs[k].tolist(), strict=True))
        for k in inside
    ]
    if isinstance(level.values, Voxels):
        level.values.expect(boxes)
    for k, box in zip(inside, boxes, strict=True):
        there = tuple(
            slice(a, b) for a, b in zip(lows[k] - first[k], highs[k] - first[k], strict=True)
        )
        out[k][there] = level.values[box]
    return out


def reference_blocks(level: VolumeLevel, origins: Array, shape: Shape) -> VolumeBlocks:
    """Return blocks of a level that begin at `origins`, (n, 3)."""
    ring = RADIUS + 1
    sizes = tuple(n + 2 * ring for n in shape)
    image, valid = smoothed(patches(level, origins.astype(int) - ring, sizes))
    cut = (slice(None), *(slice(RADIUS, -RADIUS),) * 3)
    image = np.ascontiguousarray(image[cut])
    inner = (slice(None), *(slice(1, -1),) * 3)
    slopes, values = inner_gradients(image), np.ascontiguousarray(image[inner])
    if valid is not None:
        from scipy import ndimage

        for axis in (-3, -2, -1):
            valid = ndimage.minimum_filter1d(valid, 3, axis=axis)
        valid = np.ascontiguousarray(valid[cut][inner])
        values[~valid] = 0
        slopes[:, ~valid] = 0
        valid = None if valid.all() else valid
    return VolumeBlocks(origins.astype(np.float64), values, slopes, valid)


class BlockSampler:
    """Samples blocks of a moving level, reading and smoothing only the patch below each.

    Parameters
    ----------
    level : VolumeLevel
        Of the moving volume.
    origins : (n, 3) array
        First voxel of each block in the reference.
    shape : tuple of int
        Of a block.
    """

    def __init__(self, level: VolumeLevel, origins: Array, shape: Shape) -> None:
        self._level = level
        self._origins = origins
        self._shape = shape
        self._patches: Floats | None = None
        self._first = self._low = self._high = origins

    def __call__(self, matrix: Array) -> Floats:
        """Return samples at `matrix`, (n, a, b, c); NaN without data."""
        from scipy import ndimage

        patches = self._followed(matrix)
        linear = matrix[:3, :3]
        offsets = mapped(matrix, self._origins) - self._first
        out = np.empty((len(self._origins), *self._shape), np.float32)
        for patch, offset, block in zip(patches, offsets, out, strict=True):
            ndimage.affine_transform(
                patch, linear, offset, output=block, order=1, cval=np.nan, prefilter=False
            )
        return out

    def _followed(self, matrix: Array) -> Floats:
        """Return what lies below the blocks, read again if they have wandered off."""
        boxes = mapped(matrix, self._origins[:, None] + corners(self._shape))
        low, high = boxes.min(axis=1), boxes.max(axis=1)
        if self._patches is None or (low < self._low).any() or (high > self._high).any():
            self._low, self._high = low - _SLACK, high + _SLACK
            sides = np.ceil((high - low).max(axis=0)).astype(int) + 2 * (_SLACK + RADIUS) + 2
            first = np.floor(self._low).astype(int) - RADIUS
            image, valid = smoothed(patches(self._level, first, tuple(sides.tolist())))
            if valid is not None:
                image[~valid] = np.nan
            self._patches, self._first = image, first.astype(np.float64)
        return self._patches


def whole_blocks(level: VolumeLevel, side: int) -> VolumeBlocks:
    """Return all of a level as blocks of `side` voxels; its border has no derivatives."""
    from scipy import ndimage

    image, counted = smoothed(np.asarray(level.values, np.float32)[None])
    valid = np.zeros(level.shape, bool)
    inner = (slice(1, -1),) * 3
    valid[inner] = True if counted is None else ndimage.minimum_filter(counted[0], 3)[inner]
    slopes = np.zeros((3, *level.shape), np.float32)
    slopes[:, *inner] = inner_gradients(image)[:, 0]
    slopes[:, ~valid] = 0
    steps = [np.arange(0, length, side) for length in level.shape]
    origins = np.stack(np.meshgrid(*steps, indexing="ij"), axis=-1).reshape(-1, 3)
    values = np.where(valid, image[0], np.float32(0))
    return VolumeBlocks(
        origins.astype(np.float64),
        _cut(values, side),
        np.stack([_cut(one, side) for one in slopes]),
        _cut(valid, side),
    )


def _cut(volume: NDArray[Any], side: int) -> NDArray[Any]:
    """Cut a volume, padded with zeros, into blocks (n, side, side, side)."""
    volume = np.pad(volume, [(0, -length % side) for length in volume.shape])
    a, b, c = (length // side for length in volume.shape)
    blocks = volume.reshape(a, side, b, side, c, side).transpose(0, 2, 4, 1, 3, 5)
    return np.ascontiguousarray(blocks).reshape(-1, side, side, side)


def whole_sampler(level: VolumeLevel, shape: Shape, side: int) -> Sampler:
    """Return what samples a whole moving level on the blocks of a reference level of `shape`."""
    image, valid = smoothed(np.asarray(level.values, np.float32)[None])
    if valid is not None:
        image[~valid] = np.nan

    def sample(matrix: Array) -> Floats:
        return _cut(resampled(image[0], matrix, shape), side)

    return sample


def resampled(values: Floats, matrix: Array, shape: Shape, first: Array | None = None) -> Floats:
    """Return a volume on a grid through a matrix; NaN without data.

    Parameters
    ----------
    values : (d, h, w) float32 array
    matrix : (4, 4) array
        From the grid's voxels to the volume's.
    shape : tuple of int
        Of the grid.
    first : (3,) array, optional
        What the grid begins with, instead of the origin.
    """
    from scipy import ndimage

    out = np.empty(shape, np.float32)
    offset = matrix[:3, 3] if first is None else mapped(matrix, first)
    ndimage.affine_transform(
        values, matrix[:3, :3], offset, output=out, order=1, cval=np.nan, prefilter=False
    )
    return out
