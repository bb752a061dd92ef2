"""Pyramids that keep the dtype, never copy the full resolution, and let no masked pixel in.

A level is read through `Level.patch`, which converts to single precision only what is asked for,
after removing an offset and a scale so that any dynamic range fits.  Pixel i of a level lies at
``i * 2**level`` of the original.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..._common.once import once
from ..._common.opencv import cv2
from ..._common.steps import outcome_of
from ..pixels import PixelSource

Bools = NDArray[np.bool_]
Floats = NDArray[np.float32]
Image = NDArray[np.bool_ | np.integer[Any] | np.floating[Any]]

Window = tuple[int, int, int, int]
"""Rows y0:y1 and columns x0:x1, as (y0, y1, x0, x1)."""

Made = TypeVar("Made")
InSteps = Generator[None, None, Made]
"""What yields between parts of its work, none of them long, and returns what it made."""

SMALLEST = 24
"""No level of a pyramid has a side below so many px."""
# What has more pixels on its coarsest level is a long strip, and halved until it is narrower than
# so many px. What needs a level whole takes so many pixels of its middle.
_LONG, _NARROW = 2**18, 8
STRIP = 2**17
# Values of single precision in the smallest page of memory there is, and how many pages are asked
# for at once: 8 MiB, which takes some milliseconds.
_PAGE, _PAGES = 2**10, 2**11

# What cv2.pyrDown halves as it is; everything else becomes float32 on the way to the first level.
_NATIVE = (np.dtype(np.uint8), np.dtype(np.uint16), np.dtype(np.float32))
# Rows of so many pixels are worked on at a time.
_STRIP_PIXELS = 2**20
# Coarse pixels count when at least half of their weight came from valid pixels.
_MIN_COVERAGE = 0.5
# Contrasts. Single precision holds the squares of values up to this, and sums of them.
_FARTHEST = 1e15
# So many of one sort are kept of what is made of a level for a choice of tiles, say.
_RECENT = 8
# Below this contrast (grey values) halving in integers would cost precision.
_MIN_INTEGER_CONTRAST = 8.0


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

    @once
    def shape(self) -> tuple[int, int]:
        """Height and width in px of this level."""
        return self.image.shape[0], self.image.shape[1]

    @once
    def size(self) -> int:
        """Number of pixels."""
        return self.shape[0] * self.shape[1]

    @once
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
    step = max(1, _STRIP_PIXELS // shape[1])
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


def _finite(image: PixelSource, mask: Bools | None) -> InSteps[Bools | None]:
    """Return the pixels that are used and finite, or None if that is all of them."""
    # What is only sliced like an array comes with its finite pixels counted.
    if image.dtype.kind == "f" and isinstance(image, np.ndarray):
        finite = np.empty(image.shape, dtype=bool)
        for y0, y1 in row_strips(image.shape):
            np.isfinite(image[y0:y1], out=finite[y0:y1])
            if mask is not None:
                finite[y0:y1] &= mask[y0:y1]
            yield
        mask = finite
    return None if mask is None or mask.all() else mask


def _contrast(image: PixelSource, valid: Bools | None) -> tuple[float, float]:
    """Return mean and standard deviation of a sample of the valid pixels; 1 if all are equal."""
    step = max(1, int(np.sqrt(image.shape[0] * image.shape[1] / 4096)))
    offset, scale = _sampled_contrast(image, valid, step)
    if scale == 0 and step > 1:
        # Every sample can lie alike on a raster, such as a dither's; no period divides both steps.
        offset, scale = _sampled_contrast(image, valid, step - 1)
    return offset, scale or 1.0


def _sampled_contrast(image: PixelSource, valid: Bools | None, step: int) -> tuple[float, float]:
    """Return mean and standard deviation of every `step`-th pixel of every `step`-th row."""
    if valid is None and image.dtype in _NATIVE[:2] and image.dtype.isnative:
        mean, deviation = cv2.meanStdDev(np.ascontiguousarray(image[::step, ::step]))
        # Equal integers leave a rounding error; one that differs, of so many, makes more.
        return float(mean[0, 0]), float(deviation[0, 0]) if deviation[0, 0] > 5e-3 else 0.0
    sample = image[::step, ::step].astype(np.float64)
    if valid is not None:
        sample = sample[valid[::step, ::step]]
    if sample.size == 0:
        return 0.0, 0.0
    with np.errstate(over="ignore"):
        offset = float(sample.mean())
        if not np.isfinite(offset):
            offset = float((sample / sample.size).sum())
        spread = float(np.abs(sample - offset).max())
    if sample.min() == sample.max() or not np.isfinite(spread):
        return offset, 0.0
    # Squares of extreme values would overflow: measure them in units of the largest.
    return offset, spread * float(np.sqrt(np.mean(((sample - offset) / spread) ** 2)))


def base(image: PixelSource, mask: Bools | None = None) -> InSteps[Level]:
    """Wrap an image as level 0, in steps.

    Parameters
    ----------
    image : (h, w) array
        Bool, integer or floating point of any size and byte order; or what is sliced like one.
    mask : (h, w) bool array or None
        True where a pixel may be used.  Pixels that are not finite never are.
    """
    if image.dtype == bool and isinstance(image, np.ndarray):
        image = image.view(np.uint8)
    valid = yield from _finite(image, mask)
    offset, scale = _contrast(image, valid)
    return Level(image, valid, offset, scale, 0)


def halved_shape(shape: tuple[int, int]) -> tuple[int, int]:
    """Return the shape of the next coarser level."""
    return (shape[0] + 1) // 2, (shape[1] + 1) // 2


def halved(level: Level) -> InSteps[Level]:
    """Return the next coarser level, strip by strip.

    Masked pixels have no weight at all (normalised convolution), so what they hold cannot leak.
    """
    shape = halved_shape(level.shape)
    pixels, dtype = level.image, level.image.dtype
    native = isinstance(pixels, np.ndarray) and dtype in _NATIVE and dtype.isnative
    exact = dtype.kind == "f" or level.scale >= _MIN_INTEGER_CONTRAST
    if level.valid is None and native and (level.index > 0 or _moderate(level, exact)):
        if level.size <= _STRIP_PIXELS:
            coarse = np.asarray(cv2.pyrDown(pixels if exact else level.singles))
        else:
            coarse = np.empty(shape, dtype if exact else np.float32)
            for y0, y1 in row_strips(shape):
                # As much around it as the kernel needs.
                top = max(0, 2 * y0 - 4)
                rows = pixels[top : 2 * y1 + 4]
                part = cv2.pyrDown(rows if exact else rows.astype(np.float32))
                coarse[y0:y1] = part[y0 - top // 2 : y1 - top // 2]
                yield
        return Level(coarse, None, level.offset, level.scale, level.index + 1, level.own)
    image = np.empty(shape, np.float32)
    valid = None if level.valid is None else np.empty(shape, bool)
    for y0, y1 in row_strips(shape):
        image[y0:y1], counted = halved_window(level, (y0, y1, 0, shape[1]))
        if valid is not None:
            valid[y0:y1] = counted
        yield
    if valid is not None and valid.all():
        valid = None
    return Level(image, valid, 0.0, 1.0, level.index + 1, level.own)


def _moderate(level: Level, exact: bool) -> bool:
    """Tell whether single precision, or integers if exact, hold the values with their offset."""
    return (exact and level.image.dtype.kind != "f") or (
        1e-12 < level.scale < 1e12 and abs(level.offset) < 100 * level.scale
    )


def halved_window(level: Level, window: Window) -> tuple[Floats, Bools | None]:
    """Return a window of the next coarser level, from as much around it as its kernel needs."""
    y0, y1, x0, x1 = window
    height, width = level.shape
    top, left = max(0, 2 * y0 - 4), max(0, 2 * x0 - 4)
    values, mask = level.patch(top, min(height, 2 * y1 + 4), left, min(width, 2 * x1 + 4))
    inner = slice(y0 - top // 2, y1 - top // 2), slice(x0 - left // 2, x1 - left // 2)
    coarse, valid = halved_pixels(values, mask)
    return coarse[inner], None if valid is None else valid[inner]


def halved_pixels(values: Floats, valid: Bools | None) -> tuple[Floats, Bools | None]:
    """Return pixels at half the resolution and which of them count.

    Normalised convolution (Knutsson and Westin 1993): what is not valid, and zero, has no weight.
    """
    coarse = floats(cv2.pyrDown(values))
    if valid is None:
        return coarse, None
    weight = floats(cv2.pyrDown(valid.astype(np.float32)))
    counted = weight >= _MIN_COVERAGE
    return np.where(counted, coarse / np.maximum(weight, np.float32(1e-6)), np.float32(0)), counted


def pyramid(level: Level, smallest: int) -> InSteps[list[Level]]:
    """Return `level` and its halvings, finest first, none with a side below `smallest` px.

    But of a strip so long that it is large even then, some are narrower.
    """
    levels = [level]
    while min(levels[-1].shape) >= (2 * smallest if levels[-1].size <= _LONG else _NARROW):
        levels.append((yield from halved(levels[-1])))
    return levels


def image_pyramid(image: PixelSource, mask: Bools | None = None) -> list[Level]:
    """Return the pyramid of an image, full resolution first, down to about 24 px.

    Parameters
    ----------
    image : (h, w) array
        Of any real dtype, which the levels keep where they can. Pixels that are not finite are
        masked.
    mask : (h, w) bool array, optional
        True where a pixel may be used.
    """
    return outcome_of(image_pyramid_steps(image, mask))


def image_pyramid_steps(image: PixelSource, mask: Bools | None = None) -> InSteps[list[Level]]:
    """Make the pyramid of an image as `image_pyramid` does, strip by strip."""
    return (yield from pyramid((yield from base(image, mask)), SMALLEST))


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
