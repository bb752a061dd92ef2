"""What an output folder says of the batch that wrote to it."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest
from dataset import digests

from napari_ecc_align import Batch, BatchSettings, InputError
from napari_ecc_align._batch.plan.output_folder import HIDDEN
from napari_ecc_align._batch.plan.pairs import Plan
from napari_ecc_align._batch.records.read import read_records
from napari_ecc_align._batch.records.reopen import folders_of, plan_of, settings_of

NAME = "w-1/p0.png"


@pytest.fixture(params=["as written now", "as written before"])
def out(request, finished, tmp_path):
    """The output folder of a whole run; those of before hold no plan."""
    copy = tmp_path / "out"
    shutil.copytree(finished, copy)
    if request.param == "as written before":
        (copy / HIDDEN / "plan.json").unlink()
    return copy


@pytest.fixture
def table(good, tmp_path):
    """A table of two pairs, with a column to choose by."""
    path = tmp_path / "pairs.csv"
    rows = ["reference,moving,sibling:bw,name,writer"]
    for number, name in enumerate((NAME, "w-1/p1.png")):
        files = [good.file(kind, name) for kind in ("ideal", "gray", "bw")]
        rows.append(",".join(map(str, (*files, f"page{number}.png", f"w{number}"))))
    path.write_text("\n".join(rows))
    return path


def test_the_folders_and_the_settings_of_a_run_come_back(good, out):
    records = list(read_records(out))
    found = folders_of(plan_of(out, records))
    assert found.reference == good.folders["reference"]
    assert found.moving == good.folders["moving"]
    assert list(found.siblings.values()) == good.folders["siblings"]
    assert (found.name, found.named_moving) == ("gray", str(found.moving))
    assert settings_of(records) == BatchSettings()


def test_a_batch_that_is_opened_is_the_one_that_was_planned(good, out):
    planned = Batch.plan(**good.folders, out=out)
    opened = Batch.open(str(out))
    assert (opened.pairs, opened.problems) == (planned.pairs, planned.problems)
    assert (opened.out, opened.settings) == (out, BatchSettings())
    assert opened.records().keys() == {*planned}
    assert all(step.resumed for step in opened.run())


def test_an_interrupted_run_is_opened_with_the_pairs_that_are_not_done(good, tmp_path):
    out = tmp_path / "out"
    next(Batch.plan(**good.folders, out=out).run(workers=1))
    for before in (False, True):
        if before:
            (out / HIDDEN / "plan.json").unlink()
        opened = Batch.open(out)
        assert set(opened) == set(good.truth)
        assert len(opened.records()) == 1


def test_a_pair_that_failed_is_opened_where_it_would_be_written(good, out):
    """A record of a failure that may pass names no files; a rejected pair has no outputs."""
    Batch.open(out).reject(NAME)
    opened = Batch.open(out)
    pair = opened.pairs[opened.index(NAME)]
    assert pair.warped_images[0][0] == "gray"
    corrected = opened.correct(NAME, good.truth[NAME])
    assert {file.path for file in corrected.outputs} == {
        f"{folder}/{NAME}" for folder in ("gray", "bw", "nostaff")
    }


def test_a_batch_of_a_table_is_opened_and_decided_on(table, good, tmp_path):
    out = tmp_path / "out"
    planned = Batch.plan(table=table, out=out)
    next(planned.run("page0.png", workers=1))
    opened = Batch.open(out)
    assert (opened.names, opened.pairs) == (planned.names, planned.pairs)
    assert list(opened.where("writer=w1")) == ["page1.png"]
    assert folders_of(opened) is None
    assert opened.accept("page0.png").review.decision == "accepted"
    assert opened.correct("page1.png", good.truth["w-1/p1.png"]).outcome == "aligned"
    assert {file.path for file in opened.records()["page1.png"].outputs} == {
        "moving/page1.png",
        "bw/page1.png",
    }
    assert opened.reject("page0.png").outcome == "failed"
    assert not (out / "bw/page0.png").exists()


def test_a_table_of_before_is_opened_with_what_its_records_name(table, tmp_path):
    out = tmp_path / "out"
    planned = Batch.plan(table=table, out=out)
    list(planned.run(workers=2))
    (out / HIDDEN / "plan.json").unlink()
    opened = Batch.open(out)
    assert [replace(pair, columns={}) for pair in planned.pairs] == list(opened.pairs)
    assert opened.accept("page1.png").outcome == "aligned"


def test_parts_of_a_batch_that_were_run_one_by_one_are_opened_together(good, tmp_path):
    out = tmp_path / "out"
    for name in (NAME, "w-9/aligned.png"):
        list(Batch.plan(**good.folders, out=out, where=name).run(workers=1))
    assert set(Batch.open(out)) == {NAME, "w-9/aligned.png"}


def test_inputs_that_have_gone_are_problems_of_the_batch_that_is_opened(table, good, tmp_path):
    own = tmp_path / "own.png"
    shutil.copy(good.file("gray", NAME), own)
    table.write_text(f"reference,moving\n{good.file('ideal', NAME)},{own}\n")
    batch = Batch.plan(table=table, out=tmp_path / "out")
    list(batch.run(workers=1))
    own.unlink()
    (problem,) = Batch.open(batch.out).problems
    assert (problem.path, problem.pair) == (own, "own.png")


def test_opening_changes_nothing(out):
    before = digests(out)
    Batch.open(out).records()
    assert digests(out) == before


def test_a_folder_without_a_batch_is_refused(tmp_path):
    with pytest.raises(InputError, match="holds no batch"):
        Batch.open(tmp_path)
    with pytest.raises(InputError, match="must be the path"):
        Batch.open(None)


def test_a_damaged_plan_is_no_plan(out):
    (out / HIDDEN / "plan.json").write_text('{"plan": 1, "pairs": [{"name": 3}]}')
    assert len(Batch.open(out)) == 4


def test_records_of_another_version_or_without_files_say_nothing(finished, tmp_path):
    records = [replace(r, inputs=(), settings={"model": 1}) for r in read_records(finished)]
    assert settings_of(records) is None
    assert plan_of(tmp_path, records) == Plan(tmp_path, (), (), BatchSettings())
