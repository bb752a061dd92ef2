"""Which images belong together, and which folders may be written to."""

from __future__ import annotations

import os
import sys

import numpy as np
import pytest
from skimage import data

from napari_ecc_align import Batch, BatchSettings
from napari_ecc_align._cli import main
from napari_ecc_align._common.errors import InputError
from napari_ecc_align._images.files.images import write_image

PAGE = data.camera()[100:200, 100:250]
PIXELS = np.arange(64, dtype=np.uint8).reshape(8, 8)


@pytest.fixture
def folder(tmp_path):
    """Make files by their names, relative to a folder."""

    def made(*names):
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            write_image(path, PIXELS)
        return tmp_path

    return made


def paired(plan, root):
    return {
        pair.name: [path.relative_to(root).as_posix() for _, path in pair.images]
        for pair in plan.pairs
    }


def test_folders_pair_by_relative_path_and_then_without_the_suffix(folder):
    root = folder(
        "a/x/1.png", "a/x/2.png", "a/2.png", "b/x/1.png", "b/x/2.tif", "b/2.png", "s/x/1.jpg"
    )
    plan = Batch.plan(
        root / "a",
        root / "b",
        siblings=[root / "s"],
        out=root / "out",
        settings=BatchSettings(missing_siblings="skip"),
    )
    assert paired(plan, root) == {
        "2.png": ["a/2.png", "b/2.png", "s/2.png"],
        "x/1.png": ["a/x/1.png", "b/x/1.png", "s/x/1.jpg"],
        "x/2.tif": ["a/x/2.png", "b/x/2.tif", "s/x/2.tif"],
    }
    jpeg = plan.pairs[1].siblings["s"]
    assert plan.pairs[1].output("s", jpeg, resampled=True) == "s/x/1.png"
    assert plan.pairs[1].output("s", jpeg, resampled=False) == "s/x/1.jpg"


def test_accents_pair_however_they_are_composed(folder):
    """In one character, or as macOS writes them: the letter, and the accent behind it."""
    one, two = "caf\u00e9.png", "cafe\u0301.png"
    root = folder(f"a/{one}", f"b/{two}")
    plan = Batch.plan(root / "a", root / "b", out=root / "out")
    there = [path.name for path in (root / "b").iterdir()]
    assert paired(plan, root) == {there[0]: [f"a/{one}", f"b/{there[0]}"]}
    assert not plan.problems


def test_files_without_a_partner_are_listed_on_either_side(folder):
    root = folder(
        "a/1.png", "a/2.png", "b/1.png", "b/3.png", "s/1.png", "s/4.png", "a/.hidden.png"
    )
    (root / "a" / "notes.txt").write_text("no image")
    plan = Batch.plan(root / "a", root / "b", siblings=[root / "s"], out=root / "out")
    listed = {(p.path.relative_to(root).as_posix(), p.pair) for p in plan.problems}
    assert listed == {
        ("b/2.png", "2.png"),
        ("a/3.png", "3.png"),
        ("s/4.png", None),
    }


def test_patterns_say_what_folders_cannot(folder):
    root = folder(
        "p/1_ideal.png", "p/1_gray.png", "p/w/2_ideal.png", "p/w/2_gray.png", "p/1_bw.tif"
    )
    plan = Batch.plan(
        f"{root}/p/{{name}}_ideal.png",
        f"{root}/p/{{name}}_gray.png",
        siblings=[f"two={root}/p/{{name}}_bw.tif"],
        out=root / "out",
    )
    assert paired(plan, root)["1"] == ["p/1_ideal.png", "p/1_gray.png", "p/1_bw.tif"]
    assert set(paired(plan, root)) == {"1", "w/2"}
    pair = plan.pairs[0]
    assert pair.output(pair.folder, pair.moving, resampled=True) == "gray/1.png"
    assert [*pair.siblings] == ["two"]


