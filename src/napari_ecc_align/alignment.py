"""The front door: align two images."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .ecc.correlation import ecc
from .ecc.estimate import Estimate
from .ecc.levels import Level, count_levels, local_contrast, smoothed_levels
from .ecc.opencv import check_opencv_model, opencv_steps
from .errors import InputError
from .evidence import tile_evidence
from .pixels import as_array, as_plane, check_mask, check_size
from .progress import Progress
from .result import AlignmentResult, Representation
from .transform import MotionModel, Transform, check_model, magnify
from .verdict import judge

Engine = Literal["opencv"]
ENGINES: tuple[Engine, ...] = get_args(Engine)
REPRESENTATIONS: tuple[Representation, ...] = get_args(Representation)

DEFAULT_ITERATIONS = 100
DEFAULT_EPSILON = 1e-7
_MOST_ITERATIONS = 100_000


@dataclass(frozen=True, eq=False)
class _Job:
    """Checked arguments."""

    reference: NDArray[Any]
    moving: NDArray[Any]
    reference_mask: NDArray[np.bool_] | None
    moving_mask: NDArray[np.bool_] | None
    model: MotionModel
    engine: Engine
    number_of_iterations: int
    termination_eps: float
    initial: NDArray[np.float64] | None


def align(
    reference: ArrayLike,
    moving: ArrayLike,
    *,
    model: MotionModel = "affine",
    engine: Engine = "opencv",
    number_of_iterations: int = DEFAULT_ITERATIONS,
    termination_eps: float = DEFAULT_EPSILON,
    reference_mask: ArrayLike | None = None,
    moving_mask: ArrayLike | None = None,
    initial: Transform | ArrayLike | None = None,
    progress: Callable[[Progress], object] | None = None,
    cancel: Callable[[], bool] | None = None,
) -> AlignmentResult:
    """Find the transform that lays the moving image on the reference.

    The enhanced correlation coefficient [1]_ is maximised, which does not depend on brightness
    and contrast; a negative is recognised by itself.

    Parameters
    ----------
    reference, moving : array_like, shape (h, w) or (h, w, 3 or 4)
        Images of at least 32 pixels on a side, of any real dtypes; their sizes may differ. NaN,
        infinity and full transparency mean "no data here".
    model : {"affine", "translation", "euclidean", "similarity", "homography"}
        The motion model. OpenCV's ECC has no "similarity".
    engine : {"opencv"}
        The estimator.
    number_of_iterations : int, default: 100
        Most iterations at full resolution.
    termination_eps : float, default: 1e-7
        Stop when an iteration changes the correlation by less.
    reference_mask, moving_mask : array_like, shape (h, w), optional
        Pixels of each image that count, as booleans or numbers (0 does not count).
    initial : Transform or array_like of shape (3, 3) or (2, 3), optional
        Where to start, besides identity and phase correlation. Reference (x, y, 1) to moving.
    progress : callable, optional
        Called with a `Progress` after every iteration.
    cancel : callable, optional
        Asked after every iteration; the alignment ends when it returns True.

    Returns
    -------
    AlignmentResult
        With a `verdict` to look at before anything else: images that cannot be aligned are a
        result, not an error.

    Raises
    ------
    InputError
        If an argument cannot be used; a `ValueError` whose message names it.

    References
    ----------
    .. [1] G. D. Evangelidis and E. Z. Psarakis, "Parametric image alignment using enhanced
       correlation coefficient maximization", IEEE Transactions on Pattern Analysis and Machine
       Intelligence 30 (2008) 1858-1865, :doi:`10.1109/TPAMI.2008.113`
    """
    began = time.perf_counter()
    steps = align_steps(
        reference,
        moving,
        model=model,
        engine=engine,
        number_of_iterations=number_of_iterations,
        termination_eps=termination_eps,
        reference_mask=reference_mask,
        moving_mask=moving_mask,
        initial=initial,
    )
    reached: Transform | None = None
    while True:
        try:
            step = next(steps)
        except StopIteration as stop:
            result: AlignmentResult = stop.value
            return result
        reached = step.transform or reached
        if progress is not None:
            progress(step)
        if cancel is not None and cancel():
            steps.close()
            return _without_estimate(
                reached or Transform.identity(model),
                "The alignment was cancelled.",
                engine,
                time.perf_counter() - began,
                cancelled=True,
            )


def align_steps(
    reference: ArrayLike,
    moving: ArrayLike,
    *,
    model: MotionModel = "affine",
    engine: Engine = "opencv",
    number_of_iterations: int = DEFAULT_ITERATIONS,
    termination_eps: float = DEFAULT_EPSILON,
    reference_mask: ArrayLike | None = None,
    moving_mask: ArrayLike | None = None,
    initial: Transform | ArrayLike | None = None,
) -> Generator[Progress, None, AlignmentResult]:
    """Align as `align` does, one step at a time.

    For callers with a loop of their own, such as a worker thread. Arguments are checked at once,
    not at the first step.

    Returns
    -------
    generator
        Yields a `Progress` after every step and returns the `AlignmentResult`. Closing it
        cancels the alignment.
    """
    fixed = _checked_image(reference, "reference")
    other = _checked_image(moving, "moving")
    job = _Job(
        reference=fixed,
        moving=other,
        reference_mask=check_mask(reference_mask, fixed.shape, "reference_mask"),
        moving_mask=check_mask(moving_mask, other.shape, "moving_mask"),
        model=check_model(model),
        engine=_checked_engine(engine),
        number_of_iterations=_checked_iterations(number_of_iterations),
        termination_eps=_checked_epsilon(termination_eps),
        initial=_checked_initial(initial),
    )
    check_opencv_model(job.model)
    return _run(job)


def _run(job: _Job) -> Generator[Progress, None, AlignmentResult]:
    began = time.perf_counter()
    yield Progress(0.0, "preparing the images")
    reference = as_plane(job.reference, job.reference_mask)
    moving = as_plane(job.moving, job.moving_mask)
    for name, plane in (("reference", reference), ("moving image", moving)):
        if plane.flaw:
            return _without_estimate(
                Transform.identity(job.model),
                f"The {name} {plane.flaw}.",
                job.engine,
                time.perf_counter() - began,
            )
    count = count_levels([reference.shape, moving.shape])
    pyramids = smoothed_levels(reference, count), smoothed_levels(moving, count)
    results: list[AlignmentResult] = []
    for representation in REPRESENTATIONS:
        shown = pyramids
        if representation == "detail":
            shown = (
                [local_contrast(lv) for lv in shown[0]],
                [local_contrast(lv) for lv in shown[1]],
            )
        estimate = yield from opencv_steps(
            *shown,
            model=job.model,
            number_of_iterations=job.number_of_iterations,
            termination_eps=job.termination_eps,
            initial=job.initial,
        )
        yield Progress(1.0, "judging the alignment", _as_transform(estimate.matrix, job.model))
        results.append(_judged(job, pyramids, estimate, representation, began))
        if results[-1].verdict == "aligned":
            break
    best = max(results, key=_trust)
    return replace(best, seconds=time.perf_counter() - began)


def _trust(result: AlignmentResult) -> tuple[int, float]:
    share = result.evidence.share if result.evidence else 0.0
    return ("failed", "doubtful", "aligned").index(result.verdict), share


def _judged(
    job: _Job,
    pyramids: tuple[list[Level], list[Level]],
    estimate: Estimate,
    representation: Representation,
    began: float,
) -> AlignmentResult:
    sign = -1 if estimate.inverted else 1
    finest, coarser = (
        (pyramids[0][at], pyramids[1][at]) for at in (0, min(1, len(pyramids[0]) - 1))
    )
    coefficient, overlap = _ecc(finest, estimate.matrix)
    before, _ = _ecc(finest, np.eye(3))
    fine, wide = (
        tile_evidence(
            *pair, magnify(estimate.matrix, 1 / pair[0].factor), inverted=estimate.inverted
        )
        for pair in (finest, coarser)
    )
    judgement = judge(
        estimate.matrix, ecc=sign * coefficient, overlap=overlap, fine=fine, wide=wide
    )
    return AlignmentResult(
        transform=_as_transform(estimate.matrix, job.model) or Transform.identity(job.model),
        verdict=judgement.verdict,
        reason=judgement.reason,
        ecc=sign * coefficient,
        ecc_before=sign * before,
        inverted=estimate.inverted,
        overlap=overlap,
        iterations=estimate.iterations,
        converged=estimate.converged,
        start=estimate.start,
        representation=representation,
        engine=job.engine,
        seconds=time.perf_counter() - began,
        evidence=fine,
    )


def _ecc(levels: tuple[Level, Level], matrix: NDArray[np.float64]) -> tuple[float, float]:
    reference, moving = levels
    return ecc(reference.values, reference.valid, moving.values, moving.valid, matrix)


def _as_transform(matrix: NDArray[np.float64], model: MotionModel) -> Transform | None:
    try:
        return Transform(matrix, model)
    except InputError:
        return None


def _without_estimate(
    transform: Transform, reason: str, engine: Engine, seconds: float, *, cancelled: bool = False
) -> AlignmentResult:
    return AlignmentResult(
        transform=transform,
        verdict="failed",
        reason=reason,
        ecc=0.0,
        ecc_before=0.0,
        inverted=False,
        overlap=0.0,
        iterations=0,
        converged=False,
        start="none",
        representation="intensity",
        engine=engine,
        seconds=seconds,
        cancelled=cancelled,
    )


def _checked_image(image: ArrayLike, name: str) -> NDArray[Any]:
    array = as_array(image, name)
    check_size(array, name)
    return array


def _checked_engine(engine: str) -> Engine:
    if engine not in ENGINES:
        raise InputError(f"engine must be one of {', '.join(ENGINES)}, not {engine!r}")
    return "opencv"


def _checked_iterations(number: object) -> int:
    whole = isinstance(number, (int, np.integer)) and not isinstance(number, bool)
    if not whole or not 1 <= int(number) <= _MOST_ITERATIONS:  # type: ignore[call-overload]
        raise InputError(
            f"number_of_iterations must be a whole number from 1 to {_MOST_ITERATIONS}, "
            f"not {number!r}"
        )
    return int(number)  # type: ignore[call-overload,no-any-return]


def _checked_epsilon(epsilon: object) -> float:
    if not isinstance(epsilon, (int, float, np.floating)) or not 0 <= float(epsilon) < 1:
        raise InputError(f"termination_eps must be a number from 0 to 1, not {epsilon!r}")
    return float(epsilon)


def _checked_initial(initial: Transform | ArrayLike | None) -> NDArray[np.float64] | None:
    if initial is None:
        return None
    if isinstance(initial, Transform):
        return initial.matrix
    try:
        return Transform(np.asarray(initial), "homography").matrix
    except InputError as error:
        raise InputError(f"initial cannot be used: {error}") from error
