"""Which images hold labels: told from real segmentations, scans, photographs and posters."""

from __future__ import annotations

from functools import cache, partial

import dask.array as da
import numpy as np
import pytest
from scipy import ndimage
from skimage import color, data, filters, measure, morphology, segmentation

from music.page import make_page
from napari_ecc_align import InputError, Transform, warp
from napari_ecc_align._images.kinds import kind_of, two_values
from pairs import picture

TURN = Transform([[0.99, 0.05, 3.3], [-0.05, 0.99, 2.2]])


def gray(image):
    return (color.rgb2gray(image) * 255).astype(np.uint8)


def seeds(seed=0):
    spots = np.zeros((512, 512), np.int32)
    rows, columns = np.random.default_rng(seed).integers(0, 512, (2, 300))
    spots[rows, columns] = np.arange(1, 301)
    return spots


def posterised(image, levels):
    return (np.round(image / 255 * (levels - 1)) * (255 // (levels - 1))).astype(np.uint8)


@cache
def coins():
    """Return the coins, and labels of what is brighter than the ground."""
    image = data.coins()
    return image, measure.label(filters.threshold_otsu(image) < image)


@cache
def galaxies():
    return gray(data.hubble_deep_field())


def opened_coins():
    return measure.label(morphology.opening(coins()[1] > 0, np.ones((7, 7))))


def basins():
    image, _ = coins()
    return segmentation.watershed(filters.sobel(image), measure.label(image > 150))


def superpixels(count):
    return segmentation.slic(data.astronaut(), n_segments=count, start_label=1)


LABELS = {
    "coins": lambda: coins()[1],
    "coins without specks": opened_coins,
    "coins that touch": lambda: segmentation.expand_labels(coins()[1], 10),
    "coins, hundreds": lambda: 100 * coins()[1],
    "watershed": basins,
    "letters": lambda: measure.label(data.text() < filters.threshold_otsu(data.text())),
    "galaxies": lambda: measure.label(galaxies() > 100).astype(np.uint16),
    "few superpixels": lambda: superpixels(50),
    "many superpixels": lambda: superpixels(2000),
    "regions": lambda: segmentation.felzenszwalb(data.astronaut(), scale=100),
    "points": seeds,
    "spots": lambda: ndimage.grey_dilation(seeds(), footprint=np.ones((3, 3))).astype(np.uint16),
    "classes": lambda: np.digitize(coins()[0], filters.threshold_multiotsu(coins()[0], classes=3)),
    "nested": lambda: np.pad(np.pad(np.full((90, 90), 2, np.uint8), 50, constant_values=1), 50),
}


def photons(image):
    return np.random.default_rng(0).poisson(image)


def nearly_even():
    noise = np.random.default_rng(0).normal(size=(512, 512))
    return (2000 * ndimage.gaussian_filter(noise, 40)).astype("i2")


IMAGES = {
    **{
        name: partial(lambda name: picture(name).astype(np.uint8), name)
        for name in ("camera", "coins", "moon", "page")
    },
    "galaxies": galaxies,
    "galaxies on black": lambda: np.clip(galaxies().astype(int) - 60, 0, 255).astype(np.uint8),
    "clock": data.clock,
    "cell": data.cell,
    "rocket": lambda: gray(data.rocket()),
    "music": lambda: make_page().gray,
    "photons": lambda: photons(np.full((512, 512), 0.05)),
    "photons of the camera": lambda: photons(data.camera() / 200).astype(np.uint16),
    "ramp": lambda: np.tile(np.arange(400, dtype=np.uint16), (300, 1)),
    "nearly even": nearly_even,
}


@pytest.mark.parametrize("name", LABELS)
def test_labels_are_copied_and_nothing_but_labels_comes_out(name):
    labels = LABELS[name]()
    assert kind_of(labels) == "labels"
    warped = warp(labels, TURN)
    assert warped.dtype == labels.dtype
    assert np.array_equal(warped, warp(labels, TURN, interpolation="nearest"))
    assert set(np.unique(warped)) <= {0, *np.unique(labels)}
    assert warped[-1, -1] == 0, "outside, even if labels reach the edge"


@pytest.mark.parametrize("name", IMAGES)
def test_measurements_are_interpolated(name):
    image = IMAGES[name]()
    assert kind_of(image) == "image"
    assert np.array_equal(warp(image, TURN), warp(image, TURN, interpolation="linear"))


@pytest.mark.parametrize("levels", [3, 4, 6, 8])
@pytest.mark.parametrize("name", ["camera", "coins"])
def test_what_might_be_labels_is_interpolated_with_a_word(name, levels):
    image = posterised(picture(name), levels)
    assert kind_of(image) == "perhaps labels"
    linear = warp(image, TURN, interpolation="linear")
    with pytest.warns(UserWarning, match="may hold labels.*nearest"):
        assert np.array_equal(warp(image, TURN), linear)


@pytest.mark.parametrize("dtype", [np.uint8, np.int32])
def test_what_has_two_values_keeps_them(dtype):
    page = np.where(data.page() > 150, 240, 7).astype(dtype)
    warped = warp(page, TURN)
    assert set(np.unique(warped)) == {7, 240}
    assert warped[-1, -1] == 240, "the border of the page is white"
    half = warp(page > 7, TURN, fill=True)
    assert np.array_equal(warp(page, TURN, fill=240) == 240, half)
    assert set(np.unique(warp(page, TURN, fill=9))) == {7, 9, 240}


def test_lazy_labels_are_labels():
    labels = LABELS["galaxies"]()
    lazy = da.from_array(labels, chunks=200)
    assert np.array_equal(warp(lazy, TURN), warp(labels, TURN))


def test_large_images_with_little_in_them_are_looked_at_whole():
    labels = np.zeros((2000, 2000), np.int32)
    assert kind_of(labels) == "blank"
    labels[400:440, 500:540], labels[450:460, 500:520], labels[600:609, 1500:1520] = 5, 9, 2
    assert kind_of(labels) == "labels"
    assert two_values(labels) is None


@pytest.mark.parametrize("interpolation", ["nearest", "linear", "cubic", "lanczos", None])
def test_a_fill_is_exact_where_float64_is_not(interpolation):
    image = np.arange(3600, dtype=np.int64).reshape(60, 60) + 2**53
    warped = warp(image, TURN, output_shape=(90, 90), interpolation=interpolation, fill=2**53 + 1)
    assert warped[-1, -1] == 2**53 + 1
    for beyond in (2**63, -(2**63) - 1, 10**400):
        with pytest.raises(
            InputError, match=r"fill must be a (value|number) that (int64|a pixel) can hold"
        ):
            warp(image, TURN, interpolation=interpolation, fill=beyond)
