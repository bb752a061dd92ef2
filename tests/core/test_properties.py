"""What must hold for any pair, whatever the transform."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_ecc_align import (
    Transform,
    align,
    judge,
    polygon_mask,
    warp,
)
from napari_ecc_align._images.coverage import _covered_pixels
from napari_ecc_align._transform.coordinates import corner_error
from napari_ecc_align._transform.matrices import MOTION_MODELS
from pairs import known_pair, picture, random_transform

SHAPE = (180, 220)
seeds = st.integers(0, 10_000)
models = st.sampled_from(MOTION_MODELS)


def pair_of(seed, model, name="camera"):
    return known_pair(name, random_transform(seed, model, SHAPE, size=4.0), shape=SHAPE)


@settings(max_examples=12)
@given(seeds, models)
def test_swapping_reference_and_moving_inverts(seed, model):
    known = pair_of(seed, model)
    there = align(known.reference, known.moving, model=model).transform
    back = align(known.moving, known.reference, model=model).transform
    assert corner_error((back @ there).matrix, np.eye(3), SHAPE) < 0.1


@settings(max_examples=8)
@given(seeds, seeds, models)
def test_transforms_compose(seed_a, seed_b, model):
    first = random_transform(seed_a, model, SHAPE, size=3.0)
    second = random_transform(seed_b, model, SHAPE, size=3.0)
    a = known_pair("camera", first, shape=SHAPE).moving
    b = known_pair("camera", second @ first, shape=SHAPE).moving
    reference = known_pair("camera", Transform.identity(), shape=SHAPE).reference
    to_a = align(reference, a, model=model).transform
    a_to_b = align(a, b, model=model).transform
    to_b = align(reference, b, model=model).transform
    assert corner_error((a_to_b @ to_a).matrix, to_b.matrix, SHAPE) < 0.15


@settings(max_examples=8)
@given(seeds, models, st.floats(0.05, 20), st.floats(-1000, 1000), st.booleans())
def test_contrast_changes_nothing(seed, model, gain, offset, negative):
    known = pair_of(seed, model)
    plain = align(known.reference, known.moving, model=model)
    sign = -1 if negative else 1
    changed = align(known.reference, sign * gain * known.moving + offset, model=model)
    assert corner_error(changed.transform.matrix, plain.transform.matrix, SHAPE) < 0.01
    assert changed.inverted == negative
    assert changed.verdict == plain.verdict == "aligned"


@settings(max_examples=3)
@given(seeds)
def test_scaling_both_images_scales_the_transform(seed):
    truth = random_transform(seed, "affine", SHAPE, size=3.0)
    small = known_pair("camera", truth, shape=SHAPE)
    large = picture("camera")
    large = ndimage.zoom(large, 2, order=3, grid_mode=False)
    # Pixel 0 stays pixel 0 under this zoom, so the transform is carried over by a pure scaling.
    factor = (np.array(large.shape) - 1) / (np.array(picture("camera").shape) - 1)
    scale = np.diag([factor[1], factor[0], 1.0])
    carried = Transform(scale @ truth.matrix @ np.linalg.inv(scale), model="affine")
    zoomed = known_pair(large, carried, shape=(2 * SHAPE[0], 2 * SHAPE[1]))
    assert small.error_of(align(small.reference, small.moving).transform) < 0.1
    assert zoomed.error_of(align(zoomed.reference, zoomed.moving).transform) < 0.2


@pytest.mark.parametrize("name", ["camera", "coffee"])
@pytest.mark.parametrize("model", ["translation", "euclidean", "affine", "homography"])
def test_both_engines_agree_within_the_uncertainty(name, model):
    known = pair_of(3, model, name)
    ours = align(known.reference, known.moving, model=model)
    theirs = align(known.reference, known.moving, model=model, engine="opencv")
    apart = corner_error(ours.transform.matrix, theirs.transform.matrix, SHAPE)
    assert apart < 5 * ours.corner_uncertainty + 0.02
    assert ours.verdict == theirs.verdict == "aligned"


@pytest.mark.parametrize("precision", [0.2, 0.02, 0.005])
def test_the_uncertainty_is_honest_at_any_precision(precision):
    scores = []
    for seed in range(8):
        known = known_pair(
            "astronaut", random_transform(seed, "affine", (300, 340)), shape=(300, 340)
        )
        rng = np.random.default_rng(seed)
        noisy = [
            image + rng.normal(0, 6, image.shape) for image in (known.reference, known.moving)
        ]
        result = align(*noisy, precision=precision)
        assert result.verdict == "aligned", result.reason
        scores.append(known.error_of(result.transform) / result.corner_uncertainty)
    assert 0.4 < np.sqrt(np.mean(np.square(scores))) < 2


def test_what_is_beyond_the_range_of_floats_raises_no_warning():
    """Each as the fuzz tests had come upon it."""
    image = np.random.default_rng(0).normal(size=(40, 52))
    far = np.array([[1.0, 0, 0], [0, 1, 0], [1e20, 0, 1]])
    seen = judge(image, image, Transform(far))
    assert seen.verdict == "failed"
    assert np.isnan(seen.to_dict()["x"])
    assert "x +0" in repr(Transform(far))
    long = np.full((1, 70), np.finfo(np.longdouble).max)
    assert not warp(long, Transform([[1, 0, 0.5], [0, 1, 0]]), interpolation="lanczos")[0, 0] < 0
    narrow = np.array([[1e-300, 0, 1e20], [0, 1, 0], [0, 0, 1]])
    assert not _covered_pixels(narrow, (40, 52), (40, 52)).any()
    with_far = [(0, 0), (0, 1e308), (-1.7e308, -1e308), (1.7e308, 3)]
    assert polygon_mask((5, 6), with_far).shape == (5, 6)
    inverted = [[1, 0, 0], [0, 1, 0], [-1, 1, 1e-300]]
    assert align(image, image, initial=inverted).verdict in ("aligned", "doubtful", "failed")
