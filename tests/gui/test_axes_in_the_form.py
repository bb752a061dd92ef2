"""What the axes of a layer hold is read, guessed and shown, and can be said."""

import numpy as np
import pytest
from napari.layers import Image
from napari.utils.notifications import notification_manager
from results import result
from skimage import data

from napari_ecc_align import Transform
from napari_ecc_align._gui.layers.frame_transforms import FrameTransforms
from napari_ecc_align._gui.layers.snapshots import MEAN

IMAGE = data.camera()
SHIFTS = [(0, 0), (2, -1), (3, 1), (5, 2)]
FILM = np.stack([IMAGE[50 + y : 210 + y, 60 + x : 240 + x] for y, x in SHIFTS])
CTYX = np.stack([FILM // 2, 255 - FILM, FILM])
EXPECTED = [(-x, -y) for y, x in SHIFTS]


def matrices(layer):
    return np.array(layer.metadata["napari-ecc-align"]["frame_matrices"])


@pytest.fixture
def form(viewer):
    widget = viewer.window.add_plugin_dock_widget("napari-ecc-align", "Align images")[1]
    widget.model.value = "translation"
    return viewer, widget


@pytest.mark.parametrize("labels", [("c", "t", "y", "x"), None])
def test_the_channels_of_a_film_move_together(form, finish, qtbot, labels, tmp_path, monkeypatch):
    viewer, widget = form
    film = viewer.add_image(CTYX, name="film", axis_labels=labels, channel_axis=None)
    viewer.dims.set_point(0, 1)
    named = ("t", "c") if labels else ("axis 1", "axis 0")
    told = "Stack of 4 frames ({}) of 3 channels ({}): every frame to the first, by channel 1"
    qtbot.waitUntil(lambda: told.format(*named) in widget.plan.value)
    assert ("is guessed" in widget.plan.value) == (labels is None)
    widget.stack.channel.value = 2 if labels else MEAN
    widget.run()
    finish(widget)
    assert "4 frames: 4 aligned" in widget.after.results.verdict.value
    aligned = result(viewer)
    assert np.allclose(matrices(aligned)[:, :2, 2], EXPECTED, atol=0.05)
    assert (aligned.data.shape, aligned.axis_labels) == (film.data.shape, film.axis_labels)
    inner = aligned.data[:, :, 10:-10, 10:-10].astype(int)
    assert np.abs(inner - inner[:, :1]).mean(axis=(2, 3)).max() < 1
    viewer.dims.set_point(0, 2)
    qtbot.wait(50)
    assert not widget.after.past(), "another channel of the same result is on show"
    script = widget.after.copy_script()
    np.save(tmp_path / "film.npy", CTYX)
    monkeypatch.chdir(tmp_path)
    repeated = {}
    exec(script, repeated)
    again = [transform.matrix for transform in repeated["transforms"]]
    assert np.array_equal(matrices(aligned), again), "to the last bit"


def test_axes_can_be_said(form):
    viewer, widget = form
    viewer.add_image(FILM, name="film")
    assert widget.plan.value.startswith("Stack of 4 frames (axis 0): every frame to the first.")
    shown = widget.stack.axes.native
    assert [shown.itemText(at) for at in range(shown.count())][-3:] == [
        "4 frames",
        "4 planes",
        "4 channels",
    ]
    widget.stack.axes.value = ("planes",)
    assert widget.plan.value == (
        "Stack of 4 planes (axis 0): every plane to the first. "
        "Each plane is aligned in x and y only; z is not searched."
    )
    widget.stack.axes.value = ("channels",)
    assert "each channel for itself to the first" in widget.plan.value
    viewer.dims.axis_labels = ("z", "y", "x")
    assert "4 channels (axis 0)" in widget.plan.value, "what a person has said holds"
    viewer.layers["film"].metadata.clear()
    again = viewer.add_image(FILM, name="later")
    widget.pair.moving.value = again
    widget.stack.axes.value = ("channels",)
    widget.stack.frames.value = widget.stack.frames.choices[-1]
    assert "every channel to its own in the reference" in widget.plan.value, "said once of both"


def test_channels_of_one_image_have_one_transform_or_each_its_own(form, finish):
    viewer, widget = form
    viewer.add_image(FILM[1], name="still")
    moving = viewer.add_image(CTYX[:, 3], name="dyes", axis_labels=("c", "y", "x"))
    assert "Stack of 3 channels (c): all channels together, by channel 0" in widget.plan.value
    widget.run()
    finish(widget)
    assert "One transform for all 3 channels." in widget.after.results.verdict.value
    assert np.allclose(matrices(result(viewer))[:, :2, 2], [(-3, -3)] * 3, atol=0.05)
    viewer.layers.remove(result(viewer))
    moving.data = np.stack([FILM[1], FILM[2]])
    widget.stack.frames.value = widget.stack.frames.choices[-1]
    assert "every channel to the reference" in widget.plan.value
    widget.run()
    finish(widget)
    assert "2 channels: 2 aligned" in widget.after.results.verdict.value
    assert np.allclose(matrices(result(viewer))[:, :2, 2], [(0, 0), (-2, -1)], atol=0.05)


def test_depths_that_differ_say_what_is_possible(form, finish):
    viewer, widget = form
    for name, planes in (("short", FILM[:3]), ("long", FILM)):
        viewer.add_image(planes, name=name, axis_labels=("z", "y", "x"))
    told = "The reference has 3 planes and the moving stack 4: they do not go in pairs. Possible:"
    assert told in widget.plan.value
    notification_manager.records.clear()
    widget.run()
    finish(widget)
    assert told in notification_manager.records[-1].message


def test_transforms_of_frames_find_the_frames_of_other_layers():
    shifts = tuple(Transform([[1, 0, k], [0, 1, 0]]) for k in range(4))
    of_tcyx, of_file = FrameTransforms(shifts, axis=-4), FrameTransforms(shifts)
    for layer, index in ((Image(FILM), (2,)), (Image(CTYX), (1, 2)), (Image(CTYX[:2]), (0, 2))):
        of_file.check(layer, layer.data.shape[:-2])
        of_tcyx.check(layer, layer.data.shape[:-2])
        assert of_file.of_plane(layer, index) is of_tcyx.of_plane(layer, index) is shifts[2]
    tcyx = Image(CTYX.swapaxes(0, 1))
    assert of_file.of_plane(tcyx, (2, 1)) is of_tcyx.of_plane(tcyx, (2, 1)) is shifts[2]


def test_colours_are_no_axis(form):
    viewer, widget = form
    viewer.add_image(np.stack([FILM] * 3, axis=-1), name="film", rgb=True)
    assert widget.plan.value.startswith("Stack of 4 frames")
    assert not widget.stack.channel.visible
