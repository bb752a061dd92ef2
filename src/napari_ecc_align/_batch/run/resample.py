"""Resampling an image so that its kind is respected: a binary page stays binary."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._images.files.image_file import ImageFile
from ..._images.kinds import TwoValues, kind_of, two_values
from ..._images.warping import warp
from ..._transform.field import Field
from ..._transform.transform import Transform
from ..settings import BatchSettings


def resample_file(
    file: ImageFile, transform: Transform | Field, shape: tuple[int, ...], settings: BatchSettings
) -> NDArray[Any]:
    """Resample all channels and pages of a file as `resample` does."""
    if file.channel_axis is None:
        return resample(file.pixels, transform, shape, settings)
    return np.stack([resample(plane, transform, shape, settings) for plane in file.pixels])


def resample(
    image: NDArray[Any],
    transform: Transform | Field,
    shape: tuple[int, ...],
    settings: BatchSettings,
) -> NDArray[Any]:
    """Resample an image on the reference's grid, in its own dtype.

    An image of two values gets each pixel's value by which of them covers more of it, or from the
    nearest pixel; labels are copied from the nearest pixel; any other image is interpolated.

    Parameters
    ----------
    image : ndarray, shape (h, w) or (h, w, 3 or 4)
        The image.
    transform : Transform or Field
        Maps reference pixels to its pixels.
    shape : tuple of int
        Of the reference.
    settings : BatchSettings
        Its `binary`, `interpolation` and `fill`.
    """
    pair = two_values(image)
    if pair is None:
        way = "nearest" if kind_of(image) == "labels" else settings.interpolation
        warped: NDArray[Any] = warp(
            image, transform, output_shape=shape, interpolation=way, fill=settings.fill
        )
        return warped
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
