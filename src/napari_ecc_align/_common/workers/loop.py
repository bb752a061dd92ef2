"""The loop that has items of work done, by processes here or by a cluster."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
Result_co = TypeVar("Result_co", covariant=True)


@dataclass(frozen=True)
class Lost:
    """What comes of an item that is not finished.

    Attributes
    ----------
    reason : str
        What became of the process or the machine that had it.
    """

    reason: str


@dataclass(frozen=True, eq=False)
class Task(Generic[Item]):
    """An item, and how many times it has been handed out with this one."""

    item: Item
    attempt: int = 1


class Executor(Protocol[Item, Result_co]):
    """Does tasks, several at a time."""

    @property
    def has_room(self) -> bool:
        """Whether it can take another task now."""

    @property
    def busy(self) -> bool:
        """Whether tasks are not finished."""

    def start(self, task: Task[Item]) -> None:
        """Begin a task."""

    def poll(self) -> Iterable[tuple[Task[Item], Result_co | Lost]]:
        """Return what has come since, with its task; after a short wait, if nothing has."""

    def close(self) -> None:
        """Let go of all tasks."""


def work(
    executor: Executor[Item, Result],
    items: Iterable[Item],
    *,
    attempts: int = 2,
    cancel: Callable[[], bool] | None = None,
) -> Generator[tuple[Item, Result | Lost] | None, None, None]:
    """Have items worked on, and yield each result as it comes, or None while nothing does.

    Items are taken one at a time, in order, when the executor has room. One that is lost is tried
    again before new ones are taken. Closing the generator closes the executor.

    Parameters
    ----------
    executor : Executor
        Does the work.
    items : iterable
        What it is given.
    attempts : int, default: 2
        How many times an item is tried.
    cancel : callable, optional
        Asked at every turn, about ten times a second; returns True to end the work.

    Yields
    ------
    tuple of item and result, or None
        `Lost` in place of the result if all attempts came to nothing.

    Raises
    ------
    InputError
        If the executor cannot work.
    """
    new: Iterator[Task[Item]] = (Task(item) for item in items)
    again: list[Task[Item]] = []
    exhausted = False
    try:
        while True:
            while executor.has_room and (again or not exhausted):
                task = again.pop(0) if again else next(new, None)
                if task is None:
                    exhausted = True
                else:
                    executor.start(task)
            if exhausted and not again and not executor.busy:
                return
            if cancel is not None and cancel():
                return
            come = False
            for task, outcome in executor.poll():
                if isinstance(outcome, Lost) and task.attempt < attempts:
                    again.append(Task(task.item, task.attempt + 1))
                else:
                    come = True
                    yield task.item, outcome
            if not come:
                yield None
    finally:
        executor.close()
