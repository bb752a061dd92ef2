"""Volumes resampled as SciPy does it, whatever their type and the height of their planes."""

import numpy as np
import pytest
from scipy import ndimage

from napari_ecc_align import warp_volume
from napari_ecc_align._align.volume.motion import rotation


@pytest.mark.parametrize("dtype", ["u1", "i2", "u2", "f4"])
def test_a_turned_volume_is_what_scipy_makes_of_it(dtype):
    noise = np.random.default_rng(2).random((33, 20, 90))
    volume = (200 * ndimage.gaussian_filter(noise, 1)).astype(dtype)
    shape, turned = (30, 70, 260), np.eye(4)
    turned[:3, :3] = rotation(np.array([0.3, 0.4, 1.7])) * 0.6
    turned[:3, 3] = 16 - turned[:3, :3] @ (np.array(shape) / 2)
    flip = np.eye(4)[[2, 1, 0, 3]]
    here = warp_volume(volume, flip @ turned @ flip, output_shape=shape, fill=7)
    there = np.empty(shape)
    ndimage.affine_transform(
        volume.astype(np.float64), turned[:3, :3], turned[:3, 3], output=there, order=1, cval=7
    )
    # Where a half is rounded, either way.
    apart = np.abs(here - there)
    assert apart.max() < (1e-3 if dtype == "f4" else 0.501) and 0.1 < (there == 7).mean() < 0.9
    assert np.array_equal(warp_volume(volume, np.eye(4)), volume)


@pytest.mark.parametrize("most_rows", [2**14, 60])
def test_planes_of_any_height_are_interpolated_alike(monkeypatch, most_rows):
    from napari_ecc_align._align.volume import trilinear

    monkeypatch.setattr(trilinear, "_MOST_ROWS", most_rows)
    rng = np.random.default_rng(7)
    volume = rng.random((21, 44, 31)).astype(np.float32)
    volume[3, 4, 5] = np.nan
    turned = np.eye(4)
    turned[:3, :3] = rotation(np.array([0.2, -0.3, 0.5]))
    turned[:3, 3] = 10 - turned[:3, :3] @ np.array([9, 30, 20])
    flip = np.eye(4)[[2, 1, 0, 3]]
    here = warp_volume(volume, flip @ turned @ flip, output_shape=(19, 61, 40), fill=-1)
    there = ndimage.affine_transform(
        volume.astype(np.float64), turned[:3, :3], turned[:3, 3], (19, 61, 40), order=1, cval=-1
    )
    both = np.isfinite(there) & np.isfinite(here)
    assert np.abs(here - there)[both].max() < 1e-3
    assert 0 < np.isnan(here).sum() == np.isnan(there).sum()
    assert trilinear.block_for(volume.shape, turned, 8) is not None
