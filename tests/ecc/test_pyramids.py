"""Levels in memory and on demand, and the choice of tiles."""

import cv2
import numpy as np
import pytest
from scipy.ndimage import uniform_filter1d

from napari_ecc_align import align
from napari_ecc_align._common.steps import outcome_of
from napari_ecc_align._images.limits import LIMITS
from napari_ecc_align._images.pyramid import filters, tile_choice
from napari_ecc_align._images.pyramid.blocks import tile_reference
from napari_ecc_align._images.pyramid.halving import image_pyramid
from napari_ecc_align._images.pyramid.on_demand import lazy_pyramid
from napari_ecc_align._images.pyramid.representations import halo
from napari_ecc_align._images.pyramid.tile_sampler import TileSampler
from napari_ecc_align._images.pyramid.whole_blocks import whole_reference
from pairs import picture


class Counting:
    """A lazy image that counts how often each of its pixels is asked for."""

    def __init__(self, array, chunk=None):
        self.array, self.shape, self.dtype, self.ndim = array, array.shape, array.dtype, array.ndim
        if chunk:
            self.chunks = (chunk, chunk)
        self.times = np.zeros(array.shape, int)

    def __getitem__(self, key):
        self.times[key] += 1
        return self.array[key]


@pytest.fixture
def small_limits(monkeypatch):
    monkeypatch.setattr(LIMITS, "whole_pixels", 150**2)
    monkeypatch.setattr(LIMITS, "kept_bytes", 2**30)


def camera(dtype=np.uint8):
    return np.rint(picture("camera")[:451, :398]).astype(dtype)


def unchanged(pixels):
    return pixels


@pytest.mark.usefixtures("small_limits")
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("chunk", [None, 64, 100])
def test_without_a_pyramid_every_pixel_is_asked_for_once(dtype, chunk):
    image = camera(dtype)
    counted = Counting(image, chunk)
    levels = outcome_of(lazy_pyramid([counted], unchanged, None, 24))
    assert (counted.times == 1).all()
    for level, expected in zip(levels[1:], image_pyramid(image)[1:], strict=True):
        assert level.shape == expected.shape
        assert np.array_equal(level.image, expected.image)


@pytest.mark.usefixtures("small_limits")
def test_levels_between_given_ones_are_halved_where_they_are_asked_for():
    image = camera()
    expected = image_pyramid(image)
    given = [Counting(image, 64), Counting(np.asarray(expected[2].image), 64)]
    levels = outcome_of(lazy_pyramid(given, unchanged, None, 24))
    assert [level.shape for level in levels] == [level.shape for level in expected]
    given[0].times[:] = 0
    found, valid = levels[1].patch(40, 90, 30, 100)
    exact, _ = expected[1].patch(40, 90, 30, 100)
    assert valid is None
    # Up to the rounding of what is kept in 8 bits, and in the units of each level.
    correlation = np.corrcoef(found.ravel(), exact.ravel())[0, 1]
    assert correlation > 0.9999
    assert (given[0].times > 0).mean() < 0.25


