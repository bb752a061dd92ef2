"""The difference of two aligned images, after their contrast has been matched."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._common.errors import InputError
from .._images.opacity import flattened
from .._images.pixels import as_array, check_mask, in_doubles, strips, to_gray, valid_pixels
from .._images.sources import LazyArray
from .._images.value_counts import has_few_values

_LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Contrast:
    """The gain and offset that carry one image's intensities to another's."""

    gain: float
    offset: float


def difference(
    reference: ArrayLike | LazyArray,
    warped: ArrayLike | LazyArray,
    *,
    signed: bool = False,
    mask: ArrayLike | LazyArray | None = None,
) -> NDArray[np.float32]:
    """Return what differs between two images that lie on one grid.

    The warped image's contrast is matched to the reference first: gain, offset and sign are
    fitted over the overlap. A gray scan and a binary page of the same ink, dark on white against
    white on black, thus differ only where their ink does.

    Parameters
    ----------
    reference, warped : array_like, shape (h, w) or (h, w, 3 or 4)
        Images on the same grid, any real dtypes. Of colour, the luminance is compared.
    signed : bool, default: False
        Return reference minus warped, in the reference's units, rather than its magnitude.
    mask : array_like, shape (h, w), optional
        Where the two overlap; elsewhere there is no difference. NaN counts as outside.

    Returns
    -------
    ndarray of float32, shape (h, w)
        Zero where the images agree, and outside the overlap. What single precision cannot hold
        is its largest number.

    Raises
    ------
    InputError
        If an argument cannot be used; the message names it.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_ecc_align import difference
    >>> page = np.full((40, 40), 255.0)
    >>> page[10:20, 10:30] = 0
    >>> darker = 0.5 * page + 20
    >>> bool(np.abs(difference(page, darker)).max() < 1e-3)
    True
    >>> negative = 255 - page
    >>> bool(np.abs(difference(page, negative)).max() < 1e-3)
    True
    """
    if not isinstance(signed, (bool, np.bool_)):
        raise InputError(f"signed must be True or False, not {signed!r}")
    first, second, inside = on_one_grid(reference, warped, mask)
    contrast = match_contrast(first, second, inside)
    return gap(first, second, inside, contrast, signed=signed)


def gap(
    first: NDArray[Any],
    second: NDArray[Any],
    inside: NDArray[np.bool_],
    contrast: Contrast,
    *,
    signed: bool,
) -> NDArray[np.float32]:
    """Return what differs between two gray planes whose contrast is known; 0 outside."""
    found = np.zeros(inside.shape, np.float32)
    for rows in strips(inside.shape):
        x, y = (to_gray(plane[rows]) for plane in (second, first))
        # Outside the overlap there may be NaN or infinity.
        with np.errstate(invalid="ignore", over="ignore"):
            part = y - (contrast.gain * x + contrast.offset)
            if not signed:
                np.abs(part, out=part)
            if part.dtype.itemsize > 4:
                np.clip(part, -_LARGEST, _LARGEST, out=part)
            np.copyto(found[rows], part, where=inside[rows], casting="same_kind")
    return found


def mean_difference(
    reference: ArrayLike | LazyArray,
    warped: ArrayLike | LazyArray,
    mask: ArrayLike | LazyArray | None = None,
) -> float:
    """Return the mean over the overlap of what `difference` returns, which is not kept.

    Examples
    --------
    >>> import numpy as np
    >>> page = np.arange(1600.0).reshape(40, 40)
    >>> mean_difference(page, page)
    0.0
    """
    first, second, inside = on_one_grid(reference, warped, mask)
    contrast = match_contrast(first, second, inside)
    # Outside there is no difference to add.
    parts = (
        gap(first[rows], second[rows], inside[rows], contrast, signed=False)
        for rows in strips(inside.shape)
    )
    total = sum(float(part.sum(dtype=np.float64)) for part in parts)
    return total / max(1, int(np.count_nonzero(inside)))


def match_contrast(
    reference: NDArray[Any], warped: NDArray[Any], inside: NDArray[np.bool_]
) -> Contrast:
    """Fit ``reference = gain * warped + offset`` by least squares over a mask.

    The gain is zero where either image is flat or nothing is inside.
    """
    count = int(np.count_nonzero(inside))
    if not count:
        return Contrast(0.0, 0.0)
    units = _unit(warped, inside), _unit(reference, inside)
    x_sum = y_sum = 0.0
    for x, y in _pairs(reference, warped, inside, units):
        x_sum, y_sum = x_sum + float(x.sum()), y_sum + float(y.sum())
    x_mean, y_mean = x_sum / count, y_sum / count
    variance = covariance = 0.0
    for x, y in _pairs(reference, warped, inside, units):
        x -= x_mean
        y -= y_mean
        variance, covariance = variance + _product(x, x), covariance + _product(x, y)
    gain = covariance / variance if variance > 0 else 0.0
    return Contrast(gain * (units[1] / units[0]), (y_mean - gain * x_mean) * units[1])


def _unit(image: NDArray[Any], inside: NDArray[np.bool_]) -> float:
    """Return the unit in which squares and sums of an image's values stay in range."""
    if image.dtype.kind != "f" or image.dtype.itemsize < 8:
        return 1.0
    parts = (image[rows][inside[rows]] for rows in strips(inside.shape))
    largest = max(float(np.abs(part).max(initial=0.0)) for part in parts)
    return 1.0 if largest == 0 or 1e-100 < largest < 1e100 else largest


def _product(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    # Not a matrix product, whose threads take longer to wake than this.
    return float(np.einsum("i,i->", a, b))


def _pairs(
    reference: NDArray[Any],
    warped: NDArray[Any],
    inside: NDArray[np.bool_],
    units: tuple[float, float],
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Yield the values (warped, reference) of the pixels inside, some rows at a time."""
    for rows in strips(inside.shape):
        chosen = inside[rows]
        x, y = (image[rows][chosen].astype(np.float64) for image in (warped, reference))
        for values, unit in zip((x, y), units, strict=True):
            if unit != 1:
                values /= unit
        yield x, y


def on_one_grid(
    reference: ArrayLike | LazyArray,
    warped: ArrayLike | LazyArray,
    mask: ArrayLike | LazyArray | None,
) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.bool_]]:
    """Return two images as gray planes of one shape, and where both hold data.

    Gray integers of 8 and 16 bits stay what they are; all else becomes floats.

    Raises
    ------
    InputError
        If the images do not have one height and width, or the mask does not have them too.
    """
    first, second = (
        flattened(in_doubles(as_array(image, name)))
        for image, name in ((reference, "reference"), (warped, "warped"))
    )
    if first.shape[:2] != second.shape[:2]:
        raise InputError(
            f"warped must lie on the reference's grid: it is {second.shape[:2]}, "
            f"the reference {first.shape[:2]}; warp it first"
        )
    if not first.size:
        raise InputError("reference is empty")
    inside = valid_pixels(first, check_mask(mask, first.shape, "mask")) & valid_pixels(second)
    return _plane(first, inside), _plane(second, inside), inside


def _plane(image: NDArray[Any], inside: NDArray[np.bool_]) -> NDArray[Any]:
    if image.ndim == 2 and has_few_values(image.dtype):
        return np.ma.getdata(image)
    return to_gray(image, inside)
