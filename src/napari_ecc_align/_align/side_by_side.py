"""The frames of a stack in several processes: blocks of frames side by side, told in order."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from .._common.steps import outcome_of
from .._common.workers.loop import Lost, work
from .._common.workers.pool import Pool
from .._verdict.finding import Judged
from .follower import Follower
from .frame_by_frame import FrameSteps, Series, one_by_one, told_frame
from .frame_options import is_start
from .progress import AnyResult, FrameProgress, Progress
from .read_frames import Unreadable

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
    images : dict of ndarray or Unreadable
        Those that the process cannot read by itself.
    basis : Judged or None
        What the leader foretells of the others, or that of the block before of the leader, if
        that is not known.
    """

    numbers: range
    known: _Results
    images: dict[int, NDArray[Any] | Unreadable]
    basis: Judged | None = None


class _BlockAligner:
    """Aligns blocks of a series in a process, which prepares their common reference once."""

    def __init__(self, series: Series) -> None:
        self._series = series.sent()

    def __call__(self, block: _Block) -> _Results:
        done = dict(block.known)
        follower = self._series.follower()
        first = block.numbers[0]
        if self._series.leader(first) in done:
            if isinstance(follower, Follower):
                follower.basis = block.basis
        else:
            follower = self._series.block_follower(first, block.basis)
        for index in block.numbers:
            if index not in done:
                image = block.images.get(index)
                done[index] = outcome_of(self._series.frame_steps(index, done, image, follower))
        return {index: done[index] for index in block.numbers}


def side_by_side(series: Series, workers: int, known: Sequence[AnyResult] = ()) -> FrameSteps:
    """Align the frames of a series as `one_by_one` does, in several processes.

    The leader of each block is aligned here, ahead of the others of its block, so that all start
    where they would if one process did everything; and all frames, until the processes have
    started. The frames of a process that dies twice have failed.
    """
    count = len(series.images)
    done = dict(enumerate(known))
    waiting: _Results = {}
    pool = Pool(_BlockAligner(series), workers=workers, timeout=math.inf)
    try:
        pool.begin()
        yield from _meanwhile(series, done, pool)
        for finished in work(pool, _blocks(series, dict(done)), cancel=series.options.cancel):
            yield Progress(len(done) / count, f"{len(done)} of {count} {series.options.called}")
            if finished is not None:
                waiting |= _results(series, *finished)
            while (index := len(done)) in waiting:
                done[index] = waiting.pop(index)
                yield told_frame(index, count, done[index], series.options.called)
    finally:
        pool.close()
    for index in range(len(done), count):
        done[index] = series.options.cancelled(series.shape)
        yield told_frame(index, count, done[index], series.options.called)
    return [*done.values()]


def _meanwhile(
    series: Series, done: _Results, pool: Pool[_Block, _Results]
) -> Generator[Progress, None, None]:
    """Align frames after those that are done, and add them, until a process has started."""
    steps = one_by_one(series, [*done.values()])
    for step in steps:
        yield step
        if isinstance(step, FrameProgress) and step.result is not None:
            found: Any = step.result
            done[len(done)] = found
            # What is begun of a frame would be lost.
            if pool.has_begun:
                steps.close()


def _blocks(series: Series, done: _Results) -> Iterator[_Block]:
    """Yield the blocks of what is not done, each with the result of its first frame."""
    index, basis, size = len(done), None, series.options.block
    for leader in series.known_leaders(index - index % size):
        basis = _led(series, leader, done, basis)[1]
    while index < len(series.images):
        block, end = index - index % size, series.block_end(index)
        follows = series.follower() is not None
        # What a block's frames have told the next ones is not known: they do so again.
        numbers = range(block if follows else index, end)
        own = series.images.in_files
        images = {} if own else {at: series.images.read(at) for at in numbers}
        foretold = basis
        leader = series.leader(block)
        if leader > block:
            done.setdefault(block, series.options.itself(series.shape))
        leads = index <= leader
        if leads or follows:
            result, basis = _led(series, leader, done, basis, images.get(leader))
        if leads:
            done[leader], foretold = result, basis
        firsts = [at for at in range(0, block, size) if at in done and is_start(done[at])]
        # What the first frame's field foretells is not sent: it is found once more.
        sent = isinstance(series.follower(), Follower)
        own_first = range(block, leader + 1) if leads and sent else range(block, numbers[0])
        near = {*firsts[-1:], *own_first}
        yield _Block(numbers, {at: done[at] for at in near if at in done}, images, foretold)
        index = end


def _led(
    series: Series,
    leader: int,
    done: _Results,
    basis: Judged | None,
    image: NDArray[Any] | Unreadable | None = None,
) -> tuple[AnyResult, Judged | None]:
    """Return the result of the leader of a block, and what it foretells."""
    follower = series.block_follower(leader - leader % series.options.block, basis)
    result = outcome_of(series.frame_steps(leader, done, image, follower))
    return result, follower.basis if isinstance(follower, Follower) else None


def _results(series: Series, block: _Block, outcome: _Results | Lost) -> _Results:
    if not isinstance(outcome, Lost):
        return outcome
    reason = f"Given up after a second try: {outcome.reason}."
    lost = series.options.failed(series.shape, reason)
    return {index: block.known.get(index, lost) for index in block.numbers}
