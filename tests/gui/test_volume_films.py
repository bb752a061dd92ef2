"""Films of volumes in the form: drift in three axes, and what people do with it."""

import csv
import io

import numpy as np
import pytest
from results import result
from scipy import ndimage

from napari_ecc_align import align_volume_stack, load_volume_transforms, warp_volume

SPACING = (1.0, 0.5, 0.5)
SHIFTS = np.array([[0, 0, 0], [0.5, -1, 1.5], [1.2, -2, 2.5], [-1.0, 1.6, 3]])
PLACING = {
    "scale": (1.0, *SPACING),
    "units": ("s", "um", "um", "um"),
    "axis_labels": ("t", "z", "y", "x"),
}


def volumes():
    rng = np.random.default_rng(6)
    world = ndimage.gaussian_filter(rng.random((46, 66, 72)), 1.7)
    world = 1000 * (world - world.min()) / np.ptp(world)
    moved = [ndimage.shift(world, -shift, order=3)[8:38, 10:56, 10:60] for shift in SHIFTS]
    return np.array(moved, np.float32)


FILM = volumes()


@pytest.fixture(scope="module")
def expected():
    return align_volume_stack(FILM, model="translation", spacing=SPACING)


@pytest.fixture
def form(viewer):
    viewer.add_image(FILM, name="film", **PLACING)
    widget = viewer.window.add_plugin_dock_widget("napari-ecc-align", "Align images")[1]
    widget.pair.reference.value = widget.pair.moving.value = viewer.layers["film"]
    widget.model.value = "translation"
    return viewer, widget


@pytest.mark.drawn
def test_a_film_of_volumes_is_laid_on_its_first_undone_and_repeated(
    form, finish, expected, tmp_path, monkeypatch, qtbot
):
    viewer, widget = form
    film = viewer.layers["film"]
    assert widget.plan.value.startswith(
        "Film of 4 volumes, 30 planes of 1 µm: every one to the first; z is searched."
    )
    widget.run()
    finish(widget)
    told = widget.after.results.verdict.value
    assert "Aligned" in told and "4 volumes: 4 aligned." in told
    assert "largest shift (x, y, z), µm" in widget.after.results.table.value
    aligned = result(viewer)
    assert aligned.data.shape == FILM.shape and aligned.units == film.units
    assert np.array_equal(aligned.affine.affine_matrix, film.affine.affine_matrix)
    assert np.array_equal(aligned.scale, film.scale)
    run = widget.after.run
    assert [one.matrix.tolist() for one in run.transforms] == [
        one.matrix.tolist() for one in expected.transforms
    ]
    inner = (slice(4, -4), slice(5, -5), slice(6, -6))
    for number, transform in enumerate(expected.transforms):
        warped = warp_volume(FILM[number], transform)
        assert np.array_equal(aligned.data[number][inner], warped[inner])
    viewer.dims.set_point(1, 9.0)
    viewer.dims.set_point(0, 2.0)
    qtbot.wait(50)
    assert not widget.after.past(), "another volume, or plane, of the same result is on show"
    for view in ("overlay", "difference", "binary difference", "checkerboard"):
        widget.after.next.stack_view.value = view
        finish(widget)
        drawn = result(viewer, view).data
        assert drawn.shape[:4] == FILM.shape, view
    difference = result(viewer, "difference").data
    assert np.nanmean(difference[1:]) < 0.2 * np.abs(FILM[1:] - FILM[0]).mean()
    script = widget.after.copy_script()
    np.save(tmp_path / "film.npy", FILM)
    monkeypatch.chdir(tmp_path)
    repeated = {}
    exec(script, repeated)
    assert [one.matrix.tolist() for one in repeated["transforms"]] == [
        one.matrix.tolist() for one in expected.transforms
    ]
    run.save(tmp_path / "t.json")
    assert len(load_volume_transforms(tmp_path / "t.json")) == 4
    widget.after.undo()
    assert [layer.name for layer in viewer.layers] == ["film"]
    widget.after.redo()
    assert result(viewer).data.shape == FILM.shape


def test_the_drift_is_a_table_and_a_plot_with_z(form, finish, tmp_path):
    viewer, widget = form
    viewer.layers["film"].data = np.concatenate([FILM, np.zeros_like(FILM[:1])])
    widget.run()
    finish(widget)
    run = widget.after.run
    assert "4 aligned, 1 failed" in run.reason()
    table = [*csv.DictReader(io.StringIO(run.drift_table()))]
    for axis, place in zip("zyx", range(3), strict=True):
        px = [float(row[f"d{axis}_px"]) for row in table[:4]]
        assert px == pytest.approx(-SHIFTS[:, place], abs=0.06)
        um = [float(row[f"d{axis}_micrometer"]) for row in table[:4]]
        assert um == pytest.approx(-SHIFTS[:, place] * SPACING[place], abs=0.06)
        assert all(0 <= float(row[f"sigma_{axis}_micrometer"]) < 0.05 for row in table[:4])
    assert [row["verdict"] for row in table] == ["aligned"] * 4 + ["failed"]
    assert table[4]["dz_px"] == "" and [float(row["turn_deg"]) for row in table[:4]] == [0] * 4
    from napari_ecc_align._gui.results.drift_plot import drift_canvas

    canvas = drift_canvas(run, dark=False)
    shift, turn = canvas.figure.axes
    assert [line.get_label() for line in shift.lines[:3]] == ["x", "y", "z"]
    assert shift.lines[2].get_ydata()[:4] == pytest.approx(-SHIFTS[:, 0] * SPACING[0], abs=0.06)
    assert shift.get_ylabel() == "shift, µm" and turn.get_xlabel() == "volume"
    assert len(shift.collections) == 3, "how far each is known"
    assert [patch.get_x() for patch in shift.patches] == [3.5], "what failed"
    widget.after.next.drift.changed.emit(True)
    assert "Drift" in viewer.window.dock_widgets


