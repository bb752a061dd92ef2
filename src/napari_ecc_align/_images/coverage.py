"""Where the moving image lies on the reference's grid."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .._transform.field import Field
from .._transform.matrices import Matrix
from .._transform.transform import Transform
from .warping import check_shape, warp

# So little beyond the outermost pixels, interpolation gives those.
BARELY = 1 / 255


def overlap(
    transform: Transform | Field,
    *,
    output_shape: tuple[int, ...],
    moving_shape: tuple[int, ...],
    moving_valid: NDArray[np.bool_] | None = None,
) -> NDArray[np.bool_]:
    """Return the reference pixels that a valid moving pixel falls on.

    Parameters
    ----------
    transform : Transform or Field
        Maps reference pixels to moving pixels.
    output_shape, moving_shape : tuple of int
        Shapes (height, width, ...) of the reference and of the moving image.
    moving_valid : ndarray of bool, shape (h, w), optional
        Moving pixels that hold data; all of them when left out.

    Returns
    -------
    ndarray of bool, shape (height, width)
        True where all the moving pixels that interpolation needs are there.
    """
    if moving_valid is None or moving_valid.all():
        plain = isinstance(transform, Transform)
        if plain and np.array_equal(transform.matrix[2], [0, 0, 1]):
            return _covered_pixels(transform.matrix, check_shape(output_shape), moving_shape)
        moving_valid = np.ones(moving_shape[:2], bool)
    return _laid(moving_valid, transform, output_shape) >= 254


def touched(
    missing: NDArray[np.bool_], transform: Transform | Field, output_shape: tuple[int, ...]
) -> NDArray[np.bool_]:
    """Return the reference pixels, (height, width), that have something of what is missing.

    Parameters
    ----------
    missing : ndarray of bool, shape (h, w)
        Moving pixels without data.
    transform : Transform or Field
        Maps reference pixels to moving pixels.
    output_shape : tuple of int
        Shape (height, width, ...) of the reference.
    """
    return _laid(missing, transform, output_shape) > 1


def _laid(
    chosen: NDArray[np.bool_], transform: Transform | Field, output_shape: tuple[int, ...]
) -> NDArray[np.uint8]:
    """Return how much of reference pixels is of chosen moving pixels, 255 where all of it is."""
    shares: NDArray[np.uint8] = warp(
        chosen.view(np.uint8) * np.uint8(255),
        transform,
        output_shape=output_shape,
        interpolation="linear",
        fill=0,
    )
    return shares


def within_image(places: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return which places (x, y), of shape (h, w, 2), are covered by an image of a shape.

    Where all the pixels that interpolation needs are there, as in `overlap`.
    """
    ends = np.array(shape[1::-1], np.float64) - 1 + BARELY
    # Beyond the horizon there is no number.
    with np.errstate(invalid="ignore"):
        return np.asarray(((places >= -BARELY) & (places <= ends)).all(axis=-1))


def _covered_pixels(
    matrix: Matrix, shape: tuple[int, int], moving_shape: tuple[int, ...]
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
        bounds = -BARELY - at_left, side - 1 + BARELY - at_left
        if along == 0:
            last[(bounds[0] > 0) | (bounds[1] < 0)] = -1
            continue
        with np.errstate(over="ignore"):  # as good as infinitely far
            low, high = (bound / along for bound in (bounds if along > 0 else bounds[::-1]))
        first, last = np.maximum(first, np.ceil(low)), np.minimum(last, np.floor(high))
    inside = np.zeros(shape, bool)
    ends = np.maximum(first, last + 1)
    for row, left, right in zip(inside, first.tolist(), ends.tolist(), strict=True):
        if left < right:
            row[int(left) : int(right)] = True
    return inside
