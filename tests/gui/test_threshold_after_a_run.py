"""The threshold and its parameters in the Align form: compared anew at once, never re-aligned."""

import numpy as np
import pytest

from napari_ecc_align import compare
from napari_ecc_align._gui.shared.threshold_settings import MANUAL
from pairs import known_pair, random_transform

SHAPE = (160, 200)


@pytest.fixture
def settled(widget, finish):
    widget.align_button.native.click()
    finish(widget)
    return widget


def shown(widget, viewer):
    """Return the map on show, and what `compare` says of the same two images."""
    run = widget.after.run
    expected = compare(
        run.task.reference.data,
        run.inspection.warped,
        mask=run.inspection.valid,
        **run.task.parameters.thresholding.keywords(),
    )
    return viewer.layers["second → first: binary difference"].data, expected


def test_a_parameter_shows_only_with_a_method_that_has_it(settled):
    threshold = settled.settings.threshold
    form = settled.settings.native
    rows = {"window": threshold.window, "k": threshold.k, "by hand": threshold.of_reference}
    for method, expected in (
        ("otsu", set()),
        ("local", {"window"}),
        ("sauvola", {"window", "k"}),
        (MANUAL, {"by hand"}),
    ):
        threshold.method.value = method
        assert {name for name, row in rows.items() if row.native.isVisibleTo(form)} == expected


@pytest.mark.parametrize(("method", "name"), [("sauvola", "window"), ("niblack", "k")])
def test_a_parameter_counts_at_once(settled, viewer, finish, method, name):
    settled.settings.threshold.method.value = method
    finish(settled)
    before, expected = shown(settled, viewer)
    assert np.array_equal(before, expected.labels)
    before, matrix = before.copy(), settled.after.run.result.transform.matrix
    box = getattr(settled.settings.threshold, name)
    box.value = {"window": 15, "k": 0.9}[name]
    finish(settled)
    after, expected = shown(settled, viewer)
    assert np.array_equal(after, expected.labels)
    assert not np.array_equal(after, before)
    assert settled.after.run.result.transform.matrix is matrix
    note = viewer.layers["second → first: binary difference"].metadata["napari-ecc-align"][
        "parameters"
    ]
    assert note["thresholding"]["method"] == method
    assert note["thresholding"][{"window": "window_size", "k": "k"}[name]] == box.value


def test_by_hand_begins_where_the_method_was_and_follows_the_slider(settled, viewer, finish):
    threshold = settled.settings.threshold
    found = settled.after.run.inspection.after.thresholds
    threshold.method.value = MANUAL
    finish(settled)
    sliders = threshold.of_reference, threshold.of_moving
    for slider, value in zip(sliders, found, strict=True):
        assert slider.value == pytest.approx(value, abs=slider.step)
    before = settled.after.results.table.value
    threshold.of_reference.value = found[0] + 30
    finish(settled)
    after, expected = shown(settled, viewer)
    assert np.array_equal(after, expected.labels)
    assert expected.method == "manual"
    assert settled.after.results.table.value != before


def test_the_threshold_of_the_form_counts_in_the_first_comparison(widget, viewer, finish):
    widget.settings.threshold.method.value = "sauvola"
    widget.settings.threshold.window.value = 21
    widget.settings.threshold.k.value = 0.4
    widget.run()
    finish(widget)
    after, expected = shown(widget, viewer)
    assert np.array_equal(after, expected.labels)
    script = widget.after.run.script()
    for line in ("method='sauvola',", "window_size=21,", "k=0.4,"):
        assert line in script


def test_sliders_span_the_layers_that_are_chosen(widget, viewer):
    pair = known_pair("camera", random_transform(3, "affine", SHAPE, size=2.0), shape=SHAPE)
    deep = viewer.add_image((pair.moving * 200).astype(np.uint16), name="deep")
    widget.pair.moving.value = deep
    slider = widget.settings.threshold.of_moving
    assert (slider.min, slider.max) == pytest.approx(deep.contrast_limits_range, abs=slider.step)
    assert slider.max > 255
    chosen = slider.value = 3000
    widget.pair.reference.value, widget.pair.reference.value = None, viewer.layers["first"]
    assert slider.value == pytest.approx(chosen, abs=slider.step)


def test_a_dragged_slider_ends_at_its_last_value(settled, viewer, finish):
    threshold = settled.settings.threshold
    threshold.method.value = MANUAL
    for value in range(40, 200, 8):
        threshold.of_moving.value = value
    finish(settled)
    note = viewer.layers["second → first: binary difference"].metadata["napari-ecc-align"][
        "parameters"
    ]
    assert note["thresholding"]["thresholds"][1] == pytest.approx(192)


def test_window_and_k_survive_a_restart(widget, viewer, start_over):
    from napari import settings

    widget.settings.threshold.window.value = 33
    widget.settings.threshold.k.value = 0.35
    settings._clear_plugin_settings_cache()
    start_over()
    again = viewer.window.add_plugin_dock_widget("napari-ecc-align", "Align images")[1]
    assert again.settings.threshold.window.value == 33
    assert again.settings.threshold.k.value == pytest.approx(0.35)
