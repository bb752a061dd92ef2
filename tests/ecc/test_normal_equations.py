"""The equations against explicit Jacobians, finite differences, and explicit sums."""

import numpy as np
import pytest
from analytic import (
    BLOCK,
    FRAME,
    MODEL_NAMES,
    blocks,
    displaced,
    intensity,
    jacobian,
    moving,
    pixels,
)

from napari_ecc_align._ecc import moments
from napari_ecc_align._ecc.kept_blocks import KeptBlocks
from napari_ecc_align._ecc.normal_equations import LinearisedBlocks, combined, withdrawn
from napari_ecc_align._ecc.whole_level import WholeReference, plane_rows
from napari_ecc_align._transform.models import MODELS


def holes():
    """Return which pixels are seen, some of each block not."""
    seen = np.random.default_rng(1).random(pixels().shape[:-1]) > 0.3
    seen[:, :3] = False
    return seen


@pytest.fixture(params=MODEL_NAMES)
def model(request):
    return MODELS[request.param]


@pytest.fixture
def planes(model):
    """Return values, Jacobian and moving image of every pixel."""
    return intensity(pixels()), jacobian(model), moving()


@pytest.fixture(params=[False, True], ids=["all pixels", "holes"])
def seen(request):
    return holes() if request.param else None


def test_per_block_they_are_those_of_dense_least_squares(model, planes, seen):
    image = moving() if seen is None else np.where(seen, moving(), 0)
    fit = LinearisedBlocks(blocks(), model, FRAME, seen).fit(image)
    every = np.ones(pixels().shape[:-1], bool) if seen is None else seen
    projected, targets = [], []
    for block, (normal, score, gain) in enumerate(
        zip(fit.normals, fit.scores, fit.gains, strict=True)
    ):
        values, slopes, sampled = (plane[block][every[block]] for plane in planes)
        light = np.stack([values, np.ones(len(values))], axis=1)
        fitted = np.linalg.lstsq(light, np.column_stack([slopes, sampled]), rcond=None)[0]
        left = np.column_stack([slopes, sampled]) - light @ fitted
        left_slopes, left_image = left[:, :-1], left[:, -1]
        scale = np.abs(slopes.T @ slopes).max()
        np.testing.assert_allclose(normal, left_slopes.T @ left_slopes, atol=2e-3 * scale)
        np.testing.assert_allclose(score, left_slopes.T @ left_image, atol=2e-3 * scale)
        assert gain == pytest.approx(fitted[0, -1], abs=0.02)
        projected.append(left_slopes)
        targets.append(left_image)
    expected = np.linalg.lstsq(np.concatenate(projected), np.concatenate(targets), rcond=None)[0]
    found = np.linalg.solve(fit.normals.sum(0), fit.scores.sum(0))
    np.testing.assert_allclose(found, expected, rtol=0.01, atol=1e-4)


def test_of_a_whole_level_they_are_those_of_dense_least_squares(model, planes, seen):
    image = moving() if seen is None else np.where(seen, moving(), 0)
    level = WholeReference(plane_rows(blocks(), model, FRAME), None).linearised(seen)
    scores, gain, ecc = level.fit(image)
    every = np.ones(pixels().shape[:-1], bool) if seen is None else seen
    values, slopes, sampled = (plane[every] for plane in planes)
    design = np.column_stack([slopes, values, np.ones(len(values))])
    expected = np.linalg.lstsq(design, sampled, rcond=None)[0][: model.n_parameters]
    np.testing.assert_allclose(level.inverse @ scores.sum(0), expected, rtol=0.01, atol=1e-4)
    light = np.stack([values, np.ones(len(values))], axis=1)
    assert gain == pytest.approx(np.linalg.lstsq(light, sampled, rcond=None)[0][0], rel=1e-3)
    assert ecc == pytest.approx(np.corrcoef(values, sampled)[0, 1], abs=1e-4)
    assert level.count == every.sum()


def test_scores_are_the_slope_of_the_sum_of_squares(model):
    """As the reference is displaced, and gain and offset are fitted anew in each block."""
    image, at, step = moving().astype(float), pixels(), 1e-4

    def squares(delta):
        total = 0.0
        for values, sampled in zip(intensity(displaced(at, model, delta)), image, strict=True):
            light = np.stack([values.ravel(), np.ones(values.size)], axis=1)
            total += np.linalg.lstsq(light, sampled.ravel(), rcond=None)[1][0]
        return total

    fit = LinearisedBlocks(blocks(), model, FRAME, None).fit(moving())
    expected = -2 * (fit.gains[:, None] * fit.scores).sum(0)
    found = [
        (squares(delta) - squares(-delta)) / (2 * step)
        for delta in step * np.eye(model.n_parameters)
    ]
    np.testing.assert_allclose(found, expected, rtol=5e-3, atol=2e-3 * np.abs(expected).max())


