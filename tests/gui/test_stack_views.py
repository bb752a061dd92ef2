"""How a person looks at an aligned stack: each frame beside what it was aligned to."""

import gc
import weakref

import dask.array as da
import numpy as np
import pytest
from napari.utils.notifications import notification_manager
from results import result
from skimage import data

from napari_ecc_align import Transform, compare, difference
from napari_ecc_align._compare.views import checkerboard, overlay
from napari_ecc_align._gui.runs.frame_choice import TO_ANOTHER, TO_ITSELF
from napari_ecc_align._images.coverage import overlap

IMAGE = data.camera()
SHIFTS = [(0, 0), (2, -1), (3, 1), (5, 2)]
SHAPE = (160, 180)
VIEWS = ("difference", "binary difference", "overlay", "checkerboard")
KEY = "napari-ecc-align"


def film():
    return np.stack([IMAGE[50 + y : 210 + y, 60 + x : 240 + x] for y, x in SHIFTS])


@pytest.fixture
def form(viewer):
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
    return result(viewer, view)


def inside(layer, frame):
    matrix = layer.metadata[KEY]["frame_matrices"][frame]
    transform = Transform(matrix, model="translation")
    return overlap(transform, output_shape=SHAPE, moving_shape=SHAPE)


def blank_difference(*images, mask, **options):
    """Return a difference as it is shown: NaN where nothing was compared."""
    return np.where(mask, difference(*images, mask=mask, **options), np.nan)


@pytest.mark.drawn
def test_every_way_of_comparing_a_film(form, finish):
    viewer, widget = form
    align(form, finish, film())
    aligned = result(viewer)
    assert widget.after.next.stack_view.value == "aligned"
    ways = {
        "difference": difference,
        "binary difference": lambda *args, mask: compare(*args, mask=mask).labels,
        "overlay": overlay,
        "checkerboard": checkerboard,
    }
    for view, draw in ways.items():
        layer = look(form, finish, view)
        assert layer.visible
        assert not aligned.visible
        for frame, image in enumerate(aligned.data):
            mask = inside(aligned, frame)
            expected = draw(aligned.data[0], image, mask=mask)
            if expected.dtype.kind == "f":
                expected = np.where(mask, expected, np.nan)
            np.testing.assert_array_equal(np.asarray(layer.data[frame]), expected)
    # The film is on show again, and nothing else of ours.
    widget.after.next.stack_view.value = "aligned"
    shown = [layer.name for layer in viewer.layers if layer.visible]
    assert shown == ["film", "film: aligned"]


def test_the_binary_difference_lies_over_the_gray_one(form, finish):
    viewer, _ = form
    align(form, finish, film())
    look(form, finish, "binary difference")
    assert result(viewer, "difference").visible
    assert np.count_nonzero(result(viewer, "binary difference").data[0]) == 0


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
    aligned = result(viewer)
    masks = np.stack([inside(aligned, frame) for frame in range(len(SHIFTS))])
    with np.errstate(invalid="ignore"):
        mean = (aligned.data * masks).sum(axis=0, dtype=np.float64) / masks.sum(axis=0)
    layer = look(form, finish, "difference")
    expected = blank_difference(mean, aligned.data[3], mask=masks[3])
    np.testing.assert_allclose(layer.data[3], expected, atol=1e-3)


def test_each_frame_is_compared_with_another_image(form, finish):
    viewer, widget = form
    still = viewer.add_image(film()[0], name="still", scale=(0.5, 0.5), units=("um", "um"))
    moving = viewer.add_image(film(), name="film", scale=(3, 0.5, 0.5), units=("s", "um", "um"))
    widget.pair.reference.value, widget.pair.moving.value = still, moving
    widget.stack.frames.value = TO_ANOTHER[0]
    widget.align_button.native.click()
    finish(widget)
    layer, aligned = look(form, finish, "difference"), result(viewer)
    expected = blank_difference(still.data, aligned.data[2], mask=inside(aligned, 2))
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
    layer, aligned = look(form, finish, "difference"), result(viewer)
    beside = others[3] if count > 3 else others[1]
    expected = blank_difference(beside, aligned.data[3], mask=inside(aligned, 3))
    np.testing.assert_array_equal(layer.data[3], expected)


def test_another_threshold_and_a_signed_difference(form, finish):
    viewer, widget = form
    align(form, finish, film())
    layer = look(form, finish, "binary difference")
    before = layer.data.copy()
    widget.settings.threshold.method.value = "triangle"
    finish(widget)
    aligned = result(viewer)
    expected = compare(
        aligned.data[0], aligned.data[3], mask=inside(aligned, 3), method="triangle"
    )
    np.testing.assert_array_equal(result(viewer, "binary difference").data[3], expected.labels)
    assert (result(viewer, "binary difference").data != before).any()
    widget.settings.difference.value = "signed"
    finish(widget)
    gap = result(viewer, "difference")
    assert np.nanmin(gap.data) < 0
    assert gap.contrast_limits[0] == -gap.contrast_limits[1]
    assert gap.colormap.name == "signed difference"


@pytest.mark.drawn
def test_a_lazy_stack_is_drawn_frame_by_frame(form, finish):
    viewer, _ = form
    frames = da.from_array(film(), chunks=(1, *SHAPE))
    align(form, finish, frames)
    layer = look(form, finish, "difference")
    assert isinstance(layer.data, da.Array)
    viewer.dims.set_point(0, 3)
    aligned = np.asarray(result(viewer).data[[0, 3]])
    expected = blank_difference(*aligned, mask=inside(result(viewer), 3))
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
    assert [one.name for one in viewer.layers].count("film: difference") == 1
    assert result(viewer, "difference").visible
    assert (result(viewer, "difference").data != before).any()


