from dataclasses import replace

import dask.array as da
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, shift

from napari_ecc_align import InputError, Transform, align, align_stack, warp
from napari_ecc_align._align import passes, stack
from napari_ecc_align._align.follower import Follower
from napari_ecc_align._align.jumps import doubt_jumps
from napari_ecc_align._align.progress import FrameProgress
from napari_ecc_align._align.stack import stack_steps
from napari_ecc_align._images.pyramid import pair
from napari_ecc_align._transform.coordinates import corner_error
from pairs import known_pair, random_transform

SHAPE = (160, 180)
COUNT = 6


@pytest.fixture(scope="module")
def drifting():
    """Frames that wander off step by step, and the transform of each from the first."""
    truths, frames = [Transform.identity()], []
    for seed in range(1, COUNT):
        truths.append(random_transform(seed, "affine", SHAPE, size=2.0) @ truths[-1])
    rng = np.random.default_rng(0)
    for truth in truths:
        frame = known_pair("astronaut", truth, shape=SHAPE).moving
        frames.append(frame + rng.normal(0, 4, SHAPE))
    return np.array(frames), truths


@pytest.mark.parametrize("to", ["first", "previous", "mean"])
def test_one_transform_per_frame_from_the_first(drifting, to):
    frames, truths = drifting
    results = align_stack(frames, reference=to)
    assert len(results) == COUNT
    for result, truth in zip(results, truths, strict=True):
        assert result.verdict == "aligned", result.reason
        assert corner_error(result.transform.matrix, truth.matrix, SHAPE) < 0.2


def test_a_mean_of_some_frames_does_for_many(drifting, monkeypatch):
    frames, truths = drifting
    monkeypatch.setattr(passes, "_MEAN_OF", 3)
    told = []
    masks = [np.ones(SHAPE, bool)] * COUNT
    results = align_stack(frames, reference="mean", moving_mask=masks, progress=told.append)
    assert results.verdicts == ["aligned"] * COUNT
    assert len(told) == 3 + COUNT
    for result, truth in zip(results, truths, strict=True):
        assert corner_error(result.transform.matrix, truth.matrix, SHAPE) < 0.2


def test_what_all_frames_are_aligned_to_is_prepared_once(drifting, monkeypatch):
    frames, _ = drifting
    made = []
    make = pair.image_pyramid_steps

    def counted(image, mask):
        made.append(image)
        return make(image, mask)

    monkeypatch.setattr(pair, "image_pyramid_steps", counted)
    assert all(result.aligned for result in align_stack(frames[:4]))
    assert len(made) == 4


def test_of_a_very_long_film_tiles_are_just_counted(drifting, monkeypatch):
    frames = drifting[0][:3]
    each = align_stack(frames)
    monkeypatch.setattr(stack, "_MANY", 2)
    for one, counted in zip(each, align_stack(frames), strict=True):
        assert one.to_dict() | {"seconds": 0} == counted.to_dict() | {"seconds": 0}
        assert counted.tiles is None or counted.tiles.displacements.size == 0
    assert each[2].tiles.displacements.size > 0


def test_a_jump_away_and_back_is_doubted_if_few_tiles_see_it():
    frame = known_pair("astronaut", Transform.identity(), shape=SHAPE).moving
    still = align(frame, frame, model="translation")

    def at(x, agreeing):
        tiles = replace(still.tiles, agreeing=int(agreeing * still.tiles.tested))
        return replace(still, transform=Transform([[1, 0, x], [0, 1, 0]]), tiles=tiles)

    def verdicts(*places, share):
        results = doubt_jumps([at(x, share if x == 20 else 1) for x in places])
        return [result.verdict for result in results]

    assert verdicts(0, 1, 20, 2, share=0.5) == ["aligned", "aligned", "doubtful", "aligned"]
    # What nearly all tiles see is real, and so is what stays, or goes on.
    for places, share in [((0, 1, 20, 2), 0.9), ((0, 20, 20, 20), 0.5), ((0, 10, 20, 30), 0.5)]:
        assert verdicts(*places, share=share) == ["aligned"] * 4


