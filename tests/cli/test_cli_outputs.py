"""Nothing is written over an input, and over an output only when asked."""

import os
import shutil
from pathlib import Path

import pytest
from processes import MODULE, ecc_align, names_in, run_main

from napari_ecc_align import InputError, Transform
from napari_ecc_align._cli.outputs import all_or_none

QUICK = ("--model", "translation")


@pytest.fixture
def pair(inputs, tmp_path):
    """A reference and a moving image of the test's own, in a folder of their own."""
    for source, name in (("camera.png", "fixed.png"), ("shifted.png", "moving.png")):
        shutil.copy(inputs / source, tmp_path / name)
    return tmp_path / "fixed.png", tmp_path / "moving.png"


def contents(folder):
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()}


def test_results_are_replaced_only_when_asked(pair, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "moving_aligned.png").write_bytes(b"precious")
    (out / "moving_transform.json").write_bytes(b"old")
    before = contents(out)
    refused = run_main("align", *pair, "--out", out, *QUICK)
    assert "moving_aligned.png exists; use --overwrite" in refused.complaint
    assert contents(out) == before
    assert run_main("align", *pair, "--out", out, *QUICK, "--overwrite").code == 0
    assert len(names_in(out)) == 4
    assert contents(out).keys() > before.keys()
    assert all(contents(out)[name] != old for name, old in before.items())


def test_a_failure_leaves_earlier_results_alone(pair, inputs, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "blank_transform.json").write_bytes(b"old")
    done = run_main("align", pair[0], inputs / "blank.png", "--out", out, "--overwrite")
    assert done.code == 1
    assert contents(out) == {"blank_transform.json": b"old"}


def link_symbolically(name, target):
    name.symlink_to(target)


def link_hard(name, target):
    name.hardlink_to(target)


def link_relatively(name, target):
    name.symlink_to(os.path.relpath(target, name.parent))


@pytest.mark.parametrize("link", [link_symbolically, link_hard, link_relatively])
def test_an_output_that_is_an_input_by_another_name(pair, tmp_path, link):
    out = tmp_path / "out"
    out.mkdir()
    link(out / "moving_aligned.png", pair[0])
    before = contents(tmp_path)
    done = run_main("align", *pair, "--out", out, *QUICK, "--overwrite")
    assert "is an input" in done.complaint
    assert contents(tmp_path) == before
    assert names_in(out) == ["moving_aligned.png"]


@pytest.mark.parametrize("role", ["reference", "--mask", "--initial"])
def test_every_input_is_safe(pair, inputs, tmp_path, role):
    moving = pair[1]
    options = []
    if role == "reference":
        reference = pair[0].rename(tmp_path / "moving_binary_difference.png")
    elif role == "--mask":
        reference = pair[0]
        options = [role, shutil.copy(inputs / "mask.png", tmp_path / "moving_aligned.png")]
    else:
        reference = pair[0]
        options = [role, shutil.copy(inputs / "slide.json", tmp_path / "moving_transform.json")]
    before = contents(tmp_path)
    done = run_main(
        *("align", Path("..", tmp_path.name, reference.name), moving.name, *options),
        *("--out", ".", *QUICK, "--overwrite"),
        cwd=tmp_path,
    )
    assert "is an input" in done.complaint
    assert contents(tmp_path) == before


def test_out_is_a_file(pair, tmp_path):
    for out in (pair[0], pair[0] / "below"):
        done = run_main("align", *pair, "--out", out, "--overwrite")
        assert "not a folder" in done.complaint
    assert names_in(tmp_path) == ["fixed.png", "moving.png"]


def test_a_dangling_link_and_a_folder_in_the_way(pair, tmp_path):
    (tmp_path / "moving_difference.tif").symlink_to("nowhere")
    done = run_main("align", *pair, "--out", tmp_path)
    assert "moving_difference.tif exists" in done.complaint
    (tmp_path / "moving_difference.tif").unlink()
    (tmp_path / "moving_transform.json").mkdir()
    done = run_main("align", *pair, "--out", tmp_path, "--overwrite")
    assert "is a folder" in done.complaint


@pytest.mark.skipif(os.name == "nt", reason="permissions of POSIX")
def test_a_folder_that_may_not_be_written(pair, tmp_path):
    locked = tmp_path / "locked"
    locked.mkdir()
    locked.chmod(0o555)
    # To root nothing is locked, but the kernel's own folders hold nobody's files.
    out = locked if os.geteuid() else Path("/proc/self")
    done = run_main("align", *pair, "--out", out / "out", *QUICK)
    assert str(out) in done.complaint
    assert names_in(locked) == []


@pytest.mark.skipif(os.name == "nt", reason="limits of POSIX")
def test_a_full_disk_leaves_everything_as_it_was(pair, tmp_path):
    """The limit lets the first images be written, and then one not."""
    limited = ["sh", "-c", 'ulimit -f 120; exec "$@"', "sh", *MODULE]
    out = tmp_path / "out"
    out.mkdir()
    (out / "moving_transform.json").write_bytes(b"old")
    done = ecc_align("align", *pair, "--out", out, *QUICK, "--overwrite", program=limited)
    assert "_difference.tif: File too large" in done.complaint
    assert contents(out) == {"moving_transform.json": b"old"}
    assert names_in(out) == ["moving_transform.json"]


def test_the_transform_may_be_written_in_another_format_too(pair, tmp_path):
    command = ("align", *pair, "--out", tmp_path / "out", *QUICK)
    done = run_main(*command, "--transform-out", tmp_path / "t.tfm")
    assert done.code == 0
    assert f"Written to {tmp_path}: t.tfm\n" in done.out
    ours = Transform.load(tmp_path / "out" / "moving_transform.json")
    beside = tmp_path / "made" / "t.csv"
    done = run_main("align", *pair, "--out", beside.parent, *QUICK, "--transform-out", beside)
    assert done.code == 0
    assert (Transform.load(beside).matrix == ours.matrix).all()
    assert (Transform.load(tmp_path / "t.tfm").matrix == ours.matrix).all()
    (tmp_path / "t.tfm").write_text("precious")
    again = run_main(*command[:4], tmp_path / "new", *QUICK, "--transform-out", tmp_path / "t.tfm")
    assert "t.tfm exists" in again.complaint
    assert (tmp_path / "t.tfm").read_text() == "precious"
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError, InputError])
@pytest.mark.parametrize("at", [0, 1])
def test_what_is_interrupted_leaves_all_as_it_was(tmp_path, error, at):
    (tmp_path / "old.txt").write_text("old")
    paths = [tmp_path / "new" / "folder" / "a.txt", tmp_path / "old.txt"]
    with pytest.raises(error), all_or_none(paths, overwrite=True) as staged:
        for path in staged[: at + 1]:
            path.write_text("half")
        raise error
    assert contents(tmp_path) == {"old.txt": b"old"}
    assert names_in(tmp_path) == ["old.txt"]


def test_all_are_written_together(tmp_path):
    (tmp_path / "a.txt").write_text("old")
    paths = [tmp_path / "new" / "b.txt", tmp_path / "a.txt"]
    with all_or_none(paths, overwrite=True) as staged:
        for path in staged:
            path.write_text("new")
        assert (tmp_path / "a.txt").read_text() == "old"
    assert [path.read_text() for path in paths] == ["new", "new"]
    assert names_in(tmp_path) == ["a.txt", "new"]
    assert names_in(tmp_path / "new") == ["b.txt"]
