"""Pyramids of volumes, whose voxels grow towards cubes: an axis is halved when its turn comes.

Voxel i of a level lies at ``i * step`` of the original. What does not count is NaN.
"""

from __future__ import annotations

from dataclasses import dataclass, field
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
# The binomial of five, as of a Gaussian pyramid (Burt and Adelson, 1983).
_WEIGHTS = 1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16
# Coarse voxels count when at least half of their weight came from voxels that do.
_MIN_COVERAGE = 0.5


@dataclass(frozen=True, eq=False)
class VolumeLevel:
    """One level of a pyramid.

    Attributes
    ----------
    values : ndarray, shape (d, h, w)
        Of any real dtype; NaN where a voxel does not count.
    step : (3,) array
        Voxels of the original along each axis.
    spacing : (3,) array
        Length of a voxel along each axis.
    """

    values: NDArray[Any]
    step: Array
    spacing: Array
    cache: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def shape(self) -> Shape:
        """Voxels along each axis."""
        return self.values.shape

    @property
    def size(self) -> int:
        """Number of voxels."""
        return int(self.values.size)

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
    levels = [VolumeLevel(volume, np.ones(3), spacing)]
    while True:
        last, unit = levels[-1], 2 * unit
        values, step = last.values, last.step.copy()
        for axis in range(3):
            length = step[axis] * spacing[axis]
            if values.shape[axis] >= 2 * _SMALLEST and 2 * length <= _LONGEST * unit:
                values = _halved(values, axis)
                step[axis] *= 2
        if values is last.values:
            if unit > _LONGEST * (step * spacing).max():
                return levels
            continue
        levels.append(VolumeLevel(values, step, step * spacing))


def _halved(values: NDArray[Any], axis: int) -> Floats:
    """Return every other voxel along an axis, smoothed."""
    long = np.moveaxis(np.asarray(values, np.float32), axis, 0)
    missing = np.isnan(long)
    if not missing.any():
        return np.moveaxis(_smoothed_half(long), 0, axis)
    weight = _smoothed_half((~missing).astype(np.float32))
    with np.errstate(invalid="ignore", divide="ignore"):
        half = _smoothed_half(np.where(missing, np.float32(0), long)) / weight
    half[weight < _MIN_COVERAGE] = np.nan
    return np.moveaxis(half, 0, axis)


def _smoothed_half(long: Floats) -> Floats:
    count = (len(long) + 1) // 2
    ends = np.concatenate([long[2:0:-1], long, long[-2:-4:-1]])
    out = np.zeros((count, *long.shape[1:]), np.float32)
    for offset, weight in enumerate(_WEIGHTS):
        out += np.float32(weight) * ends[offset : offset + 2 * count - 1 : 2]
    return out
