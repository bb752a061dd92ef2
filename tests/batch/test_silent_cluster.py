"""Clusters whose scheduler or workers fall silent: a sentence, within a bounded time."""

from __future__ import annotations

import asyncio

import pytest
from jobs import square

from napari_ecc_align import InputError
from napari_ecc_align._batch.workers import cluster
from napari_ecc_align._batch.workers.cluster import Cluster
from napari_ecc_align._common.workers.loop import Lost, work


class Silence:
    """What is never answered."""

    def __await__(self):
        return asyncio.sleep(600).__await__()


class FakeFuture:
    """An item in the hands of a worker."""

    key = "item"

    def __init__(self, status, result=None):
        self.status = status
        self._result = result

    def result(self, timeout):
        if self._result is None:
            raise TimeoutError
        return self._result


class FakeClient:
    """Answers as it is told to; None is silence."""

    def __init__(self, *, workers=1, seen=True, future=None):
        self.workers, self.seen, self.future = workers, seen, future
        self.given = 0

    def sync(self, function, *, callback_timeout):
        return asyncio.run(asyncio.wait_for(function(), callback_timeout))

    def wait_for_workers(self, number, timeout):
        pass

    async def run(self, check):
        return {"tcp://w": self.seen} if self.seen is not None else await Silence()

    async def nthreads(self):
        if self.workers is None:
            await Silence()
        return {f"tcp://{number}": 1 for number in range(self.workers)}

    def submit(self, called, function, item, *, pure):
        self.given += 1
        return self.future(item)

    async def processing(self):
        await Silence()

    async def cancel(self, futures, force=False):
        await Silence()

    def close(self, timeout):
        raise OSError("it has gone")


@pytest.fixture
def connected(monkeypatch):
    """Let clusters have a client that is given, and little patience."""
    monkeypatch.setattr(cluster, "_CALL", 0.02)
    monkeypatch.setattr(cluster, "_REFRESH", 0.0)

    def connect(client, timeout=600.0, **more):
        monkeypatch.setattr(cluster, "_connect", lambda address, patience: client)
        return Cluster(square, address="tcp://x", timeout=timeout, patience=0.1, **more)

    return connect


def test_a_worker_that_does_not_answer_at_the_start_is_an_input_error(connected):
    with pytest.raises(InputError, match="a worker of the cluster has not answered"):
        connected(FakeClient(seen=None), check=lambda: True)


@pytest.mark.parametrize(
    ("workers", "complaint"),
    [(None, "scheduler has not answered for 0.1 s"), (0, "no workers for 0.3")],
)
def test_who_falls_silent_for_good_ends_the_run_with_a_sentence(connected, workers, complaint):
    client = FakeClient(future=lambda item: FakeFuture("lost"))
    steps = work(connected(client), [1, 2])
    next(steps)
    client.workers = workers
    with pytest.raises(InputError, match=complaint):
        list(steps)


def test_workers_that_come_back_in_time_go_on(connected):
    client = FakeClient(workers=0, future=lambda item: FakeFuture("finished", item * item))
    steps = work(connected(client), [2, 3])
    assert next(steps) is None
    client.workers = 1
    assert [*filter(None, steps)] == [(2, 4), (3, 9)]


@pytest.mark.parametrize("status", ["pending", "finished"])
def test_a_result_that_never_comes_costs_its_own_item_and_two_tries(connected, status):
    def future(item):
        return FakeFuture(status) if item == 2 else FakeFuture("finished", item)

    client = FakeClient(future=future)
    found = dict(filter(None, work(connected(client, timeout=0.05), [1, 2, 3])))
    assert found == {1: 1, 2: Lost("it took too long"), 3: 3}
    assert client.given == 4
