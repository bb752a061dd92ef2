"""TIFF files of many pages, read a page at a time and written so."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..._common.errors import InputError
from ..._common.opening import opened
from .decoding import check_intact, damage_told, from_white, image_head, lacks_codec, rare
from .layout import Layout
from .opened_tiff import TIFF_HEADS, quiet_tifffile, tiff_at
from .origin import origin_tags
from .paged_film import PagedFilm
from .sizes import check_expansion, check_size, is_bounded
from .tags import UNKNOWN_GRID, GridTags, TiffStyle, grid_of_tiff, style_of_tiff
from .tiff import axes_for_tifffile
from .zarr_image import ZarrFilm, is_zarr

if TYPE_CHECKING:
    from tifffile import TiffFile

_ZLIB = 8
_WHITE_IS_ZERO = 0
_PLAIN = (_WHITE_IS_ZERO, 1, 2)
_LARGEST_CLASSIC = 2**31


def _open_again(path: Path, frames: str | None, channels: str | None) -> TiffFilm:
    """Return the film of a file in another process, which has it open until it ends."""
    return TiffFilm(tiff_at(path), path, frames, channels)


@contextmanager
def opened_film(
    path: Path, frames: str | None = None, channels: str | None = None
) -> Iterator[PagedFilm]:
    """Open a TIFF of many pages, or an OME-Zarr image; raise `InputError` if it is none.

    A person may say which of its axes are the frames and the channels, by letter or number.
    """
    if is_zarr(path):
        yield ZarrFilm(path, frames, channels)
        return
    with opened(path, "a TIFF") as file:
        if not image_head(file, path).startswith(TIFF_HEADS):
            raise InputError(f"{path} holds no film but one image; give many, or a TIFF of many")
    with damage_told(path):
        tiff = tiff_at(path)
    with tiff:
        yield TiffFilm(tiff, path, frames, channels)


class TiffFilm(PagedFilm):
    """The frames of an open TIFF.

    Parameters
    ----------
    tiff : TiffFile
        With an axis beside rows, columns and colours, be it time, depth, channels or just pages;
        or with several, of which one is the frames' and one perhaps the channels'.
    path : Path
        What to call it in an error.
    frames, channels : str, optional
        Which axes these are, as in `Layout.meaning`.

    Raises
    ------
    InputError
        If it is damaged or has other axes; also when a frame is read.
    """

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
            layout = self._checked_layout(tiff).meaning(frames, channels, path, "frames")
            sizes = tuple(n for a, n in self._sizes() if a in "YXS")
            grid = grid_of_tiff(tiff, self._series.keyframe)
            style = style_of_tiff(tiff, self._series.keyframe, layout).of_film
            super().__init__(path, layout, sizes, np.dtype(self._series.dtype), grid, style)
            height, width = sizes[:2]
            pixel_bytes = self._series.dtype.itemsize * prod(self.shape[1:]) // (height * width)
            check_size(path, height, width, pixel_bytes)
            check_intact(self._series, path)
            self._photometric = int(self._series.keyframe.photometric)
        if self._photometric not in _PLAIN:
            raise InputError(f"{path} has rare colours; save it as gray or RGB")

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
        extra = tuple(int(kind) for kind in self._series.keyframe.extrasamples)
        layout = Layout("".join(told) + plane, lengths, plane == "YXS", extra, apart=True)
        if "S" in layout.planes:
            raise InputError(
                f"{self._path} holds pages of {lengths[-1]} samples, which are no colours; save "
                "each of its channels as a page"
            )
        return layout

    def __reduce__(self) -> tuple[Any, ...]:
        return _open_again, (self._path, *self._asked)

    def page(self, number: int) -> NDArray[Any]:
        """Return one image of all, in the order of the file."""
        if len(self._series.pages) == self._pages.size:
            return self._page(number)
        # One page stands for all of them, as ImageJ writes large films.
        image: NDArray[Any] = self._whole[number]
        return image

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
            except Exception as error:
                if not lacks_codec(error):
                    raise
                raise rare(self._path) from error
        pixels = pixels.astype(self.dtype, copy=False)
        inverted = self._photometric == _WHITE_IS_ZERO
        return from_white(pixels, self._series.keyframe) if inverted else pixels


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
