"""Does what the frames of a film leave unexplained move, although the film lies still.

A pattern of the sensor, dust or a light that stays holds every frame where it is. What is seen
beside it may be too weak to be noticed in two frames, but not in many: it is what is left of each
without the mean of all, and lies elsewhere in another one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .._common.opencv import cv2
from .._images.pyramid.halving import image_pyramid
from .._images.pyramid.levels import Floats, floats
from .._transform.models import exponents
from .detail import DETAIL
from .limits import LEAST_SHARE
from .residual_pattern import SIGMAS
from .second_motion import PARTS, in_parts, second_motion

# Of the detail, of which both what is left and what of that moves are to be a share. What
# interpolation leaves of a film without noise is up to a third of it.
_LEAST_MOVED = LEAST_SHARE**2
# Of what the mean part of the image shows: of one thing that moves in it, half of the parts show
# up to 0.34 of that, of scenes without much in places 0.44 at least.
_LEAST_TYPICAL = 0.4
# Frames are compared with those so many after them.
_LAGS = (1, 2, 4, 8)


def rest_moves(planes: Floats, lying: NDArray[np.bool_]) -> bool:
    """Tell whether what frames do not share moves between those that seem to lie still.

    Of every two of these, two quarters of the image tell where what is left would have moved to,
    and the other two whether it lies there rather than in the opposite direction. Of noise, or of
    what changes where it is, neither is to be expected, and what moves by itself moves in a part
    of the image only.

    Parameters
    ----------
    planes : ndarray of float32, shape (n, h, w)
        A level of frames, those that lie still laid on each other and the others as the camera
        saw them.
    lying : ndarray of bool, shape (n,)
        Which of them seem to lie still.
    """
    still = np.flatnonzero(lying).tolist()
    if len(still) < 2:
        return False
    left, share = _left(planes)
    found = _Moved(left)
    for lag in _LAGS:
        for pair in zip(still, still[lag:], strict=False):
            found.add(*pair)
    # As many as there are frames say something of their own.
    count = min(len(found.gains), 2 * len(still))
    stands_out = float(np.mean(found.significances)) * np.sqrt(count)
    enough = float(np.mean(found.gains)) * share > _LEAST_MOVED
    everywhere = float(np.median(found.parts)) > _LEAST_TYPICAL * float(found.parts.mean())
    return bool(stands_out > SIGMAS and enough and everywhere)


def moved_meanwhile(planes: Floats, lying: NDArray[np.bool_]) -> bool:
    """Tell whether the mean of the last frames that seem to lie still shows a second motion.

    Against that of the first ones, a third each: what moved once, in between, lies on itself in
    either, and is nothing that moves from frame to frame.
    """
    still = planes[lying]
    third = len(still) // 3
    if third < 2:
        return False
    first, last = (image_pyramid(each.mean(axis=0))[0] for each in (still[:third], still[-third:]))
    second = second_motion(first, last, np.eye(3), inverted=False)
    return second is not None and second.is_everywhere


class _Moved:
    """How what is left of frames lies in others, pair by pair.

    Attributes
    ----------
    gains : list of float
        By how much more it correlates where it would have moved to than in the opposite direction.
    significances : list of float
        The same in standard deviations of what other displacements show.
    parts : ndarray of float32
        In which parts of the image.
    """

    def __init__(self, left: Floats) -> None:
        self.gains: list[float] = []
        self.significances: list[float] = []
        self.parts = np.zeros((PARTS, PARTS), np.float32)
        self._left = left
        self._spectra, self._powers, self._size = _quarters(left)
        # What moved farther shares too little of a quarter.
        reach = min(2 * DETAIL, *(length // 2 - 1 for length in self._size))
        self._steps = np.arange(-reach, reach + 1)

    def add(self, first: int, second: int) -> None:
        """Compare two frames."""
        steps, (height, width) = self._steps, self._size
        joint = np.fft.irfft2(self._spectra[second] * self._spectra[first].conj(), self._size)[
            :, steps[:, None] % height, steps % width
        ]
        power = self._powers[first] * self._powers[second]
        joint /= np.maximum(power, 1e-30)[:, None, None]
        both = joint.reshape(2, 2, *joint.shape[1:]).mean(axis=1)
        odd = both - both[:, ::-1, ::-1]
        flat = odd.reshape(2, -1)
        gains = flat[[0, 1], flat.argmax(axis=1)[::-1]]
        self.gains.extend(gains)
        self.significances.extend(gains / np.maximum(flat.std(axis=1), 1e-12))
        down, right = np.unravel_index(int(odd.sum(axis=0).argmax()), odd[0].shape)
        moved = np.array([steps[down], steps[right]])
        there, opposite = (np.roll(self._left[second], sign * moved, (0, 1)) for sign in (-1, 1))
        self.parts += in_parts(self._left[first] * (there - opposite))


def _left(planes: Floats) -> tuple[Floats, float]:
    """Return the detail of planes without what they share, evened out, and which share that is.

    However bright and sharp each is, and where between the pixels it lies: of one scene, the
    derivatives of the mean explain that, which would lie askew on each other. Light that differs
    from place to place, or from row to row, is no motion, either.
    """
    side = (2 * DETAIL + 1,) * 2
    details = np.stack([plane - floats(cv2.blur(plane, side)) for plane in planes])
    mean = floats(details.mean(axis=0))
    slopes = [cv2.Sobel(mean, cv2.CV_32F, i, j) for i, j in exponents(2)[1:]]
    shared = np.stack([mean, *slopes]).reshape(1 + len(slopes), -1).astype(np.float64)
    seen = details.reshape(len(details), -1)
    shares = seen @ shared.T @ np.linalg.pinv(shared @ shared.T)
    left = floats(seen - shares @ shared).reshape(details.shape)
    share = float((left * left).sum()) / max(float((details * details).sum()), 1e-12)
    lit = _around(mean * mean)
    lit += LEAST_SHARE * lit.mean() + 1e-12
    left = np.stack([plane - mean * (_around(plane * mean) / lit) for plane in left])
    for axis in (1, 2):
        lit = (mean * mean).sum(axis - 1, keepdims=True)
        lit += LEAST_SHARE * lit.mean() + 1e-12
        left -= mean * ((left * mean).sum(axis, keepdims=True) / lit)
    for axis in (1, 2):
        left -= left.mean(axis, keepdims=True)
    changing = _around((left * left).mean(axis=0), 2)
    changing += LEAST_SHARE * changing.mean() + 1e-12
    return floats(left / np.sqrt(changing)), share


def _around(plane: Floats, times: int = 1) -> Floats:
    return floats(cv2.GaussianBlur(plane, (0, 0), times * DETAIL))


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
