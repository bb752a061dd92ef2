"""The colours of an image in memory, each by itself, on a level."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..._common.opencv import cv2
from ..._transform.coordinates import scaled, shift
from ..sources import LazyImage, Source
from .levels import Level

# What OpenCV takes the mean of as it is.
_AS_THEY_ARE = ("u1", "u2", "f4", "f8")


def has_colours(source: Source) -> bool:
    """Tell whether an image is in memory and in colour."""
    return not isinstance(source, LazyImage) and len(source.shape) > 2 and source.shape[2] > 1


def colour_levels(source: Source, gray: Level) -> list[Level]:
    """Return red, green and blue of an image with colours, as small as a level of its grays.

    As images of their own, which begin where squares of full resolution do; see `to_squares`.
    """
    assert not isinstance(source, LazyImage)
    data, side = np.ma.getdata(source.image), 2**gray.index
    rows, columns = (length // side for length in data.shape[:2])
    used = data[: rows * side, : columns * side, :3]
    if used.dtype.str[1:] not in _AS_THEY_ARE:
        used = used.astype(np.float32)
    means = cv2.resize(np.ascontiguousarray(used), (columns, rows), interpolation=cv2.INTER_AREA)
    valid = None
    if gray.valid is not None:
        inside = np.asarray(gray.valid[:rows, :columns], np.uint8)
        # Squares lie half a pixel off, and blend what counts with what does not.
        valid = cv2.erode(inside, np.ones((3, 3), np.uint8)) > 0
    planes = np.moveaxis(np.nan_to_num(means, posinf=0, neginf=0).astype(np.float32), 2, 0)
    spreads = [(float(plane.mean()), float(plane.std()) or 1.0) for plane in planes]
    return [
        Level(np.ascontiguousarray(plane), valid, *spread, index=0)
        for plane, spread in zip(planes, spreads, strict=True)
    ]


def to_squares(matrix: NDArray[np.float64], index: int) -> NDArray[np.float64]:
    """Return a matrix between pixels of full resolution as one between squares of a level."""
    half = (2**index - 1) / 2
    return scaled(shift(-half, -half) @ matrix @ shift(half, half), 2.0**-index)
