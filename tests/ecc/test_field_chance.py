"""What two images of noise say by chance of where they lie counts for nothing."""

import numpy as np
import pytest
from scipy import ndimage

from napari_ecc_align._common.steps import outcome_of
from napari_ecc_align._ecc.field.estimate import field_steps
from napari_ecc_align._ecc.field.stage import stages_of
from napari_ecc_align._images.pyramid.halving import image_pyramid

SHAPE = (120, 240)


@pytest.mark.parametrize("representation", ["intensity", "orientation"])
@pytest.mark.parametrize("grain", [0.0, 1.0])
def test_a_field_is_known_where_both_show_something_and_not_where_each_has_its_own_noise(
    representation, grain
):
    rng = np.random.default_rng(3)
    detail = ndimage.gaussian_filter(rng.normal(size=SHAPE), 2)
    detail *= 8 / detail.std() * (np.arange(SHAPE[1]) > SHAPE[1] / 2)
    y, x = np.indices(SHAPE)
    bent = ndimage.map_coordinates(detail, [y + 2 * np.sin(x / 20), x + 2 * np.sin(y / 20)])
    pyramids = []
    for image in (bent, detail):
        noise = ndimage.gaussian_filter(rng.normal(size=SHAPE), grain)
        pyramids.append(image_pyramid((image + 2 * noise / noise.std()).astype(np.float32), None))
    found = outcome_of(field_steps(stages_of(*pyramids, representation), np.eye(3), SHAPE))
    sigma = np.hypot(*found.sigma())
    noisy, clear = sigma[4:-4, 4:20], sigma[4:-4, 38:-4]
    assert np.median(clear) < 0.4
    assert np.median(noisy) > 1.5
