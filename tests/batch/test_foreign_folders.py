"""Output folders and records that somebody else has made: nothing is followed, opened or lost."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from dataset import digests

from napari_ecc_align import InputError
from napari_ecc_align._batch.records.read import read_record, read_record_file
from napari_ecc_align._batch.records.record import Record
from napari_ecc_align._batch.run.commit import commit, finish_all
from napari_ecc_align._batch.run.folder_lock import locked
from napari_ecc_align._common.own_files import is_path_below, path_below

PLACES = (".ecc-align", ".ecc-align/lock", ".ecc-align/unfinished", ".ecc-align/unfinished/x")


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    folder = tmp_path / "victim"
    (folder / "photos").mkdir(parents=True)
    (folder / "photos" / "1.txt").write_text("precious")
    (folder / "key").write_text("key")
    return folder


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def run(out: Path, record: Record, files: dict[str, bytes]) -> Record:
    with locked(out) as token:
        finish_all(out)
        return commit(out, token, record, files, overwrite=False)


def pair(name: str = "p.png") -> Record:
    return Record(name, "aligned", "All is well.")


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("target", ["victim", "victim/key", "victim/none"])
def test_a_link_in_the_hidden_folder_is_refused_and_not_followed(out, victim, place, target):
    (out / place).parent.mkdir(parents=True, exist_ok=True)
    (out / place).symlink_to(out.parent / target)
    before = digests(victim)
    with pytest.raises(InputError, match="link"):
        run(out, pair(), {"gray/p.png": b"pixels"})
    assert digests(victim) == before
    assert not (victim / "none").exists()
    assert (out / place).is_symlink()


def test_a_lock_that_is_another_name_of_somebody_s_file_is_not_emptied(out, victim):
    (out / ".ecc-align").mkdir()
    os.link(victim / "key", out / ".ecc-align" / "lock")
    with pytest.raises(InputError, match="second name"):
        run(out, pair(), {})
    assert (victim / "key").read_text() == "key"


@pytest.mark.parametrize("place", ["gray", "records"])
def test_a_link_where_results_go_is_refused(out, victim, place):
    (out / place).symlink_to(victim)
    before = digests(victim)
    with pytest.raises(InputError, match="is a link"):
        run(out, pair(), {"gray/p.png": b"pixels"})
    assert digests(victim) == before


def test_an_output_that_has_become_a_link_is_neither_read_nor_removed(out, victim):
    run(out, pair(), {"gray/p.png": b"key"})
    (out / "gray" / "p.png").unlink()
    (out / "gray" / "p.png").symlink_to(victim / "key")
    run(out, pair(), {})
    assert (victim / "key").read_text() == "key"
    assert (out / "gray" / "p.png").is_symlink()


@pytest.mark.parametrize(
    "change",
    [
        {"name": "../../victim/written"},
        {"name": "/tmp/written"},
        {"outputs": [{"path": "../victim/key", "size": 3, "sha256": ""}]},
    ],
)
def test_names_in_a_staged_record_are_checked_like_all_others(out, victim, change):
    staged = out / ".ecc-align" / "unfinished" / "x"
    staged.mkdir(parents=True)
    (staged / "record.json").write_text(json.dumps(pair().as_document() | change))
    before = digests(victim)
    run(out, pair(), {})
    assert digests(victim) == before
    assert not staged.exists()


def test_a_pipe_among_the_records_does_not_stop_a_run(out):
    (out / "records").mkdir()
    os.mkfifo(out / "records" / "p.png.json")
    assert read_record(out, "p.png") is None
    with pytest.raises(InputError, match="neither a file nor a folder"):
        run(out, pair(), {})


WRONG = {
    "name": [5, None, "", "../x"],
    "outcome": ["perfect", ["aligned"], None],
    "reason": [5, None],
    "numbers": [5, None, {"corner_uncertainty": [1]}, {"ecc": float("nan")}],
    "inputs": [
        5,
        [{}],
        [{"role": ["moving"], "path": "", "size": 1, "modified": 1, "sha256": ""}],
    ],
    "outputs": [
        [{"path": "p", "size": "3", "sha256": ""}],
        [{"path": [], "size": 3, "sha256": ""}],
    ],
    "settings": [5, [], {"model": {"deep": 1}}],
    "review": ["yes", {"decision": "perhaps", "note": ""}],
    "thumbnail": [5, "http://elsewhere.example/picture.png"],
    "record": [2, "1"],
}


@pytest.mark.parametrize(
    "key, value", [(key, value) for key, values in WRONG.items() for value in values]
)
def test_a_record_of_which_one_thing_is_wrong_is_no_record(tmp_path, key, value):
    path = tmp_path / "record.json"
    document = pair().as_document()
    path.write_text(json.dumps(document))
    assert read_record_file(path) is not None
    path.write_text(json.dumps(document | {key: value}))
    assert read_record_file(path) is None


@pytest.mark.parametrize("content", [b"", b"[", b"[" * 100_000, b"\xff", b"null", b"5", b"{}"])
def test_what_is_no_document_is_no_record(tmp_path, content):
    (tmp_path / "record.json").write_bytes(content)
    assert read_record_file(tmp_path / "record.json") is None


@pytest.mark.parametrize("name", ["", ".", "..", "a/../../b", "/a", "a\0b"])
def test_paths_that_do_not_stay_below_a_folder(name, tmp_path):
    assert not is_path_below(name)
    with pytest.raises(InputError, match="does not stay below"):
        path_below(tmp_path, name)


def test_a_folder_itself_may_be_reached_through_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert path_below(tmp_path / "link", "a/b") == tmp_path / "link" / "a" / "b"
