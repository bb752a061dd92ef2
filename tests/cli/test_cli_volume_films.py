"""Films of volumes in files: drift in three axes, gone on with after a kill; OME-Zarr, judging."""

import csv
import json
import subprocess
import sys
import time
from pathlib import Path
from xml.etree import ElementTree

import jsonschema
import numpy as np
import pytest
import tifffile
import zarr
from processes import environment, run_main
from scipy import ndimage
from test_cli_json import SCHEMA

import napari_ecc_align
from napari_ecc_align import VolumeTransform, load_volume_transforms, warp_volume

SPACING = (0.5, 0.2, 0.2)
SHIFTS = np.array([[0, 0, 0], [0.5, -1, 1.5], [1.2, -2, 2.5], [1.8, -2.6, 4]])
GRAY = {"photometric": "minisblack"}
QUICK = ("--model", "translation")


def volumes():
    rng = np.random.default_rng(3)
    world = ndimage.gaussian_filter(rng.random((52, 78, 84)), 1.8)
    world = 60_000 * (world - world.min()) / np.ptp(world)
    moved = [ndimage.shift(world, -shift, order=3)[8:44, 12:66, 12:72] for shift in SHIFTS]
    return np.rint(np.clip(moved, 0, 65_535)).astype(np.uint16)


FILM = volumes()


def ome(path, pixels, axes):
    told = {f"PhysicalSize{axis}": size for axis, size in zip("ZYX", SPACING, strict=True)}
    tifffile.imwrite(path, pixels, ome=True, metadata={"axes": axes, **told}, **GRAY)
    return path


def ngff(path, pixels, axes):
    group = zarr.open_group(path, mode="w")
    chunks = (1,) * (pixels.ndim - 3) + (20, 30, 30)
    group.create_array("0", shape=pixels.shape, chunks=chunks, dtype=pixels.dtype)[...] = pixels
    kinds = {"t": {"type": "time"}, "c": {"type": "channel"}}
    space = {"type": "space", "unit": "nanometer"}
    scale = [1.0] * (pixels.ndim - 3) + [1000 * length for length in SPACING]
    image = {
        "axes": [{"name": name, **kinds.get(name, space)} for name in axes],
        "datasets": [
            {"path": "0", "coordinateTransformations": [{"type": "scale", "scale": scale}]}
        ],
    }
    group.attrs["ome"] = {"version": "0.5", "multiscales": [image]}
    return path


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    return ome(tmp_path_factory.mktemp("film") / "film.ome.tif", FILM, "TZYX")


@pytest.fixture(scope="module")
def whole(film, tmp_path_factory):
    out = tmp_path_factory.mktemp("whole") / "out"
    done = run_main("film", film, *QUICK, "--out", out, "--json")
    assert (done.code, done.err) == (0, "")
    return out, json.loads(done.out)


def check_drift(rows):
    for axis, size, place in zip("zyx", SPACING, range(3), strict=True):
        found = [float(row[axis]) for row in rows]
        assert found == pytest.approx(-SHIFTS[:, place] * size, abs=0.05 * size), axis


def test_the_drift_has_three_axes_in_micrometres_and_in_voxels(whole):
    out, said = whole
    jsonschema.validate(said, {**SCHEMA, "anyOf": [{"$ref": "#/$defs/volume_film"}]})
    assert said["aligned"] == len(SHIFTS) and said["unit"] == "um"
    assert said["spacing"] == pytest.approx(SPACING)
    check_drift(said["volumes"])
    note = "film.ome.tif: 4 frames (T) x 36 planes (Z), planes 0.5 um apart; z is searched"
    assert said["notes"] == [f"{note} (--planes: in x and y only)."]
    with (out / "film_drift.csv").open() as file:
        table = [*csv.DictReader(file)]
    check_drift(table)
    assert [float(row["z_voxels"]) for row in table] == pytest.approx(-SHIFTS[:, 0], abs=0.05)
    assert all(0 <= float(row["z_uncertainty"]) < 0.05 for row in table)


