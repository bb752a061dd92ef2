"""Steps in a process of their own, for a program that must never pause, such as a viewer.

What many small objects cost, above all the collection of garbage among all that a viewer holds,
is paid there.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Generator, Iterator
from multiprocessing.connection import Connection
from typing import Any, TypeVar

from ..._common.errors import InputError
from ..._common.workers.process import Child, Message

Step = TypeVar("Step")
Stopping = Callable[[], bool]

_PAUSE = 0.03
_NICENESS = 10


class BackgroundProcess:
    """Does pieces of work one after the other, each in a process of its own."""

    def __init__(self) -> None:
        self._child: Child | None = None

    @property
    def busy(self) -> bool:
        """Whether a process is there, perhaps one that brings to its end what was left."""
        return self._child is not None and self._child.alive

    def steps(
        self, function: Callable[..., Iterator[Step]], *arguments: Any
    ) -> Generator[Step | None, None, None]:
        """Call a generator function in a process, and yield what it yields, or None meanwhile.

        Closing the generator returns at once: the function is told to stop, and left to end its
        work by itself. The next piece of work waits for that.

        Parameters
        ----------
        function : callable
            Of a module other than ``__main__``. Its first argument tells whether to stop.
        *arguments
            The others.

        Raises
        ------
        InputError
            If the function does, or its process dies.
        RuntimeError
            If it fails otherwise.
        """
        yield from self._until_ended()
        child = self._child = Child(_call, function, arguments, daemon=False)
        with contextlib.closing(child.connection):
            while (message := child.heard(_PAUSE)) is None or message.kind == "step":
                yield None if message is None else message.value
        if message.kind == "broken":
            raise RuntimeError(message.value)
        if message.kind == "refused":
            raise InputError(message.value)
        if message.kind == "lost":
            raise InputError(f"The process that did the work {message.value}.")
        yield from self._until_ended()

    def _until_ended(self) -> Iterator[None]:
        """Yield None for as long as a process is there."""
        while self._child is not None and self._child.alive:
            self._child.join(_PAUSE)
            yield None


def _call(
    connection: Connection, function: Callable[..., Iterator[Any]], arguments: tuple[Any, ...]
) -> None:
    """Say what the function yields, until the other end is closed: what the process does."""
    # The viewer comes first, also where the processes that this one starts use every core.
    if hasattr(os, "nice"):
        os.nice(_NICENESS)
    stop = threading.Event()
    threading.Thread(target=_listen, args=(connection, stop), daemon=True).start()
    try:
        for step in function(stop.is_set, *arguments):
            _say(connection, Message("step", step))
        outcome = Message("done")
    except InputError as error:
        outcome = Message("refused", str(error))
    except Exception as error:
        outcome = Message("broken", repr(error))
    _say(connection, outcome)


def _listen(connection: Connection, stop: threading.Event) -> None:
    """Wait for the other end to be closed; nothing ever comes."""
    with contextlib.suppress(EOFError, OSError):
        connection.recv()
    stop.set()


def _say(connection: Connection, message: Message) -> None:
    # Nobody listens any more after a cancellation.
    with contextlib.suppress(OSError):
        connection.send(message)