@pytest.mark.parametrize("separator", [",", "\t", ";"])
def test_a_table_says_anything(folder, separator):
    root = folder("a.png", "b.png", "c.tif", "d.png")
    rows = [
        ["reference", "moving", "sibling:bw", "name", "writer"],
        ["a.png", "b.png", "c.tif", "", "w1"],
        ["a.png", "d.png", "", "other/d.png", "w2"],
    ]
    table = root / "pairs.csv"
    table.write_text("".join(separator.join(row) + "\n" for row in rows), encoding="utf-8-sig")
    assert paired(Batch.plan(table=table, out=root / "out"), root) == {
        "b.png": ["a.png", "b.png", "c.tif"],
        "other/d.png": ["a.png", "d.png"],
    }
    chosen = Batch.plan(table=table, out=root / "out", where=["writer=w2"])
    assert [pair.name for pair in chosen.pairs] == ["other/d.png"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("reference\na.png\n", "no column moving"),
        ("reference,moving\na.png\n", "line 2: it has not as many cells"),
        ("reference,moving\na.png,\n", "line 2: the column moving is empty"),
        ("reference,moving\na.png,../b.png\n", "cannot be the name of an output"),
        ("reference,moving\na.png,b.png\na.png,b.png\n", "two pairs have one name"),
        ("reference,moving\na.png,b.jpg\na.png,b.png\n", "would both be written to"),
        ("reference,moving\n", "there is no pair"),
        ("", "no column"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused(tmp_path, text, complaint):
    (tmp_path / "pairs.csv").write_text(text)
    with pytest.raises(InputError, match=complaint):
        Batch.plan(table=tmp_path / "pairs.csv", out=tmp_path / "out")


BAD_ROWS = {
    "name": (b"a.png,b.png,../../evil", "cannot be the name of an output"),
    "dot": (b"a.png,b.png,.", "cannot be the name of an output"),
    "huge": (b"a.png," + b"x" * 200_000 + b",", "field larger than field limit"),
    "not UTF-8": (b"a.png,b.png,\xed\xa0\x80", "not in UTF-8"),
    "Latin-1": (b"M\xfcller.png,b.png,", "not in UTF-8"),
    "NUL": (b"a.png,b.png,x\0y", "NUL"),
    "open quote": (b'a.png,"b.png,', "unexpected end of data"),
    "quote within": (b'a.png,"b"b.png,', "expected after"),
    "few cells": (b"a.png", "not as many cells"),
    "many cells": (b"a.png,b.png,c.png,d.png", "not as many cells"),
    "empty cell": (b"a.png,,c.png", "the column moving is empty"),
}


@pytest.mark.parametrize("kind", BAD_ROWS)
def test_a_bad_row_of_a_table_costs_itself_alone(tmp_path, capsys, kind):
    for name in ("a.png", "b.png"):
        write_image(tmp_path / name, PAGE)
    row, complaint = BAD_ROWS[kind]
    lines = [b"reference,moving,name", b"a.png,b.png,one.png", row, b"a.png,b.png,two.png", b""]
    (tmp_path / "t.csv").write_bytes(b"\r\n".join(lines))
    batch = Batch.plan(table=tmp_path / "t.csv", out=tmp_path / "out")
    assert batch.names == ("one.png", "two.png")
    (problem,) = batch.problems
    assert problem.reason.startswith("line 3: ")
    assert complaint in problem.reason
    assert problem.pair == "line 3 of t.csv"
    command = ["batch", "--pairs", tmp_path / "t.csv", "--out", tmp_path / "out", "--dry-run"]
    assert main([*map(str, command)]) == 1
    assert complaint in capsys.readouterr().out
    (tmp_path / "t.csv").write_bytes(b"\n".join([lines[0], row]))
    with pytest.raises(InputError, match=r"line 2: .*there is no other pair"):
        Batch.plan(table=tmp_path / "t.csv", out=tmp_path / "out")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_table_in_another_encoding_is_refused_as_a_whole(tmp_path, encoding):
    (tmp_path / "t.csv").write_text("reference,moving\na.png,b.png\n", encoding=encoding)
    with pytest.raises(InputError, match="is not a text in UTF-8; save it as one"):
        Batch.plan(table=tmp_path / "t.csv", out=tmp_path / "out")


def test_where_chooses_by_name(folder):
    root = folder(*(f"{side}/{name}.png" for side in "ab" for name in ("w1/1", "w1/2", "w2/1")))

    def names(*where):
        plan = Batch.plan(root / "a", root / "b", out=root / "out", where=where)
        return [pair.name for pair in plan.pairs]

    assert names("w1/*") == ["w1/1.png", "w1/2.png"]
    assert names("*/1.png", "!w2/*") == ["w1/1.png"]
    with pytest.raises(InputError, match="there is no column 'writer'"):
        names("writer=1")


def test_siblings_of_one_name_are_told_apart(folder):
    root = folder("a/1.png", "x/bw/1.png", "y/bw/1.png")
    plan = Batch.plan(root / "a", root / "x/bw", siblings=[root / "y/bw"], out=root / "out")
    assert [name for name, _ in plan.pairs[0].warped_images] == ["x-bw", "y-bw"]
    with pytest.raises(InputError, match="a sibling cannot be called 'records'"):
        Batch.plan(root / "a", f"records={root}/x/bw", out=root / "out")


@pytest.mark.parametrize("where", ["in", "in/a", "in/a/deep", "in/b/new", "link", "link/new"])
def test_an_output_folder_never_touches_an_input(folder, where):
    root = folder("in/a/1.png", "in/b/1.png", "in/a/deep/2.png")
    (root / "link").symlink_to(root / "in" / "a")
    with pytest.raises(InputError, match=r"(inputs|an input); choose another"):
        Batch.plan(root / "in/a", root / "in/b", out=root / where)


def test_an_output_folder_with_a_file_of_a_table_is_refused(folder):
    root = folder("out/deep/b.png", "a.png")
    (root / "pairs.csv").write_text("reference,moving\na.png,out/deep/b.png\n")
    with pytest.raises(InputError, match="contains"):
        Batch.plan(table=root / "pairs.csv", out=root / "out")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_a_file_that_is_not_named_in_utf8_costs_its_own_pair(tmp_path):
    strange = os.fsdecode(b"\xff.png")
    for folder in ("ideal", "scan", "more"):
        (tmp_path / folder).mkdir()
        for name in ("a.png", strange):
            write_image(tmp_path / folder / "x.png", PAGE, overwrite=True)
            (tmp_path / folder / "x.png").rename(tmp_path / folder / name)
    out = tmp_path / os.fsdecode(b"out\xff")
    batch = Batch.plan(tmp_path / "ideal", tmp_path / "scan", out, siblings=tmp_path / "more")
    assert batch.names == ("a.png",)
    (problem,) = batch.problems
    assert problem.pair == "\\xff.png"
    assert "not named in UTF-8" in problem.reason
    (step,) = batch.run(workers=1)
    assert step.record.outcome == "passed through"
    assert "\\xff.png" in batch.report.read_text("utf-8")
    (step,) = batch.run(workers=1)
    assert step.resumed
    folders = ("--reference", tmp_path / "ideal", "--moving", tmp_path / "scan", "--out", out)
    assert main(["batch", *map(str, folders), "--workers", "1"]) == 1
    with pytest.raises(InputError, match="not named in UTF-8"):
        batch.plan(tmp_path / "ideal", tmp_path / "scan", out, where=strange)


@pytest.mark.parametrize("column", ["reference", "moving", "sibling:ink"])
def test_a_nul_in_a_table_costs_its_own_pair(tmp_path, column):
    for name in ("a.png", "b.png", "c.png"):
        write_image(tmp_path / name, PAGE)
    cells = {"reference": "a.png", "moving": "c.png", "sibling:ink": "b.png", column: "x\0.png"}
    head = "reference,moving,sibling:ink\na.png,b.png,c.png\n"
    (tmp_path / "t.csv").write_text(head + ",".join(cells.values()) + "\n")
    batch = Batch.plan(table=tmp_path / "t.csv", out=tmp_path / "out")
    assert batch.names == ("b.png",)
    (problem,) = batch.problems
    assert "NUL" in problem.reason
    (step,) = batch.run(workers=1)
    assert step.record.outcome == "passed through"
    (tmp_path / "t.csv").write_text("reference,moving\na.png,x\0.png\n")
    with pytest.raises(InputError, match="NUL"):
        Batch.plan(table=tmp_path / "t.csv", out=tmp_path / "out")


def test_a_link_to_itself_costs_its_own_pair(tmp_path):
    for folder in ("ideal", "scan"):
        (tmp_path / folder).mkdir()
        write_image(tmp_path / folder / "a.png", PAGE)
    (tmp_path / "scan" / "l.png").symlink_to("l.png")
    batch = Batch.plan(tmp_path / "ideal", tmp_path / "scan", tmp_path / "out")
    assert [problem.pair for problem in batch.problems] == ["l.png"]
    outcomes = {step.record.name: step.record.outcome for step in batch.run(workers=1)}
    assert outcomes == {"a.png": "passed through", "l.png": "failed"}


@pytest.mark.parametrize("name", ["moving", "reference", "Reference"])
def test_a_sibling_is_not_called_as_the_other_images_are(tmp_path, name):
    for folder in ("ideal", "scan", name):
        (tmp_path / folder).mkdir()
        write_image(tmp_path / folder / "a.png", PAGE)
    given = [tmp_path / "ideal", tmp_path / "scan", tmp_path / "out"]
    with pytest.raises(InputError, match=f"cannot be called {name!r}; name it: NAME=FOLDER"):
        Batch.plan(*given, siblings=tmp_path / name)
    batch = Batch.plan(*given, siblings={"other": tmp_path / name})
    assert [*batch.pairs[0].siblings] == ["other"]
