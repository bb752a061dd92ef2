"""Residuals as arrows: where they lie, how long they are, and what they are coloured by."""

from dataclasses import replace

import numpy as np
import pytest
from awkward import REFERENCE
from napari.layers import Image, Layer
from skimage import data

from napari_ecc_align import InputError, align
from napari_ecc_align._gui.layers.world import layer_grid
from napari_ecc_align._gui.results.residual_layer import residual_layer


@pytest.fixture(scope="module")
def result():
    image = data.camera()
    return align(image[:400, :500], image[3:403, 2:502], model="translation")


@pytest.fixture(scope="module")
def reference():
    return Image(data.camera()[:400, :500], **REFERENCE)


def test_arrows_lie_over_the_reference_with_their_true_size(result, reference):
    layer = Layer.create(*residual_layer(result, layer_grid(reference), {"a": 1}))
    x, y, dx, dy = result.tiles.displacements.T
    np.testing.assert_array_equal(layer.data[:, 0], np.column_stack([y, x]))
    np.testing.assert_array_equal(layer.data[:, 1], np.column_stack([dy, dx]))
    np.testing.assert_array_equal(layer.features["size"], np.hypot(dx, dy))
    assert len(layer.features["uncertainty"]) == len(x)
    for point in layer.data[:5, 0]:
        assert layer.data_to_world(point) == reference.data_to_world(point)
    assert layer.units == reference.units
    assert layer.edge_color_mode == "colormap"
    assert layer.metadata["napari-ecc-align"] == {"a": 1}


@pytest.mark.parametrize(("size", "factor"), [(0.01, 2000), (0.5, 50), (30.0, 1)])
def test_small_arrows_are_drawn_longer_by_a_round_factor(result, reference, size, factor):
    residuals = np.tile([50.0, 60.0, size, 0.0], (8, 1))
    tiles = replace(result.tiles, tested=8, displacements=residuals, uncertainties=np.full(8, 0.1))
    known = replace(result, tiles=tiles)
    grid = layer_grid(reference)
    assert residual_layer(known, grid, {})[1]["length"] == factor


def test_no_residuals_no_layer(result, reference):
    with pytest.raises(InputError, match="no residuals"):
        residual_layer(replace(result, tiles=None), layer_grid(reference), {})
