"""The two axis orders: (x, y) of transforms and OpenCV, (row, column) of arrays and napari."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def in_row_column(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a matrix of (x, y, 1) as one of (row, column, 1), and the other way round.

    One of volumes, (x, y, z, 1), as one of (plane, row, column, 1).
    """
    order = [*range(len(matrix) - 1)[::-1], len(matrix) - 1]
    return np.asarray(matrix)[np.ix_(order, order)]
