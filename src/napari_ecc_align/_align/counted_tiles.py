"""Results of which the tiles are just counted: there may be very many."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from .._verdict.field_result import SmoothAlignment
from .._verdict.rival import NO_RIVAL
from .progress import FrameResult

NO_TILES: dict[str, Any] = {
    "displacements": np.empty((0, 4)),
    "uncertainties": np.empty(0),
    "fits": np.empty(0),
    "rival": NO_RIVAL,
}
"""What stands for each single tile where tiles are just counted."""


def counted(result: FrameResult) -> FrameResult:
    """Return a result of which the tiles are just counted, as it is in the records."""
    tiles = None if result.tiles is None else replace(result.tiles, **NO_TILES)
    if isinstance(result, SmoothAlignment):
        return replace(result, tiles=tiles)
    return replace(result, tiles=tiles, timings={})
