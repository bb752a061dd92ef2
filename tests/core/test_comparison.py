import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_ecc_align import InputError, compare
from napari_ecc_align._compare.thresholding import THRESHOLD_METHODS
from napari_ecc_align._images.samples import sample
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
    assert np.array_equal(found.labels == 1, (first > 0) & (second == 0))
    assert np.array_equal(found.labels == 2, (second > 0) & (first == 0))
    assert set(np.unique(found.labels)) == {0, 1, 2}


def test_a_negative_compares_as_the_positive():
    first, second = blobs((10, 10), (30, 30)), blobs((10, 15), (30, 30))
    straight = compare(first, second)
    for a, b in ((255 - first, second), (first, 255 - second), (255 - first, 255 - second)):
        found = compare(a, b)
        assert found.different == straight.different
        assert np.array_equal(found.labels, straight.labels)


@pytest.mark.parametrize("method", THRESHOLD_METHODS)
def test_every_threshold_of_the_story_page_says_the_same(method):
    page = sample("page")
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
    assert found.labels.max() == 0
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


def test_the_thresholds_found_give_the_same_when_set_by_hand():
    page = sample("page")
    other = np.roll(page.moving, 3, axis=1) / 255.0
    found = compare(page.moving, other, method="li")
    assert found.thresholds[0] == pytest.approx(255 * found.thresholds[1], rel=1e-3)
    again = compare(page.moving, other, thresholds=found.thresholds)
    assert again.method == "manual"
    assert abs(again.different - found.different) <= 2e-5 * found.compared
    assert again.only_reference + again.only_moving == again.different


def test_a_threshold_by_hand_counts_what_lies_above_it():
    first = np.tile(np.arange(10.0), (10, 1))
    second = first * 2
    found = compare(first, second, thresholds=(7.5, 11.0))
    # Above: columns 8 and 9 of the first, 6 to 9 of the second.
    assert (found.different, found.only_reference, found.only_moving) == (20, 0, 20)
    one_for_both = compare(first, second, thresholds=7.5)
    # Columns 8 and 9 against 4 to 9.
    assert one_for_both.different == 40
    assert one_for_both.thresholds == (7.5, 7.5)


@pytest.mark.parametrize("method", ["sauvola", "niblack", "local"])
def test_the_window_matters_to_a_local_threshold(method):
    image = picture("camera")
    other = np.roll(image, 2, axis=0)
    small, large = (compare(image, other, method=method, window_size=w) for w in (7, 101))
    assert small.different != large.different
    assert small.thresholds == (None, None)


@pytest.mark.parametrize("method", ["sauvola", "niblack"])
def test_k_matters_where_it_is_used(method):
    image = picture("camera")
    other = np.roll(image, 2, axis=0)
    assert (
        compare(image, other, method=method, k=0.2).different
        == compare(image, other, method=method).different
    )
    assert (
        compare(image, other, method=method, k=0.5).different
        != compare(image, other, method=method).different
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"window_size": 15}, "not for 'otsu'"),
        ({"method": "local", "window_size": 16}, "odd"),
        ({"method": "local", "window_size": 1}, "at least 3"),
        ({"method": "local", "window_size": 5.0}, "odd"),
        ({"method": "local", "k": 0.2}, "sauvola and niblack"),
        ({"method": "sauvola", "k": np.nan}, "k must be a number"),
        ({"method": "sauvola", "k": "a"}, "k must be a number"),
        ({"thresholds": np.nan}, "finite"),
        ({"thresholds": (1, 2, 3)}, "one finite number or two"),
        ({"thresholds": "high"}, "one number or two"),
    ],
)
def test_refuses_parameters_that_cannot_be_used(options, words):
    image = picture("camera")[:60, :80]
    with pytest.raises(InputError, match=words):
        compare(image, image, **options)


@pytest.mark.parametrize("method", ["sauvola", "niblack", "local"])
@pytest.mark.parametrize("shape", [(64, 64), (40, 3000)])
def test_a_window_beyond_the_image_takes_no_more_memory(method, shape):
    image = (np.random.default_rng(0).random(shape) * 255).astype(np.uint8)

    def taken(window_size):
        tracemalloc.start()
        found = compare(image, image[::-1], method=method, window_size=window_size).different
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found, peak

    taken(15)
    different, least = taken(max(shape) | 1)
    for window_size in (5001, 100_001):
        found, peak = taken(window_size)
        assert found == different
        assert peak < 1.5 * least
