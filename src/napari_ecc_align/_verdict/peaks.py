"""The highest points of correlation surfaces, to a fraction of a pixel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .._common.opencv import cv2
from .._images.pyramid.filters import CORRELATED
from .._transform.coordinates import shift
from .limits import KNOWN_TO, SAME_PLACE
from .rival import Rival

# What the parabola through a peak is off by at best (px of the level).
PEAK_ERROR = 0.04


@dataclass(frozen=True, eq=False)
class Peaks:
    """The highest points of some surfaces.

    Attributes
    ----------
    places : ndarray of float64, shape (n, 2)
        Their (x, y), to a fraction of a pixel by a parabola along each axis.
    near : ndarray of float64, shape (n, 3, 3)
        The values around them; NaN beyond the border.
    """

    places: NDArray[np.float64]
    near: NDArray[np.float64]

    @classmethod
    def of(cls, surfaces: NDArray[np.float32]) -> Peaks:
        """Find the peaks of surfaces, shape (n, w, w)."""
        count, width = surfaces.shape[:2]
        y, x = np.divmod(surfaces.reshape(count, width**2).argmax(axis=1), width)
        padded = np.full((count, width + 2, width + 2), np.nan, np.float32)
        padded[:, 1:-1, 1:-1] = surfaces
        ring = np.arange(3)
        corner = (np.arange(count) * (width + 2) + y) * (width + 2) + x
        steps = ring[:, None] * (width + 2) + ring
        near = padded.ravel()[corner[:, None, None] + steps].astype(np.float64)
        aside = vertex(near[:, 1, 0], near[:, 1, 1], near[:, 1, 2])
        along = vertex(near[:, 0, 1], near[:, 1, 1], near[:, 2, 1])
        return cls(np.stack([x + aside, y + along], axis=1), near)

    @property
    def heights(self) -> NDArray[np.float64]:
        """Height of each, between no pixels, shape (n,)."""
        return self.near[:, 1, 1]

    def uncertainties(self, side: int) -> NDArray[np.float64]:
        """Return one sigma of each place in its least certain direction, in px of the level.

        For a template in white noise the variance is that of the noise over the sum of the
        squared gradients; the height and the curvature of the normalised correlation tell both.
        """
        near, height = self.near, self.heights
        xx = near[:, 1, 0] - 2 * height + near[:, 1, 2]
        yy = near[:, 0, 1] - 2 * height + near[:, 2, 1]
        xy = (near[:, 2, 2] - near[:, 2, 0] - near[:, 0, 2] + near[:, 0, 0]) / 4
        flattest = -(xx + yy) / 2 - np.hypot((xx - yy) / 2, xy)
        # Not so where a neighbour is missing.
        known = (height > 0) & (flattest > 0)
        curved = np.where(known, height * side**2 * flattest, 1)
        noise = CORRELATED * np.maximum(0.0, 1 - height**2) / curved
        return np.where(known, np.sqrt(noise + PEAK_ERROR**2), np.inf)


def vertex(
    before: NDArray[np.float64], here: NDArray[np.float64], after: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return where parabolas through three points have their vertex; 0 where one is missing."""
    bend = before - 2 * here + after
    peaked = bend < 0
    return np.where(peaked, 0.5 * (before - after) / np.where(peaked, bend, 1), 0.0)


def highest_rival(joint: NDArray[np.float32], best: NDArray[np.float64], factor: int) -> Rival:
    """Return the highest value and the highest local maximum away from it, a shift from here."""
    top = float(joint.max())
    if top <= 0:
        return Rival(0.0, 1.0)
    around = cv2.dilate(joint, None)
    y, x = np.nonzero(joint >= around)
    away = np.hypot(x - best[0], y - best[1]) > SAME_PLACE
    if not away.any():
        return Rival(top, 0.0, KNOWN_TO)
    k = int(joint[y[away], x[away]].argmax())
    y, x = y[away][k], x[away][k]
    rows, columns = (np.clip((at - 1, at, at + 1), 0, len(joint) - 1) for at in (y, x))
    near = joint[rows[:, None], columns].astype(np.float64)
    beside = vertex(near[[1, 0], [0, 1]], near[[1, 1], [1, 1]], near[[1, 2], [2, 1]])
    reach = len(joint) // 2
    move = ((np.array([x, y]) - reach + beside) * factor).tolist()
    return Rival(top, max(0.0, float(joint[y, x])), KNOWN_TO, shift(*move))
