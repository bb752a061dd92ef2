"""Two depth stacks in files: aligned as volumes, with their spacing, and written as OME-TIFF."""

import json
from xml.etree import ElementTree

import jsonschema
import numpy as np
import pytest
import tifffile
from processes import run_main
from scipy import ndimage
from test_cli_json import SCHEMA

from napari_ecc_align import VolumeTransform, align_volume, warp_volume

SPACING = (0.6, 0.3, 0.3)
FINE = ndimage.gaussian_filter(np.random.default_rng(5).random((88, 76, 80)), 2)
FINE = np.rint(60_000 * (FINE - FINE.min()) / np.ptp(FINE)).astype(np.uint16)
# Planes are twice as far apart as rows; the second lies 2 planes, 3 rows and 5 columns off.
REFERENCE, MOVING = FINE[8:72:2, 8:68, 8:72], FINE[4:68:2, 5:65, 13:77]
GRAY = {"photometric": "minisblack"}


@pytest.fixture(scope="module")
def expected():
    return align_volume(REFERENCE, MOVING, model="translation", spacing=SPACING)


def ome(path, pixels, axes="ZYX"):
    told = {f"PhysicalSize{axis}": size for axis, size in zip("ZYX", SPACING, strict=True)}
    tifffile.imwrite(path, pixels, ome=True, metadata={"axes": axes, **told}, **GRAY)
    return path


def sizes_in(path):
    with tifffile.TiffFile(path) as tif:
        (pixels,) = ElementTree.fromstring(tif.ome_metadata).iterfind(".//{*}Pixels")
        return [float(pixels.get(f"PhysicalSize{axis}")) for axis in "ZYX"], tif.series[0].axes


def test_depth_stacks_of_ome_are_volumes_and_come_back_with_their_spacing(tmp_path, expected):
    paths = ome(tmp_path / "one.ome.tif", REFERENCE), ome(tmp_path / "two.ome.tif", MOVING)
    options = "--model", "translation", "--out", tmp_path / "out"
    done = run_main("align", *paths, *options, "--transform-out", tmp_path / "t.tfm", "--json")
    assert (done.code, done.err) == (0, "")
    answer = json.loads(done.out)
    jsonschema.validate(answer, {**SCHEMA, "anyOf": [{"$ref": "#/$defs/volumes"}]})
    assert answer["spacing"] == pytest.approx(SPACING)
    assert answer["corner_shift"] == pytest.approx(np.linalg.norm([1.2, 0.9, 1.5]), abs=0.02)
    assert "one.ome.tif: a volume of 32 planes, 0.6 um apart; z is searched" in answer["notes"][0]
    where = answer["files"]
    assert [*where] == ["transform_out", "warped", "difference", "binary_difference", "transform"]
    saved = [VolumeTransform.load(where[name]) for name in ("transform", "transform_out")]
    assert all(np.allclose(each.matrix, expected.transform.matrix, atol=1e-9) for each in saved)
    warped = tifffile.imread(where["warped"])
    difference = tifffile.imread(where["difference"])
    inner = (slice(4, -4), slice(6, -6), slice(6, -6))
    assert warped.dtype == np.uint16
    assert np.abs(warped[inner].astype(float) - REFERENCE[inner]).mean() < 300
    assert difference[inner].mean() < 300
    for name in ("warped", "difference", "binary_difference"):
        told, axes = sizes_in(where[name])
        assert (axes, told) == ("ZYX", pytest.approx(SPACING))
    labels = (MOVING > 40_000).astype(np.uint8) * 9
    like = "--like", paths[0], "--out", tmp_path / "cells_aligned.ome.tif"
    done = run_main("apply", where["transform"], ome(tmp_path / "cells.ome.tif", labels), *like)
    assert (done.code, done.err) == (0, "")
    assert np.array_equal(
        tifffile.imread(like[-1]), warp_volume(labels, expected, interpolation="nearest")
    )
    refused = run_main("apply", where["transform"], ome(tmp_path / "flat.tif", MOVING[0], "YX"),
                       "--like", paths[0], "--out", tmp_path / "no.tif")  # fmt: skip
    assert "is no volume of 8 planes" in refused.complaint


