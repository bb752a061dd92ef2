"""How an image is made black and white: by a threshold of scikit-image, or a given one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from .._common.errors import InputError
from .._common.given import as_floats
from .._images.value_counts import count_values, has_few_values, two_byte_values

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


@dataclass(frozen=True)
class Thresholding:
    """How both images are binarised before they are compared.

    Parameters
    ----------
    method : str, default: "otsu"
        A threshold of `skimage.filters`: "otsu", "li", "yen", "isodata", "triangle", "minimum",
        "mean", or the local ones "sauvola", "niblack", "local".
    thresholds : float or tuple of float, optional
        Use these instead of a method's: one number for both images or one for each, in their own
        values. Kept as two.
    window_size : int, optional
        Side in pixels of the window of a local method, odd; a sixteenth of the image when left
        out. It never reaches beyond a window of the image's own size.
    k : float, optional
        How far below the local mean "sauvola" and "niblack" put the threshold, in local
        standard deviations; 0.2 when left out.

    Raises
    ------
    InputError
        If a value cannot be used, or is none of the method's.

    Examples
    --------
    >>> Thresholding(thresholds=0.5).thresholds
    (0.5, 0.5)
    >>> Thresholding("sauvola", window_size=25).keywords()
    {'method': 'sauvola', 'window_size': 25}
    """

    method: ThresholdMethod = "otsu"
    thresholds: float | tuple[float, float] | None = None
    window_size: int | None = None
    k: float | None = None

    def __post_init__(self) -> None:
        if self.method not in THRESHOLD_METHODS:
            raise InputError(
                f"method must be one of {', '.join(THRESHOLD_METHODS)}, not {self.method!r}"
            )
        object.__setattr__(self, "thresholds", _two_thresholds(self.thresholds))
        if self.thresholds is None:
            _check_window(self.method, self.window_size)
            _check_k(self.method, self.k)

    def keywords(self) -> dict[str, Any]:
        """Return the keywords of `compare` that say the same."""
        if self.thresholds is not None:
            return {"thresholds": self.thresholds}
        given = {"method": self.method, "window_size": self.window_size, "k": self.k}
        return {name: value for name, value in given.items() if value is not None}


@dataclass(frozen=True, eq=False)
class Binary:
    """An image in black and white.

    Attributes
    ----------
    above : ndarray of bool, shape (h, w)
        Where the image lies above its threshold, inside the mask.
    threshold : float or None
        In the image's own values; None of a local one, or where none was needed.
    rule : Rule
        By which any part of the image is told so.
    """

    above: NDArray[np.bool_]
    threshold: float | None
    rule: Rule


@dataclass(frozen=True, eq=False)
class Rule:
    """How an image was made black and white, to do the same to a part of it.

    Attributes
    ----------
    level : float or None
        What is more lies above, in the image's own values; None of a local threshold.
    low, high : float
        The values that a local one takes for 0 and 1.
    ground : float
        What it takes for the pixels that do not count, between these.
    sides : tuple of int
        Those of its window.
    how : Thresholding or None
        What was asked for, of a local one.
    """

    level: float | None
    low: float = 0.0
    high: float = 1.0
    ground: float = 0.0
    sides: tuple[int, int] = (1, 1)
    how: Thresholding | None = None

    def reach(self, times: float = 1.0) -> int:
        """Return how many pixels around a part have a say in it."""
        return 0 if self.level is not None else max(self._sides(times))

    def above(
        self, gray: NDArray[Any], inside: NDArray[np.bool_], times: float = 1.0
    ) -> NDArray[np.bool_]:
        """Return where a part lies above the threshold, inside a mask.

        Parameters
        ----------
        gray : ndarray, shape (h, w)
            Of a local threshold with as many pixels around it as `reach` tells, if there are.
        inside : ndarray of bool, shape (h, w)
            Pixels that count.
        times : float, default: 1
            How many pixels of the image one of these stands for, along a side.
        """
        if self.level is not None:
            # A threshold may be beyond what the image's type holds.
            with np.errstate(over="ignore", invalid="ignore"):
                return np.asarray((gray > self.level) & inside)
        assert self.how is not None
        scaled = _scaled(gray.astype(np.float32), self.low, self.high).astype(np.float32)
        plane = np.where(inside, scaled, np.float32(self.ground))
        return np.asarray((plane > _local(plane, self._sides(times), self.how)) & inside)

    def _sides(self, times: float) -> tuple[int, int]:
        down, along = (max(3, round(side / times) | 1) for side in self.sides)
        return down, along


def binarised_pair(
    reference: NDArray[Any],
    warped: NDArray[Any],
    inside: NDArray[np.bool_],
    how: Thresholding,
) -> tuple[Binary, Binary]:
    """Return two gray images in black and white, each by its own threshold."""
    if isinstance(how.thresholds, tuple):
        # A threshold may be beyond what the image's type holds.
        with np.errstate(over="ignore"):
            first, second = (
                Binary((image > value) & inside, value, Rule(value))
                for image, value in zip((reference, warped), how.thresholds, strict=True)
            )
        return first, second
    first = binarise(reference, inside, how, "reference")
    return first, binarise(warped, inside, how, "warped")


def binarise(
    gray: NDArray[Any],
    inside: NDArray[np.bool_],
    how: Thresholding,
    name: str,
) -> Binary:
    """Return where a gray image lies above its threshold, inside a mask.

    An image of two values is binary already and taken as it is.

    Parameters
    ----------
    gray : ndarray, shape (h, w)
        The image, any real dtype.
    inside : ndarray of bool, shape (h, w)
        Pixels that count; the result is False elsewhere.
    how : Thresholding
        Whose method is used.
    name : str
        What to call the image in an error.

    Raises
    ------
    InputError
        If the method finds no threshold ("minimum" needs two peaks in the histogram).
    """
    try:
        if has_few_values(gray.dtype):
            return _binarised_by_counts(gray, inside, how)
        return _binarised(gray, inside, how)
    except RuntimeError as error:
        raise InputError(
            f"the threshold {how.method!r} does not suit the {name} image ({error}); try 'otsu'"
        ) from error


def _binarised(
    gray: NDArray[np.floating],
    inside: NDArray[np.bool_],
    how: Thresholding,
) -> Binary:
    values = gray[inside]
    if not values.size or values.min() == values.max():
        return _nothing(gray.shape)
    low, high = float(values.min()), float(values.max())
    if ((values == low) | (values == high)).all():
        return Binary((gray > low) & inside, None, Rule(low))
    scaled = np.where(inside, _scaled(gray, low, high), 0).astype(np.float32)
    return _by_threshold(scaled, inside, how, low, high)


def _nothing(shape: tuple[int, ...]) -> Binary:
    """Return an image that is flat where it counts, of which nothing lies above."""
    return Binary(np.zeros(shape, bool), None, Rule(np.inf))


def _by_threshold(
    scaled: NDArray[np.float32],
    inside: NDArray[np.bool_],
    how: Thresholding,
    low: float,
    high: float,
) -> Binary:
    """Binarise an image that was brought to 0 to 1, and is 0 where it does not count."""
    if how.method not in LOCAL_METHODS:
        found = float(_finder(how)(scaled[inside]))
        own = low + found * (high - low)
        return Binary((scaled > found) & inside, own, Rule(own))
    sides = window_sides(how, scaled.shape)
    median = float(np.median(scaled[inside]))
    ground = np.where(inside, scaled, np.float32(median))
    above = (scaled > _local(ground, sides, how)) & inside
    return Binary(above, None, Rule(None, low, high, median, sides, how))


def window_sides(how: Thresholding, shape: tuple[int, ...]) -> tuple[int, int]:
    """Return the height and width of the window of a local threshold, of an image of a shape."""
    # Wide enough to hold strokes and their ground, odd as scikit-image asks.
    window = how.window_size or max(15, min(shape) // 16) | 1
    # scikit-image pads the image by half a window: of one beyond the image, without bound.
    return min(window, shape[0] | 1), min(window, shape[1] | 1)


def _binarised_by_counts(
    gray: NDArray[Any],
    inside: NDArray[np.bool_],
    how: Thresholding,
) -> Binary:
    """Binarise integers of 8 or 16 bits by how often each value occurs."""
    if gray.dtype == np.uint8 and (two := two_byte_values(gray, inside)):
        return Binary(_more_than(gray, two[0], inside), None, Rule(float(two[0])))
    values, counts = count_values(gray, inside)
    if len(values) < 2:
        return _nothing(gray.shape)
    low, high = values[[0, -1]].astype(float).tolist()
    if len(values) == 2:
        return Binary(_more_than(gray, values[0], inside), None, Rule(low))
    scaled = _scaled(values.astype(np.float32), low, high).astype(np.float32)
    if how.method in _BY_HISTOGRAM:
        threshold = _threshold_of(how.method, scaled, counts)
        above = scaled > threshold
        if not above.any():
            return _nothing(gray.shape)
        below = values[above.argmax() - 1]
        own = low + threshold * (high - low)
        return Binary(_more_than(gray, below, inside), own, Rule(float(below)))
    plane = np.where(inside, _scaled(gray.astype(np.float32), low, high), 0).astype(np.float32)
    return _by_threshold(plane, inside, how, low, high)


def _more_than(gray: NDArray[Any], value: Any, inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    above = np.asarray(gray > value)
    above &= inside
    return above


@np.errstate(over="ignore", invalid="ignore")  # of what does not count, far outside the range
def _scaled(values: NDArray[np.floating], low: float, high: float) -> NDArray[np.floating]:
    """Bring values to 0 to 1: scikit-image's histograms overflow on extreme ranges."""
    return np.asarray((values / 2 - low / 2) / (high / 2 - low / 2))


