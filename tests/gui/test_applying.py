"""A transform on any layer: what lay on the moving image lies on the reference."""

import dask.array as da
import numpy as np
import pytest
from awkward import (
    HOMOGRAPHY,
    MOVING,
    POINTS,
    TRANSFORM,
    blobs,
    centres,
    moving_points,
    pair,
    pixel_size,
    world,
)
from napari.layers import Image, Labels, Layer, Points, Shapes, Surface, Tracks, Vectors

from napari_ecc_align import InputError, Transform
from napari_ecc_align._gui.layers.apply_transform import Application, apply_to_layer, moved_affine
from napari_ecc_align._gui.layers.world import layer_grid

BOTH = pytest.mark.parametrize("transform", [TRANSFORM, HOMOGRAPHY], ids=["affine", "homography"])
HUNDREDTH = 0.01 * pixel_size()


@pytest.fixture
def grids():
    reference, moving = pair()
    return layer_grid(reference), layer_grid(moving)


def there(layer, grids, transform=TRANSFORM, **options):
    return Layer.create(*apply_to_layer(layer, Application(transform, *grids, **options)))


def on_reference():
    return world(pair()[0], POINTS)


@BOTH
def test_a_resampled_image_lies_right_to_a_hundredth_of_a_pixel(transform):
    reference, moving = pair(transform)
    result = there(moving, (layer_grid(reference), layer_grid(moving)), transform)
    np.testing.assert_array_equal(world(result, POINTS), world(reference, POINTS))
    assert result.units == reference.units
    assert result.axis_labels == reference.axis_labels
    gap = np.abs(centres(result.data, POINTS) - POINTS)
    # A homography does not map the centre of a blob to the centre of its picture.
    assert gap.max() < (0.01 if transform is TRANSFORM else 0.05)


def test_a_moved_layer_agrees_with_the_resampled_one_to_a_hundredth_of_a_pixel(grids):
    moving = pair()[1]
    result = there(moving, grids)
    moving.affine = moved_affine(moving, Application(TRANSFORM, *grids))
    found = world(moving, centres(moving.data, moving_points()))
    resampled = world(result, centres(result.data, POINTS))
    assert np.linalg.norm(found - resampled, axis=1).max() < HUNDREDTH
    assert np.linalg.norm(world(moving, moving_points()) - on_reference(), axis=1).max() < 1e-9


def test_moving_needs_no_grid_of_the_moving_image_if_it_is_the_layer_itself(grids):
    moving = pair()[1]
    np.testing.assert_array_equal(
        moved_affine(moving, Application(TRANSFORM, grids[0])),
        moved_affine(moving, Application(TRANSFORM, *grids)),
    )


@BOTH
def test_points_move_exactly(grids, transform):
    points = Points(moving_points(transform), **MOVING, size=[1, 2, 3, 4])
    result = there(points, grids, transform)
    np.testing.assert_allclose(world(result, result.data), on_reference(), rtol=0, atol=1e-9)
    np.testing.assert_array_equal(result.size, points.size)


def test_points_may_lie_in_a_layer_of_their_own_kind(grids):
    moving = pair()[1]
    places = world(moving, moving_points()) * 1e-6
    metres = Points((places - 2e-6) / 1e-7, scale=(1e-7, 1e-7), translate=(2e-6, 2e-6), units="m")
    result = there(metres, grids)
    np.testing.assert_allclose(world(result, result.data) * 1e6, on_reference(), atol=1e-9)


@BOTH
def test_the_inverse_brings_them_back(grids, transform):
    points = Points(moving_points(transform), **MOVING)
    back = there(there(points, grids, transform), grids, transform, inverse=True)
    np.testing.assert_allclose(back.data, points.data, rtol=0, atol=1e-8)


