"""The pyramid of an image that is too large to be read without need.

Coarse levels are in memory, made from the finest given level that is small enough, or else from
one pass over the coarsest given one.  Finer levels are read where they are asked for: from a given
level that lies near, from the surroundings in the next finer one, or, where the full resolution
was read in that one pass, from the finest level that was kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..limits import LIMITS
from .chunks import ChunkedArray, mask_reader
from .grids import located, textured_places
from .halving import base, halved, halved_shape, pyramid
from .levels import Grid, Image, InSteps, Level, row_strips
from .streaming import Rows, gathered, halved_rows
from .windows import Halved, Resampled, magnified, on_demand_level

# Places to compare levels at are chosen on a level of at most so many pixels.
_GUIDE_PIXELS = 2**19
# A level may be made from a given one that is finer by this factor.
_NEAR_FACTOR = 1.5
# What is coarser by more says too little of where its pixels lie on the finer level.
_LARGEST_JUMP = 16
# Sizes are rounded: what is coarser by no more than this is not coarser.
_ROUNDED = 1.02


@dataclass(frozen=True, eq=False)
class _Given:
    """A level as given, its grid in full-resolution pixels, and whether that is sure."""

    level: Level
    grid: Grid
    known: bool

    @property
    def factor(self) -> float:
        """Full-resolution pixels per pixel."""
        return float(self.grid.step.max())


def lazy_pyramid(
    arrays: Sequence[Any],
    gray: Callable[[NDArray[Any]], Image],
    mask: Any,
    smallest: int,
    *,
    opacity: bool = True,
) -> InSteps[list[Level]]:
    """Return the pyramid of a lazy image, full resolution first, in steps, as `pyramid` does.

    Parameters
    ----------
    arrays : sequence of lazy arrays, shape (h, w) or (h, w, c)
        The image at decreasing sizes, full resolution first.
    gray : callable
        Turns pixels as given into one channel.
    mask : array or lazy array, shape (h, w), or None
        Full-resolution pixels that count.
    smallest : int
        No level gets a side below so many px.
    opacity : bool, default: True
        A fourth channel is opacity.
    """
    given = _readable(arrays, partial(ChunkedArray, gray=gray, opacity=opacity), mask, smallest)
    image, valid, times = yield from _read_once(
        given[-1], LIMITS.kept_bytes if len(given) == 1 else None
    )
    known = yield from base(image, valid)
    if len(given) == 1:
        return (yield from _magnified(replace(known, index=times), given[0].shape, smallest))
    fine = [
        on_demand_level(array, 0, known, known.offset, known.scale, own=array is given[0])
        for array in given
    ]
    levels = yield from _on_grids(fine, known)
    last = levels[-1].grid
    grid = Grid(last.step * 2.0**times, last.start)
    index = max(1, int(np.ceil(np.log2(grid.step.max() / _ROUNDED))))
    shapes = _shapes(fine[0].shape, index)
    result = [fine[0]]
    for k in range(1, index):
        result.append(_read_at(levels, result[-1], shapes[k], k, known))
    yield
    coarse = _in_memory(_Given(replace(known, own=False), grid, True), shapes[index], index)
    return result + (yield from pyramid(coarse, smallest))


def _readable(
    arrays: Sequence[Any], chunked: Callable[..., ChunkedArray], mask: Any, smallest: int
) -> list[ChunkedArray]:
    """Return the given arrays down to the first that is small enough to be read whole.

    One that is too small to be of use, or so much smaller than the one before that its pixels
    cannot be told to lie on it, is not needed: what it would hold is made of that one.
    """
    height, width = arrays[0].shape[:2]
    given: list[ChunkedArray] = []
    for array in arrays:
        rows, columns = array.shape[:2]
        if given and not _is_useful((rows, columns), given[-1].shape, smallest):
            break
        inside = None
        if mask is not None:
            inside = mask_reader(mask, (width / columns, height / rows))
        given.append(chunked(array, mask=inside))
        if rows * columns <= LIMITS.whole_pixels:
            break
    return given


def _is_useful(shape: tuple[int, int], finer: tuple[int, int], smallest: int) -> bool:
    jump = max(large / small for large, small in zip(finer, shape, strict=True))
    return min(shape) >= smallest and jump <= _LARGEST_JUMP


def _read_once(array: ChunkedArray, most_bytes: int | None) -> InSteps[tuple[Image, Any, int]]:
    """Return a given level in memory, its valid pixels, and how often it had to be halved.

    Each of its pixels is read once.  With `most_bytes` it is halved at least once, and until it
    has no more; otherwise until it is small.
    """
    height, width = array.shape
    rows = (part for strip in array.strips() for part in _parts(array, strip))
    narrow = array.dtype in (np.uint8, np.uint16)
    strips: Iterator[Rows] = rows if narrow else (_single(*strip) for strip in rows)
    itemsize = array.dtype.itemsize if narrow else 4
    times = 0
    while (
        height * width > LIMITS.whole_pixels
        if most_bytes is None
        else times == 0 or height * width * itemsize > most_bytes
    ):
        strips = halved_rows(strips, height)
        height, width = halved_shape((height, width))
        times += 1
    image, valid = yield from gathered(strips, height)
    return image, valid, times


def _parts(array: ChunkedArray, strip: tuple[int, int]) -> Iterator[tuple[Image, Any]]:
    """Read a strip, whose chunks may be large, and yield it in smaller ones."""
    values, valid = array.read((*strip, 0, array.shape[1]))
    for y0, y1 in row_strips(values.shape):
        yield values[y0:y1], None if valid is None else valid[y0:y1]


def _single(values: Image, valid: Any) -> Rows:
    if valid is not None:
        values = np.where(valid, values, 0)
    return values.astype(np.float32), valid


def _magnified(kept: Level, shape: tuple[int, int], smallest: int) -> InSteps[list[Level]]:
    """Return the pyramid of an image of which nothing finer than a level in memory was kept."""
    shapes = _shapes(shape, kept.index)
    fine = [
        on_demand_level(magnified(kept, shapes[k], kept.index - k), k, kept, 0.0, 1.0, own=False)
        for k in range(kept.index)
    ]
    return fine + (yield from pyramid(kept, smallest))


def _on_grids(fine: list[Level], guide: Level) -> InSteps[list[_Given]]:
    """Return the given levels with their grids; but for the last, only those that are known."""
    while guide.size > _GUIDE_PIXELS:
        guide = yield from halved(guide)
    places = textured_places(guide)
    levels = [_Given(fine[0], Grid(np.ones(2), np.zeros(2)), True)]
    for level in fine[1:]:
        yield
        grid, known = located(levels[-1].level, level, places)
        if known or level is fine[-1]:
            levels.append(_Given(level, grid.after(levels[-1].grid), known))
    return levels


def _shapes(shape: tuple[int, int], times: int) -> list[tuple[int, int]]:
    shapes = [shape]
    for _ in range(times):
        shapes.append(halved_shape(shapes[-1]))
    return shapes


def _read_at(
    given: list[_Given], finer: Level, shape: tuple[int, int], index: int, known: Level
) -> Level:
    """Return a level that is read from the nearest given one, or else from the next finer."""
    factor = 2.0**index
    near = [
        level
        for level in given
        if level.known and factor / _NEAR_FACTOR <= level.factor <= factor * _ROUNDED
    ]
    if not near:
        return on_demand_level(Halved(finer), index, known, 0.0, 1.0, own=finer.own)
    reader = _resampled(near[-1], shape, index)
    if reader is None:
        return replace(near[-1].level, index=index)
    return on_demand_level(reader, index, known, 0.0, 1.0, own=False)


def _in_memory(given: _Given, shape: tuple[int, int], index: int) -> Level:
    reader = _resampled(given, shape, index)
    if reader is None:
        return replace(given.level, index=index)
    return Level(*reader.read((0, shape[0], 0, shape[1])), 0.0, 1.0, index, own=False)


def _resampled(given: _Given, shape: tuple[int, int], index: int) -> Resampled | None:
    """Return a level of the pyramid made of a given one, None if that is the same."""
    step, start = 2.0**index / given.grid.step, -given.grid.start / given.grid.step
    if given.level.shape == shape and (step == 1).all() and (start == 0).all():
        return None
    return Resampled(given.level, shape, Grid(step, start))
