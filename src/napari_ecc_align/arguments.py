"""The arguments of an alignment, checked before any work is done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import InputError
from .sources import ImageLike, LazyArray, Source, checked_source
from .transform import MotionModel, Transform, check_model

Engine = Literal["pyramid", "opencv"]
ENGINES: tuple[Engine, ...] = get_args(Engine)

DEFAULT_ITERATIONS = 100
DEFAULT_EPSILON = 1e-7
DEFAULT_PRECISION = 0.02
_MOST_ITERATIONS = 100_000
FINEST_PRECISION = 1e-4


@dataclass(frozen=True, eq=False)
class Job:
    """Arguments of `align` that can be used."""

    reference: Source
    moving: Source
    model: MotionModel
    engine: Engine
    precision: float
    number_of_iterations: int
    termination_eps: float
    initial: NDArray[np.float64] | None


def checked_job(
    reference: ImageLike,
    moving: ImageLike,
    *,
    model: str,
    engine: str,
    precision: float,
    number_of_iterations: int,
    termination_eps: float,
    reference_mask: ArrayLike | LazyArray | None,
    moving_mask: ArrayLike | LazyArray | None,
    initial: Transform | ArrayLike | None,
) -> Job:
    """Return the arguments of `align` as a `Job`, or raise an `InputError` that names one."""
    # OpenCV's ECC reads every pixel on every iteration.
    whole = engine == "opencv"
    job = Job(
        reference=checked_source(reference, reference_mask, "reference", whole=whole),
        moving=checked_source(moving, moving_mask, "moving", whole=whole),
        model=check_model(model),
        engine=_checked_engine(engine),
        precision=_checked_precision(precision),
        number_of_iterations=_checked_iterations(number_of_iterations),
        termination_eps=_checked_epsilon(termination_eps),
        initial=_checked_initial(initial),
    )
    if job.engine == "opencv" and job.model == "similarity":
        raise InputError(
            "model 'similarity' is not in OpenCV's ECC: "
            "with engine='opencv' choose 'euclidean' or 'affine'"
        )
    return job


def _checked_engine(engine: str) -> Engine:
    for known in ENGINES:
        if engine == known:
            return known
    raise InputError(f"engine must be one of {', '.join(ENGINES)}, not {engine!r}")


def _checked_precision(precision: object) -> float:
    if isinstance(precision, (int, float, np.floating)) and precision >= FINEST_PRECISION:
        return float(precision)
    raise InputError(
        f"precision must be a number of pixels, {FINEST_PRECISION:g} or more, not {precision!r}"
    )


def _checked_iterations(number: object) -> int:
    if (
        isinstance(number, (int, np.integer))
        and not isinstance(number, bool)
        and 1 <= number <= _MOST_ITERATIONS
    ):
        return int(number)
    raise InputError(
        f"number_of_iterations must be a whole number from 1 to {_MOST_ITERATIONS}, not {number!r}"
    )


def _checked_epsilon(epsilon: object) -> float:
    if isinstance(epsilon, (int, float, np.floating)) and 0 <= epsilon < 1:
        return float(epsilon)
    raise InputError(f"termination_eps must be a number from 0 to 1, not {epsilon!r}")


def _checked_initial(initial: Transform | ArrayLike | None) -> NDArray[np.float64] | None:
    if initial is None:
        return None
    if isinstance(initial, Transform):
        return initial.matrix
    try:
        return Transform(np.asarray(initial), "homography").matrix
    except InputError as error:
        raise InputError(f"initial cannot be used: {error}") from error
