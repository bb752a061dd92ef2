"""TIFF files of many pages, read a page at a time and written so."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property, partial
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
from .origin import origin_tags
from .sizes import check_expansion, check_size, is_bounded
from .tags import UNKNOWN_GRID, GridTags, TiffStyle, grid_of_tiff, style_of_tiff
from .tiff import axes_for_tifffile

if TYPE_CHECKING:
    from tifffile import TiffFile

_ZLIB = 8
_WHITE_IS_ZERO = 0
_PLAIN = (_WHITE_IS_ZERO, 1, 2)
_LARGEST_CLASSIC = 2**31


def _open_again(path: Path, frames: str | None, channels: str | None) -> TiffFilm:
    """Return the film of a file in another process, which has it open until it ends."""
    from tifffile import TiffFile

    with quiet_tifffile():
        return TiffFilm(TiffFile(path), path, frames, channels)


@contextmanager
def opened_film(
    path: Path, frames: str | None = None, channels: str | None = None
) -> Iterator[TiffFilm]:
    """Open a TIFF of many pages; raise `InputError` if it is none, as `TiffFilm` does.

    A person may say which of its axes are the frames and the channels, by letter or number.
    """
    with opened(path, "a TIFF") as file:
        if not image_head(file, path).startswith(TIFF_HEADS):
            raise InputError(f"{path} holds no film but one image; give many, or a TIFF of many")
    from tifffile import TiffFile

    with damage_told(path), quiet_tifffile():
        tiff = TiffFile(path)
    with tiff:
        with damage_told(path):
            check_chain(tiff, path)
        yield TiffFilm(tiff, path, frames, channels)


class TiffFilm:
    """The frames of an open TIFF: an array whose pages are read when they are asked for.

    Another process opens the file by itself.

    Parameters
    ----------
    tiff : TiffFile
        With an axis beside rows, columns and colours, be it time, depth, channels or just pages;
        or with several, of which one is the frames' and one perhaps the channels'.
    path : Path
        What to call it in an error.
    frames, channels : str, optional
        Which axes these are, as in `Layout.meaning`.

    Attributes
    ----------
    shape : tuple of int
        (n, ..., h, w) or (n, ..., h, w, 3 or 4), with the axes of a frame as the file has them.
    dtype : dtype
        Of the pixels.
    layout : Layout
        What the axes of the file are.
    held : StackAxes
        What they hold.
    in_files : bool
        The frames are in a file.
    grid, style : GridTags, TiffStyle
        What the file says of the grid of its pixels, and of how it is stored.

    Raises
    ------
    InputError
        If it is damaged or has other axes; also when a frame is read.
    """

    in_files = True

    def __init__(
        self,
        tiff: TiffFile,
        path: Path,
        frames: str | None = None,
        channels: str | None = None,
    ) -> None:
        self._path, self._asked = path, (frames, channels)
        with damage_told(path), quiet_tifffile():
            self._series = tiff.series[0]
            self.layout = self._checked_layout(tiff).meaning(frames, channels, path, "frames")
            self.held = self.layout.held
            along = self.held.channels if self.held.along is None else self.held.along
            assert along is not None
            self.along = along
            axes, count = self.layout.axes, len(self.held.lengths)
            sizes = [n for a, n in self._sizes() if a in "YXS"]
            height, width = sizes[:2]
            rest = [n for axis, n in enumerate(self.held.lengths) if axis != self.along]
            self.shape = (self.held.lengths[self.along], *rest, *sizes)
            self.grid = grid_of_tiff(tiff, self._series.keyframe)
            style = style_of_tiff(tiff, self._series.keyframe, self.layout)
            self.style = replace(style, tags=())
            pixel_bytes = self._series.dtype.itemsize * prod(self.shape[1:]) // (height * width)
            check_size(path, height, width, pixel_bytes)
            check_intact(self._series, path)
            self._photometric = int(self._series.keyframe.photometric)
        if self._photometric not in _PLAIN:
            raise InputError(f"{path} has rare colours; save it as gray or RGB")
        self._pages = np.arange(prod(self.held.lengths)).reshape(self.held.lengths)
        self._own = replace(
            self.layout,
            axes=axes[: self.along] + axes[self.along + 1 :],
            lengths=(*rest, *self.layout.lengths[count:]),
            said=tuple(enumerate(r for k, r in enumerate(self.held.roles) if k != self.along)),
        )
        self.dtype = np.dtype(self._series.dtype).newbyteorder("=")
        self.ndim = len(self.shape)

    def _sizes(self) -> list[tuple[str, int]]:
        named = zip(self._series.axes, self._series.shape, strict=True)
        return [(axis, n) for axis, n in named if n > 1 or axis in "YX"]

    def _checked_layout(self, tiff: TiffFile) -> Layout:
        names = "".join(axis for axis, _ in self._sizes())
        plane = "YXS" if names.endswith("S") else "YX"
        leading = names.removesuffix(plane)
        if (
            len(tiff.series) > 1
            or not leading
            or not names.endswith(plane)
            or set("YXS") & set(leading)
        ):
            raise InputError(
                f"{self._path} holds no film, which is two pages or more of one size, but "
                f"{len(tiff.pages)} with the axes {self._series.axes}"
            )
        told = [str(k) if leading.count(a) > 1 else a for k, a in enumerate(leading)]
        lengths = tuple(n for axis, n in self._sizes() if axis not in "YX")
        return Layout("".join(told) + plane, lengths, rgb=plane == "YXS", apart=True)

    def __reduce__(self) -> tuple[Any, ...]:
        return _open_again, (self._path, *self._asked)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: int) -> NDArray[Any]:
        number = range(len(self))[index]
        pages = self._pages.take(number, axis=self.along).ravel().tolist()
        if len(pages) == 1:
            return self.page(pages[0])
        return np.stack([self.page(page) for page in pages]).reshape(self.shape[1:])

    def page(self, number: int) -> NDArray[Any]:
        """Return one image of all, in the order of the file."""
        if len(self._series.pages) == self._pages.size:
            return self._page(number)
        # One page stands for all of them, as ImageJ writes large films.
        image: NDArray[Any] = self._whole[number]
        return image

    def parts(self) -> Iterator[tuple[int, Callable[[], ImageFile]]]:
        """Yield what reads each page, in the order of the file, with the number of its frame."""
        numbers = np.indices(self.held.lengths)[self.along].ravel().tolist()
        for page, number in enumerate(numbers):
            yield number, partial(self._part, page)

    def _part(self, page: int) -> ImageFile:
        return ImageFile(self.page(page), self.grid)

    @property
    def called(self) -> str:
        """What its frames are: "frames", "planes" or "channels"."""
        return self.held.noun(self.along)

    @property
    def tells_more(self) -> bool:
        """Whether there is more to say of its axes than how many frames it has."""
        return len(self.held.lengths) > 1 or self.called != "frames"

    @property
    def axes(self) -> str:
        """The axes as they are written: pages of which nothing is said by what they hold."""
        letters, count = self.layout.axes, len(self.held.lengths)
        held = {"frames": "T", "planes": "Z", "channels": "C"}
        for axis, role in enumerate(self.held.roles):
            letter = held.get(role, "T")
            if letters[axis] not in "TZC" and letter not in letters:
                letters = letters[:axis] + letter + letters[axis + 1 :]
        return letters[:count] + self.layout.axes[count:]

    def shape_on(self, grid: tuple[int, int]) -> tuple[int, ...]:
        """Return the shape that the file has on a grid of (h, w)."""
        return (*self.held.lengths, *grid, *self.layout.lengths[len(self.held.lengths) :])

    def file(self, index: int) -> ImageFile:
        """Return a frame as a file of its own would hold it."""
        frame = self[index]
        if not self._own.planes:
            return ImageFile(frame, self.grid)
        own = replace(self.style, layout=self._own)
        return ImageFile(frame.reshape(-1, *self._plane_shape), self.grid, own)

    @property
    def _plane_shape(self) -> tuple[int, ...]:
        return self.shape[len(self.held.lengths) :]

    def _page(self, number: int) -> NDArray[Any]:
        def read() -> NDArray[Any]:
            page: Any = self._series.pages[number]
            if not is_bounded(page.keyframe):
                raise ValueError("not even with imagecodecs")
            check_expansion(page, self._path)
            return np.asarray(page.asarray())

        return self._decoded(read, self._plane_shape)

    @cached_property
    def _whole(self) -> NDArray[Any]:
        whole = (self._pages.size, *self._plane_shape)
        # Not read but mapped, wherever the file holds the pixels as they are.
        return self._decoded(lambda: self._series.asarray(out="memmap"), whole)

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
    pages: Iterable[NDArray[Any]],
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    *,
    axes: str = "TYXS",
    style: TiffStyle | None = None,
    grid: GridTags = UNKNOWN_GRID,
    origin: str | None = None,
) -> None:
    """Write images of one shape and dtype as the pages of a new TIFF, compressed with zlib.

    Parameters
    ----------
    path : Path
        Of a file that is not there.
    pages : iterable of ndarray
        Read one at a time.
    shape : tuple of int
        (..., h, w) or (..., h, w, 3 or 4): how many pages there are along each axis.
    dtype : dtype
        Of the pixels.
    axes : str, default: "TYXS"
        As tifffile names them; an S is for colours.
    style : TiffStyle, optional
        What to say of other axes than rows and columns.
    grid : GridTags, optional
        What to say of the grid of the pixels.
    origin : str, optional
        Where they come from, in ASCII.

    Raises
    ------
    InputError
        If the disk refuses.
    """
    from tifffile import imwrite

    axes, style = axes[: len(shape)], style or TiffStyle(_ZLIB)
    style = replace(style, tags=(*style.tags, *origin_tags(origin)))
    lengths = tuple(n for axis, n in zip(axes, shape, strict=True) if axis not in "YX")
    try:
        imwrite(
            path,
            iter(pages),
            shape=shape,
            dtype=dtype,
            bigtiff=int(np.prod(shape)) * dtype.itemsize > _LARGEST_CLASSIC,
            photometric="rgb" if "S" in axes else "minisblack",
            compression="zlib",
            **axes_for_tifffile(path, dtype, axes, lengths, style, grid),
        )
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from error
