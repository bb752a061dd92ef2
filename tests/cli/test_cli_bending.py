"""``ecc-align`` of what bends: aligned, applied, written for ITK, and judged."""

import json

import numpy as np
import pytest
import tifffile
from processes import run_main
from scipy.ndimage import gaussian_filter
from skimage import data

from napari_ecc_align import Field, Transform, load_fields, read_image, warp
from napari_ecc_align._images.files.images import write_image

SIDE = 192


@pytest.fixture(scope="module")
def bent(tmp_path_factory):
    """A folder with tissue that bends, and the field that it bends by."""
    folder = tmp_path_factory.mktemp("bent")
    noise = np.random.default_rng(4).normal(size=(2, SIDE, SIDE))
    u = np.stack([gaussian_filter(one, 20) for one in noise], axis=-1)
    field = Field.from_displacements(3 * u / np.sqrt((u**2).sum(axis=-1).mean()))
    tissue = np.ascontiguousarray(data.immunohistochemistry()[:SIDE, :SIDE, 1])
    write_image(folder / "first.png", warp(tissue, field))
    write_image(folder / "second.png", tissue)
    return folder, field


def test_a_field_is_found_written_applied_and_judged(bent, tmp_path):
    folder, truth = bent
    pair = folder / "first.png", folder / "second.png"
    itk, own = tmp_path / "bent.mha", tmp_path / "out" / "second_transform.npz"
    way = ["--model", "smooth", "--out", tmp_path / "out", "--transform-out", itk, "--json"]
    done = run_main("align", *pair, *way)
    told = json.loads(done.out)
    assert done.code == 0 and told["model"] == "smooth" and told["known_share"] > 0.9
    here = np.random.default_rng(0).uniform(20, SIDE - 20, (50, 2))
    for path in (itk, own):
        assert np.abs(Field.load(path)(here) - truth(here)).max() < 1
    out = tmp_path / "applied.png"
    assert run_main("apply", own, pair[1], "--like", pair[0], "--out", out).code == 0
    expected = warp(read_image(pair[1]), Field.load(own), output_shape=(SIDE, SIDE))
    assert np.array_equal(read_image(out), expected)
    assert run_main("convert", own, tmp_path / "again.mha").code == 0
    judged = run_main("judge", *pair, "--transform", tmp_path / "again.mha")
    assert judged.code == 0 and "from where the images fit" in judged.out
    group = tmp_path / "again.zarr"
    assert run_main("convert", own, group).code == 0
    twice = run_main("convert", own, group)
    assert twice.code == 2 and "exists already" in twice.err
    judged = run_main("judge", *pair, "--transform", group, "--out", tmp_path / "judged")
    assert judged.code == 0 and "from where the images fit" in judged.out, judged.err
    out = tmp_path / "by_group.png"
    assert run_main("apply", group, pair[1], "--like", pair[0], "--out", out).code == 0
    apart = read_image(out).astype(int) - expected
    assert np.abs(apart[20:-20, 20:-20]).max() < 4
    shift = tmp_path / "shift.json"
    Transform([[1, 0, 2], [0, 1, 0]]).save(shift)
    matrix = run_main("convert", shift, tmp_path / "matrix.zarr")
    assert matrix.code == 2 and "for fields" in matrix.err
    refused = run_main("align", *pair, "--model", "smooth", "--transform-out", "no.tfm")
    assert refused.code == 2 and ".npz, .mha" in refused.err


def test_a_film_is_aligned_by_fields_that_go_to_other_films(bent, tmp_path):
    folder, truth = bent
    frames = [read_image(folder / name) for name in ("first.png", "second.png")]
    tifffile.imwrite(tmp_path / "film.tif", np.stack(frames), metadata={"axes": "TYX"})
    way = ["--model", "smooth", "--out", tmp_path / "out", "--json"]
    done = run_main("stack", tmp_path / "film.tif", *way)
    told = json.loads(done.out)
    assert done.code == 0 and told["aligned"] == 2, done.out
    assert told["frames"][1]["bends"] is True and told["frames"][1]["bends_up_to"] > 1
    assert told["sharpness"] > told["sharpness_before"]
    kept = tmp_path / "out" / "film_transforms.npz"
    here = np.random.default_rng(0).uniform(20, SIDE - 20, (50, 2))
    assert np.median(np.abs(load_fields(kept)[1](here) - truth(here))) < 0.3
    lines = (tmp_path / "out" / "film_drift.csv").read_text().splitlines()
    assert len(lines) == 3 and "bends_up_to" in lines[0]
    again = tmp_path / "again.tif"
    like = ["--like", folder / "first.png", "--out", again]
    assert run_main("apply", kept, tmp_path / "film.tif", *like).code == 0
    aligned = tifffile.imread(tmp_path / "out" / "film_aligned.tif")
    assert np.array_equal(tifffile.imread(again), aligned)
    refused = run_main("stack", tmp_path / "film.tif", *way, "--transform-out", "no.json")
    assert refused.code == 2 and ".npz" in refused.err
    opencv = run_main("stack", tmp_path / "film.tif", "--model", "smooth", "--engine", "opencv")
    assert opencv.code == 2 and "engine='opencv'" in opencv.err


