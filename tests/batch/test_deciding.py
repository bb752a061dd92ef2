"""What a person decides on a pair: all of it comes about, or nothing has changed."""

from __future__ import annotations

import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
from dataset import SHAPE, digests

from napari_ecc_align import Batch, InputError, Transform
from napari_ecc_align._batch.records.read import read_record, read_records
from napari_ecc_align._batch.run import commit as committing
from napari_ecc_align._batch.run.folder_lock import locked
from napari_ecc_align._images.files.images import read_image
from napari_ecc_align._transform.coordinates import corner_error

NAME = "w-1/p0.png"
PASSED = "w-9/aligned.png"
FLIPPED_HOMOGRAPHY = [[1, 0, 0], [0, 1, 0], [0, -0.01, 1]]


@pytest.fixture
def batch(finished, tmp_path):
    """A batch that has been run, in a folder of the test's own, opened again."""
    shutil.copytree(finished, tmp_path / "out")
    return Batch.open(tmp_path / "out")


@pytest.fixture
def unchanged(batch):
    """After the test, every file of the output folder has the bytes that it had before."""
    before = digests(batch.out)
    yield
    assert digests(batch.out) == before


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ("by hand", "must be a Transform"),
        (None, "must be a Transform"),
        (3.0, "transform cannot be used"),
        ([[1, 0], [0, 1]], "transform cannot be used"),
        ([["a", "b", "c"]] * 3, "transform cannot be used"),
        (np.zeros((3, 3)), "transform cannot be used"),
        ([[1, 0, 0], [2, 0, 0], [0, 0, 1]], "not invertible|cannot be inverted|singular"),
        (np.full((3, 3), np.nan), "transform cannot be used"),
        ([[1, 0, 1e5], [0, 1, 0], [0, 0, 1]], "lays no pixel of the moving image"),
        (FLIPPED_HOMOGRAPHY, "folds the image"),
        (SimpleNamespace(transform=None), "must be a Transform"),
        (
            SimpleNamespace(transform=Transform.identity(), verdict="failed"),
            "did not succeed either",
        ),
    ],
)
@pytest.mark.usefixtures("unchanged")
def test_what_is_no_transform_of_the_pair_changes_nothing(batch, given, complaint):
    with pytest.raises(InputError, match=complaint):
        batch.correct(NAME, given)


@pytest.mark.parametrize("decide", ["accept", "correct", "reject"])
@pytest.mark.usefixtures("unchanged")
def test_a_name_that_is_not_there_is_answered_with_the_nearest(batch, decide):
    more = [np.eye(3)] if decide == "correct" else []
    with pytest.raises(InputError, match=r"no pair 'w-1/p0\.tif'; the nearest .* w-1/p0\.png"):
        getattr(batch, decide)("w-1/p0.tif", *more)
    with pytest.raises(InputError, match="names must be"):
        getattr(batch, decide)(5, *more)
    with pytest.raises(InputError, match="note must be a text"):
        getattr(batch, decide)(NAME, *more, note=5)


@pytest.mark.parametrize("decide", ["accept", "correct", "reject"])
def test_nothing_is_decided_while_a_run_has_the_folder(batch, decide):
    more = [np.eye(3)] if decide == "correct" else []
    with locked(batch.out):
        before = digests(batch.out)
        with pytest.raises(InputError, match="another run"):
            getattr(batch, decide)(NAME, *more)
        assert digests(batch.out) == before


@pytest.mark.parametrize("damage", ["missing", "cut off"])
def test_a_pair_whose_inputs_cannot_be_read_keeps_its_outputs(good, tmp_path, damage):
    own = tmp_path / "scan.png"
    shutil.copy(good.file("gray", NAME), own)
    table = tmp_path / "pairs.csv"
    table.write_text(f"reference,moving\n{good.file('ideal', NAME)},{own}\n")
    batch = Batch.plan(table=table, out=tmp_path / "out")
    assert [step.record.outcome for step in batch.run(workers=1)] == ["aligned"]
    if damage == "missing":
        own.unlink()
    else:
        own.write_bytes(own.read_bytes()[:1000])
    before = digests(batch.out)
    with pytest.raises(InputError, match=r"scan\.png"):
        batch.correct("scan.png", good.truth[NAME])
    assert digests(batch.out) == before
    # What was written can be accepted all the same.
    assert batch.accept("scan.png").outputs == read_record(batch.out, "scan.png").outputs
    assert (batch.out / "moving/scan.png").exists()


