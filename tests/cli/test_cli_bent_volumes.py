"""Two depth stacks in files, of which one bends: a field found, written, and applied."""

import json
from dataclasses import replace

import jsonschema
import numpy as np
import pytest
import tifffile
from processes import run_main
from scipy import ndimage
from test_cli_json import SCHEMA

from napari_ecc_align import (
    SmoothVolumeAlignment,
    VolumeField,
    load_volume_transforms,
    warp_volume,
)
from napari_ecc_align._align.volume import film_frames, judge, steps

SHAPE = (40, 44, 42)
GRAY = {"photometric": "minisblack"}


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    rng = np.random.default_rng(2)
    volume = ndimage.gaussian_filter(rng.normal(size=SHAPE), 1.6)
    volume = np.rint(30_000 + 6_000 * volume / volume.std()).clip(0, 65535).astype(np.uint16)
    u = np.zeros((*SHAPE, 3))
    u[..., 0] = 1.5 * np.sin(np.arange(SHAPE[0]) / 8)[:, None, None]
    bent = VolumeField.from_displacements(u)
    folder = tmp_path_factory.mktemp("bent")
    for name, pixels in (("one", warp_volume(volume, bent)), ("two", volume)):
        sizes = {"axes": "ZYX", **{f"PhysicalSize{axis}": 0.5 for axis in "ZYX"}}
        tifffile.imwrite(folder / f"{name}.ome.tif", pixels, ome=True, metadata=sizes, **GRAY)
    return folder, bent


@pytest.fixture
def found(pair, monkeypatch):
    """Have the field found, which takes seconds, and is tested elsewhere; return with what."""
    asked = {}

    def align(reference, moving, **options):
        asked.update(options)
        numbers = {"known_share": 0.9, "uncertainty": 0.1, "bends": True, "stiffness": 8.0}
        reason = "Known to 0.1 px on 90%."
        return SmoothVolumeAlignment(
            pair[1], "aligned", reason, reference.shape, ecc=0.99, **numbers
        )

    monkeypatch.setattr(steps, "align_volume", align)
    return asked


def test_a_volume_that_bends_is_aligned_written_and_applied(pair, found):
    folder, bent = pair
    files, out = (folder / "one.ome.tif", folder / "two.ome.tif"), folder / "out"
    options = "--model", "smooth", "--out", out, "--transform-out", folder / "t.mha", "--json"
    done = run_main("align", *files, *options)
    assert (done.code, done.err) == (0, "")
    assert found["model"] == "smooth" and not found["all_turns"]
    assert found["spacing"] == found["moving_spacing"] == (0.5, 0.5, 0.5)
    answer = json.loads(done.out)
    jsonschema.validate(answer, {**SCHEMA, "anyOf": [{"$ref": "#/$defs/smooth_volumes"}]})
    (folder / "result.json").write_text(done.out)
    said = json.loads(run_main("info", folder / "result.json", "--json").out)
    jsonschema.validate(said, {**SCHEMA, "anyOf": [{"$ref": "#/$defs/info"}]})
    assert said["transforms"][0]["bends_up_to"] == answer["bends_up_to"]
    assert answer["bends"] and answer["bends_up_to"] == pytest.approx(1.5, abs=0.01)
    assert answer["mean_difference"] < answer["mean_difference_before"] / 2
    places = np.random.default_rng(0).uniform(8, 32, (50, 3))
    for path in (answer["files"]["transform"], answer["files"]["transform_out"]):
        assert np.abs(VolumeField.load(path)(places) - bent(places)).max() < 1e-3
    like = "--like", files[0], "--out", folder / "again.ome.tif"
    done = run_main("apply", answer["files"]["transform"], files[1], *like)
    assert (done.code, done.err) == (0, "")
    again, aligned = (tifffile.imread(path) for path in (like[-1], answer["files"]["warped"]))
    assert np.array_equal(again, aligned)
    told = run_main("align", *files, "--model", "smooth").out
    assert "known to 1 voxel on" in told and "bends up to, voxels" in told


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("info", "f.npz", "--spacing", "2"), "a field between pixels"),
        (("convert", "f.npz", "g.mha", "--spacing", "2"), "a field between pixels"),
        (("apply", "f.npz", "flat.tif", "--like", "one.ome.tif", "--out", "x.tif"), "no volume"),
    ],
)  # fmt: skip
def test_what_is_not_done_with_fields_of_volumes_is_said(pair, monkeypatch, command, said):
    folder, bent = pair
    monkeypatch.chdir(folder)
    bent.save("f.npz", overwrite=True)
    tifffile.imwrite("flat.tif", np.zeros((20, 20), np.uint8), **GRAY)
    assert said in run_main(*command).complaint


