"""How often tiles agree where the images do not belong: sampled from the pair itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from math import comb

import numpy as np
from numpy.typing import NDArray

from .._common.quantiles import middle
from .._transform.coordinates import shift
from .._transform.matrices import MotionModel
from .._transform.models import MODELS
from .limits import DIRECTIONS
from .tile_matching import FIRST_TILES, Tiles

# How likely it may be that tiles agree like this though the images do not belong together here: of
# what is called aligned, and of what is called doubtful and not failed. The first is so small
# because many places are judged of a pair, and many pairs of a dataset.
ALPHA = 1e-6
ALPHA_DOUBTFUL = ALPHA**0.5
# In every direction, alternately so many times as far away as tiles are looked for: far enough
# that an edge does not lead from there to where it belongs, and as near as the images are alike.
_FARTHEST = 4.0, 6.0


def with_sampled_chance(
    said: Tiles,
    matrix: NDArray[np.float64],
    matched: Callable[[NDArray[np.float64], int], Tiles],
    model: MotionModel,
) -> Tiles:
    """Return what tiles say with the share and the fit that are to be expected by chance.

    The same tiles are matched at wrong places of the same two images, in the same representation,
    and may agree there about any common displacement, as an estimator would have found the best
    one. So texture, repeats, noise and sizes need no constants of their own [1]_. Places are asked
    one after the other until those that are left could not change what is concluded.

    Parameters
    ----------
    said : Tiles
        At the place that is judged.
    matrix : ndarray of float64, shape (3, 3)
        Maps reference pixels to moving pixels there.
    matched : callable
        Returns what so many tiles say of a matrix.
    model : str
        The motion model.

    References
    ----------
    .. [1] J. Muhlich et al., "Stitching and registering highly multiplexed whole-slide images of
       tissues and tumors using ASHLAR", Bioinformatics 38(19), 2022, take the threshold for a
       pair of tiles from pairs that do not belong together.
    """
    agreeing, tested, fits = 0, 0, [np.empty(0)]
    asked = min(FIRST_TILES, said.tested)
    chance = said.chance
    for k in range(DIRECTIONS):
        # The next is nearly opposite.
        direction = 5 * k % DIRECTIONS
        angle, far = 2 * np.pi * (direction + 0.5) / DIRECTIONS, _FARTHEST[k % 2] * said.reach
        away = shift(far * np.cos(angle), far * np.sin(angle))
        there = matched(matrix @ away, asked)
        fits.append(there.fits)
        # At the border of what was searched all point to where they belong beyond it.
        if np.abs(there.offset).max() <= there.reach - there.radius:
            apart = np.hypot(*(there.displacements[:, 2:] - there.offset).T)
            inside = np.isfinite(there.uncertainties)
            agreeing += int((inside & (apart <= there.radius)).sum())
            tested += there.tested
        # As if one had agreed before, as rarely as the area alone has it.
        chance = max(said.chance, (agreeing + 1) / (tested + 1 / said.chance))
        if k and (tested or k > 2) and _is_beyond_doubt(said, chance, model):
            break
    seen = np.concatenate(fits)
    fit = middle(seen) if len(seen) else 0.0
    return replace(said, chance=chance, chance_fit=fit)


def _is_beyond_doubt(said: Tiles, chance: float, model: MotionModel) -> bool:
    """Tell whether as many tiles are no accident, or may be one, also if chance is misjudged."""
    seen = replace(said, chance=chance)
    return p_value(seen, model) <= ALPHA**2 or p_value(seen, None) > ALPHA_DOUBTFUL**0.5


def p_value(tiles: Tiles, model: MotionModel | None, *, unanimous: bool = False) -> float:
    """Return how likely it is that as many tiles agree by chance, or all of them.

    A binomial tail.

    A motion of a model can be laid through half as many tiles as it has parameters, whatever they
    show: those are no witnesses.
    """
    laid = MODELS[model].n_parameters // 2 if model else 0
    tested = max(0, round(tiles.independent) - laid)
    share = float(tiles.tested > 0) if unanimous else tiles.share
    agreeing = int((tested + laid) * share + 1e-9) - laid
    return binomial_tail(tested, agreeing, min(0.5, tiles.chance))


def together_elsewhere(tiles: Tiles) -> int:
    """Return how many of the other tiles share a displacement; 0 if as many do by chance."""
    moves = tiles.displacements[~tiles.agree & np.isfinite(tiles.uncertainties), 2:]
    if not len(moves):
        return 0
    apart = np.hypot(*(moves[:, None] - moves).transpose(2, 0, 1))
    together = int((apart <= tiles.radius).sum(axis=1).max())
    # Any of them may be the one that the others lie like.
    by_chance = binomial_tail(len(moves) - 1, together - 1, min(0.5, tiles.chance))
    return together if len(moves) * by_chance < ALPHA_DOUBTFUL else 0


@lru_cache(maxsize=256)
def binomial_tail(tested: int, agreeing: int, chance: float) -> float:
    """Return how likely it is that of so many tiles at least so many agree by chance."""
    return sum(
        comb(tested, k) * chance**k * (1 - chance) ** (tested - k)
        for k in range(max(0, agreeing), tested + 1)
    )
