"""Aligning two volumes by a smooth field, after an affine motion."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...._common.steps import retold
from ...._ecc.options import SearchOptions
from ...._images.pyramid.levels import Floats
from ...._transform.models import Array
from ...._transform.splines import Lattice
from ...._transform.volume_field import VolumeField
from ...._verdict.chance import ALPHA
from ...._verdict.limits import CLEAR, LEAST_AGREEING, WRONG
from ...._verdict.verdict import VERDICTS, Verdict
from ...cancelling import CANCELLED
from ...progress import Progress
from ..assess import p_value
from ..judged import judging_levels
from ..levels import VolumeLevel, halvings
from ..motion import Shape, inverse, scaled
from ..refine import RefinedVolume, VolumeRefiner
from ..result import VolumeAlignment
from ..run import flaw_of, pyramids_of, refined_starts, starts_of, timed
from ..search import level_below
from ..sources import Volume
from .basis import Places, values
from .estimate import FieldEstimate, field_steps, stages_of
from .result import SmoothVolumeAlignment
from .seen import Stage, resampled_at
from .trust import Trust, affine_part, trust_steps

# The affine motion is looked for on a level of so many voxels at most: the field does the rest.
_ROUGH_VOXELS = 40_000
# Of an affine motion.
_FREEDOMS = 12
# Of what is known on less than this share of what both volumes show nobody can be sure.
_LEAST_SHARE = 0.5
# Of volumes that do not fit on more than this share of what both show nobody can be sure.
_TORN = 0.01
# Splines lie so many times as close as the field is stiff; their grid is asked twice as often.
_CLOSER, _ASKED = 4, 2
# The grid on which sigma is kept has so many places along its longest side.
_PLACES = 48
# So many planes are laid together.
_PLANES = 16
_TURNED = np.eye(4)[[2, 1, 0, 3]]
_SUFFICES = "Nothing bends: the model 'affine' suffices."


@dataclass(frozen=True, eq=False)
class SmoothJob:
    """What two volumes are to be aligned by a field with.

    Attributes
    ----------
    spacings : tuple of (3,) array
    start : (4, 4) array or None
        By (z, y, x).
    stiffness : float or None
        In px.
    asked : callable
        Called often; what it raises ends the work.
    all_turns : bool
        Whether no turn is too far.
    """

    spacings: tuple[Array, Array]
    start: Array | None
    stiffness: float | None
    asked: Callable[[], object]
    all_turns: bool = False


def smooth_volume_result(
    job: SmoothJob,
    volumes: tuple[Volume, Volume],
    progress: Callable[[Progress], object] | None,
    cancel: Callable[[], bool] | None,
) -> SmoothVolumeAlignment:
    """Align two volumes by a field, telling and asking the caller after each step."""

    def steps() -> Generator[Progress, None, SmoothVolumeAlignment]:
        own, other = yield from pyramids_of(volumes, job.spacings)
        return (yield from smooth_volume_steps(job, own, other))

    return bent_or_cancelled(steps(), job, volumes[0].shape, progress, cancel)


def bent_or_cancelled(
    steps: Generator[Progress, None, SmoothVolumeAlignment],
    job: SmoothJob,
    shape: Shape,
    progress: Callable[[Progress], object] | None,
    cancel: Callable[[], bool] | None,
) -> SmoothVolumeAlignment:
    """Return what steps come to, telling and asking the caller after each, or `cancelled`."""

    def ended() -> SmoothVolumeAlignment:
        return nothing_of_volumes(shape, job.spacings[0], "cancelled", CANCELLED)

    result, seconds = timed(steps, ended, progress, cancel)
    return replace(result, seconds=seconds)


def nothing_of_volumes(
    shape: Shape, spacing: Array, verdict: Verdict, reason: str
) -> SmoothVolumeAlignment:
    """Return the result, on a reference of a shape and a spacing, that nothing came of."""
    still = still_volume(np.eye(4), shape)
    return SmoothVolumeAlignment(still, verdict, reason, shape, tuple(spacing.tolist()))


def volume_known_to_lie_still(shape: Shape, spacing: Array, reason: str) -> SmoothVolumeAlignment:
    """Return the result of a reference of a shape and a spacing beside itself."""
    result = nothing_of_volumes(shape, spacing, "aligned", reason)
    return replace(
        result,
        transform=replace(result.transform, sigma=np.zeros((2, 2, 2, 3))),
        known_share=1.0,
        uncertainty=0.0,
        ecc=1.0,
        overlap_fraction=1.0,
        start="identity",
    )


def still_volume(matrix: Array, shape: Shape) -> VolumeField:
    """Return the field that bends nowhere, of a matrix by (z, y, x)."""
    planes, rows, columns = (Lattice.over(length, max(2.0, length - 1.0)) for length in shape)
    nowhere = np.zeros((planes.count, rows.count, columns.count, 3))
    return VolumeField(_TURNED @ matrix @ _TURNED, planes, rows, columns, nowhere)


def smooth_volume_steps(
    job: SmoothJob, own: list[VolumeLevel], other: list[VolumeLevel]
) -> Generator[Progress, None, SmoothVolumeAlignment]:
    """Bend after each affine motion that is met, until one is right; return the most trusted.

    On the levels of the reference and of the moving volume.
    """
    rough = level_below(own, other, _ROUGH_VOXELS)
    options = SearchOptions("affine", "pyramid")
    refiner = VolumeRefiner(
        own[rough:], other[rough:], options, job.asked, all_turns=job.all_turns
    )
    flawed = flaw_of(refiner)
    if flawed is not None:
        return nothing_of_volumes(own[0].shape, own[0].spacing, "failed", flawed.reason)
    before = job.start
    if before is None:
        before = np.diag([*(job.spacings[0] / job.spacings[1]), 1.0])
    pair = _Pair(job, own, other, stages_of(own, other))
    results: list[SmoothVolumeAlignment] = []
    for name, starts in starts_of(refiner, before, job.start):
        for found in (yield from refined_starts(refiner, starts, name)):
            results.append((yield from _bent(pair, found, name)))
            if _is_placed(results[-1]):
                return results[-1]
    return max(results, key=lambda one: (VERDICTS.index(one.verdict), one.known_share))


def _is_placed(result: SmoothVolumeAlignment) -> bool:
    """Tell whether no other start leads farther: so many tiles do not agree by chance."""
    if result.tiles is None or result.aligned:
        return result.aligned
    return result.found and p_value(result.tiles, _FREEDOMS) < ALPHA


@dataclass(frozen=True, eq=False)
class _Pair:
    """Two volumes: the job, the levels of both, and the stages on which a field is looked for."""

    job: SmoothJob
    own: list[VolumeLevel]
    other: list[VolumeLevel]
    stages: list[Stage]

    @property
    def index(self) -> int:
        """Of the finest level that a field is looked for on."""
        shapes = [level.shape for level in self.own]
        return shapes.index(self.stages[-1].shape)

    @property
    def px(self) -> Array:
        """Length of the reference's voxels along each axis, in px."""
        return self.own[0].spacing / self.own[0].frame.unit


