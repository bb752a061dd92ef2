"""Levels of half the resolution: the pyramid of an image, strip by strip."""

from __future__ import annotations

import numpy as np

from ..._common.opencv import cv2
from ..._common.steps import outcome_of
from ..pixels import PixelSource
from .levels import STRIP_PIXELS, Bools, Floats, InSteps, Level, Window, floats, row_strips

SMALLEST = 24
"""No level of a pyramid has a side below so many px."""
# What has more pixels on its coarsest level is a long strip, and halved until it is narrower than
# so many px.
_LONG, _NARROW = 2**18, 8

# What cv2.pyrDown halves as it is; everything else becomes float32 on the way to the first level.
_NATIVE = (np.dtype(np.uint8), np.dtype(np.uint16), np.dtype(np.float32))
# Coarse pixels count when at least half of their weight came from valid pixels.
_MIN_COVERAGE = 0.5
# Below this contrast (grey values) halving in integers would cost precision.
_MIN_INTEGER_CONTRAST = 8.0


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
        if level.size <= STRIP_PIXELS:
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
