"""What the pixels of an image are: measurements, two values, or labels."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .pixels import PixelSource
from .value_counts import two_byte_values

Kind = Literal["image", "blank", "two values", "perhaps labels", "labels"]

# An image is judged by its whole, or by so many windows of that many pixels a side, squared.
_WINDOWS, _WINDOW = 3, 256
# Of neighbouring pixels, so many are equal in every label image, and in few others.
_FLAT = 0.7
# A label keeps to one place: it fills so much of the rectangle around it ...
_FILLED = 0.2
# ... which holds for so many of the labels, and for next to no gray values.
_COMPACT = 0.75
# Values of gray images change by one step; those of labels, from any to any other.
_BY_STEPS = 0.9
# Every class of a class map covers some ground; there are not more of them than these.
_CLASSES = 64
_FEW_CLASSES = 16


class TwoValues(NamedTuple):
    """An image of two values: which pixels have the higher one, and the values."""

    is_high: NDArray[np.bool_]
    low: NDArray[Any]
    high: NDArray[Any]


def two_values(image: NDArray[Any]) -> TwoValues | None:
    """Return an image as two values, or None if it has more of them.

    Parameters
    ----------
    image : ndarray, shape (h, w) or (h, w, 3 or 4)
        Of colour, two colours are two values.
    """
    if image.ndim == 3:
        first = image[0, 0]
        others = (image != first).any(axis=2)
        second = image[np.unravel_index(others.argmax(), others.shape)]
        same = (image == np.where(others[..., np.newaxis], second, first)).all()
        return TwoValues(others, first, second) if same else None
    if image.dtype == bool:
        return TwoValues(image, np.asarray(False), np.asarray(True))
    if image.dtype == np.uint8:
        found = two_byte_values(image)
        if found is None:
            return None
        low, high = (np.asarray(value, np.uint8) for value in found)
    else:
        low, high = np.asarray(image.min()), np.asarray(image.max())
        # A glance at a few rows spares most gray images the look at all of them.
        for part in (image[:: max(1, len(image) // 8)], image):
            if not ((part == low) | (part == high)).all():
                return None
    return TwoValues(np.asarray(image == high), low, high)


def kind_of(image: PixelSource) -> Kind:
    """Tell whether the values of an image are names, between which nothing can be interpolated.

    Labels are integers in plateaus. Where each keeps to a place of its own, as the objects of a
    segmentation do, they are labels; where each covers some ground, they may be the classes of a
    map: surely so if they are few and numbered one after the other, or change from any to any.

    Parameters
    ----------
    image : ndarray or lazy array, shape (h, w) or (h, w, 3 or 4)
        The image, of which, if it is large, nine windows are read.

    Returns
    -------
    {"image", "blank", "two values", "perhaps labels", "labels"}
        "blank" if all pixels have one value; "perhaps labels" of what has all that labels have,
        but might be a posterised photograph.
    """
    if image.ndim != 2 or image.dtype.kind not in "iu" or min(image.shape) < 3:
        return "image"
    kind = _kind_of(_windows(image))
    if kind in ("blank", "two values") and isinstance(image, np.ndarray):
        kind = _kind_of([image])
    return kind


def _kind_of(windows: list[NDArray[Any]]) -> Kind:
    if np.mean([np.mean(part[::8, 1:] == part[::8, :-1]) for part in windows]) < _FLAT:
        return "image"
    values, numbers = np.unique(np.stack(windows), return_inverse=True)
    if len(values) < 3:
        return "blank" if len(values) == 1 else "two values"
    seen = numbers.reshape(len(windows), *windows[0].shape)
    right, down = (np.diff(seen, axis=axis) for axis in (2, 1))
    steps = np.abs(np.concatenate([right[right != 0], down[down != 0]]))
    if 1 - len(steps) / (right.size + down.size) < _FLAT:
        return "image"
    by_steps = float(np.mean(steps == 1))
    if by_steps < _BY_STEPS and _compact_share(seen) >= _COMPACT:
        return "labels"
    if len(values) > _CLASSES or not _all_cover_ground(seen, right == 0, down == 0):
        return "image"
    if values[0] < 0 or values[-1] >= 2 * len(values):
        return "perhaps labels"
    return "labels" if len(values) <= _FEW_CLASSES or by_steps < 0.5 else "image"


def _windows(image: PixelSource) -> list[NDArray[Any]]:
    height, width = image.shape[:2]
    if max(height, width) <= _WINDOWS * _WINDOW:
        return [np.asarray(image[:, :])]
    size = [min(side, _WINDOW) for side in (height, width)]
    corners = [
        np.linspace(0, side - length, _WINDOWS).astype(int).tolist()
        for side, length in zip((height, width), size, strict=True)
    ]
    return [
        np.asarray(image[top : top + size[0], left : left + size[1]])
        for top in corners[0]
        for left in corners[1]
    ]


def _compact_share(seen: NDArray[np.intp]) -> float:
    """Return how many values of a window, but for its commonest, keep to one place."""
    from scipy.ndimage import find_objects

    compact = []
    for window in seen:
        counts = np.bincount(window.ravel())
        for number, place in enumerate(find_objects(window + 1)):
            if place is not None and number != counts.argmax():
                area = np.prod([part.stop - part.start for part in place])
                compact.append(counts[number] >= _FILLED * area)
    return float(np.mean(compact)) if compact else 0.0


def _all_cover_ground(
    seen: NDArray[np.intp], right: NDArray[np.bool_], down: NDArray[np.bool_]
) -> bool:
    """Tell whether nearly each value has pixels whose four neighbours have it too."""
    inner = right[:, 1:-1, 1:] & right[:, 1:-1, :-1] & down[:, 1:, 1:-1] & down[:, :-1, 1:-1]
    covering = np.bincount(seen[:, 1:-1, 1:-1][inner], minlength=int(seen.max()) + 1) > 0
    return bool(covering.mean() >= 0.9)
