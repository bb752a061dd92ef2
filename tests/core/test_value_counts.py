import numpy as np
import pytest
from skimage import filters

from napari_ecc_align._compare.thresholding import THRESHOLD_METHODS, Thresholding, binarise
from napari_ecc_align._images.value_counts import count_values, has_few_values, two_byte_values
from pairs import picture

RNG = np.random.default_rng(4)
INSIDE = RNG.random((70, 90)) < 0.8


def image(dtype):
    values = picture("camera")[200:270, 200:290].astype(np.float64)
    values += RNG.normal(0, 3, values.shape)
    limits = np.iinfo(dtype)
    span = float(limits.max) - float(limits.min)
    return np.rint(limits.min + np.clip(values / 255, 0, 1) * span).astype(dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.int16])
def test_every_value_is_counted(dtype):
    plane = image(dtype)
    values, counts = np.unique(plane[INSIDE], return_counts=True)
    for case in (plane, np.asfortranarray(plane), np.repeat(plane, 2, 1)[:, ::2]):
        found, how_often = count_values(case, INSIDE)
        assert found.dtype == dtype
        assert np.array_equal(found, values)
        assert np.array_equal(how_often, counts)


def test_counts_stay_exact_where_single_precision_does_not():
    plane = np.zeros((4097, 4097), np.uint8)
    plane[0, 0] = 1
    _, counts = count_values(plane, np.ones(plane.shape, bool))
    assert counts.tolist() == [4097**2 - 1, 1]


def test_booleans_are_counted_and_floats_are_not():
    _, counts = count_values(INSIDE, np.ones(INSIDE.shape, bool))
    assert counts.tolist() == [(~INSIDE).sum(), INSIDE.sum()]
    assert not has_few_values(np.dtype(np.float16))
    assert not has_few_values(np.dtype(np.int32))


@pytest.mark.parametrize("method", THRESHOLD_METHODS)
@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.int16])
def test_counted_values_are_parted_as_pixels_are(method, dtype):
    plane = image(dtype)
    floating = plane.astype(np.float32)
    expected = binarise(floating, INSIDE, Thresholding(method), "reference").above
    assert np.array_equal(
        binarise(plane, INSIDE, Thresholding(method), "reference").above, expected
    )


@pytest.mark.parametrize("method", ["otsu", "yen", "isodata", "minimum"])
def test_the_threshold_is_scikit_images_own(method):
    plane = image(np.uint8)
    inside = np.ones(plane.shape, bool)
    scaled = (plane - plane.min()) / np.float32(np.ptp(plane))
    expected = scaled > getattr(filters, f"threshold_{method}")(scaled)
    assert (
        np.mean(binarise(plane, inside, Thresholding(method), "reference").above != expected)
        < 0.01
    )


def test_the_threshold_otsu_is_scikit_images_to_the_last_bit():
    rng = np.random.default_rng(1)
    for _ in range(200):
        values = rng.choice(256, rng.integers(3, 256), replace=False)
        plane = rng.choice(values, (40, 50), p=rng.dirichlet(np.ones(len(values)))).astype("u1")
        low, high = float(plane.min()), float(plane.max())
        scaled = ((plane.astype(np.float32) - low) / (high - low)).astype(np.float32)
        heights, edges = np.histogram(scaled, 256)
        expected = filters.threshold_otsu(hist=(heights, (edges[:-1] + edges[1:]) / 2))
        found = binarise(plane, np.ones(plane.shape, bool), Thresholding("otsu"), "reference")
        assert found.threshold == pytest.approx(low + float(expected) * (high - low), rel=1e-6)


@pytest.mark.parametrize("values", [(0, 255), (3, 4), (7, 7), (0, 2), (254, 255)])
def test_two_values_are_noticed_and_a_third_one_too(values):
    plane = np.where(INSIDE, values[1], values[0]).astype(np.uint8)
    assert two_byte_values(plane) == values
    everywhere = np.ones(plane.shape, bool)
    assert two_byte_values(plane, everywhere) == values
    assert two_byte_values(plane, INSIDE) == (values[1], values[1])
    assert two_byte_values(plane, ~everywhere) is None
    for third in {0, 1, 5, 255} - set(values):
        spotted = plane.copy()
        spotted[3, 4] = third
        counted = len(np.unique(spotted))
        assert (two_byte_values(spotted) is None) == (counted > 2)
    # What lies outside does not count.
    spotted = np.where(INSIDE, plane, 100).astype(np.uint8)
    assert two_byte_values(spotted, INSIDE) == (values[1], values[1])
