"""The frames of a stack, one after the other, each aligned to an image or to the one before."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._common.steps import retold
from .._ecc.options import SearchOptions
from .._images.sources import Source, checked_source
from .._transform.field import Field
from .._transform.models import MODELS
from .._transform.transform import Transform
from .._transform.transform_like import TransformLike
from .._verdict.assess import Judged
from .._verdict.field_result import SmoothAlignment
from .._verdict.result import AlignmentResult
from .._verdict.verdict import VERDICTS
from .bent import is_placed, known_to_lie_still, nothing
from .cancelling import CANCELLED, Cancelled, cancelled_result
from .follower import Follower
from .frame_records import counted
from .options import Job, checked_initial
from .pair import job_steps
from .progress import FrameProgress, FrameResult, Progress
from .read_frames import ReadFrames, Unreadable
from .smooth import FieldFollower, smooth_steps
from .stack_masks import StackMasks

FrameSteps = Generator[Progress, None, list[FrameResult]]
Results = Mapping[int, FrameResult]
AnyFollower = Follower | FieldFollower

BLOCK = 32
"""So many frames follow one another; the first of them follows the first of those before.

Blocks can then be aligned side by side, with the same results for any number of processes.
"""
# Of the first frame of every so many blocks everything is asked anew.
_FOLLOWING = 8

_ITSELF = "The frame that the others are aligned to."


@dataclass(frozen=True)
class Bending:
    """That frames bend, and over what length in px; as they say themselves if None."""

    stiffness: float | None = None


@dataclass(frozen=True)
class StackOptions:
    """What every alignment of a stack has in common.

    If `brief`, tiles are just counted in the results.
    """

    search: SearchOptions
    reference_masks: StackMasks
    moving_masks: StackMasks
    cancel: Callable[[], bool] | None = None
    called: str = "frames"
    brief: bool = False
    bending: Bending | None = None

    @property
    def is_cancelled(self) -> bool:
        """Whether the frames that are left are not wanted."""
        return self.cancel is not None and self.cancel()

    def prepared(self, image: NDArray[Any], index: int) -> Source:
        """Return an image that frames are aligned to, of a number, as a reference for all."""
        whole = self.search.engine == "opencv"
        return checked_source(image, self.reference_masks[index], "reference", whole=whole)

    def follower(self) -> AnyFollower | None:
        """Return what follows frames that are aligned to one image.

        Where each frame has a model chosen for it, what one has does not foretell the next.
        """
        if self.bending is not None:
            return FieldFollower()
        return None if self.search.model == "auto" else Follower()

    def steps(
        self, job: Job, follower: AnyFollower | None
    ) -> Generator[Progress, None, FrameResult]:
        """Align what a job says, one step at a time, following another frame if there is one."""
        if self.bending is not None:
            field_follower = follower if isinstance(follower, FieldFollower) else None
            return smooth_steps(job, self.bending.stiffness, field_follower)
        return job_steps(
            replace(job, follower=follower if isinstance(follower, Follower) else None)
        )

    def failed(self, shape: tuple[int, ...], reason: str) -> FrameResult:
        """Return the result of a frame, on a reference of shape (h, w), that nothing came of."""
        size = (shape[0], shape[1])
        if self.bending is not None:
            return nothing(size, "failed", reason)
        identity = Transform.identity(self.search.narrowest)
        return AlignmentResult(identity, "failed", reason, size, engine=self.search.engine)

    def cancelled(self, shape: tuple[int, int], reached: Transform | None = None) -> FrameResult:
        """Return the result of a frame that was cancelled, with the best transform so far."""
        if self.bending is not None:
            return nothing(shape, "cancelled", CANCELLED)
        return cancelled_result(shape, self.search, reached)

    def itself(self, shape: tuple[int, ...]) -> FrameResult:
        """Return the result of the frame that the others are aligned to, of shape (h, w)."""
        size = (shape[0], shape[1])
        if self.bending is not None:
            return known_to_lie_still(size, _ITSELF)
        return _itself(size, self.search)


@dataclass(frozen=True, eq=False)
class Series:
    """Frames that are aligned to an image each, or all to one.

    Attributes
    ----------
    references : sequence of ndarray
        One for each frame, or one for all.
    images : ReadFrames
        The frames.
    options : StackOptions
        What they have in common.
    initial : Transform, AlignmentResult or array_like, optional
        Where the first one starts.
    starts : dict of int to Transform or Field, optional
        Where some of them start instead, by their numbers.
    own : int, optional
        The frame that the one reference is itself.
    """

    references: Sequence[NDArray[Any]] | ReadFrames
    images: ReadFrames
    options: StackOptions
    initial: TransformLike | None = None
    starts: Mapping[int, Transform | Field] = field(default_factory=dict)
    own: int | None = None

    def block_end(self, index: int) -> int:
        """Return where the block of a frame ends."""
        return min(index - index % BLOCK + BLOCK, len(self.images))

    def start_of(self, index: int, done: Results) -> TransformLike | Field | None:
        """Return where a frame starts, given the results of its block and of blocks' first ones.

        That is where the last one was found in its block or, failing that, the first of a block.
        """
        if index in self.starts:
            return self.starts[index]
        block = index - index % BLOCK
        for before in (*range(index - 1, block - 1, -1), *range(block - BLOCK, -1, -BLOCK)):
            if before in done and is_start(done[before]):
                return done[before].transform
        return self.initial

    def follower(self) -> AnyFollower | None:
        """Return what follows the frames of a block, if all are aligned to one image."""
        return self.options.follower() if len(self.references) == 1 else None

    def block_follower(self, block: int, basis: Judged | None) -> AnyFollower | None:
        """Return what follows the frames of a block that begins with one.

        Parameters
        ----------
        block : int
            The first frame.
        basis : Judged or None
            What the first of the block before foretells of it.
        """
        follower = self.follower()
        if isinstance(follower, Follower) and block % (_FOLLOWING * BLOCK):
            follower.basis = basis
        return follower

    def known_firsts(self, block: int) -> range:
        """Return the first frames of blocks before one that tell what is foretold of its first."""
        follows = isinstance(self.follower(), Follower)
        return range(block - block % (_FOLLOWING * BLOCK), block if follows else 0, BLOCK)

    def frame_steps(
        self,
        index: int,
        done: Results,
        image: NDArray[Any] | Unreadable | None = None,
        follower: AnyFollower | None = None,
    ) -> Generator[Progress, None, FrameResult]:
        """Align a frame, given results of those before; it is read now unless it is given."""
        if index == self.own:
            return self.options.itself(self.shape)
        if self.options.is_cancelled:
            return self.options.cancelled(self.shape)
        reference = self._shared
        if index and len(self.references) > 1:
            reference = self.options.prepared(self.references[index], index)
        image = self.images.read(index) if image is None else image
        turn = _Turn(index, len(self.images))
        start = self.start_of(index, done)
        return (yield from _align(reference, image, start, self.options, turn, follower))

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of what the first frame is aligned to."""
        height, width = self._shared.shape[:2]
        return height, width

    def sent(self) -> Series:
        """Return the series for another process, which asks nobody whether to go on."""
        return replace(self, options=replace(self.options, cancel=None))

    @cached_property
    def _shared(self) -> Source:
        return self.options.prepared(self.references[0], self.own or 0)


