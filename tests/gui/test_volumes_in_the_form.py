"""Two volumes in the form: the same buttons as for images, with z searched too."""

import numpy as np
import pytest
from results import result
from scipy import ndimage

from napari_ecc_align import VolumeTransform, align_volume, warp_volume

SHAPE = (32, 60, 64)
SCALE = (1.0, 0.5, 0.5)


def moved_pair(shift=(1.5, -2.25, 3.0), degrees=5.0):
    """Return a volume, another of the same turned about all axes, and how its voxels map."""
    rng = np.random.default_rng(4)
    # Twice as fine along z as the volumes, which are as long as they are wide.
    fine = ndimage.gaussian_filter(rng.random((2 * SHAPE[0] + 24, 84, 88)), 2)
    turn = np.deg2rad(degrees)
    cos, sin = np.cos(turn), np.sin(turn)
    about_z = np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]])
    about_y = np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]])
    matrix = np.eye(4)
    matrix[:3, :3] = about_z @ about_y
    middle = (np.array([2 * SHAPE[0], *SHAPE[1:]]) - 1) / 2
    matrix[:3, 3] = middle + shift - matrix[:3, :3] @ middle
    back = np.linalg.inv(matrix)
    thick = np.diag([2.0, 1, 1])
    reference, moving = (
        ndimage.affine_transform(fine, one[:3, :3] @ thick, one[:3, 3] + 12, SHAPE, order=3)
        for one in (np.eye(4), back)
    )
    sizes = np.diag([2.0, 1, 1, 1])
    return 1000 * reference, 1000 * moving, np.linalg.inv(sizes) @ matrix @ sizes


REFERENCE, MOVING, TRUTH = moved_pair()


@pytest.fixture(scope="module")
def expected():
    return align_volume(REFERENCE, MOVING, model="euclidean", spacing=SCALE)


@pytest.fixture
def form(viewer):
    placing = {"scale": SCALE, "units": ("um",) * 3, "axis_labels": ("z", "y", "x")}
    viewer.add_image(REFERENCE, name="first", translate=(0, 3, 4), **placing)
    viewer.add_image(MOVING, name="second", translate=(0, 3, 4), **placing)
    widget = viewer.window.add_plugin_dock_widget("napari-ecc-align", "Align images")[1]
    widget.model.value = "euclidean"
    return viewer, widget


def placed(layer):
    return np.array([layer.data_to_world(place) for place in ([0, 0, 0], [5, 6, 7])])


@pytest.mark.drawn
def test_two_volumes_are_aligned_compared_undone_and_repeated(
    form, finish, expected, tmp_path, monkeypatch, qtbot
):
    viewer, widget = form
    assert widget.plan.value == "Volume, 32 planes of 1 µm; z is searched."
    widget.run()
    finish(widget)
    told = widget.after.results.verdict.value
    assert "Aligned" in told and "tiles fit best where they lie" in told
    assert "uncertainty (x, y, z), µm" in widget.after.results.table.value
    aligned, reference = result(viewer), viewer.layers["first"]
    assert np.array_equal(aligned.data, warp_volume(MOVING, expected, fill=aligned.data[0, 0, 0]))
    inner = (slice(5, -5),) * 3
    assert np.corrcoef(aligned.data[inner].ravel(), REFERENCE[inner].ravel())[0, 1] > 0.99
    widget.after.undo()
    assert [layer.name for layer in viewer.layers] == ["first", "second"]
    widget.after.redo()
    assert len(viewer.layers) == 5
    for view in ("overlay", "checkerboard", "residuals"):
        widget.after.next.view.value = view
        finish(widget)
    roles = {layer.metadata["napari-ecc-align"]["role"]: layer for layer in viewer.layers[2:]}
    assert set(roles) == {
        "aligned", "difference", "binary difference", "overlay", "checkerboard", "residuals",
    }  # fmt: skip
    for layer in roles.values():
        assert np.allclose(placed(layer), placed(reference)) and layer.units == reference.units
    assert np.nanmean(roles["difference"].data) < 0.1 * np.abs(REFERENCE - MOVING).mean()
    arrows = roles["residuals"].data
    assert (arrows[:, 0] >= 0).all() and (arrows[:, 0] < SHAPE).all()
    viewer.dims.set_point(0, 7)
    qtbot.wait(50)
    assert not widget.after.past(), "another plane of the same result is on show"
    script = widget.after.copy_script()
    np.save(tmp_path / "first.npy", REFERENCE)
    np.save(tmp_path / "second.npy", MOVING)
    monkeypatch.chdir(tmp_path)
    repeated = {}
    exec(script, repeated)
    assert np.array_equal(repeated["result"].transform.matrix, expected.transform.matrix)
    widget.after.run.save(tmp_path / "t.tfm")
    saved = VolumeTransform.load(tmp_path / "t.tfm")
    assert np.array_equal(saved.matrix, expected.transform.matrix)
    viewer.layers["second"].translate = (1, 3, 4)
    qtbot.waitUntil(lambda: "the place of moving" in widget.after.past())


