"""A run that is interrupted, killed, or runs out of disk: nothing is half done, and it goes on."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time

import numpy as np
import pytest
from commands import batch, batch_here, children, lines, rows, wait_until_gone, write_many
from dataset import FLAVOURS, contents

from cli.processes import MODULE, environment, heed_interrupts


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for one process")
def test_ctrl_c_ends_a_run_with_a_report_of_how_far_it_came(good, tmp_path):
    out, table = tmp_path / "out", write_many(good, tmp_path)
    process = subprocess.Popen(
        [*MODULE, "batch", "--pairs", table, "--workers", "1", "--json", "--out", out],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(PYTHONWARNINGS=""),
        start_new_session=True,
        preexec_fn=heed_interrupts,
    )
    assert json.loads(process.stdout.readline())["event"] == "plan"
    assert json.loads(process.stdout.readline())["event"] == "pair"
    helpers = children(process.pid)
    # As a terminal does: to every process of the command.
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=300)
    assert process.returncode == 130
    assert said == "ecc-align: interrupted\n"
    assert rows(out)
    wait_until_gone(helpers)


def test_killed_at_any_moment_it_goes_on_where_it_was(good, finished, tmp_path, request, capsys):
    kills = request.config.getoption("--kills")
    rng = np.random.default_rng(kills)
    command = ["batch", *map(str, good.arguments), "--workers", "2", "--json", "--out"]
    killed = 0
    for attempt in range(kills):
        out = tmp_path / f"out{attempt}"
        process = subprocess.Popen(
            [*MODULE, *command, str(out)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment(),
        )
        # The first line comes before anything is written, and before processes have begun; then
        # there is one for each of four pairs.
        told = 1 + rng.integers(0, 4)
        for _ in range(told):
            process.stdout.readline()
        time.sleep(rng.uniform(0, 0.6 if told == 1 else 0.1))
        helpers = children(process.pid)
        process.kill()
        killed += process.wait() != 0
        wait_until_gone(helpers)
        process.stdout.close()
        assert batch_here(good, out).code == 0
        assert contents(out) == contents(finished)
        assert set(rows(out)) == set(good.truth)
        shutil.rmtree(out)
    with capsys.disabled():
        print(f"\n{killed} of {kills} runs were killed before their end (--kills N for more)")
    assert killed, "every run had ended before it could be killed"


class FullDisk:
    """A disk on which not all pages fit: a small one, or a limit on the size of files."""

    def __init__(self, folder, finished):
        pages = [path for flavour in FLAVOURS for path in (finished / flavour).rglob("*.png")]
        self.folder, self._options = folder, {}
        kilobytes = sum(path.stat().st_size for path in pages) // 2 // 1024
        mount = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(folder)]
        self.mounted = bool(shutil.which("mount")) and not self._run(mount)
        if not self.mounted:
            resource = pytest.importorskip("resource", reason="only Unix limits files")
            most = max(path.stat().st_size for path in pages if path.stem != "aligned") - 1000
            limits = resource.RLIMIT_FSIZE, (most, most)
            self._options = {"preexec_fn": lambda: resource.setrlimit(*limits)}

    @property
    def options(self):
        """What to start processes with."""
        return self._options

    def enlarge(self):
        """Make room for all."""
        self._options = {}
        if self.mounted:
            assert not self._run(["mount", "-o", "remount,size=64m", str(self.folder)])

    def take_away(self):
        if self.mounted:
            assert not self._run(["umount", str(self.folder)])

    @staticmethod
    def _run(command):
        return subprocess.run(command, capture_output=True, check=False).returncode


@pytest.fixture
def full_disk(tmp_path, finished):
    folder = tmp_path / "disk"
    folder.mkdir()
    disk = FullDisk(folder, finished)
    yield disk
    disk.take_away()


def test_a_full_disk_costs_the_pairs_that_no_longer_fit(good, finished, full_disk, capsys):
    with capsys.disabled():
        kind = "a small tmpfs" if full_disk.mounted else "a limit on files: mount is not permitted"
        print(f"\nthe full disk is {kind}")
    out = full_disk.folder / "out"
    done = batch(good, out, "--json", **full_disk.options)
    assert done.code == 1, done
    pairs = [line for line in lines(done) if line["event"] == "pair"]
    assert {pair["name"] for pair in pairs} == set(good.truth)
    failed = [pair for pair in pairs if pair["outcome"] == "failed"]
    assert 0 < len(failed) < len(pairs)
    reason = "No space left on device" if full_disk.mounted else "File too large"
    assert all("cannot write" in p["reason"] and reason in p["reason"] for p in failed), failed
    for pair in failed:
        assert not any((out / flavour / pair["name"]).exists() for flavour in FLAVOURS)
    whole = contents(finished)
    for pair in pairs:
        if pair not in failed:
            for flavour in FLAVOURS:
                name = f"{flavour}/{pair['name']}"
                assert contents(out)[name] == whole[name]
    full_disk.enlarge()
    assert batch_here(good, out).code == 0
    assert contents(out) == whole
