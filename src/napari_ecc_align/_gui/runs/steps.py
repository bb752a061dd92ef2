"""What runs in a worker thread: arrays in, a finished run out, never a layer in between."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import Any, Literal, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from ..._align.frame_options import Bending
from ..._align.judged import judge_job, judge_steps
from ..._align.pair import align_steps, checked_job
from ..._align.passes import StackRun
from ..._align.progress import FrameProgress, Progress
from ..._align.smooth import smooth_steps
from ..._align.stack import stack_steps
from ..._align.stack_result import StackResult
from ..._align.volume.film import volume_film_steps
from ..._align.volume.inspection import (
    Looks,
    checked_interpolation,
    is_large,
    volume_inspection_steps,
)
from ..._align.volume.sources import gray_volume
from ..._align.volume.steps import smooth_volume_steps, volume_judging_steps, volume_steps
from ..._align.volume.transform import VolumeTransform
from ..._common.errors import InputError
from ..._common.steps import retold
from ..._compare.inspection import Inspection, inspection_steps
from ..._compare.table import worth_a_look
from ..._images.limits import LIMITS
from ..._images.sources import is_lazy, is_multiscale
from ..._transform.matrices import MOTION_MODELS, MotionModel
from ..._transform.transform import Transform
from ..._verdict.field_result import SmoothAlignment
from ..._verdict.verdict import FOUND, Verdict
from ..layers.comparison_layers import blank_outside
from ..layers.lazy_planes import lazily
from ..layers.resampling import in_memory
from ..shared.refusal import Refusal, refusing
from .finished_run import FinishedRun
from .frame_choice import unlike
from .task import Task

Result = TypeVar("Result")

_INTERVAL = 0.03
# Of the progress of a single image; the rest is comparing it, in so many steps.
_SEARCH_SHARE = 0.75
_COMPARING_STEPS = 6


def run_steps(task: Task) -> Generator[Progress, None, FinishedRun | Refusal]:
    """Align, and resample or compare, what a task says.

    Returns
    -------
    generator
        Yields a `Progress` often enough to cancel and rarely enough to draw, of a stack a
        `FrameProgress` after every frame, and returns the run, or a `Refusal`. No exception
        leaves it.
    """
    return (yield from refusing(lambda: _steps(task)))


def inspect_steps(task: Task, transform: Any) -> Generator[str, None, Inspection | Refusal]:
    """Compare two images as they lie, with another threshold or difference than before."""

    def steps() -> Generator[str, None, Inspection]:
        yield "comparing"
        if task.is_volume:
            reference, moving = _volumes(task)
        else:
            reference, moving = np.asarray(task.reference.data), np.asarray(task.moving.data)
        return (yield from _inspection_steps(task, reference, moving, transform, task.masks()))

    return (yield from refusing(steps))


def _steps(task: Task) -> Generator[Progress, None, FinishedRun]:
    yield Progress(0.0, "reading the layers")
    align = _align_frames if task.frame_by_frame else _align_plane
    if task.is_volume_film:
        align = _align_volume_film
    if task.is_volume:
        # A mask of a large volume is as large.
        _are_large(task)
        align = _align_volume
    run = yield from align(task, task.masks())
    done = run.inspection is not None or task.is_volume
    if run.verdict in FOUND and task.resamples and not done:
        run = yield from _resampled_steps(run)
    if task.frame_by_frame:
        # In this thread, and once: of thousands of frames it takes seconds.
        run.drift()
    return run


def _resampled_steps(run: FinishedRun) -> Generator[Progress, None, FinishedRun]:
    """Return a run with what was aligned on the reference's grid, as lazy as the pair is."""
    task, frames = run.task, run.task.frames
    if task.drawn_where_looked_at:
        frames = replace(frames, levels=tuple(map(lazily, frames.levels)))
    steps = frames.resample_steps(run.transforms, task.shape, task.parameters.resampling)
    return replace(run, data=(yield from _seldom(steps)))


def _align_frames(task: Task, masks: dict[str, Any]) -> Generator[Progress, None, FinishedRun]:
    others = task.references
    reference: Any = task.anchor
    if others is not None and len(others) != len(task.frames):
        raise InputError(unlike(len(others), len(task.frames), task.frames.called))
    if reference is None:
        reference = np.asarray(task.reference.data) if others is None else others
    search = task.parameters.search
    steps = stack_steps(
        task.frames,
        replace(search, model="smooth") if task.bends else search,
        reference=reference,
        initial=task.initial,
        run=_stack_run(task, task.frames.called),
        **masks,
    )
    results = yield from _seldom(steps)
    return FinishedRun(task, results, results.filled_transforms)


def _stack_run(task: Task, called: str) -> StackRun:
    bending = Bending() if task.bends else None
    return StackRun(called, cancel=task.enough.is_set, bending=bending)


