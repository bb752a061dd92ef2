"""Which tiles there are to choose from."""

import numpy as np
import pytest

from napari_ecc_align._images.pyramid import tile_choice as tiles
from napari_ecc_align._images.pyramid.halving import image_pyramid


@pytest.mark.parametrize("first", [0, 8, 24])
def test_a_mask_leaves_the_tiles_inside_it_wherever_they_are_rounded_to(first):
    rng = np.random.default_rng(0)
    mask = np.zeros((640, 640), bool)
    mask[100:560, 120:600] = True
    level = image_pyramid(rng.random((640, 640)).astype(np.float32), mask)[4]
    steps = first + 48 * np.arange(12)
    x, y = np.meshgrid(steps, steps)
    origins = np.stack([x.ravel(), y.ravel()], axis=1).astype(float)
    strong = tiles.strength(level, 16, origins, 48) > 0
    inside = (origins >= [140, 120]).all(axis=1) & (origins + 48 <= [580, 540]).all(axis=1)
    outside = (origins + 48 <= [100, 80]).any(axis=1) | (origins >= [620, 580]).any(axis=1)
    assert inside.sum() > 20
    assert strong[inside].all()
    assert not strong[outside].any()
