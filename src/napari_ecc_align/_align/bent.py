"""A field from an estimate of the global motion, and whether to trust it."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._common.steps import outcome_of, retold
from .._ecc.estimate import Estimate
from .._ecc.estimator import estimate_steps
from .._ecc.field.estimate import FieldEstimate, field_steps
from .._ecc.field.stage import Stage, stages_of
from .._ecc.options import SearchOptions
from .._images.pyramid.pair import Pyramids
from .._transform.field import Field
from .._transform.splines import Lattice
from .._verdict.assess import assess
from .._verdict.chance import ALPHA, p_value
from .._verdict.field_misfit import LaidField, laid_field
from .._verdict.field_result import SmoothAlignment
from .._verdict.field_trust import (
    Halves,
    elsewhere,
    halves_steps,
    scatter,
    tiles_of_field,
    told,
    unheld,
    unresolved,
)
from .._verdict.finding import Judged
from .._verdict.limits import CLEAR, RIGHT, WRONG
from .._verdict.result import AlignmentResult
from .._verdict.sampling import sampled_ecc
from .._verdict.verdict import Verdict
from .foretold import Foretold
from .options import Job
from .progress import Progress

Array = NDArray[np.float64]

# What bends by less than so many of its sigmas, or so many px, does not, but on so few cells;
# of how many cells anything is to be said, and how many say it as well as more.
_SIGMAS, _UNBENT, _FEW, _FEWEST_CELLS, _MANY_CELLS = 3.0, 0.1, 0.01, 12, 1500
# Of what is known on less than this share of what both images show, nobody can be sure.
_LEAST_SHARE = 0.5
# The grid on which sigma is kept has so many places along its longer side.
_PLACES = 96
# Sigma is to be less than this share of what it would be if nothing were seen.
_TOLD = 0.5
# A field has to explain so much of what a right affine motion leaves unexplained.
_GAIN = 0.1
# Of images that do not fit on more than this share of what both show nobody can be sure.
_TORN = 0.01
_SUFFICES = "Nothing bends: the model 'affine' suffices."
_AS_SEEN = "Nothing bends where the images say how they lie."


@dataclass(frozen=True, eq=False)
class Bent:
    """A result, and what it was made of.

    The global motion, the field and that of its halves, what the tiles say of the images that it
    lays, and on which share of what both show cells say where it lies, whatever may be torn.
    """

    result: SmoothAlignment
    motion: Estimate
    field: FieldEstimate
    halves: Halves
    judged: Judged
    told_share: float


def nothing(shape: tuple[int, int], verdict: Verdict, reason: str) -> SmoothAlignment:
    """Return the result of an alignment to a reference of a shape that nothing came of."""
    return SmoothAlignment(still(np.eye(3), shape), verdict, reason, shape)


def known_to_lie_still(shape: tuple[int, int], reason: str) -> SmoothAlignment:
    """Return the result of a reference of a shape beside itself."""
    field = replace(still(np.eye(3), shape), sigma=np.zeros((2, 2, 2)))
    return SmoothAlignment(
        field,
        "aligned",
        reason,
        shape,
        known_share=1.0,
        uncertainty=0.0,
        ecc=1.0,
        ecc_before=1.0,
        overlap_fraction=1.0,
        start="identity",
    )


def still(matrix: Array, shape: tuple[int, int]) -> Field:
    """Return a field that bends nowhere."""
    rows, columns = (Lattice.over(length, max(2.0, length - 1.0)) for length in shape)
    return Field(matrix, rows, columns, np.zeros((rows.count, columns.count, 2)))


def bent_steps(
    job: Job,
    pyramids: Pyramids,
    estimate: Estimate,
    stiffness: float | None,
    like: Foretold | None = None,
) -> Generator[Progress, None, Bent]:
    """Look for a field from an estimate of the global motion, and judge it.

    Parameters
    ----------
    job : Job
    pyramids : Pyramids
        Of both images.
    estimate : Estimate
        At full resolution.
    stiffness : float or None
        In px; as the images say if None.
    like : Foretold, optional
        By what was found of another image of the same reference.
    """
    representation = estimate.representation
    if representation == "gradient":
        representation = "orientation"
    stages = stages_of(pyramids.reference, pyramids.moving, representation)
    sign = -1 if estimate.inverted and representation == "intensity" else 1
    expected = None if like is None else like.expected
    given = stages, estimate.matrix, job.shape
    steps = field_steps(*given, sign=sign, stiffness=stiffness, expected=expected)
    bent = yield from retold(steps, lambda _: Progress(0.6, "bending"))
    of_halves = () if like is None else like.halves
    looked = halves_steps(stages, bent, estimate.matrix, job.shape, sign, of_halves)
    halves = yield from retold(looked, lambda _: Progress(0.8, "judging"))
    return _judged(job, pyramids, estimate, bent, halves, like)


def is_placed(result: SmoothAlignment) -> bool:
    """Tell whether no other start leads farther: so many tiles do not agree by chance."""
    tiles = result.tiles
    if tiles is None or result.aligned:
        return result.aligned
    return result.found and p_value(tiles, "homography") < ALPHA


def _judged(
    job: Job,
    pyramids: Pyramids,
    estimate: Estimate,
    bent: FieldEstimate,
    halves: Halves,
    like: Foretold | None,
) -> Bent:
    shape, stage, stiffness = job.shape, bent.stage, bent.prior.stiffness
    options = replace(job.options, model="affine")
    fitted = _fitted(pyramids, estimate, bent, halves)
    said = _said(fitted, stage, shape)
    known, freest = said.typical if said.share else np.nan, replace(options, model="homography")
    near = like.judged if like else None
    judged = tiles_of_field(fitted.laid.pyramids, estimate, freest, known, near)
    found = judged.result
    if beyond := scatter(found, said.field, stage.index):
        said = _said(replace(fitted, sigma=np.hypot(fitted.sigma, beyond)), stage, shape)
    plain = replace(estimate, matrix=fitted.plain)
    # Of what bends for sure, as an image like it did that no affine motion laid, none is asked.
    asked = like is None or not (like.bends and fitted.bends)
    rigid = _as_good(job, pyramids, plain, options, found) if asked else None
    if rigid is not None:
        flat = laid_field(pyramids, plain, still(rigid.transform.matrix, shape), stage)
        if flat.misfit[fitted.seen].mean() <= _TORN:
            result = _rigid(rigid, flat, fitted.seen, bent)
            return Bent(result, estimate, bent, halves, judged, fitted.told_share)
    verdict: Verdict = found.verdict
    torn = float(fitted.laid.misfit[fitted.seen].mean())
    doubt = _doubt(found, said, stage, torn)
    if verdict == "aligned" and doubt:
        verdict, said = "doubtful", said._replace(sentence=f"{said.sentence} {doubt}")
    if verdict == "failed":
        nowhere = np.full_like(fitted.sigma, np.inf)
        field = replace(said.field, sigma=_sigma_grid(nowhere, stage, shape, fitted.seen))
        said = _Said(field, "", 0.0, float("inf"))
    result = _beside(
        found,
        transform=said.field,
        verdict=verdict,
        reason=" ".join(part for part in (said.sentence, found.reason) if part),
        shape=shape,
        known_share=said.share,
        uncertainty=said.typical,
        bends=fitted.bends,
        stiffness=stiffness,
        start=estimate.start,
        representation=estimate.representation,
    )
    return Bent(result, estimate, bent, halves, judged, fitted.told_share)


@dataclass(frozen=True, eq=False)
class _Fitted:
    """A field that lays the images, and what cells say of it.

    Attributes
    ----------
    laid : LaidField
    bends : bool
    plain : ndarray of float64, shape (3, 3)
        The affine motion nearest to it.
    sigma : ndarray, shape (2, h, w)
    seen, agree : ndarray of bool, shape (h, w)
        Cells that lie on pixels of both images, and those in which nothing contradicts the field.
    told_share : float
        As in `Bent`.
    """

    laid: LaidField
    bends: bool
    plain: Array
    sigma: Array
    seen: NDArray[np.bool_]
    agree: NDArray[np.bool_]
    told_share: float


def _fitted(
    pyramids: Pyramids, estimate: Estimate, bent: FieldEstimate, halves: Halves
) -> _Fitted:
    """Return the field, or the affine motion nearest to it where nothing bends for sure."""
    stage, splines = bent.stage, bent.splines
    seen = np.asarray(bent.seen.shown > 0)
    sigma = bent.sigma()
    # What images do not say is not known, however little the field bends elsewhere.
    sigma[:, (sigma > _TOLD * bent.prior.amplitude).any(axis=0)] = np.inf
    sigma *= halves.raised
    followed = halves.agree & (unresolved(bent.on_cells(bent.coefficients)) <= RIGHT)
    whole = np.moveaxis(splines.on_lattice(bent.coefficients), 0, -1)
    field = Field(estimate.matrix, splines.rows, splines.columns, whole)
    laid = laid_field(pyramids, estimate, field, stage)
    agree = followed & ~laid.beside
    motion, bends = _affine_part(bent, sigma, seen & agree)
    plain = estimate.matrix @ motion
    if not bends:
        field = replace(field, matrix=plain, coefficients=0 * whole)
        laid = laid_field(pyramids, estimate, field, stage)
        agree = halves.agree & ~laid.beside
    counted = seen & agree & np.isfinite(sigma).all(axis=0)
    told_share = np.count_nonzero(counted & (np.hypot(*sigma) <= WRONG)) / max(1, seen.sum())
    sigma[:, unheld(bent, counted, laid.misfit, bends=bends)] = np.inf
    return _Fitted(laid, bends, plain, sigma, seen, agree, float(told_share))


class _Said(NamedTuple):
    """A field with its sigma, and where it is known: in a sentence, on which share, how well."""

    field: Field
    sentence: str
    share: float
    typical: float


def _said(fitted: _Fitted, stage: Stage, shape: tuple[int, int]) -> _Said:
    sigma, seen, agree = fitted.sigma, fitted.seen, fitted.agree
    field = replace(fitted.laid.field, sigma=_sigma_grid(sigma, stage, shape, seen & agree))
    return _Said(field, *told(sigma, seen, agree, shape, bends=fitted.bends, suffices=_SUFFICES))


def _doubt(found: AlignmentResult, said: _Said, stage: Stage, torn: float) -> str:
    """Return why a field is not to be called right though all tiles together agree, or nothing."""
    if torn > _TORN:
        return (
            f"Small parts do not fit on {torn:.0%} of it: no smooth field lays what is torn or "
            "slides."
        )
    if said.share < _LEAST_SHARE:
        return "That is too little to be sure of what can be bent to fit."
    if not _held(found, said.field, stage.index):
        return "Too few tiles agree to be sure of what can be bent to fit."
    return ""


def _as_good(
    job: Job,
    pyramids: Pyramids,
    plain: Estimate,
    options: SearchOptions,
    bent: AlignmentResult,
) -> AlignmentResult | None:
    """Return what an affine motion amounts to if a field explains no more, None if it does."""
    ecc = sampled_ecc(pyramids.reference[0], pyramids.moving[0], [plain.matrix])[0]
    if 1 - bent.ecc <= (1 - _GAIN) * (1 - (-ecc if plain.inverted else ecc)):
        return None
    given = pyramids.reference, pyramids.moving, options
    found = outcome_of(estimate_steps(*given, initial=plain.matrix, nearby=True))
    rigid = assess(pyramids, replace(found, start=plain.start), options, job.initial)
    return rigid if rigid.aligned else None


def _rigid(
    result: AlignmentResult,
    laid: LaidField,
    seen: NDArray[np.bool_],
    bent: FieldEstimate,
) -> SmoothAlignment:
    """Return what a right affine motion amounts to, beside which a field explains no more."""
    stage = bent.stage
    rows, columns = stage.places()
    places = np.stack(np.meshgrid(columns, rows), axis=-1).reshape(-1, 2)
    spread = result.uncertainty_at(places).reshape(seen.shape) / np.sqrt(2)
    bare = unheld(bent, seen, laid.misfit, bends=False)
    bare |= elsewhere(result.tiles, *stage.places())
    fits = ~(laid.beside | bare)
    sigma = _sigma_grid(np.stack([spread, spread]), stage, result.shape, fits)
    return _beside(
        result,
        transform=replace(laid.field, sigma=sigma),
        verdict="aligned",
        reason=f"{_AS_SEEN if bare.any() else _SUFFICES} {result.reason}",
        shape=result.shape,
        known_share=float(fits[seen].mean()),
        uncertainty=float(np.median(spread)),
        stiffness=bent.prior.stiffness,
        start=result.start,
        representation=result.representation,
    )


def _beside(result: AlignmentResult, **own: Any) -> SmoothAlignment:
    """Return what is measured alike of a field and of a matrix, with what is the field's own."""
    return SmoothAlignment(
        ecc=result.ecc,
        ecc_before=result.ecc_before,
        inverted=result.inverted,
        overlap_fraction=result.overlap_fraction,
        tiles=result.tiles,
        **own,
    )