def _threshold_of(
    method: ThresholdMethod, values: NDArray[np.float32], counts: NDArray[np.int64]
) -> float:
    """Return the threshold of pixels given by their values and how often each occurs."""
    # As scikit-image's own histogram of the pixels would be.
    heights, edges = np.histogram(values, _BINS, weights=counts)
    centres = (edges[:-1] + edges[1:]) / 2
    return float(_finder(Thresholding(method))(hist=(heights, centres)))


def _finder(how: Thresholding) -> Callable[..., Any]:
    from skimage import filters

    found: Callable[..., Any] = getattr(filters, f"threshold_{how.method}")
    return found


def _local(
    ground: NDArray[np.float32], sides: tuple[int, int], how: Thresholding
) -> NDArray[np.floating]:
    """Return the threshold of every pixel, in a window around it."""
    options = {} if how.k is None else {"k": how.k}
    if how.method == "sauvola":
        # R is half the range of the data, which is 1 here; scikit-image assumes 2.
        options["r"] = 0.5
    # A very large k has thresholds that are infinite.
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(_finder(how)(ground, sides, **options))


def _two_thresholds(thresholds: object) -> tuple[float, float] | None:
    if thresholds is None:
        return None
    values = as_floats(thresholds, f"thresholds must be one number or two, not {thresholds!r}")
    if values.shape not in ((), (2,)) or not np.isfinite(values).all():
        raise InputError(f"thresholds must be one finite number or two, not {thresholds!r}")
    first, second = np.broadcast_to(values, 2).tolist()
    return first, second


def _check_window(method: str, window_size: object) -> None:
    if window_size is None:
        return
    if method not in LOCAL_METHODS:
        raise InputError(f"window_size is for {', '.join(LOCAL_METHODS)}, not for {method!r}")
    if not isinstance(window_size, (int, np.integer)) or window_size < 3 or not window_size % 2:
        raise InputError(f"window_size must be odd and at least 3, not {window_size!r}")


def _check_k(method: str, k: object) -> None:
    if k is None:
        return
    if method not in METHODS_WITH_K:
        raise InputError(f"k is for {' and '.join(METHODS_WITH_K)}, not for {method!r}")
    if not isinstance(k, (int, float, np.number)) or not np.isfinite(k):
        raise InputError(f"k must be a number such as 0.2, not {k!r}")
