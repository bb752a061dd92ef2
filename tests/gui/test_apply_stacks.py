"""The transforms of a stack's frames applied to other layers, from a run and from files."""

import dask.array as da
import numpy as np
import pytest
from qtpy.QtWidgets import QFileDialog
from results import result
from skimage import data

from napari_ecc_align._gui.runs.frame_choice import TO_ANOTHER
from napari_ecc_align._transform.files import load_transforms

KEY = "napari-ecc-align"
IMAGE = data.camera()
SHIFTS = [(0, 0), (2, -1), (3, 1), (5, 2)]
SIZE = (160, 180)


def film(image=IMAGE):
    return np.stack([image[50 + y : 210 + y, 60 + x : 240 + x] for y, x in SHIFTS])


@pytest.fixture
def aligned(viewer, finish):
    """A film that has been aligned to its first frame, and the form that applies transforms."""
    viewer.add_image(film(), name="film", scale=(3, 0.5, 0.5), translate=(7, 1, 2))
    widget = viewer.window.add_plugin_dock_widget(KEY, "Align images")[1]
    widget.model.value = "translation"
    widget.run()
    finish(widget)
    widget.after.next.apply.native.click()
    form = viewer.window.dock_widgets["Apply transform (ECC Align)"]
    return viewer, form


@pytest.fixture
def apply(aligned, qtbot):
    """Apply to layers by the button, and return what has been added."""
    viewer, form = aligned

    def press(*layers, **choices):
        for name, value in choices.items():
            getattr(form, name).value = value
        form.layers.value = list(layers)
        before = list(viewer.layers)
        form.apply_button.native.click()
        qtbot.waitUntil(lambda: not form.running, timeout=120_000)
        return [layer for layer in viewer.layers if layer not in before]

    return press


def place(viewer):
    return {name: getattr(viewer.layers["film"], name) for name in ("scale", "translate")}


def test_a_run_on_a_stack_is_offered_as_such(aligned):
    _, form = aligned
    assert form.source.value == "film onto film, 4 frames"


@pytest.mark.parametrize("lazy", [False, True])
def test_a_second_channel_goes_as_the_first_did(aligned, apply, lazy):
    viewer, _ = aligned
    other = film() if not lazy else da.from_array(film(), chunks=(1, 80, 90))
    layer = viewer.add_image(other, name="other", colormap="red", **place(viewer))
    (new,) = apply(layer)
    assert hasattr(new.data, "compute") == lazy
    assert np.array_equal(np.asarray(new.data), result(viewer).data)
    assert new.colormap.name == "red"
    assert np.array_equal(new.extent.world, result(viewer).extent.world)
    assert len(new.metadata[KEY]["frame_matrices"]) == 4


def test_labels_keep_their_values_frame_by_frame(aligned, apply):
    viewer, _ = aligned
    labels = np.zeros((4, *SIZE), np.int32)
    for number, (y, x) in enumerate(SHIFTS):
        labels[number, 60 - y : 70 - y, 80 - x : 90 - x] = 7 + number
    (new,) = apply(viewer.add_labels(labels, **place(viewer)))
    for number, plane in enumerate(new.data):
        assert set(np.unique(plane[:150, :170])) == {0, 7 + number}
        assert (plane[60:70, 80:90] == 7 + number).all()


def test_points_shapes_and_tracks_go_with_their_frames(aligned, apply):
    viewer, _ = aligned
    there = np.array([[n, 60 - y, 80 - x] for n, (y, x) in enumerate(SHIFTS)], float)
    # Of another scale along time: frames are met where they lie in the world.
    points = viewer.add_points(
        there * (3, 1, 1), scale=(1, 0.5, 0.5), translate=(7, 1, 2), name="points"
    )
    tracks = viewer.add_tracks(np.column_stack([np.ones(4), there]), **place(viewer))
    boxes = [
        there[n] + [[0, -9, -9], [0, -9, 9], [0, 9, 9], [0, 9, -9]] for n in range(len(there))
    ]
    shapes = viewer.add_shapes(boxes, **place(viewer))
    new = {type(layer).__name__: layer for layer in apply(points, tracks, shapes)}
    new_points, new_tracks, new_shapes = new["Points"], new["Tracks"], new["Shapes"]
    assert np.allclose(new_points.data[:, 1:], (60, 80), atol=0.05)
    assert np.array_equal(new_points.data[:, 0], points.data[:, 0])
    assert np.allclose(new_tracks.data[:, 2:], (60, 80), atol=0.05)
    for number, shape in enumerate(new_shapes.data):
        assert np.allclose(shape[:, 1:].mean(axis=0), (60, 80), atol=0.05)
        assert (shape[:, 0] == number).all()


