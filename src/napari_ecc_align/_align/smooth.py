"""Aligning a pair by a smooth field, after a global motion."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._common.errors import InputError
from .._common.one_thread import in_one_thread
from .._common.steps import outcome_of, retold
from .._ecc.estimate import Estimate
from .._ecc.estimator import estimate_steps
from .._ecc.field.estimate import FieldEstimate, Stage, field_steps, stages_of
from .._ecc.options import SearchOptions
from .._images.pyramid.pair import Pyramids, make_pyramids
from .._transform.field import Field
from .._transform.splines import Lattice
from .._transform.transform import scaled
from .._verdict.assess import assess
from .._verdict.chance import ALPHA, p_value
from .._verdict.field_result import SmoothAlignment
from .._verdict.field_trust import halves_steps, tiles_of_field, told
from .._verdict.limits import CLEAR, WRONG
from .._verdict.result import GIVEN, AlignmentResult
from .._verdict.rules import HIGH_ECC
from .._verdict.sampling import sampled_ecc
from .._verdict.verdict import VERDICTS, Verdict
from .cancelling import Cancelled
from .counted_part import counted_sources
from .options import Job
from .progress import Progress

Array = NDArray[np.float64]

# What bends by less than so many of its sigmas, or so many px, does not, but on so few cells;
# of how many cells anything is to be said.
_SIGMAS, _UNBENT, _FEW, _FEWEST_CELLS = 3.0, 0.1, 0.01, 12
# Of what is known on less than this share of what both images show, nobody can be sure.
_LEAST_SHARE = 0.5
_LEAST_STIFF = 4.0
# A field that was given is looked at in so many places a side, and is right in so many of them.
_ASKED, _MOST = 48, 0.9
# The grid on which sigma is kept has so many places along its longer side.
_PLACES = 96
# Sigma is to be less than this share of what it would be if nothing were seen.
_TOLD = 0.5
# The global motion is looked for on a level of so many pixels at most: the field does the rest.
_GLOBAL_PIXELS = 80_000
# A field has to explain so much of what a right affine motion leaves unexplained.
_GAIN = 0.1
_SUFFICES = "Nothing bends: the model 'affine' suffices."


def check_stiffness(stiffness: object, *, bending: bool, engine: str, mirrored: bool) -> None:
    """Raise `InputError` for options that a smooth field, or all else, cannot have."""
    if not bending:
        if stiffness is not None:
            raise InputError("stiffness is an option of model='smooth'")
        return
    if engine != "pyramid" or mirrored:
        raise InputError("model 'smooth' knows neither engine='opencv' nor mirrored=True")
    number = isinstance(stiffness, int | float | np.number) and not isinstance(stiffness, bool)
    if stiffness is not None and not (number and _LEAST_STIFF <= float(stiffness) < np.inf):  # type: ignore[arg-type]
        raise InputError(
            f"stiffness must be a number of pixels, {_LEAST_STIFF:g} or more, not {stiffness!r}"
        )


def smooth_result(
    job: Job,
    stiffness: float | None,
    progress: Callable[[Progress], object] | None,
    cancel: Callable[[], bool] | None,
) -> SmoothAlignment:
    """Align what a job says by a field, telling and asking the caller after each step."""

    def tell(step: Progress) -> None:
        if progress is not None:
            progress(step)
        if cancel is not None and cancel():
            raise Cancelled(step.transform)

    try:
        return outcome_of(smooth_steps(job, stiffness), tell)
    except Cancelled:
        return _nothing(job, "cancelled", "The alignment was cancelled.")


def smooth_steps(
    job: Job, stiffness: float | None = None
) -> Generator[Progress, None, SmoothAlignment]:
    """Align by a field, one step at a time: yields `Progress`, returns the result."""
    return in_one_thread(_steps(job, stiffness))


def _steps(job: Job, stiffness: float | None) -> Generator[Progress, None, SmoothAlignment]:
    began = time.perf_counter()
    job = counted_sources(job)
    steps = make_pyramids(job.reference, job.moving, np.eye(3))
    pyramids = yield from retold(steps, lambda _: Progress(0.0, "preparing the images"))
    if pyramids.flaw:
        return _nothing(job, "failed", pyramids.flaw)
    coarse = pyramids.index_below(_GLOBAL_PIXELS)
    results: list[SmoothAlignment] = []
    # What is too fine to be seen on a coarse level is looked for on all of them.
    for index in sorted({coarse, 0}, reverse=True):
        found = yield from _from_level(job, pyramids, index, stiffness)
        results += found
        if any(_placed(one) for one in found):
            break
    yield Progress(1.0, "done")
    best = max(results, key=lambda one: (VERDICTS.index(one.verdict), one.known_share))
    return replace(best, seconds=time.perf_counter() - began)


def _from_level(
    job: Job, pyramids: Pyramids, index: int, stiffness: float | None
) -> Generator[Progress, None, list[SmoothAlignment]]:
    """Return the fields after global motions that were found on a level."""
    options = replace(job.options, model="affine")
    results: list[SmoothAlignment] = []
    tried: list[Array] = []

    def bent(estimate: Estimate) -> Generator[Progress, None, SmoothAlignment]:
        tried.append(estimate.matrix)
        whole = replace(estimate, matrix=scaled(estimate.matrix, 2.0**index))
        return _bent(job, pyramids, whole, options, stiffness)

    def accept(estimate: Estimate) -> bool:
        found = outcome_of(bent(estimate))
        if estimate.representation == "orientation" and abs(found.ecc) > HIGH_ECC:
            # What brightness says as well it says more exactly, and of both polarities.
            bright = replace(estimate, representation="intensity", inverted=found.ecc < 0)
            again = outcome_of(bent(bright))
            found = again if again.aligned else found
        results.append(found)
        return _placed(found)

    initial = None if job.initial is None else scaled(job.initial, 2.0**-index)
    reference, moving = (
        [replace(one, index=one.index - index) for one in part[index:]]
        for part in (pyramids.reference, pyramids.moving)
    )
    looked = estimate_steps(reference, moving, options, initial=initial, accept=accept)
    estimate = yield from retold(looked, lambda step: Progress(0.4, step.stage))
    if not any(one is estimate.matrix for one in tried):
        results.append((yield from bent(estimate)))
    return results


def _placed(result: SmoothAlignment) -> bool:
    """Tell whether no other start leads farther: so many tiles do not agree by chance."""
    tiles = result.tiles
    if tiles is None or result.aligned:
        return result.aligned
    return result.found and p_value(tiles, "homography") < ALPHA


def judged_field(
    job: Job,
    field: Field,
    progress: Callable[[Progress], object] | None,
    cancel: Callable[[], bool] | None,
) -> SmoothAlignment:
    """Say whether a field lays a pair: how far from it the field lies that the images find."""
    rows, columns = (np.linspace(0, length - 1.0, _ASKED) for length in job.shape)
    places = np.stack(np.meshgrid(columns, rows), axis=-1).reshape(-1, 2)
    there = field(places)
    wide = np.c_[places, np.ones(len(places))]
    start = np.vstack([np.linalg.lstsq(wide, there, rcond=None)[0].T, [0, 0, 1]])
    found = smooth_result(replace(job, initial=start), None, progress, cancel)
    sigma = found.uncertainty_at(places)
    known = np.isfinite(sigma) & (sigma <= WRONG)
    if not (found.found and known.any()):
        return replace(found, transform=field, start=GIVEN)
    off = np.hypot(*(found.transform(places) - there).T)
    middle, most = (float(np.quantile(off[known], share)) for share in (0.5, _MOST))
    verdict: Verdict = found.verdict
    if found.aligned and most > WRONG:
        verdict = "failed" if middle > WRONG else "doubtful"
    reason = (
        f"It lies {middle:.2g} px from where the images fit, in nine places of ten less than "
        f"{most:.2g} px. Where they fit: {found.reason}"
    )
    spread = np.where(known, np.hypot(sigma, off), np.inf).reshape(_ASKED, _ASKED, 1)
    told = replace(field, sigma=np.repeat(spread / np.sqrt(2), 2, axis=2))
    return replace(found, transform=told, verdict=verdict, reason=reason, start=GIVEN)


def _nothing(job: Job, verdict: Verdict, reason: str) -> SmoothAlignment:
    return SmoothAlignment(_still(np.eye(3), job.shape), verdict, reason, job.shape)


def _still(matrix: Array, shape: tuple[int, int]) -> Field:
    """Return a field that bends nowhere."""
    rows, columns = (Lattice.over(length, max(2.0, length - 1.0)) for length in shape)
    return Field(matrix, rows, columns, np.zeros((rows.count, columns.count, 2)))


def _bent(
    job: Job,
    pyramids: Pyramids,
    estimate: Estimate,
    options: SearchOptions,
    stiffness: float | None,
) -> Generator[Progress, None, SmoothAlignment]:
    """Look for a field from an estimate of the global motion, and judge it."""
    representation = estimate.representation
    if representation == "gradient":
        representation = "orientation"
    stages = stages_of(pyramids.reference, pyramids.moving, representation)
    sign = -1 if estimate.inverted and representation == "intensity" else 1
    given = stages, estimate.matrix, job.shape
    steps = field_steps(*given, sign=sign, stiffness=stiffness)
    bent = yield from retold(steps, lambda _: Progress(0.6, "bending"))
    halves = halves_steps(stages, bent, estimate.matrix, job.shape, sign)
    raised, agree = yield from retold(halves, lambda _: Progress(0.8, "judging"))
    return _judged(job, pyramids, estimate, options, bent, raised, agree)


def _judged(
    job: Job,
    pyramids: Pyramids,
    estimate: Estimate,
    options: SearchOptions,
    bent: FieldEstimate,
    raised: Array,
    agree: NDArray[np.bool_],
) -> SmoothAlignment:
    shape, stage = job.shape, bent.stage
    seen = np.asarray(bent.seen.shown > 0)
    sigma = bent.sigma()
    # What images do not say is not known, however little the field bends elsewhere.
    sigma[:, (sigma > _TOLD * bent.prior.amplitude).any(axis=0)] = np.inf
    sigma *= raised
    motion, bends = _affine_part(bent, sigma, seen & agree)
    plain, splines = estimate.matrix @ motion, bent.splines
    field = Field(
        estimate.matrix if bends else plain,
        splines.rows,
        splines.columns,
        bent.coefficients.reshape(splines.shape) * bends,
        _sigma_grid(sigma, stage, shape, seen & agree),
    )
    sentence, share, typical = told(sigma, seen, agree, shape, bends=bends, suffices=_SUFFICES)
    known, freest = typical if share else np.nan, replace(options, model="homography")
    laid = tiles_of_field(pyramids, estimate, field, stage.index, freest, known)
    rigid = _as_good(job, pyramids, replace(estimate, matrix=plain), options, laid)
    if rigid is not None:
        return _rigid(rigid, bent.prior.stiffness)
    verdict: Verdict = laid.verdict
    if verdict == "aligned" and (share < _LEAST_SHARE or not _held(laid, field, bent.stage.index)):
        verdict = "doubtful"
        little = "That is too little" if share < _LEAST_SHARE else "Too few tiles agree"
        sentence += f" {little} to be sure of what can be bent to fit."
    if verdict == "failed":
        field = replace(field, sigma=_sigma_grid(sigma, stage, shape, np.zeros_like(seen)))
        share, typical, sentence = 0.0, float("inf"), ""
    return _beside(
        laid,
        transform=field,
        verdict=verdict,
        reason=" ".join(part for part in (sentence, laid.reason) if part),
        shape=shape,
        known_share=share,
        uncertainty=typical,
        bends=bends,
        stiffness=bent.prior.stiffness,
        start=estimate.start,
        representation=estimate.representation,
    )


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


def _rigid(result: AlignmentResult, stiffness: float) -> SmoothAlignment:
    """Return what a right affine motion amounts to, beside which a field explains no more."""
    rows, columns = (np.linspace(0, length - 1.0, _PLACES) for length in result.shape)
    places = np.stack(np.meshgrid(columns, rows), axis=-1).reshape(-1, 2)
    spread = result.uncertainty_at(places).reshape(_PLACES, _PLACES, 1) / np.sqrt(2)
    field = replace(
        _still(result.transform.matrix, result.shape), sigma=np.repeat(spread, 2, axis=2)
    )
    return _beside(
        result,
        transform=field,
        verdict="aligned",
        reason=f"{_SUFFICES} {result.reason}",
        shape=result.shape,
        known_share=1.0,
        uncertainty=float(np.median(spread)),
        stiffness=stiffness,
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
    rows, columns = bent.stage.places()
    moved = bent.on_cells(bent.coefficients)
    size = np.hypot(*sigma)
    known = known & (size <= WRONG)
    motion: Array = np.eye(3)
    y, x = (values[known] for values in np.meshgrid(rows, columns, indexing="ij"))
    if len(x) < _FEWEST_CELLS:
        return motion, True
    places = np.stack([x, y, np.ones_like(x)], axis=1)
    weights = 1 / size[known]
    fit = np.linalg.lstsq(places * weights[:, None], moved[:, known].T * weights[:, None])[0].T
    left = np.hypot(*(moved[:, known] - fit @ places.T))
    motion[:2] += fit
    return motion, bool((left > np.maximum(_SIGMAS * size[known], _UNBENT)).mean() > _FEW)
