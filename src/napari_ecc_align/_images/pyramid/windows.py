"""Images whose pixels are read or computed window by window, in place of arrays in a level.

A level asks of its image only its shape, its dtype and rectangles of pixels, so that an image on
disk, a coarser one made of it on the fly, or a finer one that was never kept can stand in.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from ..._common.opencv import cv2
from .levels import Bools, Floats, Image, Level, floats

Window = tuple[int, int, int, int]
"""Rows y0:y1 and columns x0:x1, as (y0, y1, x0, x1)."""

# The last windows are kept: a level asks for values and validity one after the other.
_RECENT = 4
# What cubic interpolation reads around a pixel.
_REACH = 3


class Readable(Protocol):
    """Pixels that can be had window by window, with their validity (None if all count)."""

    shape: tuple[int, int]
    dtype: np.dtype[Any]
    masked: bool

    def read(self, window: Window) -> tuple[Image, Bools | None]:
        """Return the pixels of a window inside the image."""


class _Recent:
    """What was read last."""

    def __init__(self, source: Readable) -> None:
        self.source = source
        self._kept: OrderedDict[Window, tuple[Image, Bools | None]] = OrderedDict()

    def read(self, key: tuple[slice, slice]) -> tuple[Image, Bools | None]:
        """Return values and validity below two slices."""
        (y0, y1, _), (x0, x1, _) = (
            part.indices(length) for part, length in zip(key, self.source.shape, strict=True)
        )
        window = y0, max(y0, y1), x0, max(x0, x1)
        found = self._kept.pop(window, None)
        self._kept[window] = found = found or self.source.read(window)
        if len(self._kept) > _RECENT:
            self._kept.popitem(last=False)
        return found


class _Values:
    """The pixels, sliced as an array is."""

    def __init__(self, recent: _Recent) -> None:
        self._recent = recent
        self.shape = recent.source.shape
        self.dtype = recent.source.dtype
        self.size = self.shape[0] * self.shape[1]
        self.ndim = 2

    def __getitem__(self, key: tuple[slice, slice]) -> Image:
        return self._recent.read(key)[0]

    def order(self, first: NDArray[np.int_]) -> NDArray[np.int_]:
        """Return an order in which to read at some (x, y), (n, 2)."""
        find = getattr(self._recent.source, "order", None)
        return np.arange(len(first)) if find is None else find(first)

    def at_hand(self, corners: NDArray[np.float64]) -> Bools:
        """Tell which boxes, (n, 4, 2) by the (x, y) of their corners, cost no reading."""
        find = getattr(self._recent.source, "at_hand", None)
        return np.ones(len(corners), bool) if find is None else find(corners)


def at_hand(level: Level, corners: NDArray[np.float64]) -> Bools | None:
    """Tell which boxes of a level, (n, 4, 2) by the (x, y) of their corners, cost no reading.

    None for a level in memory, where nothing does.
    """
    find = getattr(level.image, "at_hand", None)
    return None if find is None else find(corners)


class _Validity:
    """Which pixels count, sliced as an array is; single pixels are looked up on a coarse level."""

    def __init__(self, recent: _Recent, coarse: Level) -> None:
        self._recent = recent
        self._coarse = coarse
        self.shape = recent.source.shape
        self.dtype = np.dtype(bool)
        self.size = self.shape[0] * self.shape[1]
        self.ndim = 2

    def __getitem__(self, key: tuple[Any, Any]) -> Bools:
        y, x = key
        if isinstance(y, slice):
            values, valid = self._recent.read((y, x))
            return np.ones(values.shape, bool) if valid is None else valid
        if self._coarse.valid is None:
            return np.ones(np.shape(y), bool)
        row, column = (
            np.asarray(at) * coarse // fine
            for at, coarse, fine in zip((y, x), self._coarse.shape, self.shape, strict=True)
        )
        return np.asarray(self._coarse.valid[row, column])


def windowed(
    source: Readable, index: int, coarse: Level, offset: float, scale: float, *, own: bool
) -> Level:
    """Return a level that reads its pixels from `source`.

    Parameters
    ----------
    source : Readable
        The pixels of the level.
    index : int
        Of the level.
    coarse : Level
        A coarser image of the same in memory, which answers for the validity of single pixels.
    offset, scale, own : float, bool
        As in `Level`.
    """
    recent = _Recent(source)
    # A level is typed as what it nearly always is: arrays. Nothing but the shape, the dtype and
    # rectangles of a fine level is ever asked for.
    values = cast("Image", _Values(recent))
    validity = _Validity(recent, coarse) if source.masked else None
    return Level(values, cast("Bools | None", validity), offset, scale, index, own)


class Halved:
    """The next coarser level, made on the fly from the surroundings of a window."""

    def __init__(self, level: Level) -> None:
        self._level = level
        height, width = level.shape
        self.shape = (height + 1) // 2, (width + 1) // 2
        self.dtype = np.dtype(np.float32)
        self.masked = level.valid is not None

    def read(self, window: Window) -> tuple[Floats, Bools | None]:
        """Return the pixels of a window, in units of the level's scale."""
        y0, y1, x0, x1 = window
        height, width = self._level.shape
        top, left = max(0, 2 * y0 - 4), max(0, 2 * x0 - 4)
        values, mask = self._level.patch(
            top, min(height, 2 * y1 + 4), left, min(width, 2 * x1 + 4)
        )
        inner = slice(y0 - top // 2, y1 - top // 2), slice(x0 - left // 2, x1 - left // 2)
        coarse = floats(cv2.pyrDown(values))[inner]
        if mask is None:
            return coarse, None
        weight = floats(cv2.pyrDown(mask.astype(np.float32)))[inner]
        valid = weight >= 0.5
        return np.where(valid, coarse / np.maximum(weight, 1e-6), 0).astype(np.float32), valid


class Placed:
    """A level on its own grid, interpolated from one that lies on another grid.

    Parameters
    ----------
    level : Level
        Holds the pixels.
    shape : tuple of int
        Of the result.
    step, start : ndarray of float64, shape (2,)
        Pixel (x, y) of the result lies at ``step * (x, y) + start`` of `level`, by (x, y).
    """

    def __init__(
        self,
        level: Level,
        shape: tuple[int, int],
        step: NDArray[np.float64],
        start: NDArray[np.float64],
    ) -> None:
        self._level = level
        self.shape = shape
        self.dtype = np.dtype(np.float32)
        self.masked = level.valid is not None
        self._step = step
        self._start = start

    def read(self, window: Window) -> tuple[Floats, Bools | None]:
        """Return the pixels of a window, in units of the level's scale."""
        y0, y1, x0, x1 = window
        height, width = self._level.shape
        limits = np.array([width, height])
        first = np.floor(self._step * (x0, y0) + self._start).astype(int) - _REACH
        last = np.ceil(self._step * (x1 - 1, y1 - 1) + self._start).astype(int) + _REACH + 1
        left, top = np.clip(first, 0, limits - 1).tolist()
        right, bottom = np.clip(last, (left + 1, top + 1), limits).tolist()
        values, valid = self._level.patch(top, bottom, left, right)
        shift = self._step * (x0, y0) + self._start - (left, top)
        return interpolated(values, valid, self._step, shift, (y1 - y0, x1 - x0))


def interpolated(
    values: Floats,
    valid: Bools | None,
    step: NDArray[np.float64],
    shift: NDArray[np.float64],
    shape: tuple[int, int],
) -> tuple[Floats, Bools | None]:
    """Sample at ``step * (x, y) + shift``; pixels beyond the border repeat it."""
    matrix = np.array([[step[0], 0, shift[0]], [0, step[1], shift[1]]], np.float64)
    size = shape[1], shape[0]
    inverse = cv2.WARP_INVERSE_MAP
    out = floats(
        cv2.warpAffine(
            values, matrix, size, flags=cv2.INTER_CUBIC | inverse, borderMode=cv2.BORDER_REPLICATE
        )
    )
    if valid is None:
        return out, None
    # Cubic interpolation reaches a pixel further than linear.
    whole = cv2.erode(valid.view(np.uint8) * np.uint8(255), np.ones((3, 3), np.uint8))
    weight = cv2.warpAffine(
        whole, matrix, size, flags=cv2.INTER_LINEAR | inverse, borderMode=cv2.BORDER_REPLICATE
    )
    inside = np.asarray(weight == 255)
    out[~inside] = 0
    return out, inside


class Magnified:
    """A fine level that was not kept, as far as a coarser one in memory knows it.

    Parameters
    ----------
    level : Level
        In memory.
    shape : tuple of int
        Of the fine level.
    times : int
        How many halvings lie between.
    """

    masked = True

    def __init__(self, level: Level, shape: tuple[int, int], times: int) -> None:
        step = 2.0**-times
        self._placed = Placed(level, shape, np.full(2, step), np.zeros(2))
        self.shape = shape
        self.dtype = np.dtype(np.float32)
        # The halving filter mirrors the image at its border: that ring is not data.
        self._ring = 2 * 2**times

    def read(self, window: Window) -> tuple[Floats, Bools | None]:
        """Return the pixels of a window, in units of the level's scale."""
        values, valid = self._placed.read(window)
        y0, y1, x0, x1 = window
        height, width = self.shape
        ring = self._ring
        y, x = np.arange(y0, y1), np.arange(x0, x1)
        inside = np.outer((y >= ring) & (y < height - ring), (x >= ring) & (x < width - ring))
        return values, inside if valid is None else inside & valid
