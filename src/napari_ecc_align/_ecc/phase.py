"""Candidate displacements from phase correlation, for positives and negatives alike."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .levels import Smoothed


@dataclass(frozen=True)
class Shift:
    """A displacement: reference pixel (x, y) lies on moving pixel (x + dx, y + dy).

    `sign` is -1 where the peak says that one image is a negative of the other.
    """

    dx: float
    dy: float
    sign: int


def phase_shifts(reference: Smoothed, moving: Smoothed, *, count: int = 3) -> list[Shift]:
    """Return the displacements of the `count` strongest peaks of each sign, strongest first.

    Kuglin and Hines (1975), with the spectrum whitened by its own square root only: white
    enough that sparse ink gives a sharp peak, and not so white that noise decides.

    Parameters
    ----------
    reference, moving : Smoothed
        Of one factor; their sizes may differ.
    count : int, default: 3
        Peaks of each sign.
    """
    from scipy import fft

    heights = reference.values.shape[0], moving.values.shape[0]
    widths = reference.values.shape[1], moving.values.shape[1]
    # Zero padding to the sum of the sizes keeps every displacement apart from its wrap-around.
    shape = (fft.next_fast_len(sum(heights), True), fft.next_fast_len(sum(widths), True))
    cross = np.conj(_spectrum(reference, shape)) * _spectrum(moving, shape)
    response = fft.irfft2(cross / (np.sqrt(np.abs(cross)) + 1e-6 * np.abs(cross).max()), shape)
    shifts = []
    for sign in (1, -1):
        surface = sign * response
        for _ in range(count):
            y, x = np.unravel_index(int(surface.argmax()), surface.shape)
            strength = float(surface[y, x])
            if strength <= 0:
                break
            shifts.append((strength, _as_shift(int(x), int(y), shape, sign)))
            _erase(surface, int(x), int(y))
    return [shift for _, shift in sorted(shifts, key=lambda found: -found[0])]


def _spectrum(level: Smoothed, shape: tuple[int, int]) -> NDArray[np.complexfloating]:
    from scipy import fft

    valid = level.valid > 0
    values = level.values.copy()
    if valid.any():
        values -= values[valid].mean()
    values[~valid] = 0
    height, width = values.shape
    window = np.outer(_taper(height), _taper(width)).astype(np.float32)
    spectrum: NDArray[np.complexfloating] = fft.rfft2(values * window, shape)
    return spectrum


def _taper(length: int) -> NDArray[np.float64]:
    """Return a window that is flat but for its outer eighths, which fall off as a cosine."""
    edge = max(2, length // 8)
    ramp = 0.5 - 0.5 * np.cos(np.pi * (np.arange(edge) + 0.5) / edge)
    return np.concatenate([ramp, np.ones(length - 2 * edge), ramp[::-1]])


def _as_shift(x: int, y: int, shape: tuple[int, int], sign: int) -> Shift:
    height, width = shape
    dx = x - width if x > width // 2 else x
    dy = y - height if y > height // 2 else y
    return Shift(float(dx), float(dy), sign)


def _erase(surface: NDArray[np.floating], x: int, y: int, radius: int = 3) -> None:
    rows = np.arange(y - radius, y + radius + 1) % surface.shape[0]
    columns = np.arange(x - radius, x + radius + 1) % surface.shape[1]
    surface[np.ix_(rows, columns)] = -np.inf
