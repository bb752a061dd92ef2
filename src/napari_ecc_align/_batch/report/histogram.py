"""Histograms as inline SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_BINS = 24
_WIDTH, _HEIGHT = 420, 130


@dataclass(frozen=True)
class Bar:
    """One bar: where it stands, how high it is, and what it says when pointed at."""

    x: float
    y: float
    width: float
    height: float
    series: int
    title: str


@dataclass(frozen=True)
class Histogram:
    """Bars on a canvas of `width` by `height`, and the labels below them.

    Attributes
    ----------
    title : str
        What is counted.
    series : tuple of str
        What the colours mean, if there is more than one.
    bars : tuple of Bar
        Not those of height 0.
    ticks : tuple of (float, str)
        Positions and labels on the axis.
    most : int
        Height of the highest bar, in pairs.
    """

    title: str
    series: tuple[str, ...]
    bars: tuple[Bar, ...]
    ticks: tuple[tuple[float, str], ...]
    most: int
    width: int = _WIDTH
    height: int = _HEIGHT


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
    values = [np.asarray(some, float) for some in series.values()]
    if not any(some.size for some in values):
        return None
    if logarithmic:
        values = [np.log10(some + 1) for some in values]
    top = max(float(some.max(initial=0)) for some in values) or 1.0
    counts = [np.histogram(some, _BINS, (0, top))[0].tolist() for some in values]
    edges = np.linspace(0, top, _BINS + 1)
    edges = 10**edges - 1 if logarithmic else edges
    most = max(map(max, counts))
    step = _WIDTH / _BINS
    thin = step / len(counts)
    bars = tuple(
        Bar(
            x=round(place * step + number * thin, 1),
            y=round(_HEIGHT * (1 - n / most), 1),
            width=round(thin - 0.8, 1),
            height=round(_HEIGHT * n / most, 1),
            series=number,
            title=f"{name}: {n} from {_label(edges[place])} to {_label(edges[place + 1])}",
        )
        for number, (name, count) in enumerate(zip(series, counts, strict=True))
        for place, n in enumerate(count)
        if n
    )
    marks = _decades(edges[-1]) if logarithmic else _steps(edges[-1])
    places = np.log10(np.add(marks, 1)) if logarithmic else np.asarray(marks)
    ticks = zip(np.round(_WIDTH * places / top, 1).tolist(), map(_label, marks), strict=True)
    return Histogram(title, tuple(series) if len(series) > 1 else (), bars, tuple(ticks), most)


def _steps(most: float) -> list[float]:
    """Return round numbers from 0 up to the largest value, at most six."""
    unit = 10.0 ** math.floor(math.log10(most / 5))
    step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor * 5 >= most)
    return [step * number for number in range(int(most / step + 1e-9) + 1)]


def _decades(most: float) -> list[float]:
    """Return 0 and the powers of ten up to the largest value; itself if it is below ten."""
    powers = [10.0**power for power in range(1, int(math.log10(max(most, 1)) + 1e-9) + 1)]
    return [0.0, *(powers or [most])]


def _label(value: float) -> str:
    """Return a number of three digits without an exponent."""
    if value >= 100:
        return f"{float(f'{value:.3g}'):,.0f}"
    return f"{value:.3g}"
