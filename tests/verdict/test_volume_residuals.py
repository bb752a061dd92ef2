"""Parts of a volume that lie elsewhere than the rest, and how exactly what is shared is known."""

from __future__ import annotations

import numpy as np
import pytest

from napari_ecc_align._align.volume.residuals import residuals_of
from napari_ecc_align._align.volume.search import shared_box
from napari_ecc_align._align.volume.tiles import VolumeTiles

GRID = np.stack(np.meshgrid(*[np.arange(5.0, 45, 10)] * 3, indexing="ij"), -1).reshape(-1, 3)


def tiles_moved(moves, *, sigma=0.1, radius=1.5):
    """Return what tiles on a grid say that are displaced by (x, y, z) and fit well."""
    n = len(GRID)
    agree = np.linalg.norm(moves, axis=1) <= radius
    return VolumeTiles(
        tested=n,
        agreeing=int(agree.sum()),
        displacements=np.hstack([GRID, moves]),
        uncertainties=np.full(n, sigma),
        fits=np.full(n, 0.9),
        contrasts=np.ones(n),
        rival=0.0,
        chance=0.01,
        reach=5.0,
        radius=radius,
        telling=np.ones(n, bool),
    )


def moved_where(part, by):
    return np.where(part[:, None], by, 0.0)


@pytest.mark.parametrize("sigma", [0.1, np.inf])
@pytest.mark.parametrize("axis", range(3))
def test_a_torn_part_is_named_with_how_far_it_lies(axis, sigma):
    moves = moved_where(GRID[:, axis] > 30, (0.0, 2.0, -4.0))
    seen = residuals_of(tiles_moved(moves, sigma=sigma), np.ones(3))
    assert seen.displaced == 16 and seen.misplaced_share == 1 / 4
    assert seen.largest == pytest.approx(np.hypot(2, 4))
    assert "a local deformation of up to 4.5" in seen.why_in_parts(48, 0.05)


def test_two_parts_that_an_affine_motion_lies_between_are_told():
    moves = moved_where(GRID[:, 0] > 20, (0.0, 0.0, 1.4)) - (0, 0, 0.7)
    seen = residuals_of(tiles_moved(moves), np.ones(3))
    assert seen.bent == pytest.approx([0.7, 0, 0], abs=0.1)
    assert "parts lie about 0.69 voxels" in seen.why_in_parts(64, 0.05)
    # Of planes that lie three times as far apart, that is a fourth of the way.
    assert residuals_of(tiles_moved(moves), np.array([3.0, 1, 1])).why_in_parts(64, 0.05) is None


@pytest.mark.parametrize("rms", [0.0, 0.2, 0.6])
def test_tiles_lie_off_by_what_bends_and_not_by_what_no_neighbour_shares(rms):
    rng = np.random.default_rng(0)
    moves = 0.04 * rng.normal(size=(len(GRID), 3))
    moves[:, 0] += rms * np.sqrt(2) * np.sin(GRID[:, 2] / 6)
    seen = residuals_of(tiles_moved(moves, sigma=0.05), np.ones(3))
    assert seen.bent == pytest.approx([0, 0, rms], abs=0.06)
    why = seen.why_in_parts(64, 0.05)
    assert (why is not None and "a smooth field follows them" in why) == (rms > 0.5)
    half = residuals_of(tiles_moved(moves, sigma=0.05), np.full(3, 0.5))
    assert half.bent == pytest.approx(2 * seen.bent)
    # As far and as many, but each its own way, as along planes that lie far apart.
    mixed = tiles_moved(rng.permutation(moves), sigma=0.05)
    assert not residuals_of(mixed, np.ones(3)).bent.any()


@pytest.mark.parametrize("seed", range(5))
def test_noise_and_single_tiles_are_no_part(seed):
    rng = np.random.default_rng(seed)
    moves = rng.normal(0, 0.3, (len(GRID), 3))
    far = rng.choice(len(GRID), 6, replace=False)
    moves[far] = 4 * rng.choice([-1, 1], (6, 3))
    seen = residuals_of(tiles_moved(moves, sigma=0.4), np.ones(3))
    assert seen.why_in_parts(len(GRID) - 6, 0.1) is None


def test_what_is_shared_has_its_own_corners():
    matrix = np.eye(4)
    matrix[:3, 3] = 0, 20, -5
    box = shared_box((40, 64, 64), (40, 64, 64), matrix)
    assert box.min(axis=0) == pytest.approx([0, 0, 5], abs=2)
    assert box.max(axis=0) == pytest.approx([39, 43, 63], abs=2)
    matrix[0, 3] = 100
    assert shared_box((40, 64, 64), (40, 64, 64), matrix).max(axis=0).tolist() == [39, 63, 63]
