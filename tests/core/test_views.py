"""Pictures of two aligned images: what they show, and that they refuse what they cannot show."""

import numpy as np
import pytest
from skimage import data

from napari_ecc_align import InputError
from napari_ecc_align._compare.binary import ONLY_MOVING, ONLY_REFERENCE, compare
from napari_ecc_align._compare.views import checkerboard, overlay

IMAGE = data.camera()[:200, :240]


def test_images_that_agree_make_a_gray_overlay():
    picture = overlay(IMAGE, IMAGE).astype(int)
    assert picture.shape == (200, 240, 3)
    assert np.ptp(picture, axis=2).max() <= 1
    assert picture.max() == 255
    assert picture.min() == 0


@pytest.mark.parametrize("seen", [255 - IMAGE, IMAGE * 7.5 - 300, IMAGE.astype(np.uint16) * 256])
def test_brightness_contrast_and_sign_do_not_matter(seen):
    assert np.abs(overlay(IMAGE, seen).astype(int) - overlay(IMAGE, IMAGE)).max() <= 1
    assert np.abs(checkerboard(IMAGE, seen) - checkerboard(IMAGE, IMAGE)).max() < 1e-3


@pytest.mark.parametrize("image", [IMAGE, 255 - IMAGE], ids=["dark on light", "light on dark"])
def test_what_only_one_image_has_is_of_one_colour_in_all_views(image):
    first, second = image.copy(), image.copy()
    first[20:40, 20:40], second[20:40, 20:40] = 255, 0
    first[80:90, 20:40], second[80:90, 20:40] = 0, 255
    picture, labels = overlay(first, second).astype(int), compare(first, second).labels
    assert {labels[30, 30], labels[85, 30]} == {ONLY_REFERENCE, ONLY_MOVING}
    for row in (30, 85):
        red, _, blue = picture[row, 30]
        assert red - blue > 100 if labels[row, 30] == ONLY_REFERENCE else blue - red > 100


def test_the_squares_take_turns():
    first = np.tile(np.linspace(0, 1, 160), (80, 1))
    second = first + 0.2 * (np.arange(80)[:, np.newaxis] % 2)
    board = checkerboard(first, second, squares=8)
    untouched = checkerboard(first, first, squares=8)
    same = np.isclose(board, untouched, atol=1e-6)
    assert same[:20, :20].all()
    assert not same[:20, 20:40].all()
    assert not same[20:40, :20].all()
    assert same[20:40, 20:40].all()


def test_outside_the_overlap_the_reference_is_shown_in_violet():
    mask = np.zeros(IMAGE.shape, bool)
    mask[:, :100] = True
    noise = np.random.default_rng(0).random(IMAGE.shape)
    outside = checkerboard(IMAGE, np.where(mask, IMAGE, noise), mask=mask)[:, 100:]
    assert np.array_equal(outside, checkerboard(IMAGE, IMAGE)[:, 100:])
    picture = overlay(IMAGE, IMAGE, mask=mask).astype(int)
    red, green, blue = picture[:, 100:].transpose(2, 0, 1)
    # Violet however dark the reference is, and so unlike black that agrees.
    assert (blue > red).all() and (red > green).all() and blue.min() >= 70


def test_flat_and_undefined_images_are_shown_too():
    flat = np.full((40, 50), 7)
    assert np.isfinite(checkerboard(flat, flat)).all()
    holes = IMAGE.astype(float)
    holes[:50] = np.nan
    assert np.isfinite(checkerboard(holes, IMAGE)).all()
    assert overlay(holes, IMAGE).dtype == np.uint8


@pytest.mark.parametrize("squares", [0, 1, 2.5, True, "8", 10_000])
def test_impossible_boards_are_refused(squares):
    with pytest.raises(InputError, match="squares"):
        checkerboard(IMAGE, IMAGE, squares=squares)


def test_other_sizes_are_refused():
    with pytest.raises(InputError, match="reference's grid"):
        overlay(IMAGE, IMAGE[:50])
