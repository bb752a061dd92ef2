"""Initial guesses from features, for pairs that correlation of small images cannot place."""

from __future__ import annotations

from collections.abc import Generator
from functools import partial

import numpy as np
from numpy.typing import NDArray

from .._common.opencv import cv2
from .._common.steps import awaited
from .._images.pyramid.levels import Floats, Level, floats, middle
from .._transform.coordinates import scaled
from .._transform.models import Array, Model
from .consensus import FEWEST, consensus

# Features and blobs are found on the finest level of at most so many pixels. With 400 * 400, no
# more were found of 144 pairs that lie far apart, and with a quarter of that three of 66 less.
PIXELS = 300 * 300
# So many features of each image; more than twice as many found no more of those 66.
_MOST = 400
_RATIO = 0.8
_NEIGHBOURHOOD = 12.0


def initial_guesses(
    reference: Level, moving: Level, model: Model
) -> Generator[None, None, list[Array]]:
    """Return transforms (px of level 0) from SIFT matches [1]_, for either contrast.

    Yields while features are found, and after every matching. They may be freer than the model.

    References
    ----------
    .. [1] D. G. Lowe, "Distinctive Image Features from Scale-Invariant Keypoints", IJCV 60(2),
       2004.
    """
    sift = cv2.SIFT.create(nfeatures=_MOST)
    # Each is one call, of which most of the time goes by.
    points, descriptors = yield from awaited(partial(_detect, sift, reference))
    others, theirs = yield from awaited(partial(_detect, sift, moving))
    yield
    if descriptors is None or theirs is None or min(len(points), len(others)) < FEWEST:
        return []
    out = []
    for sought in (theirs, _negative(theirs)):
        matrix = _fit(points, descriptors, others, sought, model)
        yield
        if matrix is not None:
            out.append(scaled(matrix, 2.0**reference.index))
    return out


def _negative(descriptors: Floats) -> Floats:
    """Return the descriptors that the negative of the image would have.

    All gradients, and with them the direction of each feature, turn round: the 4 x 4 cells change
    places, and the 8 directions relative to the feature's stay.
    """
    cells = descriptors.reshape(-1, 4, 4, 8)
    return floats(np.ascontiguousarray(cells[:, ::-1, ::-1]).reshape(-1, 128))


def _bytes(image: Floats) -> NDArray[np.uint8]:
    """Return 8 bits with the same contrast everywhere.

    Faint detail in an even picture then counts as much as strong edges.
    """
    image = image - cv2.GaussianBlur(image, (0, 0), _NEIGHBOURHOOD)
    spread = np.sqrt(cv2.GaussianBlur(image * image, (0, 0), _NEIGHBOURHOOD))
    image /= spread + 0.5 * np.float32(np.median(spread)) + np.float32(1e-6)
    return np.asarray(np.clip(image * 48 + 128, 0, 255).astype(np.uint8))


def _detect(sift: cv2.SIFT, level: Level) -> tuple[Array, Floats | None]:
    level, origin = middle(level)
    image, valid = level.whole()
    mask = None if valid is None else valid.view(np.uint8) * np.uint8(255)
    keypoints, descriptors = sift.detectAndCompute(_bytes(image), mask)
    points = np.array([point.pt for point in keypoints]).reshape(-1, 2) + origin
    # Where strengths tie, more than asked for are returned.
    return points[:_MOST], None if descriptors is None else floats(descriptors)[:_MOST]


def _fit(
    points: Array, descriptors: Floats, others: Array, theirs: Floats, model: Model
) -> Array | None:
    """Match descriptors by Lowe's ratio and fit the model robustly; None without a consensus."""
    # Of all with all; one product takes a fifth of the time of OpenCV's matcher. They hold whole
    # numbers: their sums are exact.
    gaps = np.square(theirs).sum(axis=1) - 2 * (descriptors @ theirs.T)
    rows, nearest = np.arange(len(gaps)), gaps.argmin(axis=1)
    own = np.square(descriptors).sum(axis=1)
    best = gaps[rows, nearest] + own
    gaps[rows, nearest] = np.inf
    good = best < _RATIO**2 * (gaps.min(axis=1) + own)
    return consensus(points[good], others[nearest[good]], model)
