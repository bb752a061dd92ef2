"""Smoothing that keeps away from what is missing, gradients, and warping of levels."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from ..._common.opencv import cv2
from ..._transform.models import Array
from ..interpolation import ADDRESSED, between, blocks, source_window
from .levels import Bools, Floats, floats

KERNEL = 5
SIGMA = 0.8
RADIUS = KERNEL // 2
# It correlates the noise of this many pixels: 4 pi sigma squared.
CORRELATED = 4 * np.pi * SIGMA**2
# The halving filter mirrors the image at its border: that many pixels of a level are not data.
BORDER = 2
# Between the pixels, by ``matrix @ (x, y, 1)``; NaN outside, on up to four planes.
LINEAR = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
NAN = (float("nan"),) * 4
# Of the parts in which long images are warped.
_SIDE = 8192


def smoothed_inside(image: Floats, valid: Bools | None) -> tuple[Floats, Bools]:
    """Smooth; what the kernel ring of the border or of an invalid pixel touches is not valid."""
    out = floats(cv2.GaussianBlur(image, (KERNEL, KERNEL), SIGMA))
    if valid is not None:
        return out, eroded(valid, RADIUS)
    ok = np.zeros(image.shape, bool)
    ok[RADIUS:-RADIUS, RADIUS:-RADIUS] = True
    return out, ok


def smoothed_whole(image: Floats, valid: Bools | None) -> Floats:
    """Smooth by a kernel normalised by the valid weight below it, which loses no pixel.

    Good enough for a coarse level that is a start for a finer one.
    """
    kernel = (KERNEL, KERNEL)
    out = floats(cv2.GaussianBlur(image, kernel, SIGMA, borderType=cv2.BORDER_CONSTANT))
    weight = (
        _full_weight((image.shape[0], image.shape[1]))
        if valid is None
        else _weight(valid.astype(np.float32))
    )
    out /= weight if out.ndim == 2 else weight[..., None]
    return out


def _weight(valid: Floats) -> Floats:
    """Return how much of the kernel around each pixel lies on valid pixels."""
    total = cv2.GaussianBlur(valid, (KERNEL, KERNEL), SIGMA, borderType=cv2.BORDER_CONSTANT)
    return floats(np.maximum(total, np.float32(1e-6)))


@lru_cache(maxsize=16)
def _full_weight(shape: tuple[int, int]) -> Floats:
    weight = _weight(np.ones(shape, np.float32))
    weight.setflags(write=False)
    return weight


def eroded(valid: Bools, radius: int) -> Bools:
    element = np.ones((2 * radius + 1, 2 * radius + 1), np.uint8)
    out = cv2.erode(valid.view(np.uint8), element, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return np.asarray(out.view(bool))


_DERIVATIVE = np.array([[-0.5, 0.0, 0.5]], np.float32)


def gradients(image: Floats) -> tuple[Floats, Floats]:
    """Return the central differences by x and y, per px."""
    gx = cv2.filter2D(image, cv2.CV_32F, _DERIVATIVE)
    gy = cv2.filter2D(image, cv2.CV_32F, _DERIVATIVE.T)
    return floats(gx), floats(gy)


def inner_gradients(blocks: Floats, step: int = 1) -> Floats:
    """Return the same of blocks (n, b, b) but for their outermost pixels, shape (2, n, h, b - 2).

    Of every `step`-th row.
    """
    n, b, _ = blocks.shape
    rows = slice(1, b - 1, step)
    out = np.empty((2, n, len(range(b)[rows]), b - 2), np.float32)
    np.subtract(blocks[:, rows, 2:], blocks[:, rows, :-2], out=out[0])
    np.subtract(blocks[:, 2::step, 1:-1], blocks[:, : b - 2 : step, 1:-1], out=out[1])
    out *= np.float32(0.5)
    return out


def warp(image: Floats, matrix: Array, size: tuple[int, int]) -> Floats:
    """Sample `image` at ``matrix @ (x, y, 1)`` for the pixels of a (w, h) image; NaN outside.

    Of one plane, (h, w), or up to four, (h, w, k).
    """
    if max(*image.shape[:2], *size) < ADDRESSED:
        return _warped(image, matrix, size)
    out = np.full((*size[::-1], *image.shape[2:]), np.nan, np.float32)
    for rows, columns in blocks(size[::-1], _SIDE):
        window = source_window(matrix, rows, columns, image.shape)
        if window is None:
            continue
        piece, part = image[window], (columns.stop - columns.start, rows.stop - rows.start)
        # What shrinks that much keeps but a speck of a level, which tells nothing.
        if max(piece.shape[:2]) < ADDRESSED:
            local = between(matrix, window, rows, columns)
            out[rows, columns] = _warped(piece, local, part)
    return out


def _warped(image: Floats, matrix: Array, size: tuple[int, int]) -> Floats:
    if matrix[2, 0] == 0 and matrix[2, 1] == 0:
        return floats(
            cv2.warpAffine(image, matrix[:2] / matrix[2, 2], size, flags=LINEAR, borderValue=NAN)
        )
    return floats(cv2.warpPerspective(image, matrix, size, flags=LINEAR, borderValue=NAN))