def test_the_channels_of_a_volume_move_together(tmp_path, expected):
    dyes = np.stack([MOVING, MOVING // 3], axis=1)
    moving, reference = tmp_path / "dyes.tif", ome(tmp_path / "one.ome.tif", REFERENCE)
    about = {"axes": "ZCYX", "unit": "um", "spacing": SPACING[0]}
    tifffile.imwrite(moving, dyes, imagej=True, resolution=(1 / 0.3, 1 / 0.3), metadata=about)
    options = "--model", "translation", "--channel", "0", "--out", tmp_path / "out"
    done = run_main("align", reference, moving, *options)
    assert (done.code, done.out[:7]) == (0, "aligned"), done
    with tifffile.TiffFile(tmp_path / "out" / "dyes_aligned.ome.tif") as tif:
        assert (tif.series[0].axes, tif.series[0].shape) == ("ZCYX", (32, 2, 60, 64))
        both = tif.asarray().astype(float)
    assert np.abs(both[:, 0] - 3 * both[:, 1]).max() <= 4


def test_what_is_a_volume_can_be_said(tmp_path):
    plain = [tmp_path / "one.tif", tmp_path / "two.tif"]
    for path, pixels in zip(plain, (REFERENCE, MOVING), strict=True):
        tifffile.imwrite(path, pixels, **GRAY)
    quick = "--model", "translation"
    said = run_main("align", *plain, *quick, "--volume")
    assert "taken for cubes of one size (--spacing Z,Y,X says it)" in said.out
    assert "corners moved, voxels" in said.out
    said = run_main("align", *plain, *quick, "--volume", "--spacing", "0.6,0.3,0.3")
    assert "corners moved, um" in said.out and "0.6 um apart" in said.out
    # Sections: each plane for itself, as before.
    named = ome(tmp_path / "a.ome.tif", REFERENCE[:8]), ome(tmp_path / "b.ome.tif", MOVING[:8])
    by_planes = run_main("align", *named, *quick, "--planes", "--accept", "doubtful")
    assert by_planes.out.startswith("8 planes to an image each")
    assert "z is not searched" in by_planes.out
    flat = ome(tmp_path / "flat.ome.tif", MOVING[0], "YX")
    assert "is no volume of 8 planes" in run_main("align", flat, plain[0], "--volume").complaint
    for options, words in (
        (("--interpolation", "lanczos"), "not lanczos"),
        (("--method", "sauvola"), "by one threshold"),
        (("--model", "homography"), "volumes have the motion models"),
        (("--mask", flat, "--moving-mask", named[0]), "a mask has as many planes, or one for all"),
    ):
        refused = run_main(
            "align", *plain, "--volume", *(() if "--model" in options else quick), *options
        )
        assert words in refused.complaint


def test_all_turns_are_for_volumes(tmp_path):
    flat = ome(tmp_path / "flat.tif", REFERENCE[0], "YX")
    assert "--all-turns is for volumes" in run_main("align", flat, flat, "--all-turns").complaint
    paths = ome(tmp_path / "one.ome.tif", REFERENCE), ome(tmp_path / "two.ome.tif", MOVING)
    done = run_main("align", *paths, "--model", "translation", "--all-turns", "--json")
    assert (done.code, json.loads(done.out)["verdict"]) == (0, "aligned")


def test_a_transform_of_volumes_is_converted_to_micrometres(tmp_path, expected):
    expected.transform.save(tmp_path / "t.json")
    convert = "convert", tmp_path / "t.json", tmp_path / "um.tfm"
    assert run_main(*convert, "--spacing", "0.6,0.3,0.3").code == 0
    shift = VolumeTransform.load(tmp_path / "um.tfm").matrix[:3, 3]
    assert shift == pytest.approx(expected.transform.matrix[:3, 3] * SPACING[::-1])
    assert "not --pixel-size" in run_main(*convert, "--pixel-size", "2", "--overwrite").complaint
    assert "of volumes" in run_main("info", tmp_path / "t.json", "--size", "9", "9").complaint


def test_transforms_of_volumes_are_told_of_composed_and_carry_points(tmp_path):
    turn, shift = np.eye(4), np.eye(4)
    # x to y, by 90 degrees about z, and twice as large along the moving volume's z.
    turn[:3, :3], shift[:3, 3] = [[0, -1, 0], [1, 0, 0], [0, 0, 2]], (5, 0, -2)
    VolumeTransform(turn).save(tmp_path / "turn.tfm")
    VolumeTransform(shift, "translation").save(tmp_path / "shift.json")
    names = tmp_path / "turn.tfm", tmp_path / "shift.json"
    assert run_main("compose", *names, "--out", tmp_path / "both.json").code == 0
    both = VolumeTransform.load(tmp_path / "both.json")
    assert np.allclose(both.matrix, shift @ turn) and both.model == "affine"

    done = run_main("info", tmp_path / "both.json", "--spacing", "2,0.5,0.5", "--json")
    answer = json.loads(done.out)
    jsonschema.validate(answer, {**SCHEMA, "anyOf": [{"$ref": "#/$defs/info"}]})
    (row,) = answer["transforms"]
    assert [row[key] for key in ("x", "y", "z", "rotation")] == pytest.approx([2.5, 0, -4, 90])
    assert [row[f"axis_{key}"] for key in "xyz"] == pytest.approx([0, 0, 1])
    assert [row[f"scale_{key}"] for key in "xyz"] == pytest.approx([1, 1, 2])
    told = run_main("info", tmp_path / "both.json").out
    assert "turns by 90.00000° about (0, 0, 1)" in told and "(5, 0, -2) voxels" in told

    table = tmp_path / "spots.csv"
    table.write_text("index,axis-0,axis-1,axis-2,name\n0,3,1,2,a\n")
    done = run_main("points", tmp_path / "both.json", table)
    assert done.out.splitlines() == ["index,axis-0,axis-1,axis-2,name", "0,4.0,2.0,4.0,a"]
    table.write_text("x,y\n1,2\n")
    assert "one is x, one y and one z" in run_main("points", names[0], table).complaint
    flat = tmp_path / "flat.csv"
    np.savetxt(flat, np.eye(3), delimiter=",")
    refused = run_main("compose", names[0], flat, "--out", tmp_path / "no.json")
    assert "of images and of volumes do not follow" in refused.complaint
