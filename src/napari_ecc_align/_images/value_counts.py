"""How often each value occurs in an image of 8 or 16 bits: all that most thresholds ask."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

# OpenCV counts in single precision, which is exact up to so many pixels.
_EXACT = 2**24


def has_few_values(dtype: np.dtype[Any]) -> bool:
    """Tell whether a type has so few values that all can be counted."""
    return dtype.kind in "bui" and dtype.itemsize <= 2


def two_byte_values(
    image: NDArray[Any], inside: NDArray[np.bool_] | None = None
) -> tuple[int, int] | None:
    """Return the two values of an image of bytes, or the one twice; None if it has more.

    That takes a fraction of the time of counting them.

    Parameters
    ----------
    image : ndarray of uint8, shape (h, w)
        The image.
    inside : ndarray of bool, shape (h, w), optional
        Pixels that count; if there are none, the answer is None.
    """
    from .._common.opencv import cv2

    mask = None if inside is None else inside.view(np.uint8)
    if mask is not None and not cv2.countNonZero(mask):
        return None
    least, most, _, _ = cv2.minMaxLoc(image, mask)
    low, high = int(least), int(most)
    if high - low < 2:
        return low, high
    between = cv2.inRange(image, np.array([low + 1]), np.array([high - 1]))
    if mask is not None:
        between &= mask
    return None if cv2.countNonZero(between) else (low, high)


def count_values(
    image: NDArray[Any], inside: NDArray[np.bool_]
) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Count the values of an image of 8 or 16 bits.

    Parameters
    ----------
    image : ndarray of bool or of 8- or 16-bit integers, shape (h, w)
        The image.
    inside : ndarray of bool, shape (h, w)
        Pixels that count.

    Returns
    -------
    values : ndarray, shape (n,)
        Those that occur, ascending, in the image's dtype.
    counts : ndarray of int64, shape (n,)
        How often each does.
    """
    from .._common.opencv import cv2

    bits = 8 * image.dtype.itemsize
    # Negative numbers, read as unsigned ones, follow the positive.
    unsigned = image.view(np.dtype(f"u{image.dtype.itemsize}"))
    mask = inside.view(np.uint8)
    counts = np.zeros(2**bits, np.int64)
    step = max(1, _EXACT // max(1, image.shape[1]))
    for top in range(0, len(image), step):
        rows = slice(top, top + step)
        found = cv2.calcHist([unsigned[rows]], [0], mask[rows], [2**bits], [0, 2**bits])
        counts += np.asarray(found).ravel().astype(np.int64)
    occurring = np.flatnonzero(counts)
    values = occurring.astype(unsigned.dtype).view(image.dtype)
    order = np.argsort(values)
    return values[order], counts[occurring][order]
