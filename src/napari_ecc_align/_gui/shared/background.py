"""Work in a thread whose outcome comes back to the GUI thread, if the widget is still there."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

from napari.qt.threading import create_worker
from qtpy.QtCore import Qt
from superqt.utils import GeneratorWorker

from .refusal import Refusal, refusing

Steps = Callable[..., Generator[Any, None, Any]]


class Background:
    """At most one piece of work at a time, in a worker thread of napari's.

    The callbacks run in the GUI thread, and not at all after `leave`.

    Parameters
    ----------
    on_change : callable
        Called with True when work has begun and with False when it has ended.
    on_refusal : callable, optional
        Called with why work has come to nothing; left out, `on_end` gets the `Refusal`.
    what : str, default: "alignment"
        What to call the work in words.
    """

    def __init__(
        self,
        on_change: Callable[[bool], object] = lambda running: None,
        on_refusal: Callable[[str], object] | None = None,
        what: str = "alignment",
    ) -> None:
        self._on_refusal = on_refusal
        self._what = what
        self._worker: GeneratorWorker[Any, None, Any] | None = None
        self._on_change = on_change
        self._gone = False

    @property
    def running(self) -> bool:
        """Whether work is under way."""
        return self._worker is not None

    @property
    def worker(self) -> GeneratorWorker[Any, None, Any] | None:
        """The worker, while it runs."""
        return self._worker

    def start(
        self,
        steps: Steps,
        *arguments: Any,
        on_step: Callable[[Any], object] = lambda step: None,
        on_end: Callable[[Any], object],
        on_refusal: Callable[[str], object] | None = None,
        on_cancel: Callable[[], object] = lambda: None,
    ) -> None:
        """Run a generator function in a thread.

        Parameters
        ----------
        steps : callable
            Returns a generator, which must yield often to be cancellable.
        *arguments
            Its arguments.
        on_step, on_end : callable
            Called with what it yields and with what it returns.
        on_refusal : callable, optional
            Called instead of the one that was given for all work.
        on_cancel : callable
            Called after a cancellation.
        """
        refuse = on_refusal or self._on_refusal
        work = refusing(lambda: steps(*arguments), self._what)
        ended = False

        def kept() -> Generator[Any, None, Any]:
            return (yield from work)

        def end(outcome: object) -> None:
            nonlocal ended
            ended = True
            if isinstance(outcome, Refusal) and refuse is not None:
                refuse(outcome.message)
            else:
                on_end(outcome)

        def finish() -> None:
            _disconnect(connected)
            if self._gone:
                return
            self._worker = None
            # Steps that know of the wish may have ended by themselves.
            if worker.abort_requested and not ended:
                on_cancel()
            self._on_change(False)

        worker = create_worker(kept)
        connected = [
            (worker.yielded, self._unless_gone(on_step)),
            (worker.returned, self._unless_gone(end)),
        ]
        for signal, slot in connected:
            signal.connect(slot)
        # In its own thread and at once, so that what the steps hold is let go.
        worker.aborted.connect(lambda: work.close(), type=Qt.ConnectionType.DirectConnection)
        worker.finished.connect(finish)
        self._worker = worker
        self._on_change(True)
        worker.start()

    def cancel(self) -> bool:
        """Stop at the next step; return whether work is under way."""
        if self._worker is not None:
            self._worker.quit()
        return self.running

    def leave(self) -> None:
        """Stop, and let nothing come back: Qt is about to delete the widget."""
        self._gone = True
        self.cancel()

    def _unless_gone(self, action: Callable[..., object]) -> Callable[..., None]:
        def slot(*arguments: object) -> None:
            if not self._gone:
                action(*arguments)

        return slot


def _disconnect(connected: list[tuple[Any, Callable[..., None]]]) -> None:
    """Disconnect signals from slots, and forget both.

    napari keeps its workers as long as its window, and they keep what they are connected to.
    """
    while connected:
        signal, slot = connected.pop()
        signal.disconnect(slot)
