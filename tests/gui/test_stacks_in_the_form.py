"""Stacks through the form: a drifting film, a stack against an image, and one shift for all."""

import csv
import time
from threading import current_thread, main_thread

import dask.array as da
import numpy as np
import pytest
from matplotlib.backend_bases import MouseEvent
from napari.utils.notifications import notification_manager
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog
from results import result
from skimage import data

from napari_ecc_align import AlignmentResult
from napari_ecc_align._gui.runs.frame_choice import TO_ANOTHER, TO_ITSELF

IMAGE = data.camera()
SHIFTS = [(0, 0), (2, -1), (3, 1), (5, 2)]


def film():
    return np.stack([IMAGE[50 + y : 250 + y, 60 + x : 280 + x] for y, x in SHIFTS])


def matrices(layer):
    return np.array(layer.metadata["napari-ecc-align"]["frame_matrices"])


@pytest.fixture
def form(viewer):
    widget = viewer.window.add_plugin_dock_widget("napari-ecc-align", "Align images")[1]
    widget.model.value = "translation"
    return viewer, widget


def test_a_lone_stack_is_one_click(form, finish, monkeypatch):
    viewer, widget = form
    threads, to_dict = [], AlignmentResult.to_dict
    monkeypatch.setattr(
        AlignmentResult, "to_dict", lambda own: (threads.append(current_thread()), to_dict(own))[1]
    )
    viewer.add_image(film(), name="film", scale=(3, 0.5, 0.5), colormap="magma")
    assert widget.pair.reference.value is widget.pair.moving.value
    assert "Stack of 4 frames (axis 0): every frame to the first" in widget.plan.value
    widget.align_button.native.click()
    finish(widget)
    assert "4 frames: 4 aligned" in widget.after.results.verdict.value
    layer = result(viewer)
    # Once for each frame, and nobody waits for it.
    assert len(threads) == 4
    assert main_thread() not in threads
    assert layer.data.shape == film().shape
    assert tuple(layer.scale) == (3, 0.5, 0.5)
    assert layer.colormap.name == "magma"
    found = matrices(layer)[:, :2, 2]
    assert np.allclose(found, [(-x, -y) for y, x in SHIFTS], atol=0.05)
    spread = layer.data[:, 20:-20, 20:-20].astype(float).std(axis=0)
    assert np.median(spread) < 0.1 * np.median(film()[:, 20:-20, 20:-20].std(axis=0))


def test_another_image_takes_the_place_of_a_stack_chosen_twice(form):
    viewer, widget = form
    stack = viewer.add_image(film(), name="film")
    other = viewer.add_image(film()[0], name="other")
    assert widget.pair.reference.value is stack
    assert widget.pair.moving.value is other
    assert "frame on show is used" in widget.plan.value


@pytest.mark.parametrize("choice", TO_ITSELF, ids=str)
def test_every_way_to_align_a_film(form, finish, choice):
    viewer, widget = form
    viewer.add_image(film(), name="film")
    widget.stack.frames.value = choice
    assert choice.words in widget.plan.value
    widget.run()
    finish(widget)
    found = matrices(result(viewer))[:, :2, 2]
    assert np.allclose(found - found[0], [(-x, -y) for y, x in SHIFTS], atol=0.1)


def test_a_stack_against_a_single_image(form, finish):
    viewer, widget = form
    viewer.add_image(film()[0], name="still", scale=(0.5, 0.5))
    viewer.add_image(film(), name="film", scale=(1, 0.5, 0.5))
    widget.run()
    finish(widget)
    layer = result(viewer)
    assert np.allclose(matrices(layer)[:, :2, 2], [(-x, -y) for y, x in SHIFTS], atol=0.05)
    assert layer.ndim == 3
    for corner in ((0, 0), (199, 219)):
        there = viewer.layers["still"].data_to_world(corner)
        assert np.allclose(layer.data_to_world((0, *corner))[1:], there)


def test_the_frame_on_show_for_all_and_alone(form, finish):
    viewer, widget = form
    viewer.add_image(film()[0], name="still")
    viewer.add_image(film(), name="film")
    viewer.dims.set_point(0, 2)
    widget.stack.frames.value = TO_ANOTHER[2]
    widget.run()
    finish(widget)
    assert np.allclose(matrices(result(viewer))[:, :2, 2], [[-1, -3]] * 4, atol=0.05)
    widget.stack.frames.value = TO_ANOTHER[1]
    widget.run()
    finish(widget)
    alone = result(viewer)
    assert alone.ndim == 2
    assert np.allclose(alone.metadata["napari-ecc-align"]["matrix"][0][2], -1, atol=0.05)


def test_a_lost_frame_is_named_and_the_rest_is_kept(form, finish):
    viewer, widget = form
    frames = film()
    frames[2] = data.gravel()[:200, :220]
    viewer.add_image(frames, name="film")
    widget.run()
    finish(widget)
    text = widget.after.results.verdict.value
    assert "Doubtful" in text
    assert "Frame 2:" in text
    assert np.allclose(matrices(result(viewer))[3, :2, 2], (-2, -5), atol=0.05)


def test_a_stack_without_a_match_adds_nothing(form, finish):
    viewer, widget = form
    viewer.add_image(data.gravel()[:200, :220], name="gravel")
    viewer.add_image(film()[:2], name="film")
    widget.run()
    finish(widget)
    assert "Failed" in widget.after.results.verdict.value
    assert len(viewer.layers) == 2


