"""A batch on a real dask.distributed cluster of processes on this machine."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys

import pytest
from dataset import contents
from jobs import square

from cli.processes import environment
from napari_ecc_align._batch.workers.cluster import Cluster
from napari_ecc_align._common.errors import InputError

# Its own code and its event loop warn of themselves.
pytestmark = pytest.mark.filterwarnings("default")


def start(*arguments):
    quiet = environment(PYTHONWARNINGS="ignore", DASK_DISTRIBUTED__DASHBOARD__LINK="")
    command = [sys.executable, "-m", "distributed.cli." + arguments[0], *arguments[1:]]
    return subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, env=quiet
    )


def wait_for(process, pattern):
    for line in process.stderr:
        if found := re.search(pattern, line):
            return found
    raise AssertionError("it ended before it was ready")


@pytest.fixture
def cluster():
    """The address of a scheduler and its two workers."""
    pytest.importorskip("distributed", reason="the extra 'cluster' is not installed")
    plain = ("--no-dashboard", "--host", "127.0.0.1")
    scheduler = start("dask_scheduler", "--port", "0", *plain)
    processes = [scheduler]
    try:
        address = wait_for(scheduler, r"Scheduler at:\s+(tcp://\S+)")[1]
        options = ("--nthreads", "1", "--no-nanny", "--no-dashboard", "--host", "127.0.0.1")
        workers = [start("dask_worker", address, *options) for _ in range(2)]
        processes += workers
        for worker in workers:
            wait_for(worker, "Registered to")
        yield address, workers
    finally:
        for process in reversed(processes):
            process.kill()
            process.wait()
            process.stderr.close()


def test_a_cluster_gives_what_one_machine_gives_though_a_worker_is_killed(cluster, plan, finished):
    address, workers = cluster
    steps = plan().run(cluster=address, timeout=120)
    names = [next(steps).record.name]
    os.kill(workers[0].pid, signal.SIGKILL)
    names += [step.record.name for step in steps]
    assert sorted(names) == sorted(pair.name for pair in plan().pairs)
    assert contents(plan().out) == contents(finished)
    assert all(step.resumed for step in plan().run(workers=1))


def test_a_scheduler_that_does_not_answer_is_an_input_error():
    pytest.importorskip("distributed", reason="the extra 'cluster' is not installed")
    with pytest.raises(InputError, match="no scheduler answers at"):
        Cluster(square, address="tcp://127.0.0.1:1", timeout=1, patience=1)
