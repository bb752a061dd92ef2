"""Volumes that were moved by a known transform, and volumes that must not be called aligned."""

import numpy as np
import pytest
from scipy import ndimage

from napari_ecc_align import (
    InputError,
    VolumeTransform,
    align_volume,
    judge_volume,
    warp_volume,
)
from napari_ecc_align._align.volume.levels import volume_pyramid
from napari_ecc_align._align.volume.motion import (
    VOLUME_MODELS,
    VolumeFrame,
    VolumeMotion,
    rotation,
)
from napari_ecc_align._align.volume.search import best_places, masked_correlation
from napari_ecc_align._align.volume.second_motion import left_twice
from napari_ecc_align._align.volume.tile_surfaces import template_surfaces

SHAPE = (52, 56, 60)
FLIPPED = np.eye(4)[[2, 1, 0, 3]]


def spots(shape, seed):
    """A soft background with blobs: nothing of it is symmetric, and no axis is like another."""
    rng = np.random.default_rng(seed)
    soft = ndimage.gaussian_filter(rng.random(shape), 4)
    blobs = np.zeros(shape)
    at = (rng.random((int(np.prod(shape) / 1500), 3)) * shape).astype(int)
    blobs[tuple(at.T)] = rng.uniform(0.5, 2, len(at))
    blobs = ndimage.gaussian_filter(blobs, 1.8)
    return 200 * (soft - soft.min()) / np.ptp(soft) + 1000 * blobs / blobs.max()


