"""Pictures in which two aligned images are compared by eye: overlay and checkerboard."""

from __future__ import annotations

from base64 import b64encode

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._common.errors import InputError
from .._images.pixels import to_gray
from .._images.sources import LazyArray
from .binary import COLOURS, ONLY_MOVING, ONLY_REFERENCE, OUTSIDE
from .difference import match_contrast, on_one_grid

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
    first, second, inside = matched_pair(reference, warped, mask)
    hues = [np.array(COLOURS[label], np.float32) for label in (ONLY_REFERENCE, ONLY_MOVING)]
    # Half of the other colour is taken away, so that equal parts of both make gray.
    both = sum(hues)
    own, other = (255 * hue / both for hue in hues)
    # What is darker than the rest of its image leaves the light of the other one.
    parts = [other, own] if _dark_on_light(first, inside) else [own, other]
    picture = np.empty((*first.shape, 3), np.uint8)
    for channel in range(3):
        mixed = parts[0][channel] * first + parts[1][channel] * second
        picture[..., channel] = np.rint(mixed)
    # Never black, which is how two dark images agree.
    picture[~inside] = np.rint((1 + first[~inside, np.newaxis]) / 2 * np.array(OUTSIDE))
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
    first, second, inside = matched_pair(reference, warped, mask)
    side = max(1.0, max(first.shape) / squares)
    row, column = (np.arange(length) // side for length in first.shape)
    other = (row[:, np.newaxis] + column) % 2 == 1
    return np.where(other & inside, second, first).astype(np.float32)


def _dark_on_light(image: NDArray[np.float32], inside: NDArray[np.bool_]) -> bool:
    """Return whether an image has less of what is darker than Otsu's threshold."""
    from skimage.filters import threshold_otsu

    step = max(1, max(image.shape) // _SAMPLE)
    seen = image[::step, ::step][inside[::step, ::step]]
    if not seen.size or seen.min() == seen.max():
        return False
    return bool(2 * np.count_nonzero(seen > threshold_otsu(seen)) > seen.size)


def data_uri(picture: NDArray[np.uint8]) -> str:
    """Return a picture in RGB as a small data URI, empty where it cannot be encoded."""
    from .._common.opencv import cv2

    options = [cv2.IMWRITE_WEBP_QUALITY, _QUALITY]
    done, encoded = cv2.imencode(".webp", picture[..., ::-1], options)
    return "data:image/webp;base64," + b64encode(encoded.tobytes()).decode() if done else ""


def matched_pair(
    reference: ArrayLike | LazyArray,
    warped: ArrayLike | LazyArray,
    mask: ArrayLike | LazyArray | None,
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]:
    """Return both images between 0 and 1 in the reference's contrast, and where they overlap."""
    first, second, inside = on_one_grid(reference, warped, mask)
    first, second = to_gray(first), to_gray(second)
    contrast = match_contrast(first, second, inside)
    low, high = _range(first)
    if contrast.gain:
        with np.errstate(over="ignore", invalid="ignore"):
            second = contrast.gain * second + contrast.offset
    return _between(first, low, high), _between(second, low, high), inside


@np.errstate(over="ignore", invalid="ignore")  # of values at the limits of their type
def _range(image: NDArray[np.floating]) -> tuple[float, float]:
    step = max(1, max(image.shape) // _SAMPLE)
    sample = image[::step, ::step]
    sample = sample[np.isfinite(sample)]
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
