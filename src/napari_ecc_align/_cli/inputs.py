"""The files that ``ecc-align`` reads, and what they are read for."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any, overload

from numpy.typing import NDArray

from .._common.errors import InputError
from .._ecc.options import SearchOptions
from .._images.files.film import opened_film
from .._images.files.headers import check_image_file
from .._images.files.image_file import ImageFile
from .._images.files.images import read_file, read_image
from .._images.files.paged_film import PagedFilm
from .._images.stack_axes import Z_IS_NOT_SEARCHED, Role, StackAxes


def search_options(chosen: argparse.Namespace) -> SearchOptions:
    """Return how to align, of a command with the options of `add_estimation_options`."""
    return SearchOptions(**{f.name: getattr(chosen, f.name) for f in fields(SearchOptions)})


def read_mask(
    path: Path | None, image_path: Path | str, shape: tuple[int, ...]
) -> NDArray[Any] | None:
    """Return the mask in a file, or None without one.

    Raises
    ------
    InputError
        If it is no mask of an image of that shape, which `image_path` names.
    """
    if path is None:
        return None
    mask = read_image(path)
    if mask.ndim != 2:
        raise InputError(f"{path} is in colour; a mask has one channel, 0 where nothing counts")
    if mask.shape != shape[:2]:
        raise InputError(
            f"{path} is {_size(mask.shape)} pixels, but {image_path} is {_size(shape)}"
        )
    return mask


def read_meant(path: Path, chosen: argparse.Namespace, alone: Role = "channels") -> ImageFile:
    """Return the image in a file, with what the options say of its axes.

    Of pages of which nothing is said, `alone` is what they are taken for.
    """
    return read_file(path).meaning(chosen.frame_axis, chosen.channel_axis, path, alone)


def found_on(held: StackAxes | None, channel: int | None) -> str:
    """Return by which of its channels a file is aligned, if it has several."""
    if held is None or held.channels is None or held.along == held.channels:
        return ""
    return "; by the mean of all channels" if channel is None else f"; by channel {channel}"


def axes_told(path: Path, held: StackAxes | None, more: str = "") -> list[str]:
    """Return in a line what the axes of a file hold, and more, if it is not just one image."""
    if held is None or not held.long:
        return []
    guess = ", a guess: see --frames and --channels" if held.guessed else ""
    line = f"{path.name}: {held}{guess}{more}."
    return [line, *[Z_IS_NOT_SEARCHED] * (held.noun(held.along) == "planes")]


class ReadWhenAsked(Sequence[NDArray[Any]]):
    """What decides of frames or time points, read when it is asked for.

    Parameters
    ----------
    frames : ImageFiles or PagedFilm
        With all their channels.
    read : callable
        What is read of the file of one, which is called so in what is said of it. Processes are
        sent it.
    called : str
        What one is called, before its number.
    """

    in_files = True

    def __init__(
        self,
        frames: ImageFiles | PagedFilm,
        read: Callable[[ImageFile, str], NDArray[Any]],
        called: str,
    ) -> None:
        self._frames, self._read, self._called = frames, read, called

    def __len__(self) -> int:
        return len(self._frames)

    @overload
    def __getitem__(self, index: int) -> NDArray[Any]: ...
    @overload
    def __getitem__(self, index: slice) -> list[NDArray[Any]]: ...
    def __getitem__(self, index: int | slice) -> NDArray[Any] | list[NDArray[Any]]:
        if isinstance(index, slice):
            return [self[number] for number in range(len(self))[index]]
        return self._read(self._frames.file(index), f"{self._called} {index}")


def aligned_planes(
    frames: ImageFiles | PagedFilm, channel: int | None
) -> ReadWhenAsked | PagedFilm:
    """Return what of the frames decides: a channel or colours; see `ImageFile.plane`."""
    plain = isinstance(frames, PagedFilm) and frames.style.no_data is None
    # Its shape is known before any frame is read.
    if plain and frames.held is not None and len(frames.held.lengths) == 1 and channel is None:
        return frames
    return ReadWhenAsked(frames, partial(_plane, channel), "frame")


def _plane(channel: int | None, file: ImageFile, called: str) -> NDArray[Any]:
    return file.plane(channel, called)


class ImageFiles:
    """Images in files of one each, which are read when they are asked for.

    Raises
    ------
    InputError
        If one of them is no image, as far as its header tells.
    """

    called, held, tells_more, in_files = "frames", None, False, True

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths
        for path in paths:
            check_image_file(path)

    def __len__(self) -> int:
        return len(self._paths)

    def file(self, index: int) -> ImageFile:
        """Return a frame as its file holds it."""
        return read_file(self._paths[index])

    def parts(self) -> Iterator[tuple[int, Callable[[], ImageFile]]]:
        """Yield what reads each image that is resampled by itself, and its frame's number."""
        return enumerate(partial(read_file, path) for path in self._paths)


@contextmanager
def opened_frames(
    paths: Sequence[Path], frames: str | None, channels: str | None
) -> Iterator[ImageFiles | PagedFilm]:
    """Open the frames in many files, or in one TIFF of many pages, whose axes may be said."""
    if len(paths) > 1:
        yield ImageFiles(paths)
        return
    with opened_film(paths[0], frames, channels) as film:
        yield film


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[1]} x {shape[0]}"