def test_align_writes_a_group_beside_its_results_all_or_nothing(bent, tmp_path):
    folder, truth = bent
    pair = folder / "first.png", folder / "second.png"
    group = tmp_path / "bent.zarr"
    way = ["--model", "smooth", "--transform-out", group]
    here = np.random.default_rng(0).uniform(20, SIDE - 20, (50, 2))
    assert run_main("align", *pair, *way).code == 0
    assert np.abs(Field.load(group)(here) - truth(here)).max() < 1
    again = run_main("align", *pair, *way, "--out", tmp_path / "out")
    assert again.code == 2 and "exists already" in again.err and "Traceback" not in again.err
    assert not (tmp_path / "out").exists()
    over = run_main("align", *pair, *way, "--out", tmp_path / "out", "--overwrite")
    assert over.code == 0, over.err
    own = tmp_path / "out" / "second_transform.npz"
    assert np.abs(Field.load(group)(here) - Field.load(own)(here)).max() < 0.02
    other = tmp_path / "other.zarr"
    other.mkdir()
    (other / "mine.txt").write_text("mine")
    kept = run_main("align", *pair, "--model", "smooth", "--transform-out", other, "--overwrite")
    assert kept.code == 2 and "no field" in kept.err
    assert (other / "mine.txt").read_text() == "mine"
    matrix = run_main("align", *pair, "--transform-out", tmp_path / "matrix.zarr")
    assert matrix.code == 2


def test_info_says_what_a_results_own_json_says(bent, tmp_path):
    folder, _ = bent
    pair = folder / "first.png", folder / "second.png"
    own, told = tmp_path / "own.npz", tmp_path / "told.json"
    done = run_main("align", *pair, "--model", "smooth", "--transform-out", own, "--json")
    told.write_text(done.out)
    result = json.loads(done.out)
    info = run_main("info", told, "--json")
    assert info.code == 0, info.err
    (row,) = json.loads(info.out)["transforms"]
    for key in ("verdict", "reason", "bends_up_to", "known_share", "uncertainty", "m00", "m12"):
        assert row[key] == result[key]
    assert row["model"] == "smooth" and row["bends_rms"] is None
    assert (row["center_x"], row["center_y"]) == ((SIDE - 1) / 2, (SIDE - 1) / 2)
    text = run_main("info", told)
    assert text.code == 0 and "--transform-out" in text.out
    (of_field,) = json.loads(run_main("info", own, "--json").out)["transforms"]
    assert row.keys() == of_field.keys()
    assert run_main("info", told, "--pixel-size", "0.5", "--unit", "um").code == 2
    for key, value in (("bends_up_to", "far"), ("m11", "one"), ("m00", None)):
        told.write_text(json.dumps(result | {key: value}))
        bad = run_main("info", told)
        assert bad.code == 2 and str(told) in bad.err and "Traceback" not in bad.err


def test_info_says_how_a_field_bends_whatever_its_file_is(bent, tmp_path):
    _, truth = bent
    turned = np.deg2rad(2.0)
    matrix = [[np.cos(turned), -np.sin(turned), 5], [np.sin(turned), np.cos(turned), -3]]
    field = Transform(matrix) @ Field(
        truth.matrix, truth.rows, truth.columns, truth.coefficients, np.full((2, 2, 2), 0.3)
    )
    rows = []
    truth.save(tmp_path / "unturned.npz")
    size = "--size", SIDE, SIDE
    unturned = run_main("info", tmp_path / "unturned.npz", *size, "--json")
    before = json.loads(unturned.out)["transforms"][0]
    for name in ("own.npz", "itk.mha", "ngff.zarr"):
        field.save(tmp_path / name)
        done = run_main("info", tmp_path / name, *size, "--json")
        assert done.code == 0, done.err
        rows += json.loads(done.out)["transforms"]
    for row in rows:
        assert row["model"] == "smooth" and row["frame"] is None
        assert row["rotation"] == pytest.approx(before["rotation"] + 2, abs=1e-2)
        assert row["bends_rms"] == pytest.approx(before["bends_rms"], abs=0.01)
        assert row["bends_up_to"] == pytest.approx(rows[0]["bends_up_to"], abs=0.02)
        assert [row["x"], row["y"]] == pytest.approx([rows[0]["x"], rows[0]["y"]], abs=0.01)
    assert [row["known_share"] for row in rows] == [1.0, None, None]
    assert rows[0]["uncertainty"] == pytest.approx(0.3)
    text = run_main("info", tmp_path / "own.npz", tmp_path / "itk.mha")
    assert text.code == 0
    assert "known to a pixel on 100%" in text.out and "nobody said" in text.out
    assert "px RMS" in text.out
    scaled = run_main("info", tmp_path / "own.npz", "--pixel-size", "0.5", "--unit", "um")
    assert scaled.code == 2 and "between pixels" in scaled.err
    (tmp_path / "bad.npz").write_bytes(b"no field")
    bad = run_main("info", tmp_path / "bad.npz")
    assert bad.code == 2 and "Traceback" not in bad.err
