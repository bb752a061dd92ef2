"""A small share of the pairs that invite a wrong *aligned*, and what is counted of them."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

sys.path.insert(0, str(Path(__file__).parent))

from contestants import phase_correlation, simple_itk
from inviting import distance, verdicts
from inviting_kinds import KINDS, inviting_pair
from scenes import grid, moved, shift


@pytest.mark.parametrize(
    ("kind", "seed"),
    [
        ("seal", 0),
        ("reticle_turned", 0),
        ("spoked_wheel", 2),
        ("enlarged_nearest", 1),
        ("equal_halves", 1),
        ("translation_of_turned", 0),
        ("tiny_others", 0),
    ],
)
def test_a_wrong_result_is_not_called_aligned(kind, seed):
    (ours,) = verdicts((kind, seed))
    assert not ours.right
    assert not ours.aligned, ours.reason


@pytest.mark.parametrize(
    ("kind", "seed"),
    [
        ("drawn_grid", 0),
        ("pixel_art", 0),
        ("gel", 2),
        ("dic_two_ways", 1),
        ("tickets", 1),
        ("speckled_print", 1),
        ("petri_dish", 0),
    ],
)
def test_a_right_result_that_looks_doubtful_is_called_aligned(kind, seed):
    (ours,) = verdicts((kind, seed))
    assert ours.right
    assert ours.aligned, ours.reason


@pytest.mark.parametrize("kind", ["swirl", "carpet", "clock_face"])
def test_the_truth_lays_one_image_on_the_other(kind):
    pair = inviting_pair(kind, 0)
    points = moved(pair.truth, grid(pair.reference.shape))
    moving = pair.moving.astype(np.float64)
    laid = ndimage.map_coordinates(moving, np.moveaxis(points[..., ::-1], -1, 0), cval=np.nan)
    seen = np.isfinite(laid)
    assert np.corrcoef(laid[seen], pair.reference[seen])[0, 1] > 0.97


def test_a_pair_is_the_same_whenever_it_is_made():
    first, again, other = (inviting_pair("dust", seed) for seed in (3, 3, 4))
    assert np.array_equal(first.moving, again.moving)
    assert first.moving.shape != other.moving.shape
    assert len(KINDS) > 150


def test_an_answer_near_one_of_two_motions_is_right():
    pair = inviting_pair("petri_dish", 1)
    dish = np.eye(3)
    colonies = pair.truth
    assert min(distance(dish, motion, (9, 9)) for motion in (colonies, *pair.others)) == 0
    assert distance(dish, colonies, pair.reference.shape) > 5


def test_a_bent_motion_is_as_far_as_it_is_between_the_corners():
    def bulge(points):
        x, y = points[..., :1] / 100, points[..., 1:] / 100
        return points + 40 * x * (1 - x) * y * (1 - y) * (1, 0)

    assert distance(np.eye(3), shift(3, 4), (101, 101)) == pytest.approx(5)
    assert 1 < distance(np.eye(3), bulge, (101, 101)) < 2


def test_who_states_his_error_does_not_mislead():
    (made,) = verdicts(("tiny_others", 0))
    sure = replace(made, verdict="aligned", error=2.0, sigma=0.1)
    assert sure.misleading
    assert not replace(sure, sigma=0.7).misleading
    assert not replace(sure, error=0.9).misleading
    assert replace(sure, error=np.inf, sigma=100.0).misleading
    assert not replace(sure, verdict="doubtful").misleading


@pytest.mark.parametrize("tool", [phase_correlation, simple_itk])
def test_the_matrices_of_other_tools_map_reference_to_moving(tool):
    if tool is simple_itk:
        pytest.importorskip("SimpleITK")
    scene = inviting_pair("plain_scene", 2)
    reference, moving = scene.reference[:160, :160], scene.moving[:160, :160]
    assert distance(tool(reference, moving, "translation"), scene.truth, (160, 160)) < 0.6
