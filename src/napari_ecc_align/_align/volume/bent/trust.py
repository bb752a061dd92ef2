"""Where a field of volumes is to be trusted: two fields from different voxels, and what bends."""

from __future__ import annotations

from collections.abc import Generator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ...._transform.models import Array
from ...._verdict.limits import CLEAR_SIGMAS, RIGHT, TIMES_LEFT, WRONG
from .basis import values
from .estimate import FieldEstimate, field_steps
from .seen import CELL, WINDOW, Seen, Stage
from .system import spread

# As of images: two halves are compared over so much of the stiffness, as one sigma, and do not
# differ by less than so many times what is expected. Sigma is smoothed over as much.
_POOLED, _LIKE_EXPECTED = 0.35, 2.0
# Sigma is to be less than this share of what it would be if nothing were seen.
_TOLD = 0.5
# What is left is compared among so many parts of equal size, by brightness.
_BRIGHTNESSES = 8
# What bends by less than so many of its sigmas, or so many px, does not, but on so few cells; of
# how many anything is to be said.
_SIGMAS, _UNBENT, _FEW, _FEWEST_CELLS = 3.0, 0.1, 0.01, 12


class Trust(NamedTuple):
    """What is known of a field on the finest cells.

    Attributes
    ----------
    sigma : ndarray, shape (3, d, h, w)
        One sigma of each axis, in px.
    agree : ndarray of bool, shape (d, h, w)
        Where nothing contradicts the field.
    torn : float
        Share of what both volumes show where they do not fit as they do elsewhere.
    """

    sigma: Array
    agree: NDArray[np.bool_]
    torn: float


def trust_steps(
    stages: list[Stage], found: FieldEstimate, matrix: Array, sign: int
) -> Generator[None, None, Trust]:
    """Ask two halves of the cells, each on its own; the finest level is left out."""
    used = stages[:-1] or stages
    halves = []
    for kept in (0, 1):
        steps = field_steps(used, matrix, sign=sign, prior=found.prior, kept=kept)
        halves.append((yield from steps))
    drawn = []
    for one in halves:
        drawn.append(spread(one.system, (yield from one.system.samples())))
        yield
    apart = ((halves[0].on_cells() - halves[1].on_cells()) ** 2).sum(axis=0)
    expected = np.sum([one**2 for one in drawn], axis=(0, 1))
    coarse = used[-1]
    pooled = np.maximum(1, _POOLED * found.prior.stiffness / (CELL * coarse.apart))
    apart, expected = (ndimage.gaussian_filter(one, pooled) for one in (apart, expected))
    ratio = np.sqrt(np.maximum(1, apart / np.maximum(expected, 1e-12)))
    agree = (np.sqrt(apart) <= WRONG) | (ratio <= _LIKE_EXPECTED)
    nearest = _nearest(found.stage, coarse)
    sigma = spread(found.system, (yield from found.system.samples()))
    around = np.maximum(1, _POOLED * found.prior.stiffness / (CELL * found.stage.apart))
    sigma = np.sqrt(np.stack([ndimage.gaussian_filter(one**2, around) for one in sigma]))
    # What volumes do not say is not known, however little the field bends elsewhere.
    sigma[:, (sigma > _TOLD * found.prior.amplitude).any(axis=0)] = np.inf
    last = found.stage.seen(found.system.basis, found.coefficients, matrix, sign)
    misfit, shown = misfits(last), last.shown > 0
    torn = float(misfit[shown].mean()) if shown.any() else 0.0
    reach = round(CLEAR_SIGMAS * WINDOW)
    beside = ndimage.maximum_filter(misfit, 2 * reach + 1) if misfit.any() else misfit
    return Trust(sigma * ratio[nearest], agree[nearest] & ~beside, torn)


def misfits(seen: Seen) -> NDArray[np.bool_]:
    """Return the cells in which much more is left unexplained than in others as bright.

    A smooth field cannot follow what is torn or slides: it runs between, and on both sides what
    is seen lies elsewhere. Noise may grow with brightness, but not from place to place.
    """
    shown = seen.shown > 0
    if not shown.any():
        return shown
    edges = np.quantile(seen.level[shown], np.linspace(0, 1, _BRIGHTNESSES + 1))
    kind = np.clip(np.searchsorted(edges, seen.level, side="right") - 1, 0, _BRIGHTNESSES - 1)
    usual = np.zeros(_BRIGHTNESSES)
    for k in range(_BRIGHTNESSES):
        alike = seen.left[shown & (kind == k)]
        usual[k] = np.median(alike) if len(alike) else np.inf
    left = seen.left - usual[kind]
    # Where there is hardly any noise, what is off by less leaves as much.
    return np.asarray(
        shown & (left > (TIMES_LEFT - 1) * usual[kind]) & (left > RIGHT**2 * seen.steep)
    )


def _nearest(fine: Stage, coarse: Stage) -> tuple[NDArray[np.int_], ...]:
    """Return which cells of a coarse stage lie nearest to those of a fine one."""
    indices = []
    for places, others in zip(fine.places(), coarse.places(), strict=True):
        apart = others[1] - others[0] if len(others) > 1 else 1.0
        indices.append(
            np.clip(np.rint((places - others[0]) / apart), 0, len(others) - 1).astype(int)
        )
    return np.ix_(*indices)


def affine_part(found: FieldEstimate, trust: Trust) -> tuple[Array, bool]:
    """Return the affine motion (4, 4) nearest to a field, in px, and whether it bends for sure."""
    size = np.sqrt((trust.sigma**2).sum(axis=0))
    known = (found.seen.shown > 0) & trust.agree & (size <= WRONG)
    motion: Array = np.eye(4)
    if np.count_nonzero(known) < _FEWEST_CELLS:
        return motion, True
    moved = values(found.system.designs, found.coefficients)[:, known].T.astype(np.float64)
    grid = np.stack(np.meshgrid(*found.stage.places(), indexing="ij"), axis=-1)[known]
    wide = np.c_[grid, np.ones(len(grid))]
    weights = 1 / size[known][:, None]
    fit = np.linalg.lstsq(wide * weights, moved * weights, rcond=None)[0]
    left = np.linalg.norm(moved - wide @ fit, axis=1)
    motion[:3] += fit.T
    return motion, bool((left > np.maximum(_SIGMAS * size[known], _UNBENT)).mean() > _FEW)
