"""The bands in which the splines of a field are solved, of frames of any aspect."""

import numpy as np
import pytest

from napari_ecc_align._ecc.field.system import DEGREE, Lattice, Splines


@pytest.mark.parametrize("shape", [(30, 70), (70, 30), (40, 40)])
def test_a_band_is_as_wide_as_the_shorter_side_and_says_what_cells_do(shape):
    rng = np.random.default_rng(0)
    splines = Splines(*(Lattice.over(length, 8) for length in shape))
    places = [np.arange(0, length, 2.0) for length in shape]
    design = splines.rows.design(places[0]), splines.columns.design(places[1])
    xx, yy = rng.uniform(0.5, 1, (2, *map(len, places)))
    xy = 0.3 * rng.uniform(-1, 1, xx.shape)
    coefficients = rng.normal(size=np.prod(splines.shape))
    x, y = splines.values(design, coefficients)
    said = splines.gathered(design, np.stack([xx * x + xy * y, xy * x + yy * y]))
    band = splines.information(splines.pairs(design), np.stack([xx, xy, yy]))
    assert len(band) == 2 * DEGREE * (min(splines.shape[:2]) + 1) + 2
    product = band[0] * coefficients
    for k in range(1, len(band)):
        product[k:] += band[k, :-k] * coefficients[:-k]
        product[:-k] += band[k, :-k] * coefficients[k:]
    np.testing.assert_allclose(product, said, atol=1e-6 * abs(said).max())
    planes = splines.on_lattice(coefficients)
    assert planes.shape == (2, *splines.shape[:2])
    np.testing.assert_allclose(design[0] @ planes @ design[1].T, [x, y])
