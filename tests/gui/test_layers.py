"""Placement: results lie over the reference in the world, whatever its transforms are."""

import json

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image

from napari_ecc_align import Transform
from napari_ecc_align._common.errors import InputError
from napari_ecc_align._gui.layers.snapshots import snapshot
from napari_ecc_align._gui.layers.world import layer_grid, start_between

AWKWARD = {
    "scale": (0.5, 0.3),
    "translate": (17, -4),
    "rotate": 15,
    "shear": (0.1,),
    "affine": [[1.1, 0.2, 3], [-0.1, 0.9, 5], [0, 0, 1]],
    "units": ("um", "um"),
    "axis_labels": ("y", "x"),
}
DATA = np.random.default_rng(0).random((40, 60))
CORNERS = np.array([[0, 0], [39, 0], [0, 59], [39, 59], [12.5, 31.25]])


def world(layer, points):
    return np.array([layer.data_to_world(point) for point in points])


def start_of(reference, moving):
    return start_between(layer_grid(reference), layer_grid(moving))


def test_a_copy_of_the_placement_lies_exactly_over_an_awkward_layer():
    layer = Image(DATA, **AWKWARD)
    copy = Image(DATA, **layer_grid(layer).placement)
    np.testing.assert_array_equal(world(copy, CORNERS), world(layer, CORNERS))
    assert copy.units == layer.units
    assert copy.axis_labels == layer.axis_labels
    np.testing.assert_array_equal(copy.scale, layer.scale)


@pytest.mark.filterwarnings("ignore:Non-orthogonal slicing")
def test_a_plane_of_an_awkward_stack_lies_over_it():
    stack = Image(
        np.zeros((5, 40, 60)),
        scale=(2, 0.5, 0.3),
        translate=(1, 2, 3),
        rotate=(10, 20, 30),
        shear=(0.1, 0.2, 0.3),
        units=("um",) * 3,
    )
    plane = Image(DATA, **layer_grid(stack).placement)
    at_zero = np.hstack([np.zeros((len(CORNERS), 1)), CORNERS])
    np.testing.assert_allclose(
        world(plane, CORNERS), world(stack, at_zero)[:, 1:], rtol=0, atol=1e-12
    )
    assert plane.units == stack.units[1:]


def test_layers_that_lie_pixel_on_pixel_need_no_start():
    assert start_of(Image(DATA, **AWKWARD), Image(DATA, **AWKWARD)) is None


def test_the_start_is_where_the_layers_lie_in_the_world():
    reference, moving = Image(DATA, **AWKWARD), Image(DATA, scale=(2, 3), translate=(1, 1))
    start = start_of(reference, moving)
    for row, column in CORNERS:
        x, y = start.to_moving((column, row))
        np.testing.assert_allclose(
            moving.data_to_world((y, x)), reference.data_to_world((row, column)), atol=1e-9
        )


def test_a_start_from_an_asymmetric_pair_has_x_before_y():
    moved = Image(DATA, translate=(0, 7))
    start = start_of(Image(DATA), moved)
    assert np.allclose(start.matrix[:2, 2], [-7, 0])
    assert isinstance(start, Transform)


def test_a_stack_gives_the_plane_on_show_in_its_own_index():
    viewer = ViewerModel()
    data = np.random.default_rng(0).random((6, 40, 60))
    layer = viewer.add_image(data, scale=(2, 1, 1), translate=(3, 0, 0))
    viewer.dims.set_point(0, 3 + 2 * 4)
    assert np.array_equal(snapshot(layer, viewer).data, data[4])
    viewer.dims.order = (1, 0, 2)
    with pytest.raises(InputError, match="last two"):
        snapshot(layer, viewer)


def test_a_multiscale_layer_gives_its_full_resolution():
    viewer = ViewerModel()
    layer = viewer.add_image([DATA, DATA[::2, ::2]], multiscale=True)
    assert snapshot(layer, viewer).data.shape == DATA.shape


def test_a_colour_stack_gives_a_colour_plane():
    viewer = ViewerModel()
    layer = viewer.add_image(np.zeros((4, 40, 60, 3), np.uint8), rgb=True)
    assert snapshot(layer, viewer).data.shape == (40, 60, 3)


def test_provenance_is_plain_json(widget, viewer, finish):
    widget.run()
    finish(widget)
    for role in ("aligned", "difference", "binary difference"):
        note = viewer.layers[f"second → first: {role}"].metadata["napari-ecc-align"]
        assert json.loads(json.dumps(note)) == note
        assert note["verdict"] == "aligned"
        assert (note["reference"], note["moving"]) == ("first", "second")
        assert note["parameters"]["model"] == "affine"
