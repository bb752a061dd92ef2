"""The widget, in a real viewer."""

import numpy as np
import pytest
from heart import Heart, assert_short, napari_adds
from napari.utils.notifications import notification_manager
from skimage import data

from napari_ecc_align._gui.runs import steps as run_module
from napari_ecc_align._transform.transform import Transform

RESULTS = [f"second → first: {role}" for role in ("aligned", "difference", "binary difference")]


def names(viewer):
    return [layer.name for layer in viewer.layers]


@pytest.fixture
def notes():
    """The notifications of a test."""
    notification_manager.records.clear()
    return notification_manager.records


def test_the_first_two_images_are_chosen(widget):
    assert widget.pair.reference.value.name == "first"
    assert widget.pair.moving.value.name == "second"


@pytest.mark.both_bindings
def test_two_layers_one_button_three_layers_and_a_verdict(widget, viewer, finish, known):
    widget.align_button.native.click()
    assert widget.running
    assert not widget.align_button.enabled
    assert widget.cancel_button.enabled
    finish(widget)
    assert names(viewer) == ["first", "second", *RESULTS]
    assert "Aligned" in widget.after.results.verdict.value
    for label in ("differing pixels", "IoU", "ECC", "before", "after"):
        assert label in widget.after.results.table.value
    note = viewer.layers["second → first: difference"].metadata["napari-ecc-align"]
    assert known.error_of(Transform(note["matrix"])) < 0.1
    assert widget.align_button.enabled
    assert not widget.progress.visible
    aligned = viewer.layers["second → first: aligned"]
    assert aligned.data.shape == known.reference.shape
    assert aligned.data.dtype == np.uint8
    assert aligned.colormap.name == "green"
    assert type(viewer.layers["second → first: binary difference"]).__name__ == "Labels"


def test_results_lie_over_an_awkward_reference(widget, viewer, finish):
    reference = viewer.layers["first"]
    reference.scale, reference.rotate, reference.shear = (0.5, 0.4), 15, (0.1,)
    reference.translate = (7, -3)
    reference.units = viewer.layers["second"].units = ("um", "um")
    widget.run()
    finish(widget)
    for name in RESULTS:
        layer = viewer.layers[name]
        for point in ((0, 0), (159, 0), (0, 199), (80, 33)):
            assert layer.data_to_world(point) == reference.data_to_world(point)
        assert layer.units == reference.units


def test_the_choice_survives_what_happens_to_other_layers(widget, viewer):
    viewer.add_image(np.zeros((50, 50)), name="third")
    widget.pair.reference.value = viewer.layers["third"]
    widget.pair.moving.value = viewer.layers["first"]
    viewer.add_image(np.zeros((50, 50)), name="fourth")
    viewer.layers.move(0, 3)
    viewer.layers["third"].name = "renamed"
    viewer.layers.remove("second")
    assert widget.pair.reference.value.name == "renamed"
    assert widget.pair.moving.value.name == "first"
    viewer.layers.remove("renamed")
    assert widget.pair.reference.value.name == "fourth"
    assert widget.pair.moving.value.name == "first"


def test_layers_that_come_later_are_chosen(viewer):
    _, widget = viewer.window.add_plugin_dock_widget("napari-ecc-align", "Align images")
    assert widget.pair.reference.value is None
    viewer.add_labels(np.zeros((50, 50), int))
    first = viewer.add_image(np.zeros((50, 50)))
    assert widget.pair.reference.value == first
    assert widget.pair.moving.value is None
    second = viewer.add_image(np.zeros((50, 50)))
    assert widget.pair.moving.value == second


def test_one_layer_twice_is_refused(widget, viewer, notes):
    widget.pair.moving.value = viewer.layers["first"]
    widget.run()
    assert not widget.running
    assert "one layer" in widget.after.results.verdict.value
    assert "one layer" in notes[-1].message
    assert len(viewer.layers) == 2


def test_nothing_chosen_is_refused(viewer, notes):
    _, widget = viewer.window.add_plugin_dock_widget("napari-ecc-align", "Align images")
    widget.run()
    assert "Choose two image layers" in notes[-1].message


def test_a_bad_epsilon_is_refused_in_words(widget, finish, notes):
    for epsilon in ("tiny", "", "[1", "-1"):
        notes.clear()
        widget.settings.epsilon.native.setText(epsilon)
        widget.run()
        finish(widget)
        assert "psilon" in notes[-1].message or "tolerance" in notes[-1].message, epsilon
        assert "Traceback" not in notes[-1].message


def test_running_again_renews_its_own_layers_only(widget, viewer, finish):
    theirs = viewer.add_image(np.ones((20, 20)), name="second → first: difference")
    widget.run()
    finish(widget)
    ours = viewer.layers["second → first: difference [1]"]
    ours.colormap, ours.name = "magma", "my difference"
    count = len(viewer.layers)
    widget.model.value = "translation"
    widget.run()
    finish(widget)
    assert len(viewer.layers) == count
    assert np.array_equal(theirs.data, np.ones((20, 20)))
    assert ours.name == "my difference"
    assert ours.colormap.name == "magma"
    assert ours.metadata["napari-ecc-align"]["model"] == "translation"


