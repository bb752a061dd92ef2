"""Two layers compared in black and white where they lie, in a real viewer."""

import dask.array as da
import numpy as np
import pytest
from skimage import data

from napari_ecc_align import Transform, compare, warp
from napari_ecc_align._gui.compare import steps as comparing
from napari_ecc_align._gui.layers.comparison_layers import NOT_COMPARED
from napari_ecc_align._gui.shared.threshold_settings import MANUAL
from napari_ecc_align._images.coverage import overlap

PAGE = data.page()


@pytest.fixture
def pair(viewer):
    viewer.add_image(PAGE, name="first")
    viewer.add_image(np.roll(PAGE, 2, axis=1), name="second")
    return viewer


@pytest.fixture
def widget(pair):
    _, widget = pair.window.add_plugin_dock_widget("napari-ecc-align", "Compare binarised")
    return widget


@pytest.fixture
def settle(qtbot, widget):
    def wait():
        qtbot.waitUntil(lambda: not widget.running, timeout=120_000)

    return wait


@pytest.mark.both_bindings
def test_one_click_counts_and_shows_what_differs(widget, viewer, settle):
    widget.compare_button.native.click()
    settle()
    expected = compare(PAGE, np.roll(PAGE, 2, axis=1))
    layer = viewer.layers["binary difference"]
    np.testing.assert_array_equal(layer.data, expected.labels)
    text = widget.results.value
    for part in (
        f"{expected.different:,}",
        f"{expected.only_reference:,}",
        f"{expected.only_moving:,}",
        f"{expected.iou:.3f}",
        f"{expected.dice:.3f}",
        f"{expected.thresholds[0]:.4g}",
        "only in reference",
        "only in moving",
    ):
        assert part in text
    assert [layer.name for layer in viewer.layers] == ["first", "second", "binary difference"]
    row, column = np.argwhere(expected.labels == 2)[0]
    assert "only in moving" in layer.get_status((row, column))["value"]


def test_nothing_happens_before_it_is_asked_for(widget, viewer, qtbot):
    widget.settings.method.value = "li"
    qtbot.wait(300)
    assert not widget.running
    assert len(viewer.layers) == 2


@pytest.mark.parametrize("method", ["sauvola", "niblack", "local"])
def test_it_follows_a_method_and_its_window(widget, viewer, settle, method):
    widget.compare_button.native.click()
    settle()
    widget.settings.method.value = method
    widget.settings.window.value = 31
    settle()
    second = viewer.layers["second"].data
    expected = compare(PAGE, second, method=method, window_size=31)
    np.testing.assert_array_equal(viewer.layers["binary difference"].data, expected.labels)
    assert len(viewer.layers) == 3
    if method != "local":
        widget.settings.k.value = 0.4
        settle()
        expected = compare(PAGE, second, method=method, window_size=31, k=0.4)
        np.testing.assert_array_equal(viewer.layers["binary difference"].data, expected.labels)


def test_by_hand_begins_where_the_method_was_and_follows_the_slider(widget, viewer, settle):
    widget.compare_button.native.click()
    settle()
    before = viewer.layers["binary difference"].data.copy()
    widget.settings.method.value = MANUAL
    settle()
    # The slider has a thousand steps.
    changed = np.count_nonzero(viewer.layers["binary difference"].data != before)
    assert changed < 0.02 * before.size
    widget.settings.of_reference.value = widget.settings.of_moving.value = 100
    settle()
    expected = compare(PAGE, viewer.layers["second"].data, thresholds=100)
    gap = viewer.layers["binary difference"].data != expected.labels
    assert gap.mean() < 0.005


def test_only_the_parameters_of_the_method_are_shown(widget, viewer):
    def shown():
        boxes = ("window", "k", "of_reference", "of_moving")
        settings = widget.settings
        return [box for box in boxes if getattr(settings, box).native.isVisibleTo(settings.native)]

    assert shown() == []
    widget.settings.method.value = "sauvola"
    assert shown() == ["window", "k"]
    widget.settings.method.value = "local"
    assert shown() == ["window"]
    widget.settings.method.value = MANUAL
    assert shown() == ["of_reference", "of_moving"]


