"""Images as people give them: one array, one that is read on demand, or one at several sizes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._common.errors import InputError
from .limits import LIMITS
from .opacity import flattened
from .pixels import PixelSource, as_array, check_mask, check_shape, check_size, in_doubles

LazyArray = PixelSource
"""What dask, zarr, h5py and their like have in common: pixels come when sliced."""


@dataclass(frozen=True, eq=False)
class LazyImage:
    """An image too large to be read whole without need.

    Attributes
    ----------
    levels : tuple of LazyArray or ndarray
        Each (h, w) or (h, w, 3 or 4), decreasing in size; full resolution first. One, if the
        image comes without a pyramid.
    mask : LazyArray, ndarray or None
        Of the full resolution, (h, w): what is not 0 counts.
    """

    levels: tuple[LazyArray, ...]
    mask: LazyArray | None

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape at full resolution."""
        return tuple(int(length) for length in self.levels[0].shape)


@dataclass(frozen=True, eq=False)
class LoadedImage:
    """An image in memory, as from `as_array`, and the pixels that count (None if all).

    `kept` holds what has been made of it once as a reference, by name: its pyramid, the part that
    counts. A film has one reference for all frames.
    """

    image: NDArray[Any]
    mask: NDArray[np.bool_] | None
    kept: dict[str, Any] = field(default_factory=dict, init=False, repr=False)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the image."""
        return self.image.shape


Source = LoadedImage | LazyImage

ImageLike: TypeAlias = ArrayLike | LazyArray | Sequence[LazyArray]
"""What `align` takes for an image: in memory, on demand, or one at several sizes."""


def checked_source(
    image: Any,
    mask: Any,
    name: str,
    *,
    whole: bool = False,
) -> Source:
    """Return an image and its mask as a source of pixels.

    Parameters
    ----------
    image : array_like, lazy array or sequence of such
        The image, or the same image at several sizes, full resolution first.
    mask : array_like or lazy array, shape (h, w), optional
        Pixels that count.
    name : str
        What to call the argument in an error.
    whole : bool, default: False
        Read the full resolution into memory whatever its size.

    Raises
    ------
    InputError
        If one of them cannot be used.
    """
    levels = _levels(image, name)
    finest = levels[0]
    if any(length != length for length in getattr(finest, "shape", ())):
        raise InputError(
            f"{name} does not know its own shape; call its compute_chunk_sizes() first"
        )
    if whole or not is_lazy(finest) or _is_small(levels):
        # Of an image in memory, halving is more exact than whatever made the other levels.
        array = flattened(in_doubles(as_array(finest, name)))
        check_size(array.shape, name)
        return LoadedImage(array, check_mask(mask, array.shape, f"{name}_mask"))
    shape = tuple(int(length) for length in finest.shape)
    check_shape(shape[:2] if shape[2:] == (1,) else shape, finest.dtype, name)
    check_size(shape, name)
    return LazyImage(levels, _checked_mask(mask, shape, f"{name}_mask"))


def _is_small(levels: tuple[LazyArray, ...]) -> bool:
    """Tell whether an image had better be read whole."""
    pixels = int(np.prod(levels[0].shape[:2]))
    size = int(np.prod(levels[0].shape)) * levels[0].dtype.itemsize
    return pixels <= LIMITS.small_pixels or (len(levels) == 1 and size <= LIMITS.small_bytes)


def _checked_mask(mask: Any, shape: tuple[int, ...], name: str) -> Any:
    if mask is None or not is_lazy(mask):
        return check_mask(mask, shape, name)
    if tuple(mask.shape) != shape[:2]:
        raise InputError(
            f"{name} must have the shape of its image, {shape[:2]}, not {tuple(mask.shape)}"
        )
    return mask


def is_lazy(image: object) -> bool:
    """Tell whether something is an array whose pixels are not in memory."""
    if isinstance(image, (np.ndarray, Sequence)):
        return False
    named = all(hasattr(image, part) for part in ("shape", "ndim", "dtype", "__getitem__"))
    return named and isinstance(getattr(image, "dtype", None), np.dtype)


def count_of(images: Any, name: str) -> int:
    """Return how many images a stack or sequence holds; zarr's arrays have a shape, but no len."""
    shape = getattr(images, "shape", None)
    try:
        return len(images) if shape is None else int(shape[0])
    except (TypeError, IndexError) as error:
        raise InputError(f"{name} must be a stack or a sequence of images") from error


def is_multiscale(image: object) -> bool:
    """Tell whether something is a sequence of images rather than the numbers of one."""
    if not isinstance(image, Sequence) or isinstance(image, (str, bytes)):
        return False
    shapes = [tuple(getattr(level, "shape", ())) for level in image]
    # Of a row of colours, (n, 3 or 4), there are as many as the image has rows; the first level
    # of a pyramid is never that narrow, the last may be.
    rows_of_colours = bool(shapes) and shapes[0][1:] in ((3,), (4,))
    return not rows_of_colours and all(len(shape) > 1 for shape in shapes)


def _levels(image: Any, name: str) -> tuple[Any, ...]:
    if not is_multiscale(image):
        return (image,)
    levels = tuple(image)
    if not levels:
        raise InputError(f"{name} is an empty sequence; give an image, or one at several sizes")
    first = levels[0]
    if len(first.shape) not in (2, 3):
        check_shape(tuple(first.shape), first.dtype, f"{name}[0]")
    for number, (finer, level) in enumerate(pairwise(levels), start=1):
        if len(level.shape) != len(first.shape) or level.shape[2:] != first.shape[2:]:
            raise InputError(
                f"{name}[{number}] must have as many axes and channels as {name}[0], "
                f"{tuple(first.shape)}, but its shape is {tuple(level.shape)}"
            )
        if level.dtype != first.dtype:
            raise InputError(
                f"{name}[{number}] must have the dtype of {name}[0], {first.dtype}, "
                f"not {level.dtype}"
            )
        if not all(a < b for a, b in zip(level.shape[:2], finer.shape[:2], strict=True)):
            raise InputError(
                f"{name} must get smaller from level to level, but {name}[{number}] is "
                f"{level.shape[0]} x {level.shape[1]} after {finer.shape[0]} x {finer.shape[1]}"
            )
    return levels