def test_a_film_is_followed_and_what_does_not_belong_to_it_is_seen(monkeypatch):
    rng = np.random.default_rng(0)
    scene, other = (gaussian_filter(rng.normal(size=(300, 300)), 2.5) for _ in range(2))
    drift = np.cumsum(rng.normal(0, 0.6, (12, 2)), axis=0) + 20
    drift[5] += 15, -12
    frames = np.array([shift(scene, -d, order=3)[:240, :240] for d in drift])
    frames[7] = other[:240, :240]
    frames[9] = 0
    frames += rng.normal(0, 0.1 * scene.std(), frames.shape)
    settled, asked = [], Follower.followed

    def counted(*arguments):
        settled.append((yield from asked(*arguments)))
        return settled[-1]

    monkeypatch.setattr(Follower, "followed", counted)
    results = align_stack(frames, model="translation")
    assert sum(result is not None for result in settled) >= 7
    lost = [index for index, result in enumerate(results) if not result.aligned]
    assert lost == [7, 9]
    for index in set(range(12)) - {7, 9}:
        moved = results[index].transform.matrix[:2, 2]
        np.testing.assert_allclose(moved, (drift[0] - drift[index])[::-1], atol=0.1)


@pytest.mark.parametrize("drifts", [True, False])
def test_a_pattern_that_stays_does_not_pass_for_a_scene_that_drifts(drifts):
    rng = np.random.default_rng(6)
    scene, pattern = (gaussian_filter(rng.normal(size=(200, 200)), size) for size in (3, 1.2))
    places = 20 + drifts * np.cumsum(rng.normal(0, 1.2, (20, 2)), axis=0)
    shown = np.array([shift(scene, -place, order=1)[:144, :144] for place in places])
    # Too weak beside it to be seen in any two frames.
    seen = shown / shown.std() / 3 + pattern[:144, :144] / pattern.std()
    results = align_stack(seen + rng.normal(size=seen.shape), model="translation")
    assert {result.verdict for result in results[1:]} == {"doubtful" if drifts else "aligned"}
    assert not drifts or results[1].reason.endswith("something else that is seen moves.")


def test_small_errors_do_not_add_up(drifting):
    frames, _ = drifting
    there_and_back = np.concatenate([frames, frames[::-1]])
    last = align_stack(there_and_back, reference="previous")[-1]
    assert corner_error(last.transform.matrix, np.eye(3), SHAPE) < 0.1


@pytest.mark.parametrize("to", [2, -1])
def test_to_the_frame_of_an_index(drifting, to):
    frames, truths = drifting
    results = align_stack(frames, reference=to)
    for result, truth in zip(results, truths, strict=True):
        expected = truth @ truths[to].inverse
        assert corner_error(result.transform.matrix, expected.matrix, SHAPE) < 0.2
    assert np.array_equal(results[to].transform.matrix, np.eye(3))
    assert np.array_equal(warp(frames[to], results[to].transform, output_shape=SHAPE), frames[to])


@pytest.fixture(scope="module")
def spoilt(drifting):
    """The same frames, one of them nothing but noise, and their results to the first."""
    frames = drifting[0].copy()
    frames[3] = np.random.default_rng(1).normal(128, 20, SHAPE)
    return frames, align_stack(frames, representation="intensity")


def test_a_bad_frame_does_not_spoil_the_others(drifting, spoilt):
    truths = drifting[1]
    frames, results = spoilt
    assert [result.verdict for result in results].count("failed") == 1
    assert results[3].verdict == "failed"
    assert corner_error(results[5].transform.matrix, truths[5].matrix, SHAPE) < 0.2
    chained = align_stack(frames[2:4], reference="previous", representation="intensity")
    assert chained[1].verdict == "failed"


def test_frames_of_different_sizes_and_colour(drifting):
    frames, truths = drifting
    mixed = [frames[0], frames[1][:150, :170], np.repeat(frames[2][..., None], 3, axis=2)]
    results = align_stack(mixed)
    for result, truth in zip(results, truths[:3], strict=True):
        assert corner_error(result.transform.matrix, truth.matrix, SHAPE) < 0.2


