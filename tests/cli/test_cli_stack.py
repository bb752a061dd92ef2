"""``ecc-align stack``: a film in files or in one, registered, with its transforms and drift."""

import csv
import json

import numpy as np
import pytest
import tifffile
from processes import names_in, run_main

from napari_ecc_align import Transform, load_transforms, read_image, write_image
from pairs import picture

SHIFTS = [(0, 0), (2, -1), (5, 3), (7, 4)]
QUICK = ("--model", "translation")


@pytest.fixture(scope="module")
def film():
    image = np.rint(picture("camera")).astype(np.uint8)
    return np.stack([image[40 + y : 200 + y, 30 + x : 210 + x] for y, x in SHIFTS])


@pytest.fixture
def spoilt(film):
    """The film, of which one frame shows nothing."""
    spoilt = film.copy()
    spoilt[2] = 128
    return spoilt


def as_tiff(path, film):
    tifffile.imwrite(path, film, photometric="rgb" if film.ndim > 3 else "minisblack")
    return path


def as_files(folder, film):
    folder.mkdir()
    paths = [folder / f"f{number}.png" for number in range(len(film))]
    for path, frame in zip(paths, film, strict=True):
        write_image(path, frame)
    return paths


def check_transforms(path, to=0):
    for found, (y, x) in zip(load_transforms(path), SHIFTS, strict=True):
        expected = Transform([[1, 0, SHIFTS[to][1] - x], [0, 1, SHIFTS[to][0] - y]])
        assert found.corner_distance(expected, (160, 180)) < 0.1


def test_a_tiff_comes_back_as_one(film, tmp_path):
    path = as_tiff(tmp_path / "film.tif", film)
    done = run_main("stack", path, *QUICK, "--out", tmp_path / "out")
    assert (done.code, done.err) == (0, "")
    line, written = done.out.splitlines()
    assert line.startswith("4 frames to the first: 4 aligned; x up to 4.0")
    names = ["film_aligned.tif", "film_drift.csv", "film_transforms.json"]
    assert written == f"Written to {tmp_path / 'out'}: {', '.join(names)}"
    assert names_in(tmp_path / "out") == names
    check_transforms(tmp_path / "out" / "film_transforms.json")
    warped = tifffile.imread(tmp_path / "out" / "film_aligned.tif")
    assert (warped.shape, warped.dtype) == (film.shape, np.uint8)
    assert np.array_equal(warped[0], film[0])
    inner = np.s_[10:-10, 10:-10]
    assert all(np.abs(f[inner].astype(int) - film[0][inner]).mean() < 1 for f in warped)
    rows = list(csv.DictReader((tmp_path / "out" / "film_drift.csv").read_text().splitlines()))
    assert [round(float(row["y"])) for row in rows] == [-y for y, _ in SHIFTS]


def test_files_come_back_as_files(film, tmp_path):
    paths = as_files(tmp_path / "in", film)
    done = run_main("stack", *paths, *QUICK, "--reference", "-1", "--out", tmp_path / "out")
    assert (done.code, done.err) == (0, "")
    frames = [f"f{number}_aligned.png" for number in range(4)]
    assert names_in(tmp_path / "out") == [*frames, "stack_drift.csv", "stack_transforms.json"]
    check_transforms(tmp_path / "out" / "stack_transforms.json", to=3)
    assert np.array_equal(read_image(tmp_path / "out" / frames[3]), film[3])


def test_to_an_image_in_16_bit_colour(film, tmp_path):
    deep = np.stack([film.astype(np.uint16) * 200] * 3, axis=-1)
    path = as_tiff(tmp_path / "film.tif", deep)
    write_image(tmp_path / "reference.png", film[0])
    done = run_main(
        *("stack", path, *QUICK, "--reference", tmp_path / "reference.png"),
        *("--out", tmp_path / "out", "--transform-out", tmp_path / "drift.npy", "--json"),
    )
    assert (done.code, done.err) == (0, "")
    answer = json.loads(done.out)
    assert answer["reference"] == "image"
    assert answer["files"]["transform_out"] == str(tmp_path / "drift.npy")
    check_transforms(tmp_path / "drift.npy")
    warped = tifffile.imread(tmp_path / "out" / "film_aligned.tif")
    assert (warped.shape, warped.dtype) == (deep.shape, np.uint16)


def test_a_gap_is_listed_and_takes_its_neighbours_transform(spoilt, tmp_path):
    path = as_tiff(tmp_path / "film.tif", spoilt)
    done = run_main("stack", path, *QUICK, "--out", tmp_path / "out")
    assert (done.code, done.err) == (1, "")
    assert done.out.splitlines()[1].startswith("frame 2: failed: ")
    found = load_transforms(tmp_path / "out" / "film_transforms.json")
    assert found[2] == found[1]


def test_without_out_it_only_says(film, tmp_path):
    path = as_tiff(tmp_path / "film.tif", film)
    done = run_main("stack", path, *QUICK, cwd=tmp_path)
    assert (done.code, len(done.out.splitlines())) == (0, 1)
    assert names_in(tmp_path) == ["film.tif"]


def test_where_all_fail_nothing_is_written(tmp_path):
    path = as_tiff(tmp_path / "film.tif", np.full((3, 64, 64), 9, np.uint8))
    write_image(tmp_path / "a.png", np.eye(64).astype(np.uint8))
    done = run_main("stack", path, "--reference", tmp_path / "a.png", "--out", tmp_path / "out")
    assert done.code == 1
    assert done.out.endswith("\nNothing was written.\n")
    assert names_in(tmp_path) == ["a.png", "film.tif"]


def test_results_and_inputs_are_safe(film, tmp_path):
    path = as_tiff(tmp_path / "film.tif", film)
    (tmp_path / "film_drift.csv").write_text("precious")
    done = run_main("stack", path, "--out", tmp_path)
    assert "film_drift.csv exists; use --overwrite" in done.complaint
    own = as_tiff(tmp_path / "film_aligned.tif", film[0])
    done = run_main("stack", path, "--reference", own, "--out", tmp_path, "--overwrite")
    assert "film_aligned.tif is an input" in done.complaint
    assert (tmp_path / "film_drift.csv").read_text() == "precious"


def test_a_frame_that_is_cut_off_leaves_nothing(film, tmp_path):
    path = as_tiff(tmp_path / "film.tif", film)
    path.write_bytes(path.read_bytes()[:-30000])
    done = run_main("stack", path, "--out", tmp_path / "out")
    assert "damaged or cut off" in done.complaint
    assert names_in(tmp_path) == ["film.tif"]
