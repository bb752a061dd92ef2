"""Images that stay where they are: lazy, at several sizes, in colour, masked."""

from __future__ import annotations

from functools import cache

import cv2
import dask.array as da
import numpy as np
import pytest

from clock import longest_step, processor_time
from napari_ecc_align import InputError, Transform, align, warp
from napari_ecc_align._common.steps import outcome_of
from napari_ecc_align._images.limits import LIMITS
from napari_ecc_align._images.pyramid.grids import located, textured_places
from napari_ecc_align._images.pyramid.halving import base
from napari_ecc_align._images.pyramid.pair import make_pyramids
from napari_ecc_align._images.pyramid.streaming import gathered, halved_rows
from napari_ecc_align._images.sources import LazyImage, LoadedImage, checked_source
from napari_ecc_align._transform.coordinates import corner_error
from pairs import picture

SIDE = 2300
TRUTH = Transform([[1.003, -0.004, 7.3], [0.005, 0.998, -4.6], [0, 0, 1]], model="affine")


class Counting:
    """A lazy image that counts the pixels it is asked for; chunks of 128 px, or none."""

    def __init__(self, array, chunks=True):
        self.array, self.shape, self.dtype, self.ndim = array, array.shape, array.dtype, array.ndim
        if chunks:
            self.chunks = (128, 128, *array.shape[2:])
        self.times = np.zeros(array.shape[:2], np.int32)

    def __getitem__(self, key):
        self.times[key] += 1
        return self.array[key]

    def __array__(self, dtype=None, copy=None):
        self.times += 1
        return self.array

    @property
    def share(self):
        return float((self.times > 0).mean())


class MultiScale(list):
    """As napari's: a sequence that also has the shape and dtype of its finest level."""

    shape = property(lambda self: self[0].shape)
    dtype = property(lambda self: self[0].dtype)
    ndim = property(lambda self: self[0].ndim)


def scene(side, matrix):
    """Sample three pictures on different scales at ``matrix @ (x, y, 1)``."""
    total = np.zeros((side, side), np.float32)
    for name, scale, angle in (("camera", 5.1, 0.1), ("page", 3.1, 0.2), ("chelsea", 2.2, 2.0)):
        image = picture(name).astype(np.float32)
        tile = np.block([[image, image[:, ::-1]], [image[::-1], image[::-1, ::-1]]])
        height, width = tile.shape
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) / scale
        x, y = np.meshgrid(np.arange(side), np.arange(side))
        at = np.stack([x, y], -1) @ (turn @ matrix[:2, :2]).T + turn @ matrix[:2, 2]
        tile = np.pad(tile, 2, mode="wrap")
        total += cv2.remap(
            tile,
            (at[..., 0] % width + 2).astype(np.float32),
            (at[..., 1] % height + 2).astype(np.float32),
            cv2.INTER_LINEAR,
        )
    return total / 3


@cache
def large_pair():
    reference, moving = scene(SIDE, np.eye(3)), scene(SIDE, TRUTH.inverse.matrix)
    return tuple(np.clip(np.rint(image), 0, 255).astype(np.uint8) for image in (reference, moving))


