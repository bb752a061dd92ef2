"""Judging an alignment of volumes that is known: the transform stays as it is."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from math import hypot, inf
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ..._ecc.options import SearchOptions
from ..._images.sources import LazyArray
from ..._transform.matrices import checked_volume_matrix
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
from .run import asking, cancelled_volume, driven, flaw_of, pyramids_of
from .sources import Volume, VolumeLike, checked_volume
from .transform import VolumeMotionModel, VolumeTransform, checked_spacing

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


def judge_volume(
    reference: VolumeLike,
    moving: VolumeLike,
    transform: VolumeTransform | VolumeAlignment | ArrayLike | None = None,
    *,
    spacing: Sequence[float] | float | None = None,
    moving_spacing: Sequence[float] | float | None = None,
    reference_mask: ArrayLike | LazyArray | None = None,
    moving_mask: ArrayLike | LazyArray | None = None,
    progress: Callable[[Progress], object] | None = None,
    cancel: Callable[[], bool] | None = None,
) -> VolumeAlignment:
    """Say whether a transform lays the moving volume on the reference, whoever has found it.

    The verdict rests on what `align_volume` judges its own results by. The volumes are looked at
    where the transform lays them, and nothing is searched for but whether they fit better close
    by: if they do, the reason says where.

    Parameters
    ----------
    reference, moving : array_like, lazy array or sequence of such, shape (planes, rows, columns)
        Volumes as `align_volume` takes them.
    transform : VolumeTransform, VolumeAlignment or array_like of shape (4, 4) or (3, 4), optional
        Maps reference voxels (x, y, z, 1) to moving voxels. Left out, the volumes are judged as
        they lie, first voxel on first voxel.
    spacing, moving_spacing : float or sequence of 3 floats, optional
        Length of a voxel along (z, y, x), as in `align_volume`.
    reference_mask, moving_mask : array_like or lazy array, optional
        Voxels that count.
    progress : callable, optional
        Called with a `Progress` after every step.
    cancel : callable, optional
        Asked after every step; the judging ends when it returns True.

    Returns
    -------
    VolumeAlignment
        With the transform as it was given. Its `corner_uncertainty` holds how far the volumes fit
        from there, too; it is infinite where they fit nowhere close by.

    Raises
    ------
    InputError
        If an argument cannot be used; a `ValueError` whose message names it.

    See Also
    --------
    align_volume : Finds the transform.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.ndimage import gaussian_filter
    >>> from napari_ecc_align import judge_volume
    >>> volume = gaussian_filter(np.random.default_rng(0).normal(size=(60, 64, 64)), 2)
    >>> reference, moving = volume[4:52, 4:60, 4:60], volume[6:54, :56, 5:61]
    >>> shift = np.eye(3, 4) + [[0, 0, 0, -1], [0, 0, 0, 4], [0, 0, 0, -2]]
    >>> judge_volume(reference, moving, shift).verdict
    'aligned'
    >>> wrong = judge_volume(reference, moving, np.eye(4))
    >>> wrong.verdict, wrong.reason
    ('failed', 'The tiles lie 4.6 from where the transform puts them: -1.0 along x, 4.0 ...')
    """
    own = checked_spacing(spacing, "spacing", (1.0, 1.0, 1.0))
    other = checked_spacing(moving_spacing, "moving_spacing", own)
    asked = asking(cancel)
    volumes = (
        checked_volume(reference, reference_mask, "reference", asked),
        checked_volume(moving, moving_mask, "moving", asked),
    )
    held = getattr(transform, "transform", transform)
    model: VolumeMotionModel = getattr(held, "model", "affine")
    given = np.diag([*(own / other), 1.0])
    if held is not None:
        given = _TURNED @ checked_volume_matrix(np.asarray(held)) @ _TURNED
    steps = _steps(volumes, (own, other), given, model, asked)
    cancelled = replace(
        cancelled_volume(model, volumes[0].shape, own), transform=_transform(given, model)
    )
    result = driven(steps, [], cancelled, progress, cancel)
    return replace(result, transform=cancelled.transform, start=GIVEN)


def _transform(matrix: Array, model: VolumeMotionModel) -> VolumeTransform:
    return VolumeTransform(_TURNED @ matrix @ _TURNED, model)


def _steps(
    volumes: tuple[Volume, Volume],
    spacings: tuple[Array, Array],
    given: Array,
    model: VolumeMotionModel,
    asked: Callable[[], object],
) -> Generator[Progress, None, VolumeAlignment]:
    """Look with the freedoms of the motion model, then with more, until it is clear."""
    own, other = yield from pyramids_of(volumes, spacings)
    return (yield from judging_levels(own, other, spacings, given, model, asked))


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
