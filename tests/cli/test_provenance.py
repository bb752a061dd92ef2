"""What is written says how it was made, and ``ecc-align show`` prints it."""

from __future__ import annotations

import hashlib
import json

import jsonschema
import numpy as np
import pytest
import tifffile
from PIL import Image
from processes import run_main
from skimage import data

from docs_pages import DOCS
from napari_ecc_align import load_transforms, read_image

SCHEMA = json.loads((DOCS / "ecc-align.schema.json").read_text())


def test_files_of_a_pair_say_how_they_were_made(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    camera = data.camera()
    tifffile.imwrite("a.tif", camera[100:300, 100:350])
    # By Pillow, which our files with its compressions are written by, too.
    Image.fromarray(camera[104:304, 95:345]).save("b.tif", compression="tiff_lzw")
    assert run_main("align", "a.tif", "b.tif", "--model", "euclidean", "--out", "out").code == 0
    files = "out/b_transform.json", "out/b_aligned.tif"
    for made in json.loads(run_main("show", *files, "--json").out).values():
        digest = hashlib.sha256((tmp_path / "b.tif").read_bytes()).hexdigest()
        assert made["inputs"][1] == {"name": "b.tif", "sha256": digest}
        assert made["options"]["model"] == "euclidean" and made["result"]["verdict"] == "aligned"
        assert made["program"].startswith("napari-ecc-align ")
    for file in files:
        judged = run_main("judge", "a.tif", "b.tif", "--transform", file, "--json")
        found = json.loads(judged.out)
        assert (judged.code, found["verdict"]) == (0, "aligned")
        assert (found["m02"], found["m12"]) == pytest.approx((5, -4), abs=0.05)
    refused = run_main("judge", "a.tif", "b.tif", "--transform", "a.tif")
    assert refused.code == 2 and "does not say where it comes from" in refused.complaint
    assert "does not say where it comes from" in run_main("show", "a.tif").complaint


def shown(*files):
    return [*json.loads(run_main("show", *files, "--json").out).values()]


def test_pictures_and_films_say_how_they_were_made(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    camera = data.camera()[100:300, 100:350]
    Image.fromarray(camera).save("a.png", dpi=(300, 300))
    tifffile.imwrite(
        "film.tif", np.stack([camera, np.roll(camera, 2, 0)]), metadata={"axes": "TYX"}
    )
    given = "a.png", "a.png", "--model", "translation"
    assert run_main("align", *given, "--out", "out").code == 0
    assert run_main("stack", "film.tif", "--model", "translation", "--out", "out").code == 0
    for kind in ("jpg", "png", "tif"):
        there = "out/a_transform.json", "a.png", "--like", "a.png", "--out", f"out/moved.{kind}"
        assert run_main("apply", *there).code == 0
    assert run_main("compare", "a.png", "out/a_aligned.png", "--out", "seen").code == 0
    results = ["out/a_aligned.png", "out/a_difference.tif", "out/a_binary_difference.png"]
    for made in shown(*results):
        assert made["command"] == "align" and made["result"]["verdict"] == "aligned"
    assert (
        "says of none"
        in run_main("judge", "a.png", "a.png", "--transform", "out/film_aligned.tif").complaint
    )
    for made in shown("out/film_aligned.tif", "out/film_transforms.json"):
        assert made["command"] == "stack" and made["inputs"][0]["name"] == "film.tif"
        result = made["result"]
        assert (result["frames"], result["aligned"]) == (2, 2)
        assert 0 < result["largest_uncertainty"] < 0.1
    for made in shown("out/moved.jpg", "out/moved.png", "out/moved.tif"):
        assert [each["name"] for each in made["inputs"]] == ["a_transform.json", "a.png", "a.png"]
    assert shown("seen/a_aligned_difference.tif")[0]["command"] == "compare"
    # It is as it was: its pixels, what it says of them, and what other programs read.
    assert np.array_equal(read_image("out/a_aligned.png"), camera)
    with Image.open("out/a_aligned.png") as image:
        assert image.info["dpi"] == pytest.approx((300, 300), abs=0.01)
    with tifffile.TiffFile("out/film_aligned.tif") as film:
        assert len(film.pages) == 2 and 65321 not in film.pages[1].tags
    transforms = load_transforms("out/film_transforms.json")
    assert transforms[1].matrix[1, 2] == pytest.approx(2, abs=0.02)


def test_the_record_of_a_batch_says_how_an_image_was_made(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    camera = data.camera()
    for folder, top in (("fixed", 100), ("scan", 103)):
        (tmp_path / folder).mkdir()
        Image.fromarray(camera[top : top + 150, 100:300]).save(f"{folder}/p.png")
    folders = "--reference", "fixed", "--moving", "scan", "--out", "out", "--workers", "1"
    assert run_main("batch", *folders).code == 0
    image, record, whole = shown("out/scan/p.png", "out/records/p.png.json", "out")
    assert image == record and image["outcome"] == "aligned"
    written = tmp_path / "out/records/p.png.json"
    program = image["program"].encode()
    written.write_bytes(written.read_bytes().replace(program, b"napari-ecc-align 0.0.1"))
    assert shown("out/scan/p.png")[0]["program"] == "napari-ecc-align 0.0.1"
    assert "No such file" in run_main("show", "none.png").complaint
    assert [each["role"] for each in image["inputs"]] == ["reference", "moving"]
    assert (whole["pairs"], whole["aligned"]) == (1, 1)
    again = "judge", "fixed/p.png", "scan/p.png", "--transform", "out/scan/p.png"
    found = json.loads(run_main(*again, "--json").out)
    assert (found["verdict"], found["m12"]) == ("aligned", pytest.approx(-3, abs=0.05))
    with (tmp_path / "out/scan/p.png").open("ab") as file:
        file.write(b"\0")
    assert "was changed since" in run_main(*again).complaint
    assert shown("out/scan/p.png")[0]["changed since"] == "scan/p.png"


def test_a_film_is_judged_frame_by_frame_from_what_was_written_of_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    camera = data.camera()
    frames = [camera[100 + k : 300 + k, 100 - 2 * k : 300 - 2 * k] for k in (0, 3, 5)]
    film = {"metadata": {"axes": "TYX"}, "photometric": "minisblack"}
    tifffile.imwrite("film.tif", np.stack(frames), **film)
    tifffile.imwrite("first.tif", frames[0])
    assert run_main("film", "film.tif", "--model", "translation", "--out", "out").code == 0
    by = "--transform", "out/film_transforms.json"
    for given in (("film.tif", *by), ("first.tif", "film.tif", *by), ("out/film_aligned.tif",)):
        judged = run_main("judge", *given, "--json")
        answer = json.loads(judged.out)
        jsonschema.validate(answer, {**SCHEMA, "anyOf": [{"$ref": "#/$defs/stack"}]})
        assert (judged.code, answer["aligned"], len(answer["frames"])) == (0, 3, 3)
        assert answer["reference"] == ("image" if len(given) == 4 else "first")
    x = [
        frame["x"]
        for frame in json.loads(run_main("judge", "film.tif", *by, "--json").out)["frames"]
    ]
    assert x == pytest.approx([0, 6, 10], abs=0.05)
    moved = run_main("judge", "film.tif")
    assert moved.code == 1 and moved.out.startswith("3 frames to the first: 1 aligned, 2 failed")
    assert "frame 1: failed: The tiles lie 6.7 px" in moved.out
    for given, said in (
        (("first.tif", *by), "of a pair give REFERENCE and MOVING"),
        (("film.tif", *by, "--out", "judged"), "--out is for a pair"),
        (("film.tif", "film.tif", *by), "give one image"),
    ):
        assert said in run_main("judge", *given).complaint
