"""A result is that of its pair: named, gray when it no longer is, and taken back in order."""

import numpy as np
import pytest
import zarr
from napari.layers import Layer
from napari.layers._source import Source
from results import result

from napari_ecc_align._images.ome_zarr.scene import scene_provenance

GRAY = "#888888"


@pytest.fixture
def settle(qtbot, finish):
    """Wait until the form has looked at what has changed."""

    def wait(widget):
        finish(widget)
        qtbot.waitUntil(lambda: not widget._soon.isActive(), timeout=120_000)

    return wait


@pytest.fixture
def aligned(widget, settle):
    """A form with a result of "second" on "first"."""
    widget.model.value = "translation"
    widget.run()
    settle(widget)
    return widget


def said(widget):
    return widget.after.results.verdict.value


def is_current(widget):
    """Tell whether the result is offered as that of what is chosen: all of it, or nothing."""
    actions = widget.after.next
    offered = {button.enabled for button in (*actions.needing_a_transform, actions.blink)}
    assert offered == {GRAY not in said(widget)}
    return GRAY not in said(widget)


def place(layer):
    return layer.affine.affine_matrix.copy()


def test_it_is_gray_as_long_as_something_it_depends_on_is_another(aligned, viewer, settle):
    assert "second → first" in said(aligned) and is_current(aligned)
    first, second = viewer.layers["first"], viewer.layers["second"]
    third = viewer.add_image(second.data[::-1].copy(), name="third")
    area = viewer.add_shapes([[5, 5], [90, 90]], shape_type="rectangle", name="area")
    pixels = second.data

    def paint(value):
        second.data[0, 0] = value
        second.refresh()

    settle(aligned)
    before, corner = place(first), int(pixels[0, 0])
    for word, change, back in (
        ("Another pair", lambda: setattr(aligned.pair.moving, "value", third), None),
        ("pixels of moving", lambda: setattr(second, "data", third.data), None),
        ("pixels of moving", lambda: paint(255 - corner), lambda: paint(corner)),
        ("place of moving", lambda: setattr(second, "translate", (3, 4)), None),
        (
            "place of the reference",
            lambda: setattr(first, "affine", np.diag([2.0, 2, 1])),
            lambda: setattr(first, "affine", before),
        ),
        ("the region", lambda: setattr(aligned.where.region, "value", area), None),
        ("motion model", lambda: setattr(aligned.model, "value", "affine"), None),
        ("the output", lambda: setattr(aligned.settings.output, "value", "both"), None),
        ("the precision", lambda: setattr(aligned.settings.precision, "value", 0.5), None),
    ):
        undo = (
            back
            or {
                "Another pair": lambda: setattr(aligned.pair.moving, "value", second),
                "pixels of moving": lambda: setattr(second, "data", pixels),
                "place of moving": lambda: setattr(second, "translate", (0, 0)),
                "the region": lambda: setattr(aligned.where.region, "value", "everywhere"),
                "motion model": lambda: setattr(aligned.model, "value", "translation"),
                "the output": lambda: setattr(aligned.settings.output, "value", "resample"),
                "the precision": lambda: setattr(aligned.settings.precision, "value", 0.02),
            }[word]
        )
        change()
        settle(aligned)
        assert not is_current(aligned) and word in said(aligned)
        undo()
        settle(aligned)
        assert is_current(aligned), word


def test_a_pair_whose_layer_is_gone_keeps_no_result(aligned, viewer, settle):
    viewer.add_image(viewer.layers["second"].data[::-1].copy(), name="third")
    viewer.layers.remove("second")
    settle(aligned)
    assert aligned.pair.moving.value.name == "third"
    assert not is_current(aligned) and "second → first" in said(aligned)
    viewer.layers.clear()
    settle(aligned)
    assert not is_current(aligned)
    assert not aligned.after.next.undo.enabled


def test_what_was_said_and_taken_back_goes_with_its_pair(aligned, viewer, settle):
    pixels = viewer.layers["second"].data
    aligned.after.undo()
    assert "Undone" in said(aligned) and aligned.after.next.redo.enabled
    viewer.layers.clear()
    settle(aligned)
    aligned.run()
    settle(aligned)
    assert "Choose two image layers" in said(aligned) and not aligned.after.next.redo.enabled
    viewer.add_image(pixels, name="third")
    viewer.add_image(pixels, name="fourth")
    settle(aligned)
    assert not said(aligned)


def test_nothing_is_offered_while_a_run_goes_on_and_all_again_after_cancel(aligned, settle):
    aligned.run()
    actions = aligned.after.next
    assert not any(button.enabled for button in (*actions.needing_a_transform, actions.undo))
    aligned.cancel()
    settle(aligned)
    assert "Cancelled" in said(aligned) and "second → first" in said(aligned)
    assert is_current(aligned)


