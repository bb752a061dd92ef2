"""What may happen while a pair or a stack is being aligned: all of it leaves the viewer usable."""

import time

import numpy as np
import pytest
from napari.utils.notifications import notification_manager
from results import result
from shared_viewer import threads_at_work, wait_for_work
from skimage import data

from napari_ecc_align._align.progress import Progress
from napari_ecc_align._gui.runs import steps as run

KEY = "napari-ecc-align"
IMAGE = data.camera()
SHIFTS = [(0, 0), (2, -1), (3, 1), (5, 2), (4, 4), (6, 3)]


def film():
    return np.stack([IMAGE[50 + y : 250 + y, 60 + x : 280 + x] for y, x in SHIFTS])


@pytest.fixture(autouse=True)
def unhurried(monkeypatch):
    """Let every alignment last until the test has done what it is about."""

    def slowed(begin):
        def steps(*args, **options):
            rest = begin(*args, **options)
            for _ in range(20):
                time.sleep(0.01)
                yield Progress(0.0, "waiting")
            return (yield from rest)

        return steps

    for name in ("align_steps", "stack_steps"):
        monkeypatch.setattr(run, name, slowed(getattr(run, name)))


@pytest.fixture(params=["pair", "stack"])
def form(request, viewer):
    """A form with something to do that is called "second"."""
    frames = film()
    if request.param == "pair":
        viewer.add_image(frames[0], name="first")
        viewer.add_image(frames[3], name="second")
    else:
        viewer.add_image(frames, name="second")
    widget = viewer.window.add_plugin_dock_widget(KEY, "Align images")[1]
    widget.model.value = "translation"
    notification_manager.records.clear()
    return viewer, widget


@pytest.fixture
def nothing_behind(qtbot):
    """Tell whether all threads that a test has begun have ended."""
    before = threads_at_work()

    def check():
        wait_for_work(qtbot)
        assert threads_at_work() <= before

    return check


def again(viewer, widget, finish):
    """Assert that the form goes on as if nothing had been."""
    assert widget.align_button.enabled
    assert not widget.cancel_button.visible
    if "second" not in viewer.layers:
        viewer.add_image(film(), name="second")
    # What is in the list may not be what was chosen.
    if len([each for each in viewer.layers if "aligned" not in each.name]) == 1:
        widget.pair.choose(viewer.layers["second"].unique_id, viewer.layers["second"].unique_id)
    widget.align_button.native.click()
    finish(widget)
    assert "Aligned" in widget.after.results.verdict.value or "4 aligned" in (
        widget.after.results.verdict.value
    )


def names(viewer):
    return [layer.name for layer in viewer.layers]


def test_cancel(form, finish, nothing_behind):
    viewer, widget = form
    before = names(viewer)
    place = viewer.layers["second"].affine.affine_matrix.copy()
    widget.align_button.native.click()
    widget.cancel_button.native.click()
    finish(widget)
    assert names(viewer) == before
    assert "Cancelled" in widget.after.results.verdict.value
    assert np.array_equal(viewer.layers["second"].affine.affine_matrix, place)
    nothing_behind()
    again(viewer, widget, finish)


@pytest.mark.parametrize("form", ["stack"], indirect=True)
def test_a_frame_that_is_done_is_shown_in_place_while_others_are_aligned(
    form, finish, nothing_behind
):
    viewer, widget = form
    stack = viewer.layers["second"]
    seen = {}

    def look(step):
        show(step)
        # In the midst of the run, the first frames are done and the last is not.
        if step.stage.startswith("frame 4 of"):
            for frame in (3, 1, 5):
                viewer.dims.set_point(0, frame)
                seen[frame] = tuple(stack.affine.affine_matrix[1:3, 3])

    show = widget._advance
    widget._advance = look
    widget.align_button.native.click()
    finish(widget)
    for frame, (y, x) in ((3, SHIFTS[3]), (1, SHIFTS[1]), (5, SHIFTS[0])):
        assert np.allclose(seen[frame], (y, x), atol=0.05)
    assert np.array_equal(stack.affine.affine_matrix, np.eye(4))
    nothing_behind()


