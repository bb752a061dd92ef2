"""Work in a thread whose outcome comes back to the GUI thread, if the widget is still there."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from superqt.utils import GeneratorWorker

Steps = Callable[..., Generator[Any, None, Any]]


class Background:
    """At most one piece of work at a time, in a worker thread of napari's.

    The callbacks run in the GUI thread, and not at all after `leave`.

    Parameters
    ----------
    on_change : callable
        Called with True when work has begun and with False when it has ended.
    """

    def __init__(self, on_change: Callable[[bool], object] = lambda running: None) -> None:
        self._worker: GeneratorWorker[Any, None, Any] | None = None
        self._on_change = on_change
        self._gone = False

    @property
    def running(self) -> bool:
        """Whether work is under way."""
        return self._worker is not None

    @property
    def stopping(self) -> bool:
        """Whether the work under way should end; its thread may ask."""
        worker = self._worker
        return self._gone or (worker is not None and worker.abort_requested)

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
        on_cancel: Callable[[], object] = lambda: None,
    ) -> None:
        """Run a generator function in a thread.

        Parameters
        ----------
        steps : callable
            Returns a generator; must not raise, and must yield often to be cancellable.
        *arguments
            Its arguments.
        on_step, on_end, on_cancel : callable
            Called with what it yields, with what it returns, and after a cancellation.
        """
        from napari.qt.threading import create_worker
        from qtpy.QtCore import Qt

        made: list[Generator[Any, None, Any]] = []
        ended = False

        def kept() -> Generator[Any, None, Any]:
            made.append(steps(*arguments))
            return (yield from made[0])

        def end(outcome: object) -> None:
            nonlocal ended
            ended = True
            on_end(outcome)

        def let_go() -> None:
            for each in made:
                each.close()

        def finish() -> None:
            self._worker = None
            # Steps that know of the wish may have ended by themselves.
            if worker.abort_requested and not ended:
                on_cancel()
            self._on_change(False)

        worker = create_worker(kept)
        worker.yielded.connect(self._unless_gone(on_step))
        worker.returned.connect(self._unless_gone(end))
        # In its own thread and at once, so that what the steps hold is let go. A worker that is
        # stopped before it has begun has made none.
        worker.aborted.connect(let_go, type=Qt.ConnectionType.DirectConnection)
        worker.finished.connect(self._unless_gone(finish))
        self._worker = worker
        self._on_change(True)
        worker.start()

    def cancel(self) -> None:
        """Stop at the next step."""
        if self._worker is not None:
            self._worker.quit()

    def leave(self) -> None:
        """Stop, and let nothing come back: Qt is about to delete the widget."""
        self._gone = True
        self.cancel()

    def _unless_gone(self, action: Callable[..., object]) -> Callable[..., None]:
        def slot(*arguments: object) -> None:
            if not self._gone:
                action(*arguments)

        return slot
