"""The frames of a stack, one after the other, each aligned to an image or to the one before."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from numpy.typing import NDArray

from .._common.steps import retold
from .._transform.field import Field
from .._transform.transform import Transform
from .._verdict.verdict import VERDICTS
from .frame_options import AnyFollower, FrameOptions, Turn, is_start, tried
from .progress import AnyResult, FrameProgress, Progress
from .read_frames import ReadFrames, Unreadable

FrameSteps = Generator[Progress, None, Sequence[AnyResult]]
Results = Mapping[int, AnyResult]

# Of the first frame of every so many blocks everything is asked anew.
_FOLLOWING = 8


@dataclass(frozen=True, eq=False)
class Series:
    """Frames that are aligned to an image each, or all to one.

    Attributes
    ----------
    references : sequence of ndarray
        One for each frame, or one for all.
    images : ReadFrames
        The frames.
    options : FrameOptions
        What they have in common.
    initial : transform, result or array_like, optional
        Where the first one starts.
    starts : dict of int to transform, optional
        Where some of them start instead, by their numbers.
    own : int, optional
        The frame that the one reference is itself.
    """

    references: Sequence[NDArray[Any]] | ReadFrames
    images: ReadFrames
    options: FrameOptions
    initial: Any = None
    starts: Mapping[int, Any] = field(default_factory=dict)
    own: int | None = None

    def block_end(self, index: int) -> int:
        """Return where the block of a frame ends."""
        size = self.options.block
        return min(index - index % size + size, len(self.images))

    def starts_from(self, block: int, done: Results) -> Results:
        """Return of results those of blocks before one that its frames may start from."""
        size = self.options.block
        before = range(block - size, -1, -size)
        last = next((at for at in before if at in done and is_start(done[at])), None)
        return {} if last is None else {last: done[last]}

    def needed(self, known: Sequence[AnyResult]) -> dict[int, AnyResult]:
        """Return of the first results those that the next frames need: few of very many."""
        size = self.options.block
        last = len(known) - len(known) % size
        return {at: known[at] for at in (*range(0, last, size), *range(last, len(known)))}

    def start_of(self, index: int, done: Results) -> Any:
        """Return where a frame starts, given the results of its block and of blocks' first ones.

        That is where the last one was found in its block or, failing that, the first of a block.
        """
        if index in self.starts:
            return self.starts[index]
        size = self.options.block
        block = index - index % size
        for before in (*range(index - 1, block - 1, -1), *range(block - size, -1, -size)):
            if before in done and is_start(done[before]):
                return done[before].transform
        return self.initial

    def follower(self) -> AnyFollower | None:
        """Return what follows the frames of a block, if all are aligned to one image."""
        return self.options.follower() if len(self.references) == 1 else None

    def block_follower(self, block: int, basis: Any) -> AnyFollower | None:
        """Return what follows the frames of a block that begins with one.

        Parameters
        ----------
        block : int
            The first frame.
        basis : Judged, Foretold or None
            What the leader of the block before foretells of it.
        """
        follower = self.follower()
        if follower is not None and block % (_FOLLOWING * self.options.block):
            follower.basis = basis
        return follower

    def leader(self, block: int) -> int:
        """Return the frame of a block, by its first, that the next block's follows.

        It is the first or, where that is what the others are aligned to, the next one.
        """
        itself = block == self.own and block + 1 < self.block_end(block)
        return block + 1 if itself and self.follower() is not None else block

    def known_leaders(self, block: int) -> list[int]:
        """Return the frames of blocks before one that tell what is foretold of its first."""
        size = self.options.block
        last = block if self.follower() is not None else 0
        firsts = range(block - block % (_FOLLOWING * size), last, size)
        return [self.leader(first) for first in firsts]

    def frame_steps(
        self,
        index: int,
        done: Results,
        image: NDArray[Any] | Unreadable | None = None,
        follower: AnyFollower | None = None,
    ) -> Generator[Progress, None, AnyResult]:
        """Align a frame, given results of those before; it is read now unless it is given."""
        result: AnyResult
        if index == self.own:
            result = self.options.itself(self.shape)
            return result
        if self.options.is_cancelled:
            result = self.options.cancelled(self.shape)
            return result
        reference = self._shared
        if index and len(self.references) > 1:
            reference = self.options.prepared(self.references[index], index)
        image = self.images.read(index) if image is None else image
        turn = Turn(index, len(self.images))
        start = self.start_of(index, done)
        result = yield from tried(self.options, reference, image, start, turn, follower)
        return result

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of what the first frame is aligned to."""
        shape: tuple[int, ...] = self._shared.shape
        return shape

    def begun(self) -> Series:
        """Return the series when what frames are aligned to is prepared, or an error is raised."""
        _ = self._shared
        return self

    def sent(self) -> Series:
        """Return the series for another process, which asks nobody whether to go on."""
        return replace(self, options=replace(self.options, cancel=None))

    @cached_property
    def _shared(self) -> Any:
        return self.options.prepared(self.references[0], self.own or 0)


