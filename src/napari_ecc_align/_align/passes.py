"""How a series is gone through: one pass or two, in one process or several."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np

from .._common.errors import InputError
from .._common.steps import retold
from .frame_by_frame import FrameSteps, Series, chained_frames, one_by_one
from .frame_options import Bending, FrameOptions
from .progress import AnyResult
from .read_frames import ReadFrames
from .side_by_side import side_by_side

# A mean of so many frames, spread evenly, has little noise beside that of one.
_MEAN_OF = 10

Anchor = Literal["first", "previous", "mean"]


@dataclass(frozen=True)
class StackRun:
    """How a stack is gone through.

    Attributes
    ----------
    called : str
        What the frames are: "frames", "planes", "channels" or "volumes".
    workers : int
        How many processes align them.
    known : sequence of AlignmentResult, SmoothAlignment or VolumeAlignment
        Results that a `FrameProgress` has told of before, in their order: of what the same
        arguments lead to.
    cancel : callable, optional
        Asked often; returns True where the frames that are left are "cancelled".
    brief : bool
        Tiles are just counted in the results, of which there may be very many.
    bending : Bending, optional
        That frames bend, so that the result is a `SmoothStack`.
    """

    called: str = "frames"
    workers: int = 1
    known: Sequence[AnyResult] = ()
    cancel: Callable[[], bool] | None = None
    brief: bool = False
    bending: Bending | None = None


ONE_PROCESS = StackRun()
"""Everything anew, in this process."""


def checked_workers(workers: Any) -> int:
    """Return a number of processes, or raise `InputError`."""
    whole = isinstance(workers, (int, np.integer)) and not isinstance(workers, bool)
    if not whole or workers < 1:
        raise InputError(f"workers must be a number of processes, 1 or more, not {workers!r}")
    return int(workers)


def anchor_of(to: object, count: int, called: str, else_to: str) -> int:
    """Return the number of the frame on whose grid a series lies that is aligned to itself.

    Parameters
    ----------
    to : object
        "first", "previous", "mean" or a number, as given.
    count : int
        How many frames there are.
    called, else_to : str
        What they are, and what else they may be aligned to, in an error.

    Raises
    ------
    InputError
        If it is something else.
    """
    if isinstance(to, str) and to in get_args(Anchor):
        return 0
    if isinstance(to, (int, np.integer)) and not isinstance(to, bool) and -count <= to < count:
        return int(to) % count
    raise InputError(
        f"reference must be first, previous, mean, the index of one of {count} {called}, "
        f"or {else_to}, not {to!r:.80}"
    )


def own_steps(
    to: object, anchor: int, images: ReadFrames, options: FrameOptions, run: StackRun
) -> FrameSteps:
    """Align frames to one of them, each to the one before it, or to their mean.

    Parameters
    ----------
    to, anchor : object, int
        As given to `anchor_of` and as returned.
    images, options, run
        Of the frames.
    """
    if to == "previous":
        return chained_frames(images, options, run.known)
    if to == "mean":
        return _to_mean(images, options, run)
    return aligned_series(Series([images[anchor]], images, options, own=anchor), run)


def aligned_series(series: Series, run: StackRun) -> FrameSteps:
    """Align a series in as many processes as may be and pay."""
    references = series.references
    apart = isinstance(references, ReadFrames) and not references.in_files
    workers = 1 if apart else min(run.workers, -(-len(series.images) // series.options.block))
    if workers == 1:
        return one_by_one(series, run.known)
    return side_by_side(series, workers, run.known)


def _to_mean(images: ReadFrames, options: FrameOptions, run: StackRun) -> FrameSteps:
    count = min(len(images), _MEAN_OF)
    numbers = np.linspace(0, len(images) - 1, count).round().astype(int).tolist()
    some = images.chosen(numbers)
    rough = Series([some[0]], some, options.rough(numbers), own=0)
    share = count / (count + len(images))
    steps = aligned_series(rough, replace(run, known=run.known[:count]))
    first = yield from _part(steps, 0.0, share)
    starts = {
        number: result.transform
        for number, result in zip(numbers, first, strict=True)
        if result.aligned
    }
    series = Series([options.mean(some, first)], images, options, starts=starts)
    steps = aligned_series(series, replace(run, known=run.known[count:]))
    return (yield from _part(steps, share, 1 - share))


def _part(steps: FrameSteps, begin: float, share: float) -> FrameSteps:
    """Tell the progress of one of two passes."""
    return retold(steps, lambda step: replace(step, fraction=begin + share * step.fraction))
