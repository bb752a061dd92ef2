"""Below a verdict that is not "aligned" stand the actions that may help, one click each."""

import numpy as np
import pytest
from napari.utils.notifications import notification_manager

from napari_ecc_align import warp
from napari_ecc_align._gui.align.region_and_start import POINTS
from pairs import picture


@pytest.fixture
def stretched(viewer):
    """A form with a pair that no turn and shift can align, but an affine motion can."""
    image = picture("camera")
    viewer.add_image(image[:240, :240].copy(), name="first")
    rows, columns = np.arange(240), np.arange(240) * 1.04
    near = columns.astype(int)
    part = (columns - near)[np.newaxis]
    second = image[rows][:, near] * (1 - part) + image[rows][:, near + 1] * part
    viewer.add_image(second, name="second")
    widget = viewer.window.add_plugin_dock_widget("napari-ecc-align", "Align images")[1]
    widget.model.value = "euclidean"
    return widget


def test_a_freer_model_is_one_click_away(stretched, finish):
    steps = stretched.steps
    assert not steps.native.isVisibleTo(stretched.native)
    stretched.run()
    finish(stretched)
    assert stretched.after.run is None or stretched.after.run.verdict != "aligned"
    assert steps.native.isVisibleTo(stretched.native)
    assert "The affine model suffices." in stretched.after.results.verdict.value
    assert steps.freer.text == "Try affine"
    assert not steps.edges.visible
    steps.freer.native.click()
    finish(stretched)
    assert stretched.after.run.verdict == "aligned"
    assert stretched.after.run.task.parameters.search.model == "affine"
    assert not steps.native.isVisibleTo(stretched.native)


def test_the_smallest_model_that_suffices_is_named(stretched, viewer, finish):
    scaled = warp(viewer.layers["first"].data, np.diag([1.01, 1.01, 1]), fill="background")
    viewer.layers["second"].data = scaled
    stretched.model.value = "translation"
    stretched.run()
    finish(stretched)
    assert "The similarity model suffices." in stretched.after.results.verdict.value
    assert stretched.steps.freer.text == "Try similarity"


def test_points_and_a_region_are_begun_with_a_click(widget, viewer, finish):
    viewer.layers["second"].data = picture("coffee")[:150, :210]
    widget.settings.representation.value = "intensity"
    widget.run()
    finish(widget)
    assert "Failed" in widget.after.results.verdict.value
    assert "suffices" not in widget.after.results.verdict.value
    widget.steps.edges.native.click()
    finish(widget)
    assert "Failed" in widget.after.results.verdict.value
    assert widget.settings.representation.value == "auto"
    assert not widget.steps.edges.visible
    widget.steps.points.native.click()
    made = [viewer.layers["points in first"], viewer.layers["points in second"]]
    assert viewer.layers.selection.active is made[0] and made[0].mode == "add"
    chosen = [widget.where.reference_points.value, widget.where.moving_points.value]
    assert widget.where.start.value == POINTS and chosen == made
    assert widget.folds["Where"].isExpanded()
    widget.steps.points.native.click()
    assert len([each for each in viewer.layers if "points" in each.name]) == 2
    widget.steps.region.native.click()
    assert viewer.layers.selection.active.mode == "add_rectangle"
    region = viewer.layers.selection.active
    assert widget.where.region.value is region
    # What is drawn around is the reference, not what lies over it.
    assert [each for each in viewer.layers if each.visible] == [viewer.layers["first"], region]


def test_a_layer_that_is_moved_is_seen_though_another_was_on_show_alone(widget, viewer, finish):
    widget.settings.output.value = "move"
    widget.steps.region.native.click()
    viewer.layers.selection.active.add_rectangles([[[20, 20], [140, 180]]])
    assert not viewer.layers["second"].visible
    widget.run()
    finish(widget)
    assert widget.after.run.verdict == "aligned"
    assert viewer.layers["second"].visible


def test_a_forgotten_start_is_said_and_shown(widget):
    widget.where.start.value = POINTS
    assert "Starts from point pairs: none chosen yet." in widget.plan.value
    assert not widget.folds["Where"].isExpanded()
    notification_manager.records.clear()
    widget.run()
    assert "two Points layers" in notification_manager.records[-1].message
    assert widget.folds["Where"].isExpanded()
