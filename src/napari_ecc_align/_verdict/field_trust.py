"""Where a field is to be trusted: two fields from different pixels, and tiles where it puts them.

A field can be bent until anything fits a little. So each half of the cells, as on a checkerboard,
finds a field of its own, and where these two differ by more than they should the field is not
known; and the images, once laid on each other, are judged as any others are.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .._common.opencv import cv2
from .._common.steps import outcome_of
from .._ecc.estimate import Estimate
from .._ecc.field.cells import Expected
from .._ecc.field.estimate import FieldEstimate, field_steps
from .._ecc.field.stage import Stage, designs
from .._ecc.field.system import Splines
from .._ecc.field.windows import WINDOW, blurred
from .._ecc.options import SearchOptions
from .._images.field_warping import CELL, between_cells, moved_cells
from .._images.pyramid.filters import gradients
from .._images.pyramid.halving import image_pyramid
from .._images.pyramid.levels import Floats, Level, floats
from .._images.pyramid.pair import Pyramids
from .._transform.coordinates import scaled
from .._transform.field import Field
from .assess import judged_steps
from .finding import Judged
from .followed import judged_like, may_be_followed
from .limits import LEAST_AGREEING, LEAST_PART, LEAST_SHARE, RIGHT, TIMES_LEFT, WRONG
from .residual_pattern import SIGMAS, part_of
from .result import AlignmentResult
from .tile_matching import Tiles

Array = NDArray[np.float64]

# Two halves are compared over so much of the stiffness, as one sigma.
_POOLED = 0.35
# Where they differ by more (px, RMS), one of them has found something else.
_APART = WRONG
# Where a field bends so many times as much as elsewhere, what is seen there is to say so on its
# own, to so many px. Of fields that are as stiff everywhere one place in a thousand bends so.
_UNLIKE, _ALONE = TIMES_LEFT, LEAST_PART * WRONG
# Images may be torn that do not fit on more than such a share.
_SOME = LEAST_PART * LEAST_SHARE


@dataclass(frozen=True, eq=False)
class Halves:
    """What two halves of the cells say of a field, each on its own.

    Attributes
    ----------
    raised : ndarray, shape (h, w)
        By how much sigma is to be raised on the finest cells.
    agree : ndarray of bool, shape (h, w)
        Where the halves agree.
    fields : tuple of FieldEstimate
        Of both.
    """

    raised: Array
    agree: NDArray[np.bool_]
    fields: tuple[FieldEstimate, ...]


def halves_steps(
    stages: list[Stage],
    estimate: FieldEstimate,
    matrix: Array,
    shape: tuple[int, int],
    sign: int,
    foretold: Sequence[Expected] = (),
) -> Generator[None, None, Halves]:
    """Return what the halves say; of an image like another one, what that foretells of each.

    The finest level is left out: what is a px there is half of one on the next.
    """
    used = stages[:-1] or stages
    halves = []
    for kept, one in enumerate(foretold or [Expected(estimate.prior)] * 2):
        halves.append(
            (yield from field_steps(used, matrix, shape, sign=sign, expected=one, kept=kept))
        )
    first, second = (one.on_cells(one.coefficients) for one in halves)
    apart = ((first - second) ** 2).sum(axis=0)
    if foretold:
        # What both were held back from by the other frame they would agree on.
        whole = used[-1].design(estimate.splines)
        own = estimate.splines.values(whole, estimate.coefficients)
        off = [((own - half) ** 2).sum(axis=0) for half in (first, second)]
        apart = np.maximum(apart, np.maximum(*off))
    expected = np.sum([one.sigma() ** 2 for one in halves], axis=(0, 1))
    pooled = max(1.0, _POOLED * estimate.prior.stiffness / used[-1].apart)

    def around(values: Array) -> Array:
        return np.asarray(cv2.GaussianBlur(values, (0, 0), pooled, borderType=cv2.BORDER_REFLECT))

    ratio = np.sqrt(np.maximum(1.0, around(apart) / np.maximum(around(expected), 1e-12)))
    # Where they need not agree, sigma says so.
    agree = (np.sqrt(around(apart)) <= _APART) | (ratio <= TIMES_LEFT)
    size = estimate.stage.cells[::-1]
    raised = cv2.resize(ratio, size, interpolation=cv2.INTER_LINEAR)
    near = cv2.resize(agree.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    return Halves(np.asarray(raised, np.float64), np.asarray(near > 0), tuple(halves))


def unresolved(moved: Array) -> Floats:
    """Return how far (px, RMS) a field departs from a straight one within a window that found it.

    What a window sees is laid as one: whether it bends so or is torn there no window says.

    Parameters
    ----------
    moved : ndarray, shape (2, h, w)
        The field on cells.

    Returns
    -------
    ndarray, shape (h, w)
    """
    sigma = WINDOW / CELL
    margin = min(round(5 * sigma), *(length - 1 for length in moved.shape[1:]))

    def around(values: Floats) -> Floats:
        return floats(cv2.GaussianBlur(values, (0, 0), sigma))

    inner = slice(margin, margin + moved.shape[1]), slice(margin, margin + moved.shape[2])
    total = np.zeros(moved.shape[1:], np.float32)
    for part in moved:
        # Beyond the border straight on. Squares of what is small are exact enough.
        wide = np.pad(floats(part - part.mean()), margin, mode="reflect", reflect_type="odd")
        mean = around(wide)
        squares = around(wide * wide)[inner] - mean[inner] ** 2
        x, y = (slope[inner] for slope in gradients(mean))
        squares -= np.float32(sigma**2) * (x * x + y * y)
        total += np.maximum(squares, 0)
    return np.sqrt(total)


def unheld(
    estimate: FieldEstimate,
    counted: NDArray[np.bool_],
    misfit: NDArray[np.bool_],
    *,
    bends: bool,
) -> NDArray[np.bool_]:
    """Return where a field is held by its stiffness, and this is not to be relied upon.

    Sigma is that of a field as stiff everywhere. One that runs between two sides of a tear bends
    there alone; and what is torn in one place may be so in others. Where windows alone say where
    it lies nothing is taken on trust. A tear through what shows nothing makes no more misfits than
    noise does by chance there: of either, what shows nothing is not to be relied upon.

    Parameters
    ----------
    estimate : FieldEstimate
    counted : ndarray of bool, shape (h, w)
        Cells among which it is compared how much it bends.
    misfit : ndarray of bool, shape (h, w)
        Cells that do not fit where it lays them.
    bends : bool
        Whether it bends at all.

    Returns
    -------
    ndarray of bool, shape (h, w)
    """
    unlike = np.zeros_like(counted)
    if bends and counted.any():
        bending = estimate.bending()
        pooled = max(1.0, _POOLED * estimate.prior.stiffness / estimate.stage.apart)
        bending = cv2.GaussianBlur(bending, (0, 0), pooled, borderType=cv2.BORDER_REFLECT)
        unlike = bending > _UNLIKE**2 * np.median(bending[counted])
    sigma = WINDOW / CELL
    xx, xy, yy = 2 * np.pi * sigma**2 * blurred(floats(estimate.system.cells), sigma)
    told, least = xx * yy - xy * xy, np.float32(1e-12)
    # Of what is exactly flat windows say nothing at all.
    alone = np.where(told > least, (xx + yy) / np.maximum(told, least), np.inf)
    seen = estimate.seen.shown > 0
    torn = np.count_nonzero(seen & misfit) > _SOME * np.count_nonzero(seen)
    return np.asarray(alone > np.where(unlike, _ALONE, WRONG if torn else np.inf) ** 2)


def laid_pyramids(pyramids: Pyramids, field: Field, index: int) -> Pyramids:
    """Return the reference from a level on, and the moving image as a field lays it there."""
    here, there = pyramids.reference[index], pyramids.moving[index]
    times = 2.0**index
    laid, inside = _laid(there, field, here.shape, times)
    if index:
        values, valid = here.whole()
        reference = image_pyramid(values, valid)
    else:
        reference = pyramids.reference
    unmoved = np.linalg.inv(scaled(field.matrix, 1 / times)) @ scaled(pyramids.unmoved, 1 / times)
    return Pyramids(reference, image_pyramid(laid, inside), None, unmoved)


def _laid(
    level: Level, field: Field, shape: tuple[int, int], times: float
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    values, valid = level.whole()
    if valid is not None:
        values[~valid] = np.nan
    cells = -(-shape[0] // CELL), -(-shape[1] // CELL)
    down, across = designs(Splines(field.rows, field.columns), cells, times, 1)
    u = down @ np.moveaxis(field.coefficients, -1, 0) @ across.T
    at = between_cells(moved_cells(u, field.matrix, times))[: shape[0], : shape[1]]
    laid = cv2.remap(
        values,
        at,
        None,
        cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=float("nan"),
    )
    return laid, np.isfinite(laid)


def tiles_of_field(
    laid: Pyramids,
    estimate: Estimate,
    options: SearchOptions,
    typical: float,
    like: Judged | None = None,
) -> Judged:
    """Judge a pair as a field, known to so many px, lays it: as if it lay so without any.

    By what it shares with another image of the same reference, if that settles it.
    """
    still = Estimate(
        matrix=np.eye(3),
        inverted=estimate.inverted,
        iterations=estimate.iterations,
        converged=True,
        start=estimate.start,
        representation=estimate.representation,
        corner_uncertainty=typical,
        timings=estimate.timings,
    )
    judged = None
    if like is not None and may_be_followed(like):
        judged = judged_like(like, laid, still, options, None)
    return judged or outcome_of(judged_steps(laid, still, options, None))


def elsewhere(tiles: Tiles | None, rows: Array, columns: Array) -> NDArray[np.bool_]:
    """Return the places of which the nearest tile does not agree, (h, w), if one lies elsewhere.

    What has moved by itself beyond doubt does not end where tiles that show it do.

    Parameters
    ----------
    tiles : Tiles or None
    rows, columns : ndarray, shape (h,) and (w,)
        Of the places, in px as the tiles' are.
    """
    far = np.full((len(rows), len(columns)), np.inf)
    if tiles is None:
        return far < 0
    moved = np.hypot(*tiles.displacements[:, 2:].T)
    away = ~tiles.agree & (moved > np.maximum(WRONG, SIGMAS * tiles.uncertainties))
    nearest = [far.copy(), far.copy()]
    for (x, y), agrees in zip(tiles.displacements[:, :2], tiles.agree, strict=True):
        if away.any():
            near = nearest[int(agrees)]
            np.minimum(near, (rows[:, None] - y) ** 2 + (columns - x) ** 2, out=near)
    return np.asarray(nearest[0] < nearest[1])


def scatter(found: AlignmentResult, field: Field, level: int) -> float:
    """Return how far (px of each axis) tiles lie from where a field lays them for no reason known.

    One sigma beyond what they and the field are known to, where that is called known; what two
    images show alike may lie elsewhere in each, as in neighbouring sections, and no field that
    fits tells. A tile in two is enough: some show something else.

    Parameters
    ----------
    found : AlignmentResult
        Of the images as the field lays them on a level.
    field : Field
    level : int
    """
    if found.tiles is None:
        return 0.0
    times = 2.0**level
    spread = field.uncertainty_at(found.tiles.displacements[:, :2] * times)
    known = spread <= WRONG
    if np.count_nonzero(known) < LEAST_AGREEING:
        return 0.0
    off = times * np.hypot(*found.tiles.displacements[known, 2:].T)
    own = times * found.tiles.uncertainties[known]
    # What fits best at the border of what is searched lies at least so far off.
    own = own[np.isfinite(own)] if np.isfinite(own).any() else np.zeros(1)
    expected = np.median(own) ** 2 + np.median(spread[known]) ** 2 / 2
    # The median of a distance whose axes have one sigma each.
    return float(np.sqrt(max(0.0, np.median(off) ** 2 / (2 * np.log(2)) - expected)))


def told(
    sigma: Array,
    seen: NDArray[np.bool_],
    agree: NDArray[np.bool_],
    shape: tuple[int, int],
    *,
    bends: bool,
    suffices: str,
) -> tuple[str, float, float]:
    """Say where a field is known; return the sentence, the share of it, and what sigma is typical.

    Parameters
    ----------
    sigma : ndarray, shape (2, h, w)
        On cells.
    seen : ndarray of bool, shape (h, w)
        Cells that lie on pixels of both images.
    agree : ndarray of bool, shape (h, w)
        Cells in which two halves agree.
    shape : tuple of int
        Of the reference.
    bends : bool
    suffices : str
        What is said where nothing bends.
    """
    size = np.sqrt((sigma**2).sum(axis=0))
    known = seen & agree & (size <= WRONG)
    share = int(np.count_nonzero(known)) / max(1, int(np.count_nonzero(seen)))
    finite = seen & agree & np.isfinite(size)
    if not finite.any():
        return "Nowhere do the images say how they bend.", share, float("inf")
    if not known.any():
        typical = float(np.sqrt(np.median(size[finite] ** 2) / 2))
        return f"Nowhere is it known to a pixel; typically to {typical:.2g} px.", share, typical
    typical = float(np.sqrt(np.median(size[known] ** 2) / 2))
    sentence = f"Known to {max(typical, 0.01):.2g} px on {share:.0%} of what both images show"
    missing = (seen & ~known).astype(np.uint8)
    count, _, sizes, centres = cv2.connectedComponentsWithStats(missing)
    if share < 0.97 and count > 1:
        largest = 1 + int(np.argmax(sizes[1:, cv2.CC_STAT_AREA]))
        where = part_of(np.asarray(centres[largest]), missing.shape)
        differ = float((~agree)[missing > 0].mean()) > RIGHT
        why = (
            "the images differ, are torn, or bend too sharply"
            if differ
            else "there is too little to see"
        )
        sentence += f"; not in the {where}, where {why}"
    return f"{sentence}." + ("" if bends else f" {suffices}"), share, typical
