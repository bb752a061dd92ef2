"""Pyramids that keep the dtype, never copy the full resolution, and let no masked pixel in.

A level is read through `Level.patch`, which converts to single precision only what is asked for,
after removing an offset and a scale so that any dynamic range fits.  Pixel i of a level lies at
``i * 2**level`` of the original.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..pixels import PixelSource

Bools = NDArray[np.bool_]
Floats = NDArray[np.float32]
Image = NDArray[np.bool_ | np.integer[Any] | np.floating[Any]]

Window = tuple[int, int, int, int]
"""Rows y0:y1 and columns x0:x1, as (y0, y1, x0, x1)."""

Made = TypeVar("Made")
InSteps = Generator[None, None, Made]
"""What yields between parts of its work, none of them long, and returns what it made."""

# What needs a level whole takes so many pixels of the middle of a long strip.
STRIP = 2**17
# Values of single precision in the smallest page of memory there is, and how many pages are asked
# for at once: 8 MiB, which takes some milliseconds.
_PAGE, _PAGES = 2**10, 2**11

# Rows of so many pixels are worked on at a time.
STRIP_PIXELS = 2**20
# Contrasts. Single precision holds the squares of values up to this, and sums of them.
_FARTHEST = 1e15
# So many of one sort are kept of what is made of a level for a choice of tiles, say.
_RECENT = 8


def floats(array: ArrayLike) -> Floats:
    """Return `array` in single precision, itself if it already is."""
    return np.asarray(array, dtype=np.float32)


@dataclass(frozen=True, eq=False)
class Grid:
    """Pixel (x, y) of one level lies at ``step * (x, y) + start`` of another one, by (x, y)."""

    step: NDArray[np.float64]
    start: NDArray[np.float64]

    def after(self, finer: Grid) -> Grid:
        """Return the grid in px of what `finer` is a level of."""
        return Grid(finer.step * self.step, finer.step * self.start + finer.start)


@dataclass(frozen=True)
class Level:
    """One level of a pyramid.

    Attributes
    ----------
    image : PixelSource, shape (h, w)
        An array of any real dtype, or what is sliced like one.
    valid : PixelSource of bool, shape (h, w), or None
        Pixels that may be used; None if all.
    offset, scale : float
        `patch` returns ``(image - offset) / scale``.
    index : int
        0 is the original; each level halves.
    own : bool
        Halved from the original by `halved`, as the same level of another image is; not given, nor
        interpolated.
    cache : dict
        What has been made of the level once and may be wanted again, by name.
    """

    image: PixelSource
    valid: PixelSource | None
    offset: float
    scale: float
    index: int
    own: bool = True
    cache: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def shape(self) -> tuple[int, int]:
        """Height and width in px of this level."""
        return self.image.shape[0], self.image.shape[1]

    @cached_property
    def size(self) -> int:
        """Number of pixels."""
        return self.shape[0] * self.shape[1]

    @cached_property
    def singles(self) -> Floats:
        """All pixels in single precision, as they are."""
        return floats(self.image[:, :])

    def recent(self, name: str, key: Hashable, make: Callable[[], Made]) -> Made:
        """Return what `make` makes of the level for a key; the last few of a name are kept."""
        kept: dict[Hashable, Made] = self.cache.setdefault(name, {})
        made = kept.pop(key) if key in kept else make()
        kept[key] = made
        if len(kept) > _RECENT:
            del kept[next(iter(kept))]
        return made

    def whole(self) -> tuple[Floats, Bools | None]:
        """Return all pixels as `patch` does."""
        return self.patch(0, self.shape[0], 0, self.shape[1])

    def patch(self, y0: int, y1: int, x0: int, x1: int) -> tuple[Floats, Bools | None]:
        """Return rows y0:y1 and columns x0:x1 in single precision, and their validity.

        Pixels that are not valid are zero.
        """
        valid = None if self.valid is None else self.valid[y0:y1, x0:x1]
        return self.convert(self.image[y0:y1, x0:x1], valid), valid

    def convert(self, values: Image, valid: Bools | None) -> Floats:
        """Bring pixels of this level to single precision, zero where invalid."""
        if values.dtype.kind == "f" or values.dtype.itemsize > 2:
            # A few extreme values need not be in the sample that the contrast is measured by.
            with np.errstate(over="ignore"):
                out = self._in_units(values)
        else:
            out = self._in_units(values)
        if values.dtype.kind == "f":
            np.clip(out, -_FARTHEST, _FARTHEST, out=out)
        if valid is not None:
            out[~valid] = 0
        return out

    def _in_units(self, values: Image) -> Floats:
        single = values.dtype == np.float32
        # OpenCV changes in place only what lies row by row.
        if values.dtype.itemsize > 2 and not (single and 1e-30 < self.scale < 1e30):
            return floats((values.astype(np.float64, order="C") - self.offset) / self.scale)
        out = values.astype(np.float32, order="C")
        out -= np.float32(self.offset)
        if self.scale != 1:
            out *= np.float32(1 / self.scale)
        return out


def row_strips(shape: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    """Yield rows y0:y1 that cover an image, few enough to be worked on without a pause."""
    step = max(1, STRIP_PIXELS // shape[1])
    for top in range(0, shape[0], step):
        yield top, min(shape[0], top + step)


def parts(shape: tuple[int, int]) -> Iterator[Window]:
    """Yield windows that cover an image, cut across its longer side, as small as `row_strips`."""
    height, width = shape
    if width <= height:
        for top, bottom in row_strips(shape):
            yield top, bottom, 0, width
    else:
        for left, right in row_strips((width, height)):
            yield 0, height, left, right


def room(shape: tuple[int, ...]) -> InSteps[Floats]:
    """Return an array of single precision whose values are not set, but whose memory is there.

    A system hands it out in pages as they are first written, of 2 MiB each perhaps: to write a
    few columns of all rows of a long strip would take as long as all of it.
    """
    out = np.empty(shape, np.float32)
    pages = out.reshape(-1)[::_PAGE]
    for start in range(0, len(pages), _PAGES):
        pages[start : start + _PAGES] = 0
        yield
    return out


def made_in_parts(
    level: Level, make: Callable[[Floats, Bools | None], tuple[Floats, Bools | None]], reach: int
) -> InSteps[tuple[Floats, Bools | None]]:
    """Return what filters make of all of a level, part by part.

    Parameters
    ----------
    level : Level
    make : callable
        Given pixels and their validity, as `Level.patch` returns them, returns what it makes of
        them, (h, w) or (h, w, k), and what of it is valid.
    reach : int
        So many px around a pixel matter for what is made of it.
    """
    height, width = level.shape
    windows = list(parts(level.shape))
    if len(windows) == 1:
        return make(*level.whole())
    out, valid = np.empty(0, np.float32), None
    for y0, y1, x0, x1 in windows:
        top, left = max(0, y0 - reach), max(0, x0 - reach)
        around = top, min(height, y1 + reach), left, min(width, x1 + reach)
        made, counted = make(*level.patch(*around))
        if not out.size:
            out = yield from room((height, width, *made.shape[2:]))
            valid = None if counted is None else np.empty(level.shape, bool)
        inner = slice(y0 - top, y1 - top), slice(x0 - left, x1 - left)
        out[y0:y1, x0:x1] = made[inner]
        if valid is not None and counted is not None:
            valid[y0:y1, x0:x1] = counted[inner]
        yield
    return out, valid


def index_below(pixels: int, *pyramids: list[Level]) -> int:
    """Return the finest level on which no image has more pixels than that, or the coarsest."""
    coarsest = min(map(len, pyramids)) - 1
    for index in range(coarsest):
        if all(levels[index].size <= pixels for levels in pyramids):
            return index
    return coarsest


def middle(level: Level) -> tuple[Level, NDArray[np.float64]]:
    """Return the middle of a long strip, and where (x, y) it begins; anything else whole."""
    size = np.array(level.shape[::-1])
    if level.size <= STRIP:
        return level, np.zeros(2)
    side = np.minimum(size, STRIP // size.min())
    x, y = ((size - side) // 2).tolist()
    part = slice(y, y + int(side[1])), slice(x, x + int(side[0]))
    valid = None if level.valid is None else level.valid[part]
    cut = replace(level, image=level.image[part], valid=valid, cache={})
    return cut, np.array([x, y], np.float64)
