"""The moving image afterwards: resampled over the reference or moved, and how that came about."""

import json

import dask.array as da
import numpy as np
import pytest
from awkward import (
    HOMOGRAPHY,
    MOVING,
    POINTS,
    REFERENCE,
    SHAPE,
    TRANSFORM,
    centres,
    moving_points,
    pair,
    pixel_size,
    resampled_over,
    world,
)
from napari.components import ViewerModel
from napari.layers import Image, Layer

from napari_ecc_align import InputError, align
from napari_ecc_align._gui.layers.aligned_layers import move_layer
from napari_ecc_align._gui.layers.attributes import is_result
from napari_ecc_align._gui.layers.snapshots import snapshot
from napari_ecc_align._gui.layers.world import grid_from, grid_record, layer_grid
from napari_ecc_align._gui.runs.provenance import plain, provenance
from napari_ecc_align._images.sources import is_lazy
from pairs import known_pair, random_transform

NOTE = {"verdict": "aligned"}


@pytest.fixture
def viewer():
    viewer = ViewerModel()
    for layer in pair():
        viewer.add_layer(layer)
    return viewer


def snapshots(viewer):
    return tuple(snapshot(viewer.layers[name], viewer) for name in ("first", "second"))


def resampled(viewer):
    return Layer.create(*resampled_over(*snapshots(viewer), TRANSFORM, NOTE))


def test_moved_and_resampled_agree_to_a_hundredth_of_a_pixel(viewer):
    reference, moving = viewer.layers
    result = resampled(viewer)
    move_layer(moving, TRANSFORM, layer_grid(reference), NOTE)
    there = world(moving, centres(moving.data, moving_points()))
    gap = np.linalg.norm(world(result, centres(result.data, POINTS)) - there, axis=1)
    print(f"resampled and moved differ by {gap.max() / pixel_size():.5f} px")
    assert gap.max() < 0.01 * pixel_size()
    np.testing.assert_allclose(
        world(moving, moving_points()), world(reference, POINTS), rtol=0, atol=1e-9
    )


def test_a_move_is_undone(viewer):
    reference, moving = viewer.layers
    before, metadata = moving.affine.affine_matrix.copy(), dict(moving.metadata)
    undone, moved = move_layer(moving, TRANSFORM, layer_grid(reference), NOTE)
    assert not np.allclose(moving.affine.affine_matrix, before)
    assert moving.metadata["napari-ecc-align"]["moved"]["from"] == before.tolist()
    assert not is_result(moving)
    undone.put(moving)
    np.testing.assert_array_equal(moving.affine.affine_matrix, before)
    assert moving.metadata == metadata
    moved.put(moving)
    assert not np.allclose(moving.affine.affine_matrix, before)


def test_a_layer_that_was_dragged_meanwhile_still_lands_on_the_reference(viewer):
    reference, moving = viewer.layers
    moving.translate = (123, 456)
    move_layer(moving, TRANSFORM, layer_grid(reference), NOTE)
    np.testing.assert_allclose(
        world(moving, moving_points()), world(reference, POINTS), rtol=0, atol=1e-9
    )


def test_a_stack_moves_as_a_whole(viewer):
    reference, moving = viewer.layers
    affine, turn, shear = np.eye(4), np.eye(3), np.eye(3)
    affine[1:, 1:], turn[1:, 1:], shear[1:, 1:] = MOVING["affine"], moving.rotate, moving.shear
    placing = {
        "scale": (5, *MOVING["scale"]),
        "translate": (3, *MOVING["translate"]),
        "rotate": turn,
        "shear": shear,
        "affine": affine,
        "units": ("s", "nm", "nm"),
    }
    stack = viewer.add_image(np.stack([moving.data] * 3), **placing)
    move_layer(stack, TRANSFORM, layer_grid(reference), NOTE)
    places = np.column_stack([np.arange(4) % 3, moving_points()])
    found = world(stack, places)
    np.testing.assert_allclose(found[:, 1:], world(reference, POINTS), rtol=0, atol=1e-9)
    np.testing.assert_allclose(found[:, 0], 3 + 5 * places[:, 0])


def test_a_homography_is_not_moved(viewer):
    before = viewer.layers["second"].affine.affine_matrix.copy()
    with pytest.raises(InputError, match="resample it"):
        move_layer(viewer.layers["second"], HOMOGRAPHY, layer_grid(viewer.layers["first"]), NOTE)
    np.testing.assert_array_equal(viewer.layers["second"].affine.affine_matrix, before)


