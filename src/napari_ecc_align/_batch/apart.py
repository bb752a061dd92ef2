"""Steps in a process of their own, for a program that must never pause, such as a viewer.

What many small objects cost, above all the collection of garbage among all that a viewer holds,
is paid there.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, TypeVar

from .._common.errors import InputError
from .pool import bare_main, end_with_parent, ending

Step = TypeVar("Step")
Stopping = Callable[[], bool]

_PAUSE = 0.03
_NICENESS = 10


@dataclass(frozen=True)
class _Said:
    """What the process says: "step", "done", "refused" or "broken", and the rest of it."""

    kind: str
    value: Any = None


class Apart:
    """Does pieces of work one after the other, each in a process of its own."""

    def __init__(self) -> None:
        self._process: BaseProcess | None = None

    @property
    def busy(self) -> bool:
        """Whether a process is there, perhaps one that brings to its end what was left."""
        return self._process is not None and self._process.is_alive()

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
        while self.busy:
            assert self._process is not None
            self._process.join(_PAUSE)
            yield None
        context = multiprocessing.get_context("spawn")
        connection, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, function, arguments))
        with bare_main():
            process.start()
        theirs.close()
        self._process = process
        with connection:
            while True:
                said = _heard(connection, process)
                if said is None or said.kind == "step":
                    yield None if said is None else said.value
                elif said.kind == "done":
                    break
                elif said.kind == "refused":
                    raise InputError(said.value)
                else:
                    raise RuntimeError(said.value)
        while process.is_alive():
            process.join(_PAUSE)
            yield None


def _heard(connection: Connection, process: BaseProcess) -> _Said | None:
    try:
        if not connection.poll(_PAUSE):
            return None
        said: _Said = connection.recv()
        return said
    except (EOFError, OSError):
        process.join(1)
        return _Said("refused", f"The process that did the work {ending(process.exitcode)}.")


def _serve(
    connection: Connection, function: Callable[..., Iterator[Any]], arguments: tuple[Any, ...]
) -> None:
    """Say what the function yields, until the other end is closed: what the process does."""
    # Ctrl-C reaches every process of a terminal; the first one decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # The viewer comes first, also where the processes that this one starts use every core.
    if hasattr(os, "nice"):
        os.nice(_NICENESS)
    threading.Thread(target=end_with_parent, daemon=True).start()
    stop = threading.Event()
    threading.Thread(target=_listen, args=(connection, stop), daemon=True).start()
    try:
        for step in function(stop.is_set, *arguments):
            _say(connection, _Said("step", step))
        outcome = _Said("done")
    except InputError as error:
        outcome = _Said("refused", str(error))
    except Exception as error:
        outcome = _Said("broken", repr(error))
    _say(connection, outcome)


def _listen(connection: Connection, stop: threading.Event) -> None:
    """Wait for the other end to be closed; nothing ever comes."""
    with contextlib.suppress(EOFError, OSError):
        connection.recv()
    stop.set()


def _say(connection: Connection, said: _Said) -> None:
    # Nobody listens any more after a cancellation.
    with contextlib.suppress(OSError):
        connection.send(said)
