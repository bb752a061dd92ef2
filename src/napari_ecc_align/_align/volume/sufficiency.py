"""Whether a freer motion would lay tiles better than the one that was found."""

from __future__ import annotations

import numpy as np

from ..._transform.models import Array
from .tiles import VolumeTiles

# So many more tiles than coefficients along an axis.
_SPARE = 6


def freer_shift(tiles: VolumeTiles, model: str) -> tuple[float, float]:
    """Return by how much a freer motion would move the tiles, and one sigma of that (RMS).

    Beyond an affine motion that is a quadratic one; narrower models are freed to an affine one
    where tiles are too few for that.
    """
    known = tiles.agree & np.isfinite(tiles.uncertainties)
    places, moved = tiles.displacements[known, :3], tiles.displacements[known, 3:]
    if not len(places):
        return 0.0, np.inf
    spread = np.maximum(np.ptp(places, axis=0) / 2, 1e-9)
    u = (places - places.mean(axis=0)) / spread
    linear = np.column_stack([np.ones(len(u)), u])
    squares = np.column_stack([u**2, u[:, 0] * u[:, 1], u[:, 0] * u[:, 2], u[:, 1] * u[:, 2]])
    wide = np.column_stack([linear, squares])
    if len(u) >= wide.shape[1] + _SPARE:
        return _shift(wide, moved)
    if model != "affine" and len(u) >= linear.shape[1] + _SPARE:
        return _shift(linear, moved)
    return 0.0, np.inf


def _shift(design: Array, moved: Array) -> tuple[float, float]:
    """Return the RMS of a least squares fit, less what noise adds to it, and one sigma."""
    n, p = design.shape
    fitted = design @ np.linalg.lstsq(design, moved, rcond=None)[0]
    variance = float(((moved - fitted) ** 2).sum()) / (n - p)
    # Noise alone is fitted with p degrees of freedom along each axis.
    noise = variance * p / n
    square = float((fitted**2).sum()) / n
    shift = np.sqrt(max(0.0, square - noise))
    return float(shift), float(np.sqrt(noise))
