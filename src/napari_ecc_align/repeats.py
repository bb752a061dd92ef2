"""Would the images fit as well if one were moved on: by a period, or to another place."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from .ecc.pyramid.blocks import warp
from .ecc.pyramid.models import scaled
from .ecc.pyramid.scalespace import Bools, Floats, Level

# What is coarser than this many pixels of the level is shading, not detail.
_DETAIL = 6.0
# Contrast is evened out over squares of this side.
_PATCH = 25
# A place is looked at where the windows still share so much of what they share unmoved.
_LEAST_SHARED = 0.2
# Closer than this (px of the level) is the same place.
_NEAR = 3.0


def rival_place(
    reference: Level, moving: Level, matrix: NDArray[np.float64], *, inverted: bool
) -> float:
    """Return how well the images correlate at the best other place, relative to where they lie.

    The detail of the whole level is correlated at all displacements at once, through the Fourier
    transform, each displacement weighed by what the two images share there.

    Parameters
    ----------
    reference, moving : Level
        The same level of both images.
    matrix : ndarray of float64, shape (3, 3)
        Maps reference pixels to moving pixels, at full resolution.
    inverted : bool
        The moving image is a negative of the reference.

    Returns
    -------
    float
        Above 1 where another place fits better, near 1 where the images repeat; infinite where
        they do not correlate where they lie.
    """
    height, width = reference.shape
    fixed = _windowed(*reference.patch(0, height, 0, width))
    values, valid = moving.patch(0, moving.shape[0], 0, moving.shape[1])
    if valid is not None:
        values[~valid] = np.nan
    image = warp(values, scaled(matrix, 2.0**-reference.index), (width, height))
    seen = None if np.isfinite(image.sum()) else np.isfinite(image)
    if seen is not None:
        image[~seen] = 0
    other = _windowed(image, seen)
    if inverted:
        other = (-other[0], other[1])
    joint, shared = (_correlated(a, b) for a, b in zip(fixed, other, strict=True))
    surface = joint / np.maximum(shared, 1e-6)
    surface[shared <= _LEAST_SHARED * shared[0, 0]] = -np.inf
    here = float(surface[0, 0])
    if not here > 0:
        return float("inf")
    return _highest_away(np.fft.fftshift(surface)) / here


def _windowed(image: Floats, valid: Bools | None) -> tuple[Floats, Floats]:
    """Return an image's detail under a window that falls to nothing at its border, and it."""
    from ._cv2 import cv2

    small = (0, 0)
    if valid is not None:
        weight = valid.astype(np.float32)
        image = image * weight
    near = cv2.GaussianBlur(image, small, 1.0)
    far = cv2.blur(image, (2 * int(_DETAIL) + 1,) * 2)
    if valid is not None:
        near /= np.maximum(cv2.GaussianBlur(weight, small, 1.0), 1e-3)
        far /= np.maximum(cv2.blur(weight, (2 * int(_DETAIL) + 1,) * 2), 1e-3)
    window = _flat_top(image.shape)
    detail = near - far
    if valid is not None:
        window, detail = window * weight, detail * weight
    # Strong detail in one part of an image must not outvote the rest of it.
    strength = np.sqrt(np.maximum(cv2.blur(detail * detail, (_PATCH, _PATCH)), 0))
    strength += max(1e-6, float(strength.mean()))
    return np.asarray(detail / strength * window, np.float32), window


@lru_cache(maxsize=8)
def _flat_top(shape: tuple[int, int]) -> Floats:
    """Return a window under which most of an image counts in full."""
    rows, columns = (np.hanning(length + 2)[1:-1] for length in shape)
    window = np.sqrt(np.outer(rows, columns)).astype(np.float32)
    window.setflags(write=False)
    return window


def _correlated(a: Floats, b: Floats) -> Floats:
    from ._cv2 import cv2

    height, width = (cv2.getOptimalDFTSize(length) for length in a.shape)
    below, right = height - a.shape[0], width - a.shape[1]
    spectra = [
        cv2.dft(
            image
            if below == right == 0
            else cv2.copyMakeBorder(image, 0, below, 0, right, cv2.BORDER_CONSTANT)
        )
        for image in (a, b)
    ]
    product = cv2.mulSpectrums(spectra[1], spectra[0], 0, conjB=True)
    return np.asarray(cv2.idft(product, flags=cv2.DFT_SCALE | cv2.DFT_REAL_OUTPUT))


def _highest_away(surface: Floats) -> float:
    """Return the highest local maximum of a centred surface away from its middle."""
    from ._cv2 import cv2

    around = cv2.dilate(surface, np.ones((5, 5), np.uint8))
    peaks = (surface >= around) & np.isfinite(surface)
    peaks[[0, -1]] = peaks[:, [0, -1]] = False
    y, x = np.nonzero(peaks)
    middle_y, middle_x = (length // 2 for length in surface.shape)
    away = np.hypot(x - middle_x, y - middle_y) > _NEAR
    y, x = y[away], x[away]
    if not len(y):
        return 0.0
    here = surface[y, x]
    # A period of half a pixel more would hide: by parabolas, the height between the pixels.
    return float(
        (
            here
            + _above(surface[y, x - 1], here, surface[y, x + 1])
            + _above(surface[y - 1, x], here, surface[y + 1, x])
        ).max()
    )


def _above(before: Floats, here: Floats, after: Floats) -> Floats:
    """Return how much higher a parabola through three points rises than the middle one."""
    bend = np.where(np.isfinite(before + after), before - 2 * here + after, -np.inf)
    peaked = np.isfinite(bend)
    rise = np.subtract(after, before, out=np.zeros_like(here), where=peaked)
    return np.asarray(rise**2 / np.maximum(-8 * bend, 1e-9), np.float32)
