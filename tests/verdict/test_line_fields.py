"""Lines that were scanned there and back."""

import numpy as np
import pytest

from napari_ecc_align._images.pyramid.halving import image_pyramid
from napari_ecc_align._verdict.line_fields import field_offset
from pairs import picture

# Both fields begin some of them.
PLACES = np.array([[80.0, 91], [201, 120], [130, 223], [240, 241], [101, 160]])


def offset_of(image, noise=2.0):
    noisy = image + np.random.default_rng(1).normal(0, noise, image.shape)
    return field_offset(image_pyramid(noisy)[0], PLACES)


@pytest.mark.parametrize("name", ["brick", "camera", "grass", "astronaut"])
@pytest.mark.parametrize("by", [-5, 2])
def test_every_other_line_that_is_displaced_is_seen(name, by):
    image = picture(name).astype(float)[100:420, 100:420]
    scanned = image.copy()
    scanned[1::2] = np.roll(image[1::2], by, axis=1)
    assert offset_of(image) == 0
    # Each line is compared with those around it, from which it lies so far away.
    assert offset_of(scanned) == -by
    assert offset_of(scanned.T) == -by


def test_what_is_too_small_or_flat_has_no_fields():
    assert field_offset(image_pyramid(np.zeros((20, 300)))[0], PLACES) == 0
    assert field_offset(image_pyramid(np.zeros((300, 300)))[0], PLACES) == 0
    assert field_offset(image_pyramid(np.zeros((300, 300)))[0], PLACES[:0]) == 0
