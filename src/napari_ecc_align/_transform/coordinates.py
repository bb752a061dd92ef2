"""Points of images, and the matrices that map them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .._common.errors import InputError
from .._common.given import Numbers, as_floats


def checked_points(points: Numbers, axes: int = 2) -> NDArray[np.float64]:
    """Return points (x, y), of shape (2,) or (N, 2), or of three axes, or raise `InputError`."""
    shapes = f"({axes},) or (N, {axes})"
    given = as_floats(points, f"points must be numbers of shape {shapes}")
    if given.ndim not in (1, 2) or given.shape[-1] != axes:
        raise InputError(f"points must have shape {shapes}, not {given.shape}")
    return given


def map_points(matrix: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Apply a 3x3 matrix to points of shape (..., 2), or a 4x4 one to points of (..., 3)."""
    *slopes, scale = matrix[-1].tolist()
    with np.errstate(all="ignore"):  # some may be carried to infinity
        mapped: NDArray[np.float64] = points @ matrix[:-1, :-1].T
        mapped += matrix[:-1, -1]
        if any(slopes):
            mapped /= (points @ matrix[-1, :-1] + scale)[..., np.newaxis]
        elif scale != 1:
            mapped /= scale
    return mapped


def corners(shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return the (x, y) centres of the four corner pixels of an image of shape (h, w, ...)."""
    bottom, right = shape[0] - 1.0, shape[1] - 1.0
    return np.array([[0.0, 0.0], [right, 0.0], [0.0, bottom], [right, bottom]])


def shift(x: float, y: float) -> NDArray[np.float64]:
    """Return the matrix that adds (x, y)."""
    return np.array([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]])


def crossings(xs: Numbers, ys: Numbers) -> NDArray[np.float64]:
    """Return all (x, y) of two axes, row by row, as a read-only array of shape (n, 2)."""
    x, y = np.meshgrid(xs, ys)
    points = np.stack([x.ravel(), y.ravel()], axis=1, dtype=np.float64)
    points.setflags(write=False)
    return points


UNMOVED = np.eye(3)
"""The matrix that moves nothing, not to be changed."""
UNMOVED.setflags(write=False)


def corner_error(
    a: Numbers, b: Numbers, shape: tuple[int, ...], pixel: tuple[float, float] = (1.0, 1.0)
) -> float:
    """Return the RMS distance between two matrices over the corners of an image, in pixels.

    Parameters
    ----------
    a, b : array_like, shape (3, 3)
        Matrices that map (x, y, 1) in the reference to the moving image.
    shape : tuple of int
        Shape (height, width, ...) of the reference.
    pixel : tuple of float, optional
        How wide and high a pixel is, for the distance in its unit.
    """
    one, other, points = np.asarray(a, np.float64), np.asarray(b, np.float64), corners(shape)
    gap = map_points(one, points) - map_points(other, points)
    if pixel != (1.0, 1.0):
        gap *= pixel
    with np.errstate(over="ignore"):  # what lies that far apart is infinitely far
        return float(np.sqrt((gap**2).sum() / len(points)))


def scaled(matrix: NDArray[np.float64], factor: float) -> NDArray[np.float64]:
    """Return a matrix for images whose pixel coordinates were both multiplied by `factor`.

    Pixel 0 stays pixel 0, as in OpenCV's ``pyrDown``, so there is no half-pixel term.
    """
    out = matrix.copy()
    out[:2, 2] *= factor
    out[2, :2] /= factor
    return out
