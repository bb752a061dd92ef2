"""What is read of an image file: its pixels, what it says of them, and what is aligned of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._common.errors import InputError
from ..stack_axes import Role, StackAxes
from .layout import Layout
from .tags import UNKNOWN_GRID, GridTags, TiffStyle


@dataclass(frozen=True, eq=False)
class ImageFile:
    """An image as its file holds it.

    Attributes
    ----------
    pixels : ndarray, shape (h, w), (h, w, 3 or 4), (n, h, w) or (n, h, w, 3 or 4)
        One image, or many channels or pages of one size.
    grid : GridTags
        What the file says of the grid of its pixels.
    style : TiffStyle or None
        How it is stored, if it is a TIFF.
    origin : str or None
        Where it comes from, in ASCII, to be written with it; what is read is not kept here.
    space : ndarray, shape (4, 4), or None
        Where its voxels (x, y, z, 1) lie in millimetres, if it is a NIfTI.
    """

    pixels: NDArray[Any]
    grid: GridTags = UNKNOWN_GRID
    style: TiffStyle | None = None
    origin: str | None = None
    space: NDArray[np.float64] | None = None

    @property
    def layout(self) -> Layout | None:
        """How its pixels lie in it, if there is more to say than their shape."""
        return None if self.style is None else self.style.layout

    @property
    def channel_axis(self) -> int | None:
        """The axis of `pixels` along which there are many images, if there is one."""
        return 0 if self.layout is not None and self.layout.planes else None

    @property
    def held(self) -> StackAxes | None:
        """What the axes of its many images hold, if there are any."""
        return None if self.channel_axis is None or self.layout is None else self.layout.held

    @property
    def frames(self) -> int:
        """How many frames, or planes of depth, it has."""
        held = self.held
        return 1 if held is None or held.along is None else held.lengths[held.along]

    def meaning(
        self, frames: str | None, channels: str | None, owner: object, alone: Role = "channels"
    ) -> ImageFile:
        """Return the same with what a person says of its axes; see `Layout.meaning`."""
        if self.channel_axis is None or self.style is None or self.layout is None:
            return self
        layout = self.layout.meaning(frames, channels, owner, alone)
        return replace(self, style=replace(self.style, layout=layout))

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        height, width = self.pixels.shape[0 if self.channel_axis is None else 1 :][:2]
        return int(height), int(width)

    @property
    def no_data(self) -> float | None:
        """The value of pixels that hold no data, where the file names one that they can have."""
        named = None if self.style is None else self.style.no_data
        if named is None or self.pixels.dtype.kind == "f":
            return named
        limits = np.iinfo(self.pixels.dtype) if self.pixels.dtype.kind in "iu" else None
        fits = limits is not None and limits.min <= named <= limits.max and named == int(named)
        return int(named) if fits else None

    @property
    def missing(self) -> NDArray[np.bool_] | None:
        """Pixels, (h, w), of which no channel holds data; None where the file names no value."""
        if self.no_data is None:
            return None
        missing = self.pixels == self.no_data
        if self.channel_axis == 0:
            missing = np.logical_and.reduce(missing, axis=0)
        return np.asarray(missing if missing.ndim == 2 else missing.all(axis=2))

    def resampled(self, pixels: NDArray[Any], grid: GridTags) -> ImageFile:
        """Return what to write of this image resampled on the grid of a reference."""
        return ImageFile(pixels, grid.of_result(self.grid), self.style)

    def plane(
        self, channel: int | None = None, name: object = "the image", frame: int | None = None
    ) -> NDArray[Any]:
        """Return the image that is aligned: (h, w) or (h, w, 3 or 4), masked where it has no data.

        Parameters
        ----------
        channel : int, optional
            Which channel, from 0, or which colour; an image of gray has but one. If left out, the
            colours of a file that has some, else the mean of all.
        name : object
            What to call the file in an error.
        frame : int, optional
            Which frame of a film, or plane of a depth stack; the mean of all, if left out.

        Raises
        ------
        InputError
            If there is no such channel or frame.
        """
        image, missing = self._plane(channel, name, frame), self.missing
        if missing is None or not missing.any():
            return image
        if image.ndim > 2:
            missing = missing[..., np.newaxis]
        return np.ma.array(image, mask=np.ma.getmaskarray(image) | missing)

    def _plane(self, channel: int | None, name: object, frame: int | None) -> NDArray[Any]:
        held = self.held
        if frame is not None and not 0 <= frame < self.frames:
            raise InputError(f"{name} has no frame {frame}, but 0 to {self.frames - 1}")
        if self.pixels.ndim == 2:
            return self.pixels
        count = self.pixels.shape[2] if held is None else 1
        if held is not None and held.channels is not None:
            count = held.lengths[held.channels]
        elif held is not None:
            channel = None
        if channel is not None and not 0 <= channel < count:
            raise InputError(f"{name} has no channel {channel}, but 0 to {count - 1}")
        if held is not None:
            assert self.layout is not None
            return self.layout.plane(self.pixels, channel, frame)
        return self.pixels if channel is None else self.pixels[..., channel]
