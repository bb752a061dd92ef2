"""A process of ours, and the line to it."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, Literal

from ..printing import libraries_silenced

_VARIABLES = {
    # Each process uses one core, so the libraries below must start no threads of their own.
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
    # Let the C library of Linux keep freed memory for the next image: the system takes longer
    # to hand out an image's pages than OpenCV to fill them.
    "MALLOC_MMAP_THRESHOLD_": str(2**25),
    "MALLOC_TRIM_THRESHOLD_": str(2**28),
}
_START = threading.Lock()


@dataclass(frozen=True)
class Message:
    """What a process says.

    Attributes
    ----------
    kind : str
        "ready" for work; a "step" or the "result" of it; it is "done", was "refused" for the
        reason in `value`, or is "broken"; or the process itself is "lost".
    value : object
        The rest of it.
    """

    kind: Literal["ready", "step", "result", "done", "refused", "broken", "lost"]
    value: Any = None


class Child:
    """A process that ends with this one, leaves Ctrl-C to it, and uses one thread.

    Parameters
    ----------
    serve : callable
        What the process does: called with its end of the line and `arguments`. Of a module other
        than ``__main__``, so that the process can import it.
    *arguments
        For `serve`.
    daemon : bool
        The process starts none of its own, and is ended when this one exits.
    """

    def __init__(self, serve: Callable[..., None], *arguments: Any, daemon: bool) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self._process: BaseProcess = context.Process(
            target=_serve, args=(serve, theirs, *arguments), daemon=daemon
        )
        with _as_children_start():
            self._process.start()
        theirs.close()

    @property
    def alive(self) -> bool:
        """Whether the process has not ended yet."""
        return self._process.is_alive()

    @property
    def says(self) -> bool:
        """Whether the process has said something that was not heard yet, or has gone."""
        try:
            return self.connection.poll()
        except OSError:
            return True

    def join(self, seconds: float) -> None:
        """Wait for the process to end, but no longer than `seconds`."""
        self._process.join(seconds)

    def send(self, item: object) -> None:
        """Send an object to what has it `received`; that the process has gone is noticed later."""
        # Arrays go as they are: copied into one message and out of it, a frame of 512 x 512 would
        # take a fifth of the time in which it is aligned.
        arrays: list[pickle.PickleBuffer] = []
        document = pickle.dumps(item, protocol=5, buffer_callback=arrays.append)
        with contextlib.suppress(OSError):
            self.connection.send((document, len(arrays)))
            for array in arrays:
                self.connection.send_bytes(array.raw())

    def heard(self, seconds: float = 0.0) -> Message | None:
        """Return the next message, or None if none comes within `seconds`."""
        try:
            if not self.connection.poll(seconds):
                return None
            message: Message = self.connection.recv()
            return message
        except (EOFError, OSError):
            self._process.join(1)
            return Message("lost", _ending(self._process.exitcode))

    def kill(self) -> None:
        """End the process at once, whatever it is doing."""
        with contextlib.suppress(OSError):
            self._process.kill()
        self._process.join(5)
        self.connection.close()


def received(connection: Connection) -> Any:
    """Return the next object that a `Child` was sent, whose arrays cannot be written to."""
    document, count = connection.recv()
    return pickle.loads(document, buffers=[connection.recv_bytes() for _ in range(count)])


def cores() -> int:
    """Return how many cores this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on Linux
        return os.cpu_count() or 1


def use_one_thread() -> None:
    """Let OpenCV use one thread in this process."""
    from ..opencv import cv2

    cv2.setNumThreads(1)


def _serve(serve: Callable[..., None], connection: Connection, *arguments: Any) -> None:
    # Ctrl-C reaches every process of a terminal; the first one decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with libraries_silenced():
        serve(connection, *arguments)


def _end_with_parent() -> None:
    """End this process when its parent has: it must not go on writing."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _ending(code: int | None) -> str:
    """Return how a process ended, in words that follow its name."""
    if code is None:
        return "does not answer"
    if code < 0:
        name = signal.Signals(-code).name if -code in signal.valid_signals() else str(-code)
        hint = ", perhaps for lack of memory" if name == "SIGKILL" else ""
        return f"was ended by {name}{hint}"
    return f"ended with exit code {code}"


@contextlib.contextmanager
def _as_children_start() -> Iterator[None]:
    """Let processes that are started meanwhile use one thread and import no more than they need.

    "spawn" would have each of them run the script, or import all of napari: a script that opens a
    viewer without asking for its name would open one in each.
    """
    with _START:
        main, before = sys.modules["__main__"], os.environ.copy()
        sys.modules["__main__"] = types.ModuleType("__main__")
        os.environ.update(_VARIABLES)
        try:
            yield
        finally:
            sys.modules["__main__"] = main
            for name in _VARIABLES:
                del os.environ[name]
                if name in before:
                    os.environ[name] = before[name]