def test_inverse_brings_back_what_lies_on_the_first_frame(aligned, apply):
    viewer, form = aligned
    still = viewer.add_points([[n, 60, 80] for n in range(4)], **place(viewer))
    inverse = form.direction.choices[1]
    (new,) = apply(still, direction=inverse)
    assert np.allclose(new.data[:, 1:], [(60 - y, 80 - x) for y, x in SHIFTS], atol=0.05)


@pytest.mark.parametrize(
    ("data", "complaint"),
    [(np.zeros((3, *SIZE)), "has 3 frames, but"), (np.zeros(SIZE), "has no frames, but")],
)
def test_a_layer_without_such_frames_is_refused(aligned, apply, data, complaint):
    viewer, form = aligned
    assert not apply(viewer.add_image(data, name="else"))
    assert complaint in form.message.value


def test_moving_a_stack_as_a_whole_is_refused(aligned, apply):
    viewer, form = aligned
    before = viewer.layers["film"].affine.affine_matrix.copy()
    assert not apply(viewer.layers["film"], output=form.output.choices[1])
    assert "Each frame has a transform of its own" in form.message.value
    assert np.array_equal(viewer.layers["film"].affine.affine_matrix, before)


@pytest.mark.parametrize("suffix", ["json", "csv", "npy"])
def test_saved_and_loaded_in_another_session(
    aligned, start_over, monkeypatch, tmp_path, qtbot, suffix
):
    viewer, form = aligned
    path = tmp_path / f"drift.{suffix}"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *args: (str(path), ""))
    form.save_button.native.click()
    assert f"Saved to {path}" in form.message.value
    assert len(load_transforms(path)) == 4
    expected = result(viewer).data.copy()
    start_over()
    layer = viewer.add_image(film(), name="again")
    later = viewer.window.add_plugin_dock_widget(KEY, "Apply transform")[1]
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *args: (str(path), ""))
    later.load_button.native.click()
    assert "Loaded the transforms of 4 frames" in later.message.value
    assert later.reference.visible or later.reference.value is layer
    later.layers.value = [layer]
    later.apply_button.native.click()
    qtbot.waitUntil(lambda: not later.running, timeout=120_000)
    assert np.array_equal(viewer.layers["again aligned"].data, expected)


def test_one_transform_for_all_can_be_given_to_single_images(viewer, finish, qtbot):
    viewer.add_image(film()[0], name="still")
    viewer.add_image(film(), name="film")
    viewer.dims.set_point(0, 2)
    widget = viewer.window.add_plugin_dock_widget(KEY, "Align images")[1]
    widget.model.value = "translation"
    widget.stack.frames.value = TO_ANOTHER[2]
    widget.run()
    finish(widget)
    form = viewer.window.add_plugin_dock_widget(KEY, "Apply transform")[1]
    assert form.source.value == "film onto still"
    layer = viewer.add_image(film()[2], name="one")
    form.layers.value = [layer]
    form.apply_button.native.click()
    qtbot.waitUntil(lambda: not form.running, timeout=120_000)
    assert np.array_equal(viewer.layers["one aligned"].data, result(viewer).data[2])


def test_a_damaged_stack_file_is_one_sentence(aligned, monkeypatch, tmp_path):
    _, form = aligned
    path = tmp_path / "bad.json"
    path.write_text('{"format": "napari-ecc-align stack", "version": 1, "model": "affine"}')
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *args: (str(path), ""))
    form.load_button.native.click()
    assert "each with a matrix" in form.message.value
