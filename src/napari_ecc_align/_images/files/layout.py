"""How the pixels of a TIFF lie in it: channels, pages, colours, and what its extra samples are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..pixels import mean_type
from ..stack_axes import Role, StackAxes, axis_number, stack_axes

_ALPHA = (1, 2)


@dataclass(frozen=True)
class Layout:
    """The axes of a TIFF and what its samples are.

    Attributes
    ----------
    axes : str
        In the file's order, as tifffile names them: Y, X, S samples, C channels, T, Z, pages, ...
    lengths : tuple of int
        Of the axes but Y and X.
    rgb : bool
        The first three samples are red, green and blue.
    extra : tuple of int
        What each further sample is, as the ExtraSamples tag says: 0 data, 1 opacity by which the
        colours are multiplied, 2 opacity.
    said : tuple of pairs
        What axes of `planes`, by their numbers, hold because a person says so.
    alone : str
        What pages hold of which nothing is said.
    apart : bool
        Three channels are no colours.
    """

    axes: str
    lengths: tuple[int, ...]
    rgb: bool = False
    extra: tuple[int, ...] = ()
    said: tuple[tuple[int, Role], ...] = ()
    alone: Role = "channels"
    apart: bool = False

    @property
    def colours(self) -> str:
        """The axis that holds red, green, blue and perhaps opacity, or nothing."""
        samples = dict(zip(self.others, self.lengths, strict=True))
        if self.others == "C":
            return "C" if samples["C"] == 3 and not self.apart else ""
        opacity = self.extra[-1:] in ((1,), (2,))
        fits = samples.get("S") == (4 if opacity else 3) and (self.rgb or not opacity)
        return "S" if fits else ""

    @property
    def others(self) -> str:
        """The axes but Y and X."""
        return "".join(axis for axis in self.axes if axis not in "YX")

    @property
    def planes(self) -> str:
        """The axes along which there are more images or channels than one."""
        return "".join(axis for axis in self.others if axis != self.colours)

    @property
    def held(self) -> StackAxes:
        """What the axes of `planes` hold."""
        count = dict(zip(self.others, self.lengths, strict=True))
        names = ["" if axis not in "TZCS" else axis for axis in self.planes]
        if "S" in names and "C" not in names:
            names[names.index("S")] = "C"
        lengths = [count[axis] for axis in self.planes]
        return stack_axes(lengths, names, dict(self.said), self.alone)

    def meaning(
        self, frames: str | None, channels: str | None, owner: object, alone: Role = "channels"
    ) -> Layout:
        """Return the same with what a person says of its axes, each by its letter or number.

        Parameters
        ----------
        frames, channels : str, optional
            The axis that holds them.
        owner : object
            What to call the file in an error.
        alone : str, default: "channels"
            What pages are of which nothing is said.

        Raises
        ------
        InputError
            If there is no such axis.
        """
        said: dict[int, Role] = {}
        options: tuple[tuple[Role, str | None], ...] = (("channels", channels), ("frames", frames))
        for role, axis in options:
            if axis is not None:
                number: int | str = int(axis) if axis.isdecimal() else axis
                count = len(self.planes)
                said[axis_number(number, self.planes, count, f"--{role}", str(owner))] = role
        return replace(self, said=tuple(said.items()), alone=alone)

    @property
    def is_plain(self) -> bool:
        """The shape of the pixels says all: gray, or colours together, with opacity or without."""
        colour = self.axes == "YXS" and self.rgb and self.extra in ((), (2,))
        return self.axes == "YX" or (colour and not self.planes)

    @property
    def is_veiled_gray(self) -> bool:
        """Each pixel is a gray value and its opacity."""
        return self.others == "S" and self.lengths == (2,) and self.extra[-1:] in ((1,), (2,))

    def interleaved(self) -> Layout:
        """Return the same with the samples of each pixel together."""
        if "S" not in self.axes:
            return self
        count = dict(zip(self.others, self.lengths, strict=True))
        axes = f"{self.axes.replace('S', '')}S"
        lengths = tuple(count[axis] for axis in axes if axis not in "YX")
        return replace(self, axes=axes, lengths=lengths)

    def pixels(self, stored: NDArray[Any]) -> NDArray[Any]:
        """Return what a file holds as (h, w), (h, w, 3 or 4), (n, h, w) or (n, h, w, 3 or 4)."""
        order = [self.axes.index(axis) for axis in f"{self.planes}YX{self.colours}"]
        image = stored.transpose(order)
        return image.reshape(-1, *image.shape[len(self.planes) :]) if self.planes else image

    def stored(self, pixels: NDArray[Any]) -> NDArray[Any]:
        """Return pixels, of any height and width, as the file holds them."""
        count = dict(zip(self.others, self.lengths, strict=True))
        leading = [count[axis] for axis in self.planes]
        image = pixels.reshape(*leading, *pixels.shape[bool(leading) :])
        now = f"{self.planes}YX{self.colours}"
        return image.transpose([now.index(axis) for axis in self.axes])

    def plane(
        self, pixels: NDArray[Any], channel: int | None, frame: int | None = None
    ) -> NDArray[Any]:
        """Return the image by which `pixels` are aligned: a colour, one channel, or the mean.

        It is of one frame, or the mean of all. Where the file says that a sample is opacity, that
        masks what is transparent.
        """
        opacity = [k for k, kind in enumerate(self.extra, -len(self.extra)) if kind in _ALPHA]
        if self.planes != "S":
            opacity = []
        if channel is None and self.rgb and self.planes == "S":
            return np.moveaxis(pixels[[0, 1, 2, *opacity[:1]]], 0, -1)
        shown = np.delete(pixels, opacity, axis=0) if opacity and channel is None else pixels
        image = _mean(shown[self._numbers(channel, frame)] if self.planes != "S" else shown)
        if self.planes == "S" and channel is not None:
            image = pixels[channel]
        return np.ma.array(image, mask=pixels[opacity[0]] == 0) if opacity else image

    def _numbers(self, channel: int | None, frame: int | None) -> NDArray[np.intp]:
        """Return which of the planes are of a channel, if that is given, and of a frame."""
        held = self.held
        numbers = np.arange(np.prod(held.lengths)).reshape(held.lengths)
        at: list[Any] = [slice(None)] * numbers.ndim
        for axis, number in ((held.channels, channel), (held.along, frame)):
            if axis is not None and number is not None:
                at[axis] = number
        return np.asarray(numbers[tuple(at)], np.intp).ravel()

    @property
    def frame_numbers(self) -> list[int]:
        """The number of the frame, or depth, that each of the planes is of."""
        held = self.held
        if held.along is None:
            return [0] * int(np.prod(held.lengths))
        return [int(n) for n in np.indices(held.lengths)[held.along].ravel()]


def _mean(planes: NDArray[Any]) -> NDArray[Any]:
    if len(planes) == 1:
        return np.asarray(planes[0])
    return np.asarray(planes.mean(axis=0, dtype=mean_type(planes.dtype)))