def test_a_lost_frame_is_no_part_of_the_mean(form, finish):
    viewer, _ = form
    frames = film()
    frames[2] = data.gravel()[:160, :180]
    align(form, finish, frames, TO_ITSELF[2])
    aligned = result(viewer)
    verdicts = aligned.metadata[KEY]["frame_verdicts"]
    good = [frame for frame, verdict in enumerate(verdicts) if verdict == "aligned"]
    assert good == [0, 1, 3]
    masks = np.stack([inside(aligned, frame) for frame in good])
    with np.errstate(invalid="ignore"):
        mean = (aligned.data[good] * masks).sum(axis=0, dtype=np.float64) / masks.sum(axis=0)
    expected = blank_difference(mean, aligned.data[3], mask=masks[-1])
    layer = look(form, finish, "difference")
    np.testing.assert_allclose(layer.data[3], expected, atol=1e-3)


def test_a_region_bounds_the_difference_as_it_does_for_a_pair(form, finish):
    viewer, widget = form
    frames = film()
    # Something new, inside of the region and outside.
    frames[2, 60:70, 60:70] = frames[2, 4:8, 80:90] = 255
    viewer.add_image(frames, name="film")
    corners = [[20, 30], [20, 150], [140, 150], [140, 30]]
    widget.where.region.value = viewer.add_shapes([corners], shape_type="polygon")
    widget.align_button.native.click()
    finish(widget)
    aligned = result(viewer)
    region = np.zeros(SHAPE, bool)
    region[21:140, 31:150] = True
    gap = look(form, finish, "difference").data[2]
    expected = blank_difference(aligned.data[0], aligned.data[2], mask=inside(aligned, 2) & region)
    well_inside = (slice(25, 135), slice(35, 145))
    np.testing.assert_allclose(gap[well_inside], expected[well_inside], atol=0.5)
    region[19:142, 29:152] = True
    assert np.nanmax(gap)
    assert np.isnan(gap[~region]).all()
    # A picture of both is whole.
    assert look(form, finish, "overlay").data[2][:15].any()


def test_a_threshold_that_suits_no_frame_is_refused_in_words(form, finish):
    viewer, widget = form
    # One peak in the histogram: the darkest are the most.
    flat = film()[0].ravel() + np.random.default_rng(0).random(SHAPE[0] * SHAPE[1])
    ranks = flat.argsort().argsort() / flat.size
    layer = align(form, finish, np.stack([(ranks**4).reshape(SHAPE)] * 3))
    widget.settings.threshold.method.value = "minimum"
    notification_manager.records.clear()
    widget.after.next.stack_view.value = "binary difference"
    finish(widget)
    assert "'minimum' does not suit" in notification_manager.records[-1].message
    assert "binary difference" not in viewer.layers
    assert widget.after.next.stack_view.value == "aligned"
    assert layer.visible


def test_changing_the_threshold_again_and_again_keeps_no_old_pictures(form, finish):
    viewer, widget = form
    align(form, finish, film())
    layer, gap = look(form, finish, "binary difference"), result(viewer, "difference").data
    old = []
    for method in ("triangle", "mean", "li", "yen"):
        old.append(weakref.ref(layer.data))
        widget.settings.threshold.method.value = method
        finish(widget)
    gc.collect()
    assert [picture() for picture in old] == [None] * 4
    # The gray difference knows no threshold: it was not drawn again.
    assert result(viewer, "difference").data is gap
    widget.after.next.undo.native.click()
    assert [each.name for each in viewer.layers] == ["film"]


@pytest.mark.parametrize("kind", ["colour", "two channels"])
def test_stacks_with_more_axes_are_compared_plane_by_plane(form, finish, kind):
    viewer, _ = form
    frames = film()
    if kind == "colour":
        align(form, finish, np.stack([frames, frames // 2, 255 - frames // 3], -1), rgb=True)
        there = (3,)
    else:
        align(form, finish, np.stack([frames, 255 - frames], axis=1))
        there = (3, 1)
    layer, aligned = look(form, finish, "difference"), result(viewer)
    assert layer.data.shape == (*aligned.data.shape[: len(there)], *SHAPE)
    first = aligned.data[(0, *there[1:])]
    expected = blank_difference(first, aligned.data[there], mask=inside(aligned, 3))
    np.testing.assert_array_equal(layer.data[there], expected)
    assert look(form, finish, "overlay").rgb


def test_a_signed_difference_follows_frames_of_a_multiscale_stack(form, finish):
    viewer, widget = form
    fine = film().repeat(4, axis=1).repeat(4, axis=2)
    levels = [da.from_array(fine[:, ::step, ::step], chunks=(1, 80, 90)) for step in (1, 2, 4)]
    widget.settings.difference.value = "signed"
    align(form, finish, levels, multiscale=True)
    layer, aligned = look(form, finish, "difference"), result(viewer)
    assert isinstance(layer.data, da.Array)
    viewer.dims.set_point(0, 2)
    first, frame = (np.asarray(aligned.data[0][at]) for at in (0, 2))
    matrix = Transform(aligned.metadata[KEY]["frame_matrices"][2], model="translation")
    mask = overlap(matrix, output_shape=fine.shape[1:], moving_shape=fine.shape[1:])
    expected = blank_difference(first, frame, signed=True, mask=mask)
    np.testing.assert_array_equal(np.asarray(layer.data[2]), expected)
    assert layer.contrast_limits[0] == -layer.contrast_limits[1]
    np.testing.assert_allclose(layer.data_to_world((2, 7, 9)), aligned.data_to_world((2, 7, 9)))
