"""What the layer functions give, in a real viewer: added, drawn, moved and taken back."""

import dask.array as da
import numpy as np
import pytest
from awkward import (
    MOVING,
    POINTS,
    REFERENCE,
    TRANSFORM,
    moving_points,
    pair,
    resampled_over,
    world,
)
from napari.layers import Layer

from napari_ecc_align import align
from napari_ecc_align._gui.layers.aligned_layers import move_layer
from napari_ecc_align._gui.layers.apply_transform import Application, apply_to_layer
from napari_ecc_align._gui.layers.regions import region_in_view
from napari_ecc_align._gui.layers.snapshots import snapshot
from napari_ecc_align._gui.layers.world import layer_grid
from napari_ecc_align._gui.results.residual_layer import residual_layer
from pairs import known_pair, random_transform


@pytest.fixture
def filled(viewer):
    for layer in pair():
        viewer.add_layer(layer)
    return viewer


def add(viewer, layer):
    return viewer.add_layer(Layer.create(*layer))


@pytest.mark.drawn
def test_what_the_canvas_draws_is_what_was_computed(filled):
    reference, moving = filled.layers
    move_layer(moving, TRANSFORM, layer_grid(reference), {})
    aligned = add(
        filled,
        resampled_over(snapshot(reference, filled), snapshot(moving, filled), TRANSFORM, {}),
    )
    canvas = filled.window._qt_viewer.canvas
    canvas._update_world_units()
    matrices = {
        name: canvas.layer_to_visual[layer]._master_transform.matrix
        for name, layer in (("first", reference), ("second", moving), ("aligned", aligned))
    }
    np.testing.assert_array_equal(matrices["aligned"], matrices["first"])

    def drawn(name, points):
        # The canvas counts x before y, and from the corner of a pixel.
        full = np.column_stack([points[:, ::-1] + 0.5, np.zeros(4), np.ones(4)])
        return (full @ matrices[name])[:, :2]

    size = np.ptp(drawn("first", POINTS), axis=0).max()
    gap = np.abs(drawn("second", moving_points()) - drawn("first", POINTS)).max()
    assert gap < 1e-4 * size


def test_every_kind_of_layer_can_be_added_after_a_transform(filled):
    reference, moving = filled.layers
    grids = layer_grid(reference), layer_grid(moving)
    box = np.array([[40, 30], [40, 80], [70, 80], [70, 30]])
    added = [
        filled.add_labels((moving.data > 0.5).astype(int), name="labels", **MOVING),
        filled.add_points(moving_points(), name="points", **MOVING),
        filled.add_shapes([box] * 2, shape_type=["ellipse", "rectangle"], name="s", **MOVING),
        filled.add_vectors(np.stack([moving_points()] * 2, axis=1), name="vectors", **MOVING),
    ]
    application = Application(TRANSFORM, *grids)
    results = [add(filled, apply_to_layer(layer, application)) for layer in added]
    assert [layer.name for layer in results] == [f"{layer.name} aligned" for layer in added]
    np.testing.assert_allclose(
        world(results[1], results[1].data), world(reference, POINTS), atol=1e-9
    )


def test_the_view_follows_the_camera(filled):
    reference = filled.layers["first"]
    filled.reset_view()
    assert region_in_view(filled).mask(layer_grid(reference)).all()
    filled.scene.camera.zoom *= 6
    share = region_in_view(filled).mask(layer_grid(reference)).mean()
    assert 0 < share < 0.5


def test_a_lazy_pyramid_is_drawn(viewer):
    side = 4096
    rows = np.add.outer(np.arange(side), np.arange(side)).astype(np.uint16)
    levels = [da.from_array(rows[::step, ::step], chunks=512) for step in (1, 2, 4, 8)]
    for name in ("first", "second"):
        viewer.add_image(levels, name=name, multiscale=True, contrast_limits=(0, 8192))
    taken = [snapshot(layer, viewer) for layer in viewer.layers]
    layer = add(viewer, resampled_over(*taken, TRANSFORM, {}))
    viewer.reset_view()
    assert layer.multiscale
    assert layer.data_level > 0
    assert np.asarray(layer._slice.image.view).any()


def test_residuals_of_a_run_are_drawn(viewer):
    known = known_pair("camera", random_transform(5, "affine", (250, 260)), shape=(250, 260))
    layer = viewer.add_image(known.reference, **REFERENCE)
    result = align(known.reference, known.moving)
    arrows = add(viewer, residual_layer(result, layer_grid(layer), {}))
    assert len(arrows.data) == len(result.tiles.displacements)
