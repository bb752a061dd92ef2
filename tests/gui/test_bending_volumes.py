"""Two volumes that bend in the form: found by one click, looked at, kept, and taken elsewhere."""

import numpy as np
import pytest
from results import result
from scipy import ndimage

from napari_ecc_align import VolumeField, warp_volume

SHAPE = (56, 60, 64)
PLACING = {"scale": (0.5, 0.5, 0.5), "translate": (0, 3, 4), "units": ("um",) * 3}


@pytest.fixture
def bent(viewer):
    """A form with a volume that bends, and the field that it bends by."""
    rng = np.random.default_rng(3)
    fine, soft = (ndimage.gaussian_filter(rng.normal(size=SHAPE), size) for size in (1.8, 5))
    moving = 1000 + 200 * (fine / fine.std() + soft / soft.std())
    z, y, x = np.meshgrid(*(np.arange(n) for n in SHAPE), indexing="ij")
    u = 2 * np.stack([np.sin(z / 11), np.cos(x / 11), np.sin(y / 11)], axis=-1)
    field = VolumeField.from_displacements(u)
    reference = warp_volume(moving, field, interpolation="cubic")
    reference[warp_volume(np.ones(SHAPE), field) < 0.999] = np.nan
    reference += rng.normal(0, 10, SHAPE)
    placing = {**PLACING, "axis_labels": ("z", "y", "x")}
    viewer.add_image(reference, name="first", **placing)
    viewer.add_image(moving, name="second", **placing)
    dock = viewer.window.add_plugin_dock_widget
    return dock("napari-ecc-align", "Align images")[1], field


def test_a_volume_that_bends_is_aligned_by_one_click_and_taken_elsewhere(
    bent, viewer, finish, qtbot, tmp_path
):
    widget, field = bent
    widget.run()
    finish(widget)
    stiff = widget.after.run
    assert stiff.verdict == "doubtful" and stiff.is_too_stiff, stiff.reason()
    assert widget.steps.freer.text == "Try smooth"
    widget.settings.output.value = "move"
    widget.steps.freer.native.click()
    finish(widget)
    run, told = widget.after.run, widget.after.results.verdict.value
    assert run.verdict == "aligned" and "Known to" in told, told
    assert "bends up to, voxels" in widget.after.results.table.value
    inner = np.random.default_rng(0).uniform(6, np.array(SHAPE[::-1]) - 7, (200, 3))
    off = np.linalg.norm(run.result.transform(inner) - field(inner), axis=1)
    assert np.median(off) < 0.2 and np.quantile(off, 0.95) < 1
    assert np.array_equal(result(viewer).data, run.inspection.warped)
    for view in ("difference", "binary difference", "overlay", "checkerboard", "residuals"):
        widget.after.next.view.value = view
        finish(widget)
        assert viewer.layers[f"second → first: {view}"].visible
    arrows = viewer.layers["second → first: residuals"]
    starts, matrix = arrows.data[:, 0], run.result.transform.matrix
    ends = arrows.data.sum(axis=1)[:, ::-1] @ matrix[:3, :3].T + matrix[:3, 3]
    assert np.median(np.linalg.norm(ends - field(starts[:, ::-1]), axis=1)) < 0.2
    shown = np.abs(starts[:, 0] - viewer.dims.point[0] / PLACING["scale"][0]) < 0.5
    assert shown.sum() > 20, "the slice that is on show has arrows"
    assert np.array_equal(starts, np.rint(starts)) and arrows.features["uncertainty"].max() <= 1
    assert "how the reference bends" in widget.after.next.legend.value

    script, found = widget.after.copy_script(), run.result.transform
    assert "align_volume(" in script and "model='smooth'" in script
    assert "precision" not in script
    run.save(tmp_path / "bent.npz")
    assert np.array_equal(VolumeField.load(tmp_path / "bent.npz")(inner), found(inner))

    check_applied(viewer, qtbot, found, tmp_path)
    widget.after.undo()
    assert widget.after.run is stiff
    widget.after.redo()
    assert widget.after.run.verdict == "aligned"


def check_applied(viewer, qtbot, found, tmp_path):
    """Give a field to labels on another grid and to points, there and back, by form and file."""
    cells = np.kron(np.arange(512).reshape(8, 8, 8), np.ones((7, 8, 8), int)).astype("u2")
    cells = np.ascontiguousarray(cells[:, : SHAPE[1]])
    # Labels of half as many planes, which lie where the moving volume does.
    half = {**PLACING, "scale": (1, 0.5, 0.5)}
    labels = viewer.add_labels(cells[::2], name="cells", **half)
    places = np.random.default_rng(1).uniform(8, np.array(SHAPE[::-1]) - 9, (30, 3))
    points = viewer.add_points(found(places)[:, ::-1], name="spots", **PLACING)
    apply = viewer.window.add_plugin_dock_widget("napari-ecc-align", "Apply transform")[1]

    def run(layers):
        apply.layers.value = layers
        apply.run()
        qtbot.waitUntil(lambda: not apply.running, timeout=120_000)

    run([labels, points])
    made = viewer.layers["cells aligned"]
    assert np.allclose(made.scale, 0.5) and np.allclose(made.translate, PLACING["translate"])
    thin = np.diag([1, 1, 0.5, 1])
    there = VolumeField(
        thin @ found.matrix, found.planes, found.rows, found.columns, found.coefficients
    )
    expected = warp_volume(cells[::2], there, output_shape=SHAPE, interpolation="nearest")
    assert np.array_equal(made.data, expected) and len(np.unique(expected)) > 100
    assert np.abs(viewer.layers["spots aligned"].data[:, ::-1] - places).max() < 1e-5
    apply.load(tmp_path / "bent.npz")
    assert "smooth" in apply.message.value
    apply.source.value = "second onto first"
    apply.direction.value = apply.direction.choices[1]
    run([made, viewer.layers["spots aligned"]])
    assert np.abs(viewer.layers["spots aligned back"].data - points.data).max() < 1e-5
    back = viewer.layers["cells aligned back"].data
    inner = (slice(8, -8),) * 3
    assert (back[inner] == cells[::2].repeat(2, axis=0)[inner]).mean() > 0.85


def test_what_cannot_bend_is_refused_in_words(bent, finish, monkeypatch):
    from napari_ecc_align._images.limits import LIMITS

    widget, _ = bent
    widget.model.value, widget.settings.output.value = "smooth", "move"
    widget.run()
    assert "choose the output resample" in widget.after.results.verdict.value
    widget.settings.output.value = "resample"
    da = pytest.importorskip("dask.array")
    monkeypatch.setattr(LIMITS, "compared_pixels", 1000)
    for layer in (widget.pair.reference.value, widget.pair.moving.value):
        layer.data = da.from_array(layer.data)
    widget.run()
    finish(widget)
    assert "fit into memory" in widget.after.results.verdict.value
