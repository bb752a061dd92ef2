"""Everything a person looks at after an alignment: images, counts, and the table before/after."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._common.steps import outcome_of
from .._images.coverage import overlap
from .._images.pixels import as_array, check_mask, strips, valid_pixels
from .._images.warping import Interpolation, Resampling, warp
from .._transform.transform import Transform, corner_error
from .._verdict.result import AlignmentResult
from .binary import Comparison, compare
from .difference import DifferenceMode, difference
from .thresholding import Thresholding, ThresholdMethod


@dataclass(frozen=True, eq=False)
class Inspection:
    """An alignment to look at, all on the reference's grid.

    Attributes
    ----------
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
        How far the alignment moves the corners of the reference, RMS in pixels.
    """

    warped: NDArray[Any]
    valid: NDArray[np.bool_]
    difference: NDArray[np.float32]
    before: Comparison
    after: Comparison
    mean_difference_before: float
    mean_difference: float
    corner_shift: float


_Seen = tuple[Comparison, float, NDArray[np.float32], NDArray[np.bool_], NDArray[Any]]


@dataclass(frozen=True)
class Row:
    """One line of the table before/after."""

    label: str
    before: str
    after: str


def inspect_alignment(
    reference: ArrayLike,
    moving: ArrayLike,
    transform: Transform,
    *,
    method: ThresholdMethod = "otsu",
    threshold: float | tuple[float, float] | None = None,
    window_size: int | None = None,
    k: float | None = None,
    mode: DifferenceMode = "absolute",
    interpolation: Interpolation = "linear",
    fill: float | Literal["background"] = "background",
    reference_mask: ArrayLike | None = None,
    moving_mask: ArrayLike | None = None,
) -> Inspection:
    """Resample the moving image and compare it with the reference before and after.

    Parameters
    ----------
    reference, moving : array_like, shape (h, w) or (h, w, 3 or 4)
        The two images.
    transform : Transform
        Maps reference pixels to moving pixels.
    method, threshold, window_size, k
        As in `compare`.
    mode, interpolation, fill
        As in `difference` and `warp`.
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
            thresholding=Thresholding(method, threshold, window_size, k),
            mode=mode,
            resampling=Resampling(interpolation, fill),
            reference_mask=reference_mask,
            moving_mask=moving_mask,
        )
    )


def inspection_steps(
    reference: ArrayLike,
    moving: ArrayLike,
    transform: Transform,
    *,
    thresholding: Thresholding,
    mode: DifferenceMode = "absolute",
    resampling: Resampling,
    reference_mask: ArrayLike | None = None,
    moving_mask: ArrayLike | None = None,
) -> Generator[str, None, Inspection]:
    """Inspect as `inspect_alignment` does, one step at a time.

    For callers that want to stop in between, such as a worker thread.

    Returns
    -------
    generator
        Yields what was done, in a word or two, and returns the `Inspection`.
    """
    fixed, other = as_array(reference, "reference"), as_array(moving, "moving")
    fixed_valid = valid_pixels(fixed, check_mask(reference_mask, fixed.shape, "reference_mask"))
    other_valid = valid_pixels(other, check_mask(moving_mask, other.shape, "moving_mask"))

    def seen(by: Transform, when: str) -> Generator[str, None, _Seen]:
        image = warp(
            other,
            by,
            output_shape=fixed.shape,
            interpolation=resampling.interpolation,
            fill=resampling.fill,
        )
        inside = overlap(
            by, output_shape=fixed.shape, moving_shape=other.shape, moving_valid=other_valid
        )
        inside &= fixed_valid
        yield "resampled"
        comparison = compare(fixed, image, mask=inside, **thresholding.keywords())
        yield f"compared {when}"
        gap = difference(fixed, image, mode=mode, mask=inside)
        return comparison, _mean_inside(gap, inside), gap, inside, image

    # What was resampled without the alignment is as large as the images, and not kept.
    before, mean_before = (yield from seen(Transform.identity(), "before"))[:2]
    yield "difference before"
    after, mean, gap, inside, warped = yield from seen(transform, "after")
    return Inspection(
        warped=warped,
        valid=inside,
        difference=gap,
        mean_difference_before=mean_before,
        mean_difference=mean,
        before=before,
        after=after,
        corner_shift=corner_error(transform.matrix, np.eye(3), fixed.shape),
    )


def _with_uncertainty(shift: float, result: AlignmentResult) -> str:
    if not np.isfinite(result.corner_uncertainty):
        return f"{shift:.2f}"
    return f"{shift:.2f} ± {result.corner_uncertainty:.2g}"


def _mean_inside(gap: NDArray[np.float32], inside: NDArray[np.bool_]) -> float:
    # Outside there is no difference to add.
    total = sum(float(np.abs(gap[rows]).sum(dtype=np.float64)) for rows in strips(gap.shape))
    return total / max(1, int(np.count_nonzero(inside)))


def before_after(result: AlignmentResult, inspection: Inspection) -> list[Row]:
    """Return the table that says what an alignment changed, the headline first.

    Parameters
    ----------
    result : AlignmentResult
        From `align`.
    inspection : Inspection
        From `inspect_alignment`, of the same images and transform.

    Returns
    -------
    list of Row
        Each with a `label`, and the texts `before` and `after`.

    Examples
    --------
    >>> from skimage import data
    >>> from napari_ecc_align import align, before_after, inspect_alignment
    >>> camera = data.camera()
    >>> images = camera[100:300, 100:350], camera[97:297, 105:355]
    >>> result = align(*images, model="translation")
    >>> rows = before_after(result, inspect_alignment(*images, result.transform))
    >>> rows[0].label, rows[0].after
    ('differing pixels', '0')
    """
    before, after = inspection.before, inspection.after
    return [
        Row("differing pixels", f"{before.different:,}", f"{after.different:,}"),
        Row("share of overlap", f"{before.fraction:.2%}", f"{after.fraction:.2%}"),
        Row("IoU", f"{before.iou:.3f}", f"{after.iou:.3f}"),
        Row("Dice", f"{before.dice:.3f}", f"{after.dice:.3f}"),
        Row(
            "mean difference",
            f"{inspection.mean_difference_before:.3g}",
            f"{inspection.mean_difference:.3g}",
        ),
        Row("ECC", f"{result.ecc_before:.4f}", f"{result.ecc:.4f}"),
        Row("corners moved, px", "0", _with_uncertainty(inspection.corner_shift, result)),
        Row("time, s", "", f"{result.seconds:.2g}"),
    ]
