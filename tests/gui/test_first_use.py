"""What a person meets who has read nothing: the wheel, long names, next steps, files made here."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from napari.settings import get_settings
from npe2 import PluginManager
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtWidgets import (
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QDockWidget,
    QFileDialog,
    QHeaderView,
    QLabel,
    QLineEdit,
    QPushButton,
    QSlider,
    QTableView,
)

from napari_ecc_align import Record
from napari_ecc_align.__main__ import main
from napari_ecc_align._compare.binary import COLOURS, ONLY_MOVING, ONLY_REFERENCE
from napari_ecc_align._gui.results.verdict_table import _narrowest

ROOT = Path(__file__).parents[2]
TITLES = ["Align images", "Apply transform", "Compare binarised", "Align a dataset"]
CHANGED = (QComboBox, QAbstractSpinBox, QSlider)


def wheel(widget):
    """Turn the wheel down over a widget."""
    place = QPointF(widget.rect().center())
    event = QWheelEvent(
        place,
        QPointF(widget.mapToGlobal(widget.rect().center())),
        QPoint(),
        QPoint(0, -120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(widget, event)


def shown(widget):
    return widget.currentText() if isinstance(widget, QComboBox) else widget.value()


@pytest.mark.both_bindings
@pytest.mark.parametrize("title", TITLES)
def test_the_wheel_scrolls_a_form_and_changes_nothing_in_it(pair, title):
    form = pair.window.add_plugin_dock_widget("napari-ecc-align", title)[1].native
    choices = [each for kind in CHANGED for each in form.findChildren(kind)]
    assert choices
    before = [shown(each) for each in choices]
    for each in choices:
        wheel(each)
    assert [shown(each) for each in choices] == before


def test_a_longer_sentence_is_not_cut_off(pair, window, qtbot):
    form = pair.window.add_plugin_dock_widget("napari-ecc-align", "Apply transform")[1]
    label = form.message.native
    for sentence in ("Saved.", "Loaded a transform. " * 9, "Saved.", "Loaded a transform. " * 20):
        form._say(sentence)
        qtbot.waitUntil(
            lambda: label.height() == label.heightForWidth(label.width()), timeout=120_000
        )


def test_long_names_of_layers_end_in_sight(viewer, window, qtbot):
    viewer.add_image(np.eye(64), name="a" * 60 + " difference")
    form = viewer.window.add_plugin_dock_widget("napari-ecc-align", "Apply transform")[1]
    listed = form.layers.native
    qtbot.waitUntil(lambda: listed.viewport().width() > 0, timeout=120_000)
    assert listed.item(0).toolTip() == viewer.layers[0].name
    assert listed.visualItemRect(listed.item(0)).width() <= listed.viewport().width()
    assert not listed.horizontalScrollBar().isVisible()


@pytest.fixture
def aligned(widget, finish):
    widget.run()
    finish(widget)
    return widget


def test_a_result_on_show_fits_into_a_larger_font(aligned, window, qtbot):
    table = aligned.after.results.table.native
    dock = next(each for each in window.findChildren(QDockWidget) if each.isAncestorOf(table))
    dock.setFixedWidth(300)
    # So that it scrolls already: a bar that comes with the larger font would change the width.
    for fold in aligned.folds.values():
        fold.expand(animate=False)

    def readable(least):
        assert dock.width() == 300 and table.fontMetrics().height() > least
        assert _narrowest(table.text(), table.font()) <= table.width()

    qtbot.waitUntil(lambda: readable(0), timeout=120_000)
    assert "colspan" not in table.text()
    get_settings().appearance.font_size = 18
    qtbot.waitUntil(lambda: readable(20), timeout=120_000)


@pytest.mark.parametrize("title", TITLES)
def test_all_of_a_form_is_in_the_font_that_a_person_has_chosen(pair, window, qtbot, title):
    form = pair.window.add_plugin_dock_widget("napari-ecc-align", title)[1].native
    get_settings().appearance.font_size = 18
    kinds = (QLabel, QLineEdit, QAbstractSpinBox, QPushButton, QComboBox, QTableView, QHeaderView)

    def large():
        shown = [each for kind in kinds for each in form.findChildren(kind) if each.isVisible()]
        small = [each for each in shown if each.fontInfo().pointSizeF() < 17]
        assert len(shown) > 5 and not small

    qtbot.waitUntil(large, timeout=120_000)
    for table in form.findChildren(QTableView):
        assert table.verticalHeader().defaultSectionSize() > table.fontMetrics().height()


def test_short_names_of_pairs_leave_the_room_to_the_verdicts(viewer, window, qtbot):
    dock, form = viewer.window.add_plugin_dock_widget("napari-ecc-align", "Align a dataset")
    dock.setFixedWidth(300)
    get_settings().appearance.font_size = 18
    table = form.table
    table.pairs.put([Record("p1.png", "doubtful", "?"), Record("p2.png", "aligned", "!")])

    def in_sight():
        cell = table.visualRect(table.model().index(0, 1))
        words = table.fontMetrics().horizontalAdvance("doubtful")
        assert table.fontMetrics().height() > 20
        assert cell.left() + words <= table.viewport().width()

    qtbot.waitUntil(in_sight, timeout=120_000)


def printed(path, capsys):
    assert main(["show", str(path), "--json"]) == 0
    return json.loads(capsys.readouterr().out)[str(path)]


def test_a_transform_saved_in_napari_says_where_it_comes_from(
    aligned, viewer, monkeypatch, tmp_path, capsys
):
    path = tmp_path / "of_align.json"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))
    aligned.after.next.save.native.click()
    made = printed(path, capsys)
    assert made["command"] == "Align images, in napari"
    assert [each["name"] for each in made["inputs"]] == ["first", "second"]
    assert made["options"]["model"] == aligned.model.value
    assert made["result"]["verdict"] == "aligned"
    assert made["result"]["corner_uncertainty"] > 0
    # Whatever reads transforms still reads it.
    assert main(["info", str(path)]) == 0
    apply = viewer.window.add_plugin_dock_widget("napari-ecc-align", "Apply transform")[1]
    apply.save(tmp_path / "of_apply.json")
    capsys.readouterr()
    kept = printed(tmp_path / "of_apply.json", capsys)
    assert kept["verdict"] == "aligned" and kept["inputs"] == made["inputs"]
    apply.load(tmp_path / "of_apply.json")
    assert "of_apply.json" in apply.source.value


def test_a_file_is_told_by_its_digest(viewer, finish, tmp_path, capsys, known):
    import hashlib

    from napari_ecc_align._images.files.images import write_image

    files = [tmp_path / "a.png", tmp_path / "b.png"]
    for path, image in zip(files, (known.reference, known.moving), strict=True):
        write_image(path, image.astype(np.uint8))
    viewer.open(files, plugin="napari", stack=False)
    widget = viewer.window.add_plugin_dock_widget("napari-ecc-align", "Align images")[1]
    widget.run()
    finish(widget)
    widget.after.run.save(tmp_path / "t.json")
    told = printed(tmp_path / "t.json", capsys)["inputs"]
    assert [each["sha256"] for each in told] == [
        hashlib.sha256(path.read_bytes()).hexdigest() for path in files
    ]
    assert str(tmp_path) not in (tmp_path / "t.json").read_text()


def test_nothing_is_offered_for_an_image_without_contrast(widget, viewer, finish):
    viewer.layers["second"].data = np.full((150, 210), 7, np.uint8)
    widget.run()
    finish(widget)
    assert "has no contrast" in widget.after.results.verdict.value
    steps = widget.steps
    offered = (steps.freer, steps.edges, steps.points, steps.drag, steps.region)
    assert not any(each.native.isVisibleTo(widget.native) for each in offered)


def test_a_region_and_points_are_begun_from_where_they_are_chosen(widget, viewer):
    widget.folds["Where"].expand(animate=False)
    widget.where.draw.native.click()
    assert widget.where.region.value is viewer.layers["region of first"]
    widget.where.mark.native.click()
    one, other = viewer.layers["points in first"], viewer.layers["points in second"]
    # Whose they are by the colours of the overlay, and in which order by numbers.
    for points, whose in ((one, ONLY_REFERENCE), (other, ONLY_MOVING)):
        points.add([[10, 20]])
        points.add([[30, 40]])
        assert np.allclose(points.face_color[:, :3] * 255, COLOURS[whose], atol=0.5)
        assert list(points.text.values) == ["1", "2"]
        points.selected_data = {0}
        points.remove_selected()
        assert len(points.data) == 1 and list(points.text.values) == ["1"]


def test_points_are_not_marked_in_one_image_twice(viewer):
    viewer.add_image(np.zeros((4, 64, 64)), name="film")
    widget = viewer.window.add_plugin_dock_widget("napari-ecc-align", "Align images")[1]
    widget.where.mark.native.click()
    assert "choose another reference" in widget.after.results.verdict.value
    assert len(viewer.layers) == 1


def test_arrows_are_told_by_length_and_colour(aligned):
    aligned.after.next.view.value = "residuals"
    layer = next(each for each in aligned._viewer.layers if each.name.endswith("residuals"))
    size = layer.features["size"]
    said = aligned.after.next.legend.value
    assert f"{size.min():.2g}&nbsp;px" in said and f"{size.max():.2g}&nbsp;px" in said
    ends = [
        tuple(np.round(255 * colour[:3]).astype(int))
        for colour in layer.edge_color[[size.argmin(), size.argmax()]]
    ]
    assert all(f"rgb({red}, {green}, {blue})" in said for red, green, blue in ends)


def test_docs_name_the_menus_as_napari_does():
    manifest = PluginManager.instance().get_manifest("napari-ecc-align")
    titles = {widget.display_name for widget in manifest.contributions.widgets}
    pages = [ROOT / "README.md", *ROOT.glob("docs/**/*.md")]
    said = [
        found
        for page in pages
        for found in re.findall(r"\*\*Plugins > ([^*]+)\*\*", page.read_text("utf-8"))
    ]
    assert len(said) > 5
    for path in said:
        menu, title = path.split(" > ")
        assert menu == manifest.display_name and title in titles, path