def test_the_volumes_lie_on_the_first_and_are_stored_as_they_were(whole):
    out, said = whole
    with tifffile.TiffFile(out / "film_aligned.ome.tif") as tif:
        assert (tif.series[0].axes, tif.series[0].shape) == ("TZYX", FILM.shape)
        (pixels,) = ElementTree.fromstring(tif.ome_metadata).iterfind(".//{*}Pixels")
        told = [float(pixels.get(f"PhysicalSize{axis}")) for axis in "ZYX"]
        warped = tif.asarray()
    assert told == pytest.approx(SPACING) and warped.dtype == FILM.dtype
    inner = (slice(None), slice(4, -4), slice(6, -6), slice(6, -6))
    off = np.abs(warped[inner].astype(float) - FILM[0][inner[1:]]).mean(axis=(1, 2, 3))
    before = np.abs(FILM[inner].astype(float) - FILM[0][inner[1:]]).mean(axis=(1, 2, 3))
    assert (off[1:] < before[1:] / 8).all() and off[0] == 0
    saved = load_volume_transforms(out / "film_transforms.json")
    assert [one.matrix.tolist() for one in saved] == [row["matrix"] for row in said["volumes"]]
    assert np.array_equal(warp_volume(FILM[2], saved[2])[inner[1:]], warped[2][inner[1:]])


