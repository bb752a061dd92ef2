"""One alignment of a stack in a worker thread: arrays in, transforms and drift out."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..._align.drift import Drift, drift_of, frame_transforms
from ..._align.pair import align_steps
from ..._align.progress import Progress
from ..._align.stack import Anchor, FrameProgress, stack_steps
from ..._common.errors import InputError
from ..._ecc.options import SearchOptions
from ..._transform.transform import Transform
from ..._verdict.result import AlignmentResult
from ..layers.snapshots import LayerSnapshot
from ..layers.stack_snapshots import StackSnapshot, resample_steps
from ..shared.refusal import Refusal, refusing
from .stack_choice import StackMode
from .task import Parameters

_INTERVAL = 0.03


class _Frames(Sequence[Any]):
    def __init__(self, stack: StackSnapshot) -> None:
        self._stack = stack

    def __len__(self) -> int:
        return len(self._stack)

    def __getitem__(self, index: Any) -> Any:
        return self._stack.frame(index)


@dataclass(frozen=True, eq=False)
class StackOutcome:
    """How a run on a stack ended.

    Attributes
    ----------
    results : list of AlignmentResult
        One per frame that was aligned: of all, or the one that goes for all.
    transforms : list of Transform
        One per frame of the stack. Where a frame could not be aligned, that of the nearest frame
        that was, or the identity where there is none.
    drift : Drift
        One number per result.
    data : array_like, list of array_like, or None
        The aligned stack, for `stack_layer`; None if every frame has failed, or it is not wanted.
    """

    results: list[AlignmentResult]
    transforms: list[Transform]
    drift: Drift
    data: Any


def run_stack_steps(
    moving: StackSnapshot,
    parameters: Parameters,
    *,
    reference: LayerSnapshot | StackSnapshot | None = None,
    to: Anchor | int = "first",
    mode: StackMode = "every frame",
    initial: Transform | None = None,
    masks: Callable[[], dict[str, Any]] = dict,
    resample: bool = True,
) -> Generator[Progress, None, StackOutcome | Refusal]:
    """Align a stack, yielding progress often enough to cancel and rarely enough to draw.

    Parameters
    ----------
    moving : StackSnapshot
        The stack whose frames are aligned.
    parameters : Parameters
        What a person chose.
    reference : LayerSnapshot or StackSnapshot, optional
        What to align to: one image, a stack frame by frame, or, left out, the stack itself.
    to : {"first", "previous", "mean"} or int, default: "first"
        What the frames of a stack are aligned to when it is aligned to itself.
    mode : {"every frame", "the frame on show", "one transform for all"}
        Align every frame; or only the one on show, and it alone is to be resampled; or that one,
        and all frames follow it. The last two need a `reference`.
    initial : Transform, optional
        Where to start first, with a `reference`.
    masks : callable, optional
        Returns the masks of `align_stack`, or of `align` if one frame is aligned, by argument.
    resample : bool, default: True
        Whether the aligned stack is wanted.

    Returns
    -------
    generator
        Yields `Progress`, a `FrameProgress` after every frame, and returns a `StackOutcome`, or a
        `Refusal`. No exception leaves it.
    """

    def steps() -> Generator[Progress, None, StackOutcome]:
        yield Progress(0.0, "reading the layers")
        if mode == "every frame":
            results = yield from _every(moving, parameters, reference, to, initial, masks())
            transforms = frame_transforms(results)
        else:
            results = [(yield from _shown(moving, parameters, reference, initial, masks()))]
            transforms = [results[0].transform] * len(moving)
        shape = _shape_of(reference or moving)
        drift = drift_of(results, shape)
        failed = all(result.verdict == "failed" for result in results)
        data = None
        if resample and not failed and mode != "the frame on show":
            data = yield from resample_steps(
                moving, transforms, shape, interpolation=parameters.interpolation
            )
        return StackOutcome(results, transforms, drift, data)

    return (yield from refusing(steps))


def _every(
    moving: StackSnapshot,
    parameters: Parameters,
    reference: LayerSnapshot | StackSnapshot | None,
    to: Anchor | int,
    initial: Transform | None,
    masks: dict[str, Any],
) -> Generator[Progress, None, list[AlignmentResult]]:
    options: dict[str, Any] = {"reference": to, "initial": initial, **masks}
    if isinstance(reference, StackSnapshot):
        options["reference"] = _Frames(reference)
        if len(reference) != len(moving):
            raise InputError(
                f"The reference has {len(reference)} frames and the moving stack {len(moving)}: "
                "choose stacks of the same length, or a single image as the reference"
            )
    elif reference is not None:
        options["reference"] = np.asarray(reference.data)
    steps = stack_steps(_Frames(moving), SearchOptions(**parameters.of_align()), **options)
    results: list[AlignmentResult] = yield from _seldom(steps)
    return results


def _shown(
    moving: StackSnapshot,
    parameters: Parameters,
    reference: LayerSnapshot | StackSnapshot | None,
    initial: Transform | None,
    masks: dict[str, Any],
) -> Generator[Progress, None, AlignmentResult]:
    if reference is None:
        raise InputError("A stack can be aligned to itself only frame by frame")
    fixed = reference.shown if isinstance(reference, StackSnapshot) else reference
    steps = align_steps(
        fixed.source,
        moving.shown.source,
        SearchOptions(**parameters.of_align()),
        initial=initial,
        **masks,
    )
    result: AlignmentResult = yield from _seldom(steps)
    return result


def _shape_of(reference: LayerSnapshot | StackSnapshot) -> tuple[int, int]:
    shown = reference.shown if isinstance(reference, StackSnapshot) else reference
    return shown.grid.shape


def _seldom(steps: Generator[Progress, None, Any]) -> Generator[Progress, None, Any]:
    last = 0.0
    while True:
        try:
            step = next(steps)
        except StopIteration as stop:
            return stop.value
        if isinstance(step, FrameProgress) or time.perf_counter() - last >= _INTERVAL:
            yield step
            last = time.perf_counter()