def test_progress_and_cancel(drifting):
    frames, _ = drifting
    told = []
    align_stack(frames, reference="mean", progress=told.append)
    fractions = [step.fraction for step in told]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
    results = align_stack(frames, cancel=lambda: True)
    # That the first one lies on itself needs no work.
    assert results.verdicts == ["aligned", *["cancelled"] * (COUNT - 1)]
    assert results.gaps == list(range(1, COUNT))


@pytest.mark.parametrize(
    ("frames", "to", "message"),
    [
        (np.zeros((1, 64, 64)), "first", "at least two"),
        (5, "first", "frames must be a stack"),
        (np.zeros((3, 64, 64)), "second", "reference must be"),
        (np.zeros((3, 64, 64)), 3, "reference must be"),
        (np.zeros((3, 64, 64)), True, "reference must be"),
        ([np.zeros((64, 64)), np.zeros(4)], "first", r"frames\[1\] must have shape"),
        (np.zeros((2, 7, 10)), "first", "at least 8"),
    ],
)
def test_refusals(frames, to, message):
    with pytest.raises(InputError, match=message):
        align_stack(frames, reference=to)


def drive(steps):
    """Run steps to their end; return what they told and what they gave."""
    told = []
    while True:
        try:
            told.append(next(steps))
        except StopIteration as stop:
            return told, stop.value


@pytest.mark.parametrize("to", ["first", "previous", "mean"])
def test_steps_tell_of_every_iteration_and_give_the_same(drifting, to):
    frames = drifting[0][:4]
    told, results = drive(stack_steps(frames, reference=to))
    fractions = [step.fraction for step in told]
    assert fractions == sorted(fractions)
    assert len(told) > 3 * len(frames)
    done = [step for step in told if isinstance(step, FrameProgress)]
    assert [step.result for step in done[-len(frames) :]] == list(results)
    for result, whole in zip(results, align_stack(frames, reference=to), strict=True):
        np.testing.assert_array_equal(result.transform.matrix, whole.transform.matrix)


def test_every_frame_to_another_image(drifting):
    frames, truths = drifting
    _, results = drive(stack_steps(frames[1:], reference=frames[0]))
    for result, truth in zip(results, truths[1:], strict=True):
        assert corner_error(result.transform.matrix, truth.matrix, SHAPE) < 0.2


def test_frame_by_frame_to_another_stack(drifting):
    frames, truths = drifting
    _, results = drive(stack_steps(frames[::-1], reference=frames))
    for result, here, there in zip(results, truths, truths[::-1], strict=True):
        expected = there @ here.inverse
        assert corner_error(result.transform.matrix, expected.matrix, SHAPE) < 0.3
    with pytest.raises(InputError, match="one for each frame: 6 images, not 4"):
        stack_steps(frames, reference=frames[:4])


def test_a_lazy_stack_is_read_a_frame_at_a_time(drifting):
    frames, truths = drifting
    held = []

    def read(block_info=None):
        index = block_info[None]["chunk-location"][0]
        held.append(index)
        return frames[index : index + 1]

    chunks = ((1,) * COUNT, *((side,) for side in SHAPE))
    lazy = da.map_blocks(read, chunks=chunks, dtype=frames.dtype, meta=frames[:0])
    steps = stack_steps(lazy)
    assert held in ([], [0])
    _, results = drive(steps)
    assert sorted(held) == list(range(COUNT))
    assert corner_error(results[-1].transform.matrix, truths[-1].matrix, SHAPE) < 0.2


def test_a_mask_counts_for_every_frame(drifting):
    frames, truths = drifting
    spoilt = frames.copy()
    spoilt[0][:, 100:] = np.random.default_rng(3).normal(128, 60, (160, 80))
    mask = np.zeros(SHAPE, bool)
    mask[:, :100] = True
    _, results = drive(stack_steps(spoilt[1:3], reference=spoilt[0], reference_mask=mask))
    for result, truth in zip(results, truths[1:3], strict=True):
        assert corner_error(result.transform.matrix, truth.matrix, SHAPE) < 0.5


