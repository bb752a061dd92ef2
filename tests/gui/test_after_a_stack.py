"""What a person does after a run on a stack: repeat it, keep it, look at it, take it back."""

import json
import subprocess
import sys

import numpy as np
import pytest
import tifffile
from qtpy.QtWidgets import QApplication, QFileDialog
from results import result
from skimage import data

from napari_ecc_align._gui.runs.frame_choice import TO_ANOTHER, TO_ITSELF
from napari_ecc_align._transform.files import load_transforms

IMAGE = data.camera()
SHIFTS = [(0, 0), (2, -1), (3, 1), (5, 2)]
KEY = "napari-ecc-align"


def film(top=50, left=60):
    return np.stack([IMAGE[top + y : top + 160 + y, left + x : left + 180 + x] for y, x in SHIFTS])


def matrices(layer):
    return layer.metadata[KEY]["frame_matrices"]


@pytest.fixture
def form(viewer):
    widget = viewer.window.add_plugin_dock_widget(KEY, "Align images")[1]
    widget.model.value = "euclidean"
    return viewer, widget


@pytest.fixture
def opened(form, tmp_path):
    """A form beside a film that comes from a file."""
    tifffile.imwrite(tmp_path / "film.tif", film(), photometric="minisblack")
    form[0].open(tmp_path / "film.tif", plugin="napari")
    return form


