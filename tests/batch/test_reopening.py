"""What the records of an output folder say of the run that wrote them."""

from __future__ import annotations

from dataclasses import replace

from napari_ecc_align import BatchSettings, make_plan, read_records, run_plan
from napari_ecc_align._batch.records.reopen import folders_of, plan_of, settings_of


def test_the_folders_and_the_settings_of_a_run_come_back(good, finished):
    records = list(read_records(finished))
    found = folders_of(records)
    assert found.reference == good.folders["reference"]
    assert found.moving == good.folders["moving"]
    assert list(found.siblings.values()) == good.folders["siblings"]
    assert found.flavour == "gray"
    assert settings_of(records) == BatchSettings()


def test_a_plan_of_records_has_the_same_pairs(good, finished):
    pairs = {pair.name: pair for pair in make_plan(**good.folders, out=finished).pairs}
    plan = plan_of(finished, read_records(finished))
    assert {pair.name: pair for pair in plan.pairs} == pairs
    assert (plan.out, plan.settings) == (finished, BatchSettings())


def test_a_table_of_pairs_says_nothing_of_folders(good, tmp_path):
    table = tmp_path / "pairs.csv"
    files = [good.file(flavour, "w-1/p0.png") for flavour in ("ideal", "gray")]
    table.write_text(f"reference,moving,name\n{files[0]},{files[1]},page.png\n")
    out = tmp_path / "out"
    list(run_plan(make_plan(table=table, out=out), workers=1))
    records = list(read_records(out))
    assert folders_of(records) is None
    (pair,) = plan_of(out, records).pairs
    assert (pair.name, pair.flavour, pair.moving) == ("page.png", "moving", files[1])


def test_records_of_another_version_or_without_files_say_nothing(finished):
    records = [replace(r, inputs=(), settings={"model": 1}) for r in read_records(finished)]
    assert folders_of(records) is None
    assert settings_of(records) is None
    assert plan_of(finished, records).pairs == ()
