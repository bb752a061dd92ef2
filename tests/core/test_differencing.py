import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_ecc_align import InputError, Transform, difference, warp
from napari_ecc_align._images.coverage import overlap
from napari_ecc_align._images.samples import sample
from pairs import picture

IMAGE = picture("camera")[100:200, 100:220]


@given(
    st.floats(0.01, 100) | st.floats(-100, -0.01),
    st.floats(-1000, 1000),
    st.booleans(),
)
def test_a_change_of_contrast_is_no_difference(gain, offset, signed):
    assert np.abs(difference(IMAGE, gain * IMAGE + offset, signed=signed)).max() < 1e-3


def test_signed_is_reference_minus_aligned():
    other = IMAGE.copy()
    other[40:50, 40:50] += 60
    signed = difference(IMAGE, other, signed=True)
    assert signed[40:50, 40:50].max() < -40
    np.testing.assert_allclose(np.abs(signed), difference(IMAGE, other), atol=1e-4)
    assert signed.dtype == np.float32


def test_nothing_differs_outside_the_overlap():
    other = IMAGE.copy()
    other[:, :30] = 0
    mask = np.ones(IMAGE.shape, bool)
    mask[:, :30] = False
    assert difference(IMAGE, other, mask=mask).max() < 1e-3
    with_hole = IMAGE.copy()
    with_hole[:, :30] = np.nan
    assert difference(IMAGE, with_hole).max() < 1e-3


def test_an_aligned_scan_is_blank_and_a_shifted_one_shows_outlines():
    page = sample("page")
    truth = Transform(page.matrix, model="affine")

    def gap(by):
        aligned = warp(page.moving, by, output_shape=page.reference.shape)
        inside = overlap(by, output_shape=page.reference.shape, moving_shape=page.moving.shape)
        return difference(page.reference, aligned, mask=inside)

    half_a_pixel = Transform([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]], model="translation")
    right, shifted = gap(truth), gap(truth @ half_a_pixel)
    unaligned = gap(Transform.identity())
    assert (right > 128).sum() < 0.15 * (unaligned > 128).sum()
    assert (shifted > 128).sum() > 2 * (right > 128).sum()


def test_colour_against_gray():
    colour = np.repeat(IMAGE[..., np.newaxis], 3, axis=2)
    assert difference(colour, 255 - IMAGE).max() < 0.05


def test_flat_images_have_no_difference_in_contrast():
    assert difference(np.full((9, 9), 5.0), np.full((9, 9), 80.0)).max() == 0


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_colours_without_data_are_passed_over(channels, value):
    colours = np.stack([IMAGE] * channels, axis=2).astype(np.float32)
    colours[..., 3:] = 255
    colours[10:20, 5:9, 1] = value
    colours[30, 30] = value
    gap = difference(colours, 0.5 * colours + 7)
    assert np.abs(gap).max() < 1e-2


def test_refusals():
    with pytest.raises(InputError, match="signed must be True or False"):
        difference(IMAGE, IMAGE, signed="plain")
    with pytest.raises(InputError, match="warped must lie on the reference's grid"):
        difference(IMAGE, IMAGE[:50])
    with pytest.raises(InputError, match="mask must have the shape"):
        difference(IMAGE, IMAGE, mask=np.ones((3, 3)))
    with pytest.raises(InputError, match="mask is not an array"):
        difference(IMAGE, IMAGE, mask=[[1, 2], [3]])


@pytest.mark.parametrize("scale", [1.75e308, 1e200, 1e-200, 1e-300])
def test_values_near_the_limits_of_their_type(scale):
    """Neither sums nor squares leave the range: a change of contrast is no difference there."""
    image = IMAGE / IMAGE.max()
    for other in (-image * scale, 0.5 * image * scale + 0.1 * scale):
        assert np.abs(difference(image, other)).max() < 1e-6
    assert difference(image * scale, -image * scale).max() == 0
    spot = image.copy()
    spot[40:50, 40:50] = 0
    gap = difference(image * scale, spot * scale)
    assert np.isfinite(gap).all()
    if scale > 1:
        assert gap[40:50, 40:50].max() == np.finfo(np.float32).max