def _bent(
    pair: _Pair, motion: RefinedVolume, start: str
) -> Generator[Progress, None, SmoothVolumeAlignment]:
    """Look for a field from an affine motion, and judge it."""
    sign = -1 if motion.solution.gain < 0 else 1
    steps = field_steps(pair.stages, motion.matrix, sign=sign, stiffness=pair.job.stiffness)
    found = yield from retold(steps, lambda _: Progress(0.6, "bending"))
    looked = trust_steps(pair.stages, found, motion.matrix, sign)
    trust = yield from retold(looked, lambda _: Progress(0.8, "judging"))
    moved, bends = affine_part(found, trust)
    # What is torn may lie still on all that is known of it.
    if not bends and trust.torn <= _TORN:
        in_voxels = np.diag([*pair.px, 1.0])
        plain = motion.matrix @ np.linalg.inv(in_voxels) @ moved @ in_voxels
        return (yield from _unbent(pair, plain, found, start))
    laid = _laid(pair, found, motion.matrix)
    yield Progress(0.8, "judging")
    # Of the levels from the finest that was used on, as if that were the first.
    first = pair.own[pair.index]
    own = [replace(one, step=one.step / first.step, cache={}) for one in pair.own[pair.index :]]
    other = halvings(laid, [one.step for one in own], first.spacing)
    spacings = (first.spacing, first.spacing)
    before = _before(pair, found, motion.matrix)
    judged = yield from judging_levels(
        *(own, other, spacings, np.eye(4), "affine", pair.job.asked), before
    )
    return _told(pair, found, trust, judged, matrix=motion.matrix, start=start, sign=sign)


