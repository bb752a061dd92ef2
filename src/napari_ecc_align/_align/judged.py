"""Judging an alignment that is known: the transform stays as it is, the images say if it holds."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from dataclasses import replace
from functools import partial
from math import hypot, inf, nan
from typing import Any, NamedTuple, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._common.steps import retold
from .._ecc.estimate import Estimate
from .._ecc.estimator import estimate_steps
from .._ecc.options import DEFAULTS, SearchOptions
from .._images.named_axes import one_plane
from .._images.pyramid.levels import InSteps
from .._images.pyramid.pair import Pyramids
from .._images.sources import ImageLike, LazyArray
from .._images.stack_axes import Axis
from .._transform.coordinates import corner_error
from .._transform.field import Field
from .._transform.matrices import MOTION_MODELS, MotionModel
from .._transform.models import frame_of
from .._transform.parts import parts_of, words_beyond_shift
from .._transform.transform import Transform
from .._transform.transform_like import FieldLike, TransformLike, as_transform
from .._verdict.assess import assess_steps
from .._verdict.field_result import SmoothAlignment
from .._verdict.result import GIVEN, AlignmentResult
from .._verdict.verdict import Verdict
from .cancelling import result_of
from .counted_part import counted_sources
from .mirrored import result_of_side, side_of
from .options import Job
from .pair import best_result, checked_job
from .progress import Progress
from .smooth import judged_field

Matrix = NDArray[np.float64]

# What is off by more (px, RMS at the corners) is wrong, as for all verdicts; by less than half of
# it right, and by less than a tenth not worth a sentence.
_WRONG, _RIGHT, _TOLD = 1.0, 0.5, 0.1
# So many sigmas are no accident.
_CLEAR_SIGMAS = 3.0
# A shift of less (px) is not worth a word.
_NO_SHIFT = 0.05
_ALONG_X = (("to the left", "to the left of"), ("to the right", "to the right of"))
_ALONG_Y = (("up", "above"), ("down", "below"))
_AFFINE = MOTION_MODELS.index("affine")


class _Look(NamedTuple):
    """Where the estimator comes to, the result for the matrix, and whether no more are needed."""

    nearby: Estimate
    result: AlignmentResult
    clear: bool


@overload
def judge(
    reference: ImageLike,
    moving: ImageLike,
    transform: FieldLike,
    *,
    reference_mask: ArrayLike | LazyArray | None = None,
    moving_mask: ArrayLike | LazyArray | None = None,
    channel_axis: Axis | None = None,
    align_channel: int | None = None,
    progress: Callable[[Progress], object] | None = None,
    cancel: Callable[[], bool] | None = None,
) -> SmoothAlignment: ...
@overload
def judge(
    reference: ImageLike,
    moving: ImageLike,
    transform: TransformLike | None = None,
    *,
    model: MotionModel | None = None,
    reference_mask: ArrayLike | LazyArray | None = None,
    moving_mask: ArrayLike | LazyArray | None = None,
    channel_axis: Axis | None = None,
    align_channel: int | None = None,
    progress: Callable[[Progress], object] | None = None,
    cancel: Callable[[], bool] | None = None,
) -> AlignmentResult: ...
def judge(
    reference: ImageLike,
    moving: ImageLike,
    transform: TransformLike | FieldLike | None = None,
    *,
    model: MotionModel | None = None,
    reference_mask: ArrayLike | LazyArray | None = None,
    moving_mask: ArrayLike | LazyArray | None = None,
    channel_axis: Axis | None = None,
    align_channel: int | None = None,
    progress: Callable[[Progress], object] | None = None,
    cancel: Callable[[], bool] | None = None,
) -> AlignmentResult | SmoothAlignment:
    """Say whether a transform lays the moving image on the reference, whoever has found it.

    The verdict rests on what `align` judges its own results by. The images are looked at where
    the transform lays them, and nothing is searched for but whether they fit better close by:
    if they do, the reason says where.

    Parameters
    ----------
    reference, moving : array_like, shape (h, w) or (h, w, 3 or 4)
        Images as `align` takes them: of any real dtypes and different sizes, lazy, or at several
        sizes.
    transform : Transform, Field, a result, or array_like, shape (3, 3) or (2, 3), optional
        Maps reference pixels (x, y, 1) to moving pixels, as OpenCV's ``WARP_INVERSE_MAP`` and
        scikit-image's ``inverse_map`` do. Left out, the images are judged as they lie. From a
        field another one is looked for, and how far it lies from there is told.
    model : {"translation", "euclidean", "similarity", "affine", "homography"}, optional
        The motion model whose freedoms are uncertain; by default that of the transform, and of a
        matrix the narrowest that contains it.
    reference_mask, moving_mask : array_like, shape (h, w), optional
        Pixels of each image that count, as booleans or numbers (0 does not count).
    channel_axis : int or str, optional
        The axis that holds channels, as in `align`.
    align_channel : int, optional
        Which channel is looked at, of both images.
    progress : callable, optional
        Called with a `Progress` after every step.
    cancel : callable, optional
        Asked after every step; the judging ends when it returns True.

    Returns
    -------
    AlignmentResult, or SmoothAlignment of a field
        With the transform as it was given. Its `corner_uncertainty` holds how far the images fit
        from there, too; it is infinite where they fit nowhere close by.

    Raises
    ------
    InputError
        If an argument cannot be used; a `ValueError` whose message names it.

    See Also
    --------
    align : Finds the transform.

    Examples
    --------
    >>> from skimage import data
    >>> from napari_ecc_align import judge
    >>> camera = data.camera()
    >>> reference, moving = camera[100:300, 100:350], camera[97:297, 105:355]
    >>> judge(reference, moving, [[1, 0, -5], [0, 1, 3]])
    aligned: x -5.00 ± 0.01 px, y +3.00 ± 0.01, 37 of 37 tiles
    >>> wrong = judge(reference, moving, [[1, 0, -3], [0, 1, 3]])
    >>> wrong.verdict, wrong.reason
    ('failed', 'The tiles lie 2.0 px to the left of where the transform puts them. ...')
    """
    held = getattr(transform, "transform", transform)
    bent = held if isinstance(held, Field) else None
    matrix: Any = None if bent is not None else transform
    job = judge_job(
        one_plane(reference, "reference", channel_axis, align_channel),
        one_plane(moving, "moving", channel_axis, align_channel),
        matrix,
        model,
        reference_mask=one_plane(reference_mask, "reference_mask"),
        moving_mask=one_plane(moving_mask, "moving_mask"),
    )
    if bent is not None:
        return judged_field(replace(job, options=DEFAULTS), bent, progress, cancel)
    return result_of(job, judge_steps(job), progress, cancel)


def judge_job(
    reference: ImageLike,
    moving: ImageLike,
    transform: TransformLike | None = None,
    model: MotionModel | None = None,
    *,
    reference_mask: ArrayLike | LazyArray | None = None,
    moving_mask: ArrayLike | LazyArray | None = None,
) -> Job:
    """Return the arguments of `judge` as a job whose start is judged, or raise `InputError`."""
    given = Transform.identity() if transform is None else as_transform(transform)
    if model is not None:
        given = Transform(given.matrix, model=model)
    return checked_job(
        reference,
        moving,
        SearchOptions(given.model),
        reference_mask=reference_mask,
        moving_mask=moving_mask,
        initial=given,
    )


def judge_steps(job: Job) -> Generator[Progress, None, AlignmentResult]:
    """Judge the start of a job, one step at a time; returns the result."""
    began = time.perf_counter()
    given = Transform(_given(job), model=job.options.freest)
    yield Progress(0.0, "preparing the images", given)
    side = side_of(counted_sources(job))
    best = yield from result_of_side(side, partial(best_result, run=_looks))
    return replace(best, transform=given, start=GIVEN, seconds=time.perf_counter() - began)


def _given(job: Job) -> Matrix:
    assert job.initial is not None
    return job.initial


def _looks(
    job: Job, pyramids: Pyramids, _: Callable[[], bool]
) -> Generator[Progress, None, list[AlignmentResult]]:
    """Look with the freedoms of the motion model, then with more, until it is clear."""
    results: list[AlignmentResult] = []
    own = MOTION_MODELS.index(job.options.freest)
    for model in dict.fromkeys((MOTION_MODELS[own], MOTION_MODELS[max(own, _AFFINE)])):
        options = replace(job.options, model=model)
        looks = yield from _looks_nearby(_given(job), pyramids, options)
        results = [*results, *(look.result for look in looks)]
        if looks[-1].clear:
            return [looks[-1].result]
    return results


def _looks_nearby(
    given: Matrix, pyramids: Pyramids, options: SearchOptions
) -> Generator[Progress, None, list[_Look]]:
    """Look at a matrix with each place that the estimator comes to from it, until it is clear."""
    looks: list[_Look] = []

    def accept(nearby: Estimate) -> InSteps[bool]:
        looks.append((yield from _look(given, pyramids, options, nearby)))
        return looks[-1].clear

    steps = estimate_steps(
        pyramids.reference,
        pyramids.moving,
        options,
        initial=given,
        accept=accept,
        nearby=True,
    )
    best = yield from retold(steps, lambda step: Progress(0.5, step.stage))
    if not any(look.nearby.matrix is best.matrix for look in looks):
        yield from retold(accept(best), lambda _: Progress(0.5, "judging"))
    return looks


def _look(
    given: Matrix, pyramids: Pyramids, options: SearchOptions, nearby: Estimate
) -> InSteps[_Look]:
    """Judge a matrix, knowing where the estimator comes to from it."""
    sigma = nearby.corner_uncertainty
    with np.errstate(all="ignore"):
        off = corner_error(nearby.matrix, given, pyramids.reference[0].shape)
    surely = off > _CLEAR_SIGMAS * sigma
    near = off + _CLEAR_SIGMAS * sigma < _WRONG or off <= _CLEAR_SIGMAS * sigma
    here = replace(nearby, matrix=given)
    result = yield from assess_steps(pyramids, here, options, None)
    if near:
        result = _with_distance(result, off, sigma)
        if result.aligned and off < _TOLD:
            return _Look(nearby, result, clear=True)
    there = yield from assess_steps(pyramids, nearby, options, None)
    if near and there.aligned and hypot(off, sigma) <= _RIGHT:
        # What is asked of the images at their best place is not to be asked beside it.
        reason = there.reason if off < _TOLD else _where(given, nearby.matrix, there)
        return _Look(nearby, replace(result, verdict="aligned", reason=reason), clear=True)
    if near and result.aligned:
        return _Look(nearby, result, clear=True)
    if surely and there.aligned:
        wrong = off - _CLEAR_SIGMAS * sigma > _WRONG and not result.aligned
        verdict: Verdict = "failed" if wrong or not result.found else "doubtful"
        told = replace(result, verdict=verdict, reason=_where(given, nearby.matrix, there))
        return _Look(nearby, _with_distance(told, off, sigma), clear=True)
    if not near:
        # What the images do not hold on to says nothing of the transform.
        here = replace(here, corner_uncertainty=nan, covariance=None)
        result = yield from assess_steps(pyramids, here, options, None)
        if result.aligned:
            reason = f"{result.reason} But the images do not say how exactly it lies right."
            result = replace(result, verdict="doubtful", reason=reason)
    if not result.found:
        result = replace(result, corner_uncertainty=inf, covariance=None)
    return _Look(nearby, result, clear=result.aligned)


def _with_distance(result: AlignmentResult, off: float, sigma: float) -> AlignmentResult:
    """Return a result that knows how far off (px) the images fit, known to sigma."""
    return replace(
        result,
        corner_uncertainty=max(result.corner_uncertainty, hypot(off, sigma)),
        contradiction=max(result.contradiction, off if off > _CLEAR_SIGMAS * sigma else 0.0),
    )


def _where(given: Matrix, found: Matrix, there: AlignmentResult) -> str:
    """Say where tiles lie that a matrix puts elsewhere, as seen once it has warped the image."""
    shape, tiles = there.shape, there.tiles
    motion = np.linalg.inv(given) @ found
    motion /= motion[2, 2]
    parts = parts_of(motion, frame_of(shape).centre)
    off = corner_error(motion, np.eye(3), shape)
    moved = [
        (f"{abs(by):.1f} px", *words[by > 0])
        for by, words in ((parts.x, _ALONG_X), (parts.y, _ALONG_Y))
        if abs(by) >= _NO_SHIFT
    ]
    beyond = []
    if Transform([[1, 0, parts.x], [0, 1, parts.y]]).corner_distance(motion, shape) > off / 5:
        beyond = words_beyond_shift(parts, perspective=bool(motion[2, :2].any()))
    if len(moved) == 1 and not beyond:
        where = " ".join(moved[0][::2])
    else:
        where = f"{off:.1f} px (RMS of the corners) from"
        beyond = [" ".join(words[:2]) for words in moved] + beyond
    listed = f": {', '.join(beyond)}" * bool(beyond)
    assert tiles is not None
    return (
        f"The tiles lie {where} where the transform puts them{listed}. "
        f"There {tiles.agreeing} of {tiles.tested} fit."
    )
