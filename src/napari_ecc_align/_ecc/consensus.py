"""The transform that most of many matched points agree on."""

from __future__ import annotations

import numpy as np

from .._common.opencv import cv2
from .._images.pyramid.levels import floats
from .._transform.models import Array, Model

# Fewer points may agree on any similarity by accident.
FEWEST = 6
_THRESHOLD = 3.0


def consensus(points: Array, others: Array, model: Model) -> Array | None:
    """Fit a model to (n, 2) matched points (x, y) robustly; None where too few agree.

    What is narrower than a similarity is fitted as one.
    """
    if len(points) < FEWEST:
        return None
    a, b = floats(points), floats(others)
    if model.name == "homography":
        matrix, inliers = cv2.findHomography(
            a, b, cv2.USAC_MAGSAC, _THRESHOLD, maxIters=5000, confidence=0.999
        )
    elif model.name == "affine":
        matrix, inliers = cv2.estimateAffine2D(a, b, None, cv2.USAC_MAGSAC, _THRESHOLD, 5000)
    else:
        matrix, inliers = cv2.estimateAffinePartial2D(a, b, None, cv2.RANSAC, _THRESHOLD, 5000)
    if matrix is None or inliers is None or np.count_nonzero(inliers) < FEWEST:
        return None
    out = np.eye(3)
    out[: len(matrix)] = matrix
    return out
