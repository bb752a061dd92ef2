"""Binarise two aligned images and count where they differ."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .differencing import on_one_grid
from .errors import InputError
from .tallies import is_tallied, only_two, tallied

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

LOCAL_METHODS: tuple[ThresholdMethod, ...] = ("sauvola", "niblack", "local")
"""Those that find a threshold for every pixel, in a window around it."""
METHODS_WITH_K: tuple[ThresholdMethod, ...] = ("sauvola", "niblack")

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
        The threshold method; "manual" if the thresholds were given.
    thresholds : tuple of float or None
        The threshold of each image in its own values; None where it was a local one, or where
        none was needed because the image was binary already.
    """

    different: int
    fraction: float
    iou: float
    dice: float
    compared: int
    map: NDArray[np.uint8]
    method: str
    thresholds: tuple[float | None, float | None] = (None, None)

    @property
    def only_reference(self) -> int:
        """Pixels that are foreground in the reference only."""
        return int(np.count_nonzero(self.map == ONLY_REFERENCE))

    @property
    def only_aligned(self) -> int:
        """Pixels that are foreground in the other image only."""
        return int(np.count_nonzero(self.map == ONLY_ALIGNED))


@dataclass(frozen=True, eq=False)
class Binary:
    """An image in black and white.

    Attributes
    ----------
    above : ndarray of bool, shape (h, w)
        Where the image lies above its threshold, inside the mask.
    threshold : float or None
        In the image's own values; None of a local one, or where none was needed.
    """

    above: NDArray[np.bool_]
    threshold: float | None


