"""Records as they were written before the options had their present names."""

from __future__ import annotations

import json
import shutil

import pytest
from dataset import digests

from napari_ecc_align import BatchSettings
from napari_ecc_align._batch.plan.output_folder import HIDDEN
from napari_ecc_align._batch.records.read import read_records
from napari_ecc_align._batch.records.record import record_path
from napari_ecc_align._batch.records.reopen import settings_of
from napari_ecc_align._batch.report.report import row

# Of `ecc-align batch --iterations 50 --epsilon 1e-6 --tolerance 0.1 --threshold li --model
# euclidean`, but for the inputs and the thumbnail.
RECORD = """{
 "format": "napari-ecc-align batch record",
 "version": 1,
 "record": 1,
 "program": "napari-ecc-align 0.1.0",
 "name": "x/blank.png",
 "outcome": "failed",
 "reason": "The moving image has no contrast.",
 "passing": false,
 "numbers": {
  "verdict": "failed",
  "corner_shift": 0.0,
  "corner_uncertainty": null,
  "overlap": 0.25,
  "differing_before": 1234,
  "fraction_before": 0.5,
  "iou_before": 0.25,
  "dice_before": 0.125,
  "differing_after": 56,
  "fraction_after": 0.0625,
  "iou_after": 0.75,
  "dice_after": 0.875,
  "converged": false,
  "iterations": 0
 },
 "inputs": [],
 "outputs": [],
 "settings": {
  "model": "euclidean",
  "engine": "pyramid",
  "precision": 0.02,
  "iterations": 50,
  "epsilon": 1e-06,
  "threshold": "li",
  "interpolation": "linear",
  "binary": "area",
  "fill": "background",
  "doubtful": "write",
  "tolerance": 0.1,
  "missing_siblings": "fail",
  "max_pixels": 134217728
 },
 "review": null,
 "times": {
  "finished": "2026-11-26T18:52:26+00:00",
  "seconds": 0.054
 },
 "thumbnail": ""
}
"""
SAME = {
    "model": "euclidean",
    "max_iterations": 50,
    "tolerance": 1e-6,
    "method": "li",
    "pass_through": 0.1,
}


@pytest.fixture
def former(plan, finished):
    """The output folder of a finished run, its records as they were written before."""
    out = plan().out
    shutil.copytree(finished, out)
    (out / HIDDEN / "plan.json").unlink()
    settings = json.loads(RECORD)["settings"]
    for record in read_records(finished):
        path = record_path(out, record.name)
        path.write_text(json.dumps({**json.loads(path.read_bytes()), "settings": settings}))
    return out


def test_a_former_record_is_read_as_the_same_settings(tmp_path):
    path = record_path(tmp_path, "x/blank.png")
    path.parent.mkdir(parents=True)
    path.write_text(RECORD)
    (record,) = read_records(tmp_path)
    assert record.settings == BatchSettings(**SAME).as_document()
    assert settings_of([record]) == BatchSettings(**SAME)
    assert record.numbers == {
        "verdict": "failed",
        "corner_shift": 0.0,
        "corner_uncertainty": None,
        "overlap_fraction": 0.25,
        "different_before": 1234,
        "fraction_before": 0.5,
        "iou_before": 0.25,
        "dice_before": 0.125,
        "different": 56,
        "fraction": 0.0625,
        "iou": 0.75,
        "dice": 0.875,
        "converged": False,
        "iterations": 0,
    }
    assert row(record)["different"] == 56


def test_a_former_run_is_resumed_byte_for_byte(plan, former):
    before = {name: value for name, value in digests(former).items() if "report" not in name}
    assert all(step.resumed for step in plan(**SAME).run())
    after = digests(former)
    assert {name: after[name] for name in before if not name.endswith("/lock")} == {
        name: value for name, value in before.items() if not name.endswith("/lock")
    }


def test_pairs_of_a_former_run_are_done_again_with_other_settings(plan, former):
    (step,) = plan(where=["w-1/p0.png"], **{**SAME, "pass_through": 0.05}).run(workers=1)
    assert not step.resumed
    assert settings_of([step.record]).pass_through == 0.05
