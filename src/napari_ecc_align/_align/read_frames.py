"""The frames of a stack as arrays, each read when it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._common.errors import InputError
from .._images.lazy_slices import LazySlices, is_sliced_by_dask
from .._images.pixels import as_array, refuse_paths
from .._images.pixels import check_shape as check_array
from .._images.sources import count_of, is_lazy


def other_images(reference: Any, count: int) -> ReadFrames:
    """Return the images that frames are aligned to: one for all, or one for each."""
    shape = tuple(getattr(reference, "shape", ()))
    one = len(shape) == 2 or (len(shape) == 3 and shape[2] in (1, 3, 4))
    if one if shape else not _holds_images(reference):
        return ReadFrames([reference], "reference", 1)
    others = ReadFrames(reference, "reference", 1)
    if len(others) not in (1, count):
        raise InputError(
            "reference must be one image, or one for each frame: "
            f"{count} images, not {len(others)}"
        )
    return others


def _holds_images(reference: Any) -> bool:
    """Tell whether a sequence holds images and is not, nested, the numbers of one."""
    first = next(iter(reference), None) if isinstance(reference, Sequence) else None
    return first is not None and (len(getattr(first, "shape", ())) > 1 or np.ndim(first) > 1)


@dataclass(frozen=True)
class Unreadable:
    """A frame that cannot be read, and why."""

    reason: str


class ReadFrames:
    """Frames that are read when they are asked for.

    Attributes
    ----------
    in_files : bool
        They lie in files, which another process can read as well. Others are not sent to it.
    """

    one = "frame"
    """What one of them is called."""

    def __init__(self, frames: Any, name: str, least: int) -> None:
        refuse_paths(frames, name)
        count = count_of(frames, name)
        if count < least:
            raise InputError(f"{name} must be at least two images, not {count}")
        self._frames, self._name = frames, name
        self._numbers: Sequence[int] = range(count)
        self.in_files = bool(getattr(frames, "in_files", False))
        shape = tuple(getattr(frames, "shape", ()))
        if shape:
            # Of a stack one frame tells of all, and none has to be read.
            check_array(shape[1:3] if shape[3:] == (1,) else shape[1:], frames.dtype, f"{name}[0]")
            if is_sliced_by_dask(frames):
                self._frames = LazySlices(frames)
            return
        if self.in_files:
            # There may be thousands, each of which is looked at in its turn.
            return
        for index in range(count):
            frame = frames[index]
            if is_lazy(frame):
                check_array(tuple(frame.shape), frame.dtype, f"{name}[{index}]")
            else:
                as_array(frame, f"{name}[{index}]")

    def __len__(self) -> int:
        return len(self._numbers)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ if self.in_files else {**self.__dict__, "_frames": None}

    def __getitem__(self, index: int) -> NDArray[Any]:
        number = self._numbers[index]
        return as_array(self._frames[number], f"{self._name}[{number}]")

    def chosen(self, numbers: Sequence[int]) -> ReadFrames:
        """Return some of the frames."""
        some = copy(self)
        some._frames = self._frames
        some._numbers = [self._numbers[number] for number in numbers]
        return some

    def read(self, index: int) -> NDArray[Any] | Unreadable:
        """Return a frame, or why it cannot be read: one in many must not spoil the others."""
        try:
            return self[index]
        except (OSError, ValueError, RuntimeError) as error:
            return Unreadable(f"The {self.one} cannot be read: {error}")
