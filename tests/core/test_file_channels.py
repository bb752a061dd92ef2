"""Files of many channels or pages: each is read, is what the file says it is, and is written."""

from contextlib import suppress

import numpy as np
import pytest
import tifffile
from arrays import check_same, picture
from PIL import Image

from napari_ecc_align import InputError, align, read_image, warp
from napari_ecc_align._images.files.image_file import ImageFile
from napari_ecc_align._images.files.images import read_file, write_file

FOUR = picture("uint16", shape=(4, 37, 53))
RGB = picture("uint8", (3,), shape=(4, 37, 53))
SAMPLES = np.moveaxis(FOUR, 0, -1)
GRAY = {"photometric": "minisblack"}

# What is written, how, and what is read.
WAYS = {
    "pages": (FOUR, GRAY, FOUR),
    "pages without a word": (FOUR, {**GRAY, "metadata": None}, FOUR),
    "channels of OME": (FOUR, {**GRAY, "ome": True, "metadata": {"axes": "CYX"}}, FOUR),
    "channels of ImageJ": (FOUR, {"imagej": True, "metadata": {"axes": "CYX"}}, FOUR),
    "two channels": (FOUR[:2], {"imagej": True, "metadata": {"axes": "CYX"}}, FOUR[:2]),
    "times": (FOUR, {**GRAY, "metadata": {"axes": "TYX"}}, FOUR),
    "times and channels": (
        FOUR.reshape(2, 2, 37, 53),
        {**GRAY, "metadata": {"axes": "TCYX"}},
        FOUR,
    ),
    "nothing is said": (FOUR.reshape(2, 2, 37, 53), GRAY, FOUR),
    "colour pages": (RGB, {"photometric": "rgb"}, RGB),
    "bands together": (SAMPLES, {**GRAY, "planarconfig": "contig"}, FOUR),
    "bands apart": (FOUR, {**GRAY, "planarconfig": "separate"}, FOUR),
    "RGB and infrared": (SAMPLES, {"photometric": "rgb", "extrasamples": [0]}, FOUR),
    "gray and data": (SAMPLES[..., :2], {**GRAY, "extrasamples": [0]}, FOUR[:2]),
    "RGB, infrared, opacity": (
        np.dstack([SAMPLES, SAMPLES[..., :1]]),
        {"photometric": "rgb", "extrasamples": [0, 2]},
        FOUR[[0, 1, 2, 3, 0]],
    ),
    "RGB and opacity": (SAMPLES, {"photometric": "rgb", "extrasamples": [2]}, SAMPLES),
    "RGB times opacity": (SAMPLES, {"photometric": "rgb", "extrasamples": [1]}, SAMPLES),
    "opacity apart": (
        FOUR,
        {"photometric": "rgb", "extrasamples": [1], "planarconfig": "separate"},
        SAMPLES,
    ),
    "white is zero": (FOUR, {"photometric": "miniswhite"}, ~FOUR),
    "bits": (FOUR > 999, GRAY, FOUR > 999),
}


@pytest.mark.parametrize("way", WAYS)
def test_each_is_read_and_written_as_it_was(tmp_path, way):
    stored, options, expected = WAYS[way]
    path, again = tmp_path / "a.tif", tmp_path / "b.tif"
    if options.get("planarconfig") is None and "extrasamples" in options:
        options = {**options, "planarconfig": "contig"}
    tifffile.imwrite(path, stored, **options)
    file = read_file(path)
    check_same(file.pixels, expected)
    assert file.shape == (37, 53)
    many = expected.ndim == 3 and expected.shape[-1] == 53
    assert file.channel_axis == (0 if many or expected is RGB else None)
    check_same(read_image(path), expected)
    write_file(again, file)
    check_same(read_file(again).pixels, expected)
    if way != "white is zero":
        np.testing.assert_array_equal(tifffile.imread(again), tifffile.imread(path))
    told = []
    for name in (path, again):
        with tifffile.TiffFile(name) as tif:
            page = tif.series[0].keyframe
            told.append((page.extrasamples, page.planarconfig, page.photometric == 2))
    assert told[0] == told[1]


def test_a_codec_that_others_read(tmp_path):
    """Without the optional imagecodecs, Pillow reads LZW: all pages, and every sample of each."""
    pages = [Image.fromarray(page) for page in picture("uint8", shape=(3, 37, 53))]
    pages[0].save(
        tmp_path / "a.tif", save_all=True, append_images=pages[1:], compression="tiff_lzw"
    )
    check_same(read_image(tmp_path / "a.tif"), np.stack([np.asarray(page) for page in pages]))
    four = picture("uint8", (4,))
    image = Image.frombytes("RGBX", (53, 37), four.tobytes())
    image.save(tmp_path / "b.tif", compression="tiff_lzw")
    # Pillow itself has left out the fourth sample since its version 12; then nothing is read.
    with suppress(InputError):
        check_same(read_image(tmp_path / "b.tif"), np.moveaxis(four, -1, 0))


