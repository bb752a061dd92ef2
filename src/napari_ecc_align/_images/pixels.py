"""Images as the estimators want them: one gray channel, and which of its pixels count."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from math import ceil, sqrt
from os import PathLike
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._common.errors import InputError

SMALLEST_SIDE = 8
"""Below this many pixels on a side there is not enough to align."""

LUMINANCE = np.array([0.2125, 0.7154, 0.0721])
"""Weights of red, green and blue: ITU-R BT.709, as in skimage.color.rgb2gray."""
_STRIP = 256
_STRIP_PIXELS = 2**16
# So many tell how colours vary.
_SAMPLE_PIXELS = 250_000


def as_array(image: ArrayLike | PixelSource, name: str) -> NDArray[Any]:
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
    array = array_of(image, name)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    check_shape(array.shape, array.dtype, name)
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def in_doubles(image: NDArray[Any]) -> NDArray[Any]:
    """Return an image, but of longer floats as float64: what that cannot hold is no data."""
    if image.dtype.kind != "f" or image.dtype.itemsize <= 8:
        return image
    with np.errstate(over="ignore", under="ignore"):
        return image.astype(np.float64)


def array_of(image: ArrayLike | PixelSource, name: str) -> NDArray[Any]:
    """Return anything as an array, perhaps a masked one, or raise `InputError`."""
    refuse_paths(image, name)
    try:
        return image if isinstance(image, np.ma.MaskedArray) else np.asarray(image)
    except ValueError as error:
        raise InputError(f"{name} is not an array: {error}") from error


def refuse_paths(image: object, name: str) -> None:
    """Raise `InputError` if the name of a file, or several, is given for an image."""
    if isinstance(image, (str, bytes, PathLike)):
        raise InputError(
            f"{name} is a path, {str(image)!r}; give the image in it: {name}=read_image(path)"
        )
    if isinstance(image, Sequence) and image and isinstance(image[0], (str, bytes, PathLike)):
        raise InputError(
            f"{name} is a list of paths; give the images in them: "
            f"{name}=[read_image(path) for path in paths]"
        )


def check_shape(shape: tuple[int, ...], dtype: np.dtype[Any], name: str) -> None:
    """Raise `InputError` if an image is not real numbers in (h, w) or (h, w, 3 or 4)."""
    if dtype.kind not in "buif":
        raise InputError(f"{name} must hold real numbers, but its dtype is {dtype}")
    if len(shape) != 2 and not (len(shape) == 3 and shape[2] in (3, 4)):
        raise InputError(
            f"{name} must have shape (height, width), or (height, width, 3 or 4) for colour, "
            f"not {tuple(shape)}"
        )


def check_size(shape: tuple[int, ...], name: str) -> None:
    """Raise `InputError` if an image has fewer than `SMALLEST_SIDE` pixels on a side."""
    height, width = shape[:2]
    if min(height, width) < SMALLEST_SIDE:
        raise InputError(
            f"{name} must be at least {SMALLEST_SIDE} pixels on a side, not {height} x {width}"
        )


def check_mask(
    mask: ArrayLike | PixelSource | None, shape: tuple[int, ...], name: str
) -> NDArray[np.bool_] | None:
    """Return a mask as booleans, True (or any number but 0) where a pixel counts.

    Raises
    ------
    InputError
        If its shape is not that of the image, or it is not real numbers.
    """
    if mask is None:
        return None
    array = np.ma.getdata(array_of(mask, name))
    if array.dtype.kind not in "buif":
        raise InputError(f"{name} must be booleans or numbers, but its dtype is {array.dtype}")
    if array.shape != shape[:2]:
        raise InputError(
            f"{name} must have the shape of its image, {shape[:2]}, not {array.shape}"
        )
    return np.asarray(array if array.dtype.kind == "b" else array != 0)


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
        for top in range(0, len(data), _STRIP):
            finite = np.isfinite(data[top : top + _STRIP])
            # One channel after the other: reducing along so short an axis takes much longer.
            for channel in np.moveaxis(np.atleast_3d(finite), 2, 0):
                valid[top : top + _STRIP] &= channel
    return valid


def is_full(image: NDArray[Any], mask: NDArray[np.bool_] | None) -> bool:
    """Tell whether an image has data everywhere, whatever its values are."""
    plain = image.dtype.kind != "f" and not (image.ndim == 3 and image.shape[2] == 4)
    return plain and mask is None and not isinstance(image, np.ma.MaskedArray)


def counted_pixels(
    image: NDArray[Any], mask: NDArray[np.bool_] | None = None
) -> Generator[None, None, NDArray[np.bool_] | None]:
    """Return where an image has data, as `valid_pixels`, or None where that is everywhere.

    Yields after every strip.
    """
    if is_full(image, mask):
        return None
    valid = np.empty(image.shape[:2], bool)
    for top in range(0, len(image), _STRIP):
        rows = slice(top, top + _STRIP)
        valid[rows] = valid_pixels(image[rows], None if mask is None else mask[rows])
        yield
    return None if valid.all() else valid


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
    if data.ndim == 2:
        return data.astype(_working_type(data.dtype), copy=False)
    weights = LUMINANCE if valid is None else channel_weights(data, valid)
    return mixed(data, weights)


def mixed(colours: NDArray[Any], weights: NDArray[np.float64]) -> NDArray[np.floating]:
    """Return the weighted sum of the first three channels, as floats."""
    working = _working_type(colours.dtype)
    gray: NDArray[np.floating] = np.empty(colours.shape[:2], working)
    # Opacity counts for nothing, but leaving it out would cost more than a product with zero.
    every = np.zeros(colours.shape[2], working)
    every[:3] = weights
    for top in range(0, len(colours), _STRIP):
        part = colours[top : top + _STRIP].astype(working)
        # Where there is no data, there may be infinity.
        with np.errstate(invalid="ignore", over="ignore"):
            np.matmul(part, every, out=gray[top : top + _STRIP])
    return gray


def strips(shape: tuple[int, ...]) -> Iterator[slice]:
    """Yield rows of an image, few enough that what is made of them stays in a processor's cache.

    Filling fresh memory of an image's size takes longer than most arithmetic on it.
    """
    step = max(1, _STRIP_PIXELS // max(1, shape[1]))
    for top in range(0, shape[0], step):
        yield slice(top, min(top + step, shape[0]))


class PixelSource(Protocol):
    """Pixels that come when sliced: an array, or what computes or reads them."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes."""

    @property
    def ndim(self) -> int:
        """Number of axes."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the pixels."""

    def __getitem__(self, key: Any, /) -> Any:
        """Return a part."""


