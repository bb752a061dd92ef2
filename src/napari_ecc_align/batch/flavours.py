"""Resampling an image so that its kind is respected: a binary page stays binary."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..tallies import tallied
from ..transform import Transform
from ..warping import warp
from .settings import Settings


@dataclass(frozen=True, eq=False)
class TwoValues:
    """An image of two values: which pixels have the higher one, and the values."""

    high: NDArray[np.bool_]
    values: tuple[NDArray[Any], NDArray[Any]]


def two_values(image: NDArray[Any]) -> TwoValues | None:
    """Return an image as two values, or None if it has more of them.

    Parameters
    ----------
    image : ndarray, shape (h, w) or (h, w, 3 or 4)
        Of colour, two colours are two values.
    """
    if image.ndim == 2:
        if image.dtype == bool:
            return TwoValues(image, (np.asarray(False), np.asarray(True)))
        if image.dtype == np.uint8:
            return _two_bytes(image)
        low, high = image.min(), image.max()
        # A glance at a few rows spares most gray images the look at all of them.
        for part in (image[:: max(1, len(image) // 8)], image):
            above = part == high
            if np.count_nonzero(above) + np.count_nonzero(part == low) < part.size * (
                1 + (low == high)
            ):
                return None
        return TwoValues(above, (np.asarray(low), np.asarray(high)))
    first = image[0, 0]
    others = (image != first).any(axis=2)
    if not others.any():
        return TwoValues(others, (first, first))
    second = image[np.unravel_index(others.argmax(), others.shape)]
    if not (image == np.where(others[..., np.newaxis], second, first)).all():
        return None
    return TwoValues(others, (first, second))


def _two_bytes(image: NDArray[np.uint8]) -> TwoValues | None:
    present = tallied(image, np.ones(image.shape, bool)).values
    if len(present) > 2:
        return None
    low, high = present[0], present[-1]
    return TwoValues(image == high, (np.asarray(low), np.asarray(high)))


def resample(
    image: NDArray[Any], transform: Transform, shape: tuple[int, ...], settings: Settings
) -> NDArray[Any]:
    """Resample an image on the reference's grid, in its own dtype.

    An image of two values gets each pixel's value by which of them covers more of it, or from the
    nearest pixel; any other is interpolated.

    Parameters
    ----------
    image : ndarray, shape (h, w) or (h, w, 3 or 4)
        The image.
    transform : Transform
        Maps reference pixels to its pixels.
    shape : tuple of int
        Of the reference.
    settings : Settings
        Its `binary`, `interpolation` and `fill`.
    """
    from .._cv2 import cv2

    pair = two_values(image)
    if pair is None:
        return warp(
            image,
            transform,
            output_shape=shape,
            interpolation=settings.interpolation,
            fill=settings.fill,
        )
    low, high = pair.values
    fill: Any = "background" if settings.fill == "background" else _side(pair, settings.fill)
    covered = warp(
        pair.high,
        transform,
        output_shape=shape,
        interpolation="nearest" if settings.binary == "nearest" else "linear",
        fill=fill,
    )
    if image.dtype == bool:
        return covered
    if image.dtype == np.uint8 and image.ndim == 2:
        levels = np.array([low, high], np.uint8)[np.minimum(np.arange(256), 1)]
        written: NDArray[Any] = cv2.LUT(covered.view(np.uint8), levels)
        return written
    if image.ndim == 3:
        covered = covered[..., np.newaxis]
    return np.where(covered, high, low).astype(image.dtype, copy=False)


def _side(pair: TwoValues, fill: float | str) -> bool:
    """Return which of two values a fill is nearer to."""
    low, high = (float(np.mean(value)) for value in pair.values)
    return abs(float(fill) - high) <= abs(float(fill) - low)