def one_by_one(series: Series, known: Sequence[FrameResult] = ()) -> FrameSteps:
    """Align the frames of a series, of which the first results may be known.

    The first frame of a block follows that of the block before, the others the one before them.
    """
    done = dict(enumerate(known))
    follower = series.follower()
    # What a block's frames have told the next ones is not known.
    first = len(done) - len(done) % BLOCK if follower else len(done)
    next_one = f"frame {len(done) + 1} of {len(series.images)}: following those before it"

    def again(step: Progress) -> Progress:
        return replace(step, stage=next_one)

    basis = None
    for index in (*series.known_firsts(first), *range(first, len(series.images))):
        if index % BLOCK == 0:
            follower = series.block_follower(index, basis)
        steps = series.frame_steps(index, done, None, follower)
        result = yield from retold(steps, again if index in done else lambda step: step)
        if index % BLOCK == 0 and isinstance(follower, Follower):
            basis = follower.basis
        if index not in done:
            done[index] = result
            yield told_frame(index, len(series.images), result)
    return [*done.values()]


def chained_frames(
    images: ReadFrames, options: StackOptions, known: Sequence[FrameResult] = ()
) -> FrameSteps:
    """Align each frame to the one before it, and correct the composed transform for drift."""
    first = options.prepared(images[0], 0)
    results = list(known) or [options.itself(first.shape)]
    if not known:
        yield told_frame(0, len(images), results[0])
    earlier, previous = _last_readable(images, options, results, first)
    for index in range(len(results), len(images)):
        if options.is_cancelled:
            results.append(options.cancelled(results[0].shape))
            continue
        image = images.read(index)
        turn = _Turn(index, len(images), 0.0, 0.5)
        step = yield from _align(previous, image, None, options, turn)
        if isinstance(image, Unreadable):
            results.append(step)
        else:
            composed = step.transform @ earlier.transform
            # What the chain rests on is as good as its worst link.
            weakest = min(step, earlier, key=lambda result: VERDICTS.index(result.verdict))
            turn = _Turn(index, len(images), 0.5, 0.5)
            direct = yield from _align(first, image, composed, options, turn)
            results.append(direct if direct.aligned else _chained(step, composed, weakest))
            earlier, previous = results[-1], options.prepared(image, index)
        yield told_frame(index, len(images), results[-1])
    return results