class Watched:
    """A lazy image that counts the pixels that are read."""

    def __init__(self, shape):
        self.shape, self.dtype, self.ndim, self.read = shape, np.dtype(np.uint16), 2, 0

    def __getitem__(self, key):
        rows, columns = (
            len(range(*part.indices(side))) for part, side in zip(key, self.shape, strict=True)
        )
        self.read += rows * columns
        return np.zeros((rows, columns), np.uint16)


def test_a_pyramid_stays_a_lazy_pyramid_that_nobody_has_read():
    viewer = ViewerModel()
    sides = (20_000, 10_000, 5000, 2500, 1250, 625)
    watched = [Watched((side, side)) for side in sides]
    levels = [da.from_array(level, chunks=512, asarray=False) for level in watched]
    options = {"multiscale": True, "contrast_limits": (0, 1000)}
    viewer.add_image(levels, name="first", scale=(0.5, 0.5), units="um", **options)
    viewer.add_image(levels, name="second", colormap="magma", **options)
    taken = snapshots(viewer)
    before = [level.read for level in watched]
    data, keywords, _ = resampled_over(*taken, TRANSFORM, NOTE)
    assert [level.shape for level in data][:3] == [(20_000,) * 2, (10_000,) * 2, (5000,) * 2]
    assert all(isinstance(level, da.Array) and is_lazy(level) for level in data)
    assert [level.read for level in watched[:-1]] == before[:-1]
    layer = viewer.add_image(data, **keywords)
    assert layer.multiscale
    assert layer.colormap.name == "magma"
    assert [str(unit) for unit in layer.units] == ["micrometer"] * 2
    np.asarray(layer.data[0][:500, :500])
    assert watched[0].read < 20_000**2 / 100


@pytest.mark.parametrize(
    "image",
    [
        np.zeros(SHAPE, bool),
        np.full(SHAPE, 60_000, np.uint16),
        np.full(SHAPE, 0.5, np.float32),
        np.zeros((*SHAPE, 3), np.uint8),
        np.zeros((*SHAPE, 4), np.uint8),
    ],
    ids=["bool", "16-bit", "float", "rgb", "rgba"],
)
def test_any_image_keeps_its_type(viewer, image):
    viewer.layers.remove("second")
    layer = viewer.add_image(image, name="second", **MOVING)
    result = resampled(viewer)
    assert result.data.dtype == image.dtype
    assert result.rgb == layer.rgb
    assert result.data.shape[2:] == image.shape[2:]


def test_the_provenance_is_enough_to_repeat_the_run():
    viewer = ViewerModel()
    known = known_pair("camera", random_transform(5, "affine", SHAPE, size=3), shape=SHAPE)
    fixed = viewer.add_image(known.reference, name="first", **REFERENCE)
    viewer.add_image(np.stack([known.moving] * 2), name="second")
    viewer.dims.set_point(0, 1)
    taken = snapshots(viewer)
    result = align(taken[0].source, taken[1].source, model="affine", precision=0.03)
    note = provenance(
        *taken,
        {"model": "affine", "precision": 0.03},
        result,
        initial=TRANSFORM,
        region={"reference": None},
    )
    assert json.loads(json.dumps(note, allow_nan=False)) == note
    assert note["layers"]["moving"]["index"] == [1]
    assert note["layers"]["moving"]["shape"] == [2, *SHAPE]
    assert note["initial"]["matrix"] == TRANSFORM.matrix.tolist()
    grid = grid_from(**note["layers"]["reference"]["grid"])
    np.testing.assert_array_equal(grid.matrix, layer_grid(fixed).matrix)
    again = align(known.reference, known.moving, **note["parameters"])
    assert again.transform.matrix.tolist() == note["matrix"]


def test_what_json_has_not_becomes_plain():
    assert plain({"a": np.float32("inf"), 3: (np.int8(1), np.nan), "t": TRANSFORM}) == {
        "a": None,
        "3": [1, None],
        "t": {"matrix": TRANSFORM.matrix.tolist(), "model": "affine"},
    }


def test_a_grid_comes_back_from_its_record():
    grid = layer_grid(pair()[0])
    back = grid_from(**json.loads(json.dumps(grid_record(grid))))
    over = Image(np.zeros(SHAPE), **back.placement)
    np.testing.assert_allclose(world(over, POINTS), world(pair()[0], POINTS), rtol=0, atol=1e-12)
    assert (back.units, back.axis_labels, back.shape) == (grid.units, grid.axis_labels, grid.shape)
