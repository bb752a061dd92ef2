"""Between pixels, napari's world and the core's matrices: units, origins, planes of stacks."""

import numpy as np
import pytest
from awkward import POINTS, TRANSFORM, moving_points, pair, world
from napari.components import ViewerModel
from napari.layers import Image

from napari_ecc_align import InputError
from napari_ecc_align._gui.layers.snapshots import shown_index
from napari_ecc_align._gui.layers.world import (
    grid_from,
    layer_grid,
    start_between,
    unit_factors,
    units_note,
    world_change,
)

DATA = np.zeros((40, 60))


def grid(**placing):
    return layer_grid(Image(DATA, **placing))


def test_the_start_is_where_awkward_layers_of_other_units_lie():
    reference, moving = pair()
    start = start_between(layer_grid(reference), layer_grid(moving))
    there = start.to_moving(POINTS[:, ::-1])[:, ::-1]
    np.testing.assert_allclose(world(moving, there), world(reference, POINTS), rtol=0, atol=1e-9)


def test_a_change_of_the_world_brings_moving_points_to_the_reference():
    reference, moving = pair()
    change = world_change(TRANSFORM, layer_grid(reference), layer_grid(moving))
    there = np.column_stack([world(moving, moving_points()), np.ones(4)]) @ change.T
    np.testing.assert_allclose(there[:, :2], world(reference, POINTS), rtol=0, atol=1e-9)


@pytest.mark.parametrize("units", [("um", "nm"), ("nm", "um"), ("mm", "mm")])
def test_lengths_of_one_kind_are_converted(units):
    metres = {"nm": 1e-9, "um": 1e-6, "mm": 1e-3}
    expected = [metres[unit] / 1e-6 for unit in units]
    np.testing.assert_allclose(unit_factors(units, ("um", "um")), expected)
    assert units_note(grid(units=units), grid(units="um")) is None


def test_pixels_and_micrometres_are_bare_numbers_and_that_is_said():
    plain, measured = grid(scale=(2, 2)), grid(scale=(0.5, 0.5), units="um")
    np.testing.assert_allclose(start_between(measured, plain).matrix, np.diag([0.25, 0.25, 1]))
    assert "pixel" in units_note(measured, plain)
    assert "micrometer" in units_note(measured, plain)
    mixed = grid(units=("um", "s"))
    assert "micrometer and second" in units_note(mixed, measured)


def test_an_origin_far_away_costs_no_digits():
    stage = {"scale": (0.325, 0.325), "translate": (8.7e8, -3.1e9), "rotate": 30, "units": "nm"}
    start = start_between(grid(**stage), grid(**{**stage, "scale": (0.65, 0.65)}))
    far = np.array([20_000.0, 20_000.0])
    np.testing.assert_allclose(start.to_moving(far), far / 2, atol=2e-3)


@pytest.mark.filterwarnings("ignore:Non-orthogonal slicing")
def test_the_planes_of_a_sheared_stack_lie_where_napari_draws_them():
    viewer = ViewerModel()
    affine = [[2, 0, 0, 1], [3, 1, 0.5, 7], [-1, 0, 2, 9], [0, 0, 0, 1]]
    stack = viewer.add_image(np.zeros((5, 40, 60)), affine=affine)
    viewer.dims.set_point(0, 5)
    # What the canvas takes.
    drawn = stack._transforms.simplified.set_slice([1, 2]).affine_matrix
    np.testing.assert_allclose(layer_grid(stack).matrix, drawn)


def test_a_lower_triangular_shear_is_kept():
    layer = Image(DATA, shear=[[1, 0], [0.3, 1]], scale=(2, 3))
    copy = Image(DATA, **layer_grid(layer).placement)
    np.testing.assert_array_equal(world(copy, POINTS), world(layer, POINTS))


def test_the_plane_on_show_is_found_in_mixed_units():
    viewer = ViewerModel()
    stack = viewer.add_image(np.zeros((6, 40, 60)), scale=(2, 1, 1), units="um")
    viewer.add_image(np.zeros((6, 4, 4)), units="nm")
    viewer.dims.set_point(0, 8000)
    assert shown_index(stack, viewer) == (4,)


def test_a_grid_that_is_flat_is_refused():
    with pytest.raises(InputError, match="invertible"):
        grid_from(np.diag([1, 0, 1]), (3, 3))
