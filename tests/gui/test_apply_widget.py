"""A transform given to many layers at once, saved and loaded, in a real viewer."""

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog, QMessageBox
from results import result

from napari_ecc_align import Transform, warp
from napari_ecc_align._gui.apply.widget import _INVERSE, _MOVE
from napari_ecc_align._images.coverage import overlap

HOMOGRAPHY = Transform([[1, 0, 2], [0, 1, 3], [1e-4, 0, 1]], model="homography")


@pytest.fixture
def aligned(viewer, widget, finish):
    """A viewer after an alignment of "second" to "first"."""
    widget.align_button.native.click()
    finish(widget)
    return viewer


@pytest.fixture
def matrix(aligned):
    return np.array(result(aligned).metadata["napari-ecc-align"]["matrix"])


def opened(viewer):
    _, widget = viewer.window.add_plugin_dock_widget("napari-ecc-align", "Apply transform")
    return widget


def choose(widget, *names):
    """Click on layers in the list, the further ones with Ctrl held."""
    listed = widget.layers.native
    listed.clearSelection()
    for row in range(listed.count()):
        if listed.item(row).text() in names:
            listed.item(row).setSelected(True)
    assert {layer.name for layer in widget.layers.value} == set(names)


@pytest.fixture
def settle(qtbot):
    def wait(widget):
        qtbot.waitUntil(lambda: not widget.running, timeout=120_000)

    return wait


@pytest.mark.both_bindings
def test_the_last_alignment_goes_to_any_number_of_layers_at_once(aligned, matrix, settle, qtbot):
    second = aligned.layers["second"].data
    aligned.add_image(255 - second, name="negative")
    aligned.add_labels((second > 100).astype(np.int32) * 7, name="cells")
    aligned.add_points([(40.0, 50.0), (100.0, 20.0)], name="marks")
    widget = opened(aligned)
    assert widget.source.value == "second onto first"
    assert not widget.reference.native.isVisibleTo(widget.native)
    choose(widget, "negative", "cells", "marks")
    qtbot.mouseClick(widget.apply_button.native, Qt.MouseButton.LeftButton)
    settle(widget)
    assert "3 layers added" in widget.message.value
    transform = Transform(matrix)
    shape = aligned.layers["first"].data.shape
    np.testing.assert_array_equal(
        aligned.layers["negative aligned"].data,
        warp(255 - second, transform, output_shape=shape, fill="background"),
    )
    cells = aligned.layers["cells aligned"]
    assert type(cells).__name__ == "Labels"
    assert set(np.unique(cells.data)) == {0, 7}
    back = aligned.layers["marks aligned"].data[:, ::-1]
    np.testing.assert_allclose(
        transform.to_moving(back)[:, ::-1], [(40, 50), (100, 20)], atol=1e-6
    )
    assert all(
        aligned.layers[f"{name} aligned"].visible for name in ("negative", "cells", "marks")
    )
    last = [layer.name for layer in aligned.layers][-3:]
    assert last == ["negative aligned", "cells aligned", "marks aligned"]


def test_inverse_brings_what_lies_on_the_reference_to_the_moving_image(aligned, matrix, settle):
    aligned.add_points([(40.0, 50.0)], name="mark")
    widget = opened(aligned)
    choose(widget, "mark")
    widget.direction.value = _INVERSE
    widget.run()
    settle(widget)
    expected = Transform(matrix).to_moving((50, 40))[::-1]
    np.testing.assert_allclose(aligned.layers["mark back"].data, [expected], atol=1e-6)
    widget.direction.value = widget.direction.choices[0]
    choose(widget, "mark back")
    widget.run()
    settle(widget)
    np.testing.assert_allclose(aligned.layers["mark back aligned"].data, [(40, 50)], atol=1e-6)


def test_moving_leaves_the_data_and_can_be_undone(aligned, matrix, known):
    data = aligned.layers["second"].data
    aligned.add_image(data.copy(), name="third")
    before = {layer.name: np.array(layer.affine.affine_matrix) for layer in aligned.layers}
    widget = opened(aligned)
    choose(widget, "second", "third")
    widget.output.value = _MOVE
    widget.apply_button.native.click()
    assert "2 layers moved" in widget.message.value
    for name in ("second", "third"):
        layer = aligned.layers[name]
        x, y = Transform(matrix).to_moving((60, 70))
        np.testing.assert_allclose(layer.data_to_world((y, x)), (70, 60), atol=1e-6)
    np.testing.assert_array_equal(aligned.layers["second"].data, data)
    widget.undo_button.native.click()
    for layer in aligned.layers:
        np.testing.assert_array_equal(layer.affine.affine_matrix, before[layer.name])
    assert not widget.undo_button.enabled


