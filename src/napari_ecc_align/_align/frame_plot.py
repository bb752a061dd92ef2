"""The results of frames in a notebook: a line, how they drifted as a picture, what is not sure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

import numpy as np

# In pixels.
_WIDTH, _HEIGHT, _MARGIN = 420, 110, 6
_AXES = {"x": "#e66100", "y": "#40b0e4", "z": "#6a9f00"}
_NAMED = 5


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
    lines = "".join(
        f'<path d="{_path(across, axis)}" fill="none" stroke="{colour}"/>'
        for axis, colour in zip(down, axes.values(), strict=True)
    )
    names = ", ".join(
        f'<span style="color: {colour}">{name}</span>' for name, colour in axes.items()
    )
    span = f"{names}: from {low:.2f} to {high:.2f} {unit}".rstrip()
    return (
        f'<svg width="{_WIDTH}" height="{_HEIGHT}" role="img" aria-label="shift per frame">'
        f"{lines}</svg><div>{span}</div>"
    )


def _path(across: Iterable[float], down: Iterable[float]) -> str:
    """Return the path of a polyline; it is broken where a height is NaN."""
    path, command = "", "M"
    for x, y in zip(across, down, strict=True):
        if math.isnan(y):
            command = "M"
            continue
        path += f"{command}{x:.1f} {y:.1f}"
        command = "L"
    return path
