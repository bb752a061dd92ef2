"""A dataset aligned, broken off, gone on with and opened again, in a real viewer."""

import gc
import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest
from datasets import (
    DOUBTED,
    GOOD,
    PATIENCE,
    SHAPE,
    children,
    choose,
    choose_row,
    names_in,
    report_rows,
)
from heart import Heart, assert_short, napari_adds
from many import make_many
from napari.utils.notifications import notification_manager
from qtpy.QtCore import Qt

from napari_ecc_align import Record
from napari_ecc_align._batch.records.read import read_record, read_records
from napari_ecc_align._gui.dataset import widget as dataset_widget
from napari_ecc_align._gui.dataset.table import PairModel, shared_ends
from napari_ecc_align._images.files.images import read_image
from napari_ecc_align._transform.coordinates import corner_error


@pytest.mark.both_bindings
def test_plan_run_and_a_table_with_the_worst_first(widget, settle, dataset, tmp_path):
    root, truth = dataset
    out = tmp_path / "out"
    choose(widget, root, out)
    widget.plan_button.native.click()
    settle()
    for part in ("5 pairs", "gray, bw", "p4.png", "will fail"):
        assert part in widget.message.value
    assert not out.exists()
    widget.run_button.native.click()
    assert widget.cancel_button.native.isVisibleTo(widget.native)
    assert not widget.run_button.enabled
    settle()
    assert "3 aligned" in widget.message.value
    assert children() == []
    names = names_in(widget.table)
    assert set(names[:2]) == {DOUBTED, "p4.png"}
    assert set(names[2:]) == set(GOOD)
    for name in GOOD:
        found = read_record(out, name)
        assert corner_error(found.transform.matrix, truth[name], SHAPE) < 0.3
        assert read_image(out / "bw" / name).shape == SHAPE
    assert widget.report_button.enabled
    widget.only_unsure.native.click()
    assert set(names_in(widget.table)) == {DOUBTED, "p4.png"}


def test_a_cancelled_run_is_gone_on_with(widget, settle, dataset, tmp_path, qtbot, steps_taken):
    root, _ = dataset
    out = tmp_path / "out"
    choose(widget, root, out)
    widget.run_button.native.click()
    qtbot.waitUntil(lambda: widget.table.pairs.rowCount() > 0, timeout=PATIENCE)
    widget.cancel_button.native.click()
    before = len(steps_taken)
    settle()
    assert len(steps_taken) <= before + 1
    done = {record.name: record.times for record in read_records(out)}
    assert 0 < len(done) < 5
    assert "Run goes on from here" in widget.message.value
    # How far it came is in the report, for which nobody has to wait.
    qtbot.waitUntil(lambda: children() == [], timeout=PATIENCE)
    assert report_rows(out).keys() == {record.name for record in read_records(out)}
    qtbot.waitUntil(lambda: widget.report_button.enabled)
    widget.run_button.native.click()
    settle()
    assert widget.table.pairs.rowCount() == 5
    after = {record.name: record.times for record in read_records(out)}
    assert all(after[name] == times for name, times in done.items() if name != "p4.png")


def test_a_run_begun_while_the_last_one_writes_its_report_waits_for_it(
    widget, settle, dataset, tmp_path, qtbot
):
    choose(widget, dataset[0], tmp_path / "out")
    widget.run_button.native.click()
    qtbot.waitUntil(lambda: widget.table.pairs.rowCount() > 0, timeout=PATIENCE)
    widget.cancel_button.native.click()
    settle()
    widget.run_button.native.click()
    settle()
    assert widget.message.value.startswith("Done: 3 aligned")


@pytest.mark.usefixtures("here")
def test_reopening_shows_the_table_fills_the_form_and_does_nothing_again(
    widget, settle, dataset, copied
):
    root, _ = dataset
    before = {record.name: record.times for record in read_records(copied)}
    widget.folders.out.value = copied
    settle()
    assert set(names_in(widget.table)) == {*GOOD, DOUBTED, "p4.png"}
    assert Path(widget.folders.reference.value) == root / "ideal"
    assert Path(widget.folders.moving.value) == root / "gray"
    assert widget.folders.siblings.chosen == (str(root / "bw"),)
    for part in ("An earlier run: 3 aligned", "5 pairs", "5 of them done"):
        assert part in widget.message.value
    widget.run_button.native.click()
    settle()
    after = {record.name: record.times for record in read_records(copied)}
    assert {name: after[name] for name in (*GOOD, DOUBTED)} == {
        name: before[name] for name in (*GOOD, DOUBTED)
    }


@pytest.mark.usefixtures("here")
def test_what_is_pressed_before_an_old_folder_is_read_waits_for_it(
    widget, settle, dataset, copied
):
    choose(widget, dataset[0], copied)
    widget.plan_button.native.click()
    settle()
    assert "5 of them done" in widget.message.value
    assert widget.table.pairs.rowCount() == 5


@pytest.mark.usefixtures("here")
def test_an_old_folder_whose_images_have_gone_is_still_shown(widget, settle, dataset, copied):
    for path in (copied / "records").glob("*.json"):
        document = json.loads(path.read_bytes())
        for file in document["inputs"]:
            file["path"] = file["path"].replace(str(dataset[0]), "/gone")
        path.write_text(json.dumps(document))
    planned = copied / ".ecc-align" / "plan.json"
    here = json.dumps(str(dataset[0]))[1:-1]
    planned.write_text(planned.read_text().replace(here, "/gone"))
    widget.folders.out.value = copied
    settle()
    assert widget.table.pairs.rowCount() == 5
    assert "is not a folder" in widget.message.value
    choose_row(widget.table, "p0.png")
    settle()
    assert "No such file" in widget.review.text.value


