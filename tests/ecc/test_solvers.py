"""Solvers and refinement on pairs whose motion is known."""

import numpy as np
import pytest

from napari_ecc_align import Transform
from napari_ecc_align._common.steps import outcome_of
from napari_ecc_align._ecc.gauss_newton import Convergence, Step, pseudoinverse
from napari_ecc_align._ecc.inner_level import inner_solver
from napari_ecc_align._ecc.motion import PlaneMotion
from napari_ecc_align._ecc.normal_equations import LinearisedBlocks
from napari_ecc_align._ecc.options import SearchOptions
from napari_ecc_align._ecc.refine import Refiner
from napari_ecc_align._ecc.solver import BlockSolver, without_noise
from napari_ecc_align._ecc.whole_level import WholeLevelSolver, WholeReference, plane_rows
from napari_ecc_align._images.pyramid.blocks import tile_reference
from napari_ecc_align._images.pyramid.halving import image_pyramid
from napari_ecc_align._images.pyramid.tile_sampler import TileSampler
from napari_ecc_align._images.pyramid.whole_blocks import whole_moving, whole_reference
from napari_ecc_align._transform.coordinates import corner_error, shift
from napari_ecc_align._transform.matrices import MOTION_MODELS
from napari_ecc_align._transform.models import MODELS, Frame
from pairs import known_pair, random_transform

SHAPE = (128, 144)


def solver_of(kind, model, known, sign=1):
    reference = image_pyramid(known.reference)[0]
    moving = image_pyramid(sign * known.moving)[0]
    blocks = outcome_of(whole_reference(reference, 16))
    sample = outcome_of(whole_moving(moving, SHAPE, 16))
    options = {"epsilon": 1e-9, "least": 0.1}
    motion = PlaneMotion(MODELS[model], Frame(SHAPE))
    if kind == "whole level":
        rows = plane_rows(blocks, motion.model, motion.frame)
        return WholeLevelSolver(motion, WholeReference(rows, blocks.valid), sample, **options)
    solver = BlockSolver(
        motion,
        lambda some, seen: LinearisedBlocks(some, motion.model, motion.frame, seen),
        **options,
    )
    solver.add(blocks, sample)
    return solver


@pytest.mark.parametrize("kind", ["blocks", "whole level"])
@pytest.mark.parametrize("model", MOTION_MODELS)
def test_a_small_motion_is_found_in_every_model(kind, model):
    known = known_pair("camera", random_transform(4, model, SHAPE, size=1.5), shape=SHAPE)
    solver = solver_of(kind, model, known)
    solution = outcome_of(solver.run(np.eye(3), iterations=60, tolerance=1e-4))
    assert solution.converged
    assert solution.ecc > 0.99
    assert solution.gain > 0
    error = corner_error(solution.matrix, known.truth.matrix, SHAPE)
    assert error < 0.05
    assert error < 5 * solution.corner_uncertainty + 0.02
    assert Transform(solution.matrix, model=model).model == model


@pytest.mark.parametrize("model", MOTION_MODELS)
def test_the_inside_of_a_level_leads_where_all_of_it_leads(model):
    known = known_pair("camera", random_transform(4, model, SHAPE, size=1.5), shape=SHAPE)
    reference, moving = (image_pyramid(one)[0] for one in (known.reference, known.moving))
    blocks = outcome_of(whole_reference(reference, 16))
    solver = inner_solver(reference, moving, blocks, SearchOptions(model=model), np.eye(3))
    solution = outcome_of(solver.run(np.eye(3), iterations=60, tolerance=1e-4))
    assert solution.converged
    assert solution.ecc > 0.99
    assert corner_error(solution.matrix, known.truth.matrix, SHAPE) < 0.06
    # One block knows nothing of how certain that is.
    assert solution.corner_uncertainty == np.inf


def test_what_starts_beyond_the_inside_of_a_level_or_counts_in_part_has_no_inside():
    known = known_pair("camera", Transform(np.eye(3)), shape=SHAPE)
    reference, moving = (image_pyramid(one)[0] for one in (known.reference, known.moving))
    blocks, options = outcome_of(whole_reference(reference, 16)), SearchOptions()
    assert inner_solver(reference, moving, blocks, options, shift(10, -10)) is not None
    assert inner_solver(reference, moving, blocks, options, shift(11, 0)) is None
    assert inner_solver(reference, moving, blocks, options, shift(np.nan, 0)) is None
    some = np.ones(SHAPE, bool)
    some[:, :5] = False
    masked = image_pyramid(known.moving, some)[0]
    assert inner_solver(reference, masked, blocks, options, np.eye(3)) is None
    assert inner_solver(masked, moving, blocks, options, np.eye(3)) is None