def test_what_tifffile_needs_a_missing_module_for_is_read_by_pillow(tmp_path, monkeypatch):
    """As Zstandard before Python 3.14: a sound file is not called damaged."""
    page = picture("uint16", shape=(37, 53))
    tifffile.imwrite(tmp_path / "a.tif", page)

    def asarray(*_):
        raise ModuleNotFoundError("No module named 'compression'")

    monkeypatch.setattr(tifffile.TiffPageSeries, "asarray", asarray)
    check_same(read_image(tmp_path / "a.tif"), page)


def packed(path, values, bits, photometric):
    """Write a TIFF of so many bits a pixel, without padding between them."""
    each = (values[..., None] >> np.arange(bits - 1, -1, -1)) & 1
    rows = np.packbits(each.reshape(len(values), -1).astype(np.uint8), axis=1)
    tifffile.imwrite(path, rows, photometric=photometric, metadata=None)
    with tifffile.TiffFile(path, mode="r+") as tif:
        tif.pages[0].tags["ImageWidth"].overwrite(values.shape[1])
        tif.pages[0].tags["BitsPerSample"].overwrite(bits)


@pytest.mark.parametrize(("bits", "most"), [(2, 3), (4, 15), (12, 4095), (10, 1023)])
@pytest.mark.parametrize("white", [False, True])
def test_pixels_of_part_of_a_byte(tmp_path, bits, most, white):
    """Those of a scanner are widened to a byte, those of a camera are as they are, or refused."""
    values = picture("uint16", shape=(37, 52)) % (most + 1)
    kind = "miniswhite" if white else "minisblack"
    packed(tmp_path / "a.tif", most - values if white else values, bits, kind)
    expected = (values * (255 // most)).astype(np.uint8) if bits < 8 else values
    try:
        check_same(read_image(tmp_path / "a.tif"), expected)
    except InputError as error:
        assert bits == 10 or (bits == 12 and white)
        assert "a.tif has a rare compression or number of bits; save it" in str(error)


def test_what_is_aligned_of_a_file(tmp_path):
    """Its colours if it has some, else the mean; never what the file calls opacity."""
    samples = picture("uint8", (5,))
    samples[:9, ..., 4] = 0
    tifffile.imwrite(tmp_path / "a.tif", samples, photometric="rgb", extrasamples=[0, 2])
    plane = read_file(tmp_path / "a.tif").plane()
    check_same(np.ascontiguousarray(plane), np.ascontiguousarray(samples[..., [0, 1, 2, 4]]))
    bands = {"photometric": "minisblack", "planarconfig": "contig"}
    tifffile.imwrite(tmp_path / "b.tif", samples, extrasamples=[0, 0, 0, 2], **bands)
    file = read_file(tmp_path / "b.tif")
    plane = file.plane()
    np.testing.assert_allclose(plane.data, samples[..., :4].mean(axis=2), rtol=1e-6)
    assert plane.mask[:9].all()
    np.testing.assert_array_equal(plane.mask, samples[..., 4] == 0)
    np.testing.assert_array_equal(file.plane(3), samples[..., 3])
    assert file.plane(3).mask[:9].all()
    np.testing.assert_array_equal(ImageFile(samples[..., :3]).plane(1), samples[..., 1])
    with pytest.raises(InputError, match=r"a\.tif has no channel 5, but 0 to 4"):
        file.plane(5, "a.tif")


def test_a_fourth_band_is_no_opacity(tmp_path):
    """Near infrared that is 0 in places hides nothing: the shift is found as in the colours."""
    rgb = np.dstack([picture("uint8", shape=(220, 260), seed=seed) for seed in range(3)])
    rgb = np.repeat(np.repeat(rgb[:55, :65], 4, 0), 4, 1)
    infrared = np.where(rgb[..., 0] > 100, rgb[..., 0], 0).astype(np.uint8)
    bands = np.dstack([rgb, infrared])
    for name, rows, columns in (("a", 0, 0), ("b", 7, 5)):
        part = bands[rows : rows + 200, columns : columns + 240]
        tifffile.imwrite(tmp_path / f"{name}.tif", part, photometric="rgb", extrasamples=[0])
    files = [read_file(tmp_path / f"{name}.tif") for name in "ab"]
    found = align(*(file.plane() for file in files), model="translation")
    colours = align(*(file.plane()[..., :3] for file in files), model="translation")
    assert found.verdict == colours.verdict == "aligned"
    assert found.transform.corner_distance([[1, 0, -5], [0, 1, -7]], (200, 240)) < 0.05
    images = [read_image(tmp_path / f"{name}.tif") for name in "ab"]
    found = align(*images, channel_axis=0, model="translation")
    assert found.aligned
    warped = warp(images[1], found, channel_axis=0)
    assert warped.shape == (4, 200, 240)


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_what_cannot_hold_channels_says_so(tmp_path, suffix):
    tifffile.imwrite(tmp_path / "a.tif", FOUR, photometric="minisblack")
    with pytest.raises(InputError, match=r"4 channels or pages; use \.tif"):
        write_file(tmp_path / f"b{suffix}", read_file(tmp_path / "a.tif"))