# napari's own, of which the verdict tells too.
@pytest.mark.filterwarnings("ignore:Non-orthogonal slicing")
def test_the_moved_layer_lies_where_the_resampled_one_does(form, finish, expected):
    viewer, widget = form
    widget.settings.output.value = "move"
    widget.run()
    finish(widget)
    assert "napari draws its slices as if it were not turned" in widget.after.results.verdict.value
    reference, moving = viewer.layers["first"], viewer.layers["second"]
    for place in ([0, 0, 0], [20, 3, 40], [11, 39, 0]):
        world = reference.data_to_world(place)
        there = expected.transform.to_moving(place[::-1])[::-1]
        assert np.allclose(moving.world_to_data(world), there, atol=1e-6)
    widget.after.undo()
    assert np.array_equal(placed(moving), placed(reference))


@pytest.mark.parametrize(
    ("units", "planes", "plan"),
    [
        ("um", 9, "Volume, 9 planes of 1 µm; z is searched. That the planes are depth is guessed"),
        ("um", 7, "Stack of 7 planes (axis 0): every plane to its own"),
        (None, 9, "Stack of 9 frames (axis 0): every frame to its own"),
        (("s", "um", "um"), 9, "Stack of 9 frames (axis 0): every frame to its own"),
    ],
)
def test_axes_without_names_are_depth_if_they_are_lengths_or_a_person_says_so(
    viewer, units, planes, plan
):
    for name in ("first", "second"):
        viewer.add_image(np.zeros((planes, 20, 20)), name=name, units=units)
    widget = viewer.window.add_plugin_dock_widget("napari-ecc-align", "Align images")[1]
    assert widget.plan.value.startswith(plan)
    words = [str(each) for each in widget.stack.frames.choices if each is not None]
    assert ("as one volume" in words) == (planes >= 8)
    if units is None:
        assert words[-1] == "as one volume"
        widget.stack.axes.value = ("planes",)
        assert widget.plan.value.startswith("Volume, 9 planes; z is searched. Voxels are taken")
        for layer in (widget.pair.reference.value, widget.pair.moving.value):
            layer.scale = (2.5, 1, 1)
        widget._tell_plan()
        assert widget.plan.value.startswith("Volume, 9 planes of 2.5; z is searched.")
        assert "cubes" not in widget.plan.value


def test_cancel_and_what_volumes_have_not_are_told_in_a_sentence(form, finish, qtbot):
    viewer, widget = form
    assert widget.settings.engine.native.isHidden()
    widget.run()
    widget.cancel()
    qtbot.waitUntil(lambda: not widget.running)
    assert "Cancelled" in widget.after.results.verdict.value and len(viewer.layers) == 2
    for change, said in (
        (lambda: setattr(widget.model, "value", "homography"), "volumes have the motion models"),
        (lambda: setattr(widget.settings.interpolation, "value", "lanczos"), "not lanczos"),
    ):
        change()
        widget.run()
        finish(widget)
        assert said in widget.after.results.verdict.value
        widget.model.value = "translation"
    # Sections are aligned plane by plane, as before.
    by_planes = [each for each in widget.stack.frames.choices if "every plane" in str(each)]
    widget.stack.frames.value = by_planes[0]
    assert "every plane to its own in the reference" in widget.plan.value
    assert not widget.settings.engine.native.isHidden()


def test_regions_and_points_of_volumes(form, finish, expected):
    viewer, widget = form
    stained = MOVING.copy()
    stained[:6, :12] = 5000
    viewer.layers["second"].data = stained
    placing = {"scale": SCALE, "translate": (0, 3, 4), "units": ("um",) * 3}
    counted = viewer.add_labels(np.ones(SHAPE, int), name="counted", **placing)
    counted.data[:6, :12] = 0
    places = np.array([[4.0, 6, 7], [4, 53, 50], [26, 8, 55], [22, 50, 6], [12, 20, 20]])
    there = places @ TRUTH[:3, :3].T + TRUTH[:3, 3]
    points = [viewer.add_points(each, ndim=3, **placing) for each in (places, there)]
    widget.where.moving_region.value = counted
    widget.where.start.value = "point pairs"
    widget.where.reference_points.value, widget.where.moving_points.value = points
    widget.run()
    finish(widget)
    run = widget.after.run
    assert run is not None, widget.after.results.verdict.value
    assert run.verdict == "aligned", run.reason()
    assert run.result.start == "initial"
    flip = np.eye(4)[[2, 1, 0, 3]]
    assert np.abs(flip @ run.result.transform.matrix @ flip - TRUTH).max() < 0.1
    box = [[[6.0, 5, 5], [6, 5, 40], [6, 35, 40], [6, 35, 5]]] * 2
    box[1] = [[plane + 10, *place] for plane, *place in box[1]]
    drawn = viewer.add_shapes(box, shape_type="rectangle", **placing)
    widget.where.region.value = drawn
    task = widget._task(viewer.layers["first"], viewer.layers["second"])
    mask = task.masks()["reference_mask"]
    assert np.flatnonzero(mask.any(axis=(1, 2))).tolist() == list(range(6, 17))
    assert mask[8, 20, 20] and not mask[8, 2, 20]


