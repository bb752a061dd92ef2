"""Records that are damaged: their pairs are done again, which is said, and no more."""

from __future__ import annotations

import json
import math
import shutil

import pytest
from commands import batch_here, lines
from dataset import contents

from napari_ecc_align import Batch, InputError
from napari_ecc_align._batch.records.read import read_record, read_records
from napari_ecc_align._batch.records.record import Record, record_path
from napari_ecc_align._batch.report.report import as_csv, as_html

NAME = "w-1/p0.png"
UNDONE = {"decision": "accepted", "note": ""}
# What stands in a record, and what no run would have put there.
DAMAGED = {
    "record": [2, "1", None],
    "name": ["../../x", "w-1/p1.png", "w-1//p0.png", "", 5, "a\0b"],
    "outcome": [["aligned"], "fine", None],
    "reason": [None, ["x"]],
    "matrix": [[[1e308] * 3] * 3, [[1, 0], [0, 1]], "x", [[0] * 3] * 3],
    "inputs": ["x", [{"role": []}], [{}], {}],
    "outputs": [[{"path": "/etc/x", "size": 1, "sha256": ""}], [[]], None],
    "settings": [[], {"model": {}}],
    "review": [
        *("accepted", {"decision": "perhaps"}),
        *({**UNDONE, "former": {"transform": {"matrix": [[x]]}}} for x in (math.inf, math.nan)),
    ],
    "thumbnail": ["http://x.org/a.png", 5],
    "times": [{"name": "x"}, {"seconds": []}, 5],
    "numbers": [
        *(5, {"outcome": "failed"}, {"m00": 1.0}, {"verdict": "fine"}),
        *({"corner_uncertainty": value} for value in ("x", -1.0, 10**400, math.inf, [1.0])),
        *({"different": value} for value in ("12", -3, 2**63, 10**400, math.nan)),
        *({"width": -1}, {"tiles": -(10**30)}, {"another": 10**400}),
    ],
}


@pytest.fixture
def out(finished, tmp_path):
    """The output folder of a finished run, to be damaged."""
    shutil.copytree(finished, tmp_path / "out")
    return tmp_path / "out"


@pytest.fixture
def records(finished, tmp_path):
    """An output folder with the records of a finished run alone."""
    shutil.copytree(finished / "records", tmp_path / "only" / "records")
    return tmp_path / "only"


def damage(out, **what):
    path = record_path(out, NAME)
    path.write_text(json.dumps(json.loads(path.read_bytes()) | what))


@pytest.mark.parametrize("key", DAMAGED)
def test_what_no_run_writes_is_no_record(records, key):
    whole = record_path(records, NAME).read_bytes()
    for value in DAMAGED[key]:
        assert read_record(records, NAME) is not None
        damage(records, **{key: value})
        assert read_record(records, NAME) is None, value
        assert len([*read_records(records)]) == 3, value
        record_path(records, NAME).write_bytes(whole)
    for content in (b"", b"\xff\xfe\0", b"[" * 100_000, b"{}", b"null", b"\0"):
        record_path(records, NAME).write_bytes(content)
        assert read_record(records, NAME) is None, content[:5]


def test_no_number_that_is_too_large_is_kept_with_what_stood_before_a_decision(records):
    """It could not be written again."""
    former = {"transform": {"matrix": [[2.5]]}, "decision": None, "note": ""}
    damage(records, review={**UNDONE, "former": former})
    assert read_record(records, NAME) is not None
    path = record_path(records, NAME)
    path.write_text(path.read_text().replace("2.5", "-1e999"))
    assert read_record(records, NAME) is None


@pytest.mark.parametrize("key", ["corner_shift", "corner_uncertainty", "different", "ecc"])
def test_the_report_shows_any_number_that_a_record_may_hold(records, key):
    for value in (1e308, 5e-324, 0.0, -0.0, 2**63 - 1, True, None):
        damage(records, numbers={key: value})
        found = read_record(records, NAME)
        assert isinstance(found, Record)
        assert "data-name" in as_html(records, [found])
        assert as_csv([found]).count("\n") == 2


@pytest.mark.parametrize("content", [b"", b"[" * 100_000])
def test_a_damaged_record_costs_its_pair_a_second_run_which_is_said(good, out, finished, content):
    path = record_path(out, NAME)
    path.write_bytes(content)
    done = batch_here(good, out, "--json")
    assert done.code == 0
    resumed = {line["name"]: line["resumed"] for line in lines(done) if line["event"] == "pair"}
    assert [name for name in resumed if not resumed[name]] == [NAME]
    (problem,) = lines(done)[-1]["problems"]
    assert problem["path"] == str(path)
    assert "no record of its pair that can be read; the pair is done again" in problem["reason"]
    assert f"{NAME}.json: holds no record" in (out / "report.html").read_text()
    assert contents(out) == contents(finished)
    assert lines(batch_here(good, out, "--json"))[-1]["problems"] == []


def test_a_record_of_another_pair_is_none_of_this_one(good, out, finished):
    shutil.copy(record_path(out, "w-1/p1.png"), record_path(out, NAME))
    batch = Batch.open(out)
    assert NAME not in batch.records()
    steps = {step.record.name: step for step in Batch.plan(**good.folders, out=out).run(workers=1)}
    assert [name for name, step in steps.items() if step.problem] == [NAME]
    assert contents(out) == contents(finished)
    record_path(out, NAME).write_bytes(b"")
    assert f"{NAME}.json: holds no record of its pair" in batch_here(good, out).out


def test_a_damaged_record_outside_of_the_plan_is_said(good, out):
    stray = record_path(out, "elsewhere/p9.png")
    stray.parent.mkdir()
    stray.write_text("{")
    done = batch_here(good, out, "--json")
    (problem,) = lines(done)[-1]["problems"]
    assert problem["path"] == str(stray)
    assert "missing in the report" in problem["reason"]
    assert "elsewhere/p9.png.json: holds no record" in (out / "report.html").read_text()
    assert stray.read_text() == "{"


@pytest.mark.parametrize("decide", ["accept", "reject", "undo"])
def test_a_damaged_record_is_not_decided_on(out, decide):
    batch = Batch.open(out)
    record_path(out, NAME).write_text("{")
    with pytest.raises(InputError, match=r"has a record that cannot be read.*run it again"):
        getattr(batch, decide)(NAME)
