"""Volumes aligned and compared step by step, as the form and the shell do."""

import threading

import numpy as np
import pytest
from test_volumes import MOTIONS, SHAPE, moved_pair, spots

from napari_ecc_align import InputError, VolumeTransform
from napari_ecc_align._align.progress import Progress
from napari_ecc_align._align.volume.bent.system import solved
from napari_ecc_align._align.volume.inspection import Looks, volume_inspection_steps
from napari_ecc_align._align.volume.steps import volume_steps
from napari_ecc_align._common.steps import outcome_of
from napari_ecc_align._compare.thresholding import Thresholding
from napari_ecc_align._ecc.options import SearchOptions
from napari_ecc_align._images.warping import Resampling

WORLD = spots(tuple(3 * n // 2 for n in SHAPE), 0)


def test_the_automatic_model_is_affine_where_a_rigid_motion_does_not_suffice():
    sheared = MOTIONS["affine"] @ np.diag([1.04, 0.96, 1.0])
    reference, moving, _ = moved_pair(WORLD, sheared, [2.0, -3.0, 1.0])
    steps = []
    found = outcome_of(volume_steps(reference, moving, SearchOptions("auto")), steps.append)
    assert found.aligned and found.transform.model == "affine"
    assert all(isinstance(step, Progress) for step in steps)
    with pytest.raises(InputError, match="volumes have the motion models"):
        outcome_of(volume_steps(reference, moving, SearchOptions("homography")))


def test_closing_the_steps_ends_the_work():
    before = set(threading.enumerate())
    steps = volume_steps(WORLD, WORLD[::-1], SearchOptions("affine"))
    next(steps)
    workers = set(threading.enumerate()) - before
    assert workers
    steps.close()
    for worker in workers:
        worker.join(60)
        assert not worker.is_alive()


def test_what_differs_is_counted_where_both_volumes_are():
    volume = np.zeros((9, 10, 11))
    volume[3:6, 4:7, 2:9] = 100
    volume[0, 0, 0] = np.nan
    shift = VolumeTransform([[1, 0, 0, 2], [0, 1, 0, -1], [0, 0, 1, 3]])
    looks = Looks(Thresholding(), Resampling("nearest", 0))
    steps = volume_inspection_steps(volume, volume, shift, looks, spacing=(3.0, 1, 1))
    seen = outcome_of(steps)
    expected = np.zeros(volume.shape, bool)
    expected[:6, 1:, :9] = True
    # NaN of either volume does not count.
    expected[0, 0, 0] = False
    assert np.array_equal(seen.valid, expected)
    assert np.array_equal(seen.warped[:6, 1:, :9], volume[3:, :9, 2:])
    assert seen.before.different == 0 and seen.before.compared == volume.size - 1
    moved, still = volume[3:, :9, 2:] > 50, volume[:6, 1:, :9] > 50
    assert seen.after.different == np.count_nonzero(moved != still)
    assert seen.after.labels.shape == seen.difference.shape == volume.shape
    assert seen.corner_shift == pytest.approx(np.sqrt(2**2 + 1 + 9**2))
    with pytest.raises(InputError, match="by one threshold"):
        Looks(Thresholding("sauvola"), Resampling())


def test_what_bends_volumes_is_solved_in_short_steps():
    diagonal, asked, longest = np.linspace(1, 300, 40).astype(np.float32), [], []

    def times(given):
        asked.append(given)
        return diagonal * given

    def told(_):
        longest.append(len(asked))
        asked.clear()

    found = outcome_of(solved(times, np.ones(40, np.float32)), told)
    np.testing.assert_allclose(found, 1 / diagonal, rtol=0.05)
    assert longest == [8, 8, 8] and 0 < len(asked) <= 8
