"""The enhanced correlation coefficient of two planes under a matrix."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

LEAST_PIXELS = 100
"""Over fewer pixels than this a correlation means nothing."""


def resample(
    image: NDArray[Any], matrix: NDArray[np.float64], shape: tuple[int, ...]
) -> NDArray[Any]:
    """Resample a float32 or uint8 image linearly on a grid of `shape`, with 0 outside of it."""
    from .._common.opencv import cv2

    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    size = shape[1], shape[0]
    resampled: NDArray[Any]
    if np.array_equal(matrix[2], [0, 0, 1]):
        resampled = cv2.warpAffine(image, matrix[:2], size, flags=flags)
    else:
        resampled = cv2.warpPerspective(image, matrix, size, flags=flags)
    return resampled


def ecc(
    reference: NDArray[np.float32],
    reference_valid: NDArray[np.uint8],
    moving: NDArray[np.float32],
    moving_valid: NDArray[np.uint8],
    matrix: NDArray[np.float64],
) -> tuple[float, float]:
    """Return the ECC under a matrix, and the overlap it was taken over.

    The coefficient is that of Evangelidis and Psarakis (2008, eq. 3): the cosine of the angle
    between the two images, each less its mean over the overlap.

    Parameters
    ----------
    reference, moving : ndarray of float32, shape (h, w)
        Intensities.
    reference_valid, moving_valid : ndarray of uint8, shape (h, w)
        255 where a pixel counts, 0 elsewhere.
    matrix : ndarray of float64, shape (3, 3)
        Maps reference pixels to moving pixels.

    Returns
    -------
    coefficient : float
        In [-1, 1]; 0 where too little overlaps or an image is flat there.
    overlap : float
        Share of the valid reference pixels that lie on valid moving pixels.
    """
    covered = resample(moving_valid, matrix, reference.shape)
    inside = (covered == 255) & (reference_valid > 0)
    count = int(np.count_nonzero(inside))
    overlap = count / max(1, int(np.count_nonzero(reference_valid)))
    if count < LEAST_PIXELS:
        return 0.0, overlap
    a = reference[inside].astype(np.float64)
    b = resample(moving, matrix, reference.shape)[inside].astype(np.float64)
    a -= a.mean()
    b -= b.mean()
    norm = np.sqrt((a @ a) * (b @ b))
    return float(a @ b / norm) if norm > 0 else 0.0, overlap