def test_other_layers_follow_in_three_axes(form, finish, expected, tmp_path, monkeypatch):
    viewer, widget = form
    placing = {"scale": SCALE, "translate": (0, 3, 4), "units": ("um",) * 3}
    cells = (np.percentile(MOVING, 95) < MOVING).astype(np.uint16) * 7
    labels = viewer.add_labels(cells, name="cells", **placing)
    places = np.array([[4.0, 6, 7], [20, 8, 35]])
    points = viewer.add_points(places, ndim=3, name="spots", **placing)
    dyes = viewer.add_image(np.stack([MOVING, 2 * MOVING]), name="dyes", scale=(1, *SCALE),
                            translate=(0, 0, 3, 4), units=("pixel", *["um"] * 3))  # fmt: skip
    flat = viewer.add_image(MOVING[0], name="flat")
    widget.run()
    finish(widget)
    apply = viewer.window.add_plugin_dock_widget("napari-ecc-align", "Apply transform")[1]
    apply.layers.value = [labels, points, dyes, flat]
    apply.run()
    finish_apply(apply)
    assert "3 layers added" in apply.message.value
    assert "'flat' has no planes" in apply.message.value or "&#x27;flat" in apply.message.value
    moved = viewer.layers["cells aligned"]
    assert np.array_equal(
        moved.data, warp_volume(cells, expected, interpolation="nearest")
    ) and np.allclose(placed(moved), placed(viewer.layers["first"]))
    there = expected.transform.to_reference(places[:, ::-1])[:, ::-1]
    assert np.allclose(viewer.layers["spots aligned"].data, there)
    both = viewer.layers["dyes aligned"].data
    assert both.shape == (2, *SHAPE) and np.allclose(both[1], 2 * both[0], atol=1e-3)
    apply.save(tmp_path / "t.csv")
    apply.load(tmp_path / "t.csv")
    assert "affine" in apply.message.value or "euclidean" in apply.message.value
    apply.reference.value = viewer.layers["first"]
    apply.layers.value = [labels]
    apply.run()
    finish_apply(apply)
    assert np.array_equal(viewer.layers["cells aligned [1]"].data, moved.data)


def finish_apply(form):
    from qtpy.QtWidgets import QApplication

    while form.running:
        QApplication.processEvents()


@pytest.mark.filterwarnings("ignore:Non-orthogonal slicing")
def test_volumes_too_large_for_memory_are_read_where_they_are_needed(
    viewer, finish, expected, monkeypatch
):
    import dask.array as da

    from napari_ecc_align._images.limits import LIMITS

    monkeypatch.setattr(LIMITS, "compared_pixels", 50_000)
    placing = {"scale": SCALE, "units": ("um",) * 3, "axis_labels": ("z", "y", "x")}
    for name, volume in (("first", REFERENCE), ("second", MOVING)):
        levels = [da.from_array(one, chunks=24) for one in (volume, volume[:, ::2, ::2])]
        viewer.add_image(levels, name=name, multiscale=True, **placing)
    widget = viewer.window.add_plugin_dock_widget("napari-ecc-align", "Align images")[1]
    widget.model.value = "euclidean"
    widget.run()
    finish(widget)
    told = widget.after.results.verdict.value
    assert "Aligned" in told and "too large to be counted here" in told
    aligned = result(viewer)
    assert aligned.multiscale and all(isinstance(level, da.Array) for level in aligned.data)
    assert np.allclose(placed(aligned), placed(viewer.layers["first"]))
    inner = (slice(5, -5),) * 3
    there = np.asarray(aligned.data[0])[inner]
    assert np.corrcoef(there.ravel(), REFERENCE[inner].ravel())[0, 1] > 0.99
    for view in ("difference", "binary difference", "overlay", "checkerboard"):
        widget.after.next.view.value = view
        finish(widget)
        shown = next(
            layer
            for layer in viewer.layers
            if layer.metadata.get("napari-ecc-align", {}).get("role") == view
        )
        assert all(isinstance(level, da.Array) for level in shown.data)
        assert np.allclose(placed(shown), placed(viewer.layers["first"]))
    region = viewer.add_labels(np.ones(SHAPE, int), name="counted", scale=SCALE)
    widget.where.moving_region.value = region
    widget.run()
    finish(widget)
    assert "Regions are for volumes that fit into memory" in widget.after.results.verdict.value


