"""Where the moving image lies on the reference's grid."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# So little beyond the outermost pixels, interpolation gives those.
_BARELY = 1 / 255


def covered_pixels(
    matrix: NDArray[np.float64], shape: tuple[int, int], moving_shape: tuple[int, ...]
) -> NDArray[np.bool_]:
    """Return which pixels an affine matrix maps into an image: in each row, from one to another.

    Parameters
    ----------
    matrix : ndarray of float64, shape (3, 3)
        Maps reference pixels to moving pixels.
    shape : tuple of int
        Height and width of the reference.
    moving_shape : tuple of int
        Shape (height, width, ...) of the moving image.
    """
    height, width = shape
    rows = np.arange(height)
    first, last = np.zeros(height), np.full(height, width - 1.0)
    for (along, down, start), side in zip(matrix[:2], moving_shape[1::-1], strict=True):
        at_left = down * rows + start
        bounds = -_BARELY - at_left, side - 1 + _BARELY - at_left
        if along == 0:
            last[(bounds[0] > 0) | (bounds[1] < 0)] = -1
            continue
        low, high = (bound / along for bound in (bounds if along > 0 else bounds[::-1]))
        first, last = np.maximum(first, np.ceil(low)), np.minimum(last, np.floor(high))
    inside = np.zeros(shape, bool)
    ends = np.maximum(first, last + 1)
    for row, left, right in zip(inside, first.tolist(), ends.tolist(), strict=True):
        if left < right:
            row[int(left) : int(right)] = True
    return inside
