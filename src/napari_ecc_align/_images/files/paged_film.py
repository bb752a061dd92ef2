"""The frames of a file of many pages, whatever the file is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .image_file import ImageFile
from .layout import Layout
from .tags import GridTags, TiffStyle


class PagedFilm:
    """Frames whose pages are read when they are asked for, as an array of frames.

    Another process opens the file by itself.

    Parameters
    ----------
    path : Path
        What to call it in an error.
    layout : Layout
        What the axes of the file are; there is one, be it time, depth, channels or just pages,
        or several, before rows, columns and colours.
    sizes : tuple of int
        (h, w), or (h, w, 3 or 4).
    dtype : dtype
        Of the pixels.
    grid, style : GridTags, TiffStyle
        What the file says of the grid of its pixels, and how a TIFF of them says the rest.

    Attributes
    ----------
    shape : tuple of int
        (n, ..., h, w) or (n, ..., h, w, 3 or 4), with the axes of a frame as the file has them.
    held : StackAxes
        What the axes hold.
    in_files : bool
        The frames are in a file.
    """

    in_files = True

    def __init__(
        self,
        path: Path,
        layout: Layout,
        sizes: tuple[int, ...],
        dtype: np.dtype[Any],
        grid: GridTags,
        style: TiffStyle,
    ) -> None:
        self._path, self.layout, self.grid, self.style = path, layout, grid, style
        self.held = layout.held
        along = self.held.channels if self.held.along is None else self.held.along
        assert along is not None
        self.along = along
        count = len(self.held.lengths)
        rest = [n for axis, n in enumerate(self.held.lengths) if axis != along]
        self.shape = (self.held.lengths[along], *rest, *sizes)
        self._pages = np.arange(prod(self.held.lengths)).reshape(self.held.lengths)
        self._own = replace(
            layout,
            axes=layout.axes[:along] + layout.axes[along + 1 :],
            lengths=(*rest, *layout.lengths[count:]),
            said=tuple(enumerate(r for k, r in enumerate(self.held.roles) if k != along)),
        )
        self.dtype = dtype.newbyteorder("=")
        self.ndim = len(self.shape)

    def page(self, number: int) -> NDArray[Any]:
        """Return one image of all, in the order of the file."""
        raise NotImplementedError

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: int) -> NDArray[Any]:
        number = range(len(self))[index]
        pages = self._pages.take(number, axis=self.along).ravel().tolist()
        if len(pages) == 1:
            return self.page(pages[0])
        return np.stack([self.page(page) for page in pages]).reshape(self.shape[1:])

    def parts(self) -> Iterator[tuple[int, Callable[[], ImageFile]]]:
        """Yield what reads each page, in the order of the file, with the number of its frame."""
        numbers = np.indices(self.held.lengths)[self.along].ravel().tolist()
        for page, number in enumerate(numbers):
            yield number, partial(self._part, page)

    def _part(self, page: int) -> ImageFile:
        return self._plain(self.page(page))

    def _plain(self, image: NDArray[Any]) -> ImageFile:
        """Return one image of all as a file of its own would hold it."""
        return ImageFile(image, self.grid, replace(self.style, layout=None, further=()))

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
            return self._plain(frame)
        own = replace(self.style, layout=self._own)
        return ImageFile(frame.reshape(-1, *self._plane_shape), self.grid, own)

    @property
    def _plane_shape(self) -> tuple[int, ...]:
        return self.shape[len(self.held.lengths) :]
