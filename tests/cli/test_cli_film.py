"""``ecc-align film``: a film that takes long, on disk, in processes, and after a kill."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tifffile
from processes import environment, names_in, run_main

import napari_ecc_align
from napari_ecc_align import read_image, write_image
from napari_ecc_align._align.frame_records import frame_records
from napari_ecc_align._common.errors import InputError
from pairs import picture

QUICK = ("--model", "translation")
COUNT, DAMAGED = 18, 5
RECORDS = ".film_frames.jsonl"


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """A film that drifts, one frame of which is damaged within its compressed pixels."""
    image, rng = picture("coins"), np.random.default_rng(5)
    where = 40 + np.cumsum(rng.integers(-1, 3, (COUNT, 2)), 0)
    frames = [image[y : y + 128, x : x + 128] + rng.normal(0, 4, (128, 128)) for y, x in where]
    pages = np.clip(frames, 0, 255).astype(np.uint8)
    path = tmp_path_factory.mktemp("film") / "film.tif"
    tifffile.imwrite(path, pages, photometric="minisblack", compression="zlib")
    with tifffile.TiffFile(path) as tiff:
        begin = tiff.pages[DAMAGED].dataoffsets[0]
    with path.open("r+b") as file:
        file.seek(begin + 2000)
        file.write(b"\xff" * 500)
    return path, pages


def rows(out):
    kept = []
    for row in csv.DictReader((out / "film_drift.csv").read_text().splitlines()):
        row.pop("seconds")
        kept.append(row)
    return kept


@pytest.fixture(scope="module")
def whole(film, tmp_path_factory):
    """What one process makes of it, and what it says."""
    out = tmp_path_factory.mktemp("whole") / "out"
    done = run_main("film", film[0], *QUICK, "--to", "first", "--out", out, "--json")
    assert (done.code, done.err) == (1, "")
    return out, json.loads(done.out)


def check_same(out, whole):
    assert names_in(out) == names_in(whole)
    assert rows(out) == rows(whole)
    for name in ("film_transforms.json", "film_aligned.tif"):
        assert (out / name).read_bytes() == (whole / name).read_bytes()


def test_a_frame_that_cannot_be_read_is_told_and_blank(film, whole):
    out, said = whole
    assert [row["verdict"] for row in said["frames"]].count("aligned") == COUNT - 1
    assert re.match("The frame cannot be read: .*damaged", said["frames"][DAMAGED]["reason"])
    warped = tifffile.imread(out / "film_aligned.tif")
    assert (warped.shape, warped.dtype) == (film[1].shape, film[1].dtype)
    assert [bool(frame.any()) for frame in warped].count(False) == 1
    assert not warped[DAMAGED].any()


def test_the_mean_is_sharper_and_how_much_is_told(whole, film, tmp_path):
    said = whole[1]
    assert 1.2 < said["sharpness"] / said["sharpness_before"] < 10
    assert run_main("film", film[0], *QUICK, "--json").out.count('"sharpness": null') == 1


def test_killed_it_goes_on_and_comes_to_the_same(film, whole, tmp_path):
    out = tmp_path / "out"
    command = (film[0], *QUICK, "--out", out)
    running = subprocess.Popen(
        [sys.executable, "-m", "napari_ecc_align", "film", *command],
        env=environment(PYTHONPATH=str(Path(napari_ecc_align.__file__).parents[1])),
        stdout=subprocess.DEVNULL,
    )
    records, until = out / RECORDS, time.monotonic() + 120
    while not records.exists() or records.read_bytes().count(b"\n") < 4:
        assert running.poll() is None and time.monotonic() < until
        time.sleep(0.001)
    running.kill()
    running.wait()
    known = records.read_bytes().count(b"\n") - 1
    assert names_in(out) == [RECORDS]
    # What a kill or a full disk has left of a line is not taken for a result.
    with records.open("ab") as file:
        file.write(b'{"verdict": "aligned"')
    done = run_main("film", *command, "-v")
    assert done.code == 1
    assert f"going on behind {known} frames that are done" in done.err
    assert f"frame {known} of" not in done.err
    assert re.search(rf"frame {COUNT} of {COUNT}: aligned, [\d.]+ frames a second", done.err)
    check_same(out, whole[0])


def test_several_processes_read_the_film_and_come_to_the_same(film, whole, tmp_path):
    out = tmp_path / "out"
    assert run_main("film", film[0], *QUICK, "--out", out, "--workers", "2").code == 1
    check_same(out, whole[0])


def test_records_of_another_run_are_not_taken_and_those_of_a_running_one_refused(tmp_path):
    path = tmp_path / "out" / RECORDS
    with frame_records(path, {"model": "affine"}):
        if os.name != "nt":
            with (
                pytest.raises(InputError, match="another run is writing to"),
                frame_records(path, {"model": "affine"}),
            ):
                pass
    path.write_bytes(path.read_bytes() + b"\n")
    with frame_records(path, {"model": "translation"}) as records:
        assert records.known == []
    assert path.read_bytes().count(b"\n") == 1


def test_files_of_which_one_is_damaged(film, tmp_path):
    paths = [tmp_path / f"{number}.png" for number in range(3)]
    for path, frame in zip(paths, film[1], strict=False):
        write_image(path, frame)
    content = paths[1].read_bytes()
    paths[1].write_bytes(content[:200] + b"\xff" * 300 + content[500:])
    done = run_main("film", *paths, *QUICK, "--out", tmp_path / "out")
    assert done.out.splitlines()[1].startswith("frame 1: failed: The frame cannot be read: ")
    assert not read_image(tmp_path / "out" / "1_aligned.png").any()
    assert read_image(tmp_path / "out" / "2_aligned.png").any()
