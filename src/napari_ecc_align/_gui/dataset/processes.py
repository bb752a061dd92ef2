"""What the dataset form has done in processes of their own: plans, runs, decisions."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from ..._batch.batch import Batch
from ..._batch.records.read import read_records
from ..._batch.records.record import Record
from ..._batch.records.reopen import Folders, folders_of, plan_of, settings_of
from ..._batch.run.run_plan import BatchStep, Counts
from ..._batch.settings import BatchSettings
from ..._batch.workers.background import BackgroundProcess, Stopping

Step = TypeVar("Step")
Decision = Callable[[], Record]
"""Carries out what a person has decided on a pair, and returns its new record."""

# So few records that the table takes them in without a pause.
_AT_ONCE = 50


@dataclass(frozen=True)
class Request:
    """What a person has chosen.

    Attributes
    ----------
    reference, moving : str
        Folders.
    siblings : tuple of str
        Folders, perhaps with their names before them.
    out : Path
        The output folder.
    settings : BatchSettings
        How each pair is done.
    workers : int
        Processes.
    """

    reference: str
    moving: str
    siblings: tuple[str, ...]
    out: Path
    settings: BatchSettings
    workers: int


@dataclass(frozen=True, eq=False)
class Reopened:
    """What the records of an output folder say together.

    Attributes
    ----------
    folders : Folders or None
        What they came from, if it was folders.
    plan : Batch
        Of the pairs that are done.
    settings : BatchSettings or None
        How they were done.
    """

    folders: Folders | None
    plan: Batch
    settings: BatchSettings | None


@dataclass(frozen=True, eq=False)
class PairsDone:
    """Pairs that are done.

    Attributes
    ----------
    records : list of Record
        Theirs.
    fresh : int
        How many of them were not done by an earlier run.
    counts : Counts
        Of all pairs done so far.
    total : int
        How many pairs there are.
    """

    records: list[Record]
    fresh: int
    counts: Counts
    total: int


def outcome_apart(
    process: BackgroundProcess, function: Callable[..., Iterator[Step]], *arguments: Any
) -> Generator[Step | None, None, Step | None]:
    """Call a generator function in a process.

    Parameters
    ----------
    process : BackgroundProcess
        Where it runs.
    function : callable
        One of those below. Its first argument, which is not given here, tells whether to stop.
    *arguments
        The others.

    Returns
    -------
    generator
        Yields what the function yields, or None meanwhile, and returns the last that it yielded.

    Raises
    ------
    InputError, RuntimeError
        As `BackgroundProcess.steps`.
    """
    last: Step | None = None
    with closing(process.steps(function, *arguments)) as steps:
        for step in steps:
            last = last if step is None else step
            yield step
    return last


def plan_folders(_: Stopping, request: Request) -> Iterator[Batch]:
    """Yield the plan."""
    yield Batch.plan(
        request.reference,
        request.moving,
        request.out,
        siblings=request.siblings,
        settings=request.settings,
    )


def run_folders(stopping: Stopping, request: Request) -> Iterator[Batch | PairsDone]:
    """Yield the plan, then what is done of it."""
    (plan,) = plan_folders(stopping, request)
    yield plan
    done: list[BatchStep] = []
    with closing(plan.run(workers=request.workers, cancel=stopping)) as steps:
        for finished in steps:
            done.append(finished)
            # What an earlier run has done comes by the hundred.
            if not finished.resumed or len(done) == _AT_ONCE:
                yield _advance(done)
                done = []
            if stopping():
                break
    if done:
        yield _advance(done)


def _advance(done: list[BatchStep]) -> PairsDone:
    records = [_light(finished.record) for finished in done]
    fresh = sum(not finished.resumed for finished in done)
    return PairsDone(records, fresh, done[-1].counts, done[-1].total)


def reopen_folder(_: Stopping, out: Path) -> Iterator[list[Record] | Reopened]:
    """Yield the records of an output folder, and at the end what they say together."""
    records = [replace(record, thumbnail="") for record in read_records(out)]
    light = [_light(record) for record in records]
    for first in range(0, len(light), _AT_ONCE):
        yield light[first : first + _AT_ONCE]
    plan = plan_of(out, records)
    yield Reopened(folders_of(plan), Batch(**vars(plan)), settings_of(records))


def decide(_: Stopping, decision: Decision) -> Iterator[Record]:
    """Carry out a decision and yield the pair's new record."""
    yield _light(decision())


def _light(record: Record) -> Record:
    """Return a record without what the table and the open pair do not show.

    A thousand of them stay in the viewer's memory, where every object is looked at whenever
    garbage is collected.
    """
    return replace(record, inputs=(), settings={}, times={}, thumbnail="")
