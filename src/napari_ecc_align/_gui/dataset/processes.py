"""What the dataset form has done in processes of their own: plans, runs, decisions."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeVar

from ..._batch.plan.pairing import Plan, make_plan
from ..._batch.records.record import Record, read_records
from ..._batch.records.reopen import Folders, folders_of, plan_of, settings_of
from ..._batch.run.review import accept, correct, reject
from ..._batch.run.run_plan import Counts, Finished, run_plan
from ..._batch.settings import BatchSettings
from ..._batch.workers.background import BackgroundProcess, Stopping
from ..._common.errors import InputError
from ..._transform.transform import Transform
from ..shared.refusal import Refusal, refusing

Value = TypeVar("Value")

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
        Folders, perhaps with their flavours before them.
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
    plan : Plan
        Of the pairs that are done.
    settings : BatchSettings or None
        How they were done.
    """

    folders: Folders | None
    plan: Plan
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


@dataclass(frozen=True)
class Decision:
    """A person's decision on a pair, to be carried out."""

    kind: Literal["accept", "correct", "reject"]
    name: str
    note: str = ""
    transform: Transform | None = None


class DatasetRuns:
    """What the form has done elsewhere: each piece of work in a process of its own."""

    def __init__(self) -> None:
        self._apart = BackgroundProcess()

    @property
    def busy(self) -> bool:
        """Whether a process still is there: after a cancellation, it writes the report."""
        return self._apart.busy

    def plan(self, request: Request) -> Generator[None, None, Plan | Refusal]:
        """Make a plan, yielding meanwhile."""

        def steps() -> Generator[None, None, Plan]:
            return _only(Plan, (yield from _gathered(self._apart.steps(plan_folders, request))))

        return (yield from refusing(steps))

    def run(self, request: Request) -> Generator[Plan | PairsDone | None, None, Refusal | None]:
        """Make a plan and run it, yielding the plan and then the pairs that are done."""

        def steps() -> Generator[Plan | PairsDone | None, None, None]:
            yield from self._apart.steps(run_folders, request)

        return (yield from refusing(steps))

    def reopen(self, out: Path) -> Generator[list[Record] | None, None, Reopened | Refusal]:
        """Read the records of an output folder, and yield some after the other."""

        def steps() -> Generator[list[Record] | None, None, Reopened]:
            for step in self._apart.steps(reopen_folder, out):
                if isinstance(step, Reopened):
                    return step
                yield step
            raise InputError(f"{out} could not be read")

        return (yield from refusing(steps))

    def review(self, plan: Plan, decision: Decision) -> Generator[None, None, Record | Refusal]:
        """Carry out a decision; once begun it is brought to its end."""

        def steps() -> Generator[None, None, Record]:
            pair = replace(plan, pairs=tuple(p for p in plan.pairs if p.name == decision.name))
            found = yield from _gathered(self._apart.steps(decide, pair, decision))
            return _only(Record, found)

        return (yield from refusing(steps))


def _gathered(steps: Iterator[Value | None]) -> Generator[None, None, list[Value]]:
    """Return all that steps yield but None, yielding meanwhile."""
    found = []
    for step in steps:
        if step is not None:
            found.append(step)
        yield
    return found


def _only(kind: type[Value], found: list[Any]) -> Value:
    (value,) = found
    assert isinstance(value, kind)
    return value


def plan_folders(_: Stopping, request: Request) -> Iterator[Plan]:
    """Yield the plan."""
    yield make_plan(
        request.reference,
        request.moving,
        siblings=request.siblings,
        out=request.out,
        settings=request.settings,
    )


def run_folders(stopping: Stopping, request: Request) -> Iterator[Plan | PairsDone]:
    """Yield the plan, then what is done of it."""
    (plan,) = plan_folders(stopping, request)
    yield plan
    done: list[Finished] = []
    with closing(run_plan(plan, workers=request.workers, cancel=stopping)) as steps:
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


def _advance(done: list[Finished]) -> PairsDone:
    records = [_light(finished.record) for finished in done]
    fresh = sum(not finished.resumed for finished in done)
    return PairsDone(records, fresh, done[-1].counts, done[-1].total)


def reopen_folder(_: Stopping, out: Path) -> Iterator[list[Record] | Reopened]:
    """Yield the records of an output folder, and at the end what they say together."""
    records = [replace(record, thumbnail="") for record in read_records(out)]
    light = [_light(record) for record in records]
    for first in range(0, len(light), _AT_ONCE):
        yield light[first : first + _AT_ONCE]
    yield Reopened(folders_of(records), plan_of(out, records), settings_of(records))


def decide(_: Stopping, plan: Plan, decision: Decision) -> Iterator[Record]:
    """Carry out a decision and yield the pair's new record."""
    if decision.kind == "accept":
        record = accept(plan, decision.name, note=decision.note)
    elif decision.kind == "reject":
        record = reject(plan, decision.name, note=decision.note)
    else:
        assert decision.transform is not None
        record = correct(plan, decision.name, decision.transform, note=decision.note)
    yield _light(record)


def _light(record: Record) -> Record:
    """Return a record without what the table and the open pair do not show.

    A thousand of them stay in the viewer's memory, where every object is looked at whenever
    garbage is collected.
    """
    return replace(record, inputs=(), settings={}, times={}, thumbnail="")


def check_request(request: Request) -> None:
    """Refuse what can be seen to be wrong before any thread starts.

    Raises
    ------
    InputError
        If a folder was not chosen or is none.
    """
    named = [("reference", request.reference), ("moving", request.moving)]
    for role, folder in named:
        if not folder:
            raise InputError(f"Choose the folder of the {role} images.")
    if not str(request.out).strip() or request.out == Path():
        raise InputError("Choose a folder for the results; it may be a new one.")
