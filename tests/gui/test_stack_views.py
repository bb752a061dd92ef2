"""How a person looks at an aligned stack: each frame beside what it was aligned to."""

import dask.array as da
import numpy as np
import pytest
from skimage import data

from napari_ecc_align import Transform, compare, difference
from napari_ecc_align._gui.stack_form import TO_ANOTHER, TO_ITSELF
from napari_ecc_align.views import checkerboard, overlay
from napari_ecc_align.warping import overlap

IMAGE = data.camera()
SHIFTS = [(0, 0), (2, -1), (3, 1), (5, 2)]
SHAPE = (160, 180)
VIEWS = ("difference", "binary difference", "overlay", "checkerboard")
KEY = "napari-ecc-align"


def film():
    return np.stack([IMAGE[50 + y : 210 + y, 60 + x : 240 + x] for y, x in SHIFTS])


@pytest.fixture
def form(make_napari_viewer):
    viewer = make_napari_viewer()
    widget = viewer.window.add_plugin_dock_widget(KEY, "Align images")[1]
    widget.model.value = "translation"
    return viewer, widget


def align(form, finish, frames, choice=TO_ITSELF[0], **options):
    viewer, widget = form
    layer = viewer.add_image(frames, name="film", **options)
    widget.stack.frames.value = choice
    widget.align_button.native.click()
    finish(widget)
    return layer


def look(form, finish, view):
    """Choose a view and return its layer."""
    viewer, widget = form
    widget.after.next.stack_view.value = view
    finish(widget)
    return viewer.layers[view]


def inside(layer, frame):
    matrix = layer.metadata[KEY]["frame_matrices"][frame]
    transform = Transform(matrix, "translation")
    return overlap(transform, output_shape=SHAPE, moving_shape=SHAPE)


def test_every_way_of_comparing_a_film(form, finish):
    viewer, widget = form
    align(form, finish, film())
    aligned = viewer.layers["film aligned"]
    assert widget.after.next.stack_view.value == "aligned"
    ways = {
        "difference": difference,
        "binary difference": lambda *args, mask: compare(*args, mask=mask).map,
        "overlay": overlay,
        "checkerboard": checkerboard,
    }
    for view, draw in ways.items():
        layer = look(form, finish, view)
        assert layer.visible
        assert not aligned.visible
        for frame, image in enumerate(aligned.data):
            expected = draw(aligned.data[0], image, mask=inside(aligned, frame))
            np.testing.assert_array_equal(np.asarray(layer.data[frame]), expected)
    # The film is on show again, and nothing else of ours.
    widget.after.next.stack_view.value = "aligned"
    shown = [layer.name for layer in viewer.layers if layer.visible]
    assert shown == ["film", "film aligned"]


def test_the_binary_difference_lies_over_the_gray_one(form, finish):
    viewer, _ = form
    align(form, finish, film())
    look(form, finish, "binary difference")
    assert viewer.layers["difference"].visible
    assert np.count_nonzero(viewer.layers["binary difference"].data[0]) == 0


def test_each_frame_is_compared_with_the_one_before(form, finish):
    frames = film().astype(np.float32)
    # Something that stays for good is new once only.
    frames[2:, 70:90, 80:100] = 255
    align(form, finish, frames, TO_ITSELF[1])
    gap = look(form, finish, "difference").data[:, 75:85, 85:95].mean(axis=(1, 2))
    assert gap[2] > 10 * gap[3]
    assert gap[2] > 20


def test_each_frame_is_compared_with_the_mean_of_all(form, finish):
    viewer, _ = form
    align(form, finish, film(), TO_ITSELF[2])
    aligned = viewer.layers["film aligned"]
    masks = np.stack([inside(aligned, frame) for frame in range(len(SHIFTS))])
    mean = (aligned.data * masks).sum(axis=0, dtype=np.float64) / np.maximum(masks.sum(axis=0), 1)
    layer = look(form, finish, "difference")
    expected = difference(mean, aligned.data[3], mask=masks[3])
    np.testing.assert_allclose(layer.data[3], expected, atol=1e-3)