def test_what_was_moved_does_not_change_what_the_transform_means(aligned, matrix):
    """A second layer moved later, by itself, lies right too."""
    aligned.add_image(aligned.layers["second"].data.copy(), name="third")
    widget = opened(aligned)
    widget.output.value = _MOVE
    for name in ("second", "third"):
        choose(widget, name)
        widget.run()
    np.testing.assert_allclose(
        aligned.layers["third"].affine.affine_matrix, aligned.layers["second"].affine.affine_matrix
    )


def test_save_and_load_in_every_format(aligned, matrix, settle, tmp_path, monkeypatch):
    widget = opened(aligned)
    found = widget.source.value
    for suffix in (".json", ".ome.json", ".tfm", ".csv", ".npy", ".txt"):
        name = str(tmp_path / f"saved{suffix}")
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, n=name, **__: (n, ""))
        monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_, n=name, **__: (n, ""))
        widget.source.value = found
        widget.save_button.native.click()
        assert "Saved to" in widget.message.value
        np.testing.assert_allclose(Transform.load(name).matrix, matrix, atol=1e-12)
        widget.load_button.native.click()
        assert widget.source.value == f"saved{suffix} (file)"
        assert widget.reference.native.isVisibleTo(widget.native)
        assert widget.reference.value.name == "first"
        choose(widget, "second")
        widget.run()
        settle(widget)
        gap = aligned.layers["second aligned"].data.astype(int)
        assert np.abs(gap - result(aligned).data).max() <= 1
        aligned.layers.remove("second aligned")


def test_a_name_without_a_suffix_gets_that_of_the_format(aligned, tmp_path, monkeypatch):
    name = str(tmp_path / "saved")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: (name, "ITK (*.tfm)"))
    opened(aligned).save_button.native.click()
    assert [path.name for path in tmp_path.iterdir()] == ["saved.tfm"]


@pytest.mark.parametrize("answer", ["Yes", "No"])
def test_a_file_that_the_dialog_did_not_ask_about_is_asked_about(
    aligned, tmp_path, monkeypatch, answer
):
    name, asked = str(tmp_path / "saved"), []
    (tmp_path / "saved.tfm").write_text("precious")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: (name, "ITK (*.tfm)"))

    def question(parent, title, text):
        asked.append(text)
        return QMessageBox.StandardButton[answer]

    monkeypatch.setattr(QMessageBox, "question", question)
    opened(aligned).save_button.native.click()
    assert asked == ["saved.tfm exists already. Replace it?"]
    assert ((tmp_path / "saved.tfm").read_text() == "precious") == (answer == "No")


def test_a_dialog_that_is_cancelled_does_nothing(aligned, monkeypatch):
    for name in ("getSaveFileName", "getOpenFileName"):
        monkeypatch.setattr(QFileDialog, name, lambda *_, **__: ("", ""))
    widget = opened(aligned)
    widget.save_button.native.click()
    widget.load_button.native.click()
    assert widget.message.value == ""
    assert widget.source.value == "second onto first"


def test_what_cannot_be_done_is_said(pair, tmp_path, settle):
    widget = opened(pair)
    choose(widget)
    widget.run()
    assert "no transform yet" in widget.message.value
    widget.save(tmp_path / "t.json")
    assert "no transform to save" in widget.message.value
    (tmp_path / "bad.npy").write_bytes(b"hello")
    widget.load(tmp_path / "bad.npy")
    assert "not a whole .npy file" in widget.message.value
    HOMOGRAPHY.save(tmp_path / "bent.json")
    widget.load(tmp_path / "bent.json")
    widget.run()
    assert "Choose the layers" in widget.message.value
    choose(widget, "first", "second")
    widget.output.value = _MOVE
    widget.run()
    assert widget.message.value.count("homography") == 1
    assert not widget.undo_button.enabled
    widget.save(tmp_path / "bent.tfm")
    assert "cannot hold a homography" in widget.message.value
    assert [layer.name for layer in pair.layers] == ["first", "second"]
    widget.output.value = widget.output.choices[0]
    widget.run()
    settle(widget)
    assert "2 layers added" in widget.message.value


