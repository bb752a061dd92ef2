"""Images whose pixels are read or computed window by window, in place of arrays in a level.

A level asks of its image only its shape, its dtype and rectangles of pixels, so that an image on
disk, a coarser one made of it on the fly, or a finer one that was never kept can stand in.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import OrderedDict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._common.opencv import cv2
from .filters import BORDER
from .halving import halved_shape, halved_window
from .levels import Bools, Floats, Grid, Image, Level, Window, floats

# The last windows are kept: a level asks for values and validity one after the other.
_RECENT = 4
# What cubic interpolation reads around a pixel.
_REACH = 3


class WindowReader(ABC):
    """Pixels that can be had window by window, with their validity.

    Attributes
    ----------
    shape : tuple of int
        Height and width.
    dtype : dtype
        Single precision by default.
    masked : bool
        Whether some pixels may not count.
    """

    shape: tuple[int, int]
    dtype: np.dtype[Any] = np.dtype(np.float32)
    masked: bool

    @abstractmethod
    def read(self, window: Window) -> tuple[Image, Bools | None]:
        """Return the pixels of a window inside the image, and which count (None if all)."""

    def order(self, first: NDArray[np.int_]) -> NDArray[np.int_]:
        """Return an order in which to read at some (x, y), (n, 2)."""
        return np.arange(len(first))

    def at_hand(self, corners: NDArray[np.float64]) -> Bools:
        """Tell which boxes, (n, 4, 2) by the (x, y) of their corners, cost no reading."""
        return np.ones(len(corners), bool)


class OnDemand:
    """The pixels of a reader, sliced as an array is; the last windows are kept."""

    ndim = 2

    def __init__(self, reader: WindowReader) -> None:
        self.reader = reader
        self.shape, self.dtype = reader.shape, reader.dtype
        self.size = self.shape[0] * self.shape[1]
        self._kept: OrderedDict[Window, tuple[Image, Bools | None]] = OrderedDict()

    def read(self, key: tuple[slice, slice]) -> tuple[Image, Bools | None]:
        """Return values and validity below two slices."""
        (y0, y1, _), (x0, x1, _) = (
            part.indices(length) for part, length in zip(key, self.shape, strict=True)
        )
        window = y0, max(y0, y1), x0, max(x0, x1)
        found = self._kept.pop(window, None)
        self._kept[window] = found = found or self.reader.read(window)
        if len(self._kept) > _RECENT:
            self._kept.popitem(last=False)
        return found

    def __getitem__(self, key: tuple[slice, slice]) -> Image:
        return self.read(key)[0]


class _Validity:
    """Which pixels count, sliced as an array is; single pixels are looked up on a coarse level."""

    ndim = 2
    dtype = np.dtype(bool)

    def __init__(self, pixels: OnDemand, coarse: Level) -> None:
        self._pixels = pixels
        self._coarse = coarse
        self.shape, self.size = pixels.shape, pixels.size

    def __getitem__(self, key: tuple[Any, Any]) -> Bools:
        y, x = key
        if isinstance(y, slice):
            values, valid = self._pixels.read((y, x))
            return np.ones(values.shape, bool) if valid is None else valid
        if self._coarse.valid is None:
            return np.ones(np.shape(y), bool)
        row, column = (
            np.asarray(at) * coarse // fine
            for at, coarse, fine in zip((y, x), self._coarse.shape, self.shape, strict=True)
        )
        return np.asarray(self._coarse.valid[row, column])


def on_demand_level(
    reader: WindowReader, index: int, coarse: Level, offset: float, scale: float, *, own: bool
) -> Level:
    """Return a level whose pixels come from `reader`.

    Parameters
    ----------
    reader : WindowReader
        The pixels of the level.
    index : int
        Of the level.
    coarse : Level
        A coarser image of the same in memory, which answers for the validity of single pixels.
    offset, scale, own : float, bool
        As in `Level`.
    """
    pixels = OnDemand(reader)
    validity = _Validity(pixels, coarse) if reader.masked else None
    return Level(pixels, validity, offset, scale, index, own)


class Halved(WindowReader):
    """The next coarser level, made on the fly from the surroundings of a window."""

    def __init__(self, level: Level) -> None:
        self._level = level
        self.shape = halved_shape(level.shape)
        self.masked = level.valid is not None

    def read(self, window: Window) -> tuple[Floats, Bools | None]:
        """Return the pixels of a window, in units of the level's scale."""
        return halved_window(self._level, window)


class Resampled(WindowReader):
    """A level on its own grid, interpolated from one that lies on another grid.

    Parameters
    ----------
    level : Level
        Holds the pixels.
    shape : tuple of int
        Of the result.
    grid : Grid
        Where in `level` the pixels of the result lie.
    ring : int, default: 0
        So many of the outermost pixels of the result do not count.
    """

    def __init__(self, level: Level, shape: tuple[int, int], grid: Grid, ring: int = 0) -> None:
        self._level = level
        self.shape = shape
        self.masked = level.valid is not None or ring > 0
        self._ring = ring
        self._grid = grid

    def read(self, window: Window) -> tuple[Floats, Bools | None]:
        """Return the pixels of a window, in units of the level's scale."""
        y0, y1, x0, x1 = window
        height, width = self._level.shape
        limits = np.array([width, height])
        step, start = self._grid.step, self._grid.start
        first = np.floor(step * (x0, y0) + start).astype(int) - _REACH
        last = np.ceil(step * (x1 - 1, y1 - 1) + start).astype(int) + _REACH + 1
        left, top = np.clip(first, 0, limits - 1).tolist()
        right, bottom = np.clip(last, (left + 1, top + 1), limits).tolist()
        values, valid = self._level.patch(top, bottom, left, right)
        shift = step * (x0, y0) + start - (left, top)
        found, inside = interpolated(values, valid, step, shift, (y1 - y0, x1 - x0))
        if self._ring:
            y, x = np.arange(y0, y1), np.arange(x0, x1)
            counted = np.outer(
                (y >= self._ring) & (y < self.shape[0] - self._ring),
                (x >= self._ring) & (x < self.shape[1] - self._ring),
            )
            inside = counted if inside is None else counted & inside
        return found, inside


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


def magnified(level: Level, shape: tuple[int, int], times: int) -> Resampled:
    """Return a fine level that was not kept, as far as a coarser one in memory knows it.

    Parameters
    ----------
    level : Level
        In memory.
    shape : tuple of int
        Of the fine level.
    times : int
        How many halvings lie between.
    """
    # The halving filter mirrors the image at its border: that ring is not data.
    ring = BORDER * 2**times
    return Resampled(level, shape, Grid(np.full(2, 2.0**-times), np.zeros(2)), ring)
