"""Pyramids of volumes, whose voxels grow towards cubes: an axis is halved when its turn comes.

Voxel i of a level lies at ``i * step`` of the original. What does not count is NaN.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._images.pyramid.levels import Floats
from ..._transform.models import Array
from .motion import Shape, VolumeFrame

# No level has a side below so many voxels, but one that was shorter before.
_SMALLEST = 16
# An axis is halved if its voxels are then no longer than this, relative to those of the level.
_LONGEST = 2**0.5
# The binomial of five from its middle, as of a Gaussian pyramid (Burt and Adelson, 1983).
_WEIGHTS = np.array([6, 4, 1], np.float32) / 16
# Coarse voxels count when at least half of their weight came from voxels that do.
_MIN_COVERAGE = 0.5


@dataclass(frozen=True, eq=False)
class VolumeLevel:
    """One level of a pyramid.

    Attributes
    ----------
    values : ndarray or Voxels, shape (d, h, w)
        Of any real dtype; NaN where a voxel does not count. Not in memory, it is sliced.
    step : (3,) array
        Voxels of the original along each axis.
    spacing : (3,) array
        Length of a voxel along each axis.
    """

    values: Any
    step: Array
    spacing: Array
    cache: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def shape(self) -> Shape:
        """Voxels along each axis."""
        shape: Shape = self.values.shape
        return shape

    @property
    def held(self) -> bool:
        """Whether it is in memory."""
        return isinstance(self.values, np.ndarray)

    @property
    def size(self) -> int:
        """Number of voxels."""
        return prod(self.shape)

    @property
    def frame(self) -> VolumeFrame:
        """Its normalised coordinates."""
        return VolumeFrame(self.shape, self.spacing)


def volume_pyramid(volume: NDArray[Any], spacing: Array, unit: float) -> list[VolumeLevel]:
    """Return the levels of a volume, full resolution first.

    Parameters
    ----------
    volume : ndarray, shape (d, h, w)
    spacing : (3,) array
        Length of a voxel along each axis.
    unit : float
        The length that voxels of the first level are to have; doubled on each that follows.
    """
    return halvings(volume, volume_steps_of(volume.shape, spacing, unit), spacing)


def volume_steps_of(shape: Shape, spacing: Array, unit: float) -> list[Array]:
    """Return the steps of the levels of a volume, as `volume_pyramid` makes them, (3,) each."""
    steps, sides = [np.ones(3)], np.array(shape)
    while True:
        unit *= 2
        step = steps[-1].copy()
        halves = (sides >= 2 * _SMALLEST) & (2 * step * spacing <= _LONGEST * unit)
        if halves.any():
            step[halves] *= 2
            sides = np.where(halves, (sides + 1) // 2, sides)
            steps.append(step)
        elif unit > _LONGEST * (step * spacing).max():
            return steps


def halvings(values: NDArray[Any], steps: list[Array], spacing: Array) -> list[VolumeLevel]:
    """Return a level with the first of some steps, and what it is halved to for the others."""
    levels = [VolumeLevel(values, steps[0], steps[0] * spacing)]
    for before, step in pairwise(steps):
        for axis in np.flatnonzero(step > before):
            values = halved(values, int(axis))
        levels.append(VolumeLevel(values, step, step * spacing))
    return levels


def halved(values: NDArray[Any], axis: int) -> Floats:
    """Return every other voxel along an axis, smoothed."""
    values = np.asarray(values, np.float32)
    if not np.isnan(values.sum()):
        return _smoothed_half(values, axis)
    missing = np.isnan(values)
    weight = _smoothed_half((~missing).astype(np.float32), axis)
    with np.errstate(invalid="ignore", divide="ignore"):
        half = _smoothed_half(np.where(missing, np.float32(0), values), axis) / weight
    half[weight < _MIN_COVERAGE] = np.nan
    return half


def _smoothed_half(values: Floats, axis: int) -> Floats:
    def part(begin: int | None, end: int | None, step: int | None = None) -> Floats:
        return np.asarray(long[(slice(None),) * axis + (slice(begin, end, step),)])

    count = (values.shape[axis] + 1) // 2
    long = values
    long = np.concatenate([part(2, 0, -1), values, part(-2, -4, -1)], axis=axis)
    out: Floats = _WEIGHTS[0] * part(2, 2 * count + 1, 2)
    for offset, weight in enumerate(_WEIGHTS[1:], 1):
        both = part(2 - offset, 2 * count + 1 - offset, 2)
        both = both + part(2 + offset, 2 * count + 1 + offset, 2)
        both *= weight
        out += both
    return out