@pytest.mark.both_bindings
def test_the_drift_is_plotted_in_one_dock_and_saved_as_a_table(
    form, finish, monkeypatch, tmp_path, qtbot
):
    viewer, widget = form
    viewer.add_image(film(), name="film", scale=(2, 0.5, 0.5), units=("s", "um", "um"))
    assert not widget.after.next.drift.visible
    widget.run()
    finish(widget)
    widget.after.next.drift.native.click()
    canvas = viewer.window.dock_widgets["Drift"]
    shift = canvas.figure.axes[0]
    drawn = {line.get_label(): line.get_ydata() for line in shift.get_lines()}
    assert np.allclose(drawn["x"], [-x for _, x in SHIFTS], atol=0.05)
    assert np.allclose(drawn["y"], [-y for y, _ in SHIFTS], atol=0.05)
    # The frame on show is marked, and a click goes to another.
    viewer.dims.set_point(0, 2)
    assert shift.get_lines()[-1].get_xdata() == [1, 1]
    there = shift.transData.transform((2.2, np.mean(shift.get_ylim())))
    click = MouseEvent("button_press_event", canvas, *there, button=1)
    canvas.callbacks.process(click.name, click)
    assert viewer.dims.point[0] == 4
    for key, frame in (("Left", 1), ("Right", 2), ("Home", 0), ("Left", 0), ("End", 3)):
        qtbot.keyClick(canvas, getattr(Qt.Key, f"Key_{key}"))
        assert viewer.dims.point[0] == 2 * frame
    assert canvas.focusPolicy() & Qt.FocusPolicy.TabFocus and canvas.accessibleName()
    widget.after.next.drift.native.click()
    assert [name for name in viewer.window.dock_widgets if "Drift" in name] == ["Drift"]
    viewer.theme = "light"
    ground = viewer.window.dock_widgets["Drift"].figure.get_facecolor()
    assert np.mean(ground[:3]) > 0.9
    assert [name for name in viewer.window.dock_widgets if "Drift" in name] == ["Drift"]
    path = tmp_path / "drift.csv"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))
    widget.after.next.save_drift.native.click()
    assert f"Saved to {path}." in widget.after.results.verdict.value
    table = list(csv.DictReader(path.read_text().splitlines()))
    assert [row["verdict"] for row in table] == ["aligned"] * len(SHIFTS)
    for row, (y, x) in zip(table, SHIFTS, strict=True):
        moved = [float(row[key]) for key in ("dx_px", "dy_px", "dx_micrometer", "dy_micrometer")]
        assert np.allclose(moved, [-x, -y, -x / 2, -y / 2], atol=0.05)


def test_undo_takes_the_stack_away(form, finish):
    viewer, widget = form
    viewer.add_image(film(), name="film")
    widget.run()
    finish(widget)
    widget.after.next.undo.native.click()
    assert [layer.name for layer in viewer.layers] == ["film"]


def test_a_dask_stack_stays_lazy(form, finish):
    da = pytest.importorskip("dask.array")
    viewer, widget = form
    viewer.add_image(da.from_array(film(), chunks=(1, 100, 220)), name="film")
    widget.run()
    finish(widget)
    layer = result(viewer)
    assert hasattr(layer.data, "compute")
    assert np.allclose(matrices(layer)[3, :2, 2], (-2, -5), atol=0.05)


def test_cancelling_a_stack(form, finish, qtbot):
    viewer, widget = form
    rng = np.random.default_rng(0)
    viewer.add_image(rng.random((10, 900, 900)), name="noise")
    widget.run()
    qtbot.wait(150)
    widget.cancel()
    finish(widget)
    assert "Cancelled" in widget.after.results.verdict.value
    assert len(viewer.layers) == 1


def test_a_film_that_is_stopped_keeps_the_frames_that_are_done(form, finish, qtbot):
    viewer, widget = form
    keep, read = widget.keep_button.native, set()

    def frame(zeros, block_info):
        number = block_info[0]["chunk-location"][0]
        read.add(number)
        # So that nobody has to be quick.
        time.sleep(0.02)
        return zeros + IMAGE[None, 50 + number % 9 : 210 + number % 9, 60:220]

    lazy = da.zeros((300, 160, 160), chunks=(1, 160, 160), dtype=np.uint8)
    lazy = lazy.map_blocks(frame, dtype=np.uint8, meta=np.empty((0, 0, 0), np.uint8))
    viewer.add_image(lazy, name="long", contrast_limits=(0, 255))
    assert not keep.isVisibleTo(widget.native)
    widget.run()
    assert keep.isVisibleTo(widget.native)
    qtbot.waitUntil(lambda: max(read, default=0) > 5, timeout=20_000)
    keep.click()
    finish(widget)
    assert not keep.isVisibleTo(widget.native)
    verdicts = widget.after.run.results.verdicts
    done = verdicts.index("cancelled")
    assert verdicts == ["aligned"] * done + ["cancelled"] * (300 - done)
    assert (
        f"300 frames: {done} aligned, {300 - done} cancelled" in widget.after.results.verdict.value
    )
    down = [-(number % 9) for number in range(done)]
    found = matrices(result(viewer))[:, 1, 2]
    assert np.allclose(found, [*down, *[down[-1]] * (300 - done)], atol=0.05)


def test_stacks_of_different_lengths_are_refused(form, finish):
    viewer, widget = form
    viewer.add_image(film()[:3], name="short")
    viewer.add_image(film(), name="film")
    notification_manager.records.clear()
    widget.run()
    finish(widget)
    assert "3 frames" in notification_manager.records[-1].message
