"""Work on the machines of an existing dask.distributed cluster (the extra ``cluster``)."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from .._common.errors import InputError
from .pool import Item, Lost, Result, use_one_thread

if TYPE_CHECKING:
    from distributed import Client, Future

_PAUSE = 0.02
_REFRESH = 1.0
_ATTEMPTS = 2
_CONNECT_SECONDS = 20


def work_on_cluster(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    address: str,
    timeout: float,
    cancel: Callable[[], bool] | None = None,
    check: Callable[[], bool] | None = None,
) -> Iterator[tuple[Item, Result | Lost]]:
    """Call a function on items on a cluster, and yield each result as it comes.

    As `pool.work`; a worker that dies is noticed by the scheduler, and its item goes to another.

    Parameters
    ----------
    function, items, timeout, cancel
        As for `pool.work`.
    address : str
        Of the scheduler, such as ``tcp://host:8786``.
    check : callable, optional
        Called on every worker first; where it returns False, the worker does not see our files.

    Raises
    ------
    InputError
        If distributed is not installed, nobody answers, or the workers cannot do the work.
    """
    client = _connect(address)
    running: dict[Future, tuple[Item, int, float]] = {}
    source = iter(items)
    again: list[tuple[Item, int]] = []
    try:
        if check is not None:
            _check_workers(client, check)
        places, asked = 0, 0.0
        while True:
            if time.monotonic() - asked > _REFRESH:
                places, asked = _places(client), time.monotonic()
            while len(running) < places:
                task = again.pop(0) if again else next(((item, 1) for item in source), None)
                if task is None:
                    break
                future = client.submit(_called, function, task[0], pure=False)
                running[future] = (*task, time.monotonic() + timeout)
            if not running and places:
                return
            if cancel is not None and cancel():
                return
            time.sleep(_PAUSE)
            for future in list(running):
                item, attempt, deadline = running[future]
                outcome = _outcome(client, future, late=time.monotonic() > deadline)
                if outcome is None:
                    continue
                del running[future]
                if isinstance(outcome, Lost) and attempt < _ATTEMPTS:
                    again.append((item, attempt + 1))
                else:
                    yield item, outcome[0] if isinstance(outcome, tuple) else outcome
    finally:
        with contextlib.suppress(Exception):
            client.cancel(list(running))
        client.close()


def _connect(address: str) -> Client:
    try:
        from distributed import Client
    except ImportError as error:
        raise InputError(
            "a cluster needs dask.distributed: pip install 'napari-ecc-align[cluster]'"
        ) from error
    try:
        return Client(address, timeout=_CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        raise InputError(f"no scheduler answers at {address}: {error}") from error


def _check_workers(client: Client, check: Callable[[], bool]) -> None:
    try:
        client.wait_for_workers(1, timeout=_CONNECT_SECONDS)
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


def _places(client: Client) -> int:
    """Return how many items the cluster can do at once."""
    workers = client.scheduler_info(n_workers=-1)["workers"].values()
    return sum(int(worker["nthreads"]) for worker in workers)


def _called(function: Callable[[Item], Result], item: Item) -> Result:
    use_one_thread()
    return function(item)


def _outcome(client: Client, future: Future, *, late: bool) -> tuple[Any] | Lost | None:
    if future.status == "finished":
        return (future.result(),)
    if future.status in ("error", "cancelled", "lost"):
        problem = future.exception() if future.status == "error" else None
        what = f"{type(problem).__name__}: {problem}" if problem else future.status
        return Lost(f"its worker was lost ({what})")
    if not late:
        return None
    # A task cannot be stopped, only the process that it runs in.
    with contextlib.suppress(Exception):
        hung = [a for a, keys in client.processing().items() if future.key in keys]
        client.cancel([future], force=True)
        client.restart_workers(hung, timeout=_CONNECT_SECONDS, raise_for_error=False)
    return Lost("it took too long")
