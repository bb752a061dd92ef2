"""What of a file's tags a result keeps: the reference's grid, what the image's values mean."""

import json
from xml.etree import ElementTree

import numpy as np
import pytest
import tifffile
from PIL import Image
from processes import run_main

from napari_ecc_align import Transform, read_image, warp
from napari_ecc_align._images.files.images import read_file
from pairs import picture

QUICK = ("--model", "translation")
GEOTIFF = (33550, 33922, 34735, 34736, 34737)


def geotiff(x, nodata):
    """Tags of 10 m pixels in UTM zone 33 whose corner lies at x, and a value of no data."""
    return [
        (33550, 12, 3, (10.0, 10.0, 0.0), True),
        (33922, 12, 6, (0.0, 0.0, 0.0, x, 5800020.0, 0.0), True),
        (34735, 3, 8, (1, 1, 0, 1, 3072, 0, 1, 32633), True),
        (34736, 12, 2, (6378137.0, 298.257), True),
        (34737, 2, 5, "WGS|", True),
        (42113, 2, len(nodata), nodata, True),
    ]


@pytest.fixture(scope="module")
def parts():
    """Two parts of a picture; the second is shifted by (-5, -7)."""
    image = np.rint(picture("camera")).astype(np.uint8)
    return image[20:220, 20:260], image[27:227, 25:265]


def tags_of(path):
    with tifffile.TiffFile(path) as tif:
        return {tag.code: tag.value for tag in tif.pages[0].tags.values()}


def aligned(*arguments):
    done = run_main("align", *arguments, *QUICK)
    assert (done.code, done.err) == (0, ""), done.err
    return done


@pytest.mark.parametrize("compression", [None, "zlib", "lzw"])
def test_a_geotiff_lies_where_the_reference_lies(parts, tmp_path, compression):
    for name, part, x in zip("ab", parts, (399960.0, 400000.0), strict=True):
        path = tmp_path / f"{name}.tif"
        if compression == "lzw":
            tags = [tag[:2] + tag[3:4] for tag in geotiff(x, name)]
            info = Image.Exif()
            for code, _, value in tags:
                info[code] = value
            Image.fromarray(part).save(path, compression="tiff_lzw", tiffinfo=info)
        else:
            tifffile.imwrite(path, part, compression=compression, extratags=geotiff(x, name))
    out = tmp_path / "out"
    aligned(tmp_path / "a.tif", tmp_path / "b.tif", "--out", out)
    reference, moving = tags_of(tmp_path / "a.tif"), tags_of(tmp_path / "b.tif")
    for name in ("b_aligned.tif", "b_difference.tif"):
        found = tags_of(out / name)
        assert {code: found[code] for code in GEOTIFF} == {c: reference[c] for c in GEOTIFF}
    found = tags_of(out / "b_aligned.tif")
    # What values mean is the moving image's affair.
    assert found[42113] == moving[42113] != reference[42113]
    assert found[259] == moving[259]
    run = ("apply", out / "b_transform.json", tmp_path / "b.tif", "--like", tmp_path / "a.tif")
    assert run_main(*run, "--out", tmp_path / "c.tif").code == 0
    assert tags_of(tmp_path / "c.tif")[33922] == reference[33922]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("colour", [False, True])
def test_dots_per_inch_of_a_scan(parts, tmp_path, dtype, colour):
    """They are the reference's, in every format; the image's own where that says nothing."""
    reference, moving = (
        np.dstack([part] * 3) if colour else part
        for part in (part.astype(dtype) for part in parts)
    )
    dense = {"resolutionunit": 3, "photometric": "rgb" if colour else "minisblack"}
    tifffile.imwrite(tmp_path / "a.tif", reference, resolution=(100, 200), **dense)
    tifffile.imwrite(tmp_path / "b.tif", moving, resolution=(50, 50), **dense)
    Image.fromarray(parts[1]).save(tmp_path / "b.jpg", dpi=(300, 300))
    Image.fromarray(parts[1]).save(tmp_path / "c.png", dpi=(300, 300))
    transform = tmp_path / "t.json"
    Transform([[1, 0, -5], [0, 1, -7]]).save(transform)
    images = [tmp_path / name for name in ("b.tif", "b.jpg", "c.png")]
    names = ("out.tif", "out.png", "out.jpg", "bare.png")
    for image, name in zip((images[0], images[0], images[2], images[2]), names, strict=True):
        like = tmp_path / ("bare.tif" if name == "bare.png" else "a.tif")
        tifffile.imwrite(tmp_path / "bare.tif", reference, photometric=dense["photometric"])
        run = ("apply", transform, image, "--like", like, "--out", tmp_path / name)
        assert run_main(*run).code == 0
    grids = [read_file(tmp_path / name).grid for name in names]
    assert grids[0].resolution == (100, 200)
    assert grids[0].unit == 3
    np.testing.assert_allclose(grids[1].per_inch, (254, 508), rtol=1e-4)
    np.testing.assert_allclose(grids[2].per_inch, (254, 508))
    np.testing.assert_allclose(grids[3].per_inch, (300, 300), rtol=1e-4)


