"""Aligning two volumes step by step, for callers that want to stop in between."""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import partial
from threading import Event
from typing import Any, TypeVar

from ..._common.errors import InputError
from ..._common.steps import awaited, retold
from ..._ecc.options import SearchOptions
from ..._transform.volume_field import VolumeField
from ..._verdict.verdict import TOO_STIFF
from ..progress import Progress
from .align import align_volume
from .bent.result import SmoothVolumeAlignment
from .judge import judge_volume
from .result import VolumeAlignment
from .sources import VolumeLike
from .transform import VOLUME_MOTION_MODELS, VolumeMotionModel, VolumeTransform

Found = TypeVar("Found")

# "auto" tries them in turn, until one suffices.
_AUTOMATIC: tuple[VolumeMotionModel, ...] = ("euclidean", "affine")


def volume_steps(
    reference: VolumeLike,
    moving: VolumeLike,
    search: SearchOptions,
    *,
    initial: VolumeTransform | None = None,
    **options: Any,
) -> Generator[Progress, None, VolumeAlignment]:
    """Align two volumes as `align_volume` does, in a thread of its own.

    Parameters
    ----------
    reference, moving : array_like, lazy array or sequence of such, shape (planes, rows, columns)
    search : SearchOptions
        The model and the limits of the search. The model "auto" is euclidean, or affine where that
        does not suffice.
    initial : VolumeTransform, optional
        Where to start first.
    **options
        Spacings and masks, as `align_volume` takes them.

    Returns
    -------
    generator
        Yields a `Progress` many times a second and returns the result. If it is closed, the
        alignment ends at its next step.

    Raises
    ------
    InputError
        As `align_volume`, and if the model is none of volumes.
    """
    models = volume_models(search.model)
    for model in models:
        work = partial(
            align_volume,
            reference,
            moving,
            model=model,
            precision=search.precision,
            max_iterations=search.max_iterations,
            tolerance=search.tolerance,
            initial=initial,
            **options,
        )
        result = yield from in_a_thread(work)
        if model == models[-1] or TOO_STIFF not in result.reason:
            break
        initial = result.transform
    return result


def smooth_volume_steps(
    reference: VolumeLike, moving: VolumeLike, **options: Any
) -> Generator[Progress, None, SmoothVolumeAlignment]:
    """Align two volumes by a field, in a thread of its own; with what `align_volume` takes."""

    def bend(**told: Any) -> SmoothVolumeAlignment:
        return align_volume(reference, moving, model="smooth", **options, **told)

    return in_a_thread(bend)


def volume_judging_steps(
    reference: VolumeLike,
    moving: VolumeLike,
    transform: VolumeTransform | VolumeField | None,
    **options: Any,
) -> Generator[Progress, None, VolumeAlignment | SmoothVolumeAlignment]:
    """Judge a transform of volumes as `judge_volume` does, in a thread of its own.

    Parameters
    ----------
    reference, moving : array_like, lazy array or sequence of such, shape (planes, rows, columns)
    transform : VolumeTransform, VolumeField or None
        Voxel on voxel if left out.
    **options
        Spacings and masks, as `judge_volume` takes them.

    Returns
    -------
    generator
        As of `volume_steps`.
    """
    return in_a_thread(partial(judge_volume, reference, moving, transform, **options))


def volume_models(model: str) -> tuple[VolumeMotionModel, ...]:
    """Return which models of volumes a choice stands for; raise `InputError` if none."""
    chosen = tuple(known for known in VOLUME_MOTION_MODELS if known == model)
    if not chosen and model != "auto":
        known = ", ".join(VOLUME_MOTION_MODELS)
        raise InputError(f"volumes have the motion models {known} and automatic, not {model}")
    return chosen or _AUTOMATIC


def in_a_thread(work: Callable[..., Found]) -> Generator[Progress, None, Found]:
    """Do what tells its progress, and can be cancelled, in a thread of its own."""
    last, ended = [Progress(0.0, "preparing the volumes")], Event()

    def tell(step: Progress) -> None:
        last[0] = step

    try:
        action = partial(work, progress=tell, cancel=ended.is_set)
        return (yield from retold(awaited(action), lambda _: last[0]))
    finally:
        ended.set()
