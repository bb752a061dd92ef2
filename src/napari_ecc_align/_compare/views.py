"""Pictures in which two aligned images are compared by eye: overlay and checkerboard."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._common.errors import InputError
from .._images.pixels import strips, to_gray
from .._images.sources import LazyArray
from .binary import COLOURS, ONLY_MOVING, ONLY_REFERENCE, OUTSIDE
from .difference import Contrast, match_contrast, on_one_grid

_PERCENTILES = (0.5, 99.5)
_SAMPLE = 1000
_MOST_SQUARES = 1000
_QUALITY = 60


def overlay(
    reference: ArrayLike | LazyArray,
    warped: ArrayLike | LazyArray,
    *,
    mask: ArrayLike | LazyArray | None = None,
) -> NDArray[np.uint8]:
    """Lay two images on one grid over each other in two colours.

    The reference is drawn in orange and the other image in blue, after its brightness, contrast
    and sign have been matched: where they agree the sum is gray, and what only one of them shows
    has its colour, be it dark on light or light on dark. The colours and what counts as shown,
    the side of Otsu's threshold that the reference has less of, are those of the binary
    difference.

    Parameters
    ----------
    reference, warped : array_like, shape (h, w) or (h, w, 3 or 4)
        Images on the same grid, any real dtypes. Of colour, the luminance is shown.
    mask : array_like, shape (h, w), optional
        Where the two overlap; elsewhere only the reference is drawn, in violet.

    Returns
    -------
    ndarray of uint8, shape (h, w, 3)

    Raises
    ------
    InputError
        If an argument cannot be used; the message names it.

    Examples
    --------
    >>> from skimage import data
    >>> from napari_ecc_align import overlay
    >>> camera = data.camera()
    >>> picture = overlay(camera, camera)
    >>> picture.shape, picture.dtype
    ((512, 512, 3), dtype('uint8'))
    """
    first, second, inside = on_one_grid(reference, warped, mask)
    shared = shared_look(first, second, inside)
    picture = np.empty((*inside.shape, 3), np.uint8)
    for rows in strips(inside.shape):
        picture[rows] = shared.overlaid(first[rows], second[rows], inside[rows])
    return picture


def checkerboard(
    reference: ArrayLike | LazyArray,
    warped: ArrayLike | LazyArray,
    *,
    squares: int = 8,
    mask: ArrayLike | LazyArray | None = None,
) -> NDArray[np.float32]:
    """Show two images on one grid in turn, on the squares of a checkerboard.

    Edges that run on across the squares lie right. Brightness, contrast and sign of the other
    image are matched first, so that only the place of things tells the squares apart.

    Parameters
    ----------
    reference, warped : array_like, shape (h, w) or (h, w, 3 or 4)
        Images on the same grid, any real dtypes. Of colour, the luminance is shown.
    squares : int, default: 8
        Number of squares along the longer side.
    mask : array_like, shape (h, w), optional
        Where the two overlap; elsewhere the reference is shown.

    Returns
    -------
    ndarray of float32, shape (h, w)
        From 0, the reference's darkest, to 1, its brightest.

    Raises
    ------
    InputError
        If an argument cannot be used; the message names it.

    Examples
    --------
    >>> from skimage import data
    >>> from napari_ecc_align import checkerboard
    >>> camera = data.camera()
    >>> board = checkerboard(camera, 255 - camera, squares=4)
    >>> bool(abs(board - checkerboard(camera, camera)).max() < 1e-5)
    True
    """
    if isinstance(squares, bool) or not isinstance(squares, (int, np.integer)):
        raise InputError(f"squares must be a whole number, not {squares!r}")
    if not 2 <= squares <= _MOST_SQUARES:
        raise InputError(f"squares must be from 2 to {_MOST_SQUARES}, not {squares}")
    first, second, inside = on_one_grid(reference, warped, mask)
    shared = shared_look(first, second, inside)
    board = np.empty(inside.shape, np.float32)
    for rows in strips(inside.shape):
        other = other_squares(inside.shape, squares, np.arange(rows.start, rows.stop))
        board[rows] = shared.chequered(first[rows], second[rows], inside[rows] & other)
    return board


def other_squares(
    shape: tuple[int, ...],
    squares: int,
    rows: NDArray[Any] | None = None,
    columns: NDArray[Any] | None = None,
) -> NDArray[np.bool_]:
    """Return which pixels of an image lie on the squares that show the other image.

    Parameters
    ----------
    shape : tuple of int
        Height and width of the image.
    squares : int
        Number of squares along the longer side.
    rows, columns : ndarray, shape (n,), optional
        Those that are asked for, which may lie between pixels; all of them when left out.
    """
    side = max(1.0, max(shape) / squares)
    chosen = (rows, columns)
    row, column = (
        (np.arange(length) if asked is None else asked) // side
        for asked, length in zip(chosen, shape, strict=True)
    )
    return np.asarray((row[:, np.newaxis] + column) % 2 == 1)


@dataclass(frozen=True)
class SharedLook:
    """How two images on one grid are drawn alike, in the contrast of the reference.

    Attributes
    ----------
    contrast : Contrast
        Carries the other image's brightness to the reference's.
    low, high : float
        What is drawn darkest and brightest.
    dark_on_light : bool
        The reference has less of what is dark.
    """

    contrast: Contrast
    low: float
    high: float
    dark_on_light: bool = False

    def both(
        self, first: NDArray[Any], second: NDArray[Any]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return pixels of the reference, and of the other image, from 0 to 1."""
        first, second = to_gray(first), to_gray(second)
        if self.contrast.gain:
            with np.errstate(over="ignore", invalid="ignore"):
                second = self.contrast.gain * second + self.contrast.offset
        return _between(first, self.low, self.high), _between(second, self.low, self.high)

    def overlaid(
        self, first: NDArray[Any], second: NDArray[Any], inside: NDArray[np.bool_]
    ) -> NDArray[np.uint8]:
        """Return some of the pixels of `overlay`."""
        one, two = self.both(first, second)
        hues = [np.array(COLOURS[label], np.float32) for label in (ONLY_REFERENCE, ONLY_MOVING)]
        # Half of the other colour is taken away, so that equal parts of both make gray.
        both = sum(hues)
        own, other = (255 * hue / both for hue in hues)
        # What is darker than the rest of its image leaves the light of the other one.
        parts = [other, own] if self.dark_on_light else [own, other]
        picture = np.empty((*one.shape, 3), np.uint8)
        for channel in range(3):
            picture[..., channel] = np.rint(parts[0][channel] * one + parts[1][channel] * two)
        # Never black, which is how two dark images agree.
        picture[~inside] = np.rint((1 + one[~inside, np.newaxis]) / 2 * np.array(OUTSIDE))
        return picture

    def chequered(
        self, first: NDArray[Any], second: NDArray[Any], other: NDArray[np.bool_]
    ) -> NDArray[np.float32]:
        """Return some of the pixels of `checkerboard`: where it shows the `other` image."""
        one, two = self.both(first, second)
        return np.where(other, two, one)