def compare(
    reference: ArrayLike,
    aligned: ArrayLike,
    *,
    method: ThresholdMethod = "otsu",
    mask: ArrayLike | None = None,
    threshold: float | tuple[float, float] | None = None,
    window_size: int | None = None,
    k: float | None = None,
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
    threshold : float or tuple of float, optional
        Use this threshold instead of a method's: one number for both images or one for each, in
        their own values.
    window_size : int, optional
        Side in pixels of the window of a local method, odd; a sixteenth of the image when left
        out.
    k : float, default: 0.2
        How far below the local mean "sauvola" and "niblack" put the threshold, in local
        standard deviations (in the way that each method counts them).

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
    given = _checked_thresholds(threshold)
    local = _checked_local(method, window_size, k) if given is None else {}
    first, second, inside = on_one_grid(reference, aligned, mask)
    if given is None:
        found = binarise(first, inside, method, "reference", local)
        found_other = binarise(second, inside, method, "aligned", local)
    else:
        found, found_other = (
            Binary((image > value) & inside, value)
            for image, value in zip((first, second), given, strict=True)
        )
    ink, other = found.above, found_other.above
    compared = int(np.count_nonzero(inside))
    if 2 * int(np.count_nonzero(ink)) > compared:
        ink = inside & ~ink
    both = ink & other
    different = _apart(ink, other, both)
    if 2 * different > compared:
        other = inside & ~other
        np.logical_and(ink, other, out=both)
        different = _apart(ink, other, both)
    agreed = int(np.count_nonzero(both))
    union = agreed + different
    labels = _labels(ink, other, both)
    return Comparison(
        different=different,
        fraction=different / compared if compared else 0.0,
        iou=agreed / union if union else 1.0,
        dice=2 * agreed / (2 * agreed + different) if union else 1.0,
        compared=compared,
        map=labels,
        method=method if given is None else "manual",
        thresholds=(found.threshold, found_other.threshold),
    )


def _apart(ink: NDArray[np.bool_], other: NDArray[np.bool_], both: NDArray[np.bool_]) -> int:
    """Return how many pixels are in one of two sets only."""
    first, second, common = (int(np.count_nonzero(part)) for part in (ink, other, both))
    return first + second - 2 * common


def _labels(
    ink: NDArray[np.bool_], other: NDArray[np.bool_], both: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    """Return the map of what is in one of two sets only; `both` is used up."""
    labels = other.view(np.uint8) * np.uint8(ONLY_ALIGNED)
    labels |= ink.view(np.uint8) * np.uint8(ONLY_REFERENCE)
    np.logical_not(both, out=both)
    labels *= both.view(np.uint8)
    return labels


def binarise(
    gray: NDArray[Any],
    inside: NDArray[np.bool_],
    method: ThresholdMethod,
    name: str,
    local: dict[str, float],
) -> Binary:
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
    local : dict
        ``window_size`` and ``k`` of a local method, where they are not to be the usual ones.

    Raises
    ------
    InputError
        If the method finds no threshold ("minimum" needs two peaks in the histogram).
    """
    try:
        if is_tallied(gray.dtype):
            return _binarised_by_tally(gray, inside, method, local)
        return _binarised(gray, inside, method, local)
    except RuntimeError as error:
        raise InputError(
            f"the threshold {method!r} does not suit the {name} image ({error}); try 'otsu'"
        ) from error


def _binarised(
    gray: NDArray[np.floating],
    inside: NDArray[np.bool_],
    method: ThresholdMethod,
    local: dict[str, float],
) -> Binary:
    values = gray[inside]
    if not values.size or values.min() == values.max():
        return Binary(np.zeros(gray.shape, bool), None)
    low, high = float(values.min()), float(values.max())
    if ((values == low) | (values == high)).all():
        return Binary((gray > low) & inside, None)
    scaled = np.where(inside, _scaled(gray, low, high), 0).astype(np.float32)
    threshold = _threshold(scaled, inside, method, local)
    return Binary((scaled > threshold) & inside, _in_own_values(threshold, low, high))


def _binarised_by_tally(
    gray: NDArray[Any],
    inside: NDArray[np.bool_],
    method: ThresholdMethod,
    local: dict[str, float],
) -> Binary:
    """Binarise integers of 8 or 16 bits by how often each value occurs."""
    if gray.dtype == np.uint8 and (two := only_two(gray, inside)):
        return Binary(_more_than(gray, two[0], inside), None)
    tally = tallied(gray, inside)
    if len(tally.values) < 2:
        return Binary(np.zeros(gray.shape, bool), None)
    low, high = tally.values[[0, -1]].astype(float).tolist()
    if len(tally.values) == 2:
        return Binary(_more_than(gray, tally.values[0], inside), None)
    scaled = _scaled(tally.values.astype(np.float32), low, high).astype(np.float32)
    if method in _BY_HISTOGRAM:
        threshold = _threshold_of(method, scaled, tally.counts)
        above = scaled > threshold
        if not above.any():
            return Binary(np.zeros(gray.shape, bool), None)
        lies_above = _more_than(gray, tally.values[above.argmax() - 1], inside)
        return Binary(lies_above, _in_own_values(threshold, low, high))
    plane = np.where(inside, _scaled(gray.astype(np.float32), low, high), 0).astype(np.float32)
    found = _threshold(plane, inside, method, local)
    return Binary((plane > found) & inside, _in_own_values(found, low, high))


def _more_than(gray: NDArray[Any], value: Any, inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    above = np.asarray(gray > value)
    above &= inside
    return above


def _in_own_values(
    threshold: float | NDArray[np.floating], low: float, high: float
) -> float | None:
    """Return a threshold between 0 and 1 in an image's values; None of a local one."""
    return low + threshold * (high - low) if isinstance(threshold, float) else None


def _scaled(values: NDArray[np.floating], low: float, high: float) -> NDArray[np.floating]:
    """Bring values to 0 to 1: scikit-image's histograms overflow on extreme ranges."""
    scaled: NDArray[np.floating] = (values / 2 - low / 2) / (high / 2 - low / 2)
    return scaled


def _threshold_of(
    method: ThresholdMethod, values: NDArray[np.float32], counts: NDArray[np.int64]
) -> float:
    """Return the threshold of pixels given by their values and how often each occurs."""
    # As scikit-image's own histogram of the pixels would be.
    heights, edges = np.histogram(values, _BINS, weights=counts)
    centres = (edges[:-1] + edges[1:]) / 2
    from skimage import filters

    find: Callable[..., Any] = getattr(filters, f"threshold_{method}")
    return float(find(hist=(heights, centres)))


def _threshold(
    scaled: NDArray[np.float32],
    inside: NDArray[np.bool_],
    method: ThresholdMethod,
    local: dict[str, float],
) -> float | NDArray[np.floating]:
    from skimage import filters

    find: Callable[..., Any] = getattr(filters, f"threshold_{method}")
    if method not in LOCAL_METHODS:
        return float(find(scaled[inside]))
    options = dict(local)
    # Wide enough to hold strokes and their ground, odd as scikit-image asks.
    window = options.pop("window_size", max(15, min(scaled.shape) // 16) | 1)
    ground = np.where(inside, scaled, np.median(scaled[inside]))
    if method == "sauvola":
        # R is half the range of the data, which is 1 here; scikit-image assumes 2.
        options["r"] = 0.5
    thresholds: NDArray[np.floating] = find(ground, window, **options)
    return thresholds


def _checked_thresholds(
    threshold: float | tuple[float, float] | None,
) -> tuple[float, float] | None:
    if threshold is None:
        return None
    try:
        values = np.asarray(threshold, np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"threshold must be one number or two, not {threshold!r}") from error
    if values.shape not in ((), (2,)) or not np.isfinite(values).all():
        raise InputError(f"threshold must be one finite number or two, not {threshold!r}")
    first, second = np.broadcast_to(values, 2).tolist()
    return first, second


def _checked_local(method: str, window_size: int | None, k: float | None) -> dict[str, float]:
    """Return the parameters of a local method that were given."""
    local: dict[str, float] = {}
    if window_size is not None:
        if method not in LOCAL_METHODS:
            raise InputError(f"window_size is for {', '.join(LOCAL_METHODS)}, not for {method!r}")
        if (
            not isinstance(window_size, (int, np.integer))
            or window_size < 3
            or not window_size % 2
        ):
            raise InputError(f"window_size must be odd and at least 3, not {window_size!r}")
        local["window_size"] = int(window_size)
    if k is not None:
        if method not in METHODS_WITH_K:
            raise InputError(f"k is for {' and '.join(METHODS_WITH_K)}, not for {method!r}")
        if not isinstance(k, (int, float, np.number)) or not np.isfinite(k):
            raise InputError(f"k must be a number such as 0.2, not {k!r}")
        local["k"] = float(k)
    return local
