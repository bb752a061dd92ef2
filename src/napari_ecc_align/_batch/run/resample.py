"""Resampling an image so that its kind is respected: a binary page stays binary."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..._images.value_counts import two_byte_values
from ..._images.warping import warp
from ..._transform.transform import Transform
from ..settings import BatchSettings


class TwoValues(NamedTuple):
    """An image of two values: which pixels have the higher one, and the values."""

    is_high: NDArray[np.bool_]
    low: NDArray[Any]
    high: NDArray[Any]


def two_values(image: NDArray[Any]) -> TwoValues | None:
    """Return an image as two values, or None if it has more of them.

    Parameters
    ----------
    image : ndarray, shape (h, w) or (h, w, 3 or 4)
        Of colour, two colours are two values.
    """
    if image.ndim == 3:
        first = image[0, 0]
        others = (image != first).any(axis=2)
        second = image[np.unravel_index(others.argmax(), others.shape)]
        same = (image == np.where(others[..., np.newaxis], second, first)).all()
        return TwoValues(others, first, second) if same else None
    if image.dtype == bool:
        return TwoValues(image, np.asarray(False), np.asarray(True))
    if image.dtype == np.uint8:
        found = two_byte_values(image)
        if found is None:
            return None
        low, high = (np.asarray(value, np.uint8) for value in found)
    else:
        low, high = np.asarray(image.min()), np.asarray(image.max())
        # A glance at a few rows spares most gray images the look at all of them.
        for part in (image[:: max(1, len(image) // 8)], image):
            if not ((part == low) | (part == high)).all():
                return None
    return TwoValues(np.asarray(image == high), low, high)


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
    is_high, low, high = pair
    of_bytes = image.ndim == 2 and image.dtype == np.uint8
    sharp = of_bytes and low == 0 and high == 255
    covered = warp(
        image if sharp else is_high.view(np.uint8) * np.uint8(255),
        transform,
        output_shape=shape,
        interpolation="nearest" if settings.binary == "nearest" else "linear",
        fill="background" if settings.fill == "background" else 255 * _side(pair, settings.fill),
    )
    if of_bytes:
        from ..._common.opencv import cv2

        _, written = cv2.threshold(covered, 127, float(high - low), cv2.THRESH_BINARY)
        return np.asarray(written + low if low else written)
    more = covered > 127
    if image.ndim == 3:
        more = more[..., np.newaxis]
    return np.where(more, high, low).astype(image.dtype, copy=False)


def _side(pair: TwoValues, fill: float) -> bool:
    """Return which of two values a fill is nearer to."""
    low, high = float(np.mean(pair.low)), float(np.mean(pair.high))
    return abs(fill - high) <= abs(fill - low)
