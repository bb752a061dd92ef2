"""Running a plan from Python: progress, cancelling, a full disk, a person's decisions."""

from __future__ import annotations

import errno
import os
import shutil

import numpy as np
import pytest
from dataset import SHAPE, contents, digests

from napari_ecc_align import Batch, BatchSettings, Transform, align
from napari_ecc_align._batch.plan.output_folder import HIDDEN
from napari_ecc_align._batch.records.read import read_record, read_records
from napari_ecc_align._batch.records.record import Record, record_path
from napari_ecc_align._batch.run import loaded
from napari_ecc_align._batch.run import run_plan as running
from napari_ecc_align._batch.run.commit import commit, finish_all
from napari_ecc_align._batch.run.folder_lock import locked
from napari_ecc_align._batch.run.job import PairJob
from napari_ecc_align._batch.run.pair_job import process_pair
from napari_ecc_align._common.errors import InputError
from napari_ecc_align._common.workers.loop import Lost
from napari_ecc_align._images.files.image_file import ImageFile
from napari_ecc_align._images.files.images import encode_image, read_file, read_image
from napari_ecc_align._images.files.tags import GridTags, TiffStyle
from napari_ecc_align._transform.coordinates import corner_error

NAME = "w-1/p0.png"


def job(plan, token, name=NAME, **more):
    (pair,) = (pair for pair in plan.pairs if pair.name == name)
    return PairJob(pair, plan.settings, plan.out, token, **more)


def test_a_run_tells_of_each_pair_and_can_be_broken_off_and_resumed(plan, finished):
    steps = plan().run(workers=1)
    first = next(steps)
    assert (first.done, first.total, first.resumed) == (1, 4, False)
    steps.close()
    assert (plan().out / "report.html").exists()
    assert {record.name for record in read_records(plan().out)} == {first.record.name}
    again = list(plan().run(workers=2))
    assert [step.resumed for step in again] == [True, False, False, False]
    assert again[-1].counts.all_fine
    assert contents(plan().out) == contents(finished)


def test_a_pair_that_was_given_up_is_recorded_and_tried_again(plan, monkeypatch):
    chosen = plan(where=[NAME])
    with monkeypatch.context() as patch:
        lost = Lost("it took longer than 1 s")
        patch.setattr(running, "work", lambda pool, jobs, **how: ((job, lost) for job in jobs))
        (step,) = chosen.run()
    assert step.record.outcome == "failed"
    assert read_record(chosen.out, NAME).reason == (
        "Given up after a second try: it took longer than 1 s."
    )
    assert [s.record.outcome for s in chosen.run(workers=1)] == ["aligned"]


def test_what_a_worker_that_died_had_begun_is_gone_when_the_run_ends(plan, finished):
    steps = plan().run(workers=1)
    next(steps)
    begun = plan().out / HIDDEN / "unfinished" / "of-a-worker-that-was-killed"
    begun.mkdir(parents=True)
    (begun / "0").write_bytes(b"half a page")
    list(steps)
    assert not begun.exists()
    assert contents(plan().out) == contents(finished)


def test_cancelling_ends_a_run(plan):
    assert list(plan().run(workers=1, cancel=lambda: True)) == []
    assert list(read_records(plan().out)) == []


def test_a_pair_that_cannot_be_written_leaves_nothing_and_is_tried_again(plan, monkeypatch):
    real, calls = os.fsync, []

    def full_disk(descriptor):
        calls.append(descriptor)
        if len(calls) <= fails:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(descriptor)

    chosen = plan(where=[NAME])
    with locked(chosen.out) as token:
        monkeypatch.setattr(os, "fsync", full_disk)
        # Nothing can be written, not even the record.
        fails = 10**9
        record = process_pair(job(chosen, token))
        assert record.temporary
        assert "No space left on device" in record.reason
        assert digests(chosen.out).keys() == {f"{HIDDEN}/lock"}
        # The disk is full for a while: the record can be written again.
        calls.clear()
        fails = 1
        assert process_pair(job(chosen, token)).outcome == "failed"
        assert digests(chosen.out).keys() == {f"{HIDDEN}/lock", f"records/{NAME}.json"}
    assert next(chosen.run(workers=1)).record.outcome == "aligned"