def test_the_size_of_a_pixel_in_a_microscopes_file(parts, tmp_path):
    """Of ImageJ's and OME's files it goes into the resolution, and into an OME-TIFF."""
    tifffile.imwrite(
        tmp_path / "a.tif", parts[0], imagej=True, resolution=(4, 2), metadata={"unit": "micron"}
    )
    size = {"PhysicalSizeX": 250, "PhysicalSizeXUnit": "nm", "PhysicalSizeY": 0.5, "axes": "CYX"}
    two = np.stack([parts[1], 255 - parts[1]])
    tifffile.imwrite(tmp_path / "b.ome.tif", two, photometric="minisblack", metadata=size)
    per_centimetre = ((40000.0, 20000.0), 3)
    for name in ("a.tif", "b.ome.tif"):
        grid = read_file(tmp_path / name).grid
        np.testing.assert_allclose(grid.resolution, per_centimetre[0])
        assert grid.unit == 3
    aligned(tmp_path / "a.tif", tmp_path / "b.ome.tif", "--channel", 0, "--out", tmp_path / "out")
    (transform,) = (tmp_path / "out").glob("*.json")
    run = ("apply", transform, tmp_path / "b.ome.tif", "--like", tmp_path / "a.tif")
    assert run_main(*run, "--out", tmp_path / "c.ome.tif").code == 0
    with tifffile.TiffFile(tmp_path / "c.ome.tif") as tif:
        assert tif.series[0].axes == "CYX"
        (pixels,) = ElementTree.fromstring(tif.ome_metadata).iterfind(".//{*}Pixels")
        assert (float(pixels.get("PhysicalSizeX")), pixels.get("SizeC")) == (0.25, "2")


