"""Images as the estimators want them: one gray float plane, and which of its pixels count."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import InputError

SMALLEST_SIDE = 32
"""Below this many pixels on a side there is not enough to align."""

_LUMINANCE = np.array([0.2125, 0.7154, 0.0721])  # ITU-R BT.709, as in skimage.color.rgb2gray
_FLAT = 1e-7


@dataclass(frozen=True)
class Plane:
    """One gray image and its valid pixels.

    Attributes
    ----------
    values : ndarray of float32, shape (h, w)
        Intensities with mean 0 and standard deviation 1 over the valid pixels, 0 elsewhere.
    valid : ndarray of bool, shape (h, w)
        Pixels that count.
    flaw : str or None
        Why nothing can be aligned with this image ("has no contrast", say), or None.
    """

    values: NDArray[np.float32]
    valid: NDArray[np.bool_]
    flaw: str | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return self.values.shape[0], self.values.shape[1]


def as_array(image: ArrayLike, name: str) -> NDArray[Any]:
    """Return an image as a real numpy array of shape (h, w) or (h, w, 3 or 4).

    Parameters
    ----------
    image : array_like
        The image; lazy arrays are computed, a last axis of length 1 is dropped, and the byte
        order becomes the machine's.
    name : str
        What to call the argument in an error.

    Raises
    ------
    InputError
        If the image is not real numbers or has another shape.
    """
    try:
        array = image if isinstance(image, np.ma.MaskedArray) else np.asarray(image)
    except ValueError as error:
        raise InputError(f"{name} is not an array: {error}") from error
    if array.dtype.kind not in "buif":
        raise InputError(f"{name} must hold real numbers, but its dtype is {array.dtype}")
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    if array.ndim != 2 and not (array.ndim == 3 and array.shape[2] in (3, 4)):
        raise InputError(
            f"{name} must have shape (height, width), or (height, width, 3 or 4) for colour, "
            f"not {array.shape}"
        )
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def check_size(image: NDArray[Any], name: str) -> None:
    """Raise `InputError` if an image has fewer than `SMALLEST_SIDE` pixels on a side."""
    height, width = image.shape[:2]
    if min(height, width) < SMALLEST_SIDE:
        raise InputError(
            f"{name} must be at least {SMALLEST_SIDE} pixels on a side, not {height} x {width}"
        )


def check_mask(
    mask: ArrayLike | None, shape: tuple[int, ...], name: str
) -> NDArray[np.bool_] | None:
    """Return a mask as booleans, True (or any number but 0) where a pixel counts.

    Raises
    ------
    InputError
        If its shape is not that of the image, or it is not real numbers.
    """
    if mask is None:
        return None
    array = np.asarray(mask)
    if array.dtype.kind not in "buif":
        raise InputError(f"{name} must be booleans or numbers, but its dtype is {array.dtype}")
    if array.shape != shape[:2]:
        raise InputError(
            f"{name} must have the shape of its image, {shape[:2]}, not {array.shape}"
        )
    inside: NDArray[np.bool_] = array != 0
    return inside


def valid_pixels(image: NDArray[Any], mask: NDArray[np.bool_] | None = None) -> NDArray[np.bool_]:
    """Return where an image (as from `as_array`) has data: finite, opaque, inside the mask."""
    valid = np.ones(image.shape[:2], bool) if mask is None else mask.copy()
    if isinstance(image, np.ma.MaskedArray):
        masked = np.ma.getmaskarray(image)
        valid &= ~(masked.any(axis=2) if masked.ndim == 3 else masked)
    data = np.ma.getdata(image)
    if data.ndim == 3 and data.shape[2] == 4:
        valid &= data[..., 3] > 0
    if data.dtype.kind == "f":
        finite = np.isfinite(data)
        valid &= finite.all(axis=2) if finite.ndim == 3 else finite
    return valid


def as_plane(image: NDArray[Any], mask: NDArray[np.bool_] | None = None) -> Plane:
    """Return the gray plane that stands for an image in the estimation.

    Parameters
    ----------
    image : ndarray, shape (h, w) or (h, w, 3 or 4)
        As from `as_array`.
    mask : ndarray of bool, shape (h, w), optional
        Pixels that count.
    """
    valid = valid_pixels(image, mask)
    if not valid.any():
        return Plane(np.zeros(image.shape[:2], np.float32), valid, "has no pixel that counts")
    gray = to_gray(image, valid)
    inside = gray[valid]
    # Dividing first keeps the squares of very large and very small values in range.
    largest = float(np.abs(inside).max())
    if largest == 0 or not np.isfinite(largest):
        return Plane(np.zeros(gray.shape, np.float32), valid, "has no contrast")
    mean = float(np.mean(inside / largest, dtype=np.float64))
    spread = float(np.std(inside / largest, dtype=np.float64))
    if spread < _FLAT * max(1.0, abs(mean)):
        return Plane(np.zeros(gray.shape, np.float32), valid, "has no contrast")
    values = (gray / largest - mean) / spread
    values[~valid] = 0
    return Plane(np.ascontiguousarray(values, dtype=np.float32), valid)


def to_gray(image: NDArray[Any], valid: NDArray[np.bool_] | None = None) -> NDArray[np.floating]:
    """Return an image as one channel of floats.

    Colour becomes luminance, or, where two colours of one luminance carry the picture, the
    mixture of channels that varies most.

    Parameters
    ----------
    image : ndarray, shape (h, w) or (h, w, 3 or 4)
        As from `as_array`; a fourth channel is opacity and not used.
    valid : ndarray of bool, shape (h, w), optional
        Pixels that count when channels are weighed.

    Returns
    -------
    ndarray of float32 or float64, shape (h, w)
        float64 where float32 could not hold the values.
    """
    data = np.ma.getdata(image)
    small = data.dtype.kind == "b" or data.dtype.itemsize <= 2 or data.dtype == np.float32
    data = data.astype(np.float32 if small else np.float64, copy=False)
    if data.ndim == 2:
        return data
    channels = data[..., :3]
    weights = _LUMINANCE if valid is None else _channel_weights(channels, valid)
    gray: NDArray[np.floating] = channels @ weights.astype(data.dtype)
    return gray


def _channel_weights(
    channels: NDArray[np.floating], valid: NDArray[np.bool_]
) -> NDArray[np.float64]:
    step = max(1, int(np.sqrt(valid.size / 250_000)))
    sample = channels[::step, ::step][valid[::step, ::step]].astype(np.float64)
    if len(sample) < 2:
        return _LUMINANCE
    largest = np.abs(sample).max() or 1.0
    covariance = np.cov(sample / largest, rowvar=False)
    variances, directions = np.linalg.eigh(covariance)
    luminance = _LUMINANCE @ covariance @ _LUMINANCE / (_LUMINANCE @ _LUMINANCE)
    if luminance >= 0.25 * variances[-1]:
        return _LUMINANCE
    strongest = directions[:, -1]
    # The sign of an eigenvector is arbitrary; this one is not.
    weights: NDArray[np.float64] = strongest * np.sign(strongest[np.abs(strongest).argmax()])
    return weights