def _held(laid: AlignmentResult, field: Field, level: int) -> bool:
    """Tell whether nearly all tiles agree where a field is known: it has been bent to fit."""
    assert laid.tiles is not None
    known = field.uncertainty_at(laid.tiles.displacements[:, :2] * 2.0**level) <= WRONG
    agree = laid.tiles.agree[known]
    return bool(len(agree) and agree.mean() >= CLEAR)


def _sigma_grid(
    sigma: Array, stage: Stage, shape: tuple[int, int], counted: NDArray[np.bool_]
) -> Array:
    """Return sigma of cells on an even grid over the reference, (h, w, 2), infinite where unknown.

    Parameters
    ----------
    sigma : ndarray, shape (2, h, w)
        On the cells of the finest stage.
    stage : Stage
    shape : tuple of int
        Of the reference.
    counted : ndarray of bool, shape (h, w)
        Cells on which it is known at all.
    """
    step = max(1.0, max(shape) / _PLACES)
    indices = []
    for length, places in zip(shape, stage.places(), strict=True):
        at = np.linspace(0, length - 1, max(2, round(length / step)))
        cell = places[1] - places[0] if len(places) > 1 else 1.0
        indices.append(np.clip(np.rint((at - places[0]) / cell), 0, len(places) - 1).astype(int))
    grid = np.where(counted, sigma, np.inf)[:, indices[0][:, None], indices[1]]
    return np.moveaxis(grid, 0, -1)


