"""Regions: what is drawn somewhere in the world, as a mask on an image's own pixels."""

import json

import dask.array as da
import numpy as np
import pytest
from awkward import MOVING, MOVING_SHAPE, REFERENCE, SHAPE, pair
from napari.components import ViewerModel
from napari.layers import Image, Labels, Points, Shapes

from napari_ecc_align import InputError, align
from napari_ecc_align._gui.layers.regions import region_in_view, region_of
from napari_ecc_align._gui.layers.world import grid_from, in_units, layer_grid
from napari_ecc_align._gui.runs.provenance import plain
from pairs import known_pair, random_transform

BOX = np.array([[30, 20], [30, 70], [80, 70], [80, 20]]) + 0.4


def expected(grid, own, covers):
    """Return which pixel centres of a grid `covers` accepts, given as points of `own`."""
    rows, columns = np.mgrid[: grid.shape[0], : grid.shape[1]]
    pixels = np.stack([rows, columns, np.ones(grid.shape)], axis=-1)
    there = pixels @ (np.linalg.inv(in_units(own, grid.units)) @ grid.matrix).T
    return covers(there[..., 0], there[..., 1])


def in_box(rows, columns):
    return (rows > 30.4) & (rows < 80.4) & (columns > 20.4) & (columns < 70.4)


def in_ellipse(rows, columns):
    return np.hypot(rows - 55.4, columns - 45.4) < 25


def nearly(mask, truth):
    return mask.any() and (mask != truth).sum() <= 0.01 * truth.sum() + 4


@pytest.mark.parametrize(
    ("kind", "covers"), [("rectangle", in_box), ("polygon", in_box), ("ellipse", in_ellipse)]
)
def test_shapes_drawn_on_either_awkward_image_mark_the_same_place(kind, covers):
    reference, moving = pair()
    for placing in (REFERENCE, MOVING):
        shapes = Shapes([BOX], shape_type=kind, **placing)
        own = layer_grid(shapes)
        for layer in (reference, moving):
            grid = layer_grid(layer)
            truth = expected(grid, own, covers)
            if truth.any():
                assert nearly(region_of(shapes).mask(grid), truth)


def test_on_its_own_image_a_region_covers_the_very_pixels():
    for layer, placing in zip(pair(), (REFERENCE, MOVING), strict=True):
        mask = region_of(Shapes([BOX], shape_type="rectangle", **placing)).mask(layer_grid(layer))
        truth = np.zeros(layer.data.shape, bool)
        truth[31:81, 21:71] = True
        np.testing.assert_array_equal(mask, truth)


def test_several_shapes_add_up_and_lines_do_not_count():
    line = np.array([[0, 0], [100, 100]])
    shapes = Shapes([BOX, line, BOX + 30], shape_type=["rectangle", "line", "polygon"])
    grid = grid_from(np.eye(3), SHAPE)
    both = in_box(*np.mgrid[:120, :140]) | in_box(*(np.mgrid[:120, :140] - 30))
    assert nearly(region_of(shapes).mask(grid), both)


@pytest.mark.parametrize("kind", [Labels, Image])
@pytest.mark.parametrize("lazy", [False, True])
def test_painted_pixels_of_another_scale(kind, lazy):
    painted = np.zeros((70, 60), np.uint8)
    painted[15:40, 10:35] = 3
    data = da.from_array(painted, chunks=16) if lazy else painted
    layer = kind(data, scale=(2, 2), translate=(0.5, 0.5), units="nm")
    mask = region_of(layer).mask(grid_from(np.eye(3), SHAPE, ("nm", "nm")))
    truth = np.zeros(SHAPE, bool)
    truth[30:80, 20:70] = True
    np.testing.assert_array_equal(mask, truth)


def test_shapes_of_a_stack_count_in_their_frame():
    flat = np.column_stack([np.full(4, 2.0), BOX])
    shapes = Shapes([flat], shape_type="rectangle")
    grid = grid_from(np.eye(3), SHAPE)
    assert region_of(shapes, (2,)).mask(grid).sum() > 2000
    with pytest.raises(InputError, match="no closed shape here"):
        region_of(shapes, (0,))