def _align_volume_film(
    task: Task, masks: dict[str, Any]
) -> Generator[Progress, None, FinishedRun]:
    """Align every volume of a film, to one of them or to another."""
    checked_interpolation(task.parameters.resampling)
    reference: Any = task.anchor
    if reference is None:
        reference = gray_volume(in_memory(task.reference.data, "The reference"))
    spacing, moving_spacing = task.spacings
    steps = volume_film_steps(
        _GrayVolumes(task),
        task.parameters.search,
        reference=reference,
        spacing=spacing,
        moving_spacing=moving_spacing,
        masks=(masks.get("reference_mask"), masks.get("moving_mask")),
        initial=cast("VolumeTransform | None", task.initial),
        run=_stack_run(task, "volumes"),
    )
    results = yield from _seldom(steps)
    return FinishedRun(task, results, results.filled_transforms)


class _GrayVolumes(Sequence[NDArray[Any]]):
    """The volumes of a film without their colours, each read when its turn comes."""

    def __init__(self, task: Task) -> None:
        self._frames = task.frames

    def __len__(self) -> int:
        return len(self._frames)

    def __getitem__(self, index: Any) -> Any:
        return gray_volume(in_memory(self._frames[index], "A volume of the film"))


def _align_volume(task: Task, masks: dict[str, Any]) -> Generator[Progress, None, FinishedRun]:
    """Align two volumes, and compare them."""
    # What cannot be compared is refused before it is aligned.
    _looks(task)
    large = _are_large(task)
    reference, moving = (
        (task.reference.source, task.moving.source) if large else map(gray_volume, _volumes(task))
    )
    spacing, moving_spacing = task.spacings
    given = cast("VolumeTransform | None", task.initial)
    options = {"spacing": spacing, "moving_spacing": moving_spacing, **masks}
    search, turns = task.parameters.search, task.parameters.all_turns
    steps: Any = (
        volume_judging_steps(reference, moving, given, **options)
        if task.judged
        else smooth_volume_steps(reference, moving, initial=given, all_turns=turns, **options)
        if task.bends
        else volume_steps(
            reference,
            moving,
            search,
            initial=given,
            all_turns=turns,
            **options,
        )
    )
    result = yield from _seldom(
        retold(steps, lambda step: replace(step, fraction=step.fraction * _SEARCH_SHARE))
    )
    run = FinishedRun(task, _alone(result), [result.transform])
    if not worth_a_look(result):
        return run
    if large:
        said = "The volumes are too large to be counted here; they are compared where you look."
        reason = f"{result.reason} {said}"
        run = replace(run, results=_alone(replace(result, reason=reason)))
        return (yield from _resampled_steps(run)) if result.found else run
    fixed, other = _volumes(task)
    compared = _inspection_steps(task, fixed, other, result.transform, masks)
    seen = yield from _told_comparing(compared)
    return (yield from retold(aligned_steps(run, seen), lambda step: replace(step, fraction=1)))


def _looks(task: Task) -> Looks:
    chosen = task.parameters
    signed = None if task.drawn_where_looked_at else chosen.signed
    return Looks(chosen.thresholding, chosen.resampling, signed)


def _are_large(task: Task) -> bool:
    """Tell whether a volume had better be read where it is needed; of regions it is none."""
    large = is_large(task.reference.data) or is_large(task.moving.data)
    if large and any(len(image.data.shape) > 3 for image in (task.reference, task.moving)):
        raise InputError("Volumes in colour are read whole: crop them, or open a smaller size")
    if large and task.bends:
        raise InputError(
            "The model 'smooth' is for volumes that fit into memory: crop them, or open a smaller "
            "size"
        )
    if large and task.regions:
        raise InputError(
            "Regions are for volumes that fit into memory: choose everything under compare, or "
            "crop the layers"
        )
    return large


def _volumes(task: Task) -> list[NDArray[Any]]:
    """Return both volumes, read whole, or raise `InputError` where they are too large."""
    images = (task.reference, "The reference"), (task.moving, "The moving volume")
    return [in_memory(image.data, name) for image, name in images]


def _align_plane(task: Task, masks: dict[str, Any]) -> Generator[Progress, None, FinishedRun]:
    """Align the plane on show, whose transform goes for all frames, and compare a single image."""
    sources = task.reference.source, task.moving.source
    held = [_in_memory(image) for image in sources]
    reference, moving = (
        there if here is None else here for here, there in zip(held, sources, strict=True)
    )
    if task.judged:
        given = None if task.initial is None else task.initial.matrix
        steps: Any = judge_steps(judge_job(reference, moving, given, **masks))
    elif task.bends:
        steps = _bending(task, reference, moving, task.initial, masks)
    else:
        search = task.parameters.search
        steps = align_steps(reference, moving, search, initial=task.initial, **masks)
    result = yield from _seldom(
        retold(steps, lambda step: replace(step, fraction=step.fraction * _SEARCH_SHARE))
    )
    transform = result.transform
    run = FinishedRun(task, _alone(result), [transform] * len(task.frames))
    if run.is_too_stiff and not result.aligned and not (task.judged or task.bends):
        suffices, bent = yield from _model_that_suffices(task, reference, moving, transform, masks)
        run = replace(run, suffices=suffices, bent=bent)
    if not worth_a_look(result) or task.choice is not None:
        return run
    if any(image is None for image in held):
        large = "The images are too large to be counted here; they are compared where you look."
        reason = f"{result.reason} {large}"
        return replace(run, results=_alone(replace(result, reason=reason)))
    compared = _inspection_steps(task, reference, moving, transform, masks)
    # The preview moves a layer, which a field cannot.
    shown = Transform(transform.matrix) if task.bends else transform
    inspection = yield from _told_comparing(compared, shown)
    return (
        yield from retold(aligned_steps(run, inspection), lambda step: replace(step, fraction=1))
    )


