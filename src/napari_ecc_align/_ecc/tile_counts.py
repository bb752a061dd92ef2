"""How many tiles of a fine level a transform is fitted to."""

from __future__ import annotations

from math import ceil

from .._transform.models import Model
from .options import SearchOptions
from .refined import Refined

_FIRST_TILES = 16
# Models without a stretch do with fewer, a perspective needs more.
_FEW_TILES = 12
MANY_TILES = 40
"""So many tell whether any more are worth it."""
# The number of tiles that the precision needs is foreseen from the uncertainty with few, but not
# trusted further than this.
_FASTEST_GROWTH = 16.0
# Where more than this share of the tiles is needed, all are taken.
_MOST_OF_THEM = 0.6
# Tiles of at most so many pixels: what bounds the memory.
_MOST_PIXELS = 3_000_000
# Twice as many where more is asked than this (px).
_USUAL_PRECISION = 0.01
# At full resolution, tiles so uncertain (px) that all of them together would still be by this.
_USELESS = 1.0


def first_count(model: Model) -> int:
    """Return how many tiles to begin with."""
    if model.n_parameters <= 4:
        return _FEW_TILES
    return _FIRST_TILES if model.degree == 1 else MANY_TILES


def foretold_count(foretold: Refined, precision: float, first: int, available: int) -> int:
    """Return how many tiles to begin with of a frame, given what the one before has needed."""
    needed = foretold.tiles * (foretold.uncertainty / precision) ** 2
    # A second round would cost more than some tiles.
    count = max(first, min(ceil(needed), available))
    return available if count > _MOST_OF_THEM * available else count


def next_count(
    result: Refined, excess: float, first: int, available: int, size: int, options: SearchOptions
) -> int:
    """Return how many tiles to go on with; as many as were used if more would not help.

    Parameters
    ----------
    result : Refined
        Of those that were used.
    excess : float
        By how many times it is less certain than it is to be.
    first : int
        How many it began with.
    available : int
        How many there are.
    size : int
        Pixels along a side.
    options : SearchOptions
    """
    used = result.tiles
    if used > first and not result.solution.converged:
        return used
    pixels = _MOST_PIXELS * (1 + (options.precision < _USUAL_PRECISION))
    most = min(available, pixels // size**2)
    least = result.uncertainty * (used / max(used, most)) ** 0.5
    if result.level == 0 and used > first and least > _USELESS:
        return used
    # What spreads farther holds a perspective faster than the number of tiles does.
    power = 2 if options.motion.degree == 1 else 1.5
    return min(most, ceil(used * min(_FASTEST_GROWTH, 1.2 * excess**power)))
