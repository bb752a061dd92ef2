"""The pyramid of a volume that is too large to be read without need.

Coarse levels are in memory; finer ones are read where they are asked for, from the given level
that has their detail. A volume that comes without a pyramid is read once, for the means of its
voxels: that is the level that is kept.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._images.limits import LIMITS
from ..._images.pyramid.grids import conventions
from ..._images.pyramid.levels import Floats, Grid
from ..._transform.models import Array
from .levels import VolumeLevel, halved, halvings, volume_steps_of
from .motion import Shape
from .sources import LazyVolume
from .voxels import Box, ChunkedVoxels, HalvedVoxels, ResampledVoxels, Voxels

# Sizes are rounded: what is coarser by no more than this is not coarser.
_ROUNDED = 1.02
# Levels are compared in patches of so many voxels of the coarser one a side, so many of them.
_PATCH, _PATCHES = 12, 4
# A level that is kept is made of so many planes at a time.
_PLANES = 8
# What has to be read to make it may be larger by so much.
_MOST_READ = 16


@dataclass(frozen=True, eq=False)
class _Given:
    """A level as given, or as it was averaged, and where its voxels lie in the original."""

    voxels: Any
    grid: Grid


def lazy_volume_pyramid(
    volume: LazyVolume, spacing: Array, unit: float
) -> Generator[None, None, list[VolumeLevel]]:
    """Return the levels of a lazy volume, as `volume_pyramid` does of one in memory, in steps."""
    steps = volume_steps_of(volume.shape, spacing, unit)
    shapes = [tuple(np.ceil(np.array(volume.shape) / step).astype(int).tolist()) for step in steps]
    small = (n for n, shape in enumerate(shapes) if prod(shape) <= LIMITS.whole_pixels)
    kept = next(small, len(steps) - 1)
    given = yield from _located(volume)
    source = _for_step(given, steps[kept])
    if prod(source.voxels.shape) > _MOST_READ * LIMITS.whole_pixels:
        source = yield from _small_one(given)
    coarse = yield from _whole(_level(source, shapes[kept], steps[kept]))
    fine = [
        VolumeLevel(_level(_for_step(given, step), shape, step), step, step * spacing)
        for shape, step in zip(shapes[:kept], steps[:kept], strict=True)
    ]
    return fine + halvings(coarse, steps[kept:], spacing)


def _for_step(given: list[_Given], step: Array) -> _Given:
    """Return the coarsest given level that has the detail of a level with a step."""
    return [one for one in given if (one.grid.step <= _ROUNDED * step).all()][-1]


def _small_one(given: list[_Given]) -> Generator[None, None, _Given]:
    """Return the finest level that can be read whole, made of means if none is given."""
    most = _MOST_READ * LIMITS.whole_pixels
    for one in given:
        if prod(one.voxels.shape) <= most:
            return one
    last = given[-1]
    factor = 2
    while prod(last.voxels.shape) * 4 > LIMITS.kept_bytes * factor**3:
        factor *= 2
    values = yield from _means(last.voxels, factor)
    made = _Given(values, Grid(np.full(3, factor), np.full(3, (factor - 1) / 2)).after(last.grid))
    given.append(made)
    return made


def _means(voxels: ChunkedVoxels, factor: int) -> Generator[None, None, Floats]:
    """Return the means over cubes of a side, read chunk by chunk, each once."""
    shape = [max(1, length // factor) for length in voxels.shape]
    total, count = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    for box, values in voxels.chunks():
        counted = np.isfinite(values)
        sums: Any = np.where(counted, values, 0).astype(np.float32)
        counts: Any = counted.astype(np.float32)
        where = []
        for axis, part in enumerate(box):
            numbers = np.arange(part.start, part.stop) // factor
            begins = np.flatnonzero(np.append(True, np.diff(numbers) > 0))
            sums = np.add.reduceat(sums, begins, axis=axis)
            counts = np.add.reduceat(counts, begins, axis=axis)
            # What is left over at the end makes no whole cube.
            last = min(int(numbers[-1]) + 1, shape[axis])
            where.append(slice(int(numbers[0]), last))
        inside = tuple(slice(0, part.stop - part.start) for part in where)
        total[tuple(where)] += sums[inside]
        count[tuple(where)] += counts[inside]
        yield
    with np.errstate(invalid="ignore", divide="ignore"):
        total /= count
    total[count < factor**3 / 2] = np.nan
    return total


def _level(source: _Given, shape: Shape, step: Array) -> Any:
    """Return a level of the pyramid, made of a given one that is finer, or nearly so."""
    voxels, grid = source.voxels, source.grid
    for axis in range(3):
        while step[axis] / grid.step[axis] > 2 / _ROUNDED and voxels.shape[axis] > 1:
            finer = grid.step.copy()
            finer[axis] *= 2
            voxels, grid = HalvedVoxels(voxels, axis, halved), Grid(finer, grid.start)
    ratio = step / grid.step
    start = -grid.start / grid.step
    if voxels.shape == shape and (ratio == 1).all() and not start.any():
        return voxels
    return ResampledVoxels(voxels, shape, Grid(ratio, start))


def _whole(voxels: Voxels | NDArray[Any]) -> Generator[None, None, Floats]:
    """Return a level in memory, read by a few planes at a time."""
    out = np.empty(voxels.shape, np.float32)
    for first in range(0, len(out), _PLANES):
        part = slice(first, min(first + _PLANES, len(out)))
        box = part, slice(0, out.shape[1]), slice(0, out.shape[2])
        if isinstance(voxels, Voxels):
            voxels.expect([box])
        out[part] = voxels[box]
        yield
    return out


def _located(volume: LazyVolume) -> Generator[None, None, list[_Given]]:
    """Return the given levels of use, with the grids that they are most like."""
    given = [_Given(volume.voxels(0), Grid(np.ones(3), np.zeros(3)))]
    levels = [volume.voxels(number) for number in range(1, len(volume.levels))]
    levels = [level for level in levels if min(level.shape) >= _PATCH]
    places = _places(levels[-1]) if levels else np.empty((0, 3))
    for level in levels:
        yield
        finer = given[-1]
        grids = conventions(finer.voxels.shape[::-1], level.shape[::-1])
        likeness = [_likeness(finer.voxels, level, grid, places) for grid in grids]
        best = grids[int(np.argmax(likeness))]
        given.append(_Given(level, best.after(finer.grid)))
    return given


def _places(guide: ChunkedVoxels) -> Array:
    """Return places with contrast in different parts of a volume, as shares of it, (n, 3)."""
    from scipy import ndimage

    middles = np.array([[0.25, 0.25, 0.25], [0.75, 0.75, 0.25], [0.25, 0.75, 0.75], [0.75] * 3])
    if guide.size > LIMITS.whole_pixels:
        return middles
    values = np.nan_to_num(guide[tuple(slice(0, n) for n in guide.shape)])
    mean = ndimage.uniform_filter(values, 5)
    contrast = ndimage.uniform_filter(values * values, 5) - mean * mean
    out = []
    for middle in middles[:_PATCHES]:
        first = ((middle - 0.2) * guide.shape).astype(int)
        part = _box(first, np.ceil(0.4 * np.array(guide.shape)))
        at = np.unravel_index(contrast[part].argmax(), contrast[part].shape)
        out.append((first + at) / guide.shape)
    return np.array(out)


def _likeness(finer: Voxels, coarser: Voxels, grid: Grid, places: Array) -> float:
    """Return how well a level agrees at some places with what a finer one has on a grid."""
    from scipy import ndimage

    total, size = 0.0, (_PATCH,) * 3
    for place in places:
        first = np.clip(
            (place * coarser.shape).astype(int) - _PATCH // 2, 0, np.array(coarser.shape) - _PATCH
        )
        begin = grid.step * first + grid.start
        low = np.clip(np.floor(begin - grid.step), 0, None).astype(int)
        high = np.minimum(np.ceil(begin + grid.step * (_PATCH + 1)), finer.shape).astype(int)
        values = np.nan_to_num(finer[_box(low, high - low)])
        smooth = ndimage.gaussian_filter(values, 0.4 * np.maximum(grid.step - 1, 0))
        there = ResampledVoxels(smooth, size, Grid(grid.step, begin - low))[_box(0 * first, size)]
        pair = [one[2:-2, 2:-2, 2:-2].ravel() for one in (there, coarser[_box(first, size)])]
        if all(np.ptp(one) > 0 for one in pair):
            total += float(np.corrcoef(pair[0], pair[1])[0, 1])
    return total


def _box(first: NDArray[np.int_], shape: Any) -> Box:
    return tuple(slice(int(a), int(a) + int(n)) for a, n in zip(first, shape, strict=True))