def test_the_inverse_lays_the_reference_on_the_moving_image(grids):
    reference, moving = pair()
    result = there(reference, grids, inverse=True)
    assert result.data.shape == moving.data.shape
    places = moving_points()
    np.testing.assert_array_equal(world(result, places), world(moving, places))
    assert np.abs(centres(result.data, places) - places).max() < 0.01
    reference.affine = moved_affine(reference, Application(TRANSFORM, *grids, inverse=True))
    np.testing.assert_allclose(world(reference, POINTS), world(moving, places), atol=1e-9)


def test_points_of_a_stack_keep_their_frame(grids):
    frames = np.arange(4.0)
    data = np.column_stack([frames, moving_points()])
    stack = Points(data, scale=(5, 1, 1), translate=(2, 0, 0), units=("s", "nm", "nm"))
    plain = layer_grid(Points(data[:, 1:], units="nm"))
    result = there(stack, (grids[0], plain))
    np.testing.assert_allclose(result.data[:, 0], frames, atol=1e-12)
    np.testing.assert_allclose(world(result, result.data)[:, 1:], on_reference(), atol=1e-9)


def test_labels_keep_their_values(grids):
    moving = pair()[1]
    labels = Labels((moving.data > 0.5).astype(np.uint16) * 777, **MOVING, opacity=0.3)
    result = there(labels, grids)
    assert set(np.unique(result.data)) == {0, 777}
    assert result.data.dtype == np.uint16
    assert result.opacity == 0.3
    np.testing.assert_array_equal(
        result.data[tuple(np.rint(POINTS).astype(int).T)], np.full(len(POINTS), 777)
    )


def test_vectors_turn_and_grow_with_the_image(grids):
    begin, end = moving_points()[:-1], moving_points()[1:]
    vectors = Vectors(np.stack([begin, end - begin], axis=1), **MOVING)
    result = there(vectors, grids)
    tips = result.data[:, 0] + result.data[:, 1]
    np.testing.assert_allclose(world(result, result.data[:, 0]), on_reference()[:-1], atol=1e-4)
    np.testing.assert_allclose(world(result, tips), on_reference()[1:], atol=1e-4)


def test_tracks_move_within_their_frames(grids):
    data = np.column_stack([[1, 1, 2, 2], [0, 1, 0, 1], moving_points()])
    plain = layer_grid(Points(moving_points(), units="nm"))
    tracks = Tracks(data, units=("s", "nm", "nm"))
    result = there(tracks, (grids[0], plain))
    np.testing.assert_array_equal(result.data[:, :2], data[:, :2])
    np.testing.assert_allclose(world(result, result.data[:, 1:])[:, 1:], on_reference(), atol=1e-9)


def test_surfaces_move_by_their_vertices(grids):
    surface = Surface((moving_points(), np.array([[0, 1, 2], [1, 2, 3]])), **MOVING)
    result = there(surface, grids)
    np.testing.assert_allclose(world(result, result.data[0]), on_reference(), atol=1e-9)


def test_a_polygon_moves_by_its_vertices(grids):
    shapes = Shapes([moving_points()], shape_type="polygon", edge_color="red", **MOVING)
    result = there(shapes, grids)
    # napari keeps vertices in single precision.
    np.testing.assert_allclose(world(result, result.data[0]), on_reference(), atol=1e-4)
    assert result.shape_type == ["polygon"]


def test_a_sheared_rectangle_is_a_polygon_and_a_turned_one_is_a_rectangle():
    box = np.array([[10, 10], [10, 40], [30, 40], [30, 10]])
    shapes = Shapes([box], shape_type="rectangle")
    grid = layer_grid(Image(np.zeros((60, 60))))
    turn = Transform([[0, -1, 59], [1, 0, 0], [0, 0, 1]], model="euclidean")
    shear = Transform([[1, 0.2, 0], [0, 1, 0], [0, 0, 1]])
    assert there(shapes, (grid, grid), turn).shape_type == ["rectangle"]
    assert there(shapes, (grid, grid), shear).shape_type == ["polygon"]


