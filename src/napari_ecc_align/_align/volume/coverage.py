"""Where one volume lies on another one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..._images.coverage import BARELY
from ..._transform.models import Array
from .motion import Shape, mapped


def covered_planes(matrix: Array, shape: Shape, other: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return the voxels of a grid that a matrix maps into a volume, or barely beyond.

    Parameters
    ----------
    matrix : (4, 4) array
        From the grid to the volume, (z, y, x).
    shape, other : tuple of int
        Of the grid and of the volume.
    """
    inside = np.ones(shape, bool)
    rows, columns = (np.arange(length) for length in shape[1:])
    for plane, part in enumerate(inside):
        starts = mapped(matrix, np.array([plane, 0.0, 0.0]))
        for axis, side in enumerate(other):
            along = (
                starts[axis] + matrix[axis, 1] * rows[:, np.newaxis] + matrix[axis, 2] * columns
            )
            part &= (along >= -BARELY) & (along <= side - 1 + BARELY)
    return inside
