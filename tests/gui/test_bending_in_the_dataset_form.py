"""A dataset whose pairs bend, aligned and looked at in the form."""

import numpy as np
from datasets import choose, choose_row
from skimage import data

from here import StepsHere, pool_or_here
from napari_ecc_align import Field, warp
from napari_ecc_align._batch.records.read import read_record
from napari_ecc_align._batch.run import run_plan
from napari_ecc_align._gui.dataset import widget as dataset_widget
from napari_ecc_align._images.files.images import write_image

SIDE = 192


def test_pairs_that_bend_are_run_and_looked_at(viewer, qtbot, tmp_path, monkeypatch):
    monkeypatch.setattr(dataset_widget, "BackgroundProcess", StepsHere)
    monkeypatch.setattr(run_plan, "Pool", pool_or_here)
    widget = viewer.window.add_plugin_dock_widget("napari-ecc-align", "Align a dataset")[1]

    def settle():
        qtbot.waitUntil(lambda: not widget.running, timeout=120_000)

    u = 2 * np.sin(np.mgrid[:SIDE:8, :SIDE:8] / 30).transpose(1, 2, 0)
    field = Field.from_displacements(u, spacing=(8, 8))
    tissue = np.ascontiguousarray(data.immunohistochemistry()[:SIDE, :SIDE, 1])
    for name in ("ideal", "gray", "bw"):
        (tmp_path / name).mkdir()
        shown = warp(tissue, field) if name == "ideal" else tissue
        write_image(tmp_path / name / "p.png", shown)
    choose(widget, tmp_path, tmp_path / "out")
    widget.folders.model.value = "smooth"
    widget.run_button.native.click()
    settle()
    assert "1 aligned" in widget.message.value
    found = read_record(tmp_path / "out", "p.png").transform
    inner = np.random.default_rng(0).uniform(24, SIDE - 24, (50, 2))
    assert np.abs(found(inner) - field(inner)).max() < 0.5
    choose_row(widget.table, "p.png")
    settle()
    note = viewer.layers["p.png aligned"].metadata["napari-ecc-align"]
    assert note["model"] == "smooth" and "field" in note