@pytest.mark.parametrize("kind", ["ome channels", "imagej", "zarr", "zarr channels"])
def test_channels_of_volumes_move_together_whatever_the_file_is(kind, whole, tmp_path):
    both = np.stack([FILM, FILM // 3], axis=1)
    path, name, axes = tmp_path / "two.ome.zarr", "two_aligned.ome.tif", "TCZYX"
    if kind == "ome channels":
        path = ome(tmp_path / "two.ome.tif", both, "TCZYX")
    elif kind == "imagej":
        path, name, axes = tmp_path / "two.tif", "two_aligned.tif", "TZCYX"
        about = {"axes": axes, "unit": "um", "spacing": 0.5}
        stored = both.transpose(0, 2, 1, 3, 4)
        tifffile.imwrite(path, stored, imagej=True, resolution=(5, 5), metadata=about)
    elif kind == "zarr":
        ngff(path, FILM, "tzyx")
        axes = "TZYX"
    else:
        ngff(path, both, "tczyx")
    channel = () if kind == "zarr" else ("--channel", "0")
    done = run_main("film", path, *QUICK, *channel, "--out", tmp_path / "out", "--json")
    assert (done.code, done.err) == (0, "")
    said = json.loads(done.out)
    assert [row["matrix"] for row in said["volumes"]] == [
        row["matrix"] for row in whole[1]["volumes"]
    ]
    with tifffile.TiffFile(tmp_path / "out" / name) as tif:
        assert tif.series[0].axes == axes
        warped = tif.asarray()
    expected = tifffile.imread(whole[0] / "film_aligned.ome.tif")
    first = warped if kind == "zarr" else warped.take(0, axis=axes.index("C"))
    assert np.array_equal(first, expected)


def test_killed_it_goes_on_and_comes_to_the_same(film, whole, tmp_path):
    out = tmp_path / "out"
    command = (film, *QUICK, "--out", out)
    running = subprocess.Popen(
        [sys.executable, "-m", "napari_ecc_align", "film", *map(str, command)],
        env=environment(PYTHONPATH=str(Path(napari_ecc_align.__file__).parents[1])),
        stdout=subprocess.DEVNULL,
    )
    records, until = out / ".film_frames.jsonl", time.monotonic() + 120
    while not records.exists() or records.read_bytes().count(b"\n") < 3:
        assert running.poll() is None and time.monotonic() < until
        time.sleep(0.001)
    running.kill()
    running.wait()
    known = records.read_bytes().count(b"\n") - 1
    done = run_main("film", *command, "-v")
    assert done.code == 0
    assert f"going on behind {known} volumes that are done" in done.err
    assert f"volume {known} of" not in done.err
    names = ("film_aligned.ome.tif", "film_drift.csv", "film_transforms.json")
    assert sorted(path.name for path in out.iterdir()) == sorted(names)
    pixels = [tifffile.imread(folder / names[0]) for folder in (out, whole[0])]
    assert np.array_equal(*pixels)
    assert (out / names[2]).read_bytes() == (whole[0] / names[2]).read_bytes()
    with (out / names[1]).open() as file:
        check_drift([*csv.DictReader(file)])


def test_a_film_is_aligned_to_one_of_its_volumes_or_to_another(film, whole, tmp_path):
    to_last = json.loads(run_main("film", film, *QUICK, "--to", "-1", "--json").out)
    assert to_last["reference"] == 3
    z = [row["z"] for row in to_last["volumes"]]
    assert z == pytest.approx((SHIFTS[-1, 0] - SHIFTS[:, 0]) * 0.5, abs=0.03)
    larger = FILM[0].astype(np.float32)
    larger = ndimage.zoom(larger, (1, 0.8, 0.8), order=3, grid_mode=True, mode="nearest")
    other = tmp_path / "other.ome.tif"
    told = {"axes": "ZYX", "PhysicalSizeZ": 0.5, "PhysicalSizeY": 0.25, "PhysicalSizeX": 0.25}
    tifffile.imwrite(other, larger, ome=True, metadata=told, **GRAY)
    for command in (("align", other, film), ("film", film, "--to", other)):
        done = run_main(*command, "--model", "euclidean", "--json")
        said = json.loads(done.out)
        assert done.code == 0 and said["reference"] == "volume", said
        assert said["spacing"] == pytest.approx([0.5, 0.25, 0.25])
        z = np.array([row["matrix"][2][3] for row in said["volumes"]])
        assert np.abs(z + SHIFTS[:, 0]).max() < 0.3


@pytest.mark.parametrize("to", ["previous", "mean"])
def test_a_film_of_volumes_is_aligned_to_its_mean_or_each_to_the_one_before(film, to, tmp_path):
    done = run_main("film", film, *QUICK, "--to", to, "--out", tmp_path / "out", "--json")
    said = json.loads(done.out)
    assert (done.code, done.err, said["reference"]) == (0, "", to)
    check_drift(said["volumes"])
    assert tifffile.imread(tmp_path / "out" / "film_aligned.ome.tif").shape == FILM.shape


def test_several_processes_make_the_same_of_a_film_of_volumes(tmp_path):
    # A block is eight of them.
    film = ome(tmp_path / "film.ome.tif", FILM[[0, 1, 2, 3, 2, 1, 0, 1, 2, 3]], "TZYX")
    for workers in (1, 2):
        done = run_main(
            "film", film, *QUICK, "--workers", workers, "--out", tmp_path / f"{workers}"
        )
        assert (done.code, done.err) == (0, "")
    one, two = (tmp_path / "1", tmp_path / "2")
    assert (one / "film_drift.csv").read_bytes() == (two / "film_drift.csv").read_bytes()
    aligned = [tifffile.imread(folder / "film_aligned.ome.tif") for folder in (one, two)]
    assert np.array_equal(*aligned)


def test_the_transforms_of_a_film_are_applied_to_its_siblings(film, whole, tmp_path):
    labels = (FILM > 30_000).astype(np.uint8) * 9
    cells = ome(tmp_path / "cells.ome.tif", labels, "TZYX")
    out = tmp_path / "cells_aligned.ome.tif"
    transforms = whole[0] / "film_transforms.json"
    done = run_main("apply", transforms, cells, "--like", film, "--out", out)
    assert (done.code, done.err) == (0, "")
    warped = tifffile.imread(out)
    expected = [
        warp_volume(volume, transform, interpolation="nearest")
        for volume, transform in zip(labels, load_volume_transforms(transforms), strict=True)
    ]
    assert np.array_equal(warped, expected)
    short = ome(tmp_path / "short.ome.tif", labels[:3], "TZYX")
    refused = run_main("apply", transforms, short, "--like", film, "--out", tmp_path / "no.tif")
    assert "the transforms of 4 volumes, which need a film of as many" in refused.complaint


def test_a_volume_that_cannot_be_read_is_told_and_blank(film, tmp_path):
    stored = ngff(tmp_path / "film.zarr", FILM, "tzyx")
    for chunk in (stored / "0" / "c" / "2").rglob("*"):
        if chunk.is_file():
            chunk.write_bytes(b"damaged")
    out = tmp_path / "out"
    done = run_main("film", stored, *QUICK, "--out", out, "--json")
    said = json.loads(done.out)
    assert done.code == 1
    assert [row["verdict"] for row in said["volumes"]] == ["aligned"] * 2 + ["failed", "aligned"]
    assert said["volumes"][2]["matrix"] is None
    assert "The volume cannot be read: " in said["volumes"][2]["reason"]
    blank = [not volume.any() for volume in tifffile.imread(out / "film_aligned.ome.tif")]
    assert blank == [False, False, True, False]


def test_what_cannot_be_is_refused_in_a_line(film, tmp_path):
    plain = tmp_path / "plain.tif"
    tifffile.imwrite(plain, FILM[0], **GRAY)
    for options, words in (
        (("--to", "7"), "has the volumes 0 to 3"),
        (("--model", "homography"), "volumes have the motion models"),
        (("--interpolation", "lanczos"), "not lanczos"),
        (("--engine", "opencv"), "volumes are aligned without --engine opencv"),
        (("--mirrored",), "volumes are aligned without --mirrored"),
        (("--transform-out", tmp_path / "t.tfm"), "a file of many transforms ends in"),
        (("--mask", plain, "--moving-mask", film), "a mask has as many planes, or one for all"),
    ):
        given = (*QUICK, *options) if "--model" not in options else options
        assert words in run_main("film", film, *given).complaint, options
    refused = run_main("film", plain, *QUICK, "--volume")
    assert "holds no volumes of 8 planes or more along time" in refused.complaint
    asked = run_main("film", film, *QUICK, "--workers", "2", "--representation", "intensity")
    assert asked.code == 0
    flat = run_main("film", film, *QUICK, "--planes", "--json")
    assert flat.code == 1 and "frames" in json.loads(flat.out)


def test_volumes_of_ome_zarr_are_aligned_judged_and_resampled(tmp_path):
    one, two = (ngff(tmp_path / f"{k}.ome.zarr", FILM[k], "zyx") for k in (0, 2))
    done = run_main("align", one, two, *QUICK, "--out", tmp_path / "out", "--json")
    said = json.loads(done.out)
    note = "0.ome.zarr: a volume of 36 planes, 0.5 um apart; z is searched"
    assert (done.code, said["unit"]) == (0, "um")
    assert said["notes"][0] == f"{note} (--planes: plane by plane)."
    assert said["corner_shift"] == pytest.approx(np.linalg.norm(SHIFTS[2] * SPACING), abs=0.02)
    transform = tmp_path / "out" / "2_transform.json"
    judged = run_main("judge", one, two, "--transform", transform, "--json")
    told = json.loads(judged.out)
    jsonschema.validate(told, {**SCHEMA, "anyOf": [{"$ref": "#/$defs/volumes"}]})
    assert (judged.code, told["verdict"], told["start"]) == (0, "aligned", "given")
    assert told["matrix"] == said["matrix"]
    out = tmp_path / "again.ome.tif"
    assert run_main("apply", transform, two, "--like", one, "--out", out).code == 0
    written = tifffile.imread(tmp_path / "out" / "2_aligned.ome.tif")
    assert np.abs(tifffile.imread(out).astype(int) - written).max() <= 1
    assert run_main("show", tmp_path / "out" / "2_aligned.ome.tif").code == 0


def test_volumes_are_judged_by_transforms_of_any_program(tmp_path):
    one, two = (ome(tmp_path / f"{k}.ome.tif", FILM[k], "ZYX") for k in (0, 2))
    as_they_lie = run_main("judge", one, two)
    assert as_they_lie.code == 1
    assert as_they_lie.out.startswith("failed: The tiles lie 0.9 from where the transform puts")
    shift = np.eye(4)
    shift[:3, 3] = -SHIFTS[2][::-1]
    VolumeTransform(shift, "translation").in_units(SPACING).save(tmp_path / "um.tfm")
    VolumeTransform(shift, "translation").save(tmp_path / "voxels.ome.json")
    for options in ((tmp_path / "um.tfm", "--in-um"), (tmp_path / "voxels.ome.json",)):
        done = run_main("judge", one, two, "--transform", *options, "--out", tmp_path / "out",
                        "--overwrite")  # fmt: skip
        assert (done.code, done.out[:9]) == (0, "aligned: "), done.out
    bare = [tmp_path / f"bare{k}.tif" for k in (0, 2)]
    for path, pixels in zip(bare, FILM[[0, 2]], strict=True):
        tifffile.imwrite(path, pixels, **GRAY)
    given = "--transform", tmp_path / "um.tfm", "--in-um"
    assert "give --spacing" in run_main("judge", *bare, *given).complaint
    assert run_main("judge", *bare, *given, "--spacing", "0.5,0.2,0.2").code == 0
    assert "--in-um and --spacing in place of" in run_main(
        "judge", one, two, *given, "--pixel-size", "2"
    ).complaint  # fmt: skip
    flat = tmp_path / "flat.tif"
    tifffile.imwrite(flat, FILM[0][0], **GRAY)
    assert "is no volume of 8 planes" in run_main("judge", flat, flat, *given).complaint
    assert "--in-um is for volumes" in run_main("judge", flat, flat, "--in-um").complaint


def pyramid(path, pixels, channels=1):
    """Write a volume at two sizes, of one channel or several."""
    group = zarr.open_group(path, mode="w")
    datasets = []
    for number, step in enumerate((1, 2)):
        level = pixels[:, ::step, ::step] if step > 1 else pixels
        stored = np.stack([level // (1 + k) for k in range(channels)])
        made = group.create_array(
            f"s{number}", shape=stored.shape, chunks=(1, 20, 30, 30), dtype=stored.dtype
        )
        made[...] = stored
        scale = [1.0, SPACING[0], step * SPACING[1], step * SPACING[2]]
        place = [0.0, 0.0, *((step - 1) / 2 * length for length in SPACING[1:])]
        datasets.append(
            {
                "path": f"s{number}",
                "coordinateTransformations": [
                    {"type": "scale", "scale": scale},
                    {"type": "translation", "translation": place},
                ],
            }
        )
    axes = [{"name": "c", "type": "channel"}]
    axes += [{"name": name, "type": "space", "unit": "micrometer"} for name in "zyx"]
    group.attrs["ome"] = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": datasets}]}
    return path


def test_volumes_too_large_for_memory_are_read_and_written_where_it_is_needed(
    tmp_path, monkeypatch
):
    one = pyramid(tmp_path / "one.ome.zarr", FILM[0])
    two = pyramid(tmp_path / "two.ome.zarr", FILM[2], channels=2)
    small = run_main("align", one, two, *QUICK, "--channel", "0", "--json")
    monkeypatch.setenv("ECC_ALIGN_IMAGE_BYTES", "300000")
    out = tmp_path / "out"
    command = ("align", one, two, *QUICK, "--channel", "0", "--out", out)
    done = run_main(*command, "--json")
    assert (done.code, done.err) == (0, "")
    said = json.loads(done.out)
    jsonschema.validate(said, {**SCHEMA, "anyOf": [{"$ref": "#/$defs/volumes"}]})
    assert "not compared voxel by voxel" in said["notes"][2] and said["different"] is None
    assert said["spacing"] == pytest.approx(SPACING) and said["unit"] == "um"
    near = np.array(json.loads(small.out)["matrix"])
    assert np.abs(np.array(said["matrix"]) - near).max() < 0.05
    group = zarr.open_group(out / "two_aligned.ome.zarr", mode="r")
    steps = group.attrs["ome"]["multiscales"][0]["datasets"][0]["coordinateTransformations"]
    assert steps[0]["scale"] == pytest.approx(SPACING)
    transform = VolumeTransform.load(out / "two_transform.json")
    inner = (slice(4, -4), slice(6, -6), slice(6, -6))
    warped = np.asarray(group["0"][...])[inner]
    expected = warp_volume(FILM[2], transform)[inner]
    assert np.abs(warped.astype(int) - expected).max() <= 1
    assert group.attrs["napari-ecc-align"]["result"]["verdict"] == "aligned"
    assert "is not replaced" in run_main(*command, "--overwrite").complaint
    assert "choose one with --channel" in run_main("align", one, two, *QUICK).complaint
    judge = ("judge", one, two, "--channel", "0")
    judged = run_main(*judge, "--transform", out / "two_transform.json", "--json")
    assert (judged.code, json.loads(judged.out)["verdict"]) == (0, "aligned")
    assert json.loads(judged.out)["matrix"] == said["matrix"]
    assert run_main(*judge).out.startswith("failed: The tiles lie 0.9 from where")
    refused = run_main(*command[:-1], tmp_path / "other", "--mask", one)
    assert "are for what fits into memory" in refused.complaint
    flat = ome(tmp_path / "flat.ome.tif", FILM[1], "ZYX")
    mixed = run_main("align", flat, two, *QUICK, "--channel", "1")
    assert (mixed.code, mixed.out[:9]) == (0, "aligned: ")
