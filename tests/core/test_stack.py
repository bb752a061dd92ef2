import numpy as np
import pytest

from napari_ecc_align import InputError, Transform, align_stack
from napari_ecc_align.transform import corner_error
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
    results = align_stack(frames, to=to)
    assert len(results) == COUNT
    for result, truth in zip(results, truths, strict=True):
        assert result.verdict == "aligned", result.reason
        assert corner_error(result.transform.matrix, truth.matrix, SHAPE) < 0.2


def test_small_errors_do_not_add_up(drifting):
    frames, _ = drifting
    there_and_back = np.concatenate([frames, frames[::-1]] * 3)
    last = align_stack(there_and_back, to="previous")[-1]
    assert corner_error(last.transform.matrix, np.eye(3), SHAPE) < 0.1


@pytest.mark.parametrize("to", [2, -1])
def test_to_the_frame_of_an_index(drifting, to):
    frames, truths = drifting
    results = align_stack(frames, to=to)
    for result, truth in zip(results, truths, strict=True):
        expected = truth @ truths[to].inverse()
        assert corner_error(result.transform.matrix, expected.matrix, SHAPE) < 0.2
    assert corner_error(results[to].transform.matrix, np.eye(3), SHAPE) < 0.01


def test_a_bad_frame_does_not_spoil_the_others(drifting):
    frames, truths = drifting
    spoilt = frames.copy()
    spoilt[3] = np.random.default_rng(1).normal(128, 20, SHAPE)
    results = align_stack(spoilt)
    assert [result.verdict for result in results].count("failed") == 1
    assert results[3].verdict == "failed"
    assert corner_error(results[5].transform.matrix, truths[5].matrix, SHAPE) < 0.2
    chained = align_stack(spoilt, to="previous")
    assert chained[3].verdict == "failed"


def test_frames_of_different_sizes_and_colour(drifting):
    frames, truths = drifting
    mixed = [frames[0], frames[1][:150, :170], np.repeat(frames[2][..., None], 3, axis=2)]
    results = align_stack(mixed)
    for result, truth in zip(results, truths[:3], strict=True):
        assert corner_error(result.transform.matrix, truth.matrix, SHAPE) < 0.2


def test_progress_and_cancel(drifting):
    frames, _ = drifting
    told = []
    align_stack(frames, to="mean", progress=told.append)
    fractions = [step.fraction for step in told]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
    results = align_stack(frames, cancel=lambda: True)
    assert all(result.cancelled for result in results)


@pytest.mark.parametrize(
    ("frames", "to", "message"),
    [
        (np.zeros((1, 64, 64)), "first", "at least two"),
        (5, "first", "frames must be a stack"),
        (np.zeros((3, 64, 64)), "second", "to must be"),
        (np.zeros((3, 64, 64)), 3, "to must be"),
        (np.zeros((3, 64, 64)), True, "to must be"),
        ([np.zeros((64, 64)), np.zeros(4)], "first", r"frames\[1\] must have shape"),
        (np.zeros((2, 10, 10)), "first", "at least 32"),
    ],
)
def test_refusals(frames, to, message):
    with pytest.raises(InputError, match=message):
        align_stack(frames, to=to)
