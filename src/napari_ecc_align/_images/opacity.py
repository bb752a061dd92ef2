"""What a fourth channel is: opacity, which may hold a drawing, or one more band of a picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .pixels import LUMINANCE, PixelSource, mixed

# Of the range of colours: what differs by less is one colour.
_ONE_COLOUR = 0.01
# Lines cover less of an image than this, are nowhere wider than that share of its side, ...
_MOST_COVERED = 0.5
_WIDEST = 1 / 32
_LEAST_WIDTH = 9
# ... but for so much of them, where they cross.
_KNOTS = 0.1
# Opacity is even, or goes smoothly from one value to another, but within so many px of an edge.
_EDGE = 2
# A measured band changes from pixel to pixel and goes up and down: at so many places, or at more.
# Of 970 pictures with opacity that come with programs, none of those that are large enough to
# tell has both; bands of photographs, of which half is 0 or saturated, or which are blurred by
# 1 px, have 0.17 and 0.05 or more.
_CHANGES, _TURNS = 1 / 8, 1 / 30
# Of fewer places nothing is told: the opacity of icons is all edges.
_LEAST_PLACES = 4096
# They are looked for in so many pixels, in bands of so many rows.
_SAMPLE, _BAND = 2**18, 32
# Of a lazy image, so many px a side are read.
_PART = 512


@np.errstate(invalid="ignore", over="ignore")  # where there is no data
def flattened(image: NDArray[Any]) -> NDArray[Any]:
    """Return an image as it is seen: a drawing on paper, without a fourth channel that is data.

    Where what is not transparent has one colour, or is lines, the picture is in the opacity:
    nothing would be left if transparent pixels did not count. Light lines are put on black.

    Parameters
    ----------
    image : ndarray, shape (h, w) or (h, w, 3 or 4)
        As from `as_array`.

    Returns
    -------
    ndarray, shape (h, w), (h, w, 3), or as given
        Gray in the image's dtype, if it is a drawing; the first three channels, if the fourth is
        no opacity.
    """
    data = np.ma.getdata(image)
    if data.ndim < 3 or data.shape[2] < 4:
        return image
    if not is_opacity(data):
        return image[..., :3]
    if not _is_drawing(data):
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


@np.errstate(invalid="ignore", over="ignore")
def is_opacity(image: NDArray[Any]) -> bool:
    """Tell whether a fourth channel is opacity, rather than a band of a picture such as infrared.

    It is none where it changes all over as measured values do, up and down from pixel to pixel,
    while the colours differ, too; nor where it is 0 everywhere: such a picture could not be seen.
    Where little is known, it is opacity.

    Parameters
    ----------
    image : ndarray, shape (h, w, 4)
        The image, or a part of it.
    """
    data = np.ma.getdata(image)
    if not data.size:
        return True
    every = max(1, data.shape[0] * data.shape[1] // _SAMPLE) * _BAND
    tops = range(0, data.shape[0], every)
    part = np.concatenate([data[top : top + _BAND] for top in tops])
    band = part[..., 3]
    low, high = (each.reduce(band, axis=None, initial=band[0, 0]) for each in (np.fmin, np.fmax))
    if not high > low:
        return bool(band.any() or data[..., 3].any() or _one_colour(data[..., :3]))
    changes, turns, steps, places = _variation(band)
    varies = changes >= _CHANGES * steps and turns >= _TURNS * places
    return places < _LEAST_PLACES or not varies or _one_colour(part[band > 0])


def opacity_of_lazy(levels: Sequence[PixelSource]) -> bool:
    """Tell the same, as `is_opacity`, of an image at several sizes by the middle of the smallest.

    Parameters
    ----------
    levels : sequence of lazy arrays, shape (h, w, 4)
        Full resolution first.
    """
    last = levels[-1]
    rows, columns = (
        slice(max(0, (length - _PART) // 2), (length + _PART) // 2) for length in last.shape[:2]
    )
    return is_opacity(np.asarray(last[rows, columns]))


def _variation(band: NDArray[Any]) -> NDArray[np.int_]:
    """Return how often a plane changes and turns, and at how many places it could.

    Only what lies off the edge of what is seen tells something.
    """
    from .._common.opencv import cv2

    around = np.ones((2 * _EDGE + 1,) * 2, np.uint8)
    inner = cv2.erode((band > 0).view(np.uint8), around).view(bool)
    values = band.astype(np.float64)
    found = np.zeros(4, int)
    for plane, within in ((values, inner), (values.T, inner.T)):
        step = np.diff(plane, axis=1)
        pairs = within[:, 1:] & within[:, :-1]
        threes = pairs[:, 1:] & pairs[:, :-1]
        turns = (np.sign(step[:, 1:]) * np.sign(step[:, :-1]) < 0) & threes
        counted = ((step != 0) & pairs, turns, pairs, threes)
        found += [np.count_nonzero(one) for one in counted]
    return found


def _opaque(data: NDArray[Any]) -> float:
    """Return the value of full opacity, which fewer bits may hold than the dtype has."""
    if data.dtype.kind == "f":
        return max(1.0, float(np.fmax.reduce(data[..., 3], axis=None, initial=0)))
    bits = max(8, int(data.max(initial=0)).bit_length())
    return float(2**bits - 1) if data.dtype.kind in "iu" else 1.0


def _one_colour(pixels: NDArray[Any], top: float | None = None) -> bool:
    """Tell whether colours do not differ, of a range of the dtype's or, of floats, their own."""
    colours = pixels[..., :3].reshape(-1, 3)
    if top is None:
        whole = colours.dtype.kind != "f"
        top = (
            _opaque(pixels)
            if whole
            else float(np.fmax.reduce(np.abs(colours), axis=None, initial=0))
        )
    low, high = (each(colours, axis=0).astype(np.float64) for each in (np.min, np.max))
    return bool((high - low <= _ONE_COLOUR * top).all())


def _is_drawing(data: NDArray[Any]) -> bool:
    """Tell whether opacity differs and what is not transparent has one colour, or is lines."""
    opacity = data[..., 3]
    if not opacity.size or not opacity.min() < opacity.max():
        return False
    seen = opacity > 0
    if not seen.any():
        return False
    top, every = _opaque(data), max(1, seen.size // _SAMPLE)
    # Most pictures say in a few rows that they have more colours than one.
    if _one_colour(data[::every][seen[::every]], top) and _one_colour(data[seen], top):
        return True
    if np.count_nonzero(seen) > _MOST_COVERED * seen.size:
        return False
    # Only now, since help needs no OpenCV.
    from .._common.opencv import cv2

    side = max(_LEAST_WIDTH, int(min(seen.shape) * _WIDEST))
    wide = cv2.erode(seen.view(np.uint8), np.ones((side, side), np.uint8), borderValue=0)
    return bool(np.count_nonzero(wide) <= _KNOTS * np.count_nonzero(seen))