@pytest.fixture(scope="module")
def world():
    return spots(tuple(3 * n // 2 for n in SHAPE), 0)


def moved_pair(world, linear, shift, *, step=1, seed=1):
    """Return reference, moving and the matrix (z, y, x) between their voxels."""
    centre = (np.array(SHAPE) - 1) / 2
    off = (np.array(world.shape) - np.array(SHAPE)) / 2
    matrix = np.eye(4)
    matrix[:3, :3] = linear
    matrix[:3, 3] = centre + shift - matrix[:3, :3] @ centre
    back = np.linalg.inv(matrix)
    reference = ndimage.affine_transform(world, np.eye(3), off, output_shape=SHAPE, order=3)
    moving = ndimage.affine_transform(
        world, back[:3, :3], back[:3, 3] + off, output_shape=SHAPE, order=3
    )
    noise = np.random.default_rng(seed).normal(0, 15, (2, *SHAPE))
    thin = np.diag([step, 1.0, 1.0, 1.0])
    truth = np.linalg.inv(thin) @ matrix @ thin
    pair = (image + more for image, more in zip((reference, moving), noise, strict=True))
    return *(image[::step].astype(np.float32) for image in pair), truth


def corner_error(result, truth):
    frame = VolumeFrame(result.shape, np.array(result.spacing))
    found = FLIPPED @ result.transform.matrix @ FLIPPED
    there = [frame.corners @ one[:3, :3].T + one[:3, 3] for one in (found, truth)]
    return float(np.sqrt((((there[0] - there[1]) * frame.spacing) ** 2).sum(axis=1).mean()))


TURN = rotation(np.deg2rad([4.0, -6.0, 3.0]))
MOTIONS = {
    "translation": np.eye(3),
    "euclidean": TURN,
    "similarity": 1.05 * TURN,
    "affine": TURN @ np.array([[1.02, 0.01, 0], [0, 0.98, 0.02], [0, 0, 1.01]]),
}


@pytest.mark.parametrize("model", MOTIONS)
def test_a_motion_is_found_in_every_model_to_a_fraction_of_a_voxel(world, model):
    reference, moving, truth = moved_pair(world, MOTIONS[model], [3.3, -4.6, 5.2])
    result = align_volume(reference, moving, model=model)
    assert result.aligned, result.reason
    error = corner_error(result, truth)
    assert error < 0.1
    assert error < 4 * result.corner_uncertainty
    assert result.transform.model == model
    moved = warp_volume(moving, result)
    inner = (slice(12, -12),) * 3
    assert np.corrcoef(moved[inner].ravel(), reference[inner].ravel())[0, 1] > 0.95


def test_a_rigid_motion_is_rigid_in_lengths_and_not_in_voxels(world):
    reference, moving, truth = moved_pair(world, TURN, [4.0, -2.0, 3.0], step=3)
    result = align_volume(reference, moving, spacing=(3, 1, 1))
    assert result.aligned, result.reason
    assert corner_error(result, truth) < 0.2
    lengths = np.diag([1, 1, 3.0])
    linear = lengths @ result.transform.matrix[:3, :3] @ np.linalg.inv(lengths)
    assert np.allclose(linear @ linear.T, np.eye(3), atol=1e-9)
    assert not np.allclose(result.transform.matrix[:3, :3] @ result.transform.matrix[:3, :3].T, 1)


def test_a_negative_turned_far_is_found_and_said(world):
    far = rotation(np.deg2rad([70.0, 0, 0])) @ rotation(np.deg2rad([0, 12.0, 0]))
    reference, moving, truth = moved_pair(world, far, [2.0, 3.0, -4.0])
    result = align_volume(reference, -moving)
    assert result.aligned and result.inverted and result.start == "turns", result.reason
    assert corner_error(result, truth) < 0.15


def test_what_does_not_count_changes_nothing(world):
    reference, moving, truth = moved_pair(world, np.eye(3), [2.0, -3.0, 4.0])
    stained, mask = moving.copy(), np.ones(SHAPE, bool)
    stained[20:30, 10:30, 15:40], mask[20:30, 10:30, 15:40] = 5000, False
    for given, kept in ((stained, mask), (np.where(mask, stained, np.nan), None)):
        result = align_volume(reference, given, model="translation", moving_mask=kept)
        assert result.aligned, result.reason
        assert corner_error(result, truth) < 0.05


def other(world):
    return spots(SHAPE, 99)


def lattice(world):
    grid = np.indices(SHAPE)
    return sum(np.cos(2 * np.pi * one / 9) for one in grid)


def ball(world):
    grid = np.indices(SHAPE) - (np.array(SHAPE)[:, None, None, None] - 1) / 2
    return 1000 * np.exp(-(((np.linalg.norm(grid, axis=0) - 15) / 3) ** 2))


def halves(world):
    reference, moving, _ = moved_pair(world, np.eye(3), [0.0, 4.0, -4.0])
    return np.concatenate([reference[:26], moving[26:]])


@pytest.mark.parametrize(
    ("make", "verdicts"),
    [
        (other, {"failed"}),
        (lattice, {"doubtful"}),
        (ball, {"doubtful"}),
        (halves, {"doubtful", "failed"}),
        (lambda world: np.zeros(SHAPE), {"failed"}),
    ],
    ids=["other content", "lattice", "ball", "two halves", "nothing"],
)
def test_what_cannot_be_known_is_not_called_aligned(world, make, verdicts):
    second = make(world)
    if make in (lattice, ball):
        first = second
    else:
        first, _, _ = moved_pair(world, np.eye(3), [0.0, 0, 0])
    noise = np.random.default_rng(3).normal(0, 0.01 * max(1, np.ptp(second)), SHAPE)
    result = align_volume(first, np.roll(second + noise, (0, 1, 2), (0, 1, 2)))
    assert result.verdict in verdicts, result.reason


def test_cancel_keeps_the_verdict_honest(world):
    reference, moving, _ = moved_pair(world, TURN, [2.0, 0, 0])
    steps = []
    result = align_volume(reference, moving, progress=steps.append, cancel=lambda: len(steps) > 2)
    assert result.verdict == "cancelled" and len(steps) == 3
    assert [step.fraction for step in steps] == sorted(step.fraction for step in steps)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"moving": np.zeros((4, 20, 20))}, "moving must have 8 voxels along each axis"),
        ({"moving": np.zeros((20, 20))}, "moving must have three axes"),
        ({"moving": np.zeros(SHAPE, complex)}, "moving must hold real numbers"),
        ({"spacing": 0}, "spacing must be positive"),
        ({"spacing": (1, 2)}, "spacing must be the length of a voxel"),
        ({"model": "homography"}, "model must be one of translation"),
        ({"moving_mask": np.ones((3, 3, 3))}, "moving_mask must have the shape"),
        ({"initial": np.eye(3)}, "matrix must have shape"),
        ({"precision": -1}, "precision must be"),
    ],
)
def test_what_cannot_be_used_is_named(change, said):
    given = {"reference": np.zeros(SHAPE), "moving": np.zeros(SHAPE), **change}
    with pytest.raises(InputError, match=said):
        align_volume(given.pop("reference"), given.pop("moving"), **given)


