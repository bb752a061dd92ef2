"""Could a matrix relate two images of one thing: what it does to an image, and limits for that."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .._common.opencv import cv2
from .coordinates import corners

Array = NDArray[np.float64]

# No image reaches so many px from another that it overlaps.
_FARTHEST = 1e15


@dataclass(frozen=True)
class Distortion:
    """What a matrix does around one pixel.

    Attributes
    ----------
    depth : float
        Homogeneous coordinate of where the pixel is mapped; not positive beyond the horizon,
        where a perspective folds the image.
    determinant : float
        Of the derivative there; negative where the image would be mirrored.
    stretch, squeeze : float
        Singular values of the derivative: how much it magnifies, at most and at least.
    """

    depth: float
    determinant: float
    stretch: float
    squeeze: float

    @property
    def regular(self) -> bool:
        """Tell whether the image is neither folded nor mirrored, and everything is finite."""
        return 0 < self.depth < math.inf and 0 < self.determinant < math.inf


@dataclass(frozen=True)
class Limits:
    """What a transform may do to an image.

    Attributes
    ----------
    stretch : float
        Largest magnification, and one over the smallest.
    shear : float
        Largest ratio of the two magnifications in one place.
    area : float
        Largest magnification of the area, and one over the smallest.
    overlap : float
        Least share of the smaller of both areas, mapped reference and moving image, that the two
        have in common.
    """

    stretch: float
    shear: float
    area: float
    overlap: float


SEARCHED = Limits(stretch=math.inf, shear=3.0, area=16.0, overlap=0.15)
"""For transforms met in a search, which are not exact yet: wider than any verdict's."""


def distortion(matrix: Array, x: float, y: float) -> Distortion:
    """Return what a 3x3 matrix does around the pixel (x, y)."""
    (a, b, u), (c, d, v), (g, h, one) = matrix.tolist()
    depth = g * x + h * y + one
    if not 0 < depth < math.inf:
        return Distortion(depth, math.nan, math.nan, math.nan)
    there_x, there_y = (a * x + b * y + u) / depth, (c * x + d * y + v) / depth
    a, b = (a - there_x * g) / depth, (b - there_x * h) / depth
    c, d = (c - there_y * g) / depth, (d - there_y * h) / depth
    both, apart = math.hypot(a + d, b - c), math.hypot(a - d, b + c)
    return Distortion(depth, a * d - b * c, (both + apart) / 2, (both - apart) / 2)


def distortions(matrix: Array, shape: tuple[int, ...]) -> list[Distortion]:
    """Return what a 3x3 matrix does at the corners of an image of shape (h, w).

    A perspective stretches most in a corner, anything else alike everywhere, so that one of the
    corners speaks for all.
    """
    across, down, _ = matrix[2].tolist()
    if not across and not down:
        return [distortion(matrix, 0.0, 0.0)]
    return [distortion(matrix, x, y) for x, y in corners(shape).tolist()]


def is_plausible(
    matrix: Array, reference: tuple[int, int], moving: tuple[int, int], limits: Limits
) -> bool:
    """Tell whether a transform keeps within limits.

    Parameters
    ----------
    matrix : (3, 3) array
        Maps reference pixels to moving pixels.
    reference, moving : tuple of int
        Shapes (h, w).
    limits : Limits
    """
    for found in distortions(matrix, reference):
        if not found.regular or found.stretch > limits.shear * found.squeeze:
            return False
        if found.stretch > limits.stretch or found.squeeze * limits.stretch < 1:
            return False
    (bottom, right), (below, beyond) = ((h - 1, w - 1) for h, w in (reference, moving))
    homogeneous = corners(reference)[[0, 1, 3, 2]] @ matrix[:, :2].T + matrix[:, 2]
    places = homogeneous[:, :2] / homogeneous[:, 2:]
    if not np.abs(places).max() < _FARTHEST:
        return False
    quad = places.astype(np.float32)
    area = cv2.contourArea(quad)
    if not 1 / limits.area < area / max(1, right * bottom) < limits.area:
        return False
    frame = np.array([[0, 0], [beyond, 0], [beyond, below], [0, below]], np.float32)
    shared = cv2.intersectConvexConvex(quad, frame)[0]
    return bool(shared > limits.overlap * min(area, beyond * below))
