"""The two axis orders: (x, y) of transforms and OpenCV, (row, column) of arrays and napari."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SWAP: NDArray[np.float64] = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
"""Exchanges (x, y) and (row, column) on either side of a 3x3 matrix."""
SWAP.setflags(write=False)