@pytest.mark.parametrize("model", VOLUME_MODELS)
def test_the_jacobian_is_the_derivative_of_a_step(model):
    frame = VolumeFrame((20, 30, 40), np.array([3.0, 1.0, 1.5]))
    motion = VolumeMotion(VOLUME_MODELS[model], frame, np.array([2.0, 1.0, 1.0]))
    matrix = np.eye(4)
    matrix[:3] += np.random.default_rng(0).normal(0, 0.1, (3, 4))
    step = 1e-6
    for k, column in enumerate(motion.jacobian(matrix).T):
        delta = np.zeros(motion.n_parameters)
        delta[k] = step
        ends = [motion.composed(matrix, sign * delta) for sign in (1, -1)]
        there = [frame.corners @ one[:3, :3].T + one[:3, 3] for one in ends]
        slope = (there[0] - there[1]) / (2 * step) * [2.0, 1.0, 1.0] / frame.unit
        assert np.allclose(column, slope.ravel(), atol=1e-4)


def test_correlation_of_templates_is_that_of_their_values():
    rng = np.random.default_rng(0)
    regions, templates = rng.normal(5, 1, (2, 9, 8, 7)), rng.normal(2, 3, (2, 4, 5, 3))
    surfaces = template_surfaces(regions.astype(np.float32), templates.astype(np.float32))
    assert surfaces.shape == (2, 6, 4, 5)
    window = regions[1, 2:6, 3:8, 4:7]
    expected = np.corrcoef(window.ravel(), templates[1].ravel())[0, 1]
    assert surfaces[1, 2, 3, 4] == pytest.approx(expected, abs=1e-4)


def test_a_displacement_is_seen_through_what_is_missing():
    rng = np.random.default_rng(0)
    base = ndimage.gaussian_filter(rng.normal(size=(26, 30, 28)), 1).astype(np.float32)
    reference, moving = base[:20, :24, :22].copy(), base[4:24, 2:26, 5:27].copy()
    reference[5:9, :, 3:9] = np.nan
    correlation, shared = masked_correlation(reference, moving)
    (place, height), *_ = best_places(correlation)
    assert place.tolist() == [-4, -2, -5]
    assert height == pytest.approx(1, abs=1e-3)
    assert shared[-4, -2, -5] == np.isfinite(reference[4:, 2:, 5:]).sum()


def test_resampling_keeps_the_type_and_what_labels_there_are(world):
    labels = np.random.default_rng(0).integers(0, 2**60, (9, 10, 11))
    shift = VolumeTransform([[1, 0, 0, 2], [0, 1, 0, -1], [0, 0, 1, 3]])
    moved = warp_volume(labels, shift, interpolation="nearest", fill=-1)
    assert moved.dtype == labels.dtype
    assert np.array_equal(moved[:6, 1:, :9], labels[3:, :9, 2:])
    assert (moved[6:] == -1).all() and (moved[:, 0] == -1).all()
    back = warp_volume(labels.astype(np.uint8), shift.inverse.matrix, output_shape=(12, 9, 13))
    assert back.shape == (12, 9, 13) and back.dtype == np.uint8
    assert np.array_equal(back[3:, :9, 2:], labels.astype(np.uint8)[:, 1:])


def test_a_transform_is_judged_by_where_the_volumes_fit(world):
    reference, moving, truth = moved_pair(world, MOTIONS["euclidean"], [2.0, -3.0, 1.0])
    right = VolumeTransform(FLIPPED @ truth @ FLIPPED, "euclidean")
    found = judge_volume(reference, moving, right)
    assert found.aligned and found.judged
    assert np.array_equal(found.transform.matrix, right.matrix)
    shift = np.eye(4)
    for by, verdict in ((0.25, "aligned"), (3.0, "failed")):
        shift[0, 3] = by
        off = judge_volume(reference, moving, right @ VolumeTransform(shift))
        assert off.verdict == verdict
        assert f"{-by:.1f} along x" in off.reason
        assert off.corner_uncertainty == pytest.approx(by, abs=0.1)
        assert off.axis_uncertainty[0] == pytest.approx(by, abs=0.1)
        assert off.ecc < found.ecc - 0.001
    asked = []

    def cancel():
        asked.append(0)
        return len(asked) > 3

    assert judge_volume(reference, moving, right, cancel=cancel).verdict == "cancelled"
    unlike = judge_volume(reference, world[:52, -56:, -60:], right)
    assert unlike.verdict == "failed" and unlike.corner_uncertainty == np.inf


