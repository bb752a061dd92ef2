"""The pixels of OME-Zarr images as of image files: whole, or as the frames of a film.

zarr, which reads the chunks, comes with the extra of that name.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._common.errors import InputError
from ..._common.memory import most_image_bytes
from ..._common.opening import is_folder
from ..._common.zarr_arrays import opened_array, part_of
from ..ome_zarr.image import OmeZarrImage, read_ome_zarr
from .image_file import ImageFile
from .layout import Layout
from .paged_film import PagedFilm
from .sizes import check_size
from .tags import UNKNOWN_GRID, GridTags, TiffStyle
from .units import micrometres
from .volumes import Spacing, grid_of

_ZLIB = 8
_HEADS = ("zarr.json", ".zattrs")
_PLACES = {"time": "T", "channel": "C"}


def is_zarr(path: Path) -> bool:
    """Tell whether a path is a folder that may hold an OME-Zarr image."""
    return is_folder(path) and any((path / name).is_file() for name in _HEADS)


def zarr_size(path: Path) -> tuple[int, int]:
    """Return how many rows an OME-Zarr image has in all planes, and their width."""
    source = _Source(path)
    return source.sizes[0] * prod(source.layout.lengths), source.sizes[1]


def zarr_file(path: Path, max_pixels: int | None = None) -> ImageFile:
    """Return an OME-Zarr image at full resolution, read whole.

    Parameters
    ----------
    path : Path
        The folder of the image.
    max_pixels : int, optional
        More pixels, of all channels and pages, are refused.

    Raises
    ------
    InputError
        If there is no such image, it cannot be read, or is too large to be read whole.
    """
    source = _Source(path)
    check_size(path, source.sizes[0], source.sizes[1], source.bytes_of_all, max_pixels)
    pixels = source.read(())
    if source.layout.axes == "YX":
        return ImageFile(pixels, source.grid)
    return ImageFile(source.layout.pixels(pixels), source.grid, source.style)


@dataclass(frozen=True, eq=False)
class ZarrVolume:
    """A volume of an OME-Zarr image, at every size that it has, of which nothing is read yet.

    Attributes
    ----------
    levels : list of dask array, shape (d, h, w)
        Full resolution first.
    spacing : tuple of float or None
        Lengths of a voxel along (z, y, x) in micrometres, if they are known.
    """

    levels: list[Any]
    spacing: Spacing | None


def zarr_volume(path: Path, channel: int | None = None) -> ZarrVolume:
    """Return the volume of an OME-Zarr image, of one of its channels if there are several.

    Raises
    ------
    InputError
        If there is no such image or channel, or it is no volume.
    """
    import dask.array as da

    image = read_ome_zarr(path)
    letters = _letters(image)
    if "Z" not in letters:
        raise InputError(f"{path} is no volume: it has no axis of depth")
    levels = []
    for name, *_ in image.levels:
        array = opened_array(path / name)
        at = tuple(
            slice(None) if letter in "ZYX" else _number(path, letter, length, channel)
            for letter, length in zip(letters, array.shape, strict=True)
        )
        levels.append(da.from_array(array, chunks=array.chunks)[at])
    told = dict(_told(image)[1])
    grid = _told(image)[0].pixel_um
    known = None if grid is None else (float(told["PhysicalSizeZ"]), grid[1], grid[0])
    return ZarrVolume(levels, known)


def _number(path: Path, letter: str, length: int, channel: int | None) -> int:
    """Return which place along an axis is that of the volume."""
    if length == 1:
        return 0
    if letter != "C" or channel is None:
        what = "channels: choose one with --channel" if letter == "C" else f"places along {letter}"
        raise InputError(f"{path} is too large to be read whole, and has {length} {what}")
    if channel >= length:
        raise InputError(f"{path} has no channel {channel}, but 0 to {length - 1}")
    return channel


def is_too_large(path: Path) -> bool:
    """Tell whether there is an OME-Zarr image that takes more memory than an image may."""
    if not is_zarr(path):
        return False
    source = _Source(path)
    return bool(prod(source.sizes) * source.bytes_of_all > most_image_bytes())


class ZarrFilm(PagedFilm):
    """The frames of an OME-Zarr image, at full resolution.

    Parameters
    ----------
    path : Path
        The folder of the image.
    frames, channels : str, optional
        Which axes these are, as in `Layout.meaning`.

    Raises
    ------
    InputError
        If there is no such image, it has no axis for frames, or cannot be read.
    """

    def __init__(self, path: Path, frames: str | None = None, channels: str | None = None) -> None:
        self._asked, self._source = (frames, channels), _Source(path)
        source = self._source
        if not source.layout.planes:
            raise InputError(f"{path} holds no film but one image; give many, or one of many")
        layout = source.layout.meaning(frames, channels, path, "frames")
        super().__init__(path, layout, source.sizes, source.dtype, source.grid, source.style)
        check_size(path, *source.sizes, self.dtype.itemsize * prod(self.shape[1:-2]))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._path, *self._asked)

    def __getitem__(self, index: int) -> NDArray[Any]:
        # All pages of a frame at once: chunks hold several.
        number = range(len(self))[index]
        return self._source.read((*(slice(None),) * self.along, number))

    def page(self, number: int) -> NDArray[Any]:
        """Return one image of all, in the order of the file."""
        return self._source.read(np.unravel_index(number, self.held.lengths))


class _Source:
    """The finest array of an OME-Zarr image, without its axes of length 1, and what is said of it.

    Attributes
    ----------
    layout : Layout
    sizes : tuple of int
        Height and width.
    """

    def __init__(self, path: Path) -> None:
        image = read_ome_zarr(path)
        self._path, self._array = path, opened_array(path / image.levels[0][0])
        names = _letters(image)
        shape = tuple(int(length) for length in self._array.shape)
        self.dtype = np.dtype(self._array.dtype)
        if len(shape) != len(names) or self.dtype.kind not in "buif" or not prod(shape):
            raise InputError(
                f"{path} holds an array of the shape {shape} and of {self.dtype}, and not real "
                f"numbers along its axes {', '.join(names)}"
            )
        kept = [at for at, (name, n) in enumerate(zip(names, shape, strict=True))
                if n > 1 or name in "YX"]  # fmt: skip
        self._kept = kept
        axes = "".join(names[at] for at in kept)
        lengths = tuple(shape[at] for at in kept if names[at] not in "YX")
        self.sizes = shape[-2], shape[-1]
        self.bytes_of_all = self.dtype.itemsize * prod(lengths)
        self.layout = Layout(axes, lengths, apart=True)
        self.grid, further = _told(image)
        self.style = TiffStyle(_ZLIB, layout=self.layout, further=further)

    def read(self, index: tuple[Any, ...]) -> NDArray[Any]:
        """Return a part, by what is asked of each of the first axes, of length 1 left out."""
        at: list[Any] = [0] * self._array.ndim
        asked = (*index, *(slice(None),) * (len(self._kept) - len(index)))
        for axis, part in zip(self._kept, asked, strict=True):
            at[axis] = part if isinstance(part, slice) else int(part)
        pixels = part_of(self._array, tuple(at), self._path)
        return pixels.astype(self.dtype.newbyteorder("="), copy=False)


def _letters(image: OmeZarrImage) -> list[str]:
    """Return the letter of each axis, as a TIFF has them."""
    count = len(image.axes)
    letters = [""] * count
    for at, letter in zip(image.spatial, "ZYX"[3 - len(image.spatial) :], strict=True):
        letters[at] = letter
    for at, axis in enumerate(image.axes):
        letters[at] = letters[at] or _PLACES.get(str(axis.get("type")), "Q")
    called = [str(axis.get("name")) for axis in image.axes]
    # What is called otherwise is taken in its order.
    named = [name.lower() for name in called if name.lower() in "zyx"]
    in_order = named == sorted(named, reverse=True)
    if letters[-2:] != ["Y", "X"] or len(set(letters)) < count or not in_order:
        names = ", ".join(called)
        raise InputError(f"{image.folder} has the axes {names}, of which y and x must be the last")
    return letters


def _told(image: OmeZarrImage) -> tuple[GridTags, tuple[tuple[str, Any], ...]]:
    """Return what is said of rows and columns, and of depth; lengths without a unit are µm."""
    sizes = []
    for at in image.spatial:
        unit = micrometres(image.axes[at].get("unit") or "micrometer") or np.nan
        sizes.append(float(image.levels[0][1][at]) * unit)
    if not np.isfinite(sizes).all() or _is_bare(image):
        return UNKNOWN_GRID, ()
    apart = sizes[0] if len(sizes) == 3 else 1.0
    further = (("PhysicalSizeZ", apart), ("PhysicalSizeZUnit", "µm")) * (len(sizes) == 3)
    return grid_of((apart, sizes[-2], sizes[-1])), further


def _is_bare(image: OmeZarrImage) -> bool:
    """Tell whether nothing is said: neither a unit nor a length that differs from 1."""
    where = image.spatial
    units = [image.axes[at].get("unit") for at in where]
    return not any(units) and bool((image.levels[0][1][where] == 1).all())