@pytest.fixture(scope="module")
def decoyed(drifting):
    """The same frames with a large bright board that stays in place while all else wanders."""
    frames, truths = drifting
    frames = frames.copy()
    board = np.random.default_rng(5).integers(0, 2, (10, 22)) * 400.0
    frames[:, 10:90, 2:178] = np.kron(board, np.ones((8, 8)))
    there = np.zeros(SHAPE, bool)
    there[102:] = True
    return frames, truths, there


def errors(results, truths):
    return [
        corner_error(result.transform.matrix, truth.matrix, SHAPE)
        for result, truth in zip(results, truths, strict=True)
    ]


@pytest.mark.parametrize("to", ["first", "previous"])
def test_only_what_a_mask_lets_through_counts(decoyed, to):
    # The least of which two are not beside the first.
    frames, truths, there = decoyed[0][:3], decoyed[1][:3], decoyed[2]
    inside = np.argwhere(there)[::500, ::-1]

    def worst(results):
        gaps = [
            result.transform.to_moving(inside) - truth.to_moving(inside)
            for result, truth in zip(results, truths, strict=True)
        ]
        return np.abs(gaps).max()

    options = {"reference": to, "representation": "intensity"}
    assert worst(align_stack(frames, **options)) > 2
    for role in ("reference_mask", "moving_mask"):
        assert worst(align_stack(frames, **options, **{role: there})) < 1, role


def test_a_mask_for_each_frame(decoyed):
    frames, _, there = decoyed
    moved = frames.copy()
    # In every other frame the board is below instead.
    moved[1::2] = frames[1::2, ::-1]
    masks = np.array([there if index % 2 == 0 else there[::-1] for index in range(COUNT)])
    upright = [frame if index % 2 == 0 else frame[::-1] for index, frame in enumerate(moved)]
    assert np.array_equal(upright, frames)
    options = {"reference": moved, "reference_mask": masks}
    shifted = np.roll(moved, 2, axis=2)
    results = align_stack(shifted, model="translation", moving_mask=list(masks), **options)
    for result in results:
        assert np.allclose(result.transform.matrix[:2, 2], [2, 0], atol=0.05)


def test_masks_that_do_not_fit_are_refused(drifting):
    frames, _ = drifting
    with pytest.raises(InputError, match="moving_mask must be one mask, or one for each of 6"):
        align_stack(frames, moving_mask=np.ones((5, *SHAPE)))
    with pytest.raises(
        InputError, match="reference_mask must be one mask, or one for each of one"
    ):
        align_stack(frames, reference=frames[0], reference_mask=[np.ones(SHAPE)] * 2)
    with pytest.raises(InputError, match=r"moving_mask must be of shape \(h, w\) or \(n, h, w\)"):
        align_stack(frames, moving_mask=3)


def test_iterations_and_epsilon_reach_the_estimator(drifting):
    frames, _ = drifting
    one, many = (
        align_stack(frames[:3], engine="opencv", max_iterations=number) for number in (1, 50)
    )
    assert one[2].iterations < many[2].iterations
    rough = align_stack(frames[:3], engine="opencv", tolerance=0.5)
    assert rough[2].iterations < many[2].iterations


def test_to_another_image_and_to_another_stack(drifting):
    frames, truths = drifting
    one = align_stack(frames[2:3], reference=frames[0], initial=truths[2])
    assert len(one) == 1
    assert errors(one, truths[2:3])[0] < 0.2
    same = align_stack(frames, reference=frames)
    assert max(errors(same, [Transform.identity()] * COUNT)) < 0.01


def test_a_frame_that_failed_borrows_from_its_neighbour(spoilt):
    _, results = spoilt
    found = results.filled_transforms
    assert found[3] is results[2].transform
    assert found[4] is results[4].transform
    lost = results[3:4].filled_transforms
    assert np.array_equal(lost[0].matrix, np.eye(3))
