"""Binarise two aligned images and count where they differ."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._common.tables import COUNT_KEYS
from .._images.sources import LazyArray
from .difference import on_one_grid
from .thresholding import Rule, Thresholding, ThresholdMethod, binarised_pair

ONLY_REFERENCE = 1
ONLY_MOVING = 2

COLOURS = {ONLY_REFERENCE: (230, 97, 0), ONLY_MOVING: (64, 176, 228)}
"""RGB in which the labels of a map are shown, told apart by colour-blind eyes too."""

OUTSIDE = (93, 58, 155)
"""RGB of what was not compared, in every view: outside the overlap, or what does not count."""


@dataclass(frozen=True, eq=False)
class Ink:
    """What is foreground in an image: what lies above a threshold, or what does not.

    Attributes
    ----------
    rule : Rule
        The threshold.
    below : bool
        Whether it is what does not lie above.
    """

    rule: Rule
    below: bool

    def of(
        self, gray: NDArray[Any], inside: NDArray[np.bool_], times: float = 1.0
    ) -> NDArray[np.bool_]:
        """Return where a part of the image is foreground; arguments as of `Rule.above`."""
        above = self.rule.above(gray, inside, times)
        return inside & ~above if self.below else above


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
    labels : ndarray of uint8, shape (h, w)
        Labels: 1 where only the reference has foreground, 2 where only the other image has,
        0 where they agree and outside the overlap.
    method : str
        The threshold method; "manual" if the thresholds were given.
    thresholds : tuple of float or None
        The threshold of each image in its own values; None where it was a local one, or where
        none was needed because the image was binary already.
    inks : tuple of Ink
        What is foreground in each image, to tell it of a part of them.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_ecc_align import compare
    >>> page = np.full((40, 40), 255, np.uint8)
    >>> page[10:20, 10:30] = 0
    >>> found = compare(page, np.roll(page, 1, axis=0))
    >>> found.only_reference, found.only_moving, found.labels[[10, 20], 10].tolist()
    (20, 20, [1, 2])
    """

    different: int
    fraction: float
    iou: float
    dice: float
    compared: int
    labels: NDArray[np.uint8]
    method: str
    thresholds: tuple[float | None, float | None] = (None, None)
    inks: tuple[Ink, ...] = field(default=(), repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Return the counts as one flat row of numbers, and the method.

        Examples
        --------
        >>> import numpy as np
        >>> from napari_ecc_align import compare
        >>> page = np.eye(40)
        >>> compare(page, page).to_dict()["different"]
        0
        """
        return {key: getattr(self, key) for key in (*COUNT_KEYS, "method")}

    def __repr__(self) -> str:
        share = f"{self.different:,} of {self.compared:,} pixels differ ({self.fraction:.2%})"
        return f"{share}, IoU {self.iou:.3f}, by {self.method}"

    @property
    def only_reference(self) -> int:
        """Pixels that are foreground in the reference only."""
        return int(np.count_nonzero(self.labels == ONLY_REFERENCE))

    @property
    def only_moving(self) -> int:
        """Pixels that are foreground in the other image only."""
        return int(np.count_nonzero(self.labels == ONLY_MOVING))


def compare(
    reference: ArrayLike | LazyArray,
    warped: ArrayLike | LazyArray,
    *,
    method: ThresholdMethod = "otsu",
    mask: ArrayLike | LazyArray | None = None,
    thresholds: float | tuple[float, float] | None = None,
    window_size: int | None = None,
    k: float | None = None,
) -> Comparison:
    """Binarise two images that lie on one grid and count the pixels that differ.

    Foreground is what the reference has less of (ink on a page, whichever is darker). In the
    other image it is the side of the threshold that agrees better with it, so that a negative
    compares with a positive.

    Parameters
    ----------
    reference, warped : array_like, shape (h, w) or (h, w, 3 or 4)
        Images on the same grid, any real dtypes. Of colour, the luminance is compared.
    method : str, default: "otsu"
        A threshold of `skimage.filters`: "otsu", "li", "yen", "isodata", "triangle", "minimum",
        "mean", or the local ones "sauvola", "niblack", "local".
    mask : array_like, shape (h, w), optional
        Where the two overlap; the rest is not counted. NaN counts as outside.
    thresholds : float or tuple of float, optional
        Use these instead of a method's: one number for both images or one for each, in their own
        values.
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

    Examples
    --------
    >>> import numpy as np
    >>> from napari_ecc_align import compare
    >>> page = np.full((40, 40), 255, np.uint8)
    >>> page[10:20, 10:30] = 0
    >>> found = compare(page, np.roll(page, 1, axis=0))
    >>> found
    40 of 1,600 pixels differ (2.50%), IoU 0.818, by otsu
    """
    how = Thresholding(method, thresholds, window_size, k)
    first, second, inside = on_one_grid(reference, warped, mask)
    found, found_other = binarised_pair(first, second, inside, how)
    ink, other = found.above, found_other.above
    compared = int(np.count_nonzero(inside))
    below = [2 * int(np.count_nonzero(ink)) > compared, False]
    if below[0]:
        ink = inside & ~ink
    both = ink & other
    different = _apart(ink, other, both)
    if 2 * different > compared:
        below[1] = True
        other = inside & ~other
        np.logical_and(ink, other, out=both)
        different = _apart(ink, other, both)
    agreed = int(np.count_nonzero(both))
    union = agreed + different
    labels = labelled(ink, other, both)
    return Comparison(
        different=different,
        fraction=different / compared if compared else 0.0,
        iou=agreed / union if union else 1.0,
        dice=2 * agreed / (2 * agreed + different) if union else 1.0,
        compared=compared,
        labels=labels,
        method=method if how.thresholds is None else "manual",
        thresholds=(found.threshold, found_other.threshold),
        inks=(Ink(found.rule, below[0]), Ink(found_other.rule, below[1])),
    )


def _apart(ink: NDArray[np.bool_], other: NDArray[np.bool_], both: NDArray[np.bool_]) -> int:
    """Return how many pixels are in one of two sets only."""
    first, second, common = (int(np.count_nonzero(part)) for part in (ink, other, both))
    return first + second - 2 * common


def labelled(
    ink: NDArray[np.bool_], other: NDArray[np.bool_], both: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    """Return the map of what is in one of two sets only; `both` is used up."""
    labels = other.view(np.uint8) * np.uint8(ONLY_MOVING)
    labels |= ink.view(np.uint8) * np.uint8(ONLY_REFERENCE)
    np.logical_not(both, out=both)
    labels *= both.view(np.uint8)
    return labels
