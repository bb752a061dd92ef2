"""Shapes after a transform: what still is an ellipse or a rectangle stays one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from napari.layers import Shapes
from numpy.typing import NDArray

Change = Callable[[NDArray[Any]], NDArray[np.float64]]

_ROUND = 128
_TOLERANCE = 1e-6


def moved_shapes(
    layer: Shapes, data: list[NDArray[Any]], change: Change
) -> tuple[list[NDArray[np.float64]], dict[str, Any]]:
    """Return shapes after a change of coordinates, and the types that they have then.

    Rectangles become polygons where their angles do not stay right. An ellipse stays one under
    any affine change, with axes of its own, and becomes a polygon under a projective one.
    """
    moved = [
        _moved_shape(shape, kind, change)
        for shape, kind in zip(data, layer.shape_type, strict=True)
    ]
    return [shape for shape, _ in moved], {"shape_type": [kind for _, kind in moved]}


def outline(shape: NDArray[Any], kind: str) -> NDArray[np.float64]:
    """Return the vertices of a shape; those of an ellipse lie on it."""
    corners = np.asarray(shape, np.float64)
    if kind != "ellipse":
        return corners
    centre, first, second = _axes(corners)
    angle = np.linspace(0, 2 * np.pi, _ROUND, endpoint=False)[:, np.newaxis]
    return centre + np.cos(angle) * first + np.sin(angle) * second


def _moved_shape(
    shape: NDArray[Any], kind: str, change: Change
) -> tuple[NDArray[np.float64], str]:
    corners = np.asarray(shape, np.float64)
    there = change(corners)
    if kind not in ("ellipse", "rectangle"):
        return there, kind
    sides = there[1] - there[0], there[3] - there[0]
    size = max(np.linalg.norm(side) for side in sides)
    flat = np.abs(there[0] + there[2] - there[1] - there[3]).max() <= _TOLERANCE * size
    right = abs(sides[0] @ sides[1]) <= _TOLERANCE * size**2
    if flat and right:
        return there, kind
    if kind == "rectangle":
        return there, "polygon"
    if flat:
        return _ellipse_in(there), kind
    return change(outline(corners, kind)), "polygon"


def _axes(
    corners: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the centre of an ellipse's box and the halves of its sides."""
    first, second = (corners[1] - corners[0]) / 2, (corners[3] - corners[0]) / 2
    return corners.mean(axis=0), first, second


def _ellipse_in(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the right-angled box of the ellipse that touches a parallelogram's sides."""
    centre, first, second = _axes(corners)
    # Conjugate half diameters become perpendicular ones: the singular vectors.
    across, sizes, _ = np.linalg.svd(np.stack([first, second], axis=1), full_matrices=False)
    first, second = across[:, 0] * sizes[0], across[:, 1] * sizes[1]
    signs = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    box: NDArray[np.float64] = centre + signs[:, :1] * first + signs[:, 1:] * second
    return box
