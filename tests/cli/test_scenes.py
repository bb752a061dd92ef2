"""Scenes of OME-NGFF 0.6: valid, in the right place, and nothing of the images touched."""

from __future__ import annotations

import hashlib
import json
import os

import numpy as np
import pytest
import zarr
from jsonschema import Draft202012Validator
from processes import run_main
from referencing import Registry, Resource
from scipy.ndimage import map_coordinates
from skimage import data

from docs_pages import ROOT
from napari_ecc_align import (
    Field,
    InputError,
    Transform,
    VolumeTransform,
    read_image,
    save_scene,
    warp,
)
from napari_ecc_align._images.ome_zarr.scene import scene_provenance
from napari_ecc_align._images.ome_zarr.scene_transform import transform_in_scene

SCHEMAS = {
    path.stem: json.loads(path.read_text("utf-8"))
    for path in (ROOT / "tests/cli/ngff_0_6").glob("*.schema")
}
REGISTRY = Registry().with_resources(
    (schema["$id"], Resource.from_contents(schema)) for schema in SCHEMAS.values()
)
SPACE = ("z", "y", "x")


def validate(name, document):
    Draft202012Validator(SCHEMAS[name], registry=REGISTRY).validate(document)


def attributes(folder):
    return json.loads((folder / "zarr.json").read_text("utf-8"))["attributes"]


def write_image(folder, pixels, axes, scale, translation, version, **storage):
    """Write an OME-Zarr image of one level, as programs write that version."""
    form = 2 if version == "0.4" else 3
    group = zarr.open_group(folder, mode="w", zarr_format=form)
    storage |= {"chunks": tuple(min(64, length) for length in pixels.shape)}
    array = group.create_array("0", shape=pixels.shape, dtype=pixels.dtype, **storage)
    array[...] = pixels
    said = [
        {"name": name, "type": "space", "unit": "micrometer"}
        if name in SPACE
        else {"name": name, "type": "channel"}
        for name in axes
    ]
    scale = {"type": "scale", "scale": scale}
    shift = {"type": "translation", "translation": translation}
    steps = [scale, shift]
    image = {"axes": said, "datasets": [{"path": "0", "coordinateTransformations": steps}]}
    if version == "0.6":
        whole = {"type": "sequence", "transformations": steps}
        whole |= {"input": {"path": "0"}, "output": {"name": "micrometres"}}
        datasets = [{"path": "0", "coordinateTransformations": [whole]}]
        systems = [{"name": "micrometres", "axes": said}]
        image = {"coordinateSystems": systems, "datasets": datasets}
    if version == "0.4":
        group.attrs["multiscales"] = [{"version": version, **image}]
    else:
        group.attrs["ome"] = {"version": version, "multiscales": [image]}