@pytest.mark.parametrize("moved", [0, 1, 2, 3])
@pytest.mark.usefixtures("unchanged")
def test_a_rewriting_that_the_disk_refuses_is_taken_back(batch, good, monkeypatch, moved):
    """Three outputs and the record are renamed: any of these may be refused."""
    real, calls = committing.move_into_place, []

    def refused(*arguments, **options):
        calls.append(arguments)
        if len(calls) > moved:
            raise InputError("no space left")
        real(*arguments, **options)

    monkeypatch.setattr(committing, "move_into_place", refused)
    with pytest.raises(InputError, match="no space left"):
        batch.correct(NAME, good.truth[NAME])


def test_what_was_killed_while_it_kept_the_former_files_is_brought_to_its_end(
    batch, good, monkeypatch
):
    """Killed just before the second rename; the folder of unfinished files is still there."""
    real, calls = committing.move_into_place, []

    def killed(*arguments, **options):
        calls.append(arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt
        real(*arguments, **options)

    monkeypatch.setattr(committing, "move_into_place", killed)
    with pytest.raises(KeyboardInterrupt):
        batch.correct(NAME, good.truth[NAME])
    monkeypatch.undo()
    assert all(step.resumed for step in batch.run())
    record = batch.records()[NAME]
    assert record.review.decision == "corrected"
    assert all(file.is_at(batch.out / file.path) for file in record.outputs)


@pytest.mark.parametrize("links", [True, False])
@pytest.mark.usefixtures("unchanged")
def test_a_rejection_that_the_disk_refuses_is_taken_back(batch, monkeypatch, links):
    def refused(*_, **__):
        raise InputError("no space left")

    monkeypatch.setattr(committing, "move_into_place", refused)
    if not links:
        monkeypatch.setattr(committing.os, "link", lambda *_: (_ for _ in ()).throw(OSError()))
    with pytest.raises(InputError, match="no space left"):
        batch.reject(NAME)


@pytest.mark.usefixtures("unchanged")
def test_a_new_output_that_is_in_the_way_of_nothing_else_is_taken_back(batch, good, monkeypatch):
    """A file that is not of this batch is neither replaced nor removed."""
    stranger = batch.out / "bw" / NAME
    kept = stranger.read_bytes()
    stranger.write_bytes(b"a person's own")
    with pytest.raises(InputError, match="is not of this batch"):
        batch.correct(NAME, good.truth[NAME])
    assert stranger.read_bytes() == b"a person's own"
    stranger.write_bytes(kept)


def test_a_batch_that_has_not_been_run_can_be_corrected_but_not_accepted(good, tmp_path):
    batch = Batch.plan(**good.folders, out=tmp_path / "out")
    for decide in (batch.accept, batch.reject, batch.undo):
        with pytest.raises(InputError, match="has not been done yet"):
            decide(NAME)
    with pytest.raises(InputError):
        batch.correct(NAME, "by hand")
    assert not batch.out.exists()
    assert batch.correct(NAME, good.truth[NAME]).outcome == "aligned"


def test_a_result_and_a_matrix_stand_for_their_transform(batch, good):
    truth = Transform(good.truth[NAME])
    for given in (good.truth[NAME].tolist(), truth, SimpleNamespace(transform=truth)):
        record = batch.correct(NAME, given, note="by hand")
        assert (record.outcome, record.review.note) == ("aligned", "by hand")
        assert corner_error(record.transform.matrix, truth.matrix, SHAPE) < 1e-9
    assert read_image(batch.out / "bw" / NAME).shape == SHAPE


def test_accepting_writes_no_image_again(batch):
    images = {name: value for name, value in digests(batch.out).items() if name.endswith(".png")}
    former = batch.records()
    for name, outcome in ((NAME, "aligned"), (PASSED, "passed through")):
        record = batch.accept(name)
        assert (record.outcome, record.review.decision) == (outcome, "accepted")
        assert record.numbers == former[name].numbers
    assert {n: value for n, value in digests(batch.out).items() if n.endswith(".png")} == images
    assert all(step.resumed for step in batch.run())


def told(record):
    """Return what a person sees of a record, and what is written."""
    review = record.review and (record.review.decision, record.review.note)
    matrix = None if record.transform is None else record.transform.matrix.tolist()
    return record.outcome, record.reason, review, matrix, record.outputs, dict(record.numbers)


def without_seconds(seen):
    *rest, numbers = seen
    return *rest, {key: value for key, value in numbers.items() if "seconds" not in key}


def images_of(batch):
    return {n: value for n, value in digests(batch.out).items() if n.endswith(".png")}


@pytest.mark.parametrize("name", [NAME, PASSED])
@pytest.mark.parametrize("decide", ["accept", "reject", "correct"])
def test_every_decision_can_be_undone(batch, good, name, decide):
    before, images = without_seconds(told(batch.records()[name])), images_of(batch)
    given = [good.truth[NAME]] if decide == "correct" else []
    assert getattr(batch, decide)(name, *given, note="a slip").review.note == "a slip"
    undone = Batch.open(batch.out).undo(name)
    assert without_seconds(told(undone)) == before and undone.review is None
    assert images_of(batch) == images
    with pytest.raises(InputError, match="nobody has decided on it"):
        batch.undo(name)
    assert all(step.resumed for step in batch.run())


def test_a_rejected_pair_is_accepted_as_it_lay(batch):
    before, images = batch.records()[NAME], images_of(batch)
    batch.reject(NAME, note="a slip")
    assert images_of(batch) != images
    accepted = Batch.open(batch.out).accept(NAME, note="right after all")
    assert (accepted.outcome, accepted.review.decision) == ("aligned", "accepted")
    assert np.array_equal(accepted.transform.matrix, before.transform.matrix)
    assert images_of(batch) == images
    assert len(list(read_records(batch.out))) == 4


def test_decisions_are_undone_one_after_the_other(batch, good):
    corrected = batch.correct(NAME, good.truth[NAME], note="by hand")
    images = images_of(batch)
    batch.reject(NAME, note="a slip")
    back = batch.undo(NAME)
    assert without_seconds(told(back)) == without_seconds(told(corrected))
    assert images_of(batch) == images
    batch.reject(NAME, note="none")
    batch.accept(NAME)
    rejected = batch.undo(NAME)
    assert (rejected.outcome, rejected.reason) == ("failed", "Rejected by a person. none")
    assert NAME not in {name.removeprefix("moving/") for name in images_of(batch)}
    # What it had before is still known.
    assert np.array_equal(batch.accept(NAME).transform.matrix, corrected.transform.matrix)


def test_what_was_rejected_before_that_was_kept_is_done_again(batch):
    former = batch.records()[NAME]
    batch.reject(NAME)
    path = batch.out / "records" / f"{NAME}.json"
    document = json.loads(path.read_bytes())
    del document["review"]["former"]
    path.write_text(json.dumps(document))
    with pytest.raises(InputError, match="no transform that could be accepted"):
        batch.accept(NAME)
    assert np.array_equal(batch.undo(NAME).transform.matrix, former.transform.matrix)


def test_a_rejected_pair_can_be_corrected(batch, good):
    batch.reject(NAME)
    assert batch.correct(NAME, good.truth[NAME]).outcome == "aligned"
    assert len(list(read_records(batch.out))) == 4
