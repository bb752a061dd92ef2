"""Stacks: drift corrected, laid on another image or stack, lazily, and told as numbers."""

import dask.array as da
import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Layer

from napari_ecc_align import InputError, Transform
from napari_ecc_align._align.progress import FrameProgress
from napari_ecc_align._common.steps import outcome_of
from napari_ecc_align._compare.thresholding import Thresholding
from napari_ecc_align._ecc.options import SearchOptions
from napari_ecc_align._gui.layers.aligned_layers import aligned_layer
from napari_ecc_align._gui.layers.snapshots import snapshot
from napari_ecc_align._gui.layers.stack_snapshots import (
    StackSnapshot,
    is_stack,
    single_frame,
    stack_snapshot,
)
from napari_ecc_align._gui.layers.world import layer_grid
from napari_ecc_align._gui.runs.frame_choice import FrameChoice
from napari_ecc_align._gui.runs.steps import run_steps
from napari_ecc_align._gui.runs.task import Parameters, Task
from napari_ecc_align._gui.shared.refusal import Refusal
from napari_ecc_align._images.warping import Resampling
from pairs import known_pair

SHAPE = (120, 140)
PARAMETERS = Parameters(SearchOptions("euclidean"), Resampling(), Thresholding(), signed=False)
SHIFTS = [(0.0, 0.0, 0.0), (1.5, -2.25, 1.0), (3.0, -4.0, 2.0), (5.25, -5.5, -1.5)]


def turned(x, y, degrees):
    """Return the transform that shifts the middle of an image by (x, y) and turns it."""
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = (np.array(SHAPE[::-1]) - 1) / 2
    matrix = np.eye(3)
    matrix[:2, :2], matrix[:2, 2] = turn, middle - turn @ middle + np.array([x, y])
    return Transform(matrix, model="euclidean")


@pytest.fixture(scope="module")
def frames():
    return np.array(
        [known_pair("camera", turned(*shift), shape=SHAPE).moving for shift in SHIFTS]
    ).astype(np.uint8)


@pytest.fixture
def viewer():
    return ViewerModel()


def task_of(stack, *, reference=None, anchor="first", mode="every frame"):
    """Return what aligns a stack to itself, to a snapshot, or to another stack."""
    choice = FrameChoice("as the test says", mode, anchor if reference is None else None)
    others = reference if isinstance(reference, StackSnapshot) else None
    fixed = stack.shown if reference is None else reference if others is None else others.shown
    return Task(("a", "b"), fixed, stack, PARAMETERS, choice=choice, references=others)


def run(task):
    """Run to the end; return what was told and the run."""
    told = []
    return told, outcome_of(run_steps(task), told.append)


def layer_of(stack, outcome):
    return Layer.create(*aligned_layer(stack, outcome.data, {"any": "thing"}))


def agrees(frame, first, margin=12):
    inner = (slice(margin, -margin),) * 2
    return np.abs(frame[inner].astype(float) - first[inner]).mean() < 4


def test_drift_is_corrected_and_told(viewer, frames):
    layer = viewer.add_image(
        frames, scale=(5, 0.5, 0.5), units=("s", "um", "um"), colormap="magma", name="film"
    )
    stack = stack_snapshot(layer, viewer)
    told, outcome = run(task_of(stack))
    expected = np.array(SHIFTS)
    drift = outcome.results.to_dict()
    np.testing.assert_allclose(drift["x"], expected[:, 0], atol=0.1)
    np.testing.assert_allclose(drift["y"], expected[:, 1], atol=0.1)
    np.testing.assert_allclose(drift["rotation"], expected[:, 2], atol=0.1)
    assert outcome.results.verdicts == ["aligned"] * len(frames)
    assert sum(isinstance(step, FrameProgress) for step in told) == len(frames)
    aligned = layer_of(stack, outcome)
    assert aligned.name == "film aligned"
    assert aligned.colormap.name == "magma"
    assert aligned.units == layer.units
    assert aligned.data.dtype == np.uint8
    for point in ((0, 0, 0), (3, 119, 139)):
        np.testing.assert_array_equal(aligned.data_to_world(point), layer.data_to_world(point))
    assert all(agrees(frame, frames[0]) for frame in aligned.data)
    assert not agrees(frames[-1], frames[0])


@pytest.mark.parametrize("to", ["previous", "mean", 2])
def test_other_ways_to_correct_drift(viewer, frames, to):
    stack = stack_snapshot(viewer.add_image(frames), viewer)
    _, outcome = run(task_of(stack, anchor=to))
    base = frames[2] if to == 2 else frames[0]
    assert all(agrees(frame, base) for frame in outcome.data)


