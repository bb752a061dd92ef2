"""The command ``ecc-align batch``."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess

import numpy as np
import pytest
from commands import batch, batch_here, children, lines, rows, write_many
from dataset import FLAVOURS, SHAPE, contents, digests, make_good

from cli.processes import MODULE, ecc_align, environment
from napari_ecc_align import Transform
from napari_ecc_align._images.files.images import read_image
from napari_ecc_align._transform.coordinates import corner_error


def test_a_whole_run_against_its_truth(good, tmp_path):
    out = tmp_path / "out"
    done = batch(good, out, "--json")
    assert done.code == 0, done
    plan, *pairs, last = lines(done)
    assert plan["event"] == "plan"
    assert plan["pairs"] == 4
    assert plan["problems"] == []
    assert {pair["name"] for pair in pairs} == set(good.truth)
    assert (last["aligned"], last["passed_through"]) == (3, 1)
    for pair in pairs:
        record = out / "records" / f"{pair['name']}.json"
        error = corner_error(Transform.load(record).matrix, good.truth[pair["name"]], SHAPE)
        assert error < 0.1, pair
        if pair["outcome"] == "passed through":
            for flavour in FLAVOURS:
                copy, original = out / flavour / pair["name"], good.file(flavour, pair["name"])
                assert copy.read_bytes() == original.read_bytes()
            continue
        assert pair["different"] < 0.3 * pair["different_before"]
        for flavour in FLAVOURS:
            image = read_image(out / flavour / pair["name"])
            assert image.shape == SHAPE
            assert image.dtype == np.uint8
            assert (len(np.unique(image)) > 2) == (flavour == "gray")
    assert set(rows(out)) == set(good.truth)


def test_every_broken_page_is_reported_and_costs_itself_alone(broken, tmp_path):
    dataset, reasons = broken
    out = tmp_path / "out"
    done = batch_here(dataset, out, "--json")
    assert done.code == 1, done
    plan, *pairs, last = lines(done)
    # Those whose files are at fault are listed before anything runs.
    listed = {problem["pair"] for problem in plan["problems"]}
    at_fault = {"missing", "empty", "bomb", "text", "folder", "dangling", "sibling"}
    assert listed == {f"x/{kind}.png" for kind in at_fault}
    found = {pair["name"]: pair for pair in pairs}
    for kind, reason in reasons.items():
        pair = found[f"x/{kind}.png"]
        assert pair["outcome"] in ("failed", "doubtful"), pair
        assert reason in pair["reason"], pair
        if pair["outcome"] == "failed":
            assert not any((out / flavour / pair["name"]).exists() for flavour in FLAVOURS)
    for name in dataset.truth:
        assert found[name]["outcome"] in ("aligned", "passed through")
    assert last["failed"] + last["doubtful"] == len(reasons)
    report = (out / "report.html").read_text(encoding="utf-8")
    assert report.index("x/blank.png") < report.index("w-1/p0.png")
    assert set(rows(out)) == set(found)


def test_a_second_run_does_nothing_and_says_so(good, finished, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(finished, out)
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.png")}
    before_it = lines(batch_here(good, out, "--json", "--dry-run"))
    assert (before_it[0]["pairs"], before_it[0]["done"]) == (4, 4)
    assert "  4 of them are done already\n" in batch_here(good, out, "--dry-run").out
    done = batch_here(good, out, "--json")
    assert done.code == 0
    told = [(line["done"], line["total"]) for line in lines(done) if line["event"] == "pair"]
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert all(line["resumed"] for line in lines(done) if line["event"] == "pair")
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*.png")} == before


def test_only_what_has_changed_is_done_again(tmp_path):
    dataset, out = make_good(tmp_path / "in", count=3), tmp_path / "out"
    assert batch_here(dataset, out).code == 0
    first = contents(out)
    # Another content, and the same content with another date.
    bw = dataset.file("bw", "w-1/p0.png")
    shutil.copyfile(dataset.file("nostaff", "w-1/p0.png"), bw)
    dataset.file("bw", "w-1/p1.png").touch()
    resumed = {p["name"]: p["resumed"] for p in lines(batch_here(dataset, out, "--json"))[1:-1]}
    assert resumed == {"w-1/p0.png": False, "w-1/p1.png": True, "w-9/aligned.png": True}
    second = contents(out)
    changed = {name for name in first if first[name] != second[name]}
    assert changed == {"bw/w-1/p0.png", "records/w-1/p0.png.json"}
    again = lines(batch_here(dataset, out, "--json", "--model", "homography"))[1:-1]
    assert not any(pair["resumed"] for pair in again)


def test_a_foreign_file_is_replaced_only_when_asked(good, tmp_path):
    out = tmp_path / "out"
    mine = out / "bw" / "w-1" / "p0.png"
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"precious")
    only = ("--where", "w-1/p0.png")
    refused = batch_here(good, out, *only)
    assert refused.code == 1
    assert "is not of this batch" in refused.out
    assert mine.read_bytes() == b"precious"
    assert not (out / "gray" / "w-1" / "p0.png").exists()
    assert batch_here(good, out, *only, "--overwrite").code == 0
    assert read_image(mine).shape == SHAPE


def test_a_terminal_shows_rate_remaining_time_and_counts(good, finished, tmp_path):
    pty = pytest.importorskip("pty", reason="Windows has no pseudo-terminals")
    termios = pytest.importorskip("termios")
    ours, theirs = pty.openpty()
    # As narrow as terminals come.
    termios.tcsetwinsize(theirs, (24, 80))
    command = [*MODULE, "batch", *good.arguments, "--out", tmp_path / "out"]
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=theirs, env=environment()
    )
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # how the end of a pseudo-terminal is told on Linux
        while part := os.read(ours, 4096):
            shown += part
    os.close(ours)
    assert process.wait() == 0
    text = shown.decode()
    assert "4/4" in text
    assert re.search(r"pair/s|s/pair", text)
    assert "0 doubtful, 0 failed, 3 aligned, 1 passed]" in text


@pytest.mark.skipif(os.name == "nt", reason="Windows cannot stop a process for a while")
def test_two_runs_in_one_folder_are_refused(good, tmp_path):
    out, table = tmp_path / "out", write_many(good, tmp_path)
    command = [*MODULE, "batch", "--pairs", table, "--workers", "1", "--json", "--out", out]
    first = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment())
    for event in ("plan", "pair"):
        assert json.loads(first.stdout.readline())["event"] == event
    # It stands still meanwhile, with its worker.
    processes = [first.pid, *children(first.pid)]
    for process in processes:
        os.kill(process, signal.SIGSTOP)
    before = digests(out)
    refused = ecc_align("batch", "--pairs", table, "--out", out)
    assert refused.code == 2
    assert f"another run (process {first.pid}" in refused.err
    assert digests(out) == before
    for process in processes:
        os.kill(process, signal.SIGCONT)
    said, _ = first.communicate(timeout=300)
    assert first.returncode == 0
    assert json.loads(said.splitlines()[-1])["aligned"] == 20


@pytest.mark.skipif(os.name == "nt", reason="permissions of POSIX")
def test_a_file_without_permission_costs_its_pair_alone(tmp_path):
    program = list(MODULE)
    if os.geteuid() == 0:
        # Root may read anything, unless it gives that up.
        setpriv = shutil.which("setpriv") or pytest.skip("NOT TESTED: root here, and no setpriv")
        program = [setpriv, "--bounding-set", "-dac_override,-dac_read_search", *program]
    dataset, out = make_good(tmp_path / "in", count=3), tmp_path / "out"
    locked = dataset.file("bw", "w-1/p1.png")
    locked.chmod(0)
    done = batch(dataset, out, "--json", program=program)
    assert done.code == 1, done
    plan, *pairs, _ = lines(done)
    assert [problem["pair"] for problem in plan["problems"]] == ["w-1/p1.png"]
    outcomes = {pair["name"]: pair["outcome"] for pair in pairs}
    assert outcomes["w-1/p1.png"] == "failed"
    assert sorted(outcomes.values()) == ["aligned", "failed", "passed through"]
    assert rows(out)["w-1/p1.png"]["reason"].endswith("bw/w-1/p1.png: Permission denied")
    locked.chmod(0o644)
    assert batch_here(dataset, out).code == 0


def test_a_dry_run_writes_nothing(good, broken, tmp_path):
    done = batch_here(good, tmp_path / "out", "--dry-run")
    assert done.code == 0
    assert done.out.startswith("4 pairs; gray, bw, nostaff to ")
    assert "w-9/aligned.png: " in done.out
    assert "done already" not in done.out
    assert batch_here(broken[0], tmp_path / "out", "--dry-run").code == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--where", "nothing/*"], "where chooses none of the 4"),
        (["--sibling", "{root}/nowhere"], "is not a folder"),
        (["--out", "{root}/ideal"], "is a folder of inputs"),
        (["--out", "{root}/ideal/w-1"], "lies inside"),
        (["--out", "{root}/scan/gray/new/folder"], "lies inside"),
        (["--out", "{root}/scan"], "contains"),
        (["--out", "{root}/ideal/w-1/p0.png"], "is not a folder"),
        (["--pairs", "{root}/pairs.csv"], "give folders or a table of pairs, not both"),
    ],
)
def test_bad_usage_is_refused_in_one_line(good, tmp_path, arguments, complaint):
    given = [argument.format(root=good.root) for argument in arguments]
    done = batch_here(good, tmp_path / "out", *given)
    assert done.code == 2
    assert complaint in done.err
    assert done.err.count("\n") == 1
