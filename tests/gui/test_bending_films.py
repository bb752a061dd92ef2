"""Films that bend: each frame has a field, which is shown, kept, and taken to other layers."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from skimage import data

from napari_ecc_align import Field, load_fields, warp

SIDE, FRAMES = 160, 3


def bend(seed):
    noise = np.random.default_rng(seed).normal(size=(2, SIDE // 8 + 1, SIDE // 8 + 1))
    u = np.stack([gaussian_filter(one, 3) for one in noise], axis=-1)
    return Field.from_displacements(2 * u / np.sqrt((u**2).sum(axis=-1).mean()), spacing=(8, 8))


@pytest.fixture
def film(viewer):
    """A form with a film of tissue that bends, and the fields that it bends by."""
    tissue = data.immunohistochemistry()[100 : 100 + SIDE, 60 : 60 + SIDE, 1]
    fields = [bend(seed) for seed in range(1, FRAMES)]
    frames = np.stack([tissue, *(warp(tissue, field.inverse) for field in fields)])
    viewer.add_image(frames, name="film", scale=(1, 0.5, 0.5), axis_labels=("t", "y", "x"))
    widget = viewer.window.add_plugin_dock_widget("napari-ecc-align", "Align images")[1]
    return widget, fields


def test_a_film_that_bends_is_steadied_kept_and_its_fields_taken_to_labels(
    film, viewer, finish, qtbot, tmp_path
):
    widget, fields = film
    layer = viewer.layers["film"]
    widget.pair.reference.value = widget.pair.moving.value = layer
    widget.model.value = "smooth"
    assert widget.stack.frames.value.mode == "every frame"
    widget.run()
    finish(widget)
    run = widget.after.run
    assert run.verdict == "aligned", run.reason()
    inner = np.random.default_rng(0).uniform(24, SIDE - 24, (50, 2))
    for one, field in zip(run.transforms[1:], fields, strict=True):
        assert np.median(np.hypot(*(one(inner) - field(inner)).T)) < 0.3
    aligned = viewer.layers["film: aligned"].data
    inside = np.s_[:, 30:-30, 30:-30]
    assert aligned[inside].std(axis=0).mean() < 0.5 * layer.data[inside].std(axis=0).mean()
    assert any(row.label == "bends up to, px" for row in run.rows())
    for view in ("difference", "overlay"):
        widget.after.next.stack_view.value = view
        finish(widget)
        assert any(view in each.name for each in viewer.layers)
    assert "bends_up_to_px" in run.drift_table()
    script = widget.after.copy_script()
    assert "align_stack(" in script and "model='smooth'" in script
    run.save(tmp_path / "film.npz")
    assert len(load_fields(tmp_path / "film.npz")) == FRAMES

    label = np.kron(np.arange(100, dtype=np.uint8).reshape(10, 10), np.ones((16, 16), np.uint8))
    viewer.add_labels(np.stack([label] * FRAMES), name="cells", scale=(1, 0.5, 0.5))
    apply = viewer.window.add_plugin_dock_widget("napari-ecc-align", "Apply transform")[1]
    apply.layers.value = [viewer.layers["cells"]]
    # From the record of the aligned layer, and from the file.
    expected = warp(label, run.transforms[1], output_shape=(SIDE, SIDE))
    assert apply.source.value is not None
    apply.run()
    qtbot.waitUntil(lambda: not apply.running, timeout=120_000)
    assert np.array_equal(viewer.layers["cells aligned"].data[1], expected)
    apply.load(tmp_path / "film.npz")
    assert f"{FRAMES} frames" in apply.message.value
    apply.save(tmp_path / "again.npz")
    assert len(load_fields(tmp_path / "again.npz")) == FRAMES
