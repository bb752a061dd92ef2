"""Binarise two aligned images and count where they differ."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .differencing import on_one_grid
from .errors import InputError
from .tallies import is_tallied, tallied

ThresholdMethod = Literal[
    "otsu",
    "li",
    "yen",
    "isodata",
    "triangle",
    "minimum",
    "mean",
    "sauvola",
    "niblack",
    "local",
]
THRESHOLD_METHODS: tuple[ThresholdMethod, ...] = get_args(ThresholdMethod)

# These need no more than the histogram, of as many bins as scikit-image takes by itself.
_BY_HISTOGRAM = ("otsu", "yen", "isodata", "minimum")
_BINS = 256

ONLY_REFERENCE = 1
ONLY_ALIGNED = 2

COLOURS = {ONLY_REFERENCE: (230, 97, 0), ONLY_ALIGNED: (64, 176, 228)}
"""RGB in which the labels of a map are shown, told apart by colour-blind eyes too."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """How the foregrounds of two images agree over their overlap.

    Attributes
    ----------
    different : int
        Pixels that are foreground in one image only.
    fraction : float
        `different` as a share of the pixels compared; 0 when none were.
    iou : float
        Intersection over union of the two foregrounds (Jaccard index); 1 when both are empty.
    dice : float
        Dice coefficient of the two foregrounds; 1 when both are empty.
    compared : int
        Pixels compared, that is, in the overlap.
    map : ndarray of uint8, shape (h, w)
        Labels: 1 where only the reference has foreground, 2 where only the other image has,
        0 where they agree and outside the overlap.
    method : str
        The threshold method.
    """

    different: int
    fraction: float
    iou: float
    dice: float
    compared: int
    map: NDArray[np.uint8]
    method: ThresholdMethod


def compare(
    reference: ArrayLike,
    aligned: ArrayLike,
    *,
    method: ThresholdMethod = "otsu",
    mask: ArrayLike | None = None,
) -> Comparison:
    """Binarise two images that lie on one grid and count the pixels that differ.

    Foreground is what the reference has less of (ink on a page, whichever is darker). In the
    other image it is the side of the threshold that agrees better with it, so that a negative
    compares with a positive.

    Parameters
    ----------
    reference, aligned : array_like, shape (h, w) or (h, w, 3 or 4)
        Images on the same grid, any real dtypes. Of colour, the luminance is compared.
    method : str, default: "otsu"
        A threshold of `skimage.filters`: "otsu", "li", "yen", "isodata", "triangle", "minimum",
        "mean", or the local ones "sauvola", "niblack", "local".
    mask : array_like, shape (h, w), optional
        Where the two overlap; the rest is not counted. NaN counts as outside.

    Returns
    -------
    Comparison

    Raises
    ------
    InputError
        If an argument cannot be used, or the method finds no threshold in an image.
    """
    if method not in THRESHOLD_METHODS:
        raise InputError(f"method must be one of {', '.join(THRESHOLD_METHODS)}, not {method!r}")
    first, second, inside = on_one_grid(reference, aligned, mask)
    ink = binarise(first, inside, method, "reference")
    other = binarise(second, inside, method, "aligned")
    compared = int(np.count_nonzero(inside))
    if 2 * int(np.count_nonzero(ink)) > compared:
        ink = inside & ~ink
    if 2 * int(np.count_nonzero(ink ^ other)) > compared:
        other = inside & ~other
    apart = ink ^ other
    different = int(np.count_nonzero(apart))
    both = int(np.count_nonzero(ink & other))
    union = both + different
    labels = (apart & ink).view(np.uint8) * np.uint8(ONLY_REFERENCE)
    labels |= (apart & other).view(np.uint8) * np.uint8(ONLY_ALIGNED)
    return Comparison(
        different=different,
        fraction=different / compared if compared else 0.0,
        iou=both / union if union else 1.0,
        dice=2 * both / (2 * both + different) if union else 1.0,
        compared=compared,
        map=labels,
        method=method,
    )


def binarise(
    gray: NDArray[Any], inside: NDArray[np.bool_], method: ThresholdMethod, name: str
) -> NDArray[np.bool_]:
    """Return where a gray image lies above its threshold, inside a mask.

    An image of two values is binary already and taken as it is.

    Parameters
    ----------
    gray : ndarray, shape (h, w)
        The image, any real dtype.
    inside : ndarray of bool, shape (h, w)
        Pixels that count; the result is False elsewhere.
    method : str
        As in `compare`.
    name : str
        What to call the image in an error.

    Raises
    ------
    InputError
        If the method finds no threshold ("minimum" needs two peaks in the histogram).
    """
    try:
        if is_tallied(gray.dtype):
            return _binarised_by_tally(gray, inside, method)
        return _binarised(gray, inside, method)
    except RuntimeError as error:
        raise InputError(
            f"the threshold {method!r} does not suit the {name} image ({error}); try 'otsu'"
        ) from error


def _binarised(
    gray: NDArray[np.floating], inside: NDArray[np.bool_], method: ThresholdMethod
) -> NDArray[np.bool_]:
    values = gray[inside]
    if not values.size or values.min() == values.max():
        return np.zeros(gray.shape, bool)
    low, high = float(values.min()), float(values.max())
    if ((values == low) | (values == high)).all():
        return (gray > low) & inside
    scaled = np.where(inside, _scaled(gray, low, high), 0).astype(np.float32)
    return (scaled > _threshold(scaled, inside, method)) & inside


def _binarised_by_tally(
    gray: NDArray[Any], inside: NDArray[np.bool_], method: ThresholdMethod
) -> NDArray[np.bool_]:
    """Binarise integers of 8 or 16 bits by how often each value occurs."""
    tally = tallied(gray, inside)
    if len(tally.values) < 2:
        return np.zeros(gray.shape, bool)
    low, high = tally.values[[0, -1]].astype(float).tolist()
    if len(tally.values) == 2:
        return np.asarray((gray > tally.values[0]) & inside)
    scaled = _scaled(tally.values.astype(np.float32), low, high).astype(np.float32)
    if method in _BY_HISTOGRAM:
        threshold = _threshold_of(method, scaled, tally.counts)
        above = scaled > threshold
        if not above.any():
            return np.zeros(gray.shape, bool)
        return np.asarray((gray >= tally.values[above.argmax()]) & inside)
    plane = np.where(inside, _scaled(gray.astype(np.float32), low, high), 0).astype(np.float32)
    return (plane > _threshold(plane, inside, method)) & inside


def _scaled(values: NDArray[np.floating], low: float, high: float) -> NDArray[np.floating]:
    """Bring values to 0 to 1: scikit-image's histograms overflow on extreme ranges."""
    scaled: NDArray[np.floating] = (values / 2 - low / 2) / (high / 2 - low / 2)
    return scaled


