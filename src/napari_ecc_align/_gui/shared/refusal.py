"""Work that ends in words rather than in an exception.

An exception in a worker thread can take the whole process with it, so none leaves here.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from ..._common.errors import InputError

Step = TypeVar("Step")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Refusal:
    """Why a run could not be made, for the person who asked for it."""

    message: str


@contextmanager
def refusals_to(say: Callable[[str], object]) -> Iterator[None]:
    """Hand the words of an `InputError` to a function rather than raise it."""
    try:
        yield
    except InputError as error:
        say(str(error))


def refusing(
    steps: Callable[[], Generator[Step, None, Result]], what: str = "alignment"
) -> Generator[Step, None, Result | Refusal]:
    """Run steps of which no exception leaves.

    Parameters
    ----------
    steps : callable
        Returns a generator.
    what : str, default: "alignment"
        What to call it in words.

    Returns
    -------
    generator
        Yields what the steps yield and returns what they return, or a `Refusal`.
    """
    try:
        return (yield from steps())
    except InputError as error:
        return Refusal(str(error))
    except MemoryError:
        return Refusal("There is not enough memory for images of this size.")
    except Exception as error:
        return Refusal(f"The {what} stopped with an unexpected error: {error!r}")
