"""Work in processes of one's own, of which any may hang or die without harm to the others."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import time
import types
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Generic, TypeVar

from .._common.errors import InputError

_VARIABLES = {
    # Each process uses one core, so the libraries below must start no threads of their own.
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
    # Let the C library of Linux keep freed memory for the next image: the system takes longer
    # to hand out an image's pages than OpenCV to fill them.
    "MALLOC_MMAP_THRESHOLD_": str(2**25),
    "MALLOC_TRIM_THRESHOLD_": str(2**28),
}
_PAUSE = 0.1
_ATTEMPTS = 2
_STARTS = 3
_START = threading.Lock()

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Lost:
    """Work that a process did not finish, twice.

    Attributes
    ----------
    reason : str
        What became of the process.
    """

    reason: str


def work(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    workers: int,
    timeout: float,
    cancel: Callable[[], bool] | None = None,
) -> Iterator[tuple[Item, Result | Lost]]:
    """Call a function on items in processes, and yield each result as it comes.

    Items are taken one at a time, in order, when a process is free. A process that dies or takes
    longer than `timeout` is replaced and its item tried once more. Closing the generator ends the
    processes at once.

    Parameters
    ----------
    function : callable
        Of a module other than ``__main__``, so that another process can import it.
    items : iterable
        Its arguments, one each.
    workers : int
        How many processes.
    timeout : float
        Seconds that an item may take.
    cancel : callable, optional
        Asked ten times a second; the processes are ended when it returns True.

    Yields
    ------
    tuple of item and result
        `Lost` in place of the result if both attempts came to nothing.

    Raises
    ------
    InputError
        If processes do not start.
    """
    source = iter(items)
    again: list[tuple[Item, int]] = []
    crew: list[_Worker[Item, Result]] = []
    failed_starts = 0
    exhausted = False
    try:
        while True:
            for worker in crew:
                if worker.ready and worker.idle:
                    task = again.pop(0) if again else _next(source)
                    if task is None:
                        exhausted = True
                        break
                    worker.give(*task)
            busy = any(not worker.idle for worker in crew)
            if exhausted and not again and not busy:
                return
            missing = 0 if exhausted and not again else workers - len(crew)
            crew += [_Worker(function, timeout) for _ in range(missing)]
            if cancel is not None and cancel():
                return
            _await(crew)
            for worker in list(crew):
                outcome = worker.poll()
                if outcome is None:
                    continue
                if not isinstance(outcome, Lost):
                    yield worker.taken(), outcome.value
                    continue
                crew.remove(worker)
                worker.end()
                if worker.idle:
                    failed_starts += not worker.ready
                    if failed_starts >= _STARTS:
                        raise InputError(f"processes do not start here: {outcome.reason}")
                elif worker.attempt < _ATTEMPTS:
                    again.append((worker.taken(), worker.attempt + 1))
                else:
                    yield worker.taken(), outcome
    finally:
        for worker in crew:
            worker.end()


@dataclass(frozen=True)
class _Value(Generic[Result]):
    value: Result


class _Worker(Generic[Item, Result]):
    """One process and what it is doing."""

    def __init__(self, function: Callable[[Item], Result], timeout: float) -> None:
        context = multiprocessing.get_context("spawn")
        self._timeout = timeout
        self.connection, theirs = context.Pipe()
        self.process: BaseProcess = context.Process(
            target=_serve, args=(theirs, function), daemon=True
        )
        with _environment(), bare_main():
            self.process.start()
        theirs.close()
        self.ready = False
        self.idle = True
        self.attempt = 0
        self._item: list[Item] = []
        self._deadline = float("inf")

    def give(self, item: Item, attempt: int) -> None:
        """Send an item; that the process has gone is noticed later."""
        self._item, self.attempt, self.idle = [item], attempt, False
        self._deadline = time.monotonic() + self._timeout
        with contextlib.suppress(OSError):
            self.connection.send(item)

    def taken(self) -> Item:
        """Return the item that it was given last; it then is free."""
        self.idle = True
        self._deadline = float("inf")
        return self._item.pop()

    def poll(self) -> _Value[Result] | Lost | None:
        """Return a result that has come, how the process was lost, or None."""
        try:
            while self.connection.poll():
                message = self.connection.recv()
                if self.ready:
                    return _Value(message)
                self.ready = True
        except (EOFError, OSError):
            self.process.join(1)
            return Lost(f"its process {ending(self.process.exitcode)}")
        if time.monotonic() > self._deadline:
            return Lost(f"it took longer than {self._timeout:g} s")
        return None

    def end(self) -> None:
        """End the process, whatever it is doing."""
        with contextlib.suppress(OSError):
            self.process.kill()
        self.process.join(5)
        self.connection.close()


def _next(source: Iterator[Item]) -> tuple[Item, int] | None:
    for item in source:
        return item, 1
    return None


def _await(crew: list[_Worker[Item, Result]]) -> None:
    wait([worker.connection for worker in crew], _PAUSE)


def ending(code: int | None) -> str:
    """Return how a process ended, in words that follow its name."""
    if code is None:
        return "does not answer"
    if code < 0:
        name = signal.Signals(-code).name if -code in signal.valid_signals() else str(-code)
        hint = ", perhaps for lack of memory" if name == "SIGKILL" else ""
        return f"was ended by {name}{hint}"
    return f"ended with exit code {code}"


@contextlib.contextmanager
def _environment() -> Iterator[None]:
    """Let processes that are started meanwhile use one thread each, and keep their memory."""
    before = {name: os.environ.get(name) for name in _VARIABLES}
    os.environ.update(_VARIABLES)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextlib.contextmanager
def bare_main() -> Iterator[None]:
    """Let processes that are started meanwhile not import what this one was started with.

    "spawn" would have each of them run the script, or import all of napari: a script that opens a
    viewer without asking for its name would open one in each.
    """
    with _START:
        before = sys.modules["__main__"]
        sys.modules["__main__"] = types.ModuleType("__main__")
        try:
            yield
        finally:
            sys.modules["__main__"] = before


def _serve(connection: Connection, function: Callable[[Item], Result]) -> None:
    """Answer each item with a result until there are no more: what a process does."""
    # Ctrl-C reaches every process of a terminal; the first one decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=end_with_parent, daemon=True).start()
    use_one_thread()
    connection.send(None)
    while True:
        try:
            item = connection.recv()
        except EOFError:
            return
        connection.send(function(item))


def use_one_thread() -> None:
    """Let OpenCV use one thread in this process."""
    from .._common.opencv import cv2

    cv2.setNumThreads(1)


def end_with_parent() -> None:
    """End this process when its parent has: it must not go on writing."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