@pytest.mark.filterwarnings("ignore:Non-orthogonal slicing")
def test_lazy_volumes_that_fit_are_counted_and_drawn_where_somebody_looks(viewer, finish):
    import dask.array as da

    placing = {"scale": SCALE, "units": ("um",) * 3, "axis_labels": ("z", "y", "x")}
    viewer.add_image(REFERENCE, name="first", **placing)
    viewer.add_image(da.from_array(MOVING, chunks=24), name="second", **placing)
    widget = viewer.window.add_plugin_dock_widget("napari-ecc-align", "Align images")[1]
    widget.model.value = "euclidean"
    widget.run()
    finish(widget)
    assert "differing voxels" in widget.after.results.table.value
    before = widget.after.results.table.value
    for view in ("binary difference", "overlay"):
        widget.after.next.view.value = view
        finish(widget)
    roles = {layer.metadata["napari-ecc-align"]["role"]: layer for layer in viewer.layers[2:]}
    assert {"aligned", "binary difference", "overlay"} <= set(roles)
    assert all(isinstance(layer.data, da.Array) for layer in roles.values())
    shown = np.asarray(roles["binary difference"].data)
    widget.settings.threshold.method.value = "mean"
    finish(widget)
    assert widget.after.results.table.value != before, "counted anew by another threshold"
    widget.after.next.view.value = "binary difference"
    finish(widget)
    roles = {layer.metadata["napari-ecc-align"]["role"]: layer for layer in viewer.layers[2:]}
    assert (np.asarray(roles["binary difference"].data) != shown).any()


# napari's own, of which the verdict tells too.
@pytest.mark.filterwarnings("ignore:Non-orthogonal slicing")
def test_two_volumes_are_judged_as_they_lie(form, finish, tmp_path, monkeypatch):
    viewer, widget = form
    widget.judge()
    finish(widget)
    told = widget.after.results.verdict.value
    assert "Failed" in told and "from where the transform puts them" in told, told
    assert not widget.steps.freer.visible and not widget.steps.drag.visible
    script = widget.after.copy_script()
    np.save(tmp_path / "first.npy", REFERENCE)
    np.save(tmp_path / "second.npy", MOVING)
    monkeypatch.chdir(tmp_path)
    repeated = {}
    exec(script, repeated)
    assert repeated["result"].verdict == "failed" and repeated["result"].judged
    widget.settings.output.value = "move"
    widget.run()
    finish(widget)
    place = np.array(viewer.layers["second"].affine.affine_matrix)
    widget.judge()
    finish(widget)
    assert "Aligned" in widget.after.results.verdict.value
    assert np.array_equal(viewer.layers["second"].affine.affine_matrix, place)


@pytest.mark.filterwarnings("ignore:Non-orthogonal slicing")
def test_the_moving_volume_snaps_into_place_while_the_search_runs(form, finish, expected):
    viewer, widget = form
    moving = viewer.layers["second"]
    seen = []
    moving.events.affine.connect(lambda _: seen.append(np.array(moving.affine.affine_matrix)))
    widget.run()
    finish(widget)
    assert np.array_equal(moving.affine.affine_matrix, np.eye(4)), "it is back where it was"
    assert len(seen) > 1
    there = np.array(viewer.layers["first"].data_to_world([16.0, 30, 32]))
    by = seen[-2]
    shown = (by[:3, :3] @ moving.data_to_world(
        expected.transform.to_moving((32.0, 30, 16))[::-1]) + by[:3, 3])  # fmt: skip
    assert np.linalg.norm(shown - there) < 1


def test_the_background_of_a_lazy_volume_is_told_from_all_its_faces(monkeypatch):
    import dask.array as da

    from napari_ecc_align._gui.layers.resampling import large_volume
    from napari_ecc_align._images.warping import Resampling

    volume = np.full((9, 13, 11), 40, np.uint8)
    volume[:, :, 0] = 200
    shift = np.eye(4)
    shift[2, 3] = 20
    moved = large_volume(
        da.from_array(volume), VolumeTransform(shift), volume.shape, Resampling("linear")
    )
    assert (np.asarray(moved) == 40).all()
