"""Judging an alignment of volumes that is known: the transform stays as it is."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import replace
from math import hypot, inf
from typing import NamedTuple

import numpy as np

from ..._ecc.options import SearchOptions
from ..._transform.models import Array
from ..._verdict.result import GIVEN
from ..._verdict.verdict import VERDICTS, Verdict
from ..progress import Progress
from .assess import assessed
from .levels import VolumeLevel
from .motion import corners, mapped
from .parts import volume_parts
from .refine import RefinedVolume, VolumeRefiner
from .result import VolumeAlignment
from .rivals import correlated
from .run import flaw_of
from .transform import VolumeMotionModel

# As of images: what is off by more px (RMS at the corners) is wrong, by less than half of it
# right, by less than a tenth not worth a sentence; so many sigmas are no accident.
_WRONG, _RIGHT, _TOLD, _CLEAR_SIGMAS = 1.0, 0.5, 0.1, 3.0
# A shift of less, relative to all that it is off, is not worth a word; nor a turn, in degrees.
_NO_SHIFT, _NO_TURN = 0.05, 0.1
_TURNED = np.eye(4)[[2, 1, 0, 3]]


class _Look(NamedTuple):
    """The result for the matrix, and whether no more looks are needed."""

    result: VolumeAlignment
    clear: bool


def judging_levels(
    own: list[VolumeLevel],
    other: list[VolumeLevel],
    spacings: tuple[Array, Array],
    given: Array,
    model: VolumeMotionModel,
    asked: Callable[[], object],
    before: Array | None = None,
) -> Generator[Progress, None, VolumeAlignment]:
    """Judge a matrix, (4, 4) by (z, y, x), on the levels of two volumes.

    `before` says how they lay before anything moved, if not first voxel on first voxel.
    """
    if before is None:
        before = np.diag([*(spacings[0] / spacings[1]), 1.0])
    results: list[VolumeAlignment] = []
    for name in dict.fromkeys((model, "affine")):
        refiner = VolumeRefiner(own, other, SearchOptions(name, "pyramid"), asked)
        flawed = flaw_of(refiner)
        if flawed is not None:
            return flawed
        yield Progress(0.5, "judging")
        nearby = yield from _nearby(refiner, given)
        look = _look(refiner, given, nearby, spacings, before)
        if look.clear:
            return look.result
        results.append(look.result)
    return max(results, key=lambda result: VERDICTS.index(result.verdict))


def _nearby(refiner: VolumeRefiner, given: Array) -> Generator[Progress, None, RefinedVolume]:
    """Return where the volumes fit best, looked for from a matrix on."""
    from ..._common.steps import retold

    def told(_: object) -> Progress:
        return Progress(0.5, "judging")

    steps = refiner.coarse(given, first=len(refiner.reference) - 1)
    found = yield from retold(steps, told)
    return (yield from retold(refiner.finished(found), told))


def _look(
    refiner: VolumeRefiner,
    given: Array,
    nearby: RefinedVolume,
    spacings: tuple[Array, Array],
    before: Array,
) -> _Look:
    """Judge a matrix, knowing where the estimator comes to from it, as of images."""
    level = refiner.reference[0]
    unit, sigma = level.frame.unit, nearby.uncertainty
    ends = corners(level.shape)
    gaps = (mapped(nearby.matrix, ends) - mapped(given, ends)) * spacings[1] / unit
    with np.errstate(all="ignore"):
        off = float(np.sqrt((gaps**2).sum(axis=1).mean()))
    here = assessed(refiner, replace(nearby, matrix=given), before, GIVEN)
    surely = off > _CLEAR_SIGMAS * sigma
    near = off + _CLEAR_SIGMAS * sigma < _WRONG or off <= _CLEAR_SIGMAS * sigma
    along = np.sqrt((gaps**2).mean(axis=0))[::-1] * unit
    here = replace(here, ecc=abs(correlated(refiner, given)))
    told = replace(
        here,
        corner_uncertainty=max(here.corner_uncertainty, hypot(off, sigma) * unit),
        axis_uncertainty=tuple(np.hypot(along, here.axis_uncertainty).tolist()),
    )
    if near and here.aligned and off < _TOLD:
        return _Look(told, clear=True)
    there = assessed(refiner, nearby, before, GIVEN)
    if near and there.aligned and hypot(off, sigma) <= _RIGHT:
        # What is asked of the volumes at their best place is not to be asked beside it.
        reason = there.reason if off < _TOLD else _where(given, nearby, there, spacings[0])
        return _Look(replace(told, verdict="aligned", reason=reason), clear=True)
    if near and here.aligned:
        return _Look(told, clear=True)
    if surely and there.aligned:
        wrong = off - _CLEAR_SIGMAS * sigma > _WRONG
        reason = _where(given, nearby, there, spacings[0])
        verdict: Verdict = "failed" if wrong or not here.found else "doubtful"
        return _Look(replace(told, verdict=verdict, reason=reason), clear=True)
    if here.aligned:
        reason = f"{here.reason} But the volumes do not say how exactly it lies right."
        here = replace(here, verdict="doubtful", reason=reason)
    if not here.found or not near:
        here = replace(here, corner_uncertainty=inf, axis_uncertainty=(inf, inf, inf))
    return _Look(here, clear=False)


def _where(given: Array, nearby: RefinedVolume, there: VolumeAlignment, spacing: Array) -> str:
    """Say where tiles lie that a matrix puts elsewhere, in the unit of the spacing."""
    sizes = np.diag([*spacing, 1.0])
    motion = sizes @ np.linalg.inv(given) @ nearby.matrix @ np.linalg.inv(sizes)
    middle = ((np.array(there.shape) - 1) / 2 * spacing)[::-1]
    parts = volume_parts(_TURNED @ motion @ _TURNED, middle.tolist())
    ends = corners(there.shape) * spacing
    off = float(np.linalg.norm(mapped(motion, ends) - ends, axis=1).mean())
    moved = [
        f"{by:.1f} along {axis}"
        for axis, by in zip("xyz", (parts.x, parts.y, parts.z), strict=True)
        if abs(by) > _NO_SHIFT * off
    ]
    moved += [f"turned by {parts.rotation:.1f}°"] * (parts.rotation > _NO_TURN)
    tiles = there.tiles
    assert tiles is not None
    listed = f": {', '.join(moved)}" * bool(moved)
    return (
        f"The tiles lie {off:.1f} from where the transform puts them{listed}. "
        f"There {tiles.agreeing} of {tiles.tested} fit."
    )
