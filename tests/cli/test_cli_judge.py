"""``ecc-align judge``: the verdict on a transform of any program, and what is written of it."""

import json

import pytest
from processes import names_in, run_main

from napari_ecc_align import Transform, read_image, warp


@pytest.fixture
def pair(inputs):
    return inputs / "camera.png", inputs / "shifted.png"


@pytest.fixture
def truth(photograph):
    return photograph.truth


@pytest.mark.parametrize("suffix", [".json", ".ome.json", ".tfm", ".csv", ".npy", ".txt"])
def test_a_right_transform_of_any_format_is_aligned(pair, truth, tmp_path, suffix):
    truth.save(tmp_path / f"right{suffix}")
    done = run_main("judge", *pair, "--transform", tmp_path / f"right{suffix}")
    assert done.code == 0
    lines = done.out.splitlines()
    assert lines[0].startswith("aligned: ")
    assert "before" not in done.out
    assert {"differing pixels", "uncertainty, px"} <= {line[:16].strip() for line in lines}
    assert "Written" not in done.out


def test_a_transform_in_micrometres_is_told_their_size(pair, truth, tmp_path):
    path = tmp_path / "um.tfm"
    truth.in_units((0.5, 0.25)).save(path)
    assert run_main("judge", *pair, "--transform", path, "--pixel-size", "0.5,0.25").code == 0
    wrong = run_main("judge", *pair, "--transform", path)
    assert wrong.code == 1
    assert "from where the transform puts them" in wrong.out
    alone = run_main("judge", *pair, "--moving-pixel-size", "2")
    assert "needs --pixel-size" in alone.complaint


def test_a_wrong_transform_fails_and_is_told_where_the_images_lie(pair, truth, tmp_path):
    (truth @ Transform([[1, 0, 2], [0, 1, 0]])).save(tmp_path / "wrong.json")
    done = run_main("judge", *pair, "--transform", tmp_path / "wrong.json")
    assert done.code == 1
    told = "failed: The tiles lie 2.0 px to the left of where the transform puts them. There "
    assert done.out.startswith(told)


def test_without_a_transform_images_are_judged_pixel_on_pixel(inputs, pair, truth, tmp_path):
    moved = run_main("judge", *pair, "--json")
    assert moved.code == 1
    answer = json.loads(moved.out)
    assert (answer["verdict"], answer["m02"], answer["m12"]) == ("failed", 0, 0)
    assert "lie 4.2 px" in answer["reason"]
    folder = tmp_path / "out"
    judged = "judge", *pair, "--transform", inputs / "slide.json", "--out", folder
    assert run_main(*judged).code == 0
    assert run_main("judge", pair[0], folder / "shifted_aligned.png").code == 0


def test_what_is_written_is_of_the_transform_though_it_is_wrong(pair, tmp_path):
    done = run_main("judge", *pair, "--out", tmp_path / "out")
    assert done.code == 1
    assert names_in(tmp_path / "out") == [
        "shifted_aligned.png",
        "shifted_binary_difference.png",
        "shifted_difference.tif",
        "shifted_transform.json",
    ]
    assert Transform.load(tmp_path / "out" / "shifted_transform.json") == Transform.identity()
    moving = read_image(pair[1])
    assert (warp(moving, Transform.identity()) == moving).all()
    assert (read_image(tmp_path / "out" / "shifted_aligned.png") == moving).all()


def test_where_nothing_can_be_compared_nothing_is_written(inputs, pair, tmp_path):
    Transform([[1, 0, 4000], [0, 1, 0]]).save(tmp_path / "far.json")
    far = "--transform", tmp_path / "far.json"
    done = run_main("judge", *pair, *far, "--out", tmp_path / "out")
    assert (done.code, (tmp_path / "out").exists()) == (1, False)
    assert done.out.splitlines()[1:] == ["Nothing was written."]
    unrelated = run_main("judge", pair[0], inputs / "coffee.png")
    assert unrelated.code == 1 and unrelated.out.startswith("failed: ")


def test_doubtful_may_be_accepted(pair, truth, tmp_path):
    (truth @ Transform([[1, 0, 0.8], [0, 1, 0]])).save(tmp_path / "nearly.json")
    judged = "judge", *pair, "--transform", tmp_path / "nearly.json"
    assert run_main(*judged).code == 1
    assert run_main(*judged, "--accept", "doubtful", "-q").code == 0


def test_no_input_is_overwritten(inputs, pair, truth, tmp_path):
    truth.save(tmp_path / "shifted_transform.json")
    judged = "judge", *pair, "--transform", tmp_path / "shifted_transform.json"
    done = run_main(*judged, "--out", tmp_path, "--overwrite")
    assert "is an input and is not overwritten" in done.complaint
    narrow = run_main("judge", *pair, "--transform", inputs / "slide.json", "--model", "nonsense")
    assert "invalid choice" in narrow.complaint
