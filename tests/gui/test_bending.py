"""What bends: found by one click where a verdict offers it, applied, kept and undone."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from skimage import data

from napari_ecc_align import Field, warp

SIDE = 192


@pytest.fixture
def bent(viewer):
    """A form with tissue that bends, and the field that it bends by."""
    noise = np.random.default_rng(4).normal(size=(2, SIDE, SIDE))
    u = np.stack([gaussian_filter(one, 20) for one in noise], axis=-1)
    field = Field.from_displacements(3 * u / np.sqrt((u**2).sum(axis=-1).mean()))
    tissue = data.immunohistochemistry()[100 : 100 + SIDE, 60 : 60 + SIDE, 1]
    scale = {"scale": (0.5, 0.5), "units": ("um", "um")}
    viewer.add_image(warp(tissue, field), name="first", **scale)
    viewer.add_image(tissue, name="second", **scale)
    dock = viewer.window.add_plugin_dock_widget
    return dock("napari-ecc-align", "Align images")[1], field


def test_tissue_that_bends_is_aligned_by_one_click_and_taken_elsewhere(
    bent, viewer, finish, qtbot, tmp_path
):
    widget, field = bent
    widget.run()
    finish(widget)
    doubtful = widget.after.run
    for verdict, offered in (("failed", False), ("doubtful", True)):
        none = replace(doubtful, suffices=None, bent=verdict)
        assert ("the smooth one is doubtful" in none.reason()) is offered
        assert "No freer model suffices" in none.reason()
        widget.steps.follow(none)
        assert widget.steps.freer.native.isHidden() is not offered
        assert widget.steps.freer.text == "Take smooth all the same" or not offered
    widget.steps.follow(doubtful)
    assert widget.steps.freer.text == "It bends: try smooth"
    # Above the table, where it is in sight.
    order = list(widget.after.results)
    assert order.index(widget.steps) < order.index(widget.after.results.table)
    widget.settings.output.value = "move"
    widget.steps.freer.native.click()
    finish(widget)
    run = widget.after.run
    said = widget.after.results.verdict.value
    assert run.verdict == "aligned" and "Known to" in said, said
    assert widget.model.value == "smooth"
    inner = np.random.default_rng(0).uniform(20, SIDE - 20, (50, 2))
    assert np.abs(run.result.transform(inner) - field(inner)).max() < 1
    for view in ("aligned", "difference", "binary difference", "overlay", "residuals"):
        widget.after.next.view.value = view
        finish(widget)
        assert viewer.layers[f"second → first: {view}"].visible
    arrows = viewer.layers["second → first: residuals"]
    times = "as long as they are" if arrows.length == 1 else f"{arrows.length:.0f} times as long"
    assert f"drawn {times}" in widget.after.next.legend.value
    assert "how the reference bends" in widget.after.next.legend.value
    assert len(arrows.data) > 100 and arrows.features["uncertainty"].max() <= 1
    assert "model='smooth'" in widget.after.copy_script()
    run.save(tmp_path / "bent.npz")

    labels = np.kron(np.arange(144, dtype=np.uint8).reshape(12, 12), np.ones((16, 16), np.uint8))
    viewer.add_labels(labels, name="cells", scale=(0.5, 0.5), units=("um", "um"))
    there = field(inner)[:, ::-1]
    viewer.add_points(there, name="marks", scale=(0.5, 0.5), units=("um", "um"))
    apply = viewer.window.add_plugin_dock_widget("napari-ecc-align", "Apply transform")[1]
    apply.layers.value = [viewer.layers["cells"], viewer.layers["marks"]]
    apply.run()
    qtbot.waitUntil(lambda: not apply.running, timeout=120_000)
    made = viewer.layers["cells aligned"].data
    assert np.array_equal(made, warp(labels, run.result.transform, output_shape=(SIDE, SIDE)))
    assert np.abs(viewer.layers["marks aligned"].data[:, ::-1] - inner).max() < 1
    apply.load(tmp_path / "bent.npz")
    assert "smooth" in apply.message.value
    widget.after.undo()
    assert widget.after.run is not run


def test_what_cannot_bend_is_refused_in_words(bent, viewer, finish):
    widget, _ = bent
    widget.model.value, widget.settings.output.value = "smooth", "move"
    widget.run()
    assert "resample" in widget.after.results.verdict.value