def _before(pair: _Pair, found: FieldEstimate, matrix: Array) -> Array:
    """Return how what a field lays lay before anything moved, as far as a matrix can."""
    step = pair.own[pair.index].step
    unmoved = np.diag([*(pair.job.spacings[0] / pair.job.spacings[1]), 1.0])
    before = scaled(inverse(matrix) @ unmoved, step, step)
    # What bends has not lain still, however little the whole of it moved.
    moved = found.on_cells()[:, found.seen.shown > 0]
    bent = np.sqrt((moved**2).sum() / max(1, moved.shape[1]))
    before[:3, 3] += np.copysign(float(bent) / found.stage.apart, before[:3, 3])
    return before


def _unbent(
    pair: _Pair, plain: Array, found: FieldEstimate, start: str
) -> Generator[Progress, None, SmoothVolumeAlignment]:
    """Return what the affine motion nearest to a field amounts to where nothing bends for sure."""
    refiner = VolumeRefiner(
        pair.own, pair.other, SearchOptions("affine", "pyramid"), pair.job.asked
    )
    steps = refiner.coarse(plain, first=len(refiner.reference) - 1)
    near = yield from retold(steps, lambda _: Progress(0.8, "judging"))
    near = yield from retold(refiner.finished(near), lambda _: Progress(0.9, "judging"))
    spacings = pair.job.spacings
    steps_ = judging_levels(pair.own, pair.other, spacings, near.matrix, "affine", pair.job.asked)
    judged = yield from steps_
    field = still_volume(near.matrix, pair.own[0].shape)
    unit = pair.own[0].frame.unit
    typical = judged.corner_uncertainty / unit / np.sqrt(3)
    if judged.found:
        spread = np.broadcast_to(typical / pair.px[::-1], (2, 2, 2, 3))
        field = replace(field, sigma=spread)
    return _beside(
        judged,
        pair,
        transform=field,
        verdict=judged.verdict,
        reason=f"{_SUFFICES} {judged.reason}" if judged.found else judged.reason,
        known_share=float(judged.found and typical <= WRONG),
        uncertainty=typical if judged.found else float("inf"),
        stiffness=found.prior.stiffness,
        start=start,
        inverted=judged.inverted,
        overlap_fraction=judged.overlap_fraction,
    )


def _beside(judged: VolumeAlignment, pair: _Pair, **own: Any) -> SmoothVolumeAlignment:
    """Return what is measured alike of a field and of a matrix, with what is the field's own."""
    level = pair.own[0]
    return SmoothVolumeAlignment(
        shape=level.shape,
        spacing=tuple(level.spacing.tolist()),
        ecc=judged.ecc,
        tiles=judged.tiles,
        **own,
    )


def _told(
    pair: _Pair,
    found: FieldEstimate,
    trust: Trust,
    judged: VolumeAlignment,
    *,
    matrix: Array,
    start: str,
    sign: int,
) -> SmoothVolumeAlignment:
    """Return the field, where it is known, and the verdict on it."""
    shown = found.seen.shown > 0
    unit = pair.own[0].frame.unit
    sigma = np.where(trust.agree & shown, trust.sigma, np.inf)
    sigma = np.hypot(sigma, _scatter(judged) / unit)
    size = np.sqrt((sigma**2).sum(axis=0))
    known = size <= WRONG
    share = int(np.count_nonzero(known)) / max(1, int(np.count_nonzero(shown)))
    typical = float(np.median(size[known]) / np.sqrt(3)) if known.any() else float("inf")
    verdict: Verdict = judged.verdict
    sentence = (
        f"Known to {max(typical, 0.01):.2g} voxels on {share:.0%} of what both volumes show."
    )
    if not known.any():
        sentence = "Nowhere is it known to a voxel."
    if verdict == "aligned" and share < _LEAST_SHARE:
        verdict, sentence = "doubtful", f"{sentence} That is too little to be sure of."
    elif verdict == "aligned" and trust.torn > _TORN:
        verdict = "doubtful"
        sentence += (
            f" On {trust.torn:.0%} of it the field turns too sharply: it may be torn there."
        )
    elif verdict == "aligned" and judged.tiles and judged.tiles.share < CLEAR:
        verdict = "doubtful"
        sentence += " Too few tiles agree to be sure of what can be bent to fit."
    if verdict == "failed":
        sigma, share, typical, sentence = np.full_like(sigma, np.inf), 0.0, float("inf"), ""
    field = _field(pair, found, matrix)
    return _beside(
        judged,
        pair,
        transform=replace(field, sigma=_sigma_grid(pair, found.stage, sigma)),
        verdict=verdict,
        reason=" ".join(part for part in (sentence, judged.reason) if part),
        known_share=share,
        uncertainty=typical,
        bends=True,
        stiffness=found.prior.stiffness,
        start=start,
        inverted=sign < 0,
        overlap_fraction=float(shown.mean()),
    )