def test_a_stack_on_a_single_image_that_lies_elsewhere(viewer, frames):
    fixed = viewer.add_image(frames[0], scale=(0.5, 0.5), translate=(30, 40), units="um")
    moving = viewer.add_image(frames, scale=(5, 500, 500), units=("s", "nm", "nm"))
    reference = snapshot(fixed, viewer)
    stack = stack_snapshot(moving, viewer, target=reference.grid)
    _, outcome = run(task_of(stack, reference=reference))
    aligned = layer_of(stack, outcome)
    assert [str(unit) for unit in aligned.units] == ["second", "micrometer", "micrometer"]
    np.testing.assert_allclose(aligned.data_to_world((3, 10, 20)), (15, 35, 50))
    assert all(agrees(frame, frames[0]) for frame in aligned.data)


def test_a_stack_on_a_stack_frame_by_frame(viewer, frames):
    fixed = stack_snapshot(viewer.add_image(frames), viewer)
    moving = stack_snapshot(viewer.add_image(frames[::-1].copy()), viewer)
    _, outcome = run(task_of(moving, reference=fixed))
    assert all(agrees(*pair) for pair in zip(outcome.data, frames, strict=True))
    short = stack_snapshot(viewer.add_image(frames[:3]), viewer)
    _, refusal = run(task_of(moving, reference=short))
    assert isinstance(refusal, Refusal)
    assert "3 frames and the moving stack 4" in refusal.message


def test_one_transform_for_all(viewer, frames):
    fixed = snapshot(viewer.add_image(frames[0]), viewer)
    moving = viewer.add_image(np.stack([frames[2]] * 3))
    viewer.dims.set_point(0, 1)
    stack = stack_snapshot(moving, viewer)
    _, outcome = run(task_of(stack, reference=fixed, mode="one transform for all"))
    assert len(outcome.results) == 1
    assert len(outcome.transforms) == 3
    assert all(agrees(frame, frames[0]) for frame in outcome.data)
    alone = single_frame(snapshot(moving, viewer), fixed.grid)
    _, shown = run(Task(("a", "b"), fixed, alone, PARAMETERS))
    assert shown.data.shape == SHAPE
    assert shown.results[0].verdict == "aligned"


def test_a_frame_that_fails_does_not_spoil_the_others(viewer, frames):
    spoilt = frames.copy()
    spoilt[2] = np.random.default_rng(1).integers(0, 255, SHAPE)
    stack = stack_snapshot(viewer.add_image(spoilt), viewer)
    _, outcome = run(task_of(stack))
    assert outcome.results.verdicts == ["aligned", "aligned", "failed", "aligned"]
    assert np.isnan(outcome.results.to_dict()["x"][2])
    assert outcome.transforms[2] is outcome.transforms[1]
    assert agrees(outcome.data[3], frames[0])


def test_a_lazy_stack_gives_a_lazy_layer(viewer, frames):
    layer = viewer.add_image(da.from_array(frames, chunks=(1, 60, 70)))
    stack = stack_snapshot(layer, viewer)
    _, outcome = run(task_of(stack))
    assert isinstance(outcome.data, da.Array)
    assert agrees(outcome.data[3].compute(), frames[0])


def test_time_and_depth(viewer, frames):
    data = np.stack([frames, frames[:, ::-1]], axis=1)
    layer = viewer.add_image(data, scale=(5, 2, 1, 1))
    stack = stack_snapshot(layer, viewer)
    assert (len(stack), stack.leading, stack.axis) == (4, (4, 2), 0)
    _, outcome = run(task_of(stack))
    assert outcome.data.shape == data.shape
    assert agrees(outcome.data[3, 0], frames[0])


def test_channels_follow_the_one_on_show(viewer, frames):
    fixed = snapshot(viewer.add_image(frames[0]), viewer)
    channels = viewer.add_image(np.stack([frames[2], 255 - frames[2]]))
    viewer.dims.set_point(0, 0)
    stack = stack_snapshot(channels, viewer)
    _, outcome = run(task_of(stack, reference=fixed, mode="one transform for all"))
    assert agrees(outcome.data[0], frames[0])
    assert agrees(255 - outcome.data[1], frames[0])


def test_a_run_can_be_left_at_any_step(viewer, frames):
    steps = run_steps(task_of(stack_snapshot(viewer.add_image(frames), viewer)))
    for _ in range(3):
        next(steps)
    steps.close()
    with pytest.raises(StopIteration):
        next(steps)


def test_what_is_no_stack_is_refused(viewer, frames):
    single = viewer.add_image(frames[0])
    assert not is_stack(single)
    with pytest.raises(InputError, match="not a stack"):
        stack_snapshot(single, viewer)
    stack = viewer.add_image(frames)
    assert is_stack(stack)
    with pytest.raises(InputError, match="frame by frame"):
        FrameChoice("no choice", "one transform for all", "first")
    assert layer_grid(stack).shape == SHAPE