def _chained(step: FrameResult, composed: Transform | Field, weakest: FrameResult) -> FrameResult:
    """Return the result of a link with what is composed of the chain so far."""
    own: dict[str, Any] = {"verdict": weakest.verdict, "reason": weakest.reason}
    return replace(step, transform=composed, **own)  # type: ignore[arg-type]  # of its sort


def _last_readable(
    images: ReadFrames, options: StackOptions, results: list[FrameResult], first: Source
) -> tuple[FrameResult, Source]:
    """Return the result of the last frame of those known that can be read, and the frame."""
    for index in range(len(results) - 1, 0, -1):
        image = images.read(index)
        if not isinstance(image, Unreadable):
            return results[index], options.prepared(image, index)
    return results[0], first


@dataclass(frozen=True)
class _Turn:
    """One alignment of the whole: of a frame to an image, perhaps as one of two for the frame."""

    index: int
    count: int
    begin: float = 0.0
    share: float = 1.0

    def of_all(self, step: Progress, called: str) -> Progress:
        """Return a step as one of the whole stack."""
        fraction = (self.index + self.begin + self.share * step.fraction) / self.count
        stage = f"{called[:-1]} {self.index + 1} of {self.count}: {step.stage}"
        return replace(step, fraction=fraction, stage=stage)


def _align(
    reference: Source,
    moving: NDArray[Any] | Unreadable,
    start: TransformLike | Field | None,
    options: StackOptions,
    turn: _Turn,
    follower: AnyFollower | None = None,
) -> Generator[Progress, None, FrameResult]:
    if isinstance(moving, Unreadable):
        return options.failed(reference.shape, moving.reason)
    mask = options.moving_masks[turn.index]
    whole = options.search.engine == "opencv"
    source = checked_source(moving, mask, "moving", whole=whole)
    job = Job(reference, source, options.search, _matrix_of(start))

    def told(step: Progress) -> Progress:
        if options.is_cancelled:
            raise Cancelled(step.transform)
        return turn.of_all(step, options.called)

    try:
        result = yield from retold(options.steps(job, follower), told)
        return counted(result) if options.brief else result
    except Cancelled as cancelled:
        return options.cancelled(job.shape, cancelled.reached)


def _matrix_of(start: TransformLike | Field | None) -> NDArray[np.float64] | None:
    return start.matrix if isinstance(start, Field) else checked_initial(start)


def _itself(shape: tuple[int, int], search: SearchOptions) -> AlignmentResult:
    return AlignmentResult(
        Transform.identity(search.narrowest),
        "aligned",
        _ITSELF,
        shape,
        ecc=1.0,
        ecc_before=1.0,
        overlap_fraction=1.0,
        corner_uncertainty=0.0,
        covariance=np.zeros((MODELS[search.narrowest].n_parameters,) * 2),
        converged=True,
        start="identity",
        engine=search.engine,
    )


def is_start(result: FrameResult) -> bool:
    """Tell whether the next frame may start where this one was found."""
    return is_placed(result) if isinstance(result, SmoothAlignment) else _is_sure(result)


def _is_sure(result: AlignmentResult) -> bool:
    return result.aligned or result.placed


def told_frame(index: int, count: int, result: FrameResult) -> FrameProgress:
    """Return what is told of a frame that is done."""
    stage = f"frame {index + 1} of {count}: {result.verdict}"
    transform = result.transform
    shown = Transform(transform.matrix) if isinstance(transform, Field) else transform
    return FrameProgress((index + 1) / count, stage, shown, result)
