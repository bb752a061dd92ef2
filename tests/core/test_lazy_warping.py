"""Warping what is too large for memory: the same pixels as `warp`, and only those looked at."""

from __future__ import annotations

from itertools import pairwise

import dask
import dask.array as da
import numpy as np
import pytest

from napari_ecc_align import Field, InputError, Transform, warp
from napari_ecc_align._images.lazy_warping import lazy_warp, warp_pyramid
from pairs import picture

MATRIX = [[0.98, 0.06, 31.3], [-0.05, 1.03, -17.8], [0, 0, 1]]
TRANSFORM = Transform(MATRIX)
TILTED = Transform([*MATRIX[:2], [2e-5, -1e-5, 1]], model="homography")
SHAPE = (1060, 1200)


class Counting:
    """A lazy image that remembers which of its pixels were asked for."""

    def __init__(self, array):
        self.array, self.shape, self.dtype, self.ndim = array, array.shape, array.dtype, array.ndim
        self.seen = np.zeros(array.shape[:2], bool)

    def __getitem__(self, key):
        self.seen[key[:2]] = True
        return self.array[key]


@pytest.fixture(scope="module")
def image():
    tile = picture("camera").astype(np.uint8)
    mirrored = np.block([[tile, tile[:, ::-1]], [tile[::-1], tile[::-1, ::-1]]])
    return np.tile(mirrored, (2, 2))[:1300, :1400]


def halved(image):
    height, width = (side // 2 * 2 for side in image.shape[:2])
    return (
        image[:height, :width]
        .reshape(height // 2, 2, width // 2, 2, *image.shape[2:])
        .mean(axis=(1, 3))
        .astype(image.dtype)
    )


def pyramid(image, count=3):
    levels = [image]
    while len(levels) < count:
        levels.append(halved(levels[-1]))
    return levels


@pytest.mark.parametrize("transform", [TRANSFORM, TILTED], ids=["affine", "homography"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64, bool])
def test_the_pixels_are_those_of_warp(image, transform, dtype):
    image = (image > 100) if dtype is bool else image.astype(dtype)
    found = lazy_warp(
        da.from_array(image, chunks=300), transform, output_shape=SHAPE, fill="background"
    )
    assert isinstance(found, da.Array)
    assert (found.shape, found.dtype) == (SHAPE, dtype)
    expected = warp(image, transform, output_shape=SHAPE, fill="background")
    # Blocks start at other places, which rounds a little differently.
    gap = np.abs(found.compute().astype(float) - expected.astype(float))
    assert gap.max() <= (0.05 if np.issubdtype(dtype, np.floating) else 1)
    assert gap.mean() < 1e-3


@pytest.mark.parametrize("way", ["nearest", "linear", "cubic"])
@pytest.mark.parametrize("fill", ["background", 7.0])
def test_the_pixels_through_a_field_are_those_of_warp(image, way, fill):
    rows, columns = np.mgrid[: image.shape[0], : image.shape[1]]
    bent = np.stack([9 * np.sin(rows / 150), 6 * np.cos(columns / 120)], axis=-1)
    field = Transform([[1, 0.01, -30], [0, 1, 12]]) @ Field.from_displacements(bent)
    options = {"output_shape": (1300, 1100), "interpolation": way, "fill": fill}
    drawn = lazy_warp(da.from_array(image, chunks=300), field, **options)
    assert drawn.numblocks == (2, 2)
    off = np.abs(np.asarray(drawn).astype(int) - warp(image, field, **options))
    # Places are told in single precision, of a part more exactly than of the whole.
    assert np.mean(off > 1) < 1e-3
    far = Transform([[1, 0, 5000], [0, 1, 0]]) @ field
    outside = np.asarray(lazy_warp(da.from_array(image, chunks=300), far, **options))
    assert len(np.unique(outside)) == 1


def test_a_block_through_a_field_reads_what_it_shows():
    read = []

    def block(block_info=None):
        read.append(block_info[None]["chunk-location"])
        return np.zeros(block_info[None]["chunk-shape"], np.uint8)

    image = da.map_blocks(block, chunks=((256,) * 16, (256,) * 16), dtype=np.uint8)
    field = Field.from_displacements(np.full((4096 // 64, 4096 // 64, 2), 2.0))
    drawn = lazy_warp(image, field, output_shape=(4096, 4096), fill=0)
    assert not read
    np.asarray(drawn[1100:1200, 1100:1200])
    assert 0 < len(set(read)) <= 36


def test_labels_are_copied(image):
    lazy = da.from_array(image.astype(np.int32) * 1000, chunks=300)
    found = lazy_warp(lazy, TRANSFORM, output_shape=SHAPE, interpolation="nearest").compute()
    assert set(np.unique(found)) <= {0, *(np.unique(image).astype(int) * 1000)}


def test_colours_stay_together(image):
    colours = np.stack([image, image[::-1], 255 - image], axis=-1)
    found = lazy_warp(da.from_array(colours, chunks=(300, 300, 3)), TRANSFORM, output_shape=SHAPE)
    expected = warp(colours, TRANSFORM, output_shape=SHAPE)
    assert found.shape == (*SHAPE, 3)
    assert np.abs(found.compute().astype(int) - expected).max() <= 1


def test_nothing_is_read_before_it_is_looked_at(image):
    source = Counting(image)
    found = lazy_warp(source, TRANSFORM, output_shape=SHAPE)
    assert source.seen.mean() < 1e-5
    np.asarray(found[100:200, 1050:1150])
    assert 0 < source.seen.mean() < 0.4


def test_an_overview_reads_an_overview(image):
    levels = [Counting(level) for level in pyramid(image)]
    found = warp_pyramid(levels, TRANSFORM, output_shape=SHAPE, fill="background")
    assert [level.shape for level in found] == [(1060, 1200), (530, 600), (265, 300)]
    np.asarray(found[-1])
    assert [bool(level.seen.any()) for level in levels] == [False, False, True]


@pytest.mark.parametrize("factor", [0.5, 1.0, 2.0])
def test_levels_show_the_same_scene(factor):
    rows, columns = np.mgrid[:1200, :1200].astype(np.float32)
    image = 100 + 50 * np.sin(rows / 60) + 40 * np.cos(columns / 45)
    enlarge = Transform([[factor, 0, 11.5], [0, factor, 4.5], [0, 0, 1]])
    side = round(1100 / factor)
    found = warp_pyramid(pyramid(image, 4), enlarge, output_shape=(side, side))
    assert len(found) > 1
    assert all(isinstance(level, np.ndarray) for level in found)
    for fine, coarse in pairwise(found):
        even = tuple(slice(0, 2 * (length // 2)) for length in fine.shape)
        gap = np.abs(halved(fine[even]) - coarse[: even[0].stop // 2, : even[1].stop // 2])
        assert gap[8:-8, 8:-8].max() < 0.5


def test_a_chunk_does_not_start_threads_of_its_own(image):
    source = da.from_array(image, chunks=300)
    with dask.config.set(scheduler="synchronous"):
        expected = warp(image, TRANSFORM, output_shape=SHAPE)
        found = lazy_warp(source, TRANSFORM, output_shape=SHAPE).compute()
    assert np.abs(found.astype(int) - expected).max() <= 1


def test_bad_input_is_named(image):
    with pytest.raises(InputError, match="output_shape"):
        lazy_warp(image, TRANSFORM, output_shape=(0, 3))
    with pytest.raises(InputError, match="many sizes"):
        warp_pyramid([], TRANSFORM, output_shape=SHAPE)