def means(image, factor):
    height, width = (length // factor * factor for length in image.shape[:2])
    blocks = image[:height, :width].reshape(
        height // factor, factor, width // factor, factor, *image.shape[2:]
    )
    return blocks.mean(axis=(1, 3)).astype(image.dtype)


def striding(image, factor):
    return np.ascontiguousarray(image[::factor, ::factor])


def resizing(image, factor):
    height, width = image.shape[:2]
    size = round(width / factor - 0.4), round(height / factor - 0.4)
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def levels_of(image, halve, factor=2, smallest=300):
    levels = [image]
    while min(levels[-1].shape[:2]) > factor * smallest:
        levels.append(halve(levels[-1], factor))
    return levels


def error_of(result):
    return corner_error(result.transform.matrix, TRUTH.matrix, (SIDE, SIDE))


@pytest.fixture
def small_thresholds(monkeypatch):
    """Let images of a few megapixels count as large."""
    monkeypatch.setattr(LIMITS, "small_pixels", 2**16)
    monkeypatch.setattr(LIMITS, "small_bytes", 2**16)
    monkeypatch.setattr(LIMITS, "whole_pixels", 600**2)


@pytest.mark.usefixtures("small_thresholds")
@pytest.mark.parametrize(
    ("halve", "factor", "wrapped"),
    [
        (means, 3, list),
        (striding, 2, list),
        (resizing, 2, list),
        (resizing, 4, list),
        # As napari wraps them.
        (means, 2, MultiScale),
        (striding, 3, MultiScale),
    ],
)
def test_a_pyramid_is_as_good_as_the_image_and_hardly_read(halve, factor, wrapped):
    pair = [levels_of(image, halve, factor) for image in large_pair()]
    counted = [wrapped(Counting(level) for level in levels) for levels in pair]
    result = align(*counted)
    assert result.verdict == "aligned", result.reason
    assert error_of(result) < max(0.02, 4 * result.corner_uncertainty)
    assert max(levels[0].share for levels in counted) < 0.7


class InChunks:
    """A lazy image that can only be had by whole chunks, and counts how often each is."""

    def __init__(self, array, chunks):
        self.array, self.shape, self.dtype, self.ndim = array, array.shape, array.dtype, array.ndim
        self.chunks = chunks
        self.reads = np.zeros([-(-n // m) for n, m in zip(array.shape, chunks, strict=True)], int)

    def __getitem__(self, key):
        ranges = [part.indices(length)[:2] for part, length in zip(key, self.shape, strict=True)]
        touched = tuple(
            slice(low // size, -(-high // size))
            for (low, high), size in zip(ranges, self.chunks, strict=True)
        )
        self.reads[touched] += 1
        return self.array[key]


@pytest.mark.usefixtures("small_thresholds")
@pytest.mark.parametrize("chunks", [(SIDE, SIDE), (1024, 900), (256, 256), (37, 700)])
def test_no_chunk_is_read_twice_without_need(chunks):
    counted = [[InChunks(image, chunks), *levels_of(image, means)[1:]] for image in large_pair()]
    result = align(*counted)
    assert error_of(result) < max(0.02, 4 * result.corner_uncertainty)
    assert max(levels[0].reads.max() for levels in counted) == 1


@pytest.mark.usefixtures("small_thresholds")
def test_the_correlation_of_a_pyramid_is_sampled_where_it_was_read():
    reference, moving = large_pair()
    counted = [
        [InChunks(image, (64, 64)), *levels_of(image, means)[1:]] for image in (reference, moving)
    ]
    result = align(*counted)
    whole = align(reference, moving)
    assert result.ecc == pytest.approx(whole.ecc, abs=0.03)
    assert max((levels[0].reads > 0).mean() for levels in counted) < 0.15


@pytest.mark.usefixtures("small_thresholds")
def test_only_one_image_may_have_a_pyramid():
    reference, moving = large_pair()
    result = align([Counting(level) for level in levels_of(reference, means)], moving)
    assert error_of(result) < max(0.02, 4 * result.corner_uncertainty)


@pytest.mark.usefixtures("small_thresholds")
def test_windows_are_read_where_there_are_no_chunks():
    pair = [
        [Counting(level, chunks=False) for level in levels_of(image, means)]
        for image in large_pair()
    ]
    result = align(*pair)
    assert error_of(result) < max(0.02, 4 * result.corner_uncertainty)
    assert max(levels[0].share for levels in pair) < 0.35


@pytest.mark.usefixtures("small_thresholds")
@pytest.mark.parametrize("kept", [2**21, 2**19])
def test_without_a_pyramid_every_pixel_is_read_once(kept, monkeypatch):
    monkeypatch.setattr(LIMITS, "kept_bytes", kept)
    pair = [Counting(image) for image in large_pair()]
    result = align(*pair)
    assert all((image.times == 1).all() for image in pair)
    assert result.verdict == "aligned", result.reason
    assert error_of(result) < 4 * result.corner_uncertainty < 0.5


def test_a_small_lazy_image_is_the_array():
    pair = [image[:700, :800] for image in large_pair()]
    here, there = align(*pair), align(*(da.from_array(image, chunks=128) for image in pair))
    assert np.array_equal(here.transform.matrix, there.transform.matrix)


@pytest.mark.usefixtures("small_thresholds")
def test_dask_in_colour_and_big_endian_floats():
    reference, moving = large_pair()
    colours = np.stack([reference, reference // 2, 255 - reference // 4], axis=-1)
    levels = [da.from_array(level, chunks=256) for level in levels_of(colours, means)]
    floats = [da.from_array(level.astype(">f8"), chunks=512) for level in levels_of(moving, means)]
    result = align(levels, floats)
    assert result.verdict == "aligned", result.reason
    assert error_of(result) < max(0.02, 4 * result.corner_uncertainty)


@pytest.mark.usefixtures("small_thresholds")
@pytest.mark.parametrize("pyramid", [True, False])
@pytest.mark.parametrize("wrapped", [np.asarray, lambda mask: da.from_array(mask, chunks=500)])
def test_what_is_masked_does_not_count(pyramid, wrapped):
    reference, moving = large_pair()
    mask = np.ones(reference.shape, bool)
    mask[:, : SIDE // 2] = False
    replaced = np.where(mask, reference, moving[::-1])
    levels = levels_of(replaced, means) if pyramid else [replaced]
    images = [Counting(level) for level in levels]
    result = align(images, Counting(moving), reference_mask=wrapped(mask))
    assert result.verdict == "aligned", result.reason
    assert error_of(result) < max(0.05, 5 * result.corner_uncertainty)


@pytest.mark.usefixtures("small_thresholds")
@pytest.mark.parametrize("pyramid", [True, False])
def test_nan_is_masked(pyramid):
    reference, moving = large_pair()
    holed = reference.astype(np.float32)
    holed[300:900, 500:1500] = np.nan
    levels = levels_of(holed, means) if pyramid else [holed]
    result = align([Counting(level) for level in levels], moving)
    assert error_of(result) < max(0.02, 5 * result.corner_uncertainty)


@pytest.mark.parametrize("halve", [means, striding, resizing])
@pytest.mark.parametrize("factor", [2, 3, 4])
def test_where_a_level_lies_is_measured(halve, factor):
    image = large_pair()[0][:1001, :907]
    finer, coarser = (outcome_of(base(one)) for one in (image, halve(image, factor)))
    grid, known = located(finer, coarser, textured_places(coarser))
    assert known
    expected = (factor - 1) / 2 if halve is not striding else 0
    assert grid.start == pytest.approx(np.full(2, expected), abs=0.05)


@pytest.mark.parametrize("height", [64, 65, 66, 67])
@pytest.mark.parametrize("cuts", [[1, 2, 3, 7, 30], [32], [], list(range(1, 60))])
def test_halving_strip_by_strip_is_halving(height, cuts):
    image = large_pair()[0][:height, :70]
    strips = ((part, None) for part in np.split(image, cuts))
    found, valid = outcome_of(gathered(halved_rows(strips, height), (height + 1) // 2))
    assert valid is None
    assert np.array_equal(found, cv2.pyrDown(image))


@pytest.mark.parametrize("interpolation", ["nearest", "linear", "cubic", "lanczos"])
@pytest.mark.parametrize("fill", [7, "background"])
def test_warping_reads_what_it_needs(interpolation, fill, monkeypatch):
    monkeypatch.setattr(LIMITS, "warped_side", 100)
    moving = large_pair()[1][:600, :500]
    image = Counting(moving)
    options = {"output_shape": (230, 340), "interpolation": interpolation, "fill": fill}
    expected = warp(moving, TRUTH, **options)
    found = warp(image, TRUTH, **options)
    assert found.dtype == expected.dtype
    # Half-way between two pixels, rounding decides which one is the nearest.
    assert (np.abs(found.astype(int) - expected) > 1).mean() < 1e-3
    assert image.share < 0.3


@pytest.mark.parametrize("dtype", [bool, ">u2", "f8", "i4"])
def test_warping_keeps_the_type(dtype, monkeypatch):
    monkeypatch.setattr(LIMITS, "warped_side", 100)
    moving = (large_pair()[1][:200, :300] // 2).astype(dtype)
    options = {"output_shape": (230, 340)}
    expected = warp(moving, TRUTH, **options)
    found = warp(da.from_array(moving, chunks=64), TRUTH, **options)
    assert found.dtype == expected.dtype
    assert np.abs(found.astype(float) - expected).max() <= 1


@pytest.mark.parametrize(
    ("levels", "message"),
    [
        ([], "empty"),
        ([(64, 64), (64, 64)], r"reference must get smaller.*reference\[1\]"),
        ([(64, 64), (32, 80)], r"reference must get smaller"),
        ([(64, 64), (32, 32, 3)], r"reference\[1\].*axes"),
        ([(7, 64), (4, 32)], "at least 8"),
        ([(5, 64, 64), (5, 32, 32)], "shape"),
    ],
)
def test_levels_that_cannot_be_used_are_named(levels, message):
    levels = [np.zeros(shape, np.uint8) for shape in levels]
    with pytest.raises(InputError, match=message):
        align(levels, np.zeros((64, 64)))


def test_what_has_no_two_dimensions_or_no_known_shape_is_named():
    image = np.zeros((1, 1, 400, 400), np.uint8)
    with pytest.raises(InputError, match=r"reference\[0\] must have shape \(height, width\)"):
        align([image, image[..., ::2, ::2]], picture("camera"))
    rows = da.ones((400, 400), chunks=100)[da.ones(400, chunks=100) > 0]
    with pytest.raises(InputError, match="moving does not know its own shape"):
        align(picture("camera"), rows)


def test_levels_of_different_types_are_named():
    levels = [da.zeros((64, 64), dtype="u1"), da.zeros((32, 32), dtype="u2")]
    with pytest.raises(InputError, match=r"moving\[1\].*uint8, not uint16"):
        align(np.zeros((64, 64)), levels)


def test_what_is_a_sequence_of_levels_and_what_an_image():
    numbers = large_pair()[0][:40, :40]
    rows = [np.zeros((40, 3), np.uint8) for _ in range(50)]
    assert isinstance(checked_source(numbers.tolist(), None, "reference"), LoadedImage)
    assert checked_source(rows, None, "reference").shape == (50, 40, 3)
    large = da.zeros((9000, 9000), dtype="u1", chunks=1000)
    assert isinstance(checked_source(large, None, "reference"), LazyImage)
    with pytest.raises(InputError, match=r"moving_mask.*\(9000, 9000\)"):
        checked_source(large, da.ones((10, 10)), "moving")


@pytest.mark.usefixtures("small_thresholds")
@pytest.mark.parametrize("last", [(1, 1), (16, 16), (23, 900), (30, 30), (120, 100)])
def test_a_level_that_is_of_no_use_does_no_harm(last):
    pair = [
        [Counting(image), Counting(cv2.resize(image, last[::-1], interpolation=cv2.INTER_AREA))]
        for image in large_pair()
    ]
    result = align(*pair)
    assert result.verdict == "aligned", result.reason
    assert error_of(result) < max(0.02, 4 * result.corner_uncertainty)


@pytest.mark.parametrize("channels", [(), (3,)])
def test_the_last_level_of_a_pyramid_may_be_three_or_four_pixels_wide(channels):
    image = np.random.default_rng(0).random((256, 256, *channels)).astype(np.float32)
    levels = [image]
    while levels[-1].shape[0] > 3:
        levels.append(means(levels[-1], 2) if levels[-1].shape[0] > 4 else levels[-1][:3, :3])
    assert levels[-2].shape[:2] == (4, 4)
    assert align(levels, levels).verdict == "aligned"


def test_a_list_of_rows_of_colours_is_one_image():
    image = np.dstack([picture("astronaut")[100:180, 100:180]] * 3)
    loaded = checked_source([row for row in image], None, "reference")  # noqa: C416
    assert isinstance(loaded, LoadedImage)
    assert loaded.shape == (80, 80, 3)


@pytest.mark.parametrize("kind", ["double", "not finite", "masked", "opacity", "lazy"])
def test_preparing_an_image_pauses_often(kind):
    image = np.random.default_rng(0).random((3000, 3000), np.float32)
    if kind == "not finite":
        image[:, :100] = np.nan
    source = {
        "double": lambda: image.astype(np.float64),
        "masked": lambda: np.ma.masked_less(image, 0.1),
        "opacity": lambda: np.stack([image * 60_000] * 4, axis=-1).astype(np.uint16),
        "lazy": lambda: [da.from_array(image, chunks=256)],
    }.get(kind, lambda: image)()
    sources = [checked_source(source, None, "image") for _ in range(2)]
    whole = processor_time(lambda: outcome_of(make_pyramids(*sources, np.eye(3))))
    assert longest_step(lambda: make_pyramids(*sources, np.eye(3))) < 0.25 * whole