def test_a_film_is_laid_on_a_volume_of_another_layer(form, finish):
    viewer, widget = form
    placing = {key: value[1:] for key, value in PLACING.items()}
    first = viewer.add_image(FILM[0], name="first", translate=(2.0, 1.0, 0.0), **placing)
    widget.pair.reference.value = first
    widget.pair.moving.value = viewer.layers["film"]
    assert "Film of 4 volumes" in widget.plan.value and "to the reference" in widget.plan.value
    assert "Volumes cannot be moved" not in widget.plan.value
    widget.settings.output.value = "move"
    assert "Volumes cannot be moved one by one: they are resampled." in widget.plan.value
    widget.run()
    finish(widget)
    run = widget.after.run
    assert run is not None and run.verdict == "aligned", widget.after.results.verdict.value
    for shift, transform in zip(SHIFTS, run.transforms, strict=True):
        assert np.abs(transform.matrix[:3, 3] + shift[::-1]).max() < 0.1
    aligned = result(viewer)
    assert aligned.ndim == 4 and aligned.data.shape == FILM.shape
    there = aligned.data_to_world([2, 5, 6, 7])
    assert np.allclose(there[1:], first.data_to_world([5, 6, 7])) and there[0] == 2
    # From where they lay: the layers are 2 µm apart along z.
    assert run.drift()["z"] == pytest.approx(-SHIFTS[:, 0] - 2.0, abs=0.1)


@pytest.mark.parametrize("to", ["the one before", "the mean"])
def test_a_film_is_laid_on_its_mean_or_each_volume_on_the_one_before(
    form, finish, to, tmp_path, monkeypatch
):
    viewer, widget = form
    widget.stack.frames.value = next(
        each for each in widget.stack.frames.choices if str(each) == f"every volume to {to}"
    )
    assert f"planes of 1 µm: every one to {to}; z is searched." in widget.plan.value
    widget.run()
    finish(widget)
    run = widget.after.run
    assert run.verdict == "aligned", widget.after.results.verdict.value
    for shift, transform in zip(SHIFTS, run.transforms, strict=True):
        assert np.abs(transform.matrix[:3, 3] + shift[::-1]).max() < 0.1
    before = np.abs(np.diff(FILM, axis=0)).mean()
    for view in ("difference", "overlay"):
        widget.after.next.stack_view.value = view
        finish(widget)
        assert result(viewer, view).data.shape[:4] == FILM.shape, view
    assert np.nanmean(result(viewer, "difference").data[1:]) < 0.2 * before
    np.save(tmp_path / "film.npy", FILM)
    monkeypatch.chdir(tmp_path)
    repeated = {}
    exec(widget.after.copy_script(), repeated)
    assert [one.matrix.tolist() for one in repeated["transforms"]] == [
        one.matrix.tolist() for one in run.transforms
    ]


def test_channels_follow_and_other_layers_too(form, finish, expected, tmp_path):
    viewer, widget = form
    names = {
        "scale": (1.0, 1.0, *SPACING),
        "units": ("s", "pixel", "um", "um", "um"),
        "axis_labels": ("t", "c", "z", "y", "x"),
    }
    both = np.stack([FILM, 2 * FILM], axis=1)
    dyes = viewer.add_image(both, name="dyes", **names)
    cells = (FILM > 600).astype(np.uint8) * 3
    labels = viewer.add_labels(cells, name="cells", **PLACING)
    places = np.array([[0.0, 9, 20, 30], [2, 12, 18, 20], [3, 12, 18, 20]])
    points = viewer.add_points(places, ndim=4, name="spots", **PLACING)
    # A form with one image takes the next one that comes for the other.
    widget.pair.reference.value = widget.pair.moving.value = viewer.layers["film"]
    widget.run()
    finish(widget)
    apply = viewer.window.add_plugin_dock_widget("napari-ecc-align", "Apply transform")[1]
    apply.layers.value = [labels, points]
    apply.run()
    finish(apply_idle(apply))
    warped = viewer.layers["cells aligned"].data
    for number, transform in enumerate(expected.transforms):
        nearest = warp_volume(cells[number], transform, interpolation="nearest")
        assert np.array_equal(warped[number], nearest)
    moved = viewer.layers["spots aligned"].data
    for place, there in zip(places, moved, strict=True):
        back = expected.transforms[int(place[0])].to_reference(place[:0:-1])
        assert np.allclose(there, [place[0], *back[::-1]])
    widget.pair.reference.value = widget.pair.moving.value = dyes
    assert "(on show); channels move together; z is searched." in widget.plan.value
    widget.stack.channel.value = 1
    widget.run()
    finish(widget)
    data = result_of(viewer, "dyes").data
    assert data.shape == both.shape
    inner = (slice(None), slice(5, -5), slice(5, -5), slice(6, -6))
    assert np.allclose(data[:, 1][inner], 2 * data[:, 0][inner], atol=0.01)