def test_a_field_of_volumes_is_written_in_other_formats(tmp_path, pair):
    _, bent = pair
    bent.save(tmp_path / "f.npz")
    places = np.random.default_rng(0).uniform(8, 32, (50, 3))
    for name in ("g.mha", "g.zarr"):
        assert run_main("convert", tmp_path / "f.npz", tmp_path / name).code == 0
        assert np.abs(VolumeField.load(tmp_path / name)(places) - bent(places)).max() < 0.01
    assert run_main("convert", tmp_path / "f.npz", tmp_path / "back.npz", "--inverse").code == 0
    back = VolumeField.load(tmp_path / "back.npz")
    assert np.abs(back(bent(places)) - places).max() < 0.02


def test_info_tells_of_a_field_of_volumes(pair, tmp_path):
    _, bent = pair
    replace(bent, sigma=np.full((2, 2, 2, 3), 0.1)).save(tmp_path / "f.npz")
    answer = json.loads(run_main("info", tmp_path / "f.npz", "--json").out)
    jsonschema.validate(answer, {**SCHEMA, "anyOf": [{"$ref": "#/$defs/info"}]})
    (row,) = answer["transforms"]
    # What is left of a wave beside the line nearest to it.
    wave = 1.5 * np.sin(np.linspace(0, SHAPE[0] - 1, 24) / 8)
    left = wave - np.polyval(np.polyfit(range(24), wave, 1), range(24))
    assert row["bends_up_to"] == pytest.approx(np.abs(left).max(), abs=0.01)
    assert row["bends_rms"] == pytest.approx(np.sqrt((left**2).mean()), abs=0.01)
    assert (row["known_share"], row["uncertainty"]) == (1, pytest.approx(0.1))
    told = run_main("info", tmp_path / "f.npz").out
    assert "voxels RMS" in told and "known to a voxel on 100%, typically to 0.1 voxels" in told


def test_a_field_of_another_program_is_judged_in_micrometres(pair, monkeypatch):
    folder, bent = pair
    known = replace(bent, sigma=np.full((2, 2, 2, 3), 0.1))
    found = SmoothVolumeAlignment(
        known, "aligned", "Known to 0.1 px on 90%.", SHAPE, (0.5,) * 3, known_share=0.9,
        uncertainty=0.1, bends=True, stiffness=8.0, ecc=0.99,
    )  # fmt: skip
    monkeypatch.setattr(judge, "smooth_volume_result", lambda *_: found)
    files, out = (folder / "one.ome.tif", folder / "two.ome.tif"), folder / "judged"
    told = []
    for displaced, more in ((bent, ("--out", out)), (bent.inverse, ())):
        displaced.in_units(0.5).save(folder / "um.npz", overwrite=True)
        given = "--transform", folder / "um.npz", "--in-um"
        told.append(json.loads(run_main("judge", *files, *given, *more, "--json").out))
        jsonschema.validate(told[-1], {**SCHEMA, "anyOf": [{"$ref": "#/$defs/smooth_volumes"}]})
    right, wrong = told
    assert (right["verdict"], right["start"]) == ("aligned", "given"), right["reason"]
    places = np.random.default_rng(0).uniform(8, 32, (50, 3))
    written = VolumeField.load(right["files"]["transform"])
    assert np.abs(written(places) - bent(places)).max() < 1e-6
    assert wrong["verdict"] == "failed" and "voxels from where the volumes fit" in wrong["reason"]


