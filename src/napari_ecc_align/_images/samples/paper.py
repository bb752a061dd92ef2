"""A scan of inked paper: what makes the gray sample page, whose noise no file holds cheaply."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..._common.opencv import cv2


def scan(ink: NDArray[np.float32], rng: np.random.Generator, space: float) -> NDArray[np.uint8]:
    """Return a gray scan: uneven paper, ink that soaks in and fades, and a noisy sensor.

    Parameters
    ----------
    ink : ndarray of float32, shape (h, w)
        How much of each pixel is inked, in [0, 1].
    rng : numpy.random.Generator
        Decides the paper and the noise.
    space : float
        The gap between two staff lines in pixels; ink soaks in over a share of it.

    Returns
    -------
    ndarray of uint8, shape (h, w)
        Dark ink on bright paper.
    """
    size = ink.shape[::-1]

    def uneven(mean: float, spread: float, cells: int) -> NDArray[np.float32]:
        coarse = rng.normal(mean, spread, (cells, cells)).astype(np.float32)
        return np.asarray(cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC), np.float32)

    soaked = cv2.GaussianBlur(ink, (0, 0), 0.07 * space)
    paper = uneven(228, 5, 5) + uneven(0, 1.5, 60)
    gray = paper - uneven(150, 12, 12) * soaked + rng.normal(0, 3.5, ink.shape)
    return np.asarray(np.clip(np.rint(gray), 0, 255).astype(np.uint8))