@pytest.mark.parametrize("transform", [TRANSFORM, HOMOGRAPHY], ids=["affine", "homography"])
def test_an_ellipse_covers_what_it_covered(transform):
    plain = layer_grid(Image(np.zeros((200, 200))))
    grids = plain, plain
    box = np.array([[80, 70], [80, 120], [110, 120], [110, 70]])
    result = there(Shapes([box], shape_type="ellipse"), grids, transform)
    assert result.shape_type == ["ellipse" if transform is TRANSFORM else "polygon"]
    angle = np.linspace(0, 2 * np.pi, 40)
    rim = np.column_stack([95 + 15 * np.sin(angle), 95 + 25 * np.cos(angle)])
    moved = there(Points(rim), grids, transform).data
    covered = result.to_masks((200, 200))[0]
    middle = moved.mean(axis=0)
    inside = np.rint(middle + 0.94 * (moved - middle)).astype(int)
    outside = np.rint(middle + 1.07 * (moved - middle)).astype(int)
    assert (inside >= 0).all()
    assert covered[tuple(inside.T)].all()
    assert not covered[tuple(outside.T)].any()


def test_every_plane_of_a_stack_is_resampled_where_it_lies(grids):
    moving = pair()[1]
    stack = Image(
        np.stack([moving.data, 2 * moving.data]),
        scale=(5, 1, 1),
        translate=(7, 0, 0),
        units=("s", "nm", "nm"),
    )
    plain = layer_grid(Image(moving.data, units="nm"))
    result = there(stack, (grids[0], plain))
    assert result.data.shape == (2, 120, 140)
    np.testing.assert_allclose(world(result, np.array([1, 0, 0]))[0, 0], 12)
    for number, plane in enumerate(result.data):
        assert np.abs(centres(plane, POINTS) - POINTS).max() < 0.01
        at_frame = np.column_stack([np.full(4, number), POINTS])
        np.testing.assert_allclose(world(result, at_frame)[:, 1:], on_reference(), atol=1e-9)


def test_a_lazy_stack_stays_lazy(grids):
    stack = Image(da.zeros((3, 130, 110), chunks=(1, 50, 50), dtype=np.uint16))
    data, _, _ = apply_to_layer(stack, Application(TRANSFORM, grids[0]))
    assert isinstance(data, da.Array)
    assert (data.shape, data.dtype) == ((3, 120, 140), np.uint16)


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.uint16, np.float32, np.float64])
def test_dtypes_and_colours_stay(grids, dtype):
    image = (blobs(moving_points(), (130, 110)) * (1 if dtype is bool else 200)).astype(dtype)
    assert there(Image(image), grids).data.dtype == dtype
    if dtype is np.uint8:
        result = there(Image(np.stack([image] * 3, axis=-1), rgb=True), grids)
        assert result.rgb
        assert result.data.shape == (120, 140, 3)


def test_the_look_is_kept(grids):
    moving = pair()[1]
    moving.colormap, moving.gamma, moving.opacity = "magma", 0.7, 0.4
    moving.contrast_limits, moving.blending = (0.1, 0.6), "additive"
    moving.interpolation2d = "cubic"
    result = there(moving, grids)
    for name in ("gamma", "opacity", "contrast_limits", "blending", "interpolation2d"):
        assert getattr(result, name) == getattr(moving, name)
    assert result.colormap.name == "magma"
    assert result.name == "second aligned"


def test_a_homography_cannot_be_a_move(grids):
    with pytest.raises(InputError, match="resample it, or align with the affine model"):
        moved_affine(pair()[1], Application(HOMOGRAPHY, grids[0]))


def test_bare_pixels_are_taken_as_their_numbers():
    reference = Image(np.zeros((50, 50)), scale=(0.5, 0.5), units="um")
    points = Points([[3.0, 4.0]])
    grid = layer_grid(reference)
    shift = Transform([[1, 0, 10], [0, 1, 0], [0, 0, 1]], model="translation")
    result = there(points, (grid, grid), shift)
    np.testing.assert_allclose(result.data, [[3, -1]])
