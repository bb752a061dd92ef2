"""Histograms, to be drawn by the report."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..._common.tables import three_digits

_BINS = 24
_LEAST = 1e-9


@dataclass(frozen=True)
class Histogram:
    """How many pairs have which values.

    Attributes
    ----------
    title : str
        What is counted.
    counts : dict of str to list of int
        Pairs in each bin, by what the values are called.
    edges : list of str
        Labels of the bins' edges, one more than bins.
    ticks : list of (float, str)
        Positions on the axis, from 0 to 1, and labels.
    """

    title: str
    counts: dict[str, list[int]]
    edges: list[str]
    ticks: list[tuple[float, str]]


def histogram(
    title: str, series: dict[str, Sequence[float]], *, logarithmic: bool = False
) -> Histogram | None:
    """Count values in bins of equal width, or of equal ratio; None if there are no values.

    Parameters
    ----------
    title : str
        What is counted.
    series : dict of str to sequence of float
        Values by what they are called.
    logarithmic : bool, default: False
        Bins of equal ratio, with 1 added to every value so that 0 has a place.
    """
    scale, back = (np.log1p, np.expm1) if logarithmic else (np.positive, np.positive)
    values = {name: scale(np.asarray(some, float)) for name, some in series.items()}
    if not any(some.size for some in values.values()):
        return None
    top = max(some.max(initial=0) for some in values.values())
    top = top if top > _LEAST else scale(1.0)
    counts = {n: np.histogram(some, _BINS, (0, top))[0].tolist() for n, some in values.items()}
    edges = back(np.linspace(0, top, _BINS + 1)).tolist()
    marks = _decades(edges[-1]) if logarithmic else _steps(edges[-1])
    ticks = zip((scale(np.array(marks)) / top).tolist(), map(three_digits, marks), strict=True)
    return Histogram(title, counts, [*map(three_digits, edges)], [*ticks])


def _steps(most: float) -> list[float]:
    """Return round numbers from 0 up to the largest value, at most six."""
    unit = 10.0 ** math.floor(math.log10(most / 5))
    step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor * 5 >= most)
    return [step * number for number in range(int(most / step + 1e-9) + 1)]


def _decades(most: float) -> list[float]:
    """Return 0 and the powers of ten up to the largest value; itself if it is below ten."""
    powers = [10.0**power for power in range(1, int(math.log10(max(most, 1)) + 1e-9) + 1)]
    return [0.0, *(powers or [most])]
