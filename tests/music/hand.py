"""A hand that draws: pen strokes with a wobble, and their exact rendering under a transform."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_ecc_align._transform.coordinates import map_points

from .glyphs import glyph

_NIB_ANGLE = np.deg2rad(40)
_STEPS = 8
_FINE = 4
_SUBPIXEL_BITS = 4


@dataclass(frozen=True, eq=False)
class Stroke:
    """A pen stroke: points (n, 2) as (x, y) in page pixels, and the width of each of its parts."""

    points: NDArray[np.float64]
    widths: NDArray[np.float64]


@dataclass(eq=False)
class Hand:
    """Draws strokes with a wobble that depends on the random generator alone.

    Parameters
    ----------
    rng : numpy.random.Generator
        Where the wobble comes from.
    space : float
        The gap between two staff lines in pixels: the unit of all widths and glyphs.
    """

    rng: np.random.Generator
    space: float
    strokes: list[Stroke] = field(default_factory=list)

    def stroke(
        self, points: ArrayLike, width: float, *, curved: bool = False, wobble: float = 0.05
    ) -> None:
        """Draw through `points` (n, 2) in pixels; `width` and `wobble` are in staff spaces."""
        through = np.asarray(points, dtype=np.float64)
        through = through + self.rng.normal(0, wobble * self.space, through.shape)
        path = _curve(through) if curved and len(through) > 2 else through
        along = np.diff(path, axis=0)
        angle = np.arctan2(-along[:, 1], along[:, 0])
        nib = 0.8 + 0.4 * np.abs(np.sin(angle - _NIB_ANGLE))
        self.strokes.append(Stroke(path, width * self.space * nib))

    def glyph(self, name: str, x: float, y: float, *, size: float = 1.0) -> None:
        """Draw a sign with its origin at the pixel (x, y)."""
        size *= self.rng.normal(1, 0.05)
        slant = self.rng.normal(0.05, 0.05)
        for points, width, curved in glyph(name):
            u, v = points.T * size * self.space
            self.stroke(np.column_stack([x + u + slant * v, y - v]), width, curved=curved)

    def word(self, text: str, x: float, y: float, *, size: float = 1.0) -> None:
        """Write letters from left to right, the first one centred on the pixel (x, y)."""
        for letter in text:
            self.glyph(letter, x, y, size=size)
            x += (1.5 if letter in "mMA" else 1.05) * size * self.space


def _curve(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a Catmull-Rom curve through the points."""
    ends = 2 * points[[0, -1]] - points[[1, -2]]
    p = np.vstack([ends[:1], points, ends[1:]])[:, np.newaxis]
    a, b, c, d = p[:-3], p[1:-2], p[2:-1], p[3:]
    t = (np.arange(_STEPS) / _STEPS)[np.newaxis, :, np.newaxis]
    path = 0.5 * (
        2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3
    )
    return np.vstack([path.reshape(-1, 2), points[-1:]])


def render(
    strokes: Iterable[Stroke], matrix: NDArray[np.float64], shape: tuple[int, int]
) -> NDArray[np.float32]:
    """Return how much of each pixel the strokes cover once `matrix` has moved them.

    The points of the strokes themselves are moved, so nothing is resampled: the only error is
    the rounding to a sixteenth of a grid that is four times as fine as the pixels.

    Parameters
    ----------
    strokes : iterable of Stroke
        What to draw, in page pixels.
    matrix : ndarray, shape (3, 3)
        Maps (x, y, 1) on the page to the image, pixel centres at integers.
    shape : tuple of int
        Height and width of the image.

    Returns
    -------
    ndarray of float32, shape `shape`
        Ink coverage in [0, 1].
    """
    height, width = shape
    canvas = np.zeros((height * _FINE, width * _FINE), np.uint8)
    for stroke in strokes:
        fine = (map_points(matrix, stroke.points) + 0.5) * _FINE - 0.5
        grid = np.rint(fine * 2**_SUBPIXEL_BITS).astype(np.int32)
        pens = np.maximum(np.rint(stroke.widths * _FINE), 1).astype(int)
        breaks = np.flatnonzero(np.diff(pens)) + 1
        for start, stop in zip([0, *breaks], [*breaks, len(pens)], strict=True):
            part = [grid[start : stop + 1]]
            cv2.polylines(canvas, part, False, 255, int(pens[start]), cv2.LINE_8, _SUBPIXEL_BITS)
    coverage = cv2.resize(canvas, (width, height), interpolation=cv2.INTER_AREA)
    ink: NDArray[np.float32] = np.divide(coverage, 255, dtype=np.float32)
    return ink