def _threshold_of(
    method: ThresholdMethod, values: NDArray[np.float32], counts: NDArray[np.int64]
) -> float:
    """Return the threshold of pixels given by their values and how often each occurs."""
    from skimage import filters

    # As scikit-image's own histogram of the pixels would be.
    heights, edges = np.histogram(values, _BINS, weights=counts)
    find: Callable[..., Any] = getattr(filters, f"threshold_{method}")
    return float(find(hist=(heights, (edges[:-1] + edges[1:]) / 2)))


def _threshold(
    scaled: NDArray[np.float32], inside: NDArray[np.bool_], method: ThresholdMethod
) -> float | NDArray[np.floating]:
    from skimage import filters

    find: Callable[..., Any] = getattr(filters, f"threshold_{method}")
    if method not in ("sauvola", "niblack", "local"):
        return float(find(scaled[inside]))
    # Wide enough to hold strokes and their ground, odd as scikit-image asks.
    window = max(15, min(scaled.shape) // 16) | 1
    ground = np.where(inside, scaled, np.median(scaled[inside]))
    # Sauvola's R is half the range of the data, which is 1 here; scikit-image assumes 2.
    options = {"r": 0.5} if method == "sauvola" else {}
    local: NDArray[np.floating] = find(ground, window, **options)
    return local
