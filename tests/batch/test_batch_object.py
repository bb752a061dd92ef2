"""The batch as an object: what it is made from, its parts and table, runs with other settings."""

from __future__ import annotations

import pickle
import shutil

import numpy as np
import pandas
import pytest

from napari_ecc_align import Batch, BatchSettings, InputError
from napari_ecc_align._images.files.images import write_image

NAMES = ("w-1/p0.png", "w-1/p1.png", "w-2/p2.png", "w-9/aligned.png")
SIMILARITY = BatchSettings(model="similarity")


@pytest.fixture
def batch(good, finished, tmp_path):
    """A batch that has been run, in a folder of the test's own."""
    shutil.copytree(finished, tmp_path / "out")
    return Batch.plan(**good.folders, out=tmp_path / "out")


def test_it_is_a_sequence_of_names(batch):
    assert (len(batch), tuple(batch), batch.names, batch[-1]) == (4, NAMES, NAMES, NAMES[-1])
    assert NAMES[1] in batch
    assert "nothing" not in batch
    assert isinstance(batch[1:3], Batch)
    assert tuple(batch[1:3]) == NAMES[1:3]
    assert tuple(batch.where("w-1/*", "!*p1*")) == NAMES[:1]
    with pytest.raises(InputError, match="where chooses none of the 4"):
        batch.where("nothing")
    assert pickle.loads(pickle.dumps(batch)) == batch
    assert repr(batch) == f"Batch of 4 pairs, to {str(batch.out)!r}"


def test_one_text_is_one_and_a_mapping_names_the_siblings(good, tmp_path):
    reference, moving = good.folders["reference"], good.folders["moving"]
    bw = good.root / "scan" / "bw"

    def planned(**more):
        return Batch.plan(str(reference), moving, str(tmp_path / "out"), **more)

    for siblings in (str(bw), bw, [bw], iter([str(bw)])):
        assert [*planned(siblings=siblings).pairs[0].siblings] == ["bw"]
    named = planned(siblings={"binary": str(bw)}).pairs[0]
    assert named.siblings == {"binary": bw / NAMES[0]}
    assert planned(where="w-1/*").names == planned(where=["w-1/*"]).names == NAMES[:2]
    for wrong in ({"siblings": 3}, {"siblings": [None]}, {"siblings": {1: bw}}, {"where": [2]}):
        with pytest.raises(InputError, match="must be"):
            planned(**wrong)
    for name in ("", "..", "records", "a/b"):
        with pytest.raises(InputError, match=r"cannot be called|must be"):
            planned(siblings={name: bw})
    with pytest.raises(InputError, match="out, the output folder, must be"):
        Batch.plan(reference, moving)
    with pytest.raises(InputError, match="settings must be BatchSettings"):
        planned(settings={"model": "affine"})


@pytest.mark.parametrize(
    "wrong",
    [
        {"fill": "white"},
        {"fill": None},
        {"fill": np.nan},
        {"fill": -np.inf},
        {"fill": (1, 2)},
        {"fill": np.zeros(3)},
        {"pass_through": "none"},
        {"max_pixels": "many"},
        {"max_pixels": True},
    ],
    ids=str,
)
def test_settings_are_looked_at_when_they_are_made(wrong):
    (name,) = wrong
    with pytest.raises(InputError, match=f"{name} must be"):
        BatchSettings(**wrong)


def test_numbers_of_numpy_can_be_settings():
    settings = BatchSettings(fill=np.float32(3), max_iterations=np.int64(20))
    assert settings == BatchSettings(fill=3.0, max_iterations=20)
    assert type(settings.max_iterations) is int


def test_some_pairs_are_run_with_other_settings_and_stay_so(batch):
    (step,) = batch.run(NAMES[1], settings=SIMILARITY, workers=1)
    assert (step.done, step.total, step.resumed) == (1, 1, False)
    assert step.record.transform.model == "similarity"
    # Neither this batch, planned or opened again, nor the same request does the pair again.
    for same in (batch, Batch.open(batch.out)):
        assert all(step.resumed for step in same.run())
        assert same.settings == BatchSettings()
    assert [s.resumed for s in batch.run([NAMES[1]], settings=SIMILARITY)] == [True]
    # What was asked for stays when the pair has to be done again.
    (batch.out / "gray" / NAMES[1]).unlink()
    (again,) = (step.record for step in batch.run(workers=1) if not step.resumed)
    assert (again.name, again.transform.model) == (NAMES[1], "similarity")
    # The batch's own settings, asked for, are no others.
    (back,) = batch.run(NAMES[1], settings=batch.settings, workers=1)
    assert (back.record.transform.model, back.record.batch_settings) == ("affine", {})


def test_a_batch_planned_with_other_settings_is_done_so_throughout(batch, good):
    list(batch.run(NAMES[1], settings=SIMILARITY, workers=1))
    other = BatchSettings(model="euclidean")
    planned = Batch.plan(**good.folders, out=batch.out, where="w-1/*", settings=other)
    assert [step.record.transform.model for step in planned.run(workers=1)] == ["euclidean"] * 2


def test_what_a_person_has_decided_is_not_done_again_with_other_settings(batch):
    batch.accept(NAMES[0], note="right")
    (step,) = batch.run(NAMES[0], settings=SIMILARITY)
    assert (step.resumed, step.record.review.note) == (True, "right")


def test_a_pair_that_is_run_by_itself_leaves_the_report_of_all(batch, good, tmp_path):
    assert [step.record.name for step in batch.where("*p2*").run()] == [NAMES[2]]
    assert all(name in batch.report.read_text() for name in NAMES)


def test_a_name_that_is_not_there_is_refused_before_anything_is_done(good, tmp_path):
    planned = Batch.plan(**good.folders, out=tmp_path / "out")
    with pytest.raises(InputError, match=r"no pair 'p0\.png'; the nearest .* w-1/p0\.png"):
        planned.run(["p0.png"])
    with pytest.raises(InputError, match="workers must be"):
        planned.run(workers=0)
    assert not planned.out.exists()


def test_its_table_has_a_row_for_each_pair(good, batch, tmp_path):
    table = pandas.DataFrame(batch.to_dict())
    assert list(table["name"]) == list(NAMES)
    assert list(table["outcome"]) == ["aligned"] * 3 + ["passed through"]
    assert table["m00"].dtype == float
    assert set(table.columns) >= {"verdict", "corner_shift", "m22", "seconds"}
    new = Batch.plan(**good.folders, out=tmp_path / "new").to_dict()
    assert new["outcome"] == [None] * 4


def test_what_belongs_to_no_pair_stays_a_problem_of_a_part(tmp_path):
    for folder, names in (("a", "12"), ("b", "12"), ("s", "23")):
        (tmp_path / folder).mkdir()
        for name in names:
            write_image(tmp_path / folder / f"{name}.png", np.eye(20, dtype=np.uint8))
    root = [tmp_path / folder for folder in ("a", "b", "out")]
    batch = Batch.plan(*root, siblings=tmp_path / "s")
    assert [problem.pair for problem in batch.problems] == ["1.png", None]
    assert [problem.pair for problem in batch.where("2*").problems] == [None]
