"""How sharp the mean of a film's frames is, as they were and laid on each other."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._common.opencv import cv2
from .._images.opacity import flattened
from .._images.pixels import to_gray

# Noise that is left in a mean is no sharpness.
_SMOOTHED = 1.0
_LEAST_SIDE = 8
_BORDER = 3


class MeanSharpness:
    """Sums of frames before and after, from which the sharpness of their means comes.

    That is the gradient of the mean, RMS over where all frames hold data, in gray values a pixel
    of the smoothed mean: the crispness that films in microscopy are judged by, for each pixel.

    Attributes
    ----------
    before, after : float or None
        None where the frames have nothing in common.

    Examples
    --------
    >>> import numpy as np
    >>> from skimage import data
    >>> camera = data.camera()
    >>> sharpness = MeanSharpness((200, 200))
    >>> for k in range(4):
    ...     moved = camera[100 + 2 * k : 300 + 2 * k, 100:300]
    ...     sharpness.add(moved, camera[100:300, 100:300], np.ones((200, 200), bool))
    >>> sharpness.before < sharpness.after
    True
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        self._sums = np.zeros((2, *shape))
        self._inside = np.ones(shape, bool)
        self._count = 0

    def add(self, frame: NDArray[Any], warped: NDArray[Any], inside: NDArray[np.bool_]) -> None:
        """Add a frame, (h, w) or in colour, the same warped, and where that holds data.

        A frame of another size is left out.
        """
        if frame.shape[:2] != self._inside.shape:
            return
        for total, image in zip(self._sums, (frame, warped), strict=True):
            total += to_gray(flattened(image))
        self._inside &= inside
        self._count += 1

    @property
    def before(self) -> float | None:
        """The sharpness of the mean of the frames as they were."""
        return self._of(self._sums[0])

    @property
    def after(self) -> float | None:
        """The sharpness of the mean of the frames warped."""
        return self._of(self._sums[1])

    def _of(self, total: NDArray[np.float64]) -> float | None:
        kernel = np.ones((2 * _BORDER + 1,) * 2, np.uint8)
        inside = cv2.erode(
            self._inside.astype(np.uint8), kernel, borderType=cv2.BORDER_CONSTANT, borderValue=0
        )
        if not self._count or inside.sum() < _LEAST_SIDE**2:
            return None
        mean = cv2.GaussianBlur(total / self._count, (0, 0), _SMOOTHED)
        down, right = np.gradient(mean)
        return float(np.sqrt(np.mean((down**2 + right**2)[inside > 0])))
