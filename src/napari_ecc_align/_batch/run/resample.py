"""Resampling an image so that its kind is respected: a binary page stays binary."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._images.value_counts import two_byte_values
from ..._images.warping import warp
from ..._transform.transform import Transform
from ..settings import BatchSettings


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
    found = two_byte_values(image)
    if found is None:
        return None
    low, high = (np.asarray(value, np.uint8) for value in found)
    return TwoValues(np.asarray(image == high), (low, high))


def resample(
    image: NDArray[Any], transform: Transform, shape: tuple[int, ...], settings: BatchSettings
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
    settings : BatchSettings
        Its `binary`, `interpolation` and `fill`.
    """
    pair = two_values(image)
    if pair is None:
        return warp(
            image,
            transform,
            output_shape=shape,
            interpolation=settings.interpolation,
            fill=settings.fill,
        )
    if image.dtype == np.uint8 and image.ndim == 2 and settings.binary == "area":
        return _resampled_bytes(image, pair, transform, shape, settings)
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
    if image.ndim == 3:
        covered = covered[..., np.newaxis]
    return np.where(covered, high, low).astype(image.dtype, copy=False)


def _resampled_bytes(
    image: NDArray[np.uint8],
    pair: TwoValues,
    transform: Transform,
    shape: tuple[int, ...],
    settings: BatchSettings,
) -> NDArray[Any]:
    """Resample bytes of two values by the share of a pixel that each covers, in few passes."""
    from ..._common.opencv import cv2

    low, high = (int(value) for value in pair.values)
    sharp = (low, high) == (0, 255)
    covered = warp(
        image if sharp else pair.high.view(np.uint8) * np.uint8(255),
        transform,
        output_shape=shape,
        fill="background" if settings.fill == "background" else 255 * _side(pair, settings.fill),
    )
    if not sharp:
        # A look-up writes into the values of the pixels at once.
        levels = np.where(np.arange(256) < 128, low, high).astype(np.uint8)
        looked_up: NDArray[Any] = cv2.LUT(covered, levels)
        return looked_up
    _, written = cv2.threshold(covered, 127, 255, cv2.THRESH_BINARY)
    return np.asarray(written)


def _side(pair: TwoValues, fill: float | str) -> bool:
    """Return which of two values a fill is nearer to."""
    low, high = (float(np.mean(value)) for value in pair.values)
    return abs(float(fill) - high) <= abs(float(fill) - low)