def test_all_channels_follow_one(parts, tmp_path):
    """One channel decides, or their mean; each is resampled, and the file has the same axes."""
    reference, moving = parts
    tifffile.imwrite(tmp_path / "ref.tif", reference)
    channels = np.stack([moving, 255 - moving, moving // 2, np.zeros_like(moving)])
    tifffile.imwrite(
        tmp_path / "mov.tif", channels, photometric="minisblack", metadata={"axes": "CYX"}
    )
    for choice in ((), ("--channel", "1"), ("--channel", "2")):
        out = tmp_path / "-".join(["out", *choice])
        done = aligned(tmp_path / "ref.tif", tmp_path / "mov.tif", *choice, "--out", out, "--json")
        answer = json.loads(done.out)
        assert (answer["x"], answer["y"]) == pytest.approx((-5, -7), abs=0.05)
        assert answer["inverted"] == (choice[1:] == ("1",))
        transform = Transform.load(out / "mov_transform.json")
        expected = warp(channels, transform, output_shape=(200, 240), channel_axis=0)
        found = read_image(out / "mov_aligned.tif")
        assert found.shape == (4, 200, 240)
        np.testing.assert_allclose(found, expected, atol=1)
        with tifffile.TiffFile(out / "mov_aligned.tif") as tif:
            assert tif.series[0].axes == "CYX"
    done = run_main("align", tmp_path / "ref.tif", tmp_path / "mov.tif", "--channel", "3")
    assert done.code == 1
    assert "no contrast" in done.out
    compare = ("compare", tmp_path / "ref.tif", tmp_path / "out" / "mov_aligned.tif")
    found = json.loads(run_main(*compare, "--channel", "0", "--json").out)
    assert found["different"] < 100


def test_infrared_is_no_opacity(parts, tmp_path):
    """The fourth sample of both is data; 0 in it hides nothing, and its tag is kept."""
    for name, part in zip(("ref", "mov"), parts, strict=True):
        bands = np.dstack([part, part // 2, 255 - part, np.where(part > 128, part, 0)])
        path = tmp_path / f"{name}.tif"
        tifffile.imwrite(path, bands, photometric="rgb", extrasamples=[0])
    out = tmp_path / "out"
    aligned(tmp_path / "ref.tif", tmp_path / "mov.tif", "--out", out)
    with tifffile.TiffFile(out / "mov_aligned.tif") as tif:
        page = tif.pages[0]
        assert (page.shape, page.extrasamples, page.photometric) == ((200, 240, 4), (0,), 2)
    expected = np.where(parts[0] > 128, parts[0], 0)[10:, 10:]
    found = read_image(out / "mov_aligned.tif")[3, 10:, 10:]
    np.testing.assert_allclose(found, expected, atol=3)


def test_a_film_of_channels(parts, tmp_path):
    """Every frame is aligned by one channel or the mean, and keeps all; in one file or in many."""
    image = np.rint(picture("camera")).astype(np.uint8)
    frames = np.stack([image[20 + k : 220 + k, 20:260] for k in range(3)])
    film = np.stack([frames, frames // 2], axis=1)
    told = {"photometric": "minisblack", "resolution": (300, 300)}
    tifffile.imwrite(tmp_path / "film.tif", film, metadata={"axes": "TCYX"}, **told)
    files = [tmp_path / f"f{number}.tif" for number in range(3)]
    for path, frame in zip(files, film, strict=True):
        tifffile.imwrite(path, frame, metadata={"axes": "CYX"}, **told)
    for given, choice in (([tmp_path / "film.tif"], "1"), (files, "0")):
        out = tmp_path / choice
        done = run_main("stack", *given, *QUICK, "--channel", choice, "--out", out)
        assert (done.code, done.err) == (0, "")
    with tifffile.TiffFile(tmp_path / "1" / "film_aligned.tif") as tif:
        assert tif.series[0].axes == "TCYX"
        found = tif.asarray()
    assert read_file(tmp_path / "1" / "film_aligned.tif").grid.resolution == (300, 300)
    for number in range(3):
        one = read_file(tmp_path / "0" / f"f{number}_aligned.tif")
        assert one.grid.resolution == (300, 300)
        for pixels in (found[number], one.pixels):
            np.testing.assert_array_equal(pixels[:, 5:-5], film[0][:, 5:-5])


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
@pytest.mark.parametrize("bands", [1, 2])
def test_what_has_no_data_counts_nowhere(parts, tmp_path, dtype, bands):
    """A mosaic's empty pixels are no image, and the result has their value where it is empty."""
    names = {"a": (parts[0], 0, 10, "0"), "b": (parts[1], 300, 200, "9999")}
    for name, (part, top, left, value) in names.items():
        frame = np.full((520, 500), float(value), dtype)
        frame[top : top + 200, left : left + 240] = part.astype(dtype) + 1
        frames = np.stack([frame] * bands) if name == "b" and bands > 1 else frame
        tag = [(42113, 2, len(value) + 1, value, True)]
        path = tmp_path / f"{name}.tif"
        tifffile.imwrite(path, frames, photometric="minisblack", extratags=tag)
    out = tmp_path / "out"
    answer = json.loads(
        aligned(tmp_path / "a.tif", tmp_path / "b.tif", "--out", out, "--json").out
    )
    assert (answer["x"], answer["y"]) == pytest.approx((190 - 5, 300 - 7), abs=0.05)
    assert answer["different"] < 100
    found = read_image(out / "b_aligned.tif").reshape(-1, 520, 500)
    assert len(found) == bands
    for plane in found:
        filled = plane != 9999
        assert plane[filled].max() <= 257
        assert filled[10:204, 18:252].all()
        assert not filled[209:].any()
    run = ("apply", out / "b_transform.json", tmp_path / "b.tif", "--like", tmp_path / "a.tif")
    assert run_main(*run, "--fill", "7", "--out", tmp_path / "c.tif").code == 0
    corner = read_image(tmp_path / "c.tif").reshape(-1, 520, 500)[:, -1, -1]
    assert (corner == 7).all()


@pytest.mark.parametrize("fill", ["background", "7"])
@pytest.mark.parametrize("way", ["linear", "lanczos"])
def test_what_has_no_data_gets_into_nothing_beside_it(tmp_path, way, fill):
    """Nor into what lies half beyond the image."""
    pixels = np.full((40, 50), 100, np.int16)
    pixels[:20] = pixels[30, 30] = -9999
    tag = [(42113, 2, 6, "-9999", True)]
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="minisblack", extratags=tag)
    Transform([[1, 0, -0.5], [0, 1, 0.5], [0, 0, 1]]).save(tmp_path / "half.json")
    run = ("apply", tmp_path / "half.json", tmp_path / "a.tif", "--like", tmp_path / "a.tif")
    more = ("--interpolation", way, "--fill", fill, "--out", tmp_path / "b.tif")
    assert run_main(*run, *more).code == 0
    found = read_image(tmp_path / "b.tif")
    assert (found[:20] == -9999).all() and (found[29:31, 30:32] == -9999).all()
    assert np.count_nonzero(found[20:39, 1:] == -9999) == 4
    held = found[20:35, 5:-5]
    assert (held[held != -9999] == 100).all()
    # Beyond the right side, and half beyond the left.
    beyond = found[20:39, 0]
    assert (beyond == -9999).all() if fill == "background" else (beyond > 0).all()


def test_what_has_no_data_in_a_film_counts_in_no_frame_of_it(parts, tmp_path):
    """As in as many files: it stays where it is, while what is shown moves."""
    frames = np.stack([parts[0], *[np.roll(parts[0], (k, 2 * k), (0, 1)) for k in (1, 2)]])
    frames = frames.astype(np.int16)
    frames[:, :60] = frames[:, :, :50] = -9999
    tag = [(42113, 2, 6, "-9999", True)]
    tifffile.imwrite(tmp_path / "a.tif", frames, photometric="minisblack", extratags=tag)
    done = run_main("film", tmp_path / "a.tif", *QUICK, "--out", tmp_path / "out", "--json")
    answer = json.loads(done.out)
    assert [(f["x"], f["y"]) for f in answer["frames"]] == [
        pytest.approx((2 * k, k), abs=0.05) for k in range(3)
    ]
    file = read_file(tmp_path / "out" / "a_aligned.tif")
    assert file.no_data == -9999
    assert file.pixels[file.pixels != -9999].min() >= 0
    assert (file.pixels[:, :57] == -9999).all()
