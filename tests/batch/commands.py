"""Runs ``ecc-align batch``, and looks at the processes that it starts."""

from __future__ import annotations

import csv
import json
import time
from pathlib import Path

from cli.processes import ecc_align, run_main


def batch_here(dataset, out, *more):
    """Run it in this process, with one worker if there is work."""
    return run_main("batch", *dataset.arguments, "--out", out, "--workers", "1", *more)


def batch(dataset, out, *more, **options):
    """Run it as a process."""
    return ecc_align("batch", *dataset.arguments, "--out", out, *more, **options)


def write_many(dataset, folder, count=20):
    """Write a table of one pair under many names, which keep a process busy for a while."""
    table = folder / "many.csv"
    name = next(iter(dataset.truth))
    files = f"{dataset.file('ideal', name)},{dataset.file('gray', name)}"
    rows = [f"{files},p{number}.png" for number in range(count)]
    table.write_text("\n".join(["reference,moving,name", *rows]))
    return table


def lines(done):
    return [json.loads(line) for line in done.out.splitlines()]


def rows(out):
    with (out / "report.csv").open(newline="", encoding="utf-8") as file:
        return {row["name"]: row for row in csv.DictReader(file)}


def children(process):
    """Return the processes that a process has started, where the system tells."""
    try:
        tasks = Path(f"/proc/{process}/task").iterdir()
        return [int(n) for task in tasks for n in (task / "children").read_text().split()]
    except OSError:
        return []


def wait_until_gone(processes):
    """Wait for processes to end: a worker must not outlive its run."""
    deadline = time.monotonic() + 120
    while any(running(process) for process in processes):
        assert time.monotonic() < deadline, "a worker goes on without its run"
        time.sleep(0.05)


def running(process):
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
