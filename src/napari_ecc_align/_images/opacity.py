"""Drawings on a transparent ground: what a viewer shows of them is in their opacity."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .pixels import LUMINANCE, mixed

# Of the range of colours: what differs by less is one colour.
_ONE_COLOUR = 0.01
# Lines cover less of an image than this, are nowhere wider than that share of its side, ...
_MOST_COVERED = 0.5
_WIDEST = 1 / 32
_LEAST_WIDTH = 9
# ... but for so much of them, where they cross.
_KNOTS = 0.1


@np.errstate(invalid="ignore", over="ignore")  # where there is no data
def flattened(image: NDArray[Any]) -> NDArray[Any]:
    """Return a drawing on a transparent ground as it looks on white paper, any other as it is.

    Where what is not transparent has one colour, or is lines, the picture is in the opacity:
    nothing would be left if transparent pixels did not count. Light lines are put on black.

    Parameters
    ----------
    image : ndarray, shape (h, w) or (h, w, 3 or 4)
        As from `as_array`.

    Returns
    -------
    ndarray, shape (h, w), or as given
        Gray in the image's dtype, if it is a drawing.
    """
    data = np.ma.getdata(image)
    if data.ndim < 3 or data.shape[2] < 4 or not _is_drawing(data):
        return image
    opacity, top = data[..., 3], _opaque(data)
    gray = mixed(data, LUMINANCE).astype(np.float64)
    light = float(np.mean(gray[opacity > 0])) > top / 2
    ground = 0.0 if light else top
    shown = ground + (gray - ground) * (opacity / top)
    if data.dtype.kind != "f":
        shown = np.rint(shown)
    shown = shown.astype(data.dtype)
    if isinstance(image, np.ma.MaskedArray):
        return np.ma.array(shown, mask=np.ma.getmaskarray(image).any(axis=2))
    return shown


def _opaque(data: NDArray[Any]) -> float:
    """Return the value of full opacity."""
    if data.dtype.kind == "f":
        return max(1.0, float(np.nanmax(data[..., 3], initial=0.0)))
    return float(np.iinfo(data.dtype).max) if data.dtype.kind in "iu" else 1.0


def _is_drawing(data: NDArray[Any]) -> bool:
    """Tell whether opacity differs and what is not transparent has one colour, or is lines."""
    opacity = data[..., 3]
    if not opacity.size or not opacity.min() < opacity.max():
        return False
    seen = opacity > 0
    if not seen.any():
        return False
    colours = data[..., :3][seen].astype(np.float64)
    if (np.ptp(colours, axis=0) <= _ONE_COLOUR * _opaque(data)).all():
        return True
    if np.count_nonzero(seen) > _MOST_COVERED * seen.size:
        return False
    # Only now, since help needs no OpenCV.
    from .._common.opencv import cv2

    side = max(_LEAST_WIDTH, int(min(seen.shape) * _WIDEST))
    wide = cv2.erode(seen.view(np.uint8), np.ones((side, side), np.uint8), borderValue=0)
    return bool(np.count_nonzero(wide) <= _KNOTS * np.count_nonzero(seen))
