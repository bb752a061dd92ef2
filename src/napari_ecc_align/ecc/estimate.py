"""What an estimator returns."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Estimate:
    """A matrix and how it was found.

    Attributes
    ----------
    matrix : ndarray of float64, shape (3, 3)
        Maps reference pixels (x, y, 1) to moving pixels.
    inverted : bool
        The moving image is a negative of the reference.
    iterations : int
        Iterations at full resolution.
    converged : bool
        The last iteration changed the correlation by less than asked for.
    start : str
        Which start led here: "initial", "identity" or "phase correlation".
    """

    matrix: NDArray[np.float64]
    inverted: bool
    iterations: int
    converged: bool
    start: str
