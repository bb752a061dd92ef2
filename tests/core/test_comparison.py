import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_ecc_align import InputError, compare
from napari_ecc_align.comparison import THRESHOLD_METHODS
from napari_ecc_align.samples import pair
from pairs import picture


def blobs(*corners, shape=(60, 80)):
    image = np.zeros(shape, np.uint8)
    for row, column in corners:
        image[row : row + 10, column : column + 10] = 255
    return image


def test_counts_of_a_known_case():
    first, second = blobs((10, 10), (30, 30)), blobs((10, 15), (30, 30))
    found = compare(first, second)
    assert found.different == 100
    assert found.fraction == 100 / 4800
    assert found.iou == 150 / 250
    assert found.dice == 2 * 150 / 400
    assert found.compared == 4800
    assert np.array_equal(found.map == 1, (first > 0) & (second == 0))
    assert np.array_equal(found.map == 2, (second > 0) & (first == 0))
    assert set(np.unique(found.map)) == {0, 1, 2}


def test_a_negative_compares_as_the_positive():
    first, second = blobs((10, 10), (30, 30)), blobs((10, 15), (30, 30))
    straight = compare(first, second)
    for a, b in ((255 - first, second), (first, 255 - second), (255 - first, 255 - second)):
        found = compare(a, b)
        assert found.different == straight.different
        assert np.array_equal(found.map, straight.map)


@pytest.mark.parametrize("method", THRESHOLD_METHODS)
def test_every_threshold_of_the_story_page_says_the_same(method):
    page = pair("page")
    found = compare(page.reference, page.reference, method=method)
    assert found.different == 0
    assert found.iou == found.dice == 1
    assert found.method == method
    gray = page.moving
    shifted = np.roll(gray, 4, axis=0)
    assert compare(gray, shifted, method=method).different > 1000


@given(st.sampled_from(["u1", "u2", "i4", "f4", "f8"]), st.floats(0.5, 50))
def test_scaling_an_image_changes_nothing(dtype, gain):
    image = picture("camera")[:80, :100]
    other = (image * gain / 50).astype(np.float64)
    reference = image.astype(dtype)
    assert compare(reference, other).different <= 0.02 * image.size


def test_only_the_overlap_counts():
    first, second = blobs((10, 10), (30, 30)), blobs((10, 10), (30, 40))
    mask = np.zeros(first.shape, bool)
    mask[:25] = True
    found = compare(first, second, mask=mask)
    assert found.different == 0
    assert found.compared == 25 * 80
    assert found.map.max() == 0
    floats = second.astype(float)
    floats[25:] = np.nan
    assert compare(first, floats).different == 0


def test_nothing_to_compare():
    empty = compare(blobs(), blobs())
    assert (empty.different, empty.iou, empty.dice) == (0, 1, 1)
    none = compare(blobs((10, 10)), blobs((10, 10)), mask=np.zeros((60, 80)))
    assert (none.different, none.compared, none.fraction) == (0, 0, 0)


def test_extreme_ranges():
    image = picture("camera")[:80, :100]
    for scale in (1e-300, 1e-30, 1e30, 1e300):
        assert compare(image * scale, image).different == 0


def test_refusals():
    with pytest.raises(InputError, match="method must be one of"):
        compare(blobs(), blobs(), method="magic")
    one_peak = np.linspace(0, 1, 8000).reshape(80, 100) ** 4
    with pytest.raises(InputError, match="'minimum' does not suit the reference"):
        compare(one_peak, one_peak, method="minimum")