def _affine_part(
    bent: FieldEstimate, sigma: Array, known: NDArray[np.bool_]
) -> tuple[Array, bool]:
    """Return the affine motion nearest to a field, (3, 3), and whether it bends for sure."""
    step = max(1, round(np.sqrt(known.size / _MANY_CELLS)))
    every = slice(step // 2, None, step)
    rows, columns = (one[every] for one in bent.stage.places())
    down, across = (one[every] for one in bent.system.design)
    moved = bent.splines.values((down, across), bent.coefficients)
    size = np.hypot(*sigma[:, every, every])
    known = known[every, every] & (size <= WRONG)
    motion: Array = np.eye(3)
    y, x = (values[known] for values in np.meshgrid(rows, columns, indexing="ij"))
    if len(x) < _FEWEST_CELLS:
        return motion, True
    places = np.stack([x, y, np.ones_like(x)], axis=1)
    weights = 1 / size[known]
    # About the middle, in units of the size, sums of products are exact enough.
    middle, spread = places.mean(axis=0), np.maximum(places.std(axis=0), 1e-9)
    middle[2], spread[2] = 0, 1
    even = (places - middle) / spread * weights[:, None]
    fit = np.linalg.lstsq(even.T @ even, even.T @ (moved[:, known] * weights).T)[0].T / spread
    fit[:, 2] -= fit[:, :2] @ middle[:2]
    left = np.hypot(*(moved[:, known] - fit @ places.T))
    motion[:2] += fit
    return motion, bool((left > np.maximum(_SIGMAS * size[known], _UNBENT)).mean() > _FEW)
