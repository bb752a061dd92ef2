"""Regions of a stack in the form: of what frames are aligned to, and of the frames themselves."""

import dask.array as da
import numpy as np
import pytest
from napari.utils.notifications import notification_manager
from results import result
from skimage import data

KEY = "napari-ecc-align"
IMAGE = data.camera()
SHIFTS = [(0, 0), (1, -2), (3, -3), (4, -5), (6, -6), (7, -8)]
HEIGHT, WIDTH = 150, 190
BOARD = np.kron(np.random.default_rng(5).integers(0, 2, (9, 24)), np.ones((8, 8))) * 255


def film(below=()):
    """Return a drifting film in which a board hides the upper half, or in some frames the lower.

    The board stays where it is, so that all that is seen of both does not fit one shift.
    """
    frames = np.stack(
        [IMAGE[60 + y : 60 + y + HEIGHT, 120 + x : 120 + x + WIDTH] for y, x in SHIFTS]
    )
    for number, frame in enumerate(frames):
        rows = slice(HEIGHT - 72, None) if number in below else slice(0, 72)
        frame[rows] = BOARD[:, :WIDTH]
    return frames


def box(top, bottom, frame=None):
    corners = [[top, 4], [top, WIDTH - 4], [bottom, WIDTH - 4], [bottom, 4]]
    return [corner if frame is None else [frame, *corner] for corner in corners]


LOWER, UPPER = (84, HEIGHT - 4), (4, HEIGHT - 84)


def painted(below):
    labels = np.zeros((len(SHIFTS), HEIGHT, WIDTH), np.uint8)
    for number, plane in enumerate(labels):
        top, bottom = UPPER if number in below else LOWER
        plane[top:bottom] = 1
    return labels


@pytest.fixture
def form(viewer):
    widget = viewer.window.add_plugin_dock_widget(KEY, "Align images")[1]
    widget.model.value = "translation"
    return viewer, widget


def wrong_frames(layer):
    """Return the frames that do not lie where the film's drift says."""
    found = np.array(layer.metadata[KEY]["frame_matrices"])[:, :2, 2]
    gaps = np.abs(found - [(-x, -y) for y, x in SHIFTS]).max(axis=1)
    return np.flatnonzero(gaps > 0.3).tolist()


def aligned(widget, viewer, finish):
    widget.align_button.native.click()
    finish(widget)
    return result(viewer)


def test_without_a_region_the_board_decides(form, finish):
    viewer, widget = form
    viewer.add_image(film(), name="film")
    assert wrong_frames(aligned(widget, viewer, finish))


@pytest.mark.parametrize("role", ["region", "moving_region"])
def test_a_flat_shape_holds_for_every_frame(form, finish, role):
    viewer, widget = form
    viewer.add_image(film(), name="film")
    getattr(widget.where, role).value = viewer.add_shapes([box(*LOWER)], name="below")
    assert not wrong_frames(aligned(widget, viewer, finish))


def test_a_shape_drawn_on_one_frame_holds_for_all(form, finish):
    viewer, widget = form
    viewer.add_image(film(), name="film")
    # napari draws on the frame that is on show; the slider may stand elsewhere later.
    widget.where.moving_region.value = viewer.add_shapes([box(*LOWER, frame=4)], name="below")
    viewer.dims.set_point(0, 1)
    layer = aligned(widget, viewer, finish)
    assert not wrong_frames(layer)
    assert layer.metadata[KEY]["region"]["moving"]["frames"].keys() == {"4"}


def test_shapes_on_some_frames_hold_for_those_beside_them(form, finish):
    viewer, widget = form
    still = film()[0].copy()
    still[:72] = IMAGE[60:132, 120 : 120 + WIDTH]
    viewer.add_image(still, name="still")
    viewer.add_image(film(below=(3, 4, 5)), name="film")
    drawn = [box(*LOWER, frame=1), box(*UPPER, frame=4)]
    widget.where.moving_region.value = viewer.add_shapes(drawn, name="open")
    # Frames 0 to 2 are nearest to the first, 3 to 5 to the second; of frame 2 both would fit.
    assert not wrong_frames(aligned(widget, viewer, finish))


@pytest.mark.parametrize("kind", ["memory", "dask"])
def test_every_frame_painted_by_itself(form, finish, kind):
    viewer, widget = form
    still = film()[0].copy()
    still[:72] = IMAGE[60:132, 120 : 120 + WIDTH]
    viewer.add_image(still, name="still")
    viewer.add_image(film(below=(1, 4)), name="film")
    labels = painted(below=(1, 4))
    labels[2] = 0
    labels = da.from_array(labels, chunks=(1, 80, 80)) if kind == "dask" else labels
    widget.where.moving_region.value = viewer.add_labels(labels, name="open")
    # Nothing is painted on frame 2: the earlier of its neighbours would be wrong for it.
    assert wrong_frames(aligned(widget, viewer, finish)) == [2]


def test_both_stacks_painted_frame_by_frame(form, finish):
    viewer, widget = form
    below = (1, 3, 4)
    one = viewer.add_image(film(below), name="one")
    moved = np.roll(film(below), (2, -3), axis=(1, 2))
    for number, frame in enumerate(moved):
        rows = slice(HEIGHT - 72, None) if number in below else slice(0, 72)
        frame[rows] = BOARD[:, :WIDTH]
    two = viewer.add_image(moved, name="film")
    labels = viewer.add_labels(painted(below), name="open")
    widget.pair.reference.value, widget.pair.moving.value = one, two
    widget.where.region.value = widget.where.moving_region.value = labels
    found = np.array(aligned(widget, viewer, finish).metadata[KEY]["frame_matrices"])
    assert np.allclose(found[:, :2, 2], (-3, 2), atol=0.2)


def test_a_region_that_marks_nothing_is_a_sentence(form, finish):
    viewer, widget = form
    viewer.add_image(film(), name="film")
    for layer, complaint in (
        (viewer.add_labels(np.zeros((len(SHIFTS), HEIGHT, WIDTH), int)), "is empty"),
        (viewer.add_shapes([box(-90, -50)], name="away"), "lies outside"),
    ):
        widget.where.moving_region.value = layer
        notification_manager.records.clear()
        widget.run()
        finish(widget)
        assert complaint in notification_manager.records[-1].message
        assert result(viewer) is None


def test_the_layer_of_a_region_may_go_while_it_counts(form, finish):
    viewer, widget = form
    viewer.add_image(film(), name="film")
    labels = viewer.add_labels(painted(()), name="open")
    widget.where.moving_region.value = labels
    widget.run()
    viewer.layers.remove(labels)
    finish(widget)
    assert not wrong_frames(result(viewer))
    assert widget.where.moving_region.value == "everywhere"


def test_the_plan_tells_that_only_a_region_counts(form):
    viewer, widget = form
    viewer.add_image(film(), name="film")
    shapes = viewer.add_shapes([box(*LOWER)], name="below")
    assert "below" not in widget.plan.value
    widget.where.moving_region.value = shapes
    assert "Compared only in 'below'" in widget.plan.value
    viewer.layers.remove(shapes)
    assert "Compared only" not in widget.plan.value