def test_levels_keep_pixel_zero_at_pixel_zero():
    x = np.arange(256, dtype=np.float32)
    levels = image_pyramid(np.tile(x, (256, 1)))
    for level in levels:
        ramp = level.image[level.shape[0] // 2, 4:-4].astype(float)
        np.testing.assert_allclose(ramp, 2**level.index * np.arange(4, 4 + len(ramp)), atol=1e-3)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
@pytest.mark.parametrize("period", [2, 3, 6])
def test_contrast_is_seen_though_a_raster_hides_it_from_the_sample(dtype, period):
    image = camera(dtype)[:400, :398]
    image[::period, ::period] = image.dtype.type(0.1 * 255)
    assert 0.7 < image_pyramid(image)[0].scale / image.std() < 1.3


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_an_image_of_one_value_keeps_its_values(dtype):
    assert image_pyramid(np.full((97, 130), 0.1 * 255).astype(dtype))[0].scale == 1


def test_what_is_masked_has_no_weight():
    image = camera(np.float32)
    mask = np.ones(image.shape, bool)
    mask[100:200, 50:170] = False
    leaky = np.where(mask, image, np.nan)
    for level, other in zip(image_pyramid(image, mask), image_pyramid(leaky), strict=True):
        assert (level.valid is None) == (other.valid is None)
        values, valid = level.patch(0, level.shape[0], 0, level.shape[1])
        others, _ = other.patch(0, level.shape[0], 0, level.shape[1])
        assert np.array_equal(values, others)
        if valid is not None:
            assert not values[~valid].any()


def test_tiles_are_cut_from_the_smoothed_level():
    level = image_pyramid(camera())[0]
    origins = np.array([[50.0, 60.0], [200.0, 300.0]])
    tiles = tile_reference(level, origins, 32)
    whole = outcome_of(whole_reference(level, 16))
    # The block that begins at (64, 64) lies in the first tile.
    block = (64 // 16) * -(-level.shape[1] // 16) + 64 // 16
    np.testing.assert_allclose(tiles.values[0, 4:20, 14:30], whole.values[block], atol=1e-5)
    np.testing.assert_allclose(tiles.slopes[:, 0, 4:20, 14:30], whole.slopes[:, block], atol=1e-5)
    gx, gy = filters.gradients(tiles.values[1])
    np.testing.assert_allclose(tiles.slopes[0, 1, 1:-1, 1:-1], gx[1:-1, 1:-1], atol=1e-6)
    np.testing.assert_allclose(tiles.slopes[1, 1, 1:-1, 1:-1], gy[1:-1, 1:-1], atol=1e-6)


def test_tiles_sampled_at_whole_pixels_are_tiles():
    level = image_pyramid(camera())[0]
    origins = np.array([[50.0, 60.0], [200.0, 300.0]])
    matrix = np.array([[1, 0, 7], [0, 1, -9], [0, 0, 1.0]])
    sampled = TileSampler(level, origins, 32)(matrix)
    there = tile_reference(level, origins + np.array([7, -9]), 32)
    np.testing.assert_allclose(sampled, there.values, atol=1e-5)
    outside = TileSampler(level, origins, 32)(
        matrix + np.array([[0, 0, 380], [0, 0, 0], [0, 0, 0]])
    )
    assert np.isnan(outside[1]).all()


@pytest.mark.parametrize("turn", [1, -1])
def test_tiles_that_cover_an_image_are_sampled_as_each_alone(turn):
    level = image_pyramid(camera()[:200, :150])[0]
    x, y = np.meshgrid(np.arange(-6.0, 150, 20), np.arange(-9.0, 200, 20))
    origins = np.stack([x.ravel(), y.ravel()], axis=1)
    matrix = np.array([[1.01 * turn, 0.02, 70], [-0.015, 0.99 * turn, 90], [0, 0, 1]])
    matrix[:2, 2] -= matrix[:2, :2] @ (70, 90)
    together = TileSampler(level, origins, 24)(matrix)
    alone = np.concatenate([TileSampler(level, one[None], 24)(matrix) for one in origins])
    # OpenCV rounds where the border lies.
    assert (np.isnan(together) != np.isnan(alone)).mean() < 1e-3
    assert 0.1 < np.isnan(alone).mean() < 0.6
    assert np.nanmax(np.abs(together - alone)) < 1e-3


@pytest.mark.parametrize("offset", [12, 60_000])
def test_few_counts_of_16_bits_are_halved_without_rounding_them(offset):
    rng = np.random.default_rng(3)
    counts = rng.poisson(4, (64, 80)).astype(np.uint16)
    level = image_pyramid(counts + np.uint16(offset))[1]
    expected = cv2.pyrDown(counts.astype(np.float64) + offset)
    seen = level.whole()[0] * np.float64(level.scale) + level.offset
    own = image_pyramid(counts + np.uint16(offset))[0]
    if level.scale == 1:
        # Without the offset, which single precision would not hold beside so little.
        seen = seen * own.scale + own.offset
    np.testing.assert_allclose(seen, expected, atol=1e-3)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("top", [1, 255, 65_535])
def test_the_contrast_of_integers_is_none_only_if_all_are_equal(dtype, top):
    image = np.full((100, 120), min(top, np.iinfo(dtype).max), dtype)
    assert image_pyramid(image)[0].scale == 1
    image[50, 60] -= 1
    assert 0 < image_pyramid(image)[0].scale < 0.1


@pytest.mark.parametrize("margin", [0, 9])
def test_tiles_to_choose_from_lie_side_by_side_inside_the_margin(margin):
    origins = tile_choice.grid((300, 500), 48, margin)
    assert origins.min() >= margin
    assert (origins + 48 <= np.array([500, 300]) - margin).all()
    assert len(origins) == ((500 - 2 * margin) // 48) * ((300 - 2 * margin) // 48)


def test_only_what_has_texture_in_both_directions_is_strong():
    rng = np.random.default_rng(0)
    image = np.zeros((256, 256), np.float32)
    image[:, 64:128] = np.sin(np.arange(64))
    image[:, 192:] = rng.normal(size=(256, 64))
    level = image_pyramid(image)[0]
    origins = np.array([[8.0, 96], [72, 96], [200, 96]])
    flat, striped, textured = tile_choice.strength(level, 1, origins, 40)
    assert flat == pytest.approx(0, abs=1e-6)
    assert striped < 1e-4 * textured


def test_any_leading_part_of_the_chosen_tiles_covers_the_image():
    shape = (600, 600)
    origins = tile_choice.grid(shape, 40, 8)
    strengths = np.random.default_rng(0).uniform(1, 2, len(origins))
    order = tile_choice.order(origins, strengths, np.ones(len(origins)), shape)
    assert sorted(order) == list(range(len(origins)))
    first = origins[order[:36]] // 100
    assert len(np.unique(first, axis=0)) == 36


def test_tiles_are_told_by_how_well_they_land():
    moving = image_pyramid(camera())[0]
    size, ring = 40, halo()
    width = moving.shape[1]
    origins = np.array([[100.0, 100], [width - size / 2 - ring - 8, 100], [width + 5.0, 100]])
    found = tile_choice.overlap(origins, size, np.eye(3), moving)
    assert found.tolist() == [1, 0.5, 0]


@pytest.mark.parametrize("wide", [True, False])
def test_a_level_longer_than_opencv_addresses_is_warped_as_its_parts_are(wide):
    image = np.random.default_rng(0).normal(size=(6, 33_000)).astype(np.float32)
    matrix = np.array([[1.0, 0.001, 12.25], [0.00002, 1.0, 0.5], [0.0, 0.0, 1.0]])
    where = slice(20_000, 20_100)
    part = filters.warp(image[:, 20_000:20_200], between(matrix, where), (100, 6))
    if not wide:
        image, swap = image.T.copy(), np.eye(3)[[1, 0, 2]]
        matrix, part = swap @ matrix @ swap, part.T
    whole = filters.warp(image, matrix, image.shape[::-1])
    found = whole[:, where] if wide else whole[where]
    # To the 1/32 px at which OpenCV samples.
    np.testing.assert_allclose(found, part, atol=0.1)
    assert np.isfinite(part).mean() > 0.5


def between(matrix, columns):
    """Return a matrix as it is from a part of some columns to that part."""
    here, there = np.eye(3), np.eye(3)
    here[0, 2], there[0, 2] = columns.start, -columns.start
    return there @ matrix @ here


@pytest.mark.parametrize("upright", [False, True])
def test_strips_longer_than_opencv_addresses_are_aligned(upright):
    rng = np.random.default_rng(1)
    strip = rng.normal(size=(24, 33_000)).cumsum(axis=1)
    strip -= uniform_filter1d(strip, 51, axis=1)
    moving = np.roll(strip, 3, axis=1)
    shift = (0, 3) if upright else (3, 0)
    pair = (strip.T, moving.T) if upright else (strip, moving)
    result = align(*pair, model="translation")
    assert result.found
    assert result.transform.matrix[:2, 2] == pytest.approx(shift, abs=0.1)
