"""Work in processes of one's own, of which any may hang or die without harm to the others."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection, wait
from typing import Generic

from ..errors import InputError
from .loop import Item, Lost, Result, Task
from .process import Child, Message, received, use_one_thread

_PAUSE = 0.1
_STARTS = 3
START_SECONDS = 120.0


class Pool(Generic[Item, Result]):
    """Processes that call a function; one that dies or takes too long is replaced.

    Parameters
    ----------
    function : callable
        Of a module other than ``__main__``, so that another process can import it.
    workers : int
        How many processes at most; each is started when there is work for it.
    timeout : float
        Seconds that an item may take.
    start : float, default: 120
        Seconds that a process may take until it is ready for items.
    """

    def __init__(
        self,
        function: Callable[[Item], Result],
        *,
        workers: int,
        timeout: float,
        start: float = START_SECONDS,
    ) -> None:
        self._function = function
        self._most = workers
        self._timeout = timeout
        self._start = start
        self._workers: list[_Worker[Item]] = []
        self._failed_starts = 0
        self._beginning: threading.Thread | None = None

    @property
    def has_room(self) -> bool:
        """Whether a process is free, or may be started."""
        return len(self._workers) < self._most or any(w.task is None for w in self._workers)

    @property
    def busy(self) -> bool:
        """Whether a process has an item."""
        return any(worker.task is not None for worker in self._workers)

    def begin(self) -> None:
        """Start all processes, before there is work for them, while the caller goes on.

        Each reads what it is to do, and imports what that takes, before it counts as started.
        """
        self._beginning = threading.Thread(target=self._added_all, daemon=True)
        self._beginning.start()

    def _added_all(self) -> None:
        # What prevents it prevents it again where there is work, and is told there.
        with contextlib.suppress(Exception):
            while len(self._workers) < self._most:
                self._added()

    @property
    def is_waiting(self) -> bool:
        """Whether a process that has started waits for an item."""
        return any(worker.ready and worker.task is None for worker in [*self._workers])

    def _await_beginning(self) -> None:
        if self._beginning is not None:
            self._beginning.join()

    def start(self, task: Task[Item]) -> None:
        """Give an item to a process."""
        if not self.is_waiting:
            self._await_beginning()
        # One that is ready before one that is not.
        free = [worker for worker in self._workers if worker.task is None]
        free.sort(key=lambda worker: not worker.ready)
        (free[0] if free else self._added()).give(task)

    def _added(self) -> _Worker[Item]:
        child = Child(_call, self._function, daemon=True)
        self._workers.append(_Worker(child, self._timeout, self._start))
        return self._workers[-1]

    def poll(self, pause: float = _PAUSE) -> Iterator[tuple[Task[Item], Result | Lost]]:
        """Yield the results that have come, and `Lost` for the items of processes that have gone.

        Parameters
        ----------
        pause : float, optional
            Seconds to wait for one.

        Raises
        ------
        InputError
            If processes do not start.
        """
        wait([worker.child.connection for worker in self._workers], pause)
        for worker in list(self._workers):
            message = worker.heard()
            if message is None:
                continue
            task = worker.task
            if message.kind == "result":
                assert task is not None
                self._failed_starts = 0
                worker.give(None)
                yield task, message.value
                continue
            self._workers.remove(worker)
            worker.child.kill()
            if task is not None and worker.ready:
                yield task, Lost(message.value)
            elif task is not None:
                self._failed_starts += 1
                if self._failed_starts == _STARTS:
                    raise InputError(f"processes do not start here: {message.value}")
                self.start(task)

    def close(self) -> None:
        """End the processes at once."""
        self._most = 0
        self._await_beginning()
        for worker in self._workers:
            worker.child.kill()


class _Worker(Generic[Item]):
    """One process and what it is doing."""

    def __init__(self, child: Child, timeout: float, start: float) -> None:
        self.child = child
        self.ready = False
        self.task: Task[Item] | None = None
        self._timeout = timeout
        self._allowed = start
        self._deadline = time.monotonic() + start

    def give(self, task: Task[Item] | None) -> None:
        """Hand a task over as soon as the process is ready, or none."""
        self.task = task
        if self.ready:
            self._deadline = float("inf")
            self._begin()

    def heard(self) -> Message | None:
        """Return the "result" that has come, how the process was "lost", or None."""
        message = self.child.heard()
        if message is not None and message.kind == "ready":
            self.ready = True
            self._deadline = float("inf")
            self._begin()
            message = self.child.heard()
        if message is not None and message.kind == "lost":
            return Message("lost", f"its process {message.value}")
        if message is None and time.monotonic() > self._deadline:
            return Message("lost", f"it took longer than {self._allowed:g} s")
        return message

    def _begin(self) -> None:
        if self.task is not None:
            self._allowed = self._timeout
            self._deadline = time.monotonic() + self._timeout
            self.child.send(self.task.item)


def _call(connection: Connection, function: Callable[[Item], Result]) -> None:
    """Answer each item with a result until there are no more: what a process does."""
    use_one_thread()
    connection.send(Message("ready"))
    while True:
        try:
            item = received(connection)
        except EOFError:
            return
        connection.send(Message("result", function(item)))
