"""Films of volumes that bend, in the form: fields are shown, kept, undone, and given to others."""

import csv
import io
from dataclasses import replace

import numpy as np
import pytest
from results import result
from scipy import ndimage

from napari_ecc_align import VolumeField, load_volume_transforms, warp_volume
from napari_ecc_align._align.volume import film_frames
from napari_ecc_align._align.volume.bent.smooth import volume_known_to_lie_still

SHAPE = (20, 24, 28)
PLACING = {
    "scale": (1.0, 1.0, 0.5, 0.5),
    "units": ("s", "um", "um", "um"),
    "axis_labels": ("t", "z", "y", "x"),
}


def bend(size):
    u = np.zeros((*SHAPE, 3))
    u[..., 0] = size * np.sin(np.arange(SHAPE[0]) / 5)[:, None, None]
    return VolumeField.from_displacements(u)


FIELDS = [bend(0), bend(1.0), bend(2.0)]


@pytest.fixture
def form(viewer, monkeypatch):
    """A form with a film of volumes that bend by fields, which are found at once."""
    still = ndimage.gaussian_filter(np.random.default_rng(2).normal(size=SHAPE), 1.5)
    film = np.array([warp_volume(still, field.inverse) for field in FIELDS], np.float32)
    left = iter(FIELDS[1:] * 5)

    def steps(job, own, other):
        yield from ()
        found = volume_known_to_lie_still(own[0].shape, job.spacings[0], "found")
        field = replace(next(left), sigma=np.full((2, 2, 2, 3), 0.1))
        return replace(found, transform=field, uncertainty=0.1, bends=True)

    monkeypatch.setattr(film_frames, "smooth_volume_steps", steps)
    viewer.add_image(film, name="film", **PLACING)
    widget = viewer.window.add_plugin_dock_widget("napari-ecc-align", "Align images")[1]
    widget.pair.reference.value = widget.pair.moving.value = viewer.layers["film"]
    widget.model.value = "smooth"
    return viewer, widget, film


def same(one, other):
    places = np.random.default_rng(0).uniform(2, 16, (20, 3))
    return bool(np.abs(one(places) - other(places)).max() < 1e-3)


def test_a_film_of_volumes_that_bends_is_shown_kept_undone_and_given_to_labels(
    form, finish, qtbot, tmp_path, monkeypatch
):
    viewer, widget, film = form
    assert widget.plan.value.startswith("Film of 3 volumes, 20 planes of 1 µm")
    widget.run()
    finish(widget)
    run = widget.after.run
    assert run.verdict == "aligned", run.reason()
    assert all(map(same, run.transforms, FIELDS))
    aligned = result(viewer).data
    for number, field in enumerate(run.transforms):
        inner = (slice(3, -3),) * 3
        assert np.array_equal(aligned[number][inner], warp_volume(film[number], field)[inner])
    rows = {row.label: row.after for row in run.rows()}
    assert rows["bends up to, voxels"] == "2" and rows["uncertainty, voxels"] == "0.1"
    for view in ("difference", "overlay", "checkerboard"):
        widget.after.next.stack_view.value = view
        finish(widget)
        assert result(viewer, view).data.shape[:4] == film.shape, view
    table = [*csv.DictReader(io.StringIO(run.drift_table()))]
    middle = (np.array(SHAPE[::-1]) - 1) / 2
    assert float(table[2]["dx_px"]) == pytest.approx((FIELDS[2](middle) - middle)[0])
    assert float(table[2]["bends_up_to_px"]) == pytest.approx(2, abs=0.02)
    from napari_ecc_align._gui.results.drift_plot import drift_canvas

    shift, bends = drift_canvas(run, dark=False).figure.axes
    assert shift.get_ylabel() == "shift, µm" and bends.get_ylabel() == "bends,\nvoxels"
    assert bends.lines[0].get_ydata() == pytest.approx([0, 1, 2], abs=0.02)
    run.save(tmp_path / "film.npz")
    assert all(map(same, load_volume_transforms(tmp_path / "film.npz"), FIELDS))
    np.save(tmp_path / "film.npy", film)
    monkeypatch.chdir(tmp_path)
    script = widget.after.copy_script()
    assert "align_volume_stack(" in script and "model='smooth'" in script
    repeated = {}
    exec(script, repeated)
    assert repeated["stack"].verdicts == ["aligned"] * 3

    label = np.kron(np.arange(60, dtype=np.uint8).reshape(3, 4, 5), np.ones((7, 6, 6), np.uint8))
    label = label[: SHAPE[0], :, : SHAPE[2]]
    viewer.add_labels(np.stack([label] * 3), name="cells", **PLACING)
    apply = viewer.window.add_plugin_dock_widget("napari-ecc-align", "Apply transform")[1]
    apply.layers.value = [viewer.layers["cells"]]
    # From the record of the aligned layer, and from the file.
    apply.run()
    qtbot.waitUntil(lambda: not apply.running, timeout=120_000)
    expected = warp_volume(label, run.transforms[2], interpolation="nearest")
    assert np.array_equal(viewer.layers["cells aligned"].data[2], expected)
    apply.load(tmp_path / "film.npz")
    assert "3 frames" in apply.message.value
    apply.save(tmp_path / "again.npz")
    assert len(load_volume_transforms(tmp_path / "again.npz")) == 3
    viewer.layers.remove("cells aligned")
    viewer.layers.remove("cells")
    widget.after.undo()
    assert [layer.name for layer in viewer.layers] == ["film"]
    widget.after.redo()
    assert result(viewer).data.shape == film.shape


def test_a_lazy_film_that_bends_stays_lazy(form, finish):
    import dask.array as da

    viewer, widget, film = form
    viewer.layers["film"].data = da.from_array(film, chunks=(1, 10, 12, 14))
    widget.run()
    finish(widget)
    lazy = result(viewer).data
    assert isinstance(lazy, da.Array) and lazy.shape == film.shape
    inner = (slice(3, -3),) * 3
    third = warp_volume(film[2], widget.after.run.transforms[2])
    assert np.array_equal(np.asarray(lazy[2])[inner], third[inner])
