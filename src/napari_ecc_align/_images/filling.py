"""The value of what lies outside an image."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .._common.errors import InputError
from .pixels import PixelSource

Fill = float | Sequence[float] | Literal["background"]


def fill_values(
    image: NDArray[Any], fill: Fill, border: list[NDArray[Any]] | None = None
) -> NDArray[Any]:
    """Return the value outside an image, one per channel, or raise `InputError`.

    Parameters
    ----------
    image : ndarray, shape (h, w) or (h, w, c)
        What the value is for.
    fill : float, sequence of float, or "background"
        As in `warp`.
    border : list of ndarray, optional
        The pixels that are the background, if not those along the edges of `image`.

    Returns
    -------
    ndarray, shape (c,)
        Of the image's dtype where float64 might not hold the numbers given, of float64 elsewhere.
    """
    channels = 1 if image.ndim == 2 else image.shape[2]
    if isinstance(fill, str):
        if fill != "background":
            raise InputError(f'fill must be numbers or "background", not {fill!r}')
        border = border or [image[0], image[-1], image[:, 0], image[:, -1]]
        edge = np.concatenate([side.reshape(-1, channels) for side in border])
        with np.errstate(over="ignore"):  # what float64 cannot hold is infinite
            edge = edge.astype(np.float64)
        edge = edge[np.isfinite(edge).all(axis=1)]
        # The mean of the two in the middle must not leave the range.
        return 2 * np.median(edge / 2, axis=0) if len(edge) else np.zeros(channels)
    values = _numbers(fill)
    if len(values) not in (1, channels):
        raise InputError(f"fill must be one number or {channels}, not {len(values)}")
    if image.dtype.kind in "iu":
        limits = np.iinfo(image.dtype)
        # Of Python's numbers, which compare exactly.
        if not all(limits.min <= value <= limits.max for value in values):
            raise InputError(f"fill must be a value that {image.dtype} can hold, not {fill!s:.40}")
    exact = image.dtype.kind in "iu" and image.dtype.itemsize == 8
    whole = exact and all(value == int(value) for value in values)
    return np.array(values * (channels // len(values)), image.dtype if whole else np.float64)


def _numbers(fill: Any) -> list[Any]:
    """Return numbers as Python has them, of any size, or raise `InputError`."""
    numbers = np.asarray(fill, dtype=object)
    values: list[Any] = numbers.reshape(-1).tolist()
    if numbers.ndim > 1 or not all(isinstance(value, Real) for value in values):
        raise InputError(f'fill must be numbers or "background", not {fill!r}')
    try:
        np.array(values, np.float64)
    except OverflowError as error:
        raise InputError(
            f"fill must be a number that a pixel can hold, not {fill!s:.40}"
        ) from error
    return values


def border_pixels(image: PixelSource, fill: Fill) -> list[NDArray[Any]]:
    """Return what `fill_values` wants of a lazy image: its edges, or a pixel, which is not read.

    As (1, w), (1, w), (h, 1) and (h, 1) with the channels, or (1, 1).
    """
    if not isinstance(fill, str):
        return [np.zeros((1, 1, *image.shape[2:]), image.dtype)]
    height, width = image.shape[:2]
    rows, columns = ((slice(0, 1), slice(side - 1, side)) for side in (height, width))
    return [image[part, :] for part in rows] + [image[:, part] for part in columns]