def test_a_film_of_volumes_that_bends_is_aligned_written_and_applied(pair, monkeypatch):
    folder, bent = pair
    volumes = [tifffile.imread(folder / f"{name}.ome.tif") for name in ("one", "two")]
    film, out = folder / "film.ome.tif", folder / "film"
    sizes = {"axes": "TZYX", **{f"PhysicalSize{axis}": 0.5 for axis in "ZYX"}}
    tifffile.imwrite(film, np.stack(volumes), ome=True, metadata=sizes, **GRAY)

    def found(job, own, other):
        yield from ()
        numbers = {"known_share": 0.9, "uncertainty": 0.1, "bends": True, "stiffness": 8.0}
        spacing = tuple(job.spacings[0].tolist())
        return SmoothVolumeAlignment(bent, "aligned", "Known.", SHAPE, spacing, **numbers)

    monkeypatch.setattr(film_frames, "smooth_volume_steps", found)
    beside = folder / "beside.npz"
    options = "--model", "smooth", "--transform-out", beside, "--out", out
    done = run_main("film", film, *options, "--json")
    assert (done.code, done.err) == (0, "")
    answer = json.loads(done.out)
    jsonschema.validate(answer, {**SCHEMA, "anyOf": [{"$ref": "#/$defs/volume_film"}]})
    assert [row["model"] for row in answer["volumes"]] == ["smooth"] * 2
    centre = (np.array(SHAPE[::-1]) - 1) / 2
    assert answer["volumes"][1]["x"] == pytest.approx((bent(centre) - centre)[0] / 2)
    names = ("film_aligned.ome.tif", "film_drift.csv", "film_transforms.npz")
    assert sorted(path.name for path in out.iterdir()) == sorted(names)
    assert "bends_up_to" in (out / names[1]).read_text().splitlines()[0]
    places = np.random.default_rng(0).uniform(8, 32, (50, 3))
    for path in (out / names[2], beside):
        first, second = load_volume_transforms(path)
        assert np.abs(second(places) - bent(places)).max() < 1e-3 and first.largest == 0
    warped = tifffile.imread(out / names[0])
    assert np.array_equal(warped[0], volumes[0])
    laid = warp_volume(volumes[1], load_volume_transforms(beside)[1])[4:-4, 4:-4, 4:-4]
    assert np.abs(warped[1][4:-4, 4:-4, 4:-4].astype(int) - laid).max() <= 1
    like = "--like", film, "--out", folder / "again.ome.tif", "--overwrite"
    assert run_main("apply", beside, film, *like).code == 0
    # Fields are kept to a ten-thousandth of a voxel.
    again = tifffile.imread(like[3])[1][4:-4, 4:-4, 4:-4]
    assert np.abs(again.astype(int) - laid).max() <= 1
    told = run_main("info", beside, "--json")
    said = json.loads(told.out)
    jsonschema.validate(said, {**SCHEMA, "anyOf": [{"$ref": "#/$defs/info"}]})
    assert [row["frame"] for row in said["transforms"]] == [0, 1]
    assert said["transforms"][1]["bends_up_to"] > 1
    assert "volume 1: smooth" in run_main("info", beside).out
    text = run_main("film", film, "--model", "smooth").out
    assert "2 volumes to the first: 2 aligned; x up to" in text and "bends up to 1.5" in text
    wrong = "--transform-out", folder / "film.mha"
    assert "a file of many transforms ends in .npz" in run_main(
        "film", film, "--model", "smooth", *wrong
    ).complaint  # fmt: skip