def test_polarity_and_correlation_are_of_all_blocks_together():
    fit = LinearisedBlocks(blocks(), MODELS["affine"], FRAME, None).fit(-moving())
    equations = combined([fit])
    assert equations.gain < 0
    expected = np.corrcoef(intensity(pixels()).ravel(), -moving().ravel())[0, 1]
    assert equations.ecc == pytest.approx(expected, abs=1e-4)
    assert (equations.weights > 0).all()


def test_light_that_lies_against_all_of_an_image_does_not_make_it_a_negative():
    means = intensity(pixels()).mean(axis=(1, 2), keepdims=True)
    fit = LinearisedBlocks(blocks(), MODELS["affine"], FRAME, None).fit(
        np.float32(moving() - 5 * (means - means.mean()))
    )
    equations = combined([fit])
    assert equations.ecc < 0 < equations.gain


@pytest.mark.parametrize("degree", [1, 2])
def test_moments_are_sums_over_the_pixels(degree):
    planes = np.random.default_rng(0).normal(size=(3, BLOCK, BLOCK)).astype(np.float32)
    found = moments.table(planes, degree)
    u = (2 * np.arange(BLOCK) - (BLOCK - 1)) / BLOCK
    for i in range(degree + 1):
        for j in range(degree + 1):
            expected = (planes * (u[:, None] ** j * u**i)).sum(axis=(1, 2))
            np.testing.assert_allclose(found[:, j, i], expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("degree", [1, 2])
def test_local_monomials_carry_over_to_the_image(degree):
    centre, radius = np.array([0.3, -0.6]), 0.25
    (matrix,) = moments.shift(centre[None], radius, degree)
    local = np.array([0.4, -0.9])
    powers = moments.exponents(degree)
    here = np.array([local[0] ** i * local[1] ** j for i, j in powers])
    x, y = centre + radius * local
    np.testing.assert_allclose(matrix @ here, [x**i * y**j for i, j in powers])


def test_withdrawn_pixels_are_those_without_all_neighbours():
    seen = np.ones((1, 5, 5), bool)
    seen[0, 2, 2] = False
    expected = np.ones((5, 5), bool)
    expected[1:4, 1:4] = False
    assert np.array_equal(withdrawn(seen)[0], expected)


def test_those_that_are_kept_for_many_images_are_the_same(model):
    made, kept = (make(blocks(), model, FRAME) for make in (_all_seen, KeptBlocks))
    one, other = made.fit(moving()), kept.fit(moving())
    for name in ("normals", "scores", "gains", "variances", "pair", "square"):
        expected = np.asarray(getattr(one, name))
        found, atol = getattr(other, name), 1e-4 * np.abs(expected).max()
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=atol, err_msg=name)
    alone = [
        np.corrcoef(block.ravel(), image.ravel())[0, 1]
        for block, image in zip(blocks().values, moving(), strict=True)
    ]
    np.testing.assert_allclose(other.correlations, alone, atol=1e-3)


def test_the_noise_of_gradients_is_what_they_leave_of_those_of_the_image():
    made = LinearisedBlocks(blocks(), MODELS["translation"], FRAME, None)
    gains = made.fit(moving()).gains
    own = blocks().slopes[:, :, 1:-1, 1:-1].astype(float)
    theirs = np.stack(np.gradient(moving().astype(float), axis=(2, 1)))[:, :, 1:-1, 1:-1]
    left = gains[:, None, None] * own - theirs
    xx, yy = ((own[k] * left[k]).sum(axis=(1, 2)) for k in (0, 1))
    xy = (own[0] * left[1] + own[1] * left[0]).sum(axis=(1, 2)) / 2
    # At the border of a block they are taken to be alike.
    share = FRAME.radius**2 * (BLOCK / (BLOCK - 2)) ** 2
    expected = share * np.moveaxis(np.array([[xx, xy], [xy, yy]]), 2, 0)
    found = made.noise(moving(), gains)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3 * np.abs(expected).max())


def _all_seen(of, model, frame):
    return LinearisedBlocks(of, model, frame, None)
