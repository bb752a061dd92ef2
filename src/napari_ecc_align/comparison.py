"""Binarise two aligned images and count where they differ."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .differencing import on_one_grid
from .errors import InputError

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
    compared = int(inside.sum())
    if 2 * int(ink.sum()) > compared:
        ink = inside & ~ink
    if 2 * int((ink ^ other).sum()) > compared:
        other = inside & ~other
    only_reference, only_aligned = ink & ~other, other & ~ink
    different = int(only_reference.sum() + only_aligned.sum())
    both = int((ink & other).sum())
    union = both + different
    labels = np.zeros(inside.shape, np.uint8)
    labels[only_reference] = ONLY_REFERENCE
    labels[only_aligned] = ONLY_ALIGNED
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
    gray: NDArray[np.floating], inside: NDArray[np.bool_], method: ThresholdMethod, name: str
) -> NDArray[np.bool_]:
    """Return where a gray image lies above its threshold, inside a mask.

    An image of two values is binary already and taken as it is.

    Parameters
    ----------
    gray : ndarray of float, shape (h, w)
        The image.
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
    values = gray[inside]
    if not values.size or values.min() == values.max():
        return np.zeros(gray.shape, bool)
    # Thresholds are found between 0 and 1: scikit-image's histograms overflow on extreme ranges.
    low, high = float(values.min()), float(values.max())
    if ((values == low) | (values == high)).all():
        return (gray > low) & inside
    scaled = np.where(inside, (gray / 2 - low / 2) / (high / 2 - low / 2), 0).astype(np.float32)
    try:
        threshold = _threshold(scaled, inside, method)
    except RuntimeError as error:
        raise InputError(
            f"the threshold {method!r} does not suit the {name} image ({error}); try 'otsu'"
        ) from error
    return (scaled > threshold) & inside


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