def test_layers_are_compared_where_they_lie_in_the_world(viewer, qtbot):
    reference = viewer.add_image(
        PAGE, scale=(0.5, 0.5), translate=(10, 20), rotate=10, units=("um", "um")
    )
    # Twice as coarse, in nanometres, at the very place.
    halves = PAGE[:190].reshape(95, 2, 192, 2).mean(axis=(1, 3)).astype(np.uint8)
    moving = viewer.add_image(
        halves, scale=(1000, 1000), translate=(0, 0), rotate=10, units=("nm", "nm"), name="coarse"
    )
    moving.translate = 1000 * np.array(reference.data_to_world((0.5, 0.5)))
    _, widget = viewer.window.add_plugin_dock_widget("napari-ecc-align", "Compare binarised")
    widget.run()
    qtbot.waitUntil(lambda: not widget.running, timeout=120_000)
    layer = viewer.layers["binary difference"]
    assert layer.data.shape == PAGE.shape
    for point in ((0, 0), (190, 0), (33, 300)):
        np.testing.assert_allclose(layer.data_to_world(point), reference.data_to_world(point))
    assert layer.units == reference.units
    start = Transform([[0.5, 0, -0.25], [0, 0.5, -0.25]], model="similarity")
    laid = warp(halves, start, output_shape=PAGE.shape, fill="background")
    inside = overlap(start, output_shape=PAGE.shape, moving_shape=halves.shape)
    expected = compare(PAGE, laid, mask=inside)
    # What does not overlap has a colour of its own, which the table tells.
    assert (layer.data != np.where(inside, expected.labels, NOT_COMPARED)).mean() < 1e-3
    assert f'not compared</td><td align="right"><b>{np.sum(~inside):,}' in widget.results.value


@pytest.mark.both_bindings
def test_it_follows_a_layer_that_is_dragged(widget, viewer, settle):
    widget.run()
    settle()
    assert viewer.layers["binary difference"].data.any()
    viewer.layers["second"].translate = (0, -2)
    settle()
    inner = viewer.layers["binary difference"].data[:, 4:-4]
    assert inner.sum() == 0


def test_it_need_not_follow(widget, viewer, settle, qtbot):
    widget.run()
    settle()
    before = viewer.layers["binary difference"].data.copy()
    widget.live.value = False
    viewer.layers["second"].translate = (0, -2)
    qtbot.wait(300)
    settle()
    np.testing.assert_array_equal(viewer.layers["binary difference"].data, before)


def test_one_kind_of_difference_can_be_shown_alone(widget, viewer, settle):
    widget.run()
    settle()
    layer = viewer.layers["binary difference"]
    widget.kind_shown.value = "only in moving"
    assert (layer.show_selected_label, layer.selected_label) == (True, 2)
    widget.kind_shown.value = "both"
    assert not layer.show_selected_label


def test_of_a_stack_the_slice_on_show_is_compared(viewer, qtbot):
    viewer.add_image(da.from_array(np.stack([PAGE, 255 - PAGE[::-1]])), name="stack")
    viewer.add_image(PAGE, name="page")
    _, widget = viewer.window.add_plugin_dock_widget("napari-ecc-align", "Compare binarised")
    viewer.dims.set_current_step(0, 0)
    widget.run()
    qtbot.waitUntil(lambda: not widget.running, timeout=120_000)
    assert "0.00%" in widget.results.value
    viewer.dims.set_current_step(0, 1)
    qtbot.waitUntil(lambda: not widget.running, timeout=120_000)
    assert "0.00%" not in widget.results.value


def test_what_cannot_be_compared_is_said(widget, viewer, settle):
    widget.pair.moving.value = viewer.layers["first"]
    widget.run()
    assert "one layer" in widget.results.value
    widget.pair.moving.value = viewer.layers["second"]
    viewer.layers["second"].translate = (0, 9999)
    widget.run()
    settle()
    assert "do not overlap" in widget.results.value
    viewer.layers.clear()
    settle()
    widget.run()
    assert "Choose two image layers" in widget.results.value


def test_the_map_may_be_removed_and_comes_back(widget, viewer, settle):
    widget.run()
    settle()
    viewer.layers.remove("binary difference")
    widget.kind_shown.value = "only in moving"
    widget.run()
    settle()
    assert viewer.layers["binary difference"].show_selected_label


def test_an_error_in_the_worker_is_said_and_leaves_it_usable(widget, viewer, settle, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(comparing, "compare", lambda *_, **__: 1 / 0)
        widget.run()
        settle()
    assert "unexpected error" in widget.results.value
    widget.run()
    settle()
    assert "IoU" in widget.results.value


def test_the_viewer_may_close_while_it_runs(widget, viewer, qtbot):
    widget.run()
    worker = widget._work.worker
    widget.settings.method.value = "li"
    viewer.close()
    qtbot.waitUntil(lambda: not worker.is_running, timeout=120_000)
    qtbot.wait(300)
