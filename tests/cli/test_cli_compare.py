"""``ecc-align compare``: two images that lie on each other already."""

import json

import numpy as np
import pytest
from processes import names_in, run_main

from napari_ecc_align import compare, difference, read_image, write_image


@pytest.fixture
def squares(tmp_path):
    """Two squares of 20 x 20 px, one of them a row lower."""
    page = np.full((60, 80), 250, np.uint8)
    page[20:40, 30:50] = 10
    write_image(tmp_path / "a.png", page)
    write_image(tmp_path / "b.png", np.roll(page, 1, axis=0))
    return tmp_path / "a.png", tmp_path / "b.png"


def test_the_counts_are_known(squares, tmp_path):
    done = run_main("compare", *squares)
    assert (done.code, done.err) == (0, "")
    said = dict(line.rsplit(maxsplit=1) for line in done.out.splitlines())
    assert said["differing pixels"] == "40"
    assert said["compared"] == "4,800"
    assert said["IoU"] == f"{380 / 420:.3f}"
    assert said["Dice"] == f"{760 / 800:.3f}"
    assert said["method"] == "otsu"
    assert names_in(tmp_path) == ["a.png", "b.png"]


def test_it_says_what_the_functions_say(inputs, tmp_path):
    pair = inputs / "camera.png", inputs / "shifted.png"
    options = "--method", "sauvola", "--signed", "--mask", inputs / "mask.png"
    done = run_main("compare", *pair, *options, "--out", tmp_path / "out", "--json")
    assert (done.code, done.err) == (0, "")
    images = [read_image(path) for path in pair]
    answer, gap = json.loads(done.out), difference(*images, signed=True)
    found = compare(*images, method="sauvola")
    expected = {**found.to_dict(), "mean_difference": np.abs(gap).mean()}
    assert {key: answer[key] for key in expected} == pytest.approx(expected)
    assert answer["thresholds"] == [None, None]
    out = tmp_path / "out"
    assert answer["files"] == {
        "difference": str(out / "shifted_difference.tif"),
        "binary_difference": str(out / "shifted_binary_difference.png"),
    }
    np.testing.assert_array_equal(read_image(out / "shifted_difference.tif"), gap)
    coloured = (read_image(out / "shifted_binary_difference.png") != 255).any(axis=2)
    np.testing.assert_array_equal(coloured, found.labels > 0)


def test_thresholds_are_numbers(squares):
    answer = json.loads(run_main("compare", *squares, "--thresholds", "5,100", "--json").out)
    # Nothing of the first is darker than 5.
    assert (answer["method"], answer["thresholds"]) == ("manual", [5, 100])
    assert (answer["different"], answer["iou"]) == (400, 0)
    assert answer["files"] == {}


def test_results_and_inputs_are_safe(squares, tmp_path):
    (tmp_path / "b_difference.tif").write_text("precious")
    refused = run_main("compare", *squares, "--out", tmp_path)
    assert "b_difference.tif exists" in refused.complaint
    write_image(tmp_path / "b_binary_difference.png", read_image(squares[0]))
    pair = tmp_path / "b_binary_difference.png", squares[1]
    done = run_main("compare", *pair, "--out", tmp_path, "--overwrite")
    assert "is an input" in done.complaint