def test_names_that_begin_alike_are_told_apart_in_a_narrow_table():
    model = PairModel()
    names = [f"a_long_specimen_{number:02}_stain_HE.png" for number in (1, 2, 12)]
    model.put(Record(name, "aligned", "All is well.") for name in names)
    assert [model.index(row, 0).data() for row in range(3)] == ["…01…", "…02…", "…12…"]
    assert "a_long_specimen_01_stain_HE.png" in model.data(
        model.index(0, 0), Qt.ItemDataRole.ToolTipRole
    )
    assert shared_ends(["p0.png", "p1.png"]) == (0, 4)
    assert shared_ends(["alone.png"]) == (0, 0)


@pytest.mark.usefixtures("here")
def test_the_table_is_sorted_by_keys_as_by_a_click(widget, window, settle, copied, qtbot):
    widget.folders.out.value = copied
    settle()
    table, header = widget.table, widget.table.horizontalHeader()
    window.activateWindow()
    table.setFocus()
    qtbot.waitUntil(table.hasFocus)
    alt, orders = Qt.KeyboardModifier.AltModifier, set()
    for column in (2, 3, 0):
        qtbot.keyClick(table, Qt.Key.Key_Right, alt)
        assert header.sortIndicatorSection() == column
        orders.add(tuple(names_in(table)))
    upwards = names_in(table)
    assert upwards == sorted(upwards) and len(orders) > 1
    qtbot.keyClick(table, Qt.Key.Key_Down, alt)
    assert names_in(table) == upwards[::-1]
    qtbot.keyClick(table, Qt.Key.Key_Up, alt)
    assert names_in(table) == upwards
    # Tab goes on through the form, not through the cells of a thousand pairs.
    qtbot.keyClick(table, Qt.Key.Key_Tab)
    assert not table.hasFocus()


@pytest.mark.usefixtures("here")
def test_bad_folders_are_refused_in_words(widget, settle, dataset, tmp_path):
    root, _ = dataset

    def said():
        widget.run_button.native.click()
        settle()
        assert not list(tmp_path.glob("**/records"))
        return widget.message.value

    assert "Choose the folder of the reference images" in said()
    widget.folders.reference.value = root / "ideal"
    assert "Choose the folder of the moving images" in said()
    widget.folders.moving.value = root / "nowhere"
    assert "Choose a folder for the results" in said()
    widget.folders.out.value = tmp_path / "out"
    assert "nowhere is not a folder" in said()
    widget.folders.moving.value = root / "gray"
    widget.folders.out.value = root / "gray" / "out"
    assert "lies inside" in said()
    widget.folders.out.value = root
    assert "contains" in said()
    (tmp_path / "empty").mkdir()
    widget.folders.reference.value = widget.folders.moving.value = tmp_path / "empty"
    widget.folders.out.value = tmp_path / "out"
    assert "no pair" in said() or "called" in said()
    assert notification_manager.records


def breaks(stopping, request):
    yield None
    raise RuntimeError("all broken")


def dies(stopping, request):
    yield None
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize(
    ("work", "told"), [(breaks, "all broken"), (dies, "was ended by SIGKILL")]
)
def test_an_unexpected_error_is_told_and_not_raised(
    widget, settle, dataset, tmp_path, monkeypatch, work, told
):
    monkeypatch.setattr(dataset_widget, "run_folders", work)
    choose(widget, dataset[0], tmp_path / "out")
    widget.run_button.native.click()
    settle()
    assert told in widget.message.value


@pytest.mark.alone
def test_a_batch_of_a_thousand_pairs_lets_napari_go_on(
    widget, viewer, qtbot, settle, tmp_path, steps_taken
):
    """What napari itself holds is left out of the collection of garbage, which takes 0.2 s.

    Anything may set that off, at any time; that nothing here makes so much garbage is the point.
    """
    dataset, out = make_many(tmp_path, done=1000, left=40)
    choose(widget, dataset, out, workers=2)
    settle()
    gc.collect()
    gc.freeze()
    heart, stalls, adding = Heart(), [], []
    for _ in range(3):
        adding.append(napari_adds(viewer, np.zeros(SHAPE, np.uint8)))
        done = widget.table.pairs.rowCount()
        qtbot.wait(300)
        heart.start()
        widget.run_button.native.click()
        qtbot.waitUntil(lambda n=done: widget.table.pairs.rowCount() > n + 1, timeout=PATIENCE)
        widget.cancel_button.native.click()
        before = len(steps_taken)
        settle()
        assert len(steps_taken) <= before + 1
        stalls.append(heart.stop())
    gc.unfreeze()
    assert_short(stalls, adding)
    qtbot.waitUntil(lambda: children() == [], timeout=PATIENCE)
    # What was just being finished is in the report, too.
    assert set(names_in(widget.table)) <= report_rows(out).keys()


def test_closing_the_viewer_ends_the_run_and_leaves_no_process(
    widget, viewer, dataset, tmp_path, qtbot
):
    choose(widget, dataset[0], tmp_path / "out")
    widget.run_button.native.click()
    qtbot.waitUntil(lambda: len(children()) > 0, timeout=PATIENCE)
    viewer.close()
    qtbot.waitUntil(lambda: children() == [], timeout=PATIENCE)
