"""Driving generators that yield what is going on and return what came of it."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TypeVar

Step = TypeVar("Step")
Told = TypeVar("Told")
Outcome = TypeVar("Outcome")


def outcome_of(
    steps: Generator[Step, None, Outcome], tell: Callable[[Step], object] | None = None
) -> Outcome:
    """Run a generator to its end and return what it returns; an error on the way closes it.

    Parameters
    ----------
    steps : generator
        Yields steps and returns an outcome.
    tell : callable, optional
        Called with every step.

    Returns
    -------
    object
        What the generator returns.

    Examples
    --------
    >>> def count():
    ...     yield 1
    ...     yield 2
    ...     return "done"
    >>> outcome_of(count(), print)
    1
    2
    'done'
    """
    told = steps if tell is None else retold(steps, tell)
    while True:
        try:
            next(told)
        except StopIteration as stop:
            outcome: Outcome = stop.value
            return outcome


def retold(
    steps: Generator[Step, None, Outcome], tell: Callable[[Step], Told]
) -> Generator[Told, None, Outcome]:
    """Run a generator within another one, whose steps are told otherwise.

    Parameters
    ----------
    steps : generator
        Yields steps and returns an outcome.
    tell : callable
        Makes of each step what is yielded instead of it.

    Returns
    -------
    generator
        Yields what `tell` makes of each step and returns what `steps` returns. Closing it closes
        `steps`.

    Examples
    --------
    >>> def count():
    ...     yield 1
    ...     yield 2
    ...     return "done"
    >>> outcome_of(retold(count(), lambda number: f"number {number}"), print)
    number 1
    number 2
    'done'
    """
    try:
        while True:
            try:
                step = next(steps)
            except StopIteration as stop:
                outcome: Outcome = stop.value
                return outcome
            yield tell(step)
    finally:
        steps.close()


def awaited(action: Callable[[], Outcome], pause: float = 0.02) -> Generator[None, None, Outcome]:
    """Do what cannot be interrupted in a thread of its own, yielding while it works.

    Parameters
    ----------
    action : callable
        What is done; best one that lets other threads run.
    pause : float, default: 0.02
        Seconds of waiting between two steps.

    Returns
    -------
    generator
        Yields nothing in particular and returns, or raises, what the action does. If it is
        closed, the action comes to its end by itself, and what it returns is dropped.

    Examples
    --------
    >>> outcome_of(awaited(lambda: 6 * 7))
    42
    """
    from concurrent.futures import ThreadPoolExecutor, wait

    threads = ThreadPoolExecutor(1)
    future = threads.submit(action)
    threads.shutdown(wait=False)
    while not wait([future], pause).done:
        yield
    return future.result()
