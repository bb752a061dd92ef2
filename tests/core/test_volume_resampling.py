"""Volumes resampled as SciPy does it, whatever their type and the height of their planes."""

import numpy as np
import pytest
from scipy import ndimage

from napari_ecc_align import VolumeTransform, warp_volume
from napari_ecc_align._align.volume.inspection import covered_volume
from napari_ecc_align._align.volume.motion import rotation
from napari_ecc_align._align.volume.search import overlap_share


def at_the_edge(matrix, shape, other):
    """Tell which voxels lie as good as on the border of a volume, where SciPy rounds otherwise."""
    places = np.indices(shape).reshape(3, -1).T @ matrix[:3, :3].T + matrix[:3, 3]
    gaps = np.minimum(np.abs(places), np.abs(places - np.array(other) + 1))
    return (gaps <= 1 / 255).any(axis=1).reshape(shape)


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
    apart = np.abs(here - there)[~at_the_edge(turned, shape, volume.shape)]
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
    both = np.isfinite(there) & np.isfinite(here) & ~at_the_edge(turned, here.shape, volume.shape)
    assert np.abs(here - there)[both].max() < 1e-3
    assert 0 < np.isnan(here).sum() == np.isnan(there).sum()
    assert trilinear.block_for(volume.shape, turned, 8) is not None


@pytest.mark.parametrize("interpolation", ["linear", "cubic", "nearest"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8])
def test_a_shift_by_next_to_nothing_leaves_the_outermost_voxels(interpolation, dtype):
    rng = np.random.default_rng(2)
    volume = (10 + 90 * ndimage.gaussian_filter(rng.random((12, 14, 16)), 2)).astype(dtype)
    off = np.eye(4)
    off[:3, 3] = 0.002, -0.001, 0.003
    warped = warp_volume(volume, off, interpolation=interpolation, fill=250)
    assert np.abs(warped.astype(float) - volume).max() < 0.5
    transform = VolumeTransform(off)
    assert covered_volume(transform, volume.shape, np.ones(volume.shape, bool)).all()
    # Farther on it is what lies beyond, and nothing between the two.
    off[:3, 3] = 0.02, 0, 0
    warped = warp_volume(volume, off, interpolation=interpolation, fill=250)
    covered = covered_volume(VolumeTransform(off), volume.shape, np.ones(volume.shape, bool))
    assert np.array_equal(warped == 250, ~covered)
    assert not covered[..., -1].any() and covered[..., :-1].all()


def test_the_share_that_lies_on_the_other_is_counted_as_it_is():
    shape = (20, 40, 60)
    for shift, share in ((0.001, 1), (10, 30 / 40), (-30, 10 / 40)):
        moved = np.eye(4)
        moved[1, 3] = shift
        assert overlap_share(shape, shape, moved) == pytest.approx(share, abs=0.03)