def test_each_pair_has_its_own_result_again(aligned, viewer, settle):
    third = viewer.add_image(np.roll(viewer.layers["first"].data, 3, axis=1), name="third")
    aligned.pair.moving.value = third
    aligned.run()
    settle(aligned)
    assert "third → first" in said(aligned)
    names = [layer.name for layer in viewer.layers]
    assert {"second → first: difference", "third → first: difference"} < set(names)
    aligned.pair.moving.value = viewer.layers["second"]
    settle(aligned)
    assert "second → first" in said(aligned) and is_current(aligned)


def test_runs_are_taken_back_and_made_again_in_order(widget, viewer, settle):
    second = viewer.layers["second"]
    second.translate = (2, -1)
    by_hand = second.affine.affine_matrix.copy()
    widget.settings.output.value = "move"
    places = [by_hand]
    for model in ("translation", "affine"):
        widget.model.value = model
        widget.run()
        settle(widget)
        places.append(place(second))
    widget.settings.output.value = "resample"
    widget.run()
    settle(widget)
    assert result(viewer) is not None
    after = widget.after
    after.next.undo.native.click()
    assert result(viewer) is None and np.array_equal(place(second), places[2])
    for expected in (places[1], places[0]):
        after.next.undo.native.click()
        assert np.array_equal(place(second), expected)
    assert not after.next.undo.enabled
    for expected in (places[1], places[2]):
        after.next.redo.native.click()
        assert np.array_equal(place(second), expected)
    after.next.redo.native.click()
    assert result(viewer) is not None and not after.next.redo.enabled
    settle(widget)
    assert is_current(widget)


def test_a_new_form_knows_the_layers_of_an_old_one(aligned, viewer, settle, start_over):
    count = len(viewer.layers)
    saved = [layer.as_layer_data_tuple() for layer in viewer.layers]
    for loaded in (False, True):
        viewer.window.remove_dock_widget("all")
        if loaded:
            viewer.layers.clear()
            for layer in saved:
                viewer.add_layer(Layer.create(*layer))
        form = viewer.window.add_plugin_dock_widget("napari-ecc-align", "Align images")[1]
        form.run()
        settle(form)
        assert len(viewer.layers) == count


@pytest.mark.parametrize("view", ["overlay", "checkerboard", "residuals"])
def test_a_threshold_changes_no_other_view(aligned, viewer, settle, view):
    aligned.after.next.view.value = view
    settle(aligned)
    layer = result(viewer, view)
    aligned.settings.threshold.method.value = "mean"
    settle(aligned)
    assert layer in viewer.layers and layer.visible
    shown = {each.name.rsplit(": ")[-1] for each in viewer.layers if each.visible}
    assert shown == {view, "first", "second"} | ({"aligned"} if view == "residuals" else set())


def test_a_pair_from_ome_zarr_is_saved_as_a_scene(widget, viewer, finish, tmp_path):
    for name in ("first", "second"):
        layer = viewer.layers[name]
        group = zarr.open_group(tmp_path / f"{name}.zarr", mode="w")
        group.create_array("0", shape=layer.data.shape, dtype=layer.data.dtype)[:] = layer.data
        steps = [{"type": "scale", "scale": [0.5, 0.5]}]
        axes = [{"name": axis, "type": "space", "unit": "micrometer"} for axis in "yx"]
        image = {"axes": axes, "datasets": [{"path": "0", "coordinateTransformations": steps}]}
        group.attrs["ome"] = {"version": "0.5", "multiscales": [image]}
        layer._source = Source(path=str(tmp_path / f"{name}.zarr"))
    widget.model.value = "translation"
    widget.run()
    finish(widget)
    run = widget.after.run
    assert run.formats[".zarr"] == "OME-Zarr scene"
    run.save(tmp_path / "pair.zarr")
    scene = zarr.open_group(tmp_path / "pair.zarr", mode="r")
    (step,) = scene.attrs["ome"]["scene"]["coordinateTransformations"]
    assert step["input"] == {"name": "physical", "path": "second"}
    shift = -0.5 * run.result.transform.matrix[[1, 0], 2]
    assert np.array(step["affine"])[:, 2] == pytest.approx(shift)
    made = scene_provenance(tmp_path / "pair.zarr")
    assert made["command"] == "Align images, in napari"
    assert (made["options"]["model"], made["verdict"]) == ("translation", run.verdict)
    assert np.array_equal(scene["second/0"][:], viewer.layers["second"].data)