@pytest.mark.parametrize("moved", [0, 1, 2])
def test_a_pair_killed_between_its_renames_is_brought_to_its_end(tmp_path, monkeypatch, moved):
    from napari_ecc_align._batch.run import commit as module

    real, calls = module.move_into_place, []

    def killed(*arguments, **options):
        calls.append(arguments)
        if len(calls) > moved:
            raise KeyboardInterrupt
        real(*arguments, **options)

    files = {"a/1.png": b"first", "b/1.png": b"second"}
    record = Record("1.png", "aligned", "because", transform=Transform.identity())
    with locked(tmp_path) as token:
        monkeypatch.setattr(module, "move_into_place", killed)
        with pytest.raises(KeyboardInterrupt):
            commit(tmp_path, token, record, files, overwrite=False)
        monkeypatch.setattr(module, "move_into_place", real)
        assert read_record(tmp_path, "1.png") is None
        finish_all(tmp_path)
    assert {name: (tmp_path / name).read_bytes() for name in files} == files
    assert read_record(tmp_path, "1.png").reason == "because"
    assert os.listdir(tmp_path / HIDDEN) == ["lock"]  # noqa: PTH208


def test_a_run_that_has_lost_the_folder_writes_nothing(plan):
    chosen = plan()
    with locked(chosen.out) as token:
        pass
    record = process_pair(job(chosen, token))
    assert "lost its folder" in record.reason
    assert digests(chosen.out).keys() == {f"{HIDDEN}/lock"}


