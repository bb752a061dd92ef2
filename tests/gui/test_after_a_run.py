"""What a person does after a run: look, compare anew, take it elsewhere, take it back."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from qtpy.QtWidgets import QApplication, QVBoxLayout, QWidget

from napari_ecc_align import Transform
from napari_ecc_align._compare.inspection import Row
from napari_ecc_align._gui.results.verdict_table import VerdictTable


@pytest.fixture
def aligned(widget, finish):
    widget.align_button.native.click()
    finish(widget)
    assert "Aligned" in widget.after.results.verdict.value
    return widget


def visible(viewer):
    names = {layer.name for layer in viewer.layers if layer.visible} - {"first", "second"}
    return {name.removeprefix("second → first: ") for name in names}


@pytest.mark.drawn
def test_one_way_of_comparing_is_on_show(aligned, viewer, finish):
    for view, shown in (
        ("difference", {"difference"}),
        ("aligned", {"aligned"}),
        ("binary difference", {"difference", "binary difference"}),
        ("aligned", {"aligned"}),
        ("overlay", {"overlay"}),
        ("checkerboard", {"checkerboard"}),
        ("aligned", {"aligned"}),
    ):
        aligned.after.next.view.value = view
        finish(aligned)
        assert visible(viewer) == shown
    # Whatever has come to lie over it since.
    viewer.add_image(np.eye(64), name="over")
    marks = viewer.add_points([[1, 1]], name="marks")
    aligned.after.next.view.value = "binary difference"
    finish(aligned)
    names = [layer.name.removeprefix("second → first: ") for layer in viewer.layers]
    assert names[-4:-1] == ["over", "difference", "binary difference"]
    assert viewer.layers[-1] is marks


def test_pictures_lie_over_the_reference_and_are_made_once(aligned, viewer, finish):
    viewer.layers["first"].scale = (0.5, 0.5)
    aligned.run()
    finish(aligned)
    for view in ("overlay", "checkerboard", "overlay"):
        aligned.after.next.view.value = view
        finish(aligned)
    names = [layer.name for layer in viewer.layers]
    for role in ("overlay", "checkerboard"):
        assert names.count(f"second → first: {role}") == 1
    layer = viewer.layers["second → first: overlay"]
    assert layer.rgb
    assert tuple(layer.scale) == (0.5, 0.5)


def test_a_new_run_draws_its_pictures_anew(aligned, viewer, finish):
    aligned.after.next.view.value = "checkerboard"
    finish(aligned)
    before = viewer.layers["second → first: checkerboard"].data.copy()
    viewer.layers["second"].data = viewer.layers["second"].data[:, 3:]
    viewer.layers["first"].data = viewer.layers["first"].data[5:]
    aligned.run()
    finish(aligned)
    assert visible(viewer) == {"checkerboard"}
    assert viewer.layers["second → first: checkerboard"].data.shape != before.shape


def test_blinking_shows_the_two_in_turn_and_restores_all(aligned, viewer, qtbot):
    before = {layer.name: layer.visible for layer in viewer.layers}
    aligned.after.next.blink.value = True
    assert visible(viewer) == {"aligned"}
    seen = set()

    def both_seen():
        seen.add(viewer.layers["second → first: aligned"].visible)
        return seen == {True, False}

    qtbot.waitUntil(both_seen, timeout=120_000)
    aligned.after.next.blink.value = False
    assert {layer.name: layer.visible for layer in viewer.layers} == before


def test_the_blink_key(aligned, viewer):
    key = next(key for key in viewer.keymap if str(key) == "Alt+B")
    viewer.keymap[key](viewer)
    assert aligned.after.next.blink.value
    viewer.keymap[key](viewer)
    assert not aligned.after.next.blink.value


def test_blinking_survives_a_layer_that_goes(aligned, viewer, qtbot):
    aligned.after.next.blink.value = True
    viewer.layers.remove("second → first: aligned")
    qtbot.wait(700)
    aligned.after.next.blink.value = False
    aligned.after.next.blink.value = True
    assert viewer.layers["first"].visible


@pytest.mark.both_bindings
def test_another_threshold_without_aligning_again(aligned, viewer, finish):
    layer = viewer.layers["second → first: binary difference"]
    before, matrix = layer.data.copy(), layer.metadata["napari-ecc-align"]["matrix"]
    table = aligned.after.results.table.value
    aligned.settings.threshold.method.value = "mean"
    finish(aligned)
    assert layer in viewer.layers
    assert not np.array_equal(layer.data, before)
    assert layer.metadata["napari-ecc-align"]["matrix"] == matrix
    assert layer.metadata["napari-ecc-align"]["parameters"]["thresholding"]["method"] == "mean"
    assert aligned.after.results.table.value != table
    assert "Aligned" in aligned.after.results.verdict.value


def test_the_last_of_many_wishes_is_granted(aligned, viewer, qtbot, finish):
    for threshold in ("li", "mean", "triangle", "isodata", "yen"):
        aligned.settings.threshold.method.value = threshold
    note = viewer.layers["second → first: binary difference"]

    def granted():
        return note.metadata["napari-ecc-align"]["parameters"]["thresholding"]["method"] == "yen"

    qtbot.waitUntil(granted, timeout=120_000)
    finish(aligned)


def test_a_threshold_that_does_not_suit_says_so(aligned, viewer, finish):
    from napari.utils.notifications import notification_manager

    notification_manager.records.clear()
    one_peak = np.linspace(0, 1, 160 * 200).reshape(160, 200) ** 4
    object.__setattr__(aligned.after.run.task.reference, "data", one_peak)
    aligned.settings.threshold.method.value = "minimum"
    finish(aligned)
    assert "'minimum' does not suit" in notification_manager.records[-1].message
    assert "Aligned" in aligned.after.results.verdict.value


def test_undo_takes_the_layers_away(aligned, viewer):
    assert len(viewer.layers) == 5
    aligned.after.next.undo.native.click()
    assert [layer.name for layer in viewer.layers] == ["first", "second"]
    assert "Undone" in aligned.after.results.verdict.value
    assert not aligned.after.next.undo.enabled
    assert not aligned.after.next.save.enabled


@pytest.mark.drawn
def test_undo_of_a_second_run_brings_the_first_back(aligned, viewer, finish):
    note = viewer.layers["second → first: aligned"].metadata["napari-ecc-align"]
    data = viewer.layers["second → first: aligned"].data.copy()
    aligned.model.value = "translation"
    aligned.run()
    finish(aligned)
    assert not np.array_equal(viewer.layers["second → first: aligned"].data, data)
    aligned.after.next.undo.native.click()
    assert np.array_equal(viewer.layers["second → first: aligned"].data, data)
    assert viewer.layers["second → first: aligned"].metadata["napari-ecc-align"] == note


def test_moving_the_layer_itself_and_back(widget, viewer, finish, known):
    moving = viewer.layers["second"]
    before = moving.affine.affine_matrix.copy()
    widget.settings.output.value = "move"
    widget.run()
    finish(widget)
    assert "second → first: aligned" not in viewer.layers
    points = np.array([[0.0, 0.0], [199, 0], [0, 159], [60, 90]])
    landed = known.truth.to_moving(points)
    for (x, y), (moved_x, moved_y) in zip(points, landed, strict=True):
        assert np.allclose(moving.data_to_world((moved_y, moved_x)), (y, x), atol=0.1)
    assert moving.data is not None
    widget.after.next.undo.native.click()
    assert np.array_equal(moving.affine.affine_matrix, before)


def test_aligning_a_moved_layer_again_changes_nothing(widget, viewer, finish):
    widget.settings.output.value = "move"
    widget.run()
    finish(widget)
    once = viewer.layers["second"].affine.affine_matrix.copy()
    widget.run()
    finish(widget)
    assert np.allclose(viewer.layers["second"].affine.affine_matrix, once, atol=1e-3)


def test_a_homography_cannot_move_a_layer(widget, viewer, finish):
    widget.model.value, widget.settings.output.value = "homography", "move"
    widget.run()
    finish(widget)
    assert "omography" in widget.after.results.verdict.value
    assert len(viewer.layers) == 2


def test_the_script_gives_the_same_transform_to_the_last_bit(viewer, known, tmp_path, finish):
    for name, image in (("first.png", known.reference), ("second.tif", known.moving)):
        Image.fromarray(image.astype(np.uint8)).save(tmp_path / name)
        viewer.open(tmp_path / name, plugin="napari")
    viewer.layers["second"].translate = (2, -1.5)
    _, widget = viewer.window.add_plugin_dock_widget("napari-ecc-align", "Align images")
    widget.model.value = "euclidean"
    widget.run()
    finish(widget)
    widget.after.next.copy.native.click()
    script = QApplication.clipboard().text()
    printed = subprocess.run(
        [sys.executable, "-I", "-W", "error::UserWarning", "-c", script],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    ).stdout
    matrix = next(line for line in printed.splitlines() if line.startswith("[["))
    note = viewer.layers["second → first: aligned"].metadata["napari-ecc-align"]
    assert matrix == str(note["matrix"])
    assert "of 30,000 pixels differ" in printed


@pytest.mark.parametrize("output", ["resample", "move"])
def test_a_mirrored_layer_is_aligned_where_the_settings_allow_it(
    viewer, widget, known, finish, output
):
    mirrored = viewer.layers["second"]
    mirrored.data = mirrored.data[:, ::-1].copy()
    widget.settings.mirrored.value = True
    widget.settings.output.value = output
    widget.run()
    finish(widget)
    assert "Aligned" in widget.after.results.verdict.value
    assert "mirrored=True," in widget.after.copy_script()
    right = known.truth.matrix.copy()
    right[0] = [0, 0, mirrored.data.shape[1] - 1] - right[0]
    layer = mirrored if output == "move" else viewer.layers["second → first: aligned"]
    note = layer.metadata["napari-ecc-align"]
    error = Transform(right).corner_distance(note["matrix"], known.reference.shape)
    assert error < 0.1
    if output == "move":
        y, x = np.array(layer.data_to_world(Transform(right).to_moving((50, 40))[::-1]))[-2:]
        assert (x, y) == pytest.approx((50, 40), abs=0.2)


@pytest.mark.both_bindings
def test_saving_the_transform(aligned, viewer, monkeypatch, tmp_path):
    from qtpy.QtWidgets import QFileDialog

    path = tmp_path / "transform.json"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *args: (str(path), ""))
    aligned.after.next.save.native.click()
    assert f"Saved to {path}." in aligned.after.results.verdict.value
    note = viewer.layers["second → first: aligned"].metadata["napari-ecc-align"]
    assert np.array_equal(Transform.load(path).matrix, note["matrix"])


def test_saving_where_one_cannot_is_a_sentence(aligned, monkeypatch, tmp_path):
    from napari.utils.notifications import notification_manager
    from qtpy.QtWidgets import QFileDialog

    notification_manager.records.clear()
    monkeypatch.setattr(
        QFileDialog, "getSaveFileName", lambda *args: (str(tmp_path / "no" / "t.json"), "")
    )
    aligned.after.next.save.native.click()
    assert "folder" in notification_manager.records[-1].message


def test_of_edges_alone_the_overlay_is_shown_first(aligned, viewer, finish):
    view, settings = aligned.after.next.view, aligned.settings
    assert view.value == "binary difference"
    for compared, shown in (
        ("orientation", "overlay"),
        ("intensity", "binary difference"),
        ("orientation", "overlay"),
    ):
        settings.representation.value = compared
        aligned.run()
        finish(aligned)
        assert view.value == shown
        assert shown in visible(viewer)
    # Who looks at the difference all the same is not sent back.
    view.value = "difference"
    aligned.run()
    finish(aligned)
    assert view.value == "difference"


def test_a_cancelled_dialog_saves_nothing(aligned, monkeypatch):
    from qtpy.QtWidgets import QFileDialog

    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *args: ("", ""))
    aligned.after.next.save.native.click()


def test_a_table_is_never_narrower_than_its_numbers(qtbot):
    """What does not fit is scrolled to, and not cut off."""
    form, results = QWidget(), VerdictTable()
    qtbot.addWidget(form)
    layout = QVBoxLayout(form)
    layout.addWidget(results.native)
    wide = "1,234,567,890"
    results.show_verdict("aligned", "All is well.", [Row("differing pixels", wide, wide)])
    number = results.table.native.fontMetrics().horizontalAdvance(wide)
    assert layout.minimumSize().width() > 2 * number
