"""Pairs of a dataset looked at and decided on, in a real viewer."""

import json

import numpy as np
import pytest
from datasets import (
    DOUBTED,
    PATIENCE,
    SHAPE,
    choose_row,
    layer_names,
    layers_of,
    names_in,
    report_rows,
)
from napari.utils.notifications import notification_manager
from qtpy.QtCore import Qt

from napari_ecc_align._batch.records.read import read_record
from napari_ecc_align._gui.shared.docks import docked
from napari_ecc_align._images.files.images import read_image
from napari_ecc_align._transform.coordinates import corner_error


@pytest.mark.usefixtures("here")
def test_a_pair_opens_with_its_differences_and_the_next_takes_its_place(
    widget, viewer, settle, finished
):
    widget.folders.out.value = finished
    settle()
    choose_row(widget.table, "p1.png")
    settle()
    assert layer_names(viewer) == layers_of("p1.png")
    written = read_image(finished / "gray" / "p1.png")
    np.testing.assert_array_equal(viewer.layers["p1.png aligned"].data, written)
    assert "Aligned" in widget.review.text.value
    assert "differing pixels before" in widget.review.text.value
    # Whatever comes or goes in the viewer, the choices stay.
    assert widget.folders.siblings.folders.choices == widget.folders.siblings.chosen != ()
    viewer.layers["p1.png aligned"].visible = True
    viewer.layers["difference"].visible = False
    choose_row(widget.table, "p2.png")
    settle()
    assert layer_names(viewer) == layers_of("p2.png")
    assert viewer.layers["p2.png aligned"].visible
    assert not viewer.layers["difference"].visible
    # Of one that failed there is what can be read, and why not the rest.
    choose_row(widget.table, "p4.png")
    settle()
    assert layer_names(viewer) == ["p4.png reference"]
    assert "No such file" in widget.review.text.value
    assert not widget.review.accept.enabled
    assert not widget.review.correct.enabled


@pytest.mark.usefixtures("here")
def test_reject_and_accept_reach_the_record_and_the_report(widget, settle, copied):
    widget.folders.out.value = copied
    settle()
    choose_row(widget.table, "p0.png")
    settle()
    assert not widget.review.accept.enabled
    widget.review.note.value = "smudged"
    widget.review.reject.native.click()
    settle()
    record = read_record(copied, "p0.png")
    assert (record.outcome, record.review.decision) == ("failed", "rejected")
    assert not (copied / "gray" / "p0.png").exists()
    assert report_rows(copied)["p0.png"]["note"] == "smudged"
    assert "Rejected by a person: smudged" in widget.review.text.value
    assert not widget.review.reject.enabled
    assert "p0.png" in names_in(widget.table)[:3]
    # It is rejected in words, and nobody need look at it again.
    assert ">Rejected.</b>" in widget.review.text.value
    row = names_in(widget.table).index("p0.png")
    assert widget.table.model().index(row, 1).data() == "rejected ✓"
    assert "2 failed, 1 rejected" in widget.message.value
    widget.only_unsure.native.click()
    assert "p0.png" not in names_in(widget.table)
    widget.only_unsure.native.click()
    choose_row(widget.table, "p0.png")
    settle()
    # It was a slip: either way back is a click.
    assert widget.review.accept.enabled and widget.review.undo.enabled
    widget.review.accept.native.click()
    settle()
    assert ": accepted. All pairs: 3 aligned" in widget.message.value
    assert (copied / "gray" / "p0.png").exists()
    for outcome, decision in (("failed", "rejected"), ("aligned", None)):
        assert widget.review.undo.enabled
        widget.review.undo.native.click()
        settle()
        record = read_record(copied, "p0.png")
        assert (record.outcome, record.review and record.review.decision) == (outcome, decision)
    assert (copied / "gray" / "p0.png").exists()
    assert not widget.review.undo.enabled and not widget.review.accept.enabled
    assert "p0.png: aligned. All pairs: 3 aligned" in widget.message.value


@pytest.mark.both_bindings
@pytest.mark.usefixtures("here")
def test_the_focus_stays_with_the_decisions(widget, window, settle, copied, qtbot):
    widget.folders.out.value = copied
    settle()
    choose_row(widget.table, "p0.png")
    settle()
    window.activateWindow()
    review = widget.review
    # What has been pressed is of no use afterwards; the button beside it is.
    for pressed, then in ((review.reject, review.undo), (review.undo, review.reject)):
        pressed.native.setFocus(Qt.FocusReason.TabFocusReason)
        qtbot.waitUntil(pressed.native.hasFocus)
        qtbot.keyClick(pressed.native, Qt.Key.Key_Space)
        settle()
        qtbot.waitUntil(then.native.hasFocus, timeout=10_000)


@pytest.mark.usefixtures("here")
def test_a_doubtful_pair_is_accepted(widget, viewer, settle, copied):
    path = copied / "records" / "p1.png.json"
    document = json.loads(path.read_bytes())
    path.write_text(json.dumps({**document, "outcome": "doubtful"}))
    widget.folders.out.value = copied
    settle()
    assert names_in(widget.table)[0] in {"p1.png", DOUBTED}
    choose_row(widget.table, "p1.png")
    settle()
    widget.review.accept.native.click()
    settle()
    record = read_record(copied, "p1.png")
    assert (record.outcome, record.review.decision) == ("aligned", "accepted")
    assert ": accepted. All pairs: 3 aligned" in widget.message.value
    assert record.transform.matrix.ravel().tolist() == np.ravel(document["matrix"]).tolist()
    row = report_rows(copied)["p1.png"]
    assert (row["outcome"], row["review"]) == ("aligned", "accepted")
    shown = {layer.name for layer in viewer.layers if layer.visible}
    assert "p1.png aligned" in shown and not shown & {"difference", "binary difference"}
    assert "not&nbsp;compared" in widget.review.text.value
    assert not widget.review.accept.enabled


@pytest.mark.usefixtures("here")
def test_a_pair_is_corrected_with_the_align_form(widget, viewer, settle, dataset, copied, qtbot):
    _, truth = dataset
    name = "p2.png"
    widget.folders.out.value = copied
    settle()
    choose_row(widget.table, name)
    settle()
    assert not widget.review.use.native.isVisibleTo(widget.native)
    widget.review.correct.native.click()
    form = docked(viewer, "Align images")
    assert form.pair.reference.value.name == f"{name} reference"
    assert form.pair.moving.value.name == f"{name} moving"
    widget.review.use.native.click()
    assert "Press Align first" in notification_manager.records[-1].message
    assert read_record(copied, name).review is None
    # Dragged roughly into place.
    viewer.layers[f"{name} moving"].translate = (3, -2)
    form.align_button.native.click()
    qtbot.waitUntil(lambda: not form.running and not form.after.busy, timeout=PATIENCE)
    found = form.after.run.result.transform
    widget.review.use.native.click()
    settle()
    record = read_record(copied, name)
    assert (record.outcome, record.review.decision) == ("aligned", "corrected")
    np.testing.assert_allclose(record.transform.matrix, found.matrix)
    assert corner_error(record.transform.matrix, truth[name], SHAPE) < 0.3
    assert report_rows(copied)[name]["review"] == "corrected"
    assert layer_names(viewer) == layers_of(name)
    assert form.after.run is None