def test_a_link_out_of_the_output_folder_is_not_followed(plan, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    chosen = plan(where=[NAME])
    chosen.out.mkdir()
    (chosen.out / "bw").symlink_to(elsewhere)
    (step,) = chosen.run(workers=1)
    assert "is a link, which is never followed" in step.record.reason
    assert list(elsewhere.iterdir()) == []


def test_doubtful_pairs_are_written_or_not_as_asked(plan, monkeypatch):
    from dataclasses import replace

    from napari_ecc_align._batch.run import pair_job as module

    real = module.outcome_of
    monkeypatch.setattr(
        module, "outcome_of", lambda steps: replace(real(steps), verdict="doubtful", reason="hm")
    )
    for choice in ("skip", "write"):
        chosen = plan(where=[NAME], doubtful=choice)
        with locked(chosen.out) as token:
            record = process_pair(job(chosen, token))
        assert (record.outcome, record.reason) == ("doubtful", "hm")
        assert (chosen.out / "bw" / NAME).exists() == (choice == "write")
        assert record.thumbnail
        assert record.numbers["different"] < record.numbers["different_before"]


def test_a_person_rejects_corrects_and_accepts(plan, good, finished):
    chosen = plan(where=["w-1/*"])
    shutil.copytree(finished, chosen.out)
    rejected = chosen.reject(NAME, note="another hand")
    assert rejected.outcome == "failed"
    assert not any((chosen.out / flavour / NAME).exists() for flavour in ("gray", "bw", "nostaff"))
    # It stays so in later runs.
    assert all(step.resumed for step in chosen.run(workers=1))
    assert "another hand" in (chosen.out / "report.csv").read_text()

    by_hand = Transform(good.truth[NAME])
    corrected = chosen.correct(NAME, by_hand)
    assert (corrected.outcome, corrected.review.decision) == ("aligned", "corrected")
    assert read_image(chosen.out / "bw" / NAME).shape == SHAPE
    loaded = Transform.load(record_path(chosen.out, NAME))
    assert corner_error(loaded.matrix, by_hand.matrix, SHAPE) < 1e-9

    accepted = chosen.accept(NAME, note="good enough")
    assert (accepted.outcome, accepted.review.decision) == ("aligned", "accepted")
    assert all(step.resumed for step in chosen.run(workers=1))
    assert "(accepted)" in (chosen.out / "report.html").read_text()
    with pytest.raises(InputError, match="the batch has no pair"):
        chosen.reject("nothing.png")


def test_a_missing_sibling_may_be_left_out(broken, tmp_path):
    dataset, _ = broken
    settings = BatchSettings(missing_siblings="skip")
    chosen = Batch.plan(
        **dataset.folders, out=tmp_path / "out", where=["x/sibling.png"], settings=settings
    )
    (step,) = chosen.run(workers=1)
    assert step.record.outcome == "aligned"
    assert (chosen.out / "nostaff/x/sibling.png").exists()
    assert not (chosen.out / "bw").exists()
    assert [s.resumed for s in chosen.run(workers=1)] == [True]


def test_a_damaged_record_is_no_record(plan, finished):
    chosen = plan(where=[NAME])
    shutil.copytree(finished, chosen.out)
    for damage in (b"", b"[]", b'{"record": 1}', b"\xff\xfe", b'{"record": 99}', b"{"):
        record_path(chosen.out, NAME).write_bytes(damage)
        assert read_record(chosen.out, NAME) is None
    (step,) = chosen.run(workers=1)
    assert not step.resumed
    assert step.record.outcome == "aligned"
    assert contents(chosen.out) == contents(finished)


def test_siblings_of_any_depth_and_colour_keep_it(good, tmp_path):
    """A 16-bit colour TIFF to align, with a JPEG, a palette and a fax page beside it."""
    from PIL import Image

    gray, bw = (read_image(good.file(flavour, NAME)) for flavour in ("gray", "bw"))
    colour = np.dstack([gray, gray, 200 * np.ones_like(gray)]).astype(np.uint16) * 257
    Image.fromarray(gray).save(tmp_path / "gray.jpg", quality=95)
    Image.fromarray(bw).convert("P").save(tmp_path / "palette.png")
    style, grid = TiffStyle(4), GridTags((600.0, 600.0))
    for name, file in (
        ("fax.tif", ImageFile(bw > 0, grid, style)),
        ("colour.tif", ImageFile(colour, style=TiffStyle(1))),
    ):
        (tmp_path / name).write_bytes(encode_image(name, file))
    (tmp_path / "pairs.tsv").write_text(
        "reference\tmoving\tsibling:j\tsibling:p\tsibling:f\n"
        f"{good.file('ideal', NAME)}\tcolour.tif\tgray.jpg\tpalette.png\tfax.tif\n"
    )
    out = tmp_path / "out"
    (step,) = Batch.plan(table=tmp_path / "pairs.tsv", out=out).run(workers=1)
    assert step.record.outcome == "aligned", step.record.reason
    found = {
        name: read_image(out / name)
        for name in ("moving/colour.tif", "j/colour.png", "p/colour.png", "f/colour.tif")
    }
    assert {name: (image.dtype.name, image.shape[2:]) for name, image in found.items()} == {
        "moving/colour.tif": ("uint16", (3,)),
        "j/colour.png": ("uint8", ()),
        "p/colour.png": ("uint8", (3,)),
        "f/colour.tif": ("bool", ()),
    }
    assert read_file(out / "moving/colour.tif").style == TiffStyle(1)
    fax = read_file(out / "f/colour.tif")
    assert (fax.style, fax.grid) == (style, grid)


def test_channels_and_where_they_lie_are_kept(good, tmp_path):
    """A file of two channels, aligned by their mean, with one of bands beside it, on a map."""
    import tifffile

    reference, gray = (read_image(good.file(flavour, NAME)) for flavour in ("ideal", "gray"))
    place = [(33550, 12, 3, (2.0, 2.0, 0.0), True), (33922, 12, 6, (0.0,) * 6, True)]
    tifffile.imwrite(tmp_path / "a.tif", reference, extratags=place, resolution=(600, 600))
    two = np.stack([gray, gray // 2])
    tifffile.imwrite(tmp_path / "b.tif", two, photometric="minisblack", metadata={"axes": "CYX"})
    bands = np.dstack([gray] * 4)
    tifffile.imwrite(tmp_path / "bands.tif", bands, photometric="rgb", extrasamples=[0])
    (tmp_path / "pairs.tsv").write_text("reference\tmoving\tsibling:s\na.tif\tb.tif\tbands.tif\n")
    out = tmp_path / "out"
    batch = Batch.plan(table=tmp_path / "pairs.tsv", out=out)
    (step,) = batch.run(workers=1)
    assert step.record.outcome == "aligned", step.record.reason
    moved = step.record.numbers["corner_shift"] * 25_400 / 600
    assert step.record.numbers["corner_shift_um"] == pytest.approx(moved)
    assert f"{moved:,.1f} µm" in batch.report.read_text("utf-8")
    for name, axes, extra in (("moving/b.tif", "CYX", ()), ("s/b.tif", "YXS", (0,))):
        with tifffile.TiffFile(out / name) as tif:
            page = tif.pages[0]
            assert (tif.series[0].axes, page.extrasamples) == (axes, extra)
            assert page.tags[33550].value == (2.0, 2.0, 0.0)
            assert page.tags[282].value == (600, 1)
    pixels = read_image(out / "moving/b.tif")
    assert pixels.shape == (2, *SHAPE)
    assert np.abs(pixels[0] // 2 - pixels[1].astype(int)).max() <= 1


def test_a_film_moves_as_the_frame_that_is_named_does(good, tmp_path):
    """Nothing in the file says that its pages are frames, or that the page wanted is the last."""
    import tifffile

    reference, gray = (read_image(good.file(flavour, NAME)) for flavour in ("ideal", "gray"))
    tifffile.imwrite(tmp_path / "a.tif", reference)
    film = np.stack([np.full_like(gray, 255), 255 - gray[::-1, ::-1], gray])
    tifffile.imwrite(tmp_path / "b.tif", film, photometric="minisblack", metadata=None)
    (tmp_path / "pairs.tsv").write_text("reference\tmoving\na.tif\tb.tif\n")
    settings = BatchSettings(frame_axis="0", frame=2)
    batch = Batch.plan(table=tmp_path / "pairs.tsv", out=tmp_path / "out", settings=settings)
    (step,) = batch.run(workers=1)
    assert step.record.outcome == "aligned", step.record.reason
    alone = align(reference, gray, model=settings.model)
    assert corner_error(step.record.transform.matrix, alone.transform.matrix, SHAPE) < 0.01
    assert read_image(tmp_path / "out/moving/b.tif").shape == (3, *SHAPE)


def test_a_file_that_may_not_be_read_costs_its_pair_alone(plan, good, monkeypatch):
    """Root may read anything, so the refusal is put in the file's place."""
    real = loaded.whole_file

    def refused(file, path):
        if path == good.file("bw", NAME):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return real(file, path)

    chosen = plan(where=["w-1/*"])
    with locked(chosen.out) as token, monkeypatch.context() as patch:
        patch.setattr(loaded, "whole_file", refused)
        outcomes = [process_pair(job(chosen, token, pair.name)) for pair in chosen.pairs]
    assert [record.outcome for record in outcomes] == ["failed", "aligned"]
    assert "Permission denied" in outcomes[0].reason


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"model": "elastic"}, "model must be one of"),
        ({"binary": "cubic"}, "binary must be one of area, nearest"),
        ({"pass_through": 1.5}, "pass_through must be"),
        ({"tolerance": 1.5}, "tolerance must be"),
        ({"method": "guess"}, "method must be one of otsu"),
        ({"model": "similarity", "engine": "opencv"}, "is not in OpenCV's ECC"),
        ({"max_pixels": 0}, "max_pixels must be"),
    ],
)
def test_settings_that_cannot_be_used_are_refused(change, complaint):
    with pytest.raises(InputError, match=complaint):
        BatchSettings(**change)