def repeated(widget):
    """Copy the script, run it in a Python of its own, and return the matrices it prints."""
    widget.after.next.copy.native.click()
    script = QApplication.clipboard().text()
    done = subprocess.run(
        [sys.executable, "-I", "-W", "error::UserWarning", "-c", script],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, f"{script}\n{done.stderr}"
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[[")]


def rectangle(top, left, bottom, right, frame=None):
    corners = [[top, left], [top, right], [bottom, right], [bottom, left]]
    return [corner if frame is None else [frame, *corner] for corner in corners]


@pytest.mark.parametrize("choice", TO_ITSELF, ids=str)
def test_the_script_of_a_film_gives_the_same_transforms_to_the_last_bit(opened, finish, choice):
    viewer, widget = opened
    widget.stack.frames.value = choice
    widget.settings.iterations.value = 31
    widget.run()
    finish(widget)
    found = repeated(widget)
    assert found == matrices(result(viewer))
    assert "max_iterations=31," in widget.after.copy_script()


def test_the_script_of_a_film_with_regions_on_some_frames(opened, finish):
    viewer, widget = opened
    drawn = [rectangle(20, 20, 140, 90, frame=0), rectangle(30, 60, 150, 170, frame=3)]
    shapes = viewer.add_shapes(drawn, shape_type="polygon", name="parts")
    held = viewer.add_shapes([rectangle(10, 10, 150, 160)], shape_type="polygon", name="held")
    widget.where.moving_region.value = shapes
    widget.where.region.value = held
    widget.run()
    finish(widget)
    layer = result(viewer)
    assert set(layer.metadata[KEY]["region"]["moving"]["frames"]) == {"0", "3"}
    assert repeated(widget) == matrices(layer)


def test_the_script_of_a_stack_against_others(form, finish, tmp_path):
    viewer, widget = form
    tifffile.imwrite(tmp_path / "still.tif", film()[0])
    both = np.stack([film(), 255 - film()], axis=1)
    tifffile.imwrite(tmp_path / "deep.tif", both, photometric="minisblack")
    viewer.open(tmp_path / "still.tif", plugin="napari")
    viewer.open(tmp_path / "deep.tif", plugin="napari")
    viewer.layers["deep"].translate = (0, 0, 2.5, -1)
    viewer.dims.set_point(1, 1)
    for choice in (TO_ANOTHER[0], TO_ANOTHER[2]):
        widget.stack.frames.value = choice
        widget.run()
        finish(widget)
        found = repeated(widget)
        assert len(found) == len(SHIFTS)
        assert found == matrices(result(viewer))
        viewer.dims.set_point(0, 2)


def test_the_script_of_a_stack_against_a_stack(opened, finish, tmp_path):
    viewer, widget = opened
    tifffile.imwrite(tmp_path / "other.tif", film(52, 57), photometric="minisblack")
    viewer.open(tmp_path / "other.tif", plugin="napari")
    widget.pair.reference.value = viewer.layers["film"]
    widget.pair.moving.value = viewer.layers["other"]
    widget.run()
    finish(widget)
    assert "4 frames: 4 aligned" in widget.after.results.verdict.value
    assert repeated(widget) == matrices(result(viewer))


def test_a_script_says_where_an_image_from_memory_belongs(form, finish):
    viewer, widget = form
    viewer.add_image(film(), name="film")
    widget.run()
    finish(widget)
    script = widget.after.copy_script()
    assert "np.load('film.npy')" in script
    assert "put your own file here" in script
    compile(script, "script", "exec")


def test_saving_the_transforms_of_all_frames(form, finish, tmp_path, monkeypatch):
    viewer, widget = form
    frames = film()
    frames[2] = data.gravel()[:160, :180]
    viewer.add_image(frames, name="film")
    widget.run()
    finish(widget)
    offered = []
    assert widget.after.next.save.text.replace("&", "") == "Save transforms…"

    def ask(parent, title, name, kinds):
        offered.extend([name, kinds])
        return str(path), ""

    monkeypatch.setattr(QFileDialog, "getSaveFileName", ask)
    for suffix in ("json", "csv", "npy"):
        path = tmp_path / f"film.{suffix}"
        widget.after.next.save.native.click()
        loaded = [each.matrix.tolist() for each in load_transforms(path)]
        assert loaded == matrices(result(viewer))
    assert offered[0] == "film_transforms.json"
    assert ".tfm" not in offered[1]
    said = json.loads((tmp_path / "film.json").read_text())["frames"]
    assert [frame["verdict"] for frame in said] == ["aligned", "aligned", "failed", "aligned"]


def test_blinking_shows_the_film_and_the_aligned_one_in_turn(form, finish):
    viewer, widget = form
    viewer.add_image(film(), name="film")
    other = viewer.add_image(film()[0], name="other", visible=True)
    widget.pair.moving.value = widget.pair.reference.value = viewer.layers["film"]
    widget.run()
    finish(widget)
    widget.after.next.blink.value = True
    assert not other.visible
    assert viewer.layers["film"].visible and result(viewer).visible
    widget.after.next.blink.value = False
    assert other.visible


def test_undo_of_a_second_run_brings_the_first_stack_back(form, finish):
    viewer, widget = form
    viewer.add_image(film(), name="film")
    widget.run()
    finish(widget)
    layer = result(viewer)
    before, note = layer.data.copy(), dict(layer.metadata[KEY])
    widget.stack.frames.value = TO_ITSELF[1]
    widget.model.value = "translation"
    widget.run()
    finish(widget)
    assert layer.metadata[KEY]["frames"] == str(TO_ITSELF[1])
    widget.after.next.undo.native.click()
    assert np.array_equal(result(viewer).data, before)
    assert result(viewer).metadata[KEY] == note
    assert not widget.after.next.save.enabled


def test_one_transform_for_all_can_move_the_stack_itself(form, finish):
    viewer, widget = form
    viewer.add_image(film()[0], name="still")
    layer = viewer.add_image(film(), name="film")
    viewer.dims.set_point(0, 3)
    widget.stack.frames.value = TO_ANOTHER[2]
    widget.settings.output.value = "move"
    before = layer.affine.affine_matrix.copy()
    widget.run()
    finish(widget)
    assert [each.name for each in viewer.layers] == ["still", "film"]
    # Pixel (5, 2) of the last frame is pixel (0, 0) of the still.
    assert np.allclose(layer.data_to_world((3, 80 - 5, 90 - 2)), (3, 80, 90), atol=0.05)
    widget.after.next.undo.native.click()
    assert np.array_equal(layer.affine.affine_matrix, before)


def test_frames_cannot_be_moved_one_by_one_and_the_plan_says_so(form, finish):
    viewer, widget = form
    viewer.add_image(film(), name="film")
    assert "resampled" not in widget.plan.value
    widget.settings.output.value = "move"
    assert "resampled" in widget.plan.value
    widget.run()
    finish(widget)
    assert result(viewer) is not None


def test_iterations_and_epsilon_count_for_stacks(form, finish):
    viewer, widget = form
    viewer.add_image(film(), name="film")
    widget.settings.engine.value = "opencv"
    taken = []
    for iterations, epsilon in ((3, "1e-9"), (80, "1e-9"), (80, "0.5")):
        widget.settings.iterations.value = iterations
        widget.settings.epsilon.value = epsilon
        widget.run()
        finish(widget)
        note = result(viewer).metadata[KEY]
        assert note["parameters"]["max_iterations"] == iterations
        taken.append(note["iterations"])
    assert taken[0] <= 3 < taken[1]
    assert taken[2] < taken[1]
