"""The detail of two images that lie on each other, evened out, under a window."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from .._common.opencv import cv2
from .._images.pyramid.filters import warp
from .._images.pyramid.levels import STRIP, Bools, Floats, Level
from .._transform.transform import corners, map_points, scaled, shift

# What is coarser than this many pixels of the level is shading, not detail.
_DETAIL = 6.0
# Contrast is evened out over squares of this side.
_PATCH = 25
# Of the moving image, so many px more on each side of what a part of the reference shows.
_AROUND = 4


def aligned_details(
    reference: Level, moving: Level, matrix: NDArray[np.float64], *, inverted: bool
) -> tuple[tuple[Floats, Floats], tuple[Floats, Floats]]:
    """Return the detail of both images on the pixels of the reference, each with its window.

    Parameters
    ----------
    reference, moving : Level
        The same level of both images.
    matrix : ndarray of float64, shape (3, 3)
        Maps reference pixels to moving pixels, at full resolution.
    inverted : bool
        The moving image is a negative of the reference.

    Notes
    -----
    Of a long strip, it is the pixels of the middle of what both show.
    """
    to_moving = scaled(matrix, 2.0**-reference.index)
    (x0, y0, x1, y1), (left, top, right, bottom) = _boxes(reference.shape, moving.shape, to_moving)
    fixed = _windowed(*reference.patch(y0, y1, x0, x1))
    values, valid = moving.patch(top, bottom, left, right)
    if valid is not None:
        values[~valid] = np.nan
    image = warp(values, shift(-left, -top) @ to_moving @ shift(x0, y0), (x1 - x0, y1 - y0))
    seen = None if np.isfinite(image.sum()) else np.isfinite(image)
    if seen is not None:
        image[~seen] = 0
    detail, window = _windowed(image, seen)
    return fixed, (-detail if inverted else detail, window)


def _boxes(
    reference: tuple[int, int], moving: tuple[int, int], matrix: NDArray[np.float64]
) -> tuple[list[int], list[int]]:
    """Return the (x0, y0, x1, y1) that are looked at, of images of shape (h, w)."""
    size, there = np.array(reference[::-1]), np.array(moving[::-1])
    if size.prod() <= STRIP:
        return [0, 0, *size.tolist()], [0, 0, *there.tolist()]
    back = np.asarray(np.linalg.inv(matrix), np.float64)
    shown = np.clip(map_points(back, corners(moving)), 0, size)
    side = np.minimum(size, STRIP // size.min())
    first = np.floor(np.clip((shown.min(0) + shown.max(0) - side) / 2, 0, size - side))
    ends = map_points(matrix, first + corners((int(side[1]), int(side[0]))))
    begin = np.clip(np.floor(ends.min(0)) - _AROUND, 0, there - 1).astype(int)
    end = np.clip(np.ceil(ends.max(0)) + _AROUND, begin + 1, there).astype(int)
    return [*map(int, first), *map(int, first + side)], [*begin.tolist(), *end.tolist()]


def shared_details(
    reference: Level, moving: Level, matrix: NDArray[np.float64], *, inverted: bool
) -> tuple[Floats, Floats, Floats]:
    """Return the detail of both images where both are seen, and the window that they share.

    Takes what `aligned_details` does.
    """
    (first, window), (second, other) = aligned_details(
        reference, moving, matrix, inverted=inverted
    )
    return first * (other > 0), second * (window > 0), np.minimum(window, other)


def _windowed(image: Floats, valid: Bools | None) -> tuple[Floats, Floats]:
    """Return an image's detail under a window that falls to nothing at its border, and it."""
    small = (0, 0)
    if valid is not None:
        weight = valid.astype(np.float32)
        image = image * weight
    near = cv2.GaussianBlur(image, small, 1.0)
    far = cv2.blur(image, (2 * int(_DETAIL) + 1,) * 2)
    if valid is not None:
        near /= np.maximum(cv2.GaussianBlur(weight, small, 1.0), 1e-3)
        far /= np.maximum(cv2.blur(weight, (2 * int(_DETAIL) + 1,) * 2), 1e-3)
    window = flat_top(image.shape)
    detail = near - far
    if valid is not None:
        window, detail = window * weight, detail * weight
    # Strong detail in one part of an image must not outvote the rest of it.
    strength = np.sqrt(np.maximum(cv2.blur(detail * detail, (_PATCH, _PATCH)), 0))
    strength += max(1e-6, float(strength.mean()))
    return np.asarray(detail / strength * window, np.float32), window


@lru_cache(maxsize=8)
def flat_top(shape: tuple[int, ...]) -> Floats:
    """Return a window under which most of an image counts in full."""
    rows, columns = (np.hanning(length + 2)[1:-1] for length in shape)
    window = np.sqrt(np.outer(rows, columns)).astype(np.float32)
    window.setflags(write=False)
    return window
