"""The difference of two aligned images, after their contrast has been matched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import InputError
from .pixels import as_array, check_mask, to_gray, valid_pixels

DifferenceMode = Literal["absolute", "signed"]
DIFFERENCE_MODES: tuple[DifferenceMode, ...] = get_args(DifferenceMode)


@dataclass(frozen=True)
class Contrast:
    """The gain and offset that carry one image's intensities to another's."""

    gain: float
    offset: float


def difference(
    reference: ArrayLike,
    aligned: ArrayLike,
    *,
    mode: DifferenceMode = "absolute",
    mask: ArrayLike | None = None,
) -> NDArray[np.float32]:
    """Return what differs between two images that lie on one grid.

    The aligned image's contrast is matched to the reference first: gain, offset and sign are
    fitted over the overlap. A gray scan and a binary page of the same ink, dark on white against
    white on black, thus differ only where their ink does.

    Parameters
    ----------
    reference, aligned : array_like, shape (h, w) or (h, w, 3 or 4)
        Images on the same grid, any real dtypes. Of colour, the luminance is compared.
    mode : {"absolute", "signed"}
        "signed" is reference minus aligned, in the reference's units; "absolute" its magnitude.
    mask : array_like, shape (h, w), optional
        Where the two overlap; elsewhere there is no difference. NaN counts as outside.

    Returns
    -------
    ndarray of float32, shape (h, w)
        Zero where the images agree, and outside the overlap.

    Raises
    ------
    InputError
        If an argument cannot be used; the message names it.
    """
    if mode not in DIFFERENCE_MODES:
        raise InputError(f"mode must be one of {', '.join(DIFFERENCE_MODES)}, not {mode!r}")
    first, second, inside = on_one_grid(reference, aligned, mask)
    contrast = match_contrast(first, second, inside)
    # Outside the overlap there may be NaN or infinity; it is replaced before it can warn.
    gap = np.where(inside, first, 0) - (
        contrast.gain * np.where(inside, second, 0) + contrast.offset
    )
    gap[~inside] = 0
    return np.abs(gap).astype(np.float32) if mode == "absolute" else gap.astype(np.float32)


def match_contrast(
    reference: NDArray[np.floating], aligned: NDArray[np.floating], inside: NDArray[np.bool_]
) -> Contrast:
    """Fit ``reference = gain * aligned + offset`` by least squares over a mask.

    The gain is zero where either image is flat or nothing is inside.
    """
    x = aligned[inside].astype(np.float64)
    y = reference[inside].astype(np.float64)
    if not x.size:
        return Contrast(0.0, 0.0)
    x_mean, y_mean = x.mean(), y.mean()
    x -= x_mean
    variance = x @ x
    gain = float(x @ (y - y_mean) / variance) if variance > 0 else 0.0
    return Contrast(gain, float(y_mean - gain * x_mean))


def on_one_grid(
    reference: ArrayLike, aligned: ArrayLike, mask: ArrayLike | None
) -> tuple[NDArray[np.floating], NDArray[np.floating], NDArray[np.bool_]]:
    """Return two images as gray planes of one shape, and where both hold data.

    Raises
    ------
    InputError
        If the images do not have one height and width, or the mask does not have them too.
    """
    first, second = as_array(reference, "reference"), as_array(aligned, "aligned")
    if first.shape[:2] != second.shape[:2]:
        raise InputError(
            f"aligned must lie on the reference's grid: it is {second.shape[:2]}, "
            f"the reference {first.shape[:2]}; warp it first"
        )
    if not first.size:
        raise InputError("reference is empty")
    inside = valid_pixels(first, check_mask(mask, first.shape, "mask")) & valid_pixels(second)
    return to_gray(first, inside), to_gray(second, inside), inside
