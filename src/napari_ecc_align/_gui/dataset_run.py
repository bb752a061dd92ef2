"""What the dataset form does in worker threads: plans, runs, decisions."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeVar

from ..batch.pairing import Plan, make_plan
from ..batch.records import Record, read_records
from ..batch.reopening import Folders, folders_of, plan_of, settings_of
from ..batch.review import accept, correct, reject
from ..batch.running import Finished, run_plan
from ..batch.settings import Settings
from ..errors import InputError
from ..transform import Transform
from .run import Refusal, refusing

Value = TypeVar("Value")

_INTERVAL = 0.05


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
    settings : Settings
        How each pair is done.
    workers : int
        Processes.
    """

    reference: str
    moving: str
    siblings: tuple[str, ...]
    out: Path
    settings: Settings
    workers: int


@dataclass(frozen=True, eq=False)
class Reopened:
    """What there is in an output folder.

    Attributes
    ----------
    records : list of Record
        Of the pairs that are done.
    folders : Folders or None
        What they came from, if it was folders.
    plan : Plan
        Of the pairs that are done.
    settings : Settings or None
        How they were done.
    """

    records: list[Record]
    folders: Folders | None
    plan: Plan
    settings: Settings | None


@dataclass(frozen=True)
class Review:
    """A person's decision on a pair, to be carried out."""

    decision: Literal["accept", "correct", "reject"]
    name: str
    note: str = ""
    transform: Transform | None = None


def plan_steps(request: Request) -> Generator[None, None, Plan | Refusal]:
    """Make a plan, yielding meanwhile."""
    return (yield from refusing(lambda: _planned(request)))


def run_steps(
    request: Request, stopping: Callable[[], bool]
) -> Generator[Plan | list[Finished] | None, None, Refusal | None]:
    """Make a plan and run it, yielding the plan and then the pairs that are done.

    Parameters
    ----------
    request : Request
        What to run.
    stopping : callable
        Whether the run should end; asked ten times a second while pairs are being done.
    """
    return (yield from refusing(lambda: _run(request, stopping)))


def reopen_steps(out: Path) -> Generator[None, None, Reopened | Refusal]:
    """Read the records of an output folder."""

    def steps() -> Generator[None, None, Reopened]:
        records = []
        for record in read_records(out):
            records.append(_light(record))
            yield
        return Reopened(records, folders_of(records), plan_of(out, records), settings_of(records))

    return (yield from refusing(steps))


def review_steps(plan: Plan, review: Review) -> Generator[None, None, Record | Refusal]:
    """Carry out a decision; once begun it is brought to its end."""

    def steps() -> Generator[None, None, Record]:
        yield
        if review.decision == "accept":
            record = accept(plan, review.name, note=review.note)
        elif review.decision == "reject":
            record = reject(plan, review.name, note=review.note)
        else:
            assert review.transform is not None
            record = correct(plan, review.name, review.transform, note=review.note)
        return _light(record)

    return (yield from refusing(steps))


def _run(
    request: Request, stopping: Callable[[], bool]
) -> Generator[Plan | list[Finished] | None, None, None]:
    plan = yield from _planned(request)
    yield plan
    done: list[Finished] = []
    told = time.monotonic()
    steps = run_plan(plan, workers=request.workers, cancel=stopping)
    with closing(steps):
        for finished in steps:
            done.append(replace(finished, record=_light(finished.record)))
            # What an earlier run has done comes by the hundred.
            if not finished.resumed or time.monotonic() - told > _INTERVAL:
                yield done
                done, told = [], time.monotonic()
    yield done


def _planned(request: Request) -> Generator[None, None, Plan]:
    return (yield from _in_thread(lambda: _plan(request)))


def _plan(request: Request) -> Plan:
    return make_plan(
        request.reference,
        request.moving,
        siblings=request.siblings,
        out=request.out,
        settings=request.settings,
    )


def _in_thread(function: Callable[[], Value]) -> Generator[None, None, Value]:
    """Call a function that only reads, yielding meanwhile; when closed, it is left to itself."""
    outcome: list[Value | Exception] = []

    def call() -> None:
        try:
            outcome.append(function())
        except Exception as error:
            outcome.append(error)

    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(_INTERVAL)
        yield
    if isinstance(outcome[0], Exception):
        raise outcome[0]
    return outcome[0]


def _light(record: Record) -> Record:
    """Return a record without its picture: a thousand of them stay in memory."""
    return replace(record, thumbnail="")


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