def shared_look(
    first: NDArray[Any], second: NDArray[Any], inside: NDArray[np.bool_]
) -> SharedLook:
    """Return how two images are drawn, given as planes of one shape and where both hold data."""
    contrast = match_contrast(first, second, inside)
    step = max(1, max(inside.shape) // _SAMPLE)
    some = first[::step, ::step]
    look = SharedLook(contrast, *_range(to_gray(some)))
    seen = look.both(some, some)[0][inside[::step, ::step]]
    return replace(look, dark_on_light=_dark_on_light(seen))


def _dark_on_light(seen: NDArray[np.float32]) -> bool:
    """Return whether there is less of what is darker than Otsu's threshold."""
    from skimage.filters import threshold_otsu

    if not seen.size or seen.min() == seen.max():
        return False
    return bool(2 * np.count_nonzero(seen > threshold_otsu(seen)) > seen.size)


def data_uri(picture: NDArray[np.uint8]) -> str:
    """Return a picture in RGB as a small data URI, empty where it cannot be encoded."""
    from .._common.opencv import cv2

    options = [cv2.IMWRITE_WEBP_QUALITY, _QUALITY]
    done, encoded = cv2.imencode(".webp", picture[..., ::-1], options)
    return "data:image/webp;base64," + b64encode(encoded.tobytes()).decode() if done else ""


@np.errstate(over="ignore", invalid="ignore")  # of values at the limits of their type
def _range(image: NDArray[np.floating]) -> tuple[float, float]:
    sample = image[np.isfinite(image)]
    if not sample.size:
        return 0.0, 1.0
    low, high = np.percentile(sample, _PERCENTILES)
    if low == high:
        low, high = sample.min(), sample.max()
    return float(low), float(high)


@np.errstate(over="ignore", invalid="ignore")
def _between(image: NDArray[np.floating], low: float, high: float) -> NDArray[np.float32]:
    span = (high - low) or 1.0
    scaled = np.clip((image - low) / span, 0, 1).astype(np.float32)
    return np.asarray(np.nan_to_num(scaled, copy=False))