@pytest.mark.parametrize("form", ["pair"], indirect=True)
def test_a_second_click(form, finish, nothing_behind):
    viewer, widget = form
    widget.align_button.native.click()
    assert not widget.align_button.native.isEnabled()
    worker = widget._work.worker
    for _ in range(3):
        widget.align_button.native.click()
        widget.run()
    assert widget._work.worker is worker
    finish(widget)
    assert result(viewer) is not None
    nothing_behind()
    again(viewer, widget, finish)


def test_a_layer_is_removed(form, finish, nothing_behind):
    viewer, widget = form
    widget.align_button.native.click()
    viewer.layers.remove("second")
    finish(widget)
    # It was taken before the run began: the result still stands.
    assert result(viewer) is not None
    nothing_behind()
    again(viewer, widget, finish)


def test_all_layers_are_removed(form, finish, nothing_behind):
    viewer, widget = form
    widget.align_button.native.click()
    viewer.layers.clear()
    finish(widget)
    viewer.layers.clear()
    assert widget.pair.reference.value is None
    nothing_behind()
    again(viewer, widget, finish)


def test_a_layer_is_renamed(form, finish, nothing_behind):
    viewer, widget = form
    widget.align_button.native.click()
    viewer.layers["second"].name = "renamed"
    finish(widget)
    assert result(viewer) is not None
    assert widget.pair.moving.value is viewer.layers["renamed"]
    widget.align_button.native.click()
    finish(widget)
    assert result(viewer) is not None
    nothing_behind()


def test_new_layers_come(form, finish, nothing_behind):
    viewer, widget = form
    chosen = widget.pair.reference.value, widget.pair.moving.value
    widget.align_button.native.click()
    new = viewer.add_image(np.zeros((30, 30)), name="new")
    viewer.add_points(np.zeros((2, 2)), name="points")
    viewer.layers.move(viewer.layers.index(new), 0)
    finish(widget)
    assert result(viewer) is not None
    assert result(viewer).metadata[KEY]["moving"] == "second"
    if chosen[0] is not chosen[1]:
        assert (widget.pair.reference.value, widget.pair.moving.value) == chosen
    nothing_behind()


@pytest.mark.parametrize("form", ["stack"], indirect=True)
def test_other_choices_are_made(form, finish, nothing_behind):
    viewer, widget = form
    widget.align_button.native.click()
    widget.model.value = "homography"
    widget.settings.threshold.method.value = "mean"
    widget.settings.output.value = "move"
    finish(widget)
    note = result(viewer).metadata[KEY]
    assert note["parameters"]["model"] == "translation"
    assert note["parameters"]["output"] == "resample"
    nothing_behind()


@pytest.mark.both_bindings
@pytest.mark.parametrize(
    ("form", "error"),
    [("pair", RuntimeError("broken")), ("stack", MemoryError())],
    indirect=["form"],
)
def test_an_exception_in_the_worker(form, finish, nothing_behind, monkeypatch, error):
    viewer, widget = form
    before = names(viewer)

    def fail(*args, **options):
        raise error

    monkeypatch.setattr(run, "align_steps", fail)
    monkeypatch.setattr(run, "stack_steps", fail)
    widget.align_button.native.click()
    finish(widget)
    assert names(viewer) == before
    message = notification_manager.records[-1].message
    assert "memory" in message or "unexpected error" in message
    nothing_behind()
    monkeypatch.undo()
    again(viewer, widget, finish)


@pytest.mark.both_bindings
def test_the_viewer_is_closed(form, qtbot, nothing_behind):
    viewer, widget = form
    widget.align_button.native.click()
    viewer.close()
    qtbot.wait(300)
    nothing_behind()


@pytest.mark.both_bindings
def test_the_form_is_closed(form, qtbot, nothing_behind):
    viewer, widget = form
    before = names(viewer)
    widget.align_button.native.click()
    viewer.window.remove_dock_widget(widget.native)
    widget.native.deleteLater()
    del widget
    qtbot.wait(300)
    nothing_behind()
    assert names(viewer) == before
    later = viewer.window.add_plugin_dock_widget(KEY, "Align images")[1]
    assert later.align_button.enabled