def aligned_steps(run: FinishedRun, seen: Inspection) -> Generator[Progress, None, FinishedRun]:
    """Return a run of a single image with what was seen of it, and the image aligned.

    As lazy as the pair is, and at as many sizes as the moving image; no pixel of that is read.
    """
    if run.task.drawn_where_looked_at:
        run = yield from _resampled_steps(run)
    else:
        run = replace(run, data=seen.warped)
    return replace(run, inspection=seen)


def _told_comparing(
    steps: Generator[str, None, Inspection], transform: Transform | None = None
) -> Generator[Progress, None, Inspection]:
    fractions = iter(np.linspace(_SEARCH_SHARE, 1.0, 1 + _COMPARING_STEPS))

    def comparing(_: object = None) -> Progress:
        return Progress(next(fractions, 1.0), "comparing", transform)

    yield comparing()
    return (yield from retold(steps, comparing))


def _model_that_suffices(
    task: Task, reference: Any, moving: Any, found: Transform, masks: dict[str, Any]
) -> Generator[Progress, None, tuple[MotionModel | Literal["smooth"] | None, Verdict | None]]:
    """Return the smallest freer motion model that aligns the images, if one does, and of a field.

    What is said of the field, that is, where it was asked for and does not align them either.
    """
    search = task.parameters.search
    own = -1 if search.model == "auto" else MOTION_MODELS.index(search.freest)
    for model in MOTION_MODELS[own + 1 :] if own >= 0 else ():
        if search.engine == "opencv" and model == "similarity":
            continue
        trying = Progress(_SEARCH_SHARE, f"trying the {model} model", found)
        yield trying

        def told(_: Progress, trying: Progress = trying) -> Progress:
            return trying

        freer = replace(search, model=model)
        steps = align_steps(reference, moving, freer, initial=found, **masks)
        if (yield from retold(_seldom(steps), told)).aligned:
            return model, None
    if search.engine != "pyramid" or search.mirrored or task.choice is not None:
        return None, None
    bending = retold(
        _seldom(_bending(task, reference, moving, found, masks)),
        lambda _: Progress(_SEARCH_SHARE, "trying the smooth model", found),
    )
    verdict = (yield from bending).verdict
    return ("smooth", None) if verdict == "aligned" else (None, verdict)


def _bending(
    task: Task, reference: Any, moving: Any, initial: Any, masks: dict[str, Any]
) -> Generator[Progress, None, SmoothAlignment]:
    """Align by a smooth field."""
    search = replace(task.parameters.search, model="smooth")
    return smooth_steps(checked_job(reference, moving, search, initial=initial, **masks))


def _alone(result: Any) -> StackResult:
    return StackResult((result,), "image")


def _inspection_steps(
    task: Task,
    reference: NDArray[Any],
    moving: NDArray[Any],
    transform: Any,
    masks: dict[str, Any],
) -> Generator[str, None, Inspection]:
    chosen = task.parameters
    options: dict[str, Any] = {
        "start": task.lay,
        "masks": (masks.get("reference_mask"), masks.get("moving_mask")),
    }
    if task.is_volume:
        options["spacing"] = task.spacings[1]
        steps = volume_inspection_steps(reference, moving, transform, _looks(task), **options)
    else:
        options |= {"thresholding": chosen.thresholding}
        options["signed"] = None if task.drawn_where_looked_at else chosen.signed
        options["resampling"] = chosen.resampling
        steps = inspection_steps(reference, moving, transform, **options)
    seen = yield from steps
    return seen if task.drawn_where_looked_at else blank_outside(seen)


def _in_memory(image: Any) -> NDArray[Any] | None:
    """Return an image's full resolution, or None if it is not in memory and had better not be."""
    finest = image[0] if is_multiscale(image) else image
    if is_lazy(finest) and finest.shape[0] * finest.shape[1] > LIMITS.compared_pixels:
        return None
    return np.asarray(finest)


def _seldom(steps: Generator[Progress, None, Result]) -> Generator[Progress, None, Result]:
    """Drop steps that come sooner after another than a person could see; no whole frame's."""
    last = 0.0
    while True:
        try:
            step = next(steps)
        except StopIteration as stop:
            result: Result = stop.value
            return result
        if isinstance(step, FrameProgress) or time.perf_counter() - last >= _INTERVAL:
            yield step
            last = time.perf_counter()
