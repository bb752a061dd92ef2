"""Histograms as inline SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

_BINS = 24


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
    width: int = 420
    height: int = 130


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
    values = [value for some in series.values() for value in some]
    if not values:
        return None

    def scaled(value: float) -> float:
        return math.log10(value + 1) if logarithmic else value

    top = max(scaled(value) for value in values) or 1.0
    counts = []
    for some in series.values():
        count = [0] * _BINS
        for value in some:
            count[min(_BINS - 1, int(scaled(value) / top * _BINS))] += 1
        counts.append(count)
    most = max(max(count) for count in counts)
    width, height = 420, 130
    step = width / _BINS
    thin = step / len(counts)

    def edge(place: float) -> float:
        there = place / _BINS * top
        return 10**there - 1 if logarithmic else there

    bars = tuple(
        Bar(
            x=round(place * step + number * thin, 1),
            y=round(height * (1 - n / most), 1),
            width=round(thin - 0.8, 1),
            height=round(height * n / most, 1),
            series=number,
            title=f"{name}: {n} from {_label(edge(place))} to {_label(edge(place + 1))}",
        )
        for number, (name, count) in enumerate(zip(series, counts, strict=True))
        for place, n in enumerate(count)
        if n
    )
    ticks = tuple(
        (round(width * scaled(value) / top, 1), _label(value))
        for value in (_decades(edge(_BINS)) if logarithmic else _steps(edge(_BINS)))
    )
    names = tuple(series) if len(series) > 1 else ()
    return Histogram(title, names, bars, ticks, most, width, height)


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
