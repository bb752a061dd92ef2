"""The part of an image that its instrument saw, where a flat surround lies around it.

The black around a fundus photograph, an endoscope's or a round microscope field, a scanner's lid
around a sheet: it stays where it is while what is seen moves, and its edge is the strongest there
is, so that it holds an alignment fast at the wrong place.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .._common.opencv import cv2
from .._images.pyramid.levels import Bools, Floats, Level

# As a share of the image's contrast: what differs by less is as flat as the corner it joins.
_FLAT = 0.08
_PATCH = 3
_LEAST_SURROUND = 0.03
_LEAST_FIELD = 0.02
# What is left must be one piece, and hollow nowhere along its outline: ink on paper is neither.
_ONE_PIECE = 0.95
_LEAST_SOLIDITY = 0.9
# The edge is soft: so many px of the level are taken off it.
_EDGE = 5
# Stands in for masked pixels: unlike any value of a level.
_MASKED = 1e6


@dataclass(frozen=True, eq=False)
class FieldOfView:
    """The pixels of an image (h, w) that lie inside its field of view, and those around it.

    The edge between them is in neither.
    """

    inside: NDArray[np.bool_]
    around: NDArray[np.bool_]


def field_of_view(level: Level, shape: tuple[int, int]) -> FieldOfView | None:
    """Return an image's field of view, or None if there is no surround.

    Parameters
    ----------
    level : Level
        A coarse level of the image, in memory.
    shape : tuple of int
        Height and width of the image at full resolution.

    Returns
    -------
    FieldOfView or None
    """
    height, width = level.shape
    values, valid = level.patch(0, height, 0, width)
    if min(height, width) < 2 * _PATCH:
        return None
    surround = _surround(values, valid)
    if surround is None:
        return None
    field = _solid(~surround)
    if field is None:
        return None
    return FieldOfView(_without_edge(field, shape), _without_edge(~field, shape))


def _without_edge(part: Bools, shape: tuple[int, int]) -> NDArray[np.bool_]:
    element = np.ones((2 * _EDGE + 1, 2 * _EDGE + 1), np.uint8)
    inner = cv2.erode(part.view(np.uint8), element, borderType=cv2.BORDER_CONSTANT, borderValue=1)
    whole = cv2.resize(inner, shape[::-1], interpolation=cv2.INTER_NEAREST)
    return np.asarray(whole.view(bool))


def _surround(values: Floats, valid: Bools | None) -> Bools | None:
    """Return what joins the flat corners of an image that are alike, if it is much.

    Pixels that are not valid belong to no surround.
    """
    height, width = values.shape
    counted = values if valid is None else values[valid]
    if not counted.size:
        return None
    tolerance = _FLAT * float(counted.std())
    if valid is not None:
        values = np.where(valid, values, np.float32(_MASKED))
    flat: list[tuple[int, int, float]] = []
    for y, rows in ((0, slice(None, _PATCH)), (height - 1, slice(-_PATCH, None))):
        for x, columns in ((0, slice(None, _PATCH)), (width - 1, slice(-_PATCH, None))):
            patch = values[rows, columns]
            if np.ptp(patch) <= tolerance and patch.max() < _MASKED:
                flat.append((x, y, float(patch.mean())))
    alike = [corner for corner in flat if abs(corner[2] - flat[0][2]) <= tolerance]
    if len(alike) < 2:
        return None
    filled = np.zeros((height + 2, width + 2), np.uint8)
    how = 4 | (1 << 8) | cv2.FLOODFILL_MASK_ONLY | cv2.FLOODFILL_FIXED_RANGE
    for x, y, _ in alike:
        if not filled[y + 1, x + 1]:
            cv2.floodFill(values, filled, (x, y), 0.0, tolerance, tolerance, how)
    surround = np.asarray(filled[1:-1, 1:-1] > 0)
    return surround if surround.mean() >= _LEAST_SURROUND else None


def _solid(inside: Bools) -> Bools | None:
    """Return the one solid piece that some pixels make, None if they do not."""
    opened = cv2.morphologyEx(inside.view(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    _, labels, statistics, _ = cv2.connectedComponentsWithStats(opened)
    areas = np.asarray(statistics)[1:, cv2.CC_STAT_AREA]
    if not len(areas) or areas.max() < max(
        _LEAST_FIELD * inside.size, _ONE_PIECE * int(opened.sum())
    ):
        return None
    piece = np.asarray(labels == 1 + int(areas.argmax()))
    outlines, _ = cv2.findContours(
        piece.view(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE
    )
    hull = cv2.convexHull(np.concatenate(outlines))
    return piece if areas.max() >= _LEAST_SOLIDITY * cv2.contourArea(hull) else None
