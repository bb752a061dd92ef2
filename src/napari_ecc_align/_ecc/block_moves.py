"""Where each block of a reference would lie by itself, by one step from a solution for all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .._images.pyramid.filters import SIGMA
from .._transform.models import Array
from .motion import PlaneMotion
from .normal_equations import Fit, chained

# Smoothing correlates the noise of this many pixels: 4 pi sigma squared.
_CORRELATED = 4 * np.pi * SIGMA**2
# Of a block's gradients, at least this share is taken not to be noise.
_LEAST_KEPT = 0.2


@dataclass(frozen=True, eq=False)
class BlockMoves:
    """How blocks fit a moving image where a solution lays it, each by itself.

    Attributes
    ----------
    centres : (n, 2) array
        As (x, y), in px of the level, as all lengths.
    moves : (n, 2) array
        How far (x, y) from there each fits best, by one step.
    sigmas : (n,) array
        One sigma of that, in the direction in which it is known least.
    correlations : (n,) array
        Of each block with the moving image; of a negative, below 0.
    size : int
        Side of a block.
    noise : (n, p, p) array
        What noise of the reference's gradients adds to the normals, over the gain.
    """

    centres: Array
    moves: Array
    sigmas: Array
    correlations: Array
    size: int
    noise: Array


def block_moves(
    centres: Array,
    size: int,
    fits: list[Fit],
    noise: Array,
    delta: Array,
    motion: PlaneMotion,
) -> BlockMoves | None:
    """Return how blocks fit after the last step of a solution; None where that was not measured.

    Parameters
    ----------
    centres : (n, 2) array
    size : int
        Side of a block.
    fits : list of Fit
        Of parts of the blocks, from which the step comes.
    noise : (n, p, p) array
        What noise of the reference's gradients adds to the normals.
    delta : (p,) array
        The step.
    motion : PlaneMotion
    """
    seen = [fit.correlations for fit in fits if fit.correlations is not None]
    if len(seen) < len(fits):
        return None
    x, y = motion.model.shifts
    gains, variances = (
        chained([getattr(fit, name) for fit in fits]) for name in ("gains", "variances")
    )
    normals = chained([fit.normals for fit in fits])
    scores = chained([fit.scores for fit in fits])
    left = scores - gains[:, None] * (normals @ delta) + noise @ delta
    xx, xy, yy = normals[:, x, x], normals[:, x, y], normals[:, y, y]
    noisy = noise[:, x, x] + noise[:, y, y]
    with np.errstate(all="ignore"):
        kept = gains * np.clip(1 - noisy / (gains * (xx + yy)), _LEAST_KEPT, 1)
        smallest = (xx + yy) / 2 - np.hypot((xx - yy) / 2, xy)
        scale = (xx * yy - xy**2) * kept
        along = (yy * left[:, x] - xy * left[:, y]) / scale
        across = (xx * left[:, y] - xy * left[:, x]) / scale
        moves = np.stack([along, across], axis=1)
        sigmas = np.sqrt(_CORRELATED * variances / smallest) / np.abs(kept)
    known = np.isfinite(sigmas) & np.isfinite(moves).all(axis=1)
    # The parameters are lengths in radii of the level, and move the moving image back.
    moves = np.where(known[:, None], -motion.radius * moves, 0.0)
    sigmas = np.where(known, motion.radius * sigmas, np.inf)
    told = np.where(gains == 0, 1.0, gains)
    noise = np.where(gains == 0, 0.0, 1 / told)[:, None, None] * noise
    return BlockMoves(centres, moves, sigmas, chained(seen), size, noise)