class GrayView:
    """One gray channel of a colour image in memory, computed only where it is asked for.

    Parameters
    ----------
    colours : ndarray, shape (h, w, 3 or 4)
        As from `as_array`.
    weights : ndarray of float64, shape (3,)
        Of the channels; see `channel_weights`.
    """

    def __init__(self, colours: NDArray[Any], weights: NDArray[np.float64]) -> None:
        self._colours = colours
        self._weights = weights
        self.shape = colours.shape[:2]
        self.size = colours.shape[0] * colours.shape[1]
        self.ndim = 2
        self.dtype = _working_type(colours.dtype)

    def __getitem__(self, key: Any) -> NDArray[np.floating]:
        return mixed(self._colours[key], self._weights)


def mean_type(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the dtype of the mean of channels."""
    small = dtype.kind == "b" or dtype.itemsize <= 2
    return np.dtype(np.float32 if small else np.float64)


def _working_type(dtype: np.dtype[Any]) -> np.dtype[Any]:
    small = dtype.kind == "b" or dtype.itemsize <= 2 or dtype == np.float32
    return np.dtype(np.float32 if small else np.float64)


def channel_weights(
    colours: NDArray[Any], valid: NDArray[np.bool_] | None = None
) -> NDArray[np.float64]:
    """Return the weights of red, green and blue: luminance, or what carries the picture."""
    step = ceil(sqrt(colours.shape[0] * colours.shape[1] / _SAMPLE_PIXELS))
    # Channels apart: so short an axis would be a long way round.
    sample = np.stack([colours[::step, ::step, k].ravel() for k in range(3)]).astype(np.float64)
    inside = np.isfinite(sample).all(axis=0)
    if valid is not None:
        inside &= valid[::step, ::step].ravel()
    if not inside.all():
        sample = sample[:, inside]
    if sample.shape[1] < 2:
        return LUMINANCE
    sample /= np.abs(sample).max() or 1.0
    covariance = np.cov(sample)
    variances, directions = np.linalg.eigh(covariance)
    luminance = LUMINANCE @ covariance @ LUMINANCE / (LUMINANCE @ LUMINANCE)
    if luminance >= 0.25 * variances[-1]:
        return LUMINANCE
    strongest = directions[:, -1]
    # The sign of an eigenvector is arbitrary; this one is not.
    return np.asarray(strongest * np.sign(strongest[np.abs(strongest).argmax()]))
