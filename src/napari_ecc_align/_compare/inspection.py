"""Everything a person looks at after an alignment: images, counts, and the table before/after."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._common.steps import outcome_of
from .._common.tables import INSPECTION_KEYS, three_digits
from .._images.coverage import overlap
from .._images.filling import Fill
from .._images.interpolation import Interpolation
from .._images.opacity import flattened
from .._images.pixels import as_array, check_mask, in_doubles, strips, to_gray, valid_pixels
from .._images.pyramid.filters import RADIUS, SIGMA
from .._images.sources import LazyArray
from .._images.warping import Resampling, warp
from .._transform.coordinates import corners
from .._transform.field import Field
from .._transform.transform import Transform
from .._transform.transform_like import FieldLike, TransformLike, as_map, as_transform
from .._verdict.wording import html_row
from .binary import Comparison, compare
from .difference import difference, mean_difference
from .thresholding import Thresholding, ThresholdMethod
from .views import data_uri, overlay

# Of the overlay in a notebook, in pixels.
_THUMBNAIL_SIDE = 400


@dataclass(frozen=True, eq=False)
class Inspection:
    """An alignment to look at, all on the reference's grid.

    Attributes
    ----------
    reference : ndarray
        The reference itself.
    warped : ndarray
        The moving image on the reference's grid, in its own dtype.
    valid : ndarray of bool, shape (h, w)
        Where both images hold data.
    difference : ndarray of float32, shape (h, w)
        What differs once contrast is matched; 0 outside the overlap.
    before, after : Comparison
        Of the binarised images, before and after the alignment.
    mean_difference_before, mean_difference : float
        Mean of the absolute difference over the overlap, in the reference's units.
    corner_shift : float
        How far the alignment moves the corners of the reference from where the images lay, RMS in
        pixels of the moving image.
    ecc_before : float or None
        Correlation of the two images over their overlap as they lay; None where that is pixel on
        pixel, of which the result of the alignment tells.

    Examples
    --------
    >>> from skimage import data
    >>> from napari_ecc_align import inspect_alignment
    >>> camera = data.camera()
    >>> seen = inspect_alignment(camera[:200], camera[3:203], [[1, 0, 0], [0, 1, -3]])
    >>> seen.warped.shape, seen.overlay().shape, int(seen.valid[:, 0].argmax())
    ((200, 512), (200, 512, 3), 3)
    """

    reference: NDArray[Any]
    warped: NDArray[Any]
    valid: NDArray[np.bool_]
    difference: NDArray[np.float32]
    before: Comparison
    after: Comparison
    mean_difference_before: float
    mean_difference: float
    corner_shift: float
    ecc_before: float | None = None

    def overlay(self) -> NDArray[np.uint8]:
        """Return the two images over each other in two colours, as `overlay` draws them.

        Returns
        -------
        ndarray of uint8, shape (h, w, 3)
        """
        return overlay(self.reference, self.warped, mask=self.valid)

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers before and after the alignment as one flat row.

        Those before it have the keys of those after it, with "_before" behind them.

        Examples
        --------
        >>> from skimage import data
        >>> from napari_ecc_align import Transform, inspect_alignment
        >>> camera = data.camera()
        >>> row = inspect_alignment(camera, camera, Transform.identity()).to_dict()
        >>> row["different_before"], row["different"], row["iou"], row["method"]
        (0, 0, 1.0, 'otsu')
        """
        before = {f"{key}_before": value for key, value in self.before.to_dict().items()}
        found = {**vars(self), **before, **self.after.to_dict()}
        return {key: found[key] for key in INSPECTION_KEYS}

    def __repr__(self) -> str:
        return f"before: {self.before}\nafter: {self.after}"

    def _repr_html_(self) -> str:
        """Return the numbers and the overlay, for a notebook."""
        rows = "".join(html_row(row.label, row.before, row.after) for row in counted_rows(self))
        step = -(-max(self.valid.shape) // _THUMBNAIL_SIDE)
        small = (slice(None, None, step),) * 2
        picture = overlay(self.reference[small], self.warped[small], mask=self.valid[small])
        head = html_row("", "before", "after")
        return f'<img src="{data_uri(picture)}" alt="overlay"><table>{head}{rows}</table>'


@dataclass(frozen=True)
class Row:
    """One line of the table before/after."""

    label: str
    before: str
    after: str


def inspect_alignment(
    reference: ArrayLike | LazyArray,
    moving: ArrayLike | LazyArray,
    transform: TransformLike | FieldLike,
    *,
    method: ThresholdMethod = "otsu",
    thresholds: float | tuple[float, float] | None = None,
    window_size: int | None = None,
    k: float | None = None,
    signed: bool = False,
    interpolation: Interpolation = "linear",
    fill: float | Literal["background"] = "background",
    start: TransformLike | None = None,
    reference_mask: ArrayLike | LazyArray | None = None,
    moving_mask: ArrayLike | LazyArray | None = None,
) -> Inspection:
    """Resample the moving image and compare it with the reference before and after.

    Parameters
    ----------
    reference, moving : array_like, shape (h, w) or (h, w, 3 or 4)
        The two images.
    transform : Transform, Field, a result, or array_like, shape (3, 3) or (2, 3)
        Maps reference pixels to moving pixels.
    method, thresholds, window_size, k
        As in `compare`.
    signed, interpolation, fill
        As in `difference` and `warp`.
    start : Transform or array_like, optional
        How the images lay before, reference pixel to moving pixel; pixel on pixel when left out.
    reference_mask, moving_mask : array_like, shape (h, w), optional
        Pixels of each image that count.

    Raises
    ------
    InputError
        If an argument cannot be used; the message names it.

    Examples
    --------
    >>> from skimage import data
    >>> from napari_ecc_align import Transform, inspect_alignment
    >>> camera = data.camera()
    >>> known = Transform([[1, 0, -5], [0, 1, 3], [0, 0, 1]], model="translation")
    >>> seen = inspect_alignment(camera[100:300, 100:350], camera[97:297, 105:355], known)
    >>> seen.before.different > 1000, seen.after.different
    (True, 0)
    """
    return outcome_of(
        inspection_steps(
            reference,
            moving,
            transform,
            thresholding=Thresholding(method, thresholds, window_size, k),
            signed=signed,
            resampling=Resampling(interpolation, fill),
            start=start,
            masks=(reference_mask, moving_mask),
        )
    )


def inspection_steps(
    reference: ArrayLike | LazyArray,
    moving: ArrayLike | LazyArray,
    transform: TransformLike | FieldLike,
    *,
    thresholding: Thresholding,
    signed: bool | None = False,
    resampling: Resampling,
    start: TransformLike | None = None,
    masks: tuple[ArrayLike | LazyArray | None, ArrayLike | LazyArray | None] = (None, None),
) -> Generator[str, None, Inspection]:
    """Inspect as `inspect_alignment` does, one step at a time.

    For callers that want to stop in between, such as a worker thread. `masks` are those of the
    reference and of the moving image. Where `signed` is None only the numbers are told, as of
    images that are drawn where somebody looks: all arrays are empty then.

    Returns
    -------
    generator
        Yields what was done, in a word or two, and returns the `Inspection`.
    """
    found = as_map(transform)
    lay = Transform.identity() if start is None else as_transform(start)
    fixed = in_doubles(as_array(reference, "reference"))
    other = in_doubles(as_array(moving, "moving"))
    shown, other_shown = flattened(fixed), flattened(other)
    fixed_valid = valid_pixels(shown, check_mask(masks[0], fixed.shape, "reference_mask"))
    other_valid = valid_pixels(other_shown, check_mask(masks[1], other.shape, "moving_mask"))

    def resampled(image: NDArray[Any], by: Transform | Field, fill: Fill) -> NDArray[Any]:
        how = resampling.interpolation
        return np.asarray(warp(image, by, output_shape=fixed.shape, interpolation=how, fill=fill))

    def laid(by: Transform | Field) -> Laid:
        image = resampled(other, by, resampling.fill)
        # What is drawn on nothing is compared as it looks, beyond it, too.
        drawn = image if other_shown is other else resampled(other_shown, by, "background")
        inside = overlap(
            by, output_shape=fixed.shape, moving_shape=other.shape, moving_valid=other_valid
        )
        return Laid(image, drawn, inside & fixed_valid)

    seen = yield from seen_steps(
        shown,
        laid,
        lay,
        found,
        thresholding,
        signed=signed,
        with_ecc=start is not None,
    )
    seen = replace(seen, corner_shift=_corner_shift(found, lay, fixed.shape))
    return seen if signed is None else replace(seen, reference=fixed)


Way = TypeVar("Way")


@dataclass(frozen=True, eq=False)
class Laid:
    """An image on the grid of a reference.

    Attributes
    ----------
    image, drawn : ndarray, shape (h, w) or (h, w, 3 or 4)
        As it is, and as it looks.
    inside : ndarray of bool, shape (h, w)
        Where both hold data.
    """

    image: NDArray[Any]
    drawn: NDArray[Any]
    inside: NDArray[np.bool_]


_NO_PIXELS: NDArray[Any] = np.empty((0, 0), np.uint8)


def seen_steps(
    shown: NDArray[Any],
    laid: Callable[[Way], Laid],
    lay: Way,
    found: Way,
    thresholding: Thresholding,
    *,
    signed: bool | None,
    with_ecc: bool,
) -> Generator[str, None, Inspection]:
    """Compare a reference with an image that is laid on it in two ways.

    Parameters
    ----------
    shown : ndarray, shape (h, w) or (h, w, 3 or 4)
        The reference as it looks.
    laid : callable
        Returns the image laid on the reference in a way.
    lay, found : transform
        The ways before and after the alignment.
    thresholding
        As in `inspection_steps`.
    signed : bool or None
        As in `inspection_steps`; None where no pictures are wanted.
    with_ecc : bool
        Whether the correlation before is wanted.

    Returns
    -------
    generator
        Yields what was done, and returns an `Inspection` that does not tell how far corners moved.
    """

    def compared(by: Way, when: str) -> Generator[str, None, tuple[Comparison, Laid]]:
        one = laid(by)
        yield "resampled"
        comparison = compare(shown, one.drawn, mask=one.inside, **thresholding.keywords())
        if signed is None:
            comparison = replace(comparison, labels=_NO_PIXELS)
        yield f"compared {when}"
        return comparison, one

    before, one = yield from compared(lay, "before")
    mean_before = mean_difference(shown, one.drawn, one.inside)
    ecc_before = _correlation(shown, one.drawn, one.inside) if with_ecc else None
    # What was resampled without the alignment is as large as the images, and not kept.
    del one
    yield "difference before"
    after, one = yield from compared(found, "after")
    if signed is None:
        mean, pictures = mean_difference(shown, one.drawn, one.inside), (_NO_PIXELS,) * 4
    else:
        gap = difference(shown, one.drawn, signed=signed, mask=one.inside)
        mean, pictures = _mean_inside(gap, one.inside), (shown, one.image, one.inside, gap)
    return Inspection(
        *pictures,
        before=before,
        after=after,
        mean_difference_before=mean_before,
        mean_difference=mean,
        corner_shift=np.nan,
        ecc_before=ecc_before,
    )


def _corner_shift(found: Transform | Field, lay: Transform, shape: tuple[int, ...]) -> float:
    points = corners(shape)
    with np.errstate(over="ignore"):  # what lies that far apart is infinitely far
        return float(np.sqrt(((found(points) - lay(points)) ** 2).sum(axis=1).mean()))


def _correlation(first: NDArray[Any], second: NDArray[Any], inside: NDArray[np.bool_]) -> float:
    """Return the correlation coefficient of two images where they overlap; 0 of flat ones.

    Slightly smoothed, as those are that a result tells the coefficient of.
    """
    from scipy import ndimage

    sums, count = np.zeros((2, 3)), 0
    for rows in strips(inside.shape):
        margin = min(RADIUS, rows.start)
        wide = slice(rows.start - margin, rows.stop + RADIUS)
        own = slice(margin, margin + rows.stop - rows.start)
        within = ndimage.minimum_filter(inside[wide], 2 * RADIUS + 1)[own]
        count += int(np.count_nonzero(within))
        a, b = (
            ndimage.gaussian_filter(
                np.where(inside[wide], to_gray(image[wide]), 0), SIGMA, radius=RADIUS
            )[own][within].astype(np.float64)
            for image in (first, second)
        )
        sums += np.array([[a.sum(), b.sum(), a @ b], [a @ a, b @ b, 0]], np.float64)
    (mean_a, mean_b, both), (square_a, square_b, _) = sums / max(1, count)
    spread = (square_a - mean_a**2) * (square_b - mean_b**2)
    return float((both - mean_a * mean_b) / np.sqrt(spread)) if spread > 0 else 0.0


def _mean_inside(gap: NDArray[np.float32], inside: NDArray[np.bool_]) -> float:
    # Outside there is no difference to add.
    total = sum(float(np.abs(gap[rows]).sum(dtype=np.float64)) for rows in strips(gap.shape))
    return total / max(1, int(np.count_nonzero(inside)))


def counted_rows(inspection: Inspection) -> list[Row]:
    """Return the lines that need no more than the images."""
    before, after = inspection.before, inspection.after
    rows = [
        Row("differing pixels", f"{before.different:,}", f"{after.different:,}"),
        Row("share of overlap", f"{before.fraction:.2%}", f"{after.fraction:.2%}"),
        Row("IoU", f"{before.iou:.3f}", f"{after.iou:.3f}"),
        Row("Dice", f"{before.dice:.3f}", f"{after.dice:.3f}"),
        Row(
            "mean difference",
            three_digits(inspection.mean_difference_before),
            three_digits(inspection.mean_difference),
        ),
    ]
    # Images that did not overlap did not agree either.
    return rows if before.compared else [replace(row, before="") for row in rows]
