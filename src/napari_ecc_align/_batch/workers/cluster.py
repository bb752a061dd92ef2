"""Work on the machines of an existing dask.distributed cluster (the extra ``cluster``)."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Generic

from ..._common.errors import InputError
from .loop import Item, Lost, Result, Task
from .process import use_one_thread

if TYPE_CHECKING:
    from distributed import Client, Future

_PAUSE = 0.02
_REFRESH = 1.0
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
        Seconds that scheduler and workers may take to answer.

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
        if check is not None:
            try:
                _check_workers(self._client, check, patience)
            except BaseException:
                self.close()
                raise

    @property
    def has_room(self) -> bool:
        """Whether a worker's thread is free."""
        if time.monotonic() - self._asked > _REFRESH:
            workers = self._client.scheduler_info(n_workers=-1)["workers"].values()
            self._places = sum(int(worker["nthreads"]) for worker in workers)
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
            if future.status == "finished":
                outcome = future.result()
            elif future.status in ("error", "cancelled", "lost"):
                problem = future.exception() if future.status == "error" else None
                what = f"{type(problem).__name__}: {problem}" if problem else future.status
                outcome = Lost(f"its worker was lost ({what})")
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
            self._client.cancel(list(self._running))
        self._client.close()

    def _give_up(self, future: Future) -> None:
        """Restart the worker of a task: only the process that it runs in can be stopped."""
        with contextlib.suppress(Exception):
            processing = self._client.processing().items()
            hung = [address for address, keys in processing if future.key in keys]
            self._client.cancel([future], force=True)
            self._client.restart_workers(hung, timeout=self._patience, raise_for_error=False)


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


def _check_workers(client: Client, check: Callable[[], bool], patience: float) -> None:
    try:
        client.wait_for_workers(1, timeout=patience)
        seen: dict[str, Any] = client.run(check)
    except TimeoutError as error:
        raise InputError("the cluster has no workers") from error
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
