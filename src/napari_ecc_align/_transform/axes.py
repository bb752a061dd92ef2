"""The two axis orders: (x, y) of transforms and OpenCV, (row, column) of arrays and napari."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SWAP: NDArray[np.float64] = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
"""Exchanges (x, y) and (row, column) on either side of a 3x3 matrix."""
SWAP.setflags(write=False)


def in_row_column(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a matrix of (x, y, 1) as one of (row, column, 1), and the other way round."""
    swapped: NDArray[np.float64] = SWAP @ matrix @ SWAP
    return swapped