def digests(folder):
    return {
        path: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture
def cameras(tmp_path, monkeypatch):
    """Two images of one thing, of half the pixel size and at another place, by version."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    camera = data.camera()
    big = {"chunk_key_encoding": {"name": "v2", "separator": "/"}}
    write_image("in/a4.zarr", camera[100:300, 100:350], "yx", [0.5, 0.5], [10, 20], "0.4", **big)
    write_image("in/a5.zarr", camera[100:300, 100:350], "yx", [0.5, 0.5], [10, 20], "0.5")
    moved = camera[104:304, 95:345].astype(">u2")
    write_image("in/b4.zarr", moved, "yx", [0.25, 0.25], [0, -3], "0.4", order="F")
    write_image("in/b6.zarr", moved.astype("u2"), "yx", [0.25, 0.25], [0, -3], "0.6")
    return tmp_path


@pytest.mark.parametrize(("reference", "moving"), [("a4", "b4"), ("a5", "b6"), ("a4", "b6")])
def test_a_scene_is_valid_and_lays_one_image_on_the_other(cameras, reference, moving):
    before = digests(cameras / "in")
    known = Transform([[1.01, 0.02, 5], [-0.01, 0.99, -4]])
    save_scene("pair.zarr", known, f"in/{reference}.zarr", f"in/{moving}.zarr")
    assert digests(cameras / "in") == before
    scene = attributes(cameras / "pair.zarr")
    validate("scene", scene)
    (step,) = scene["ome"]["scene"]["coordinateTransformations"]
    assert (step["input"]["path"], step["output"]["path"]) == (moving, reference)
    # A pixel of the reference, and the one of the moving image that shows the same, in space.
    x, y = known.to_moving((30.0, 70.0))
    there = np.array(step["affine"]) @ [0.25 * y, 0.25 * x - 3, 1]
    assert there == pytest.approx([0.5 * 70 + 10, 0.5 * 30 + 20])
    assert transform_in_scene("pair.zarr") == pytest.approx(known.matrix)
    group = zarr.open_group("pair.zarr", mode="r")
    for name in (reference, moving):
        image = attributes(cameras / "pair.zarr" / name)
        validate("image", image)
        (end,) = (end for end in (step["input"], step["output"]) if end["path"] == name)
        assert end["name"] in [
            s["name"] for s in image["ome"]["multiscales"][0]["coordinateSystems"]
        ]
        assert np.array_equal(group[name]["0"][:], zarr.open(f"in/{name}.zarr", mode="r")["0"][:])


def test_volumes_with_channels_keep_their_axes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pixels = np.arange(2 * 4 * 5 * 6, dtype=np.uint16).reshape(2, 4, 5, 6)
    for name in ("a", "b"):
        write_image(f"{name}.zarr", pixels, "czyx", [1, 2.0, 0.5, 0.5], [0, 1, 0, 0], "0.5")
    known = VolumeTransform([[1, 0, 0, 1], [0, 1, 0.1, 2], [0, 0, 1, -1]])
    save_scene("pair.zarr", known, "a.zarr", "b.zarr", copy=True)
    assert not any(path.is_symlink() for path in (tmp_path / "pair.zarr").rglob("*"))
    (step,) = attributes(tmp_path / "pair.zarr")["ome"]["scene"]["coordinateTransformations"]
    x, y, z = known.to_moving((3.0, 2.0, 1.0))
    there = np.array(step["affine"]) @ [7, 2 * z + 1, 0.5 * y, 0.5 * x, 1]
    assert there == pytest.approx([7, 2 * 1 + 1, 0.5 * 2, 0.5 * 3])
    assert "result" not in scene_provenance("pair.zarr")
    assert transform_in_scene("pair.zarr") == pytest.approx(known.matrix)


def displaced(scene, step, points):
    """Return where points (y, x) lie, displaced as another program reads the vectors."""
    group = scene / step["path"]
    said = attributes(group)
    validate("image", said)
    (image,) = said["ome"]["multiscales"]
    (level,) = image["datasets"]
    scale, shift = level["coordinateTransformations"][0]["transformations"]
    vectors = np.asarray(zarr.open_array(group / level["path"], mode="r")[...])
    at = ((points - shift["translation"][1:]) / scale["scale"][1:]).T
    return points + np.stack([map_coordinates(one, at, order=1) for one in vectors], axis=-1)


@pytest.mark.parametrize("axes", ["yx", "cyx"])
def test_a_field_is_displacements_in_the_units_of_space(tmp_path, monkeypatch, axes):
    monkeypatch.chdir(tmp_path)
    shape = (2, 120, 140)[-len(axes) :]
    pixels = np.zeros(shape, np.uint8)
    more = [1.0] * (len(axes) - 2), [0.0] * (len(axes) - 2)
    write_image("a.zarr", pixels, axes, [*more[0], 0.5, 0.5], [*more[1], 10, 20], "0.5")
    write_image("b.zarr", pixels, axes, [*more[0], 0.25, 0.3], [*more[1], 0, -3], "0.6")
    y, x = np.mgrid[:120, :140]
    bent = Field.from_displacements(np.stack([3 * np.sin(y / 20), 2 * np.cos(x / 30)], axis=-1))
    field = Transform([[1.01, 0.02, 4], [-0.02, 0.99, -3]]) @ bent
    save_scene("pair.zarr", field, "a.zarr", "b.zarr")
    scene = attributes(tmp_path / "pair.zarr")
    validate("scene", scene)
    (step,) = scene["ome"]["scene"]["coordinateTransformations"]
    assert (step["input"]["path"], step["output"]["path"]) == ("b", "a")
    if axes == "cyx":
        same, part = step["transformations"]
        assert (same["transformation"]["type"], same["inputAxes"]) == ("identity", [0])
        assert part["inputAxes"] == part["outputAxes"] == [1, 2]
        step = part["transformation"]
    here = np.random.default_rng(0).uniform(15, 105, (40, 2))
    there = field(here)[:, ::-1] * (0.25, 0.3) + (0, -3)
    found = displaced(tmp_path / "pair.zarr", step, there)
    # A fiftieth of a pixel.
    assert np.abs(found - (here[:, ::-1] * 0.5 + (10, 20))).max() < 0.02 * 0.5
    assert np.abs(transform_in_scene("pair.zarr")(here) - field(here)).max() < 0.001
    # Its vectors are in other units than pixels, from the moving image to the reference.
    with pytest.raises(InputError, match="no usable field"):
        Field.load("pair.zarr")
    group = attributes(tmp_path / "pair.zarr" / step["path"])["ome"]["multiscales"][0]
    assert [axis.get("unit") for axis in group["coordinateSystems"][0]["axes"]][1:] == [
        "micrometer"
    ] * 2


def test_the_command_bends_one_image_onto_the_other(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tissue = np.ascontiguousarray(data.immunohistochemistry()[:200, :220, 1])
    y, x = np.mgrid[:200, :220]
    bent = Field.from_displacements(np.stack([3 * np.sin(y / 40), 2 * np.cos(x / 40)], axis=-1))
    write_image("a.zarr", warp(tissue, bent), "yx", [0.5, 0.5], [0, 0], "0.5")
    write_image("b.zarr", tissue, "yx", [0.5, 0.5], [0, 0], "0.5")
    done = run_main("scene", "a.zarr", "b.zarr", "--model", "smooth", "--out", "pair.zarr")
    assert done.code == 0 and done.out.startswith("aligned: "), done.out + done.err
    (step,) = attributes(tmp_path / "pair.zarr")["ome"]["scene"]["coordinateTransformations"]
    here = np.random.default_rng(0).uniform(20, 180, (40, 2))
    found = displaced(tmp_path / "pair.zarr", step, bent(here)[:, ::-1] * 0.5)
    assert np.median(np.abs(found - here[:, ::-1] * 0.5)) < 0.1
    bent.save("bent.npz")
    given = run_main("scene", "a.zarr", "b.zarr", "--transform", "bent.npz", "--out", "by.zarr")
    assert given.code == 0, given.err
    assert run_main("show", "by.zarr").code == 0
    judged = run_main("judge", "a.zarr", "b.zarr", "--transform", "by.zarr", "--out", "judged")
    assert judged.code == 0 and judged.out.startswith("aligned: "), judged.out + judged.err
    assert np.abs(Field.load("judged/b_transform.npz")(here) - bent(here)).max() < 0.1
    assert run_main("convert", "by.zarr", "by.npz").code == 0
    assert np.abs(Field.load("by.npz")(here) - bent(here)).max() < 0.001
    applied = run_main("apply", "by.zarr", "b.zarr", "--like", "a.zarr", "--out", "there.tif")
    assert applied.code == 0, applied.err
    inner = (slice(10, -10), slice(10, -10))
    assert (
        np.abs(read_image("there.tif")[inner] - warp(tissue, bent)[inner].astype(int)).max() <= 1
    )
    assert "convert it to a file" in run_main("info", "by.zarr").complaint


def test_what_a_scene_cannot_hold_is_said(cameras):
    write_image("in/c.zarr", np.zeros((2, 9, 9), "u1"), "cyx", [1, 1, 1], [0, 0, 0], "0.5")
    save = {"reference": "in/a5.zarr", "moving": "in/b6.zarr"}
    homography = Transform([[1, 0, 0], [0, 1, 0], [1e-4, 0, 1]])
    for given, more, said in (
        (homography, {}, "cannot hold a homography"),
        (np.eye(4), {}, "matrix of 3 x 3"),
        (np.eye(3), {"moving": "in/c.zarr"}, "axes of .* differ: y, x and c, y, x"),
        (np.eye(3), {"moving": "nowhere.zarr"}, "no OME-Zarr image"),
        (np.zeros((3, 3)), {}, "matrix|singular"),
    ):
        with pytest.raises(InputError, match=said):
            save_scene("pair.zarr", given, **{**save, **more})
    assert [path.name for path in cameras.iterdir()] == ["in"]
    save_scene("pair.zarr", np.eye(3), **save)
    written = (cameras / "pair.zarr" / "zarr.json").read_text()
    for change, said in (
        (('"affine"', '"unheard of"'), "cannot be used"),
        (('"path": "a5"', '"path": "../in/a5.zarr"'), "not in it"),
        (('"path": "a5"', '"place": "a5"'), "no scene"),
    ):
        changed = written.replace(*change)
        assert changed != written
        (cameras / "pair.zarr" / "zarr.json").write_text(changed)
        with pytest.raises(InputError, match=said):
            transform_in_scene("pair.zarr")
    with pytest.raises(InputError, match="exists already"):
        save_scene("pair.zarr", np.eye(3), **save)


def test_the_command_aligns_and_says_where_it_comes_from(cameras):
    model = ("--model", "translation", "--out", "pair.zarr")
    done = run_main("scene", "in/a5.zarr", "in/b6.zarr", *model)
    assert done.code == 0 and done.out.startswith("aligned: ")
    made = json.loads(run_main("show", "pair.zarr", "--json").out)["pair.zarr"]
    assert made["result"]["x"] == pytest.approx(5, abs=0.05)
    assert made["result"]["corner_uncertainty"] < 0.1
    digest = hashlib.sha256((cameras / "in/a5.zarr/zarr.json").read_bytes()).hexdigest()
    assert made["images"][0] == {"path": "a5", "name": "a5.zarr", "metadata_sha256": digest}
    assert "verdict: aligned" in run_main("show", "pair.zarr").out
    assert run_main("convert", "pair.zarr", "pair.json").code == 0
    assert Transform.load("pair.json").matrix == pytest.approx(transform_in_scene("pair.zarr"))
    (told,) = json.loads(run_main("info", "pair.zarr", "--json").out)["transforms"]
    assert told["m02"] == pytest.approx(5, abs=0.05)
    assert "exists already" in run_main("scene", "in/a5.zarr", "in/b6.zarr", *model).complaint


@pytest.mark.parametrize(
    "changes",
    [
        {"shape": [10**30, 10**30]},
        {"shape": [-5, 10]},
        {"shape": [40, 50, 2]},
        {"codecs": [{"name": "evil"}]},
        {"data_type": ["no"]},
        {"chunk_grid": None},
    ],
)
def test_arrays_that_cannot_be_read_are_refused_in_a_sentence(tmp_path, changes):
    pixels = data.camera()[:40, :50]
    for name in ("one", "two"):
        folder = tmp_path / f"{name}.zarr"
        write_image(folder, pixels, ("y", "x"), [1, 1], [0, 0], "0.5")
    file = tmp_path / "two.zarr" / "0" / "zarr.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))
    command = "scene", tmp_path / "one.zarr", tmp_path / "two.zarr", "--out", tmp_path / "s.zarr"
    assert "two.zarr" in run_main(*command).complaint
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.zarr", "two.zarr"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes have no names there")
def test_what_cannot_be_copied_is_told_in_a_sentence_and_leaves_nothing(tmp_path):
    for name in ("one", "two"):
        pixels = data.camera()[:40, :50]
        write_image(tmp_path / f"{name}.zarr", pixels, ("y", "x"), [1, 1], [0, 0], "0.5")
    os.mkfifo(tmp_path / "two.zarr" / "0" / "c" / "pipe")
    with pytest.raises(InputError, match=r"^cannot write .*s\.zarr: .*pipe"):
        save_scene(
            tmp_path / "s.zarr",
            np.eye(3),
            tmp_path / "one.zarr",
            tmp_path / "two.zarr",
            copy=True,
        )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.zarr", "two.zarr"]
