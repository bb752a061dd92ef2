"""Linear algebra on one thread, where there is much of it and each piece is small."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar

Step = TypeVar("Step")
Outcome = TypeVar("Outcome")


def in_one_thread(
    steps: Generator[Step, None, Outcome],
) -> Generator[Step, None, Outcome]:
    """Run a generator within another one, each of its steps with BLAS on one thread.

    The threads of BLAS wait for each other by spinning: where other work keeps the cores busy,
    a band matrix is factored in up to fifty times the time that one thread takes.
    """
    libraries = _libraries()
    try:
        while True:
            with _limited(libraries):
                try:
                    step = next(steps)
                except StopIteration as stop:
                    outcome: Outcome = stop.value
                    return outcome
            yield step
    finally:
        steps.close()


@contextmanager
def _limited(libraries: list[Any]) -> Iterator[None]:
    """Keep libraries to one thread; of those that are, nothing is asked."""
    before = [(library, count) for library in libraries if (count := library.num_threads) != 1]
    for library, _ in before:
        library.set_num_threads(1)
    try:
        yield
    finally:
        for library, count in before:
            library.set_num_threads(count)


@cache
def _libraries() -> list[Any]:
    # Those alone are found that are loaded by now: NumPy's, and SciPy's own.
    import scipy.linalg  # noqa: F401
    from threadpoolctl import ThreadpoolController

    return list(ThreadpoolController().select(user_api="blas").lib_controllers)
