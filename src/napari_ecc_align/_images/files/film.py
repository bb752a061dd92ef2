"""TIFF files of many pages, read a page at a time and written so."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..._common.errors import InputError
from ..._common.opening import opened
from .decoding import (
    TIFF_HEADS,
    check_chain,
    check_intact,
    damage_told,
    image_head,
    quiet_tifffile,
)
from .image_file import ImageFile
from .layout import Layout
from .sizes import check_expansion, check_size, is_bounded
from .tags import UNKNOWN_GRID, GridTags, TiffStyle, grid_of_tiff
from .tiff import tags_for_tifffile

if TYPE_CHECKING:
    from tifffile import TiffFile

# Time, depth, pages, what is not said; channels by themselves may be aligned, too.
_FRAMES = ("T", "Z", "I", "Q", "C")
_FRAME = ("YX", "YXS", "CYX")
_ZLIB = 8
_WHITE_IS_ZERO = 0
_PLAIN = (_WHITE_IS_ZERO, 1, 2)
_LARGEST_CLASSIC = 2**31


@contextmanager
def opened_film(path: Path) -> Iterator[TiffFilm]:
    """Open a TIFF of many pages; raise `InputError` if it is none, as `TiffFilm` does."""
    with opened(path, "a TIFF") as file:
        if not image_head(file, path).startswith(TIFF_HEADS):
            raise InputError(f"{path} holds no film but one image; give many, or a TIFF of many")
    from tifffile import TiffFile

    with damage_told(path), quiet_tifffile():
        tiff = TiffFile(path)
    with tiff:
        with damage_told(path):
            check_chain(tiff, path)
        yield TiffFilm(tiff, path)


class TiffFilm:
    """The frames of an open TIFF: an array whose pages are read when they are asked for.

    Parameters
    ----------
    tiff : TiffFile
        With one axis beside rows, columns and colours, be it time, depth, channels or just pages;
        or with two, of which the second is the channels'.
    path : Path
        What to call it in an error.

    Attributes
    ----------
    shape : tuple of int
        (n, h, w) or (n, h, w, 3 or 4), or with c channels (n, c, h, w).
    dtype : dtype
        Of the pixels.
    channel_axis : int or None
        The axis of a frame that holds channels, if there is one.
    grid : GridTags
        What the file says of the grid of its pixels.

    Raises
    ------
    InputError
        If it is damaged or has other axes; also when a frame is read.
    """

    def __init__(self, tiff: TiffFile, path: Path) -> None:
        self._path = path
        with damage_told(path), quiet_tifffile():
            self._series = tiff.series[0]
            axes, shape = self._series.axes, self._series.shape
            sizes = [(a, n) for a, n in zip(axes, shape, strict=True) if n > 1 or a in "YX"]
            names = "".join(a for a, _ in sizes)
            if len(tiff.series) > 1 or names[:1] not in _FRAMES or names[1:] not in _FRAME:
                raise InputError(
                    f"{path} holds no film, which is two pages or more of one size along one "
                    f"axis, but {len(tiff.pages)} with the axes {axes}"
                )
            self.shape = tuple(n for _, n in sizes)
            self.channel_axis = 0 if names[1] == "C" else None
            self.grid = grid_of_tiff(tiff, self._series.keyframe)
            height, width = self.shape[names.index("Y") :][:2]
            pixel_bytes = self._series.dtype.itemsize * prod(self.shape[1:]) // (height * width)
            check_size(path, height, width, pixel_bytes)
            check_intact(self._series, path)
            self._photometric = int(self._series.keyframe.photometric)
        if self._photometric not in _PLAIN:
            raise InputError(f"{path} has rare colours; save it as gray or RGB")
        self.dtype = np.dtype(self._series.dtype).newbyteorder("=")
        self.ndim = len(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: int) -> NDArray[Any]:
        number = range(len(self))[index]
        if self.channel_axis is not None and len(self._series.pages) == math.prod(self.shape[:2]):
            count = self.shape[1]
            pages = range(number * count, (number + 1) * count)
            return np.stack([self._page(page) for page in pages])
        if len(self._series.pages) != len(self):
            # One page stands for all of them, as ImageJ writes large films.
            frame: NDArray[Any] = self._whole[number]
            return frame
        return self._page(number)

    def shape_on(self, grid: tuple[int, int]) -> tuple[int, ...]:
        """Return the shape that the frames have on a grid of (h, w)."""
        at = 1 if self.channel_axis is None else 2
        return (*self.shape[:at], *grid, *self.shape[at + 2 :])

    def file(self, index: int) -> ImageFile:
        """Return a frame as a file of its own would hold it."""
        frame = self[index]
        if self.channel_axis is None:
            return ImageFile(frame, self.grid)
        return ImageFile(frame, self.grid, TiffStyle(_ZLIB, layout=Layout("CYX", frame.shape[:1])))

    def _page(self, number: int) -> NDArray[Any]:
        shape = self.shape[1 if self.channel_axis is None else 2 :]

        def read() -> NDArray[Any]:
            page: Any = self._series.pages[number]
            if not is_bounded(page.keyframe):
                raise ValueError("not even with imagecodecs")
            check_expansion(page, self._path)
            return np.asarray(page.asarray())

        return self._decoded(read, shape)

    @cached_property
    def _whole(self) -> NDArray[Any]:
        # Not read but mapped, wherever the file holds the pixels as they are.
        return self._decoded(lambda: self._series.asarray(out="memmap"), self.shape)

    def _decoded(self, read: Callable[[], NDArray[Any]], shape: tuple[int, ...]) -> NDArray[Any]:
        with damage_told(self._path), quiet_tifffile():
            try:
                pixels = read().reshape(shape)
            except ValueError as error:
                if "imagecodecs" not in str(error):
                    raise
                raise InputError(
                    f"{self._path} uses a rare compression; save it with zip compression or none"
                ) from error
        pixels = pixels.astype(self.dtype, copy=False)
        inverted = self._photometric == _WHITE_IS_ZERO and pixels.dtype.kind in "bu"
        return ~pixels if inverted else pixels


def write_film(
    path: Path,
    frames: Iterable[NDArray[Any]],
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    *,
    channels: bool = False,
    grid: GridTags = UNKNOWN_GRID,
) -> None:
    """Write images of one shape and dtype as the pages of a new TIFF, compressed with zlib.

    Parameters
    ----------
    path : Path
        Of a file that is not there.
    frames : iterable of ndarray
        Read one at a time.
    shape : tuple of int
        (n, h, w) or (n, h, w, 3 or 4), or with c channels (n, c, h, w).
    dtype : dtype
        Of the pixels.
    channels : bool, default: False
        Whether the second axis is that of channels.
    grid : GridTags, optional
        What to say of the grid of the pixels.

    Raises
    ------
    InputError
        If the disk refuses.
    """
    from tifffile import imwrite

    pages = (page for frame in frames for page in (frame if channels else [frame]))
    axes = "TCYX" if channels else "TYXS"[: len(shape)]
    try:
        imwrite(
            path,
            pages,
            shape=shape,
            dtype=dtype,
            bigtiff=int(np.prod(shape)) * dtype.itemsize > _LARGEST_CLASSIC,
            photometric="rgb" if "S" in axes else "minisblack",
            compression="zlib",
            metadata={"axes": axes},
            **tags_for_tifffile(grid),
        )
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from error
