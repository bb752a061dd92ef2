"""Correlation of two images: of pixels that lie on each other, and at all displacements."""

from __future__ import annotations

import math
from itertools import repeat

import numpy as np

from .._common.opencv import cv2
from .._images.pyramid.levels import Bools, Floats, floats
from .._images.pyramid.representations import planes_of
from .._transform.models import Array

# Over fewer pixels than this a correlation means nothing.
_LEAST_PIXELS = 16
_BACK = cv2.DFT_REAL_OUTPUT | cv2.DFT_SCALE


def ecc(reference: Floats, valid: Bools | None, moving: Floats) -> float:
    """Return the enhanced correlation coefficient of two images of one shape.

    The cosine of the angle between them, each less its mean [1]_ (eq. 3).

    Parameters
    ----------
    reference, moving : ndarray of float32, any shape
        The second sampled on the pixels of the first; NaN where there is nothing to compare.
    valid : ndarray of bool, of that shape, or None
        Pixels of the reference that count; None if all do.

    Returns
    -------
    float
        In [-1, 1]; 0 where fewer than 16 pixels are shared or an image is flat there.

    References
    ----------
    .. [1] G. D. Evangelidis and E. Z. Psarakis, "Parametric Image Alignment Using Enhanced
       Correlation Coefficient Maximization", IEEE TPAMI 30(10), 2008.
    """
    shared = np.isfinite(reference + moving)
    if valid is not None:
        shared &= valid
    # In half of the time of an array of booleans.
    at = np.flatnonzero(shared)
    a, b = reference.take(at), moving.take(at)
    if len(a) < _LEAST_PIXELS:
        return 0.0
    a -= a.sum() / np.float32(a.size)
    b -= b.sum() / np.float32(b.size)
    # Not by matrix products, whose threads take longer to wake than this. Products of single
    # precision: either image may be far stronger than the other.
    aa, ab, bb = (float((one * two).sum()) for one, two in ((a, a), (a, b), (b, b)))
    norm = np.sqrt(aa) * np.sqrt(bb)
    # Rounding may carry it beyond.
    return float(min(1.0, max(-1.0, ab / norm))) if norm > 0 else 0.0


def ecc_of_sums(photometric: Array, pair: Array, square: float) -> float:
    """Return the coefficient from sums over the pixels of R and M, the two images; NaN if flat.

    Parameters
    ----------
    photometric : (2, 2) array
        Sums of R², R, R and 1.
    pair : (2,) array
        Sums of R * M and of M.
    square : float
        Sum of M².
    """
    (aa, a), (_, n) = photometric.tolist()
    ab, b = pair.tolist()
    variances = float((aa - a * a / n) * (square - b * b / n)) if n > 0 else 0.0
    return float((ab - a * b / n) / math.sqrt(variances)) if variances > 0 else float("nan")


def template_correlations(regions: Floats, templates: Floats) -> Floats:
    """Return the normalised correlation of each template at every place in its region.

    Parameters
    ----------
    regions : ndarray of float32, shape (n, s, s) or (n, s, s, k)
        Of k planes, at most four, all are correlated together.
    templates : ndarray of float32, shape (n, b, b) or (n, b, b, k)

    Returns
    -------
    ndarray of float32, shape (n, s - b + 1, s - b + 1)
    """
    width = regions.shape[1] - templates.shape[1] + 1
    surfaces = np.empty((len(templates), width, width), np.float32)
    kind = repeat(cv2.TM_CCOEFF_NORMED)
    for _ in map(cv2.matchTemplate, regions, templates, kind, surfaces):
        pass
    return surfaces


def padded(image: Floats, size: tuple[int, int]) -> Floats:
    """Return an image with zeros below and to the right of it, of shape `size`."""
    if image.shape == size:
        return image
    out = np.zeros(size, np.float32)
    out[: image.shape[0], : image.shape[1]] = image
    return out


def spectrum(image: Floats, size: tuple[int, int]) -> list[Floats]:
    """Return the Fourier transform of each plane of an image, padded with zeros to `size` (h, w).

    Of shape (h, w) or (h, w, k). In OpenCV's packed form, which needs a quarter of the time of a
    complex one; so does a transform that is not told which rows are zero.
    """
    if image.ndim == 2:
        return [floats(cv2.dft(padded(image, size)))]
    return [floats(cv2.dft(padded(one, size))) for one in planes_of(image)]


def cross_correlation(
    first: list[Floats], second: list[Floats], *, mirrored: bool = False
) -> Floats:
    """Return the circular cross correlation of two images given by their spectra.

    Entry (dy, dx) is the sum over planes and pixels of
    ``first[y + dy, x + dx] * second[y, x]``, or of ``first[dy - y, dx - x] * second[y, x]``.
    """
    product = cv2.mulSpectrums(first[0], second[0], 0, conjB=not mirrored)
    if len(first) > 1:
        for a, b in zip(first[1:], second[1:], strict=True):
            product += cv2.mulSpectrums(a, b, 0, conjB=not mirrored)
    return floats(cv2.idft(product, flags=_BACK))