def test_another_pair_gets_its_own_layers(widget, viewer, finish, known):
    widget.run()
    finish(widget)
    viewer.add_image(known.moving[::-1, ::-1].copy()[::-1, ::-1], name="third")
    widget.pair.moving.value = viewer.layers["third"]
    widget.run()
    finish(widget)
    assert {f"{pair}: difference" for pair in ("second → first", "third → first")} <= set(
        names(viewer)
    )


def test_a_failed_run_says_why_and_leaves_no_layers(widget, viewer, finish, notes):
    widget.run()
    finish(widget)
    assert len(viewer.layers) == 5
    viewer.layers["second"].data = data.gravel()[:160, :200]
    widget.run()
    finish(widget)
    assert "Failed" in widget.after.results.verdict.value
    assert not widget.after.results.table.visible
    assert names(viewer) == ["first", "second"]
    assert not notes


@pytest.mark.both_bindings
def test_cancel_adds_nothing(widget, viewer, held, finish, qtbot):
    widget.run()
    qtbot.waitUntil(lambda: widget.progress.value > 0, timeout=120_000)
    widget.cancel_button.native.click()
    held.release()
    finish(widget)
    assert len(viewer.layers) == 2
    assert "Cancelled" in widget.after.results.verdict.value
    assert widget.align_button.enabled


def test_layers_removed_meanwhile_do_no_harm(widget, viewer, finish, notes):
    widget.run()
    viewer.layers.clear()
    finish(widget)
    assert names(viewer) == RESULTS
    assert not notes


@pytest.mark.both_bindings
def test_the_viewer_may_close_meanwhile(viewer, widget, qtbot, notes):
    widget.run()
    worker = widget._work.worker
    viewer.close()
    qtbot.waitUntil(lambda: not worker.is_running, timeout=120_000)
    qtbot.wait(50)
    assert not notes


@pytest.mark.alone
def test_the_viewer_stays_responsive(widget, viewer, finish, qtbot, steps_taken):
    """Noise is searched for longest."""
    rng = np.random.default_rng(0)
    viewer.layers["first"].data = rng.random((800, 800))
    viewer.layers["second"].data = rng.random((800, 800))
    heart, stalls, adding = Heart(), [], []
    for _ in range(3):
        adding.append(napari_adds(viewer, viewer.layers["first"].data))
        steps_taken.clear()
        heart.start()
        widget.run()
        # Steps are told no more often than can be seen: a quick machine ends with few.
        qtbot.waitUntil(lambda: len(steps_taken) >= 40 or not widget.running, timeout=120_000)
        assert len(steps_taken) > 3
        stalls.append(heart.stop())
        widget.cancel()
        finish(widget)
    assert_short(stalls, adding)


@pytest.mark.both_bindings
def test_an_unexpected_error_is_a_sentence(widget, finish, notes, monkeypatch):
    def broken(*args, **kwargs):
        raise RuntimeError("out of order")
        yield

    monkeypatch.setattr(run_module, "align_steps", broken)
    widget.run()
    finish(widget)
    assert "out of order" in notes[-1].message
    assert "Traceback" not in widget.after.results.verdict.value


def test_colour_layers(viewer, finish):
    image = data.astronaut()
    viewer.add_image(image[100:300, 100:300], name="first")
    viewer.add_image(image[105:305, 97:297], name="second")
    _, widget = viewer.window.add_plugin_dock_widget("napari-ecc-align", "Align images")
    widget.run()
    finish(widget)
    aligned = viewer.layers["second → first: aligned"]
    assert aligned.rgb
    assert np.abs(aligned.data[20:-20, 20:-20].astype(int) - image[120:280, 120:280]).max() < 6


def test_layers_dragged_roughly_into_place_start_there(viewer, finish):
    image = data.astronaut()[..., 1]
    viewer.add_image(image[100:300, 100:300], name="first")
    viewer.add_image(np.rot90(image[104:304, 97:297], 2).copy(), name="second")
    viewer.layers["second"].affine = [[-1, 0, 199], [0, -1, 199], [0, 0, 1]]
    _, widget = viewer.window.add_plugin_dock_widget("napari-ecc-align", "Align images")
    widget.run()
    finish(widget)
    assert "Aligned" in widget.after.results.verdict.value


def test_signed_difference(widget, viewer, finish):
    widget.settings.difference.value = "signed"
    widget.run()
    finish(widget)
    layer = viewer.layers["second → first: difference"]
    assert np.nanmin(layer.data) < 0
    assert layer.contrast_limits[0] == -layer.contrast_limits[1]
    assert layer.colormap.name == "signed difference"
    # Afterwards, too, the colours follow the sign; but not those that a person has chosen.
    widget.settings.difference.value = "absolute"
    finish(widget)
    assert np.nanmin(layer.data) >= 0
    assert (layer.colormap.name, layer.contrast_limits[0]) == ("difference", 0)
    layer.colormap = "magma"
    widget.settings.difference.value = "signed"
    finish(widget)
    assert layer.colormap.name == "magma"
