"""Frames, planes and channels in files: each command reads them alike and writes them back."""

import json
from xml.etree import ElementTree

import numpy as np
import pytest
import tifffile
from ome_types import validate_xml
from processes import run_main
from skimage import data

from napari_ecc_align import load_transforms

CAMERA = data.camera()
SHIFTS = [(0, 0), (3, -2), (5, 1), (-4, 4)]
FILM = np.stack([CAMERA[40 + y : 200 + y, 40 + x : 220 + x] for y, x in SHIFTS])
CTYX = np.stack([FILM, 255 - FILM, FILM // 3])
QUICK = ("--model", "translation")
GRAY = {"photometric": "minisblack"}


def stored(path, pixels, axes, **told):
    tifffile.imwrite(path, pixels, metadata={"axes": axes, **told}, **GRAY)
    return path


def check_steady(path, axes, shape):
    """Every frame lies on the first, in every channel."""
    with tifffile.TiffFile(path) as tif:
        assert (tif.series[0].axes, tif.series[0].shape) == (axes, shape)
        pixels = np.moveaxis(tif.asarray(), axes.find("T") if "T" in axes else 0, 0)
    inner = pixels[..., 10:-10, 10:-10].astype(int)
    assert np.abs(inner - inner[0]).mean(axis=(-1, -2)).max() < 1


def check_drift(path):
    found = [each.matrix[:2, 2] for each in load_transforms(path)]
    np.testing.assert_allclose(found, [(-x, -y) for y, x in SHIFTS], atol=0.05)


@pytest.fixture
def ome(tmp_path):
    size = {"PhysicalSizeX": 0.5, "PhysicalSizeY": 0.25, "TimeIncrement": 3.0}
    names = {"Channel": {"Name": ["blue", "green", "red"]}}
    return stored(tmp_path / "film.ome.tif", CTYX, "CTYX", **size, **names)


def test_a_film_of_channels_in_ome_comes_back_as_it_was(ome, tmp_path):
    done = run_main("stack", ome, *QUICK, "--channel", "1", "--out", tmp_path / "out")
    first, axes, _ = done.out.splitlines()
    assert (done.code, first[:30]) == (0, "4 frames to the first: 4 align")
    assert axes == "film.ome.tif: 4 frames (T) of 3 channels (C); by channel 1."
    check_drift(tmp_path / "out" / "film_transforms.json")
    check_steady(tmp_path / "out" / "film_aligned.ome.tif", "CTYX", CTYX.shape)
    with tifffile.TiffFile(tmp_path / "out" / "film_aligned.ome.tif") as tif:
        validate_xml(tif.ome_metadata)
        (pixels,) = ElementTree.fromstring(tif.ome_metadata).iterfind(".//{*}Pixels")
    told = [float(pixels.get(f"PhysicalSize{axis}")) for axis in "XY"]
    assert (told, float(pixels.get("TimeIncrement"))) == ([0.5, 0.25], 3)
    assert [each.get("Name") for each in pixels.iterfind("{*}Channel")] == ["blue", "green", "red"]


def test_the_transforms_of_frames_go_to_another_film_of_any_axes(ome, tmp_path):
    """Found by align, against one image and frame by frame; applied to a film of ImageJ."""
    reference = stored(tmp_path / "still.tif", FILM[0], "YX")
    done = run_main("align", reference, ome, *QUICK, "--out", tmp_path / "out")
    assert (done.code, done.err) == (0, "")
    check_steady(tmp_path / "out" / "film_aligned.ome.tif", "CTYX", CTYX.shape)
    same = run_main("align", ome, ome, *QUICK, "--json")
    assert '"reference": "images"' in same.out
    one = run_main("align", ome, ome, *QUICK, "--frame", "1")
    assert "one transform for all, that of frame 1; by the mean of all channels" in one.out
    other, about = tmp_path / "other.tif", {"unit": "um", "finterval": 2.0}
    tifffile.imwrite(
        other,
        CTYX.swapaxes(0, 1).copy(),
        imagej=True,
        resolution=(2, 4),
        metadata={"axes": "TCYX", **about},
    )
    transforms = tmp_path / "out" / "film_transforms.json"
    assert (
        run_main("apply", transforms, other, "--like", other, "--out", tmp_path / "b.tif").code
        == 0
    )
    check_steady(tmp_path / "b.tif", "TCYX", (4, 3, 160, 180))
    with tifffile.TiffFile(tmp_path / "b.tif") as tif:
        assert about.items() <= tif.imagej_metadata.items()
        assert tif.pages[0].tags["XResolution"].value == (2, 1)
    short = stored(tmp_path / "short.tif", FILM[:3], "TYX")
    refused = run_main("apply", transforms, short, "--like", other, "--out", tmp_path / "c.tif")
    assert "transforms of 4 frames" in refused.complaint
    assert refused.complaint.endswith("short.tif has 3")
    assert "they do not go in pairs" in run_main("align", short, ome).complaint


def test_planes_of_depth_are_called_so(tmp_path):
    path = tmp_path / "depth.tif"
    about = {"axes": "ZYX", "unit": "um", "spacing": 1.5}
    tifffile.imwrite(path, FILM, imagej=True, resolution=(2, 2), metadata=about)
    done = run_main("stack", path, *QUICK, "--out", tmp_path / "out")
    assert done.out.startswith("4 planes to the first: 4 aligned")
    assert "Each plane is aligned in x and y only; z is not searched." in done.out
    check_steady(tmp_path / "out" / "depth_aligned.tif", "ZYX", FILM.shape)
    with tifffile.TiffFile(tmp_path / "out" / "depth_aligned.tif") as tif:
        assert (tif.imagej_metadata["spacing"], tif.imagej_metadata["slices"]) == (1.5, 4)


def test_axes_without_a_name_are_guessed_and_can_be_said(tmp_path):
    path = tmp_path / "film.tif"
    tifffile.imwrite(path, CTYX, **GRAY)
    done = run_main("stack", path, *QUICK, "--transform-out", tmp_path / "drift.npy")
    assert "4 frames (axis 1) of 3 channels (axis 0), a guess: see --frames and --chan" in done.out
    check_drift(tmp_path / "drift.npy")
    turned = tmp_path / "turned.tif"
    tifffile.imwrite(turned, CTYX[:2, :2].swapaxes(0, 1).copy(), **GRAY)
    guessed = run_main("stack", turned, *QUICK, "--json")
    assert "a guess" in json.loads(guessed.out)["notes"][0]
    said = run_main("stack", turned, *QUICK, "--frames", "1", "--channels", "0")
    assert "2 frames (axis 1) of 2 channels (axis 0); by the mean" in said.out
    assert "--frames 'T' is none of the axes" in run_main("stack", path, "--frames", "T").complaint