def _scatter(judged: VolumeAlignment) -> float:
    """Return how far tiles lie from where a field lays them for no reason known, of each axis.

    As of images: what two volumes show alike may lie elsewhere in each, and no field that fits
    tells.
    """
    tiles = judged.tiles
    if tiles is None or len(tiles.displacements) < LEAST_AGREEING:
        return 0.0
    off = np.median(np.linalg.norm(tiles.displacements[:, 3:], axis=1))
    finite = tiles.uncertainties[np.isfinite(tiles.uncertainties)]
    expected = float(np.median(finite)) if len(finite) else 0.0
    # The median of a distance whose three axes have one sigma each, squared.
    return float(np.sqrt(max(0.0, off**2 / 2.366 - expected**2)))


def _field(pair: _Pair, found: FieldEstimate, matrix: Array) -> VolumeField:
    """Return the splines of a field, in voxels."""
    lattices, designs, places = [], [], []
    for length, px in zip(pair.own[0].shape, pair.px, strict=True):
        apart = max(1.0, found.prior.stiffness / px / _CLOSER)
        lattices.append(Lattice.over(length, apart))
        at = np.linspace(0, length - 1, _ASKED * lattices[-1].count)
        places.append(at * px)
        designs.append(np.linalg.pinv(lattices[-1].design(at)))
    z, y, x = places
    out: Array = values(found.system.basis.designs((z, y, x)), found.coefficients).astype(float)
    for axis, design in enumerate(designs):
        out = np.moveaxis(np.tensordot(design, out, axes=(1, axis + 1)), 0, axis + 1)
    coefficients = np.moveaxis(out / pair.px[:, None, None, None], 0, -1)[..., ::-1]
    planes, rows, columns = lattices
    return VolumeField(_TURNED @ matrix @ _TURNED, planes, rows, columns, coefficients)


def _sigma_grid(pair: _Pair, stage: Stage, sigma: Array) -> Array:
    """Return sigma of cells, (3, d, h, w) in px, on an even grid, (d, h, w, 3) in voxels."""
    shape = pair.own[0].shape
    step = max(1.0, max(shape) / _PLACES)
    indices = []
    for length, places, px in zip(shape, stage.places(), pair.px, strict=True):
        at = np.linspace(0, length - 1, max(2, round(length / step))) * px
        apart = places[1] - places[0] if len(places) > 1 else 1.0
        index = np.rint((at - places[0]) / apart)
        indices.append(np.clip(index, 0, len(places) - 1).astype(int))
    grid = sigma[:, *np.ix_(*indices)] / pair.px[:, None, None, None]
    return np.moveaxis(grid, 0, -1)[..., ::-1]


def _laid(pair: _Pair, found: FieldEstimate, matrix: Array) -> Floats:
    """Return the moving volume as a field lays it on the finest level that was used."""
    own, other = pair.own[pair.index], pair.other[pair.index]
    local = scaled(matrix, other.step, own.step)
    moving = np.asarray(other.values, np.float32)
    out = np.empty(own.shape, np.float32)
    z, y, x = found.stage.voxels()
    for top in range(0, own.shape[0], _PLANES):
        planes = slice(top, min(top + _PLANES, own.shape[0]))
        places: Places = (z[planes], y, x)
        at = values(found.system.basis.designs(places), found.coefficients)
        at /= np.asarray(found.stage.apart, np.float32)[:, None, None, None]
        for axis, index in enumerate(np.ogrid[planes, : own.shape[1], : own.shape[2]]):
            at[axis] += index.astype(np.float32)
        out[planes] = resampled_at(moving, at, local)
    return out
