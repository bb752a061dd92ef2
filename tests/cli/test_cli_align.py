"""``ecc-align align``: what it writes, prints and returns."""

import json
import re

import numpy as np
import pytest
from processes import SCRIPT, ecc_align, names_in, run_main

from napari_ecc_align import Transform, warp
from napari_ecc_align._common.tables import INSPECTION_KEYS, MATRIX_KEYS, RESULT_KEYS
from napari_ecc_align._compare import binary as comparison
from napari_ecc_align._images.coverage import overlap
from napari_ecc_align._images.files.images import read_image, write_image
from napari_ecc_align._transform.coordinates import corner_error

COLOURS = {(255, 255, 255), *comparison.COLOURS.values()}


def matrix_of(answer):
    """Return the matrix in the JSON of a result, shape (3, 3)."""
    return np.reshape([answer[key] for key in MATRIX_KEYS], (3, 3))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("page") / "new" / "results"


@pytest.fixture(scope="module")
def done(inputs, folder):
    """A gray scan, dark on white, aligned to a binary page, white on black."""
    return ecc_align(
        "align", inputs / "page.png", inputs / "scan.png", "--out", folder, program=SCRIPT
    )


@pytest.fixture(scope="module")
def transform(done, folder):
    return Transform.load(folder / "scan_transform.json")


class TestPage:
    def test_is_aligned_and_says_so(self, done, folder):
        assert done.code == 0
        lines = done.out.splitlines()
        assert lines[0].startswith("aligned: ")
        assert lines[0].endswith("The moving image is a negative.")
        assert lines[1].split() == ["before", "after"]
        before, after = (
            int(number.replace(",", "")) for number in re.findall(r"[\d,]+", lines[2])
        )
        assert lines[2].startswith("differing pixels")
        assert after < before / 3
        assert len({len(line) for line in lines[1:-1]}) == 1
        assert lines[-1].startswith(f"Written to {folder}: scan_aligned.png, ")

    def test_no_progress_where_there_is_no_terminal(self, done):
        assert done.err == ""

    def test_writes_four_files_and_no_more(self, done, folder):
        assert names_in(folder) == [
            "scan_aligned.png",
            "scan_binary_difference.png",
            "scan_difference.tif",
            "scan_transform.json",
        ]

    def test_the_transform_is_right(self, transform, page):
        assert corner_error(transform.matrix, page.matrix, page.reference.shape) < 0.1

    def test_the_transform_carries_its_verdict(self, done, folder):
        document = json.loads((folder / "scan_transform.json").read_text())
        assert document["alignment"]["verdict"] == "aligned"
        assert document["alignment"]["inverted"] is True

    def test_the_aligned_image_is_the_scan_resampled(self, folder, transform, page):
        expected = warp(page.gray, transform, output_shape=page.reference.shape, fill="background")
        np.testing.assert_array_equal(read_image(folder / "scan_aligned.png"), expected)

    def test_nothing_differs_outside_the_overlap(self, folder, transform, page):
        outside = ~overlap(
            transform, output_shape=page.reference.shape, moving_shape=page.gray.shape
        )
        assert outside.any()
        gap = read_image(folder / "scan_difference.tif")
        assert gap.dtype == np.float32
        assert gap.shape == page.reference.shape
        assert (gap[outside] == 0).all()
        assert gap.max() > 0
        two_tone = read_image(folder / "scan_binary_difference.png")
        assert (two_tone[outside] == 255).all()
        assert {tuple(c) for c in np.unique(two_tone.reshape(-1, 3), axis=0).tolist()} == COLOURS


def test_a_glass_plate_in_jpeg_with_json(inputs, tmp_path):
    done = run_main(
        "align", inputs / "green.jpg", inputs / "red.jpg", "--out", tmp_path / "out", "--json"
    )
    assert (done.code, done.err) == (0, "")
    answer = json.loads(done.out)
    assert answer["verdict"] == "aligned"
    assert answer["inverted"] is False
    assert answer["ecc_before"] < answer["ecc"] <= 1
    assert answer["different"] < 0.8 * answer["different_before"]
    assert answer["mean_difference"] < 0.8 * answer["mean_difference_before"]
    assert 2 < answer["corner_shift"] < 12
    written = {
        role: tmp_path / "out" / name
        for role, name in {
            "warped": "red_aligned.png",
            "difference": "red_difference.tif",
            "binary_difference": "red_binary_difference.png",
            "transform": "red_transform.json",
        }.items()
    }
    assert answer["files"] == {role: str(path) for role, path in written.items()}
    assert list(answer) == [*RESULT_KEYS, "width", "height", *INSPECTION_KEYS, "notes", "files"]
    assert all(path.is_file() for path in written.values())
    loaded = Transform.load(written["transform"])
    np.testing.assert_array_equal(loaded.matrix, matrix_of(answer))
    assert loaded.model == answer["model"] == "affine"