def test_what_marks_nothing_is_refused_in_words():
    grid = grid_from(np.eye(3), SHAPE)
    with pytest.raises(InputError, match="draw a rectangle"):
        region_of(Shapes([BOX[:2]], shape_type="line"))
    with pytest.raises(InputError, match="draw a rectangle"):
        region_of(Shapes())
    with pytest.raises(InputError, match="paint what"):
        region_of(Labels(np.zeros((9, 9), int)))
    with pytest.raises(InputError, match="has no area"):
        region_of(Points([[1, 2]]))
    with pytest.raises(InputError, match="lies outside the image"):
        region_of(Shapes([BOX + 1000], shape_type="rectangle")).mask(grid)
    with pytest.raises(InputError, match="in colour"):
        region_of(Image(np.ones((9, 9, 3)), rgb=True))


def test_the_view_is_a_rectangle_of_the_world():
    viewer = ViewerModel()
    layer = viewer.add_image(np.zeros(SHAPE), scale=(2, 2), units="um")
    viewer.canvas.size = (100, 200)
    viewer.scene.camera.center, viewer.scene.camera.zoom = (0, 121.2, 141.2), 2.0
    mask = region_in_view(viewer).mask(layer_grid(layer))
    truth = np.zeros(SHAPE, bool)
    truth[49:74, 46:96] = True
    assert nearly(mask, truth)
    viewer.dims.ndisplay = 3
    with pytest.raises(InputError, match="switch to 2-D"):
        region_in_view(viewer)


def test_the_view_of_layers_in_mixed_units():
    viewer = ViewerModel()
    layer = viewer.add_image(np.zeros(SHAPE), units="um")
    viewer.add_image(np.zeros((9, 9)), units="nm")
    viewer.canvas.size = (100, 100)
    viewer.scene.camera.center, viewer.scene.camera.zoom = (0, 50_500, 50_500), 100 / 20_000
    mask = region_in_view(viewer).mask(layer_grid(layer))
    assert nearly(mask, np.pad(np.ones((20, 20), bool), ((41, 59), (41, 79))))


def test_a_large_mask_is_made_where_it_is_looked_at():
    shapes = Shapes([BOX * 200.0], shape_type="ellipse")
    grid = grid_from(np.eye(3), (20_000, 20_000))
    mask = region_of(shapes).mask(grid)
    assert not isinstance(mask, np.ndarray)
    rows, columns = slice(5900, 6500), slice(8500, 9500)
    part = mask[rows, columns]
    y, x = np.mgrid[rows, columns]
    truth = ((y - 11_080) / 5000) ** 2 + ((x - 9080) / 5000) ** 2 < 1
    # An ellipse is drawn as a polygon.
    assert (part != truth).mean() < 0.02
    with pytest.raises(InputError, match="outside"):
        region_of(Shapes([BOX - 9000.0], shape_type="ellipse")).mask(grid)


def test_a_region_decides_what_is_compared():
    truth = random_transform(3, "euclidean", SHAPE, size=3)
    known = known_pair("camera", truth, shape=(160, 160))
    rng = np.random.default_rng(0)
    spoiled = known.moving.copy()
    spoiled[:, 80:] = rng.uniform(0, 255, (160, 80))
    half = np.array([[0, 0], [0, 35], [80, 35], [80, 0]])
    shapes = Shapes([half], shape_type="rectangle", scale=(2, 2))
    grid = layer_grid(Image(known.reference))
    result = align(
        known.reference, spoiled, model="euclidean", reference_mask=region_of(shapes).mask(grid)
    )
    assert known.error_of(result.transform) < 0.2


@pytest.mark.parametrize("shape", [SHAPE, MOVING_SHAPE])
def test_a_region_has_a_record(shape):
    for layer in (Shapes([BOX], shape_type="ellipse"), Labels(np.ones(shape, int))):
        record = region_of(layer).record
        assert json.loads(json.dumps(plain(record))) == record
