"""The results of frames in a notebook: a line, how they drifted as a picture, what is not sure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from html import escape
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

# In pixels.
_WIDTH, _HEIGHT, _MARGIN = 420, 110, 6
_AXES = {"x": "#e66100", "y": "#40b0e4", "z": "#6a9f00"}
_NAMED = 5
# So many places of a pixel's column say all that a line can show there.
_PER_COLUMN = 5


def drift_html(line: str, columns: Mapping[str, Any], unit: str) -> str:
    """Return what a notebook shows of the frames of a stack.

    Parameters
    ----------
    line : str
        What is said of all.
    columns : mapping of str to array
        Of the table: "frame", "verdict", "reason", "x", "y" and, of volumes, "z".
    unit : str
        Of shifts; nothing where that is not known.
    """
    wrong = columns["verdict"] != "aligned"
    told = zip(*(columns[key][wrong][:_NAMED] for key in ("frame", "verdict", "reason")),
               strict=True)  # fmt: skip
    listed = "".join(f"<li>{frame}: {said}: {escape(str(why))}</li>" for frame, said, why in told)
    return f"<div>{escape(line)}</div>{_plot(columns, unit)}<ul>{listed}</ul>"


def _plot(columns: Mapping[str, Any], unit: str) -> str:
    """Return the shift of every frame as a small picture, broken where there is a gap."""
    axes = {axis: colour for axis, colour in _AXES.items() if axis in columns}
    shifts = np.stack([columns[axis] for axis in axes])
    count = shifts.shape[1]
    if count < 2 or not np.isfinite(shifts).any():
        return ""
    low, high = float(np.nanmin(shifts)), float(np.nanmax(shifts))
    across = _MARGIN + (_WIDTH - 2 * _MARGIN) * np.arange(count) / (count - 1)
    down = _MARGIN + (_HEIGHT - 2 * _MARGIN) * (high - shifts) / ((high - low) or 1.0)
    drawn = [outermost(axis, _WIDTH) for axis in down]
    lines = "".join(
        f'<path d="{_path(across[some], axis[some])}" fill="none" stroke="{colour}"/>'
        for axis, colour, some in zip(down, axes.values(), drawn, strict=True)
    )
    names = ", ".join(
        f'<span style="color: {colour}">{name}</span>' for name, colour in axes.items()
    )
    span = f"{names}: from {low:.2f} to {high:.2f} {unit}".rstrip()
    if any(len(some) < count for some in drawn):
        span += "; of frames that fall on one pixel, the lowest and the highest are drawn"
    return (
        f'<svg width="{_WIDTH}" height="{_HEIGHT}" role="img" aria-label="shift per frame">'
        f"{lines}</svg><div>{span}</div>"
    )


def outermost(heights: NDArray[np.float64], columns: int) -> NDArray[np.intp]:
    """Return the numbers of what is to be drawn of a line, in order.

    Of what falls into one of so many columns these are the lowest and the highest, the first and
    the last, and a gap if there is one; of few, all.

    Parameters
    ----------
    heights : ndarray of float64, shape (n,)
        NaN in a gap.
    columns : int
        How many pixels wide the line is drawn.
    """
    count = len(heights)
    if count <= _PER_COLUMN * columns:
        return np.arange(count)
    ends = np.linspace(0, count, columns + 1).round().astype(int).tolist()
    drawn: set[int] = set()
    for first, end in pairwise(ends):
        part = heights[first:end]
        drawn |= {first, end - 1, first + int(np.isnan(part).argmax())}
        if not np.isnan(part).all():
            drawn |= {first + int(np.nanargmin(part)), first + int(np.nanargmax(part))}
    return np.array(sorted(drawn))


def _path(across: Iterable[float], down: Iterable[float]) -> str:
    """Return the path of a polyline; it is broken where a height is NaN."""
    path, command = [], "M"
    for x, y in zip(across, down, strict=True):
        if math.isnan(y):
            command = "M"
            continue
        path.append(f"{command}{x:.1f} {y:.1f}")
        command = "L"
    return "".join(path)
