"""Levels of a pyramid smoothed without inventing a border, and their local contrast."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .._images.pyramid.blocks import BORDER
from .._images.pyramid.levels import Level

SMOOTHING = 5
"""Side of the Gaussian kernel in pixels, OpenCV's default for ECC."""

CONTRAST_SIGMA = 8.0
"""How far `local_contrast` looks, in pixels of the level."""

_FLAT_GROUND = 0.05
_MOST_CONTRAST = 4.0


@dataclass(frozen=True, eq=False)
class Smoothed:
    """One level of a pyramid, smoothed.

    Attributes
    ----------
    values : ndarray of float32, shape (h, w)
        Smoothed intensities; 0 far from valid pixels.
    valid : ndarray of uint8, shape (h, w)
        255 where the kernel saw valid pixels only, 0 elsewhere.
    factor : int
        Full-resolution pixels per pixel; pixel 0 is pixel 0 on every level.
    """

    values: NDArray[np.float32]
    valid: NDArray[np.uint8]
    factor: int


def smoothed(level: Level) -> Smoothed:
    """Return a level of a pyramid, smoothed.

    OpenCV reflects an image at its border before it smooths, and the reflected ring biases the
    scale of an estimate (opencv/opencv #29774). Here no pixel that saw the border, or a pixel
    that is not valid, is itself valid.
    """
    from .._common.opencv import cv2

    height, width = level.shape
    values, mask = level.patch(0, height, 0, width)
    valid = np.ones(values.shape, np.float32) if mask is None else mask.astype(np.float32)
    if level.index:
        # The halving filter mirrors the image at its border: that ring of a level is not data.
        for edge in (slice(None, BORDER), slice(-BORDER, None)):
            valid[edge] = 0
            valid[:, edge] = 0
    size = (SMOOTHING, SMOOTHING)
    weight = cv2.GaussianBlur(valid, size, 0, borderType=cv2.BORDER_CONSTANT)
    blurred = _divided(
        cv2.GaussianBlur(values * valid, size, 0, borderType=cv2.BORDER_CONSTANT), weight
    )
    untouched = (weight > 0.999).astype(np.uint8) * 255
    # Gradients reach a pixel further than the kernel. The values beyond are kept: a step to zero
    # there would be the strongest gradient of all.
    inner = cv2.erode(
        untouched, np.ones((3, 3), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=0
    )
    return Smoothed(blurred, inner, 2**level.index)


def local_contrast(level: Smoothed) -> Smoothed:
    """Return a level with its brightness and contrast evened out over a few pixels.

    What is left is detail. Where two images disagree in large (other stains, other colours of
    light, a dark frame that does not move with the picture) their detail may still agree.
    """
    from .._common.opencv import cv2

    def around(image: NDArray[np.float32]) -> NDArray[np.float32]:
        mean: NDArray[np.float32] = cv2.GaussianBlur(
            image, (0, 0), CONTRAST_SIGMA, borderType=cv2.BORDER_CONSTANT
        )
        return mean

    valid = (level.valid > 0).astype(np.float32)
    weight = around(valid)
    detail = (level.values - _divided(around(level.values * valid), weight)) * valid
    variance = _divided(around(detail * detail), weight)
    # Flat ground has nothing but noise, which is not to be raised to the strength of detail.
    floor = _FLAT_GROUND * float(variance.mean()) + 1e-12
    detail /= np.sqrt(variance + floor)
    return Smoothed(np.clip(detail, -_MOST_CONTRAST, _MOST_CONTRAST), level.valid, level.factor)


def count_levels(shapes: list[tuple[int, int]], *, coarsest: int = 160, smallest: int = 40) -> int:
    """Return how many levels bring images down to about `coarsest` pixels on the longer side.

    The shorter side stays at `smallest` pixels or more.
    """
    longest = max(max(shape) for shape in shapes)
    shortest = min(min(shape) for shape in shapes)
    count = 1
    while longest > coarsest and shortest >= 2 * smallest:
        longest, shortest, count = longest // 2, shortest // 2, count + 1
    return count


def _divided(total: NDArray[np.float32], weight: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.divide(total, weight, out=np.zeros_like(total), where=weight > 1e-3)
