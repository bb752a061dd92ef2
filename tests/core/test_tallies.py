import numpy as np
import pytest
from skimage import filters

from napari_ecc_align.comparison import THRESHOLD_METHODS, binarise
from napari_ecc_align.tallies import is_tallied, tallied
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
        found = tallied(case, INSIDE)
        assert found.values.dtype == dtype
        assert np.array_equal(found.values, values)
        assert np.array_equal(found.counts, counts)


def test_counts_stay_exact_where_single_precision_does_not():
    plane = np.zeros((4097, 4097), np.uint8)
    plane[0, 0] = 1
    found = tallied(plane, np.ones(plane.shape, bool))
    assert found.counts.tolist() == [4097**2 - 1, 1]


def test_booleans_are_counted_and_floats_are_not():
    found = tallied(INSIDE, np.ones(INSIDE.shape, bool))
    assert found.counts.tolist() == [(~INSIDE).sum(), INSIDE.sum()]
    assert not is_tallied(np.dtype(np.float16))
    assert not is_tallied(np.dtype(np.int32))


@pytest.mark.parametrize("method", THRESHOLD_METHODS)
@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.int16])
def test_counted_values_are_parted_as_pixels_are(method, dtype):
    plane = image(dtype)
    floating = plane.astype(np.float32)
    expected = binarise(floating, INSIDE, method, "reference", {}).above
    assert np.array_equal(binarise(plane, INSIDE, method, "reference", {}).above, expected)


@pytest.mark.parametrize("method", ["otsu", "yen", "isodata", "minimum"])
def test_the_threshold_is_scikit_images_own(method):
    plane = image(np.uint8)
    inside = np.ones(plane.shape, bool)
    scaled = (plane - plane.min()) / np.float32(np.ptp(plane))
    expected = scaled > getattr(filters, f"threshold_{method}")(scaled)
    assert np.mean(binarise(plane, inside, method, "reference", {}).above != expected) < 0.01
