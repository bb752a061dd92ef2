"""The frames of a stack in several processes: blocks of frames side by side, told in order."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from .._common.steps import outcome_of, retold
from .._common.workers.loop import Lost, Task, work
from .._common.workers.pool import Pool
from .frame_by_frame import FrameSteps, Series, told_frame
from .progress import AnyResult, Progress
from .read_frames import ReadFrames, Unreadable

_Results = dict[int, AnyResult]


@dataclass(frozen=True, eq=False)
class _Block:
    """Frames that follow one another.

    Attributes
    ----------
    numbers : range
        Of the frames.
    known : dict
        The results of some, and of those before from which they may start.
    basis : Judged, Foretold or None
        What the leader foretells of the others, or that of the block before of the leader, if
        that is not known.
    images : ReadFrames or dict of ndarray or Unreadable
        The frames; in another process those that it cannot read by itself.
    """

    numbers: range
    known: _Results
    basis: Any
    images: ReadFrames | dict[int, NDArray[Any] | Unreadable]

    def __getstate__(self) -> dict[str, Any]:
        images = self.images
        if isinstance(images, ReadFrames):
            unknown = [] if images.in_files else set(self.numbers) - set(self.known)
            images = {at: images.read(at) for at in sorted(unknown)}
        return {**self.__dict__, "images": images}


@dataclass(frozen=True, eq=False)
class _BlockAligner:
    """Aligns blocks of a series in a process, which prepares their common reference once."""

    series: Series

    def __call__(self, block: _Block) -> _Results:
        results: _Results = {}
        for found in self.steps(block):
            results |= found
        return results

    def steps(self, block: _Block) -> Iterator[_Results]:
        """Align a block one step at a time, and yield what has come of its frames by it."""
        done = dict(block.known)
        follower = self.series.follower()
        first = block.numbers[0]
        if self.series.leader(first) not in done:
            follower = self.series.block_follower(first, block.basis)
        elif follower is not None:
            follower.basis = block.basis
        yield {index: done[index] for index in block.numbers if index in done}
        for index in block.numbers:
            if index not in done:
                image = block.images.get(index) if isinstance(block.images, dict) else None
                steps = self.series.frame_steps(index, done, image, follower)
                done[index] = yield from retold(steps, lambda _: {})
                yield {index: done[index]}


class _AlsoHere:
    """The processes of a pool and this one, which has a block of its own where they have theirs.

    So there is one process less that has to start, and whose frames have to be sent to it. A
    block is kept ready for the next that is free.
    """

    def __init__(self, pool: Pool[_Block, _Results], aligner: _BlockAligner) -> None:
        self._pool, self._aligner = pool, aligner
        self._begun = False
        self._next: Task[_Block] | None = None
        self._own: tuple[Task[_Block], Iterator[_Results]] | None = None

    @property
    def has_room(self) -> bool:
        """Whether it can take another block now, which has its leader aligned first."""
        return self._next is None and (self._own is None or self._begun)

    @property
    def busy(self) -> bool:
        """Whether blocks are not finished."""
        return self._next is not None or self._own is not None or self._pool.busy

    def start(self, task: Task[_Block]) -> None:
        """Begin a block, or keep it for who is free first."""
        self._next = task
        self._hand_out()

    def _hand_out(self) -> None:
        task = self._next
        if task is None:
            return
        # What has ended a process is not tried in this one.
        again = task.attempt > 1
        if self._pool.is_waiting or (again and self._pool.has_room):
            self._pool.start(task)
        elif self._own is None and not again:
            self._own = task, self._aligner.steps(task.item)
        else:
            return
        self._next = None

    def poll(self) -> Iterator[tuple[Task[_Block], _Results | Lost]]:
        """Yield blocks that were finished or lost elsewhere, and frames that were aligned here."""
        yield from self._pool.poll() if self._own is None else self._pool.poll(0)
        self._begun = self._begun or self._pool.is_waiting
        self._hand_out()
        if self._own is None:
            return
        task, steps = self._own
        found = next(steps, None)
        if found is None:
            self._own = None
            self._hand_out()
        elif found:
            yield task, found

    def close(self) -> None:
        """End the processes at once."""
        self._pool.close()


def side_by_side(series: Series, workers: int, known: Sequence[AnyResult] = ()) -> FrameSteps:
    """Align the frames of a series as `one_by_one` does, in several processes, this one included.

    The leader of each block is aligned here, ahead of the others of its block, so that all start
    where they would if one process did everything. The frames of a process that dies twice have
    failed.
    """
    count = len(series.images)
    done = series.options.kept(known)
    waiting: _Results = {}
    pool = Pool(_BlockAligner(series.sent()), workers=workers - 1, timeout=math.inf)
    everyone = _AlsoHere(pool, _BlockAligner(series))
    try:
        pool.begin()
        for finished in work(everyone, _blocks(series, known), cancel=series.options.cancel):
            if finished is None:
                said = f"{len(done)} of {count} {series.options.called}"
                yield Progress(len(done) / count, said)
            else:
                waiting |= _results(series, *finished)
            while (index := len(done)) in waiting:
                result = waiting.pop(index)
                done.append(result)
                yield told_frame(index, count, result, series.options.called)
    finally:
        pool.close()
    for index in range(len(done), count):
        result = series.options.cancelled(series.shape)
        done.append(result)
        yield told_frame(index, count, result, series.options.called)
    return done


def _blocks(series: Series, known: Sequence[AnyResult]) -> Iterator[_Block]:
    """Yield the blocks of what is not known, each with the result of its first frame."""
    index, basis, size = len(known), None, series.options.block
    done = series.needed(known)
    for leader in series.known_leaders(index - index % size):
        basis = _led(series, leader, done, basis)[1]
    while index < len(series.images):
        block, end = index - index % size, series.block_end(index)
        follows = series.follower() is not None
        # What a block's frames have told the next ones is not known: they do so again.
        numbers = range(block if follows else index, end)
        foretold = basis
        leader = series.leader(block)
        if leader > block:
            done.setdefault(block, series.options.itself(series.shape))
        leads = index <= leader
        if leads or follows:
            result, basis = _led(series, leader, done, basis)
        if leads:
            done[leader], foretold = result, basis
        start = series.starts_from(block, done)
        own_first = range(block, leader + 1 if leads and follows else numbers[0])
        near = {**start, **{at: done[at] for at in own_first if at in done}}
        yield _Block(numbers, near, foretold, series.images)
        done = {**start, **{at: done[at] for at in range(block, end) if at in done}}
        index = end


def _led(
    series: Series,
    leader: int,
    done: _Results,
    basis: Any,
) -> tuple[AnyResult, Any]:
    """Return the result of the leader of a block, and what it foretells."""
    follower = series.block_follower(leader - leader % series.options.block, basis)
    result = outcome_of(series.frame_steps(leader, done, None, follower))
    return result, None if follower is None else follower.basis


def _results(series: Series, block: _Block, outcome: _Results | Lost) -> _Results:
    if not isinstance(outcome, Lost):
        return outcome
    reason = f"Given up after a second try: {outcome.reason}."
    lost = series.options.failed(series.shape, reason)
    return {index: block.known.get(index, lost) for index in block.numbers}
