"""A quick independent look at a transform: its own tiles should be found where it says."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .._common.opencv import cv2
from .._images.pyramid import tile_choice as tiles
from .._images.pyramid.levels import Level
from .._images.pyramid.representations import (
    Representation,
    warped_planes,
    whole_representation,
)
from .._transform.models import Array
from .correlation import template_correlations

# Tiles of a level of ordinary size, and how far around them is searched; on smaller ones both
# shrink.
_TILE = 24
_REACH = 8
# A peak this close (px of the level) to where the transform puts it agrees.
_AGREEMENT_RADIUS = 1.6
_MOST = 16
# So many that all say the same are enough.
_UNANIMOUS = 8


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
    representation: Representation = "intensity",
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
    representation : {"intensity", "gradient", "orientation"}
        In which they are looked for.
    """
    shape = reference.shape
    tile = int(np.clip(min(shape) // 6, 8, _TILE))
    reach = min(_REACH, tile // 2)
    origins = tiles.grid(shape, tile, reach)
    if not len(origins):
        return Agreement(0, 0)
    image, valid = whole_representation(moving, representation)
    if valid is not None:
        image[~valid] = np.nan
    aligned = warped_planes(image, matrix, (shape[1], shape[0]))
    template, _ = whole_representation(reference, representation)
    if inverted:
        template = -template
    shrink = 2 ** (coarser.index - reference.index)
    strengths = tiles.detail(coarser, shrink, origins, tile, _MOST)
    agreeing = judged = 0
    for x, y in origins[tiles.order(origins, strengths, np.ones(len(origins)), shape)].astype(int):
        around = aligned[y - reach : y + tile + reach, x - reach : x + tile + reach]
        if np.isnan(around.sum()):
            continue
        sought = template[y : y + tile, x : x + tile]
        surface = template_correlations(around[None], sought[None])[0]
        _, _, _, (px, py) = cv2.minMaxLoc(surface)
        agreeing += int((px - reach) ** 2 + (py - reach) ** 2 <= _AGREEMENT_RADIUS**2)
        judged += 1
        if judged == _MOST or (judged == _UNANIMOUS and agreeing in (0, judged)):
            break
    return Agreement(agreeing, judged)
