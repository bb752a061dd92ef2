"""Quantiles of a few values; numpy's own take ten times as long, most of it to begin."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

# Of more values, so many tell the median to a hundredth of the deviation.
_ENOUGH = 2**14


def quantile(values: NDArray[np.float64], share: float) -> float:
    """Return what a share of the values does not exceed, NaN of none.

    Between two values it is interpolated linearly.
    """
    if not len(values):
        return float("nan")
    # In half of the time of `np.sort`, of a few.
    ordered = values.copy()
    ordered.sort()
    at = share * (len(ordered) - 1)
    below, above = ordered[int(at)], ordered[min(int(at) + 1, len(ordered) - 1)]
    return float(below + (at - int(at)) * (above - below))


def middle(values: NDArray[np.float64]) -> float:
    """Return the median, NaN of no values."""
    return quantile(values, 0.5)


def median_size(values: NDArray[np.floating[Any]]) -> float:
    """Return the median of the absolute values of an array, of many from evenly spread ones."""
    flat = values.reshape(-1)
    # An odd step, so that no column of an image is left out.
    step = max(1, flat.size // _ENOUGH) | 1
    return float(np.median(np.abs(flat[::step])))
