"""A quick independent look at a transform: its own tiles should be found where it says."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .._common.opencv import cv2
from .._images.pyramid import tile_choice as tiles
from .._images.pyramid.blocks import represent, warp
from .._images.pyramid.levels import Level
from .._transform.models import Array

# Tiles of a level of ordinary size, and how far around them is searched; on smaller ones both
# shrink.
_TILE = 24
_REACH = 8
# A peak this close (px of the level) to where the transform puts it agrees.
_NEAR = 1.6
_MOST = 16
# So many that all say the same are enough.
_UNANIMOUS = 8
_LARGEST_SHEAR = 3


@dataclass(frozen=True)
class Agreement:
    """How many of the `tiles` that could be judged agree with a transform."""

    agreeing: int
    tiles: int

    @property
    def share(self) -> float:
        """Agreeing share, zero if nothing could be judged."""
        return self.agreeing / self.tiles if self.tiles else 0.0


def agreement(
    reference: Level,
    coarser: Level,
    moving: Level,
    matrix: Array,
    *,
    inverted: bool,
    gradient: bool = False,
) -> Agreement:
    """Search tiles of `reference` in `moving` around where `matrix` (px of the level) puts them.

    Parameters
    ----------
    reference, moving : Level
        A few hundred px in size.
    coarser : Level
        Of the reference, to choose tiles by.
    matrix : (3, 3) array
        Reference pixel to moving pixel.
    inverted : bool
        Look for the negative.
    """
    shape = reference.shape
    tile = int(np.clip(min(shape) // 6, 8, _TILE))
    reach = min(_REACH, tile // 2)
    origins = tiles.grid(shape, tile, reach)
    if not len(origins):
        return Agreement(0, 0)
    image, valid = represent(*moving.patch(0, moving.shape[0], 0, moving.shape[1]), gradient)
    if valid is not None:
        image[~valid] = np.nan
    aligned = warp(image, matrix, (shape[1], shape[0]))
    template, _ = represent(*reference.patch(0, shape[0], 0, shape[1]), gradient)
    if inverted:
        template = -template
    strengths = tiles.strength(coarser, 2 ** (coarser.index - reference.index), origins, tile)
    agreeing = judged = 0
    for x, y in origins[tiles.order(origins, strengths, np.ones(len(origins)), shape)].astype(int):
        around = aligned[y - reach : y + tile + reach, x - reach : x + tile + reach]
        if np.isnan(around.sum()):
            continue
        scores = cv2.matchTemplate(
            around, template[y : y + tile, x : x + tile], cv2.TM_CCOEFF_NORMED
        )
        _, _, _, (px, py) = cv2.minMaxLoc(scores)
        agreeing += int((px - reach) ** 2 + (py - reach) ** 2 <= _NEAR**2)
        judged += 1
        if judged == _MOST or (judged == _UNANIMOUS and agreeing in (0, judged)):
            break
    return Agreement(agreeing, judged)


def plausible(matrix: Array, reference: tuple[int, int], moving: tuple[int, int]) -> bool:
    """Tell whether a transform neither folds, nor shrinks much, nor leaves the moving image.

    `reference` and `moving` are shapes (h, w).
    """
    (bottom, right), (below, beyond) = ((h - 1, w - 1) for h, w in (reference, moving))
    (a, b, u), (c, d, v), (g, h, one) = matrix.tolist()
    mapped = []
    for x, y in ((0, 0), (right, 0), (right, bottom), (0, bottom)):
        weight = g * x + h * y + one
        # Also where something is not finite.
        if not 0 < weight < math.inf:
            return False
        mapped.append(((a * x + b * y + u) / weight, (c * x + d * y + v) / weight))
    if not _convex(mapped):
        return False
    quad = np.array(mapped, np.float32)
    area = cv2.contourArea(quad)
    if not 1 / 16 < area / max(1, right * bottom) < 16:
        return False
    # Sum and difference of the singular values.
    turned, mirrored = math.hypot(a + d, b - c), math.hypot(a - d, b + c)
    if turned + mirrored > _LARGEST_SHEAR * abs(turned - mirrored):
        return False
    frame = np.array([[0, 0], [beyond, 0], [beyond, below], [0, below]], np.float32)
    shared = cv2.intersectConvexConvex(quad, frame)[0]
    return bool(shared > 0.15 * min(area, beyond * below))


def _convex(corners: list[tuple[float, float]]) -> bool:
    """Tell whether corners, in the order of an image's, bound an area without a dent."""
    for k, (x, y) in enumerate(corners):
        (x1, y1), (x2, y2) = corners[k - 3], corners[k - 2]
        if not (x1 - x) * (y2 - y1) - (y1 - y) * (x2 - x1) > 0:
            return False
    return True