def one_by_one(series: Series, known: Sequence[AnyResult] = ()) -> FrameSteps:
    """Align the frames of a series, of which the first results may be known.

    The first frame of a block follows the leader of the block before, the others the one before.
    """
    results, near = series.options.kept(known), series.needed(known)
    follower = series.follower()
    # What a block's frames have told the next ones is not known.
    size, called = series.options.block, series.options.called
    done = len(known)
    first = done - done % size if follower else done
    next_one = f"{called[:-1]} {done + 1} of {len(series.images)}: following those before it"

    def again(step: Progress) -> Progress:
        return replace(step, stage=next_one)

    basis = None
    for index in (*series.known_leaders(first), *range(first, len(series.images))):
        block = index - index % size
        if index == block >= done:
            near = dict(series.starts_from(block, near))
        leads = index == series.leader(block)
        if leads:
            follower = series.block_follower(block, basis)
        steps = series.frame_steps(index, near, None, follower)
        result = yield from retold(steps, again if index < done else lambda step: step)
        if leads and follower is not None:
            basis = follower.basis
        if index >= done:
            near[index] = result
            results.append(result)
            yield told_frame(index, len(series.images), result, called)
    return results


def chained_frames(
    images: ReadFrames, options: FrameOptions, known: Sequence[AnyResult] = ()
) -> FrameSteps:
    """Align each frame to the one before it, and correct the composed transform for drift."""
    first = options.prepared(images[0], 0)
    results = options.kept(known)
    if not known:
        results.append(options.itself(first.shape))
        yield told_frame(0, len(images), results[0], options.called)
    earlier, previous = _last_readable(images, options, results, first)
    for index in range(len(results), len(images)):
        if options.is_cancelled:
            results.append(options.cancelled(first.shape))
            continue
        image = images.read(index)
        turn = Turn(index, len(images), 0.0, 0.5)
        step = yield from tried(options, previous, image, None, turn)
        if isinstance(image, Unreadable):
            results.append(step)
        else:
            composed = step.transform @ earlier.transform
            # What the chain rests on is as good as its worst link.
            weakest = min(step, earlier, key=lambda result: VERDICTS.index(result.verdict))
            turn = Turn(index, len(images), 0.5, 0.5)
            direct = yield from tried(options, first, image, composed, turn)
            earlier = direct if direct.aligned else _chained(step, composed, weakest)
            results.append(earlier)
            previous = options.prepared(image, index)
        yield told_frame(index, len(images), results[-1], options.called)
    return results


def _chained(step: Any, composed: Any, weakest: AnyResult) -> AnyResult:
    """Return the result of a link with what is composed of the chain so far."""
    own: dict[str, Any] = {"verdict": weakest.verdict, "reason": weakest.reason}
    linked: AnyResult = replace(step, transform=composed, **own)
    return linked


def _last_readable(
    images: ReadFrames, options: FrameOptions, results: Sequence[AnyResult], first: Any
) -> tuple[AnyResult, Any]:
    """Return the result of the last frame of those known that can be read, and the frame."""
    for index in range(len(results) - 1, 0, -1):
        image = images.read(index)
        if not isinstance(image, Unreadable):
            return results[index], options.prepared(image, index)
    return results[0], first


def told_frame(index: int, count: int, result: Any, called: str) -> FrameProgress:
    """Return what is told of a frame that is done."""
    stage = f"{called[:-1]} {index + 1} of {count}: {result.verdict}"
    transform = result.transform
    shown = Transform(transform.matrix) if isinstance(transform, Field) else transform
    return FrameProgress(
        (index + 1) / count, stage, shown if isinstance(shown, Transform) else None, result
    )