def test_an_alignment_ends_wherever_it_is_when_that_is_asked(world):
    reference, moving, _ = moved_pair(world, MOTIONS["euclidean"], [2.0, -3.0, 1.0])
    steps, asked = [], []

    def cancel():
        asked.append(0)
        return False

    whole = align_volume(reference, moving, progress=steps.append, cancel=cancel)
    # Also between steps: in a search, and in judging.
    assert len(asked) > len(steps) and whole.aligned


def test_an_outline_that_fits_turned_is_no_rival_where_what_is_within_does_not(world):
    grid = np.stack(np.meshgrid(*(np.linspace(-1, 1, n) for n in world.shape), indexing="ij"))
    inside = ndimage.gaussian_filter(1.0 * ((grid**2).sum(axis=0) < 0.3), 1)
    detail = world / world.max()
    reference, moving, truth = moved_pair(
        1000 * inside * (1 + 0.4 * detail), MOTIONS["euclidean"], [2.0, -3.0, 1.0]
    )
    found = align_volume(reference, moving, model="euclidean")
    assert found.aligned, found.reason
    assert np.abs(FLIPPED @ found.transform.matrix @ FLIPPED - truth).max() < 0.2


def test_tiles_are_matched_a_few_at_a_time_with_the_same_result(world, monkeypatch):
    from napari_ecc_align._align.volume import tiles

    reference, moving, truth = moved_pair(world, np.eye(3), [1.0, -2.0, 3.0])
    levels = [
        volume_pyramid(one.astype(np.float32), np.ones(3), 1.0) for one in (reference, moving)
    ]
    looks = []
    said = []
    for together in (tiles._TOGETHER, 1000):
        monkeypatch.setattr(tiles, "_TOGETHER", together)
        looks.append(0)

        def asked():
            looks[-1] += 1

        matcher = tiles.TileMatcher(*levels, 0, truth, inverted=False, asked=asked)
        said.append(matcher.with_sampled_chance(matcher.asked(np.eye(4)), np.eye(4)))
    assert looks[0] > looks[1] + said[0].tested / 8 - 2
    assert said[0].tested == said[1].tested > 20
    assert np.allclose(said[0].displacements, said[1].displacements, atol=1e-5)
    assert np.allclose(said[0].fits, said[1].fits, atol=1e-6)


@pytest.mark.parametrize(
    ("dtype", "factor", "offset"),
    [
        (np.float32, 1e-33, 0),
        (np.float32, 1e31, 0),
        (np.float64, 1e-290, 0),
        (np.float64, 1e290, 0),
        (np.float64, 1, 1e9),
    ],
)
def test_values_of_any_range_are_aligned_alike(world, dtype, factor, offset):
    reference, moving = world[4:-6, 5:-5, 6:-4], world[6:-4, 4:-6, 3:-7]
    given = [(each * factor + offset).astype(dtype) for each in (reference, moving)]
    result = align_volume(*given, model="translation")
    assert result.verdict == "aligned"
    np.testing.assert_allclose(result.transform.matrix[:3, 3], (3, 1, -2), atol=0.05)


def test_what_differs_and_is_there_twice_has_moved(world):
    rng = np.random.default_rng(0)
    stays = ndimage.gaussian_filter(rng.normal(size=SHAPE), 1)
    moves = world[10:62, 10:66, 10:70], world[16:68, 6:62, 15:75]
    noise = rng.normal(0, 0.02, (2, *SHAPE))
    pair = [
        volume_pyramid((stays + one / 2000 + more).astype(np.float32), np.ones(3), 1.0)
        for one, more in zip(moves, noise, strict=True)
    ]
    assert left_twice(*pair, np.eye(4)) == pytest.approx(np.linalg.norm([6, 4, 5]), abs=0.1)
    alone = [volume_pyramid((stays + more).astype(np.float32), np.ones(3), 1.0) for more in noise]
    assert left_twice(*alone, np.eye(4)) is None