def test_a_page_is_passed_through_only_within_its_uncertainty():
    from types import SimpleNamespace

    from napari_ecc_align._batch.run.pair_job import _outcome

    def outcome(shift, uncertainty, moving=SHAPE, verdict="aligned"):
        transform = Transform([[1, 0, shift], [0, 1, 0], [0, 0, 1]], model="translation")
        result = SimpleNamespace(verdict=verdict, corner_uncertainty=uncertainty)
        return _outcome(result, transform, SHAPE, moving, BatchSettings())

    assert outcome(0.04, 0.001) == "passed through"
    assert outcome(0.06, 0.001) == "aligned"
    assert outcome(0.14, 0.05) == "passed through"
    assert outcome(0.16, 0.05) == "aligned"
    assert outcome(0.3, 0.4) == "aligned"
    assert outcome(0.04, np.nan) == "passed through"
    assert outcome(0.0, 0.001, moving=(SHAPE[0], SHAPE[1] - 1)) == "aligned"
    assert outcome(0.0, 0.001, verdict="doubtful") == "doubtful"


def test_what_a_killed_run_left_of_its_report_or_plan_goes_with_the_next(plan):
    chosen = plan(where=[NAME])
    list(chosen.run(workers=1))
    left = [".report.csv.tmp-1-ab", ".report.html.tmp-1-ab", ".ecc-align/.plan.json.tmp-1-ab"]
    others = ["report.csv.tmp-1-ab", ".mine.csv.tmp-1-ab"]
    for name in left + others:
        (chosen.out / name).write_text("half")
    more = plan(where=["w-1/*"])
    list(more.run(workers=1))
    assert not any((chosen.out / name).exists() for name in left)
    assert all((chosen.out / name).exists() for name in others)