@pytest.mark.parametrize(
    ("name", "dtype", "top", "channels", "aligned"),
    [
        ("deep.png", np.uint16, 65535, 1, "deep_aligned.png"),
        ("deep.TIF", np.uint16, 65535, 3, "deep_aligned.tif"),
        ("float.tiff", np.float32, 1.0, 1, "float_aligned.tif"),
        # The suffix lies; a PNG could not hold these numbers.
        ("float.png", np.float32, 1.0, 1, "float_aligned.tif"),
    ],
)
def test_depth_is_kept(inputs, photograph, tmp_path, name, dtype, top, channels, aligned):
    image = photograph.moving / 255 * top
    image = (np.rint(image) if dtype == np.uint16 else image).astype(dtype)
    if channels == 3:
        image = np.dstack([image] * 3)
    write_image(tmp_path / "written.tif", image)
    if name == "deep.png":
        write_image(tmp_path / name, image)
    else:
        (tmp_path / "written.tif").rename(tmp_path / name)
    done = run_main(
        *("align", inputs / "camera.png", tmp_path / name, "--out", tmp_path / "out"),
        *("--model", "translation", "--fill", "0", "--interpolation", "cubic"),
    )
    assert (done.code, done.err) == (0, "")
    found = read_image(tmp_path / "out" / aligned)
    transform = Transform.load(next((tmp_path / "out").glob("*.json")))
    assert photograph.error_of(transform) < 0.1
    assert transform.model == "translation"
    assert found.dtype == dtype
    expected = warp(
        image, transform, output_shape=photograph.reference.shape, interpolation="cubic", fill=0
    )
    np.testing.assert_array_equal(found, expected)


def test_masks_a_start_and_a_signed_difference(inputs, photograph, tmp_path):
    covered = read_image(inputs / "mask.png").copy()
    covered[:, 180:] = 0
    write_image(tmp_path / "m.png", covered)
    done = run_main(
        *("align", inputs / "camera.png", inputs / "shifted.png", "--out", tmp_path / "out"),
        *("--mask", tmp_path / "m.png", "--moving-mask", inputs / "mask.png"),
        *("--initial", inputs / "slide.json", "--model", "euclidean", "--engine", "opencv"),
        *("--max-iterations", "30", "--tolerance", "1e-6", "--method", "li"),
        *("--signed", "--json"),
    )
    assert done.code == 0
    answer = json.loads(done.out)
    assert answer["start"] == "initial"
    assert answer["iterations"] <= 30
    assert answer["method"] == "li"
    gap = read_image(tmp_path / "out" / "shifted_difference.tif")
    assert gap.min() < 0 < gap.max()
    assert (gap[:, 180:] == 0).all()
    assert photograph.error_of(Transform(matrix_of(answer))) < 0.1


@pytest.mark.parametrize("allowed", [True, False])
def test_a_mirrored_image_where_it_is_allowed_for(inputs, photograph, tmp_path, allowed):
    for folder, name in (("a", "camera.png"), ("b", "shifted.png")):
        (tmp_path / folder).mkdir()
        image = read_image(inputs / name)
        write_image(tmp_path / folder / "0.png", image[:, ::-1] if folder == "b" else image)
    options = ("--model", "translation", *["--mirrored"] * allowed, "--json")
    files = (tmp_path / folder / "0.png" for folder in "ab")
    done = run_main("align", *files, "--out", tmp_path / "out", *options)
    answer = json.loads(done.out)
    assert answer["verdict"] == ("aligned" if allowed else "failed")
    batch = run_main(
        "batch",
        *("--reference", tmp_path / "a", "--moving", tmp_path / "b"),
        *("--out", tmp_path / "many", *options),
    )
    (pair,) = (line for line in map(json.loads, batch.out.splitlines()) if "outcome" in line)
    assert pair["outcome"] == answer["verdict"]
    if allowed:
        right = photograph.truth.matrix.copy()
        right[0] = [0, 0, photograph.moving.shape[1] - 1] - right[0]
        recorded = Transform.load(tmp_path / "many" / "records" / "0.png.json")
        for found in (matrix_of(answer), recorded):
            assert Transform(right).corner_distance(found, (200, 240)) < 0.1


class TestNotAligned:
    def test_failed_writes_nothing(self, inputs, tmp_path):
        done = run_main(
            "align", inputs / "camera.png", inputs / "coffee.png", "--out", tmp_path / "out"
        )
        assert (done.code, done.err) == (1, "")
        first, second = done.out.splitlines()
        assert first.startswith("failed: ")
        assert second == "Nothing was written."
        assert names_in(tmp_path) == []

    def test_failed_with_json(self, inputs, tmp_path):
        done = ecc_align(
            *("align", inputs / "camera.png", inputs / "blank.png"),
            *("--out", tmp_path / "out", "--json"),
        )
        assert (done.code, done.err) == (1, "")
        answer = json.loads(done.out)
        assert answer["verdict"] == "failed"
        assert "contrast" in answer["reason"]
        assert answer["files"] == {}
        assert list(answer) == [
            *RESULT_KEYS,
            "width",
            "height",
            *INSPECTION_KEYS,
            "notes",
            "files",
        ]
        assert answer["x"] is answer["m02"] is answer["different"] is None
        assert names_in(tmp_path) == []

    def test_doubtful_writes_its_files(self, inputs, tmp_path):
        """Three fifths of the moving image show something else."""
        done = run_main(
            *("align", inputs / "camera.png", inputs / "half_other.png"),
            *("--out", tmp_path, "--model", "translation"),
        )
        assert (done.code, done.err) == (1, "")
        assert done.out.startswith("doubtful: ")
        assert len(names_in(tmp_path)) == 4
        document = json.loads((tmp_path / "half_other_transform.json").read_text())
        assert document["alignment"]["verdict"] == "doubtful"
