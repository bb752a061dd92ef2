"""Work on the machines of an existing dask.distributed cluster (the extra ``cluster``)."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Generic

from ..._common.errors import InputError
from ..._common.workers.loop import Item, Lost, Result, Task
from ..._common.workers.process import use_one_thread

if TYPE_CHECKING:
    from distributed import Client, Future

_PAUSE = 0.02
_REFRESH = 1.0
# A call to the cluster that takes longer is made again, so that a run can be cancelled meanwhile.
_CALL = 2.0
CONNECT_SECONDS = 20.0


class Cluster(Generic[Item, Result]):
    """Workers of a cluster that call a function.

    A worker that dies is noticed by the scheduler, and its item goes to another.

    Parameters
    ----------
    function : callable
        Of a module other than ``__main__``.
    address : str
        Of the scheduler, such as ``tcp://host:8786``.
    timeout : float
        Seconds that an item may take.
    check : callable, optional
        Called on every worker first; where it returns False, the worker does not see our files.
    patience : float, default: 20
        Seconds that scheduler and workers may take to answer, at the start and at any time. For
        three times as long there may be no worker.

    Raises
    ------
    InputError
        If distributed is not installed, nobody answers, or the workers cannot do the work.
    """

    def __init__(
        self,
        function: Callable[[Item], Result],
        *,
        address: str,
        timeout: float,
        check: Callable[[], bool] | None = None,
        patience: float = CONNECT_SECONDS,
    ) -> None:
        self._function = function
        self._timeout = timeout
        self._patience = patience
        self._running: dict[Future, tuple[Task[Item], float]] = {}
        self._places, self._asked = 0, float("-inf")
        self._client = _connect(address, patience)
        self._answered = self._manned = time.monotonic()
        if check is not None:
            try:
                _check_workers(self._client, check, patience)
            except BaseException:
                self.close()
                raise

    @property
    def has_room(self) -> bool:
        """Whether a worker's thread is free.

        Raises
        ------
        InputError
            If the scheduler does not answer any more, or all workers have gone.
        """
        if time.monotonic() - self._asked > _REFRESH:
            self._count_places()
            self._asked = time.monotonic()
        return len(self._running) < self._places

    @property
    def busy(self) -> bool:
        """Whether items are being worked on."""
        return bool(self._running)

    def start(self, task: Task[Item]) -> None:
        """Hand an item to the scheduler."""
        future = self._client.submit(_called, self._function, task.item, pure=False)
        self._running[future] = task, time.monotonic() + self._timeout

    def poll(self) -> Iterator[tuple[Task[Item], Result | Lost]]:
        """Yield the results that have come, and `Lost` for items whose workers have gone."""
        time.sleep(_PAUSE)
        for future, (task, deadline) in list(self._running.items()):
            if future.status == "finished" and (result := self._fetched(future)) is not None:
                (outcome,) = result
            elif future.status in ("error", "cancelled", "lost"):
                outcome = Lost(f"its worker was lost ({_problem(future)})")
            elif time.monotonic() > deadline:
                self._give_up(future)
                outcome = Lost("it took too long")
            else:
                continue
            del self._running[future]
            yield task, outcome

    def close(self) -> None:
        """Let go of the cluster, and of what it is doing for us."""
        with contextlib.suppress(Exception):
            _within(self._client, _CALL, self._client.cancel, list(self._running))
        with contextlib.suppress(Exception):
            self._client.close(timeout=self._patience)

    def _count_places(self) -> None:
        """Ask the scheduler for its workers' threads, and see that there are some."""
        try:
            threads = _within(self._client, _CALL, self._client.nthreads)
            self._answered = time.monotonic()
        except Exception as error:  # whatever a broken connection raises
            self._places = 0
            if time.monotonic() - self._answered > self._patience:
                raise InputError(
                    f"the cluster's scheduler has not answered for {self._patience:g} s; see that "
                    "it runs, and run this again to go on"
                ) from error
            return
        self._places = sum(threads.values())
        if self._places:
            self._manned = self._answered
        elif self._answered - self._manned > 3 * self._patience:
            raise InputError(
                f"the cluster has had no workers for {3 * self._patience:g} s; start some, and "
                "run this again to go on"
            )

    def _fetched(self, future: Future) -> tuple[Result | Lost] | None:
        """Return what came of an item, or None if the worker that has it does not send it yet."""
        try:
            return (future.result(timeout=_CALL),)
        except TimeoutError:
            return None
        except Exception as error:  # of the connection: the item itself is done
            return (Lost(f"its worker was lost ({type(error).__name__}: {error})"),)

    def _give_up(self, future: Future) -> None:
        """Restart the worker of a task: only the process that it runs in can be stopped."""
        with contextlib.suppress(Exception):
            processing = _within(self._client, _CALL, self._client.processing)
            hung = [address for address, keys in processing.items() if future.key in keys]
            _within(self._client, _CALL, self._client.cancel, [future], force=True)
            how = {"timeout": self._patience, "raise_for_error": False}
            _within(self._client, self._patience, self._client.restart_workers, hung, **how)


def _connect(address: str, patience: float) -> Client:
    try:
        from distributed import Client
    except ImportError as error:
        raise InputError(
            "a cluster needs dask.distributed: pip install 'napari-ecc-align[cluster]'"
        ) from error
    try:
        return Client(address, timeout=patience, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        raise InputError(f"no scheduler answers at {address}: {error}") from error


def _within(
    client: Client, seconds: float, method: Callable[..., Any], *given: Any, **how: Any
) -> Any:
    """Call a method of a client; raise `TimeoutError` if no answer comes in time."""

    async def answer() -> Any:
        # In the client's own loop its methods return what has to be awaited.
        return await method(*given, **how)

    return client.sync(answer, callback_timeout=seconds)


def _problem(future: Future) -> str:
    if future.status != "error":
        return str(future.status)
    try:
        problem = future.exception(timeout=_CALL)
    except Exception as error:
        problem = error
    return f"{type(problem).__name__}: {problem}"


def _check_workers(client: Client, check: Callable[[], bool], patience: float) -> None:
    try:
        client.wait_for_workers(1, timeout=patience)
    except TimeoutError as error:
        raise InputError("the cluster has no workers") from error
    try:
        seen: dict[str, Any] = _within(client, patience, client.run, check)
    except TimeoutError as error:
        raise InputError(
            f"a worker of the cluster has not answered for {patience:g} s; end it, and run this "
            "again"
        ) from error
    except Exception as error:
        raise InputError(
            "the cluster's workers cannot do this work; is napari-ecc-align of this version "
            f"installed there? ({type(error).__name__}: {error})"
        ) from error
    blind = [address for address, sees in seen.items() if not sees]
    if blind:
        raise InputError(
            f"{', '.join(blind)} cannot see the output folder; "
            "inputs and outputs must be on a file system that all machines share"
        )


def _called(function: Callable[[Item], Result], item: Item) -> Result:
    use_one_thread()
    return function(item)