def test_blocks_taken_to_be_seen_are_left_out_where_they_are_not():
    known = known_pair("camera", Transform(shift(0.7, -0.4)), shape=SHAPE)
    hidden = known.moving.astype(np.float32)
    hidden[:, 100:] = np.nan
    reference, moving = (image_pyramid(one)[0] for one in (known.reference, hidden))
    origins = np.array([[8, 8], [48, 8], [8, 48], [48, 48], [8, 88], [92, 48]], np.float64)
    found = []
    for seen in (False, True):
        solver = BlockSolver(
            PlaneMotion(MODELS["translation"], Frame(SHAPE)),
            lambda some, used: LinearisedBlocks(some, MODELS["translation"], Frame(SHAPE), used),
            epsilon=1e-9,
            least=0.1,
        )
        blocks = tile_reference(reference, origins, 32)
        solver.add(blocks, TileSampler(moving, origins, 32), seen=seen)
        found.append(outcome_of(solver.run(np.eye(3), iterations=60, tolerance=1e-4)))
    assert corner_error(found[1].matrix, known.truth.matrix, SHAPE) < 0.05
    assert np.array_equal(found[0].matrix, found[1].matrix)


def test_noise_is_taken_off_as_far_as_a_tenth_of_each_direction():
    rng = np.random.default_rng(0)
    root = rng.normal(size=(3, 3))
    normal = root @ root.T + np.eye(3)
    little = 0.3 * normal + 0.01 * np.eye(3)
    assert np.allclose(without_noise(normal, little), normal - little)
    assert np.allclose(without_noise(normal, 5 * normal), normal / 10)
    assert np.allclose(without_noise(normal, -normal), normal)


@pytest.mark.parametrize("kind", ["blocks", "whole level"])
def test_a_negative_has_a_negative_gain(kind):
    known = known_pair("camera", random_transform(4, "affine", SHAPE, size=1.5), shape=SHAPE)
    solver = solver_of(kind, "affine", known, sign=-1)
    solution = outcome_of(solver.run(np.eye(3), iterations=60, tolerance=1e-4))
    assert solution.gain < 0 and solution.ecc < -0.99
    assert corner_error(solution.matrix, known.truth.matrix, SHAPE) < 0.05


@pytest.mark.parametrize("kind", ["blocks", "whole level"])
def test_without_overlap_nothing_is_solved(kind):
    known = known_pair("camera", random_transform(4, "affine", SHAPE), shape=SHAPE)
    away = np.array([[1, 0, 500], [0, 1, 0], [0, 0, 1.0]])
    solution = outcome_of(solver_of(kind, "affine", known).run(away, iterations=5, tolerance=1e-4))
    assert np.isnan(solution.ecc) and not solution.converged
    assert solution.corner_uncertainty == np.inf
    assert np.array_equal(solution.matrix, away)


def test_a_pause_follows_every_iteration():
    known = known_pair("camera", random_transform(4, "affine", SHAPE, size=1.5), shape=SHAPE)
    solver = solver_of("blocks", "affine", known)
    pauses = []
    solution = outcome_of(solver.run(np.eye(3), iterations=60, tolerance=1e-4), pauses.append)
    assert len(pauses) == solution.iterations


@pytest.mark.parametrize("precision", [0.2, 0.02])
def test_the_refiner_reaches_the_stated_precision(precision):
    shape = (300, 320)
    known = known_pair("astronaut", random_transform(2, "affine", shape, size=4.0), shape=shape)
    pyramids = [image_pyramid(image) for image in (known.reference, known.moving)]
    refiner = Refiner(*pyramids, SearchOptions(precision=precision), representation="intensity")
    refined = outcome_of(refiner.fine(outcome_of(refiner.coarse(np.eye(3)))))
    assert refined.uncertainty < 1.1 * precision
    assert corner_error(refined.matrix, known.truth.matrix, shape) < 4 * precision


def test_steps_that_shrink_have_converged_before_they_are_small():
    convergence = Convergence(0.0, 0.1)
    assert not convergence.reached(1.0, 0.5)
    assert not convergence.reached(0.5, 0.6)
    # All that would follow a step of 0.05, each a tenth of the one before.
    assert convergence.reached(0.05, 0.7)


def test_no_more_correlation_is_convergence_too():
    convergence = Convergence(1e-3, 0.0)
    assert not convergence.reached(1.0, 0.5)
    assert convergence.reached(1.0, 0.5005)


def test_steps_that_stay_long_diverge():
    convergence = Convergence(0.0, 0.0)
    convergence.reached(3.0, 0.1)
    assert not convergence.diverges(10)
    assert convergence.diverges(25)


def test_a_silent_direction_is_not_moved():
    normal = np.diag([4.0, 2.0, 0.0])
    np.testing.assert_allclose(pseudoinverse(normal), np.diag([0.25, 0.5, 0]), atol=1e-12)


def test_the_sandwich_is_the_covariance_of_repeated_fits():
    rng = np.random.default_rng(0)
    design = rng.normal(size=(200, 5, 2))
    normals = design.transpose(0, 2, 1) @ design
    scores = (design.transpose(0, 2, 1) @ rng.normal(0, 0.5, (200, 5, 1)))[..., 0]
    normal = normals.sum(0)
    delta = np.linalg.solve(normal, scores.sum(0))
    step = Step(normals, scores, normal, delta, np.ones((8, 2)), ecc=0.0, gain=1.0)
    covariance, _ = step.uncertainty
    np.testing.assert_allclose(covariance, 0.25 * np.linalg.inv(normal), rtol=0.25, atol=3e-5)
