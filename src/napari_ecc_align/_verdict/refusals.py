"""What no two images of one thing need: transforms that are refused before any tile is asked."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .._images.pyramid.levels import Level
from .._transform.plausible import distortions
from .limits import LEAST_PART
from .sampling import overlap_share

# Beyond what the search finds without a start (scales of 0.6 to 1.6), and as one axis to the
# other. Chosen, not measured.
LARGEST_STRETCH = 4.0
LARGEST_SHEAR = 2.5


def why_implausible(matrix: NDArray[np.float64], shape: tuple[int, int] = (1, 1)) -> str | None:
    """Return why no two images of one thing are related by a matrix, or None if they may be.

    Parameters
    ----------
    matrix : ndarray of float64, shape (3, 3)
        Maps reference pixels to moving pixels.
    shape : tuple of int
        Height and width of the reference; by default only its first pixel is looked at.
    """
    for found in distortions(matrix, shape):
        if not found.depth > 0:
            return "The transform found folds the image."
        # Also where something is not finite.
        if not found.determinant > 0:
            return "The transform found would mirror the image."
        large, small = found.stretch, found.squeeze
        if large > LARGEST_STRETCH or small < 1 / LARGEST_STRETCH or large > LARGEST_SHEAR * small:
            return (
                f"The transform found stretches the image by {large:.2g} and {small:.2g}, "
                "which no two images of one thing need."
            )
    return None


def why_too_little(overlap: float) -> str | None:
    """Return why an overlap does not do, or None if it does."""
    if overlap < LEAST_PART:
        return f"Only {overlap:.0%} of the reference is covered."
    return None


def why_refused(
    reference: Level, moving: Level, matrix: NDArray[np.float64], overlap: float
) -> str | None:
    """Return why a matrix is not worth asking tiles, or None if it is."""
    flaw = why_implausible(matrix, reference.shape)
    if not flaw and (flaw := why_too_little(overlap)):
        # What is small, or counts only in a small region, covers little however well it lies.
        back = np.asarray(np.linalg.inv(matrix), np.float64)
        flaw = why_too_little(overlap_share(moving, reference, back)) and flaw
    return flaw