def result_of(viewer, name):
    """Return the aligned layer of one film of several."""
    notes = [(layer, layer.metadata.get("napari-ecc-align", {})) for layer in viewer.layers]
    (found,) = [
        layer
        for layer, note in notes
        if note.get("role") == "aligned" and note.get("moving") == name
    ]
    return found


def apply_idle(apply):
    """Return the form as `finish` waits for it."""
    from types import SimpleNamespace

    class Waited:
        after = SimpleNamespace(busy=False)

        @property
        def running(self):
            return apply.running

    return Waited()


def test_cancel_leaves_nothing_and_keep_what_is_done(form, finish, qtbot):
    viewer, widget = form
    viewer.layers["film"].data = np.concatenate([FILM] * 5)
    widget.run()
    qtbot.waitUntil(lambda: widget.progress.value > 100, timeout=60_000)
    widget.cancel()
    qtbot.waitUntil(lambda: not widget.running)
    assert "Cancelled" in widget.after.results.verdict.value and len(viewer.layers) == 1
    widget.run()
    qtbot.waitUntil(lambda: widget.progress.value > 200, timeout=60_000)
    widget.keep()
    finish(widget)
    run = widget.after.run
    verdicts = run.results.verdicts
    done = verdicts.count("aligned")
    assert 1 < done < 20 and verdicts == ["aligned"] * done + ["cancelled"] * (20 - done)
    assert result(viewer).data.shape == (20, *FILM.shape[1:])


def test_a_volume_snaps_into_place_when_it_is_done(form, finish):
    viewer, widget = form
    film = viewer.layers["film"]
    viewer.dims.set_point(0, 2.0)
    seen = []
    film.events.affine.connect(lambda _: seen.append(np.array(film.affine.affine_matrix)))
    widget.run()
    finish(widget)
    assert np.array_equal(film.affine.affine_matrix, np.eye(5)), "it is back where it was"
    shown = seen[0][1:4, 4]
    assert shown == pytest.approx(SHIFTS[2] * SPACING, abs=0.05)


def test_lazy_films_stay_lazy_and_volume_regions_count(form, finish, expected):
    import dask.array as da

    viewer, widget = form
    viewer.layers["film"].data = da.from_array(FILM, chunks=(1, 16, 24, 24))
    widget.run()
    finish(widget)
    aligned = result(viewer).data
    assert isinstance(aligned, da.Array) and aligned.shape == FILM.shape
    inner = (slice(4, -4), slice(5, -5), slice(6, -6))
    third = np.asarray(aligned[2])[inner]
    assert np.allclose(third, warp_volume(FILM[2], expected.transforms[2])[inner], atol=0.01)
    counted = np.ones(FILM.shape[1:], int)
    counted[:, :12] = 0
    stained = FILM.copy()
    stained[1:, :, :8] = 3000
    viewer.layers["film"].data = stained
    region = viewer.add_labels(
        counted, name="counted", **{key: value[1:] for key, value in PLACING.items()}
    )
    widget.where.moving_region.value = widget.where.region.value = region
    widget.run()
    finish(widget)
    assert widget.after.run.verdict == "aligned", widget.after.run.reason()


@pytest.mark.parametrize("named", [True, False])
def test_what_is_a_film_of_volumes_is_read_or_said(viewer, named):
    placing = {"axis_labels": ("t", "z", "y", "x")} if named else {}
    layer = viewer.add_image(np.zeros((6, 9, 20, 20)), name="film", **placing)
    widget = viewer.window.add_plugin_dock_widget("napari-ecc-align", "Align images")[1]
    widget.pair.reference.value = widget.pair.moving.value = layer
    words = [str(each) for each in widget.stack.frames.choices if each is not None]
    assert words.index("every volume to the first") == (0 if named else len(words) - 3)
    if not named:
        widget.stack.frames.value = widget.stack.frames.choices[-3]
        assert "guessed; choose under axes" in widget.plan.value
    widget.model.value = "homography"
    assert widget.plan.value.startswith("Film of 6 volumes, 9 planes: every one to the first")
    assert not widget.settings.engine.native.isVisible()
    widget.stack.frames.value = next(
        each for each in widget.stack.frames.choices if "every frame to the first" in str(each)
    )
    assert "Stack of 6 frames" in widget.plan.value