def test_what_goes_with_moving_is_proposed_and_what_is_outside_is_chosen(aligned, matrix, settle):
    second = aligned.layers["second"].data
    aligned.add_image(255 - second, name="negative")
    cells = np.zeros(second.shape, np.int32)
    cells[40:60, 50:90], cells[70, 209] = 3, 4
    aligned.add_labels(cells, name="cells")
    aligned.add_image(np.zeros((20, 30)), name="of another size")
    # The plugin's own picture is what is selected after a run.
    aligned.layers.selection.active = result(aligned)
    widget = opened(aligned)
    assert {layer.name for layer in widget.layers.value} == {"negative", "cells"}
    shape = aligned.layers["first"].data.shape
    inside = overlap(Transform(matrix), output_shape=shape, moving_shape=second.shape)
    widget.fill.value = "NaN"
    widget.run()
    settle(widget)
    made = aligned.layers["negative aligned"].data
    assert made.dtype == np.float32
    assert np.isnan(made[~inside]).all()
    assert "has lost 1 of its 2 labels" in widget.message.value
    choose(widget, "negative")
    widget.fill.value = "nearest pixel"
    widget.run()
    settle(widget)
    x, y = np.rint(Transform(matrix).to_moving(np.argwhere(~inside)[:, ::-1])).astype(int).T
    edge = 255 - second[y.clip(0, second.shape[0] - 1), x.clip(0, second.shape[1] - 1)]
    gap = aligned.layers["negative aligned [1]"].data[~inside].astype(float) - edge
    assert np.median(np.abs(gap)) <= 1


def test_what_lies_as_both_did_is_proposed_only_by_a_word_of_its_name_or_its_file(
    viewer, known, finish, tmp_path
):
    image = known.reference.astype(np.uint8)
    viewer.add_image(image, name="plate green")
    viewer.add_image(np.roll(image, (2, 3), (0, 1)), name="plate red")
    viewer.add_image(image, name="plate blue")
    viewer.add_labels(image // 64, name="Red, cells")
    viewer.add_labels(image // 64, name="cells")
    viewer.add_points([(40.0, 50.0)], name="red in green")
    viewer.add_points([(40.0, 50.0)], name="plate_red_marks")
    form = viewer.window.add_plugin_dock_widget("napari-ecc-align", "Align images")[1]
    form.run()
    finish(form)
    assert form.after.run.verdict == "aligned"
    widget = opened(viewer)
    assert widget.source.value == "plate red onto plate green"
    assert {layer.name for layer in widget.layers.value} == {"Red, cells", "plate_red_marks"}


def test_what_was_read_from_the_file_of_the_moving_image_is_proposed(
    viewer, known, finish, tmp_path
):
    image = known.reference.astype(np.uint8)
    for name, data in (("one", image), ("two", np.roll(image, (2, 3), (0, 1)))):
        np.save(tmp_path / f"{name}.npy", data)
        viewer.open(tmp_path / f"{name}.npy", name=name)
        viewer.open(tmp_path / f"{name}.npy", name=f"again {len(viewer.layers)}", visible=False)
    form = viewer.window.add_plugin_dock_widget("napari-ecc-align", "Align images")[1]
    form.pair.reference.value, form.pair.moving.value = viewer.layers["one"], viewer.layers["two"]
    form.run()
    finish(form)
    assert [layer.name for layer in opened(viewer).layers.value] == ["again 3"]


def test_the_choice_of_layers_survives_what_happens_to_others(aligned):
    widget = opened(aligned)
    choose(widget, "first", "second")
    aligned.add_points([(1, 1)], name="later")
    aligned.layers["first"].name = "renamed"
    aligned.layers.remove(result(aligned, "difference"))
    assert {layer.name for layer in widget.layers.value} == {"renamed", "second"}
    aligned.layers.remove("second")
    assert [layer.name for layer in widget.layers.value] == ["renamed"]
    listed = [widget.layers.native.item(row).text() for row in range(len(aligned.layers))]
    assert listed == [layer.name for layer in reversed(aligned.layers)]


def test_an_alignment_of_the_same_pair_is_offered_once(aligned):
    assert opened(aligned).source.choices == (None, "second onto first")


def test_foreign_metadata_is_passed_over(pair):
    for number, note in enumerate((3, {}, {"layers": 5}, {"layers": {"reference": None}})):
        pair.layers[number % 2].metadata = {"napari-ecc-align": note}
        assert opened(pair).source.choices == (None,)


@pytest.mark.both_bindings
def test_the_viewer_may_close_while_it_runs(aligned, qtbot):
    widget = opened(aligned)
    choose(widget, "first", "second")
    widget.run()
    worker = widget._work.worker
    aligned.close()
    qtbot.waitUntil(lambda: not worker.is_running, timeout=120_000)