def test_each_frame_is_compared_with_another_image(form, finish):
    viewer, widget = form
    still = viewer.add_image(film()[0], name="still", scale=(0.5, 0.5), units=("um", "um"))
    moving = viewer.add_image(film(), name="film", scale=(3, 0.5, 0.5), units=("s", "um", "um"))
    widget.pair.reference.value, widget.pair.moving.value = still, moving
    widget.stack.frames.value = TO_ANOTHER[0]
    widget.align_button.native.click()
    finish(widget)
    layer, aligned = look(form, finish, "difference"), viewer.layers["film aligned"]
    expected = difference(still.data, aligned.data[2], mask=inside(aligned, 2))
    np.testing.assert_array_equal(layer.data[2], expected)
    np.testing.assert_allclose(layer.data_to_world((2, 7, 9)), aligned.data_to_world((2, 7, 9)))
    assert layer.units == aligned.units


@pytest.mark.parametrize("choice", [TO_ANOTHER[0], TO_ANOTHER[2]], ids=str)
def test_each_frame_is_compared_with_its_own_in_another_stack(form, finish, choice):
    viewer, widget = form
    count = len(SHIFTS) if choice.mode == "every frame" else 2
    others = 255 - film()[:count]
    reference = viewer.add_image(others, name="others")
    moving = viewer.add_image(film(), name="film")
    widget.pair.reference.value, widget.pair.moving.value = reference, moving
    widget.stack.frames.value = choice
    viewer.dims.set_point(0, 1)
    widget.align_button.native.click()
    finish(widget)
    layer, aligned = look(form, finish, "difference"), viewer.layers["film aligned"]
    beside = others[3] if count > 3 else others[1]
    expected = difference(beside, aligned.data[3], mask=inside(aligned, 3))
    np.testing.assert_array_equal(layer.data[3], expected)


def test_another_threshold_and_a_signed_difference(form, finish):
    viewer, widget = form
    align(form, finish, film())
    layer = look(form, finish, "binary difference")
    before = layer.data.copy()
    widget.settings.threshold.method.value = "triangle"
    finish(widget)
    aligned = viewer.layers["film aligned"]
    expected = compare(
        aligned.data[0], aligned.data[3], mask=inside(aligned, 3), method="triangle"
    )
    np.testing.assert_array_equal(viewer.layers["binary difference"].data[3], expected.map)
    assert (viewer.layers["binary difference"].data != before).any()
    widget.settings.difference.value = "signed"
    finish(widget)
    gap = viewer.layers["difference"]
    assert gap.data.min() < 0
    assert gap.contrast_limits[0] == -gap.contrast_limits[1]
    assert gap.colormap.name == "PiYG"


def test_a_lazy_stack_is_drawn_frame_by_frame(form, finish):
    viewer, _ = form
    frames = da.from_array(film(), chunks=(1, *SHAPE))
    align(form, finish, frames)
    layer = look(form, finish, "difference")
    assert isinstance(layer.data, da.Array)
    viewer.dims.set_point(0, 3)
    aligned = np.asarray(viewer.layers["film aligned"].data[[0, 3]])
    expected = difference(*aligned, mask=inside(viewer.layers["film aligned"], 3))
    np.testing.assert_array_equal(np.asarray(layer.data[3]), expected)


def test_the_pictures_go_with_the_run(form, finish):
    viewer, widget = form
    align(form, finish, film())
    for view in VIEWS:
        look(form, finish, view)
    assert len(viewer.layers) == 2 + len(VIEWS)
    widget.after.next.undo.native.click()
    assert [layer.name for layer in viewer.layers] == ["film"]
    assert not widget.after.next.stack_view.enabled


def test_another_run_draws_what_was_on_show_anew(form, finish):
    viewer, widget = form
    layer = align(form, finish, film())
    before = look(form, finish, "difference").data.copy()
    layer.data = film()[::-1].copy()
    widget.align_button.native.click()
    finish(widget)
    assert [one.name for one in viewer.layers].count("difference") == 1
    assert viewer.layers["difference"].visible
    assert (viewer.layers["difference"].data != before).any()
