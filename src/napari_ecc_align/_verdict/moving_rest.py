"""Does what the frames of a film leave unexplained move, although the film lies still.

A pattern of the sensor, dust or a light that stays holds every frame where it is. What is seen
beside it may be too weak to be noticed in two frames, but not in many: it is what is left of each
without the mean of all, and lies elsewhere in the next one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .._common.opencv import cv2
from .._images.pyramid.levels import Floats, floats
from .._transform.models import exponents
from .detail import DETAIL
from .residual_pattern import CLEAR_SIGMAS

# So many standard errors are no accident: of films that do lie still, 16 reach 3 at most.
_SIGNIFICANT = 2 * CLEAR_SIGMAS
# Of the detail. What interpolation leaves of a film without noise is up to a third of it, of films
# that a pattern holds it is 1.5 times that at least.
_LEAST_MOVED = 0.001
# Frames are compared with those so many after them.
_LAGS = (1, 2, 4, 8)


def rest_moves(planes: Floats) -> bool:
    """Tell whether what frames do not share moves from one to another.

    Of every two frames, two quarters of the image tell where what is left would have moved to,
    and the other two whether it lies there rather than in the opposite direction. Of noise, or of
    what changes where it is, neither is to be expected.

    Parameters
    ----------
    planes : ndarray of float32, shape (n, h, w)
        A coarse level of frames as they were laid on each other, in the order of time.
    """
    left, share = _left(planes)
    spectra, powers, size = _quarters(left)
    # What moved farther shares too little of a quarter.
    reach = min(2 * DETAIL, *(length // 2 - 1 for length in size))
    steps = np.arange(-reach, reach + 1)
    gains = []
    for lag in _LAGS:
        if len(planes) <= 2 * lag:
            break
        joint = np.fft.irfft2(spectra[lag:] * spectra[:-lag].conj(), size)
        joint = joint[:, :, steps[:, None] % size[0], steps % size[1]]
        joint /= np.maximum(powers[lag:] * powers[:-lag], 1e-30)[:, :, None, None]
        both = joint.reshape(len(joint), 2, 2, *joint.shape[2:]).mean(axis=2)
        odd = (both - both[:, :, ::-1, ::-1]).reshape(len(joint), 2, -1)
        found = odd.argmax(axis=2)[:, ::-1, None]
        gains.append(np.take_along_axis(odd, found, axis=2).ravel())
    if not gains:
        return False
    gain = np.concatenate(gains)
    doubt = _SIGNIFICANT * float(gain.std()) / np.sqrt(len(gain))
    return bool(gain.mean() > max(doubt, _LEAST_MOVED / max(share, 1e-12)))


def _left(planes: Floats) -> tuple[Floats, float]:
    """Return the detail of planes without what they share, and which share of it that is.

    However bright and sharp each is, and where between the pixels it lies: of one scene, the
    derivatives of the mean explain that, which would lie askew on each other.
    """
    side = (2 * DETAIL + 1,) * 2
    details = np.stack([plane - floats(cv2.blur(plane, side)) for plane in planes])
    mean = details.mean(axis=0)
    slopes = [cv2.Sobel(mean, cv2.CV_32F, i, j) for i, j in exponents(2)[1:]]
    shared = np.stack([mean, *slopes]).reshape(1 + len(slopes), -1).astype(np.float64)
    seen = details.reshape(len(details), -1)
    shares = seen @ shared.T @ np.linalg.pinv(shared @ shared.T)
    left = floats(seen - shares @ shared)
    share = float((left * left).sum()) / max(float((seen * seen).sum()), 1e-12)
    return left.reshape(details.shape), share


def _quarters(
    planes: Floats,
) -> tuple[NDArray[np.complexfloating], NDArray[np.float64], tuple[int, int]]:
    """Return the spectra of the quarters of planes, two that meet at a corner first.

    And the lengths of these and their size.
    """
    height, width = (length // 2 for length in planes.shape[1:])
    window = np.outer(*(np.sqrt(np.hanning(length + 2)[1:-1]) for length in (height, width)))
    top, left = slice(height), slice(width)
    bottom, right = slice(-height, None), slice(-width, None)
    places = ((top, left), (bottom, right), (top, right), (bottom, left))
    parts = np.stack([planes[:, y, x] for y, x in places], axis=1) * window
    return np.fft.rfft2(parts), np.sqrt((parts * parts).sum(axis=(2, 3))), (height, width)
