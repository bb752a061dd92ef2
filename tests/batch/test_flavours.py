"""Each image keeps its kind: binary, depth, compression, background."""

from __future__ import annotations

import numpy as np
import pytest
from dataset import SHAPE
from tifffile import TiffFile

from music.page import make_page
from napari_ecc_align import Transform
from napari_ecc_align._batch.run.resample import resample
from napari_ecc_align._batch.settings import BatchSettings
from napari_ecc_align._images.files.image_file import ImageFile
from napari_ecc_align._images.files.images import decode_image, encode_image, read_file
from napari_ecc_align._images.files.tags import GridTags, TiffStyle
from napari_ecc_align._images.kinds import two_values

SHIFT = Transform([[1, 0.001, 0.5], [0, 1, -0.3], [0, 0, 1]])


@pytest.fixture(scope="module")
def page():
    return make_page(shape=SHAPE)


KINDS = {
    "bool": lambda ink: ink > 0,
    "0 and 255": lambda ink: ink,
    "0 and 1": lambda ink: (ink > 0).astype(np.uint8),
    "16 bit": lambda ink: np.where(ink > 0, 60_000, 17).astype(np.uint16),
    "float": lambda ink: np.where(ink > 0, 0.25, -1.5).astype(np.float32),
    "colours": lambda ink: np.where((ink > 0)[..., None], [255, 250, 240], [9, 0, 80]).astype(
        "u1"
    ),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("binary", ["area", "nearest"])
def test_an_image_of_two_values_keeps_them(page, kind, binary):
    image = KINDS[kind](page.binary)
    result = resample(image, SHIFT, SHAPE, BatchSettings(binary=binary))
    assert result.dtype == image.dtype
    assert result.shape == SHAPE + image.shape[2:]
    white, black = KINDS[kind](np.array([[255, 0]], np.uint8))[0]
    is_white, is_black = (
        (result.reshape(*SHAPE, -1) == value).all(axis=2) for value in (white, black)
    )
    assert (is_white ^ is_black).all()
    assert is_white.any()
    assert is_black.any()
    # Outside the image there is paper.
    assert np.array_equal(result[-1, -1], image[-1, -1])


def test_half_a_pixel_decides_what_a_binary_pixel_becomes():
    image = np.zeros((20, 20), np.uint8)
    image[:, 10:] = 200
    third = Transform([[1, 0, 0.3], [0, 1, 0], [0, 0, 1]], model="translation")
    assert np.array_equal(
        resample(image, third, image.shape, BatchSettings())[:, 1:19], image[:, 1:19]
    )
    more = Transform([[1, 0, 0.7], [0, 1, 0], [0, 0, 1]], model="translation")
    moved = resample(image, more, image.shape, BatchSettings())[:, 1:19]
    assert np.array_equal(moved, image[:, 2:20])


def test_a_gray_image_is_interpolated_over_its_own_background(page):
    assert two_values(page.gray) is None
    result = resample(page.gray, SHIFT, SHAPE, BatchSettings())
    assert len(np.unique(result)) > 100
    assert abs(float(result[-1, -1]) - float(np.median(page.gray[-1]))) < 6


@pytest.mark.parametrize("value", [0, 7])
def test_a_blank_image_stays_blank(value):
    blank = np.full((40, 50), value, np.uint8)
    assert np.array_equal(resample(blank, SHIFT, (40, 50), BatchSettings()), blank)
    colour = np.full((40, 50, 3), value, np.uint8)
    assert np.array_equal(resample(colour, SHIFT, (40, 50), BatchSettings()), colour)


@pytest.mark.parametrize(
    ("dtype", "compression"),
    [
        (bool, 4),
        (bool, 1),
        (np.uint8, 1),
        (np.uint8, 5),
        (np.uint8, 8),
        (np.uint8, 32773),
        (np.uint16, 8),
        (np.uint16, 5),
        (np.float32, 8),
        (np.float32, 1),
    ],
)
def test_a_tiff_keeps_its_depth_compression_and_resolution(page, tmp_path, dtype, compression):
    image = page.binary > 0 if dtype is bool else page.gray.astype(dtype)
    style, grid = TiffStyle(compression), GridTags((300.0, 300.0), unit=2)
    path = tmp_path / "scan.tif"
    path.write_bytes(encode_image(path, ImageFile(image, grid, style)))
    found = read_file(path)
    assert (found.style, found.grid) == (style, grid)
    with TiffFile(path) as tif:
        assert tif.pages[0].bitspersample == (1 if dtype is bool else 8 * np.dtype(dtype).itemsize)
    assert np.array_equal(found.pixels, image)
    again = encode_image(path, found)
    assert np.array_equal(decode_image(again, path).pixels, image)


def test_a_compression_that_cannot_be_written_becomes_zlib(page, tmp_path):
    path = tmp_path / "scan.tif"
    image = ImageFile(page.gray.astype(np.float32), style=TiffStyle(5))
    path.write_bytes(encode_image(path, image))
    assert read_file(path).style == TiffStyle(8)
