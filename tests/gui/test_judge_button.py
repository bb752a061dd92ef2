"""Judging two layers as they lie: a verdict, a sentence, a map of tiles, and nothing moves."""

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_ecc_align import Transform
from napari_ecc_align._gui.align.commands import judge_now
from napari_ecc_align._gui.shared.docks import docked
from pairs import picture


@pytest.fixture
def judged(widget, viewer, known, finish):
    """Return what lays the second layer right, but for an offset (x, y), and judges it."""

    def judge(x=0.0, y=0.0):
        wrong = Transform([[1, 0, x], [0, 1, y]])
        second = known.truth @ wrong
        viewer.layers["second"].affine = np.linalg.inv(_rows_first(second.matrix))
        widget.judge_button.native.click()
        finish(widget)
        return widget

    return judge


def _rows_first(matrix):
    swap = np.array([[0, 1, 0], [1, 0, 0], [0, 0, 1.0]])
    return swap @ matrix @ swap


def said(widget):
    return widget.after.results.verdict.value


@pytest.mark.both_bindings
def test_layers_that_lie_right_are_told_so_and_stay(judged, viewer):
    widget = judged()
    assert "Aligned." in said(widget)
    placed = viewer.layers["second"].affine.affine_matrix
    assert placed == pytest.approx(judged().after.run.task.frames.shown.grid.matrix)
    assert "second → first: aligned" not in viewer.layers
    table = widget.after.results.table.value
    assert "uncertainty, px" in table and "before" not in table


def test_layers_that_lie_wrong_are_told_by_how_much(judged, viewer):
    widget = judged(x=2)
    assert "Failed." in said(widget)
    assert "lie 2.0 px to the left of where the transform puts them" in said(widget)
    # Their tiles can be looked at all the same.
    tiles = viewer.layers["second → first: residuals"]
    assert tiles.visible
    assert np.median(tiles.data[:, 1], axis=0) == pytest.approx((0, -2), abs=0.1)


def test_layers_that_were_never_aligned_fail(widget, viewer, finish):
    before = {layer.name: layer.affine.affine_matrix.copy() for layer in viewer.layers}
    widget.judge()
    finish(widget)
    assert "Failed." in said(widget)
    for name, matrix in before.items():
        assert (viewer.layers[name].affine.affine_matrix == matrix).all()
    viewer.layers["second"].data = picture("coffee")[:150, :210]
    widget.judge()
    finish(widget)
    assert "do not seem to show one thing" in said(widget)


def test_the_map_of_tiles_gives_way_to_what_was_on_show(judged, viewer, finish):
    widget = judged()
    assert widget.after.next.view.value == "residuals"
    widget.run()
    finish(widget)
    assert widget.after.next.view.value == "binary difference"
    assert "second → first: aligned" in viewer.layers


def test_other_views_blinking_and_undo_are_there(judged, viewer, finish):
    widget = judged()
    widget.after.next.view.value = "overlay"
    finish(widget)
    assert viewer.layers["second → first: overlay"].visible
    widget.after.next.blink.value = True
    assert {layer.name for layer in viewer.layers if layer.visible} <= {"first", "second"}
    widget.after.next.blink.value = False
    widget.after.undo()
    assert [layer.name for layer in viewer.layers] == ["first", "second"]


def test_copied_as_python_it_judges_the_same(judged, known, tmp_path, monkeypatch, capsys):
    widget = judged(x=2)
    script = widget.after.copy_script()
    assert "align(" not in script.replace("judge(", "").replace("inspect_align", "")
    monkeypatch.chdir(tmp_path)
    np.save("first.npy", known.reference.astype(np.uint8))
    np.save("second.npy", known.moving.astype(np.uint8))
    names = {}
    exec(script, names)
    result = names["result"]
    assert result.transform.matrix.tolist() == widget.after.run.result.transform.matrix.tolist()
    assert result.reason == widget.after.run.result.reason
    assert "lie 2.0 px to the left" in capsys.readouterr().out


def test_only_a_region_is_judged_where_one_is_chosen(judged, viewer, widget):
    viewer.add_shapes([[[20, 20], [20, 90], [140, 90], [140, 20]]], name="part")
    widget.where.region.value = viewer.layers["part"]
    run = judged().after.run
    assert run.result.tiles.displacements[:, 0].max() < 90
    assert "reference_mask=reference_mask" in run.script()


def test_from_the_palette_and_by_the_keys(judged, viewer, finish, qtbot):
    judge_now(viewer)
    form = docked(viewer, "Align images")
    assert form.running and not form.judge_button.enabled
    form.cancel()
    finish(form)
    assert "Cancelled" in said(form)
    form.judge_button.native.setFocus()
    qtbot.keyClick(form.judge_button.native, Qt.Key.Key_Return)
    finish(form)
    assert form.after.run is None or form.after.run.task.judged


def test_one_layer_cannot_be_judged_against_itself(widget, viewer):
    from napari.utils.notifications import notification_manager

    widget.pair.moving.value = widget.pair.reference.value
    widget.judge()
    assert not widget.running
    assert "are one layer" in notification_manager.records[-1].message


def test_of_a_stack_the_frame_on_show_is_judged(viewer, finish):
    image = picture("camera")[100:260, 100:300]
    viewer.add_image(image, name="first")
    viewer.add_image(np.stack([np.roll(image, 5, axis=1), image]), name="film")
    widget = viewer.window.add_plugin_dock_widget("napari-ecc-align", "Align images")[1]
    widget.pair.moving.value = viewer.layers["film"]
    for frame, verdict in ((1, "Aligned."), (0, "Failed.")):
        viewer.dims.set_point(0, frame)
        widget.judge()
        finish(widget)
        assert verdict in said(widget)
