"""Views of lazy volumes: what is drawn of volumes in memory, where somebody looks."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
from scipy import ndimage

from napari_ecc_align import VolumeTransform, warp_volume
from napari_ecc_align._align.volume.inspection import (
    Looks,
    volume_checkerboard,
    volume_inspection_steps,
    volume_overlay,
)
from napari_ecc_align._align.volume.large_views import LargeVolumes
from napari_ecc_align._common.steps import outcome_of
from napari_ecc_align._compare.thresholding import Thresholding
from napari_ecc_align._images.warping import Resampling

SHAPE, SPACING = (30, 44, 52), (2.0, 1.0, 1.0)
MATRIX = np.eye(4)
MATRIX[:3, 3] = 6.0, -3.0, 2.0


@pytest.fixture(scope="module")
def pair():
    rng = np.random.default_rng(4)
    world = ndimage.gaussian_filter(rng.normal(size=(34, 50, 60)), 2)
    world = (1000 + 4000 * world / world.std() * 0.1).astype(np.float32)
    return world[2:32, :44, 6:58], world[:30, 3:50, :53] * 2


@pytest.fixture(scope="module")
def transform():
    return VolumeTransform(MATRIX, "translation")


def lazy(volume, sizes=1):
    every = [volume[:: 2**k, :: 2**k, :: 2**k] for k in range(sizes)]
    return [da.from_array(one, chunks=16) for one in every]


def large(pair, transform, masks=(None, None)):
    reference, moving = pair
    aligned = warp_volume(da.from_array(moving), transform, output_shape=SHAPE)
    return LargeVolumes(lazy(reference), [aligned], transform, moving.shape, SPACING, masks)


@pytest.fixture(scope="module")
def seen(pair, transform):
    looks = Looks(Thresholding("otsu"), Resampling("linear"))
    return outcome_of(volume_inspection_steps(*pair, transform, looks))


def test_views_are_lazy_and_show_what_those_in_memory_do(pair, transform, seen):
    views = large(pair, transform)
    (overlay,), (board,) = views.overlay(), views.checkerboard()
    assert all(isinstance(view, da.Array) for view in (overlay, board))
    assert overlay.shape == (*SHAPE, 3) and board.shape == SHAPE
    inside = seen.valid
    apart = np.abs(overlay.compute().astype(int) - volume_overlay(seen))[inside]
    assert np.percentile(apart, 99) <= 12
    expected = volume_checkerboard(seen, SPACING)
    assert (np.isnan(board.compute()) == np.isnan(expected)).all()
    # Contrast is told from blocks of the volumes, and not from all.
    assert np.nanpercentile(np.abs(board.compute() - expected), 99) < 0.05


def test_differences_are_counted_by_the_thresholds_of_the_whole(pair, transform, seen):
    views = large(pair, transform)
    (gap,) = views.difference(signed=True)
    assert np.nanmax(np.abs(gap.compute())) < 20 < np.ptp(pair[0]) / 20
    (labels,) = views.binary_difference(Thresholding("otsu"), seen.after)
    assert (labels.compute() == seen.after.labels).all()
    (told,) = views.binary_difference(Thresholding("otsu"))
    assert (told.compute() != seen.after.labels).mean() < 0.02


def test_differences_heed_the_masks_of_both(pair, transform):
    masks = np.zeros(SHAPE, bool), np.zeros(pair[1].shape, bool)
    masks[0][:, 10:30], masks[1][5:20] = True, True
    (gap,) = large(pair, transform, masks).difference()
    counted = np.isfinite(gap.compute())
    assert counted[3:18, 10:30, :44].all()
    assert not counted[:, :10].any() and not counted[:, 30:].any()
    # Moving plane 5 lies on plane 3 of the reference.
    assert not counted[:3].any() and not counted[18:].any()


def test_each_size_has_its_own_view(pair, transform):
    reference, moving = pair
    aligned = [lazy(warp_volume(moving, transform, output_shape=SHAPE), 3)][0]
    views = LargeVolumes(lazy(reference, 2), aligned, transform, moving.shape, SPACING)
    assert [one.shape for one in views.difference()] == [one.shape for one in aligned]
    board = views.checkerboard()
    fine, coarse = board[0].compute()[::2, ::2, ::2], board[1].compute()
    both = np.isfinite(fine) & np.isfinite(coarse)
    assert both.mean() > 0.5 and np.abs(fine - coarse)[both].mean() < 0.1
    with pytest.raises(ValueError, match="too little of the volumes"):
        far = VolumeTransform(np.eye(4) + 500 * np.eye(4, k=3), "translation")
        LargeVolumes(lazy(reference), aligned[:1], far, moving.shape, SPACING).overlay()
