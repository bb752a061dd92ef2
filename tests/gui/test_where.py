"""Regions that restrict the comparison, and rough starts by hand."""

import subprocess
import sys

import numpy as np
import pytest
from napari.utils.notifications import notification_manager
from qtpy.QtWidgets import QApplication
from skimage import data

from napari_ecc_align import Transform
from napari_ecc_align._gui.align.region_and_start import EVERYWHERE, POINTS, VIEW

IMAGE = data.camera()


@pytest.fixture
def two_motions(viewer, tmp_path):
    """Two images whose upper half has moved by (4, 6) and whose lower half by (-7, 2)."""
    first, second = IMAGE[20:420, 20:420], IMAGE[24:424, 26:426].copy()
    second[200:] = IMAGE[213:413, 22:422]
    for name, image in (("first", first), ("second", second)):
        from PIL import Image

        Image.fromarray(image).save(tmp_path / f"{name}.png")
    viewer.open([tmp_path / "first.png", tmp_path / "second.png"], stack=False, plugin="napari")
    widget = viewer.window.add_plugin_dock_widget("napari-ecc-align", "Align images")[1]
    widget.model.value = "translation"
    return viewer, widget


def found(viewer):
    note = viewer.layers["second → first: aligned"].metadata["napari-ecc-align"]
    return np.array(note["matrix"])


def shift(viewer):
    return found(viewer)[:2, 2].round(1).tolist()


def test_a_drawn_region_says_which_half_counts(two_motions, finish):
    viewer, widget = two_motions
    upper = viewer.add_shapes([[0, 0], [190, 400]], shape_type="rectangle", name="upper")
    lower = viewer.add_shapes([[210, 0], [400, 400]], shape_type="rectangle", name="lower")
    for region, expected in ((upper, [-6, -4]), (lower, [-2, 7])):
        widget.where.region.value = region
        widget.run()
        finish(widget)
        assert shift(viewer) == expected or shift(viewer) == [-expected[0], -expected[1]]
    note = viewer.layers["second → first: aligned"].metadata["napari-ecc-align"]
    assert note["region"]["reference"]["name"] == "'lower'"


def test_a_painted_region_with_a_scale_of_its_own(two_motions, finish):
    viewer, widget = two_motions
    painted = np.zeros((40, 40), int)
    painted[22:] = 3
    widget.where.region.value = viewer.add_labels(
        painted, scale=(10, 10), translate=(4.5, 4.5), name="lower"
    )
    widget.run()
    finish(widget)
    assert np.allclose(np.abs(shift(viewer)), [2, 7])


def test_a_region_of_the_moving_image(two_motions, finish):
    viewer, widget = two_motions
    widget.where.moving_region.value = viewer.add_shapes(
        [[0, 0], [190, 400]], shape_type="rectangle"
    )
    widget.run()
    finish(widget)
    assert np.allclose(np.abs(shift(viewer)), [6, 4])


def test_the_view_as_a_region(two_motions, finish):
    viewer, widget = two_motions
    viewer.scene.camera.center, viewer.scene.camera.zoom = (90, 200), 3.2
    widget.where.region.value = VIEW
    widget.run()
    finish(widget)
    assert np.allclose(np.abs(shift(viewer)), [6, 4])


@pytest.mark.parametrize("place", [None, 5000])
def test_a_region_without_pixels_is_refused_in_words(two_motions, finish, place):
    viewer, widget = two_motions
    shapes = viewer.add_shapes(
        [] if place is None else [[place, place], [place + 9, place + 9]], shape_type="rectangle"
    )
    widget.where.region.value = shapes
    notification_manager.records.clear()
    widget.run()
    finish(widget)
    text = notification_manager.records[-1].message
    assert ("closed shape" if place is None else "outside the image") in text
    assert "second → first: aligned" not in viewer.layers


def test_a_region_that_is_removed_is_no_longer_chosen(two_motions):
    viewer, widget = two_motions
    shapes = viewer.add_shapes([[0, 0], [9, 9]], shape_type="rectangle")
    widget.where.region.value = shapes
    viewer.layers.remove(shapes)
    assert widget.where.region.value == EVERYWHERE


def test_the_script_knows_the_region(two_motions, finish):
    viewer, widget = two_motions
    polygon = np.array([[0.25, 3], [188, 10.1], [170, 390], [5, 350]])
    widget.where.region.value = viewer.add_shapes([polygon], shape_type="polygon")
    widget.run()
    finish(widget)
    widget.after.next.copy.native.click()
    printed = subprocess.run(
        [sys.executable, "-I", "-c", QApplication.clipboard().text()],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    ).stdout
    matrix = next(line for line in printed.splitlines() if line.startswith("[["))
    assert matrix == str(found(viewer).tolist())


@pytest.fixture
def turned(viewer):
    """A moving image turned half round and at half the pixel size."""
    viewer.add_image(IMAGE[100:300, 100:300], name="first")
    viewer.add_image(np.rot90(IMAGE[104:304, 97:297], 2).copy(), name="second")
    return viewer, viewer.window.add_plugin_dock_widget("napari-ecc-align", "Align images")[1]


def test_point_pairs_are_a_start(turned, finish):
    viewer, widget = turned
    truth = np.array([[-1, 0, 196.0], [0, -1, 203.0], [0, 0, 1]])
    places = np.array([[30.0, 40], [160, 50], [90, 170]])
    there = Transform(truth).to_moving(places[:, ::-1])[:, ::-1]
    viewer.add_points(places + np.array([[1, -2], [2, 1], [-1, 1]]), name="here")
    viewer.add_points(there / 2, scale=(2, 2), name="there")
    widget.where.start.value = POINTS
    assert widget.where.reference_points.value.name == "here"
    assert widget.where.moving_points.value.name == "there"
    widget.run()
    finish(widget)
    note = viewer.layers["second → first: aligned"].metadata["napari-ecc-align"]
    assert note["start"] == "initial"
    assert np.allclose(found(viewer), truth, atol=0.05)


def test_points_that_do_not_pair_up_are_refused(turned, finish):
    viewer, widget = turned
    widget.where.start.value = POINTS
    notification_manager.records.clear()
    widget.run()
    assert "two Points layers" in notification_manager.records[-1].message
    viewer.add_points([[1, 2], [30, 40]])
    viewer.add_points([[1, 2]])
    widget.run()
    finish(widget)
    assert "2" in notification_manager.records[-1].message
    assert len(viewer.layers) == 4


def test_dragging_is_napari_s_own_tool(turned):
    viewer, widget = turned
    widget.where.drag.native.click()
    assert viewer.layers["second"].mode == "transform"
    assert viewer.layers.selection.active is viewer.layers["second"]
