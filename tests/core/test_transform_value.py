"""A transform as a value, as a matrix of other programs, and as numbers for people."""

import copy
import pickle

import numpy as np
import pytest
import SimpleITK as sitk
import skimage.transform
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from napari_ecc_align import (
    InputError,
    Transform,
    align,
    align_stack,
    inspect_alignment,
    load_transforms,
    save_transforms,
    warp,
)
from napari_ecc_align._transform.matrices import MOTION_MODELS, MotionModel
from napari_ecc_align._transform.transform_like import as_transform
from pairs import known_pair, random_transform

SHAPE = (300, 400)
SEEDS = st.integers(0, 2**32 - 1)
MODELS = st.sampled_from(MOTION_MODELS)
AFFINE_MODELS = st.sampled_from(MOTION_MODELS[:-1])
SIZES = st.floats(0.01, 100)
TURNED = Transform([[0, -2, 10], [2, 0, 0]])
BENT = Transform([[1, 0, 5], [0, 1, 0], [1e-4, 0, 1]])


@given(SEEDS, MODELS)
def test_what_has_the_same_matrix_and_model_is_the_same(seed, model: MotionModel):
    a, b = random_transform(seed, model, SHAPE), random_transform(seed, model, SHAPE)
    assert a is not b
    assert a == b
    assert len({a, b}) == 1
    assert a != Transform(a.matrix + np.eye(3, k=2) * 1e-9, model=model)
    assert a != a.matrix
    assert model == "homography" or a != Transform(a.matrix, model="homography")
    assert Transform([[1, 0, -0.0], [0, 1, 0]]) == Transform.identity()
    assert hash(Transform([[1, 0, -0.0], [0, 1, 0]])) == hash(Transform.identity())


@given(SEEDS, MODELS)
def test_a_copy_is_the_same_and_as_little_to_be_changed(seed, model):
    transform = random_transform(seed, model, SHAPE)
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        again = pickle.loads(pickle.dumps(transform, protocol))
        assert again == transform
        assert not again.matrix.flags.writeable
    for again in (copy.copy(transform), copy.deepcopy(transform)):
        assert again == transform
        assert not again.matrix.flags.writeable


def test_nothing_of_a_transform_can_be_changed():
    with pytest.raises(AttributeError):
        TURNED.model = "affine"
    with pytest.raises(ValueError, match="read-only"):
        TURNED.matrix[0, 0] = 7
    with pytest.raises(ValueError, match="read-only"):
        np.asarray(TURNED)[0, 0] = 7


@pytest.mark.parametrize("model", MOTION_MODELS)
def test_the_model_is_the_narrowest_that_the_matrix_belongs_to(model):
    assert Transform(random_transform(3, model, SHAPE).matrix).model == model


def test_numpy_takes_a_transform_as_its_matrix():
    assert np.asarray(TURNED) is TURNED.matrix
    assert TURNED.params is TURNED.matrix
    assert np.asarray(TURNED, np.float32).dtype == np.float32
    assert np.array(TURNED).flags.writeable
    np.testing.assert_allclose(np.linalg.inv(TURNED), TURNED.inverse.matrix)


def test_composing_is_for_transforms_alone():
    for other in (np.eye(3), [[1, 0, 0]], None):
        with pytest.raises(TypeError):
            TURNED @ other
    with pytest.raises(TypeError):
        np.eye(3) @ TURNED


@given(SEEDS, AFFINE_MODELS)
def test_the_parts_are_those_of_scikit_image(seed, model):
    transform = random_transform(seed, model, SHAPE)
    theirs, parts = skimage.transform.AffineTransform(transform), transform.parts()
    assert theirs.params is not None
    assert (parts.x, parts.y) == pytest.approx(tuple(theirs.translation))
    assert (parts.scale_x, parts.scale_y) == pytest.approx(tuple(theirs.scale))
    assert parts.rotation == pytest.approx(np.degrees(theirs.rotation))
    assert parts.shear == pytest.approx(np.degrees(theirs.shear), abs=1e-9)


@given(st.lists(st.floats(-3, 3), min_size=6, max_size=6))
def test_scikit_image_makes_the_matrix_of_its_parts(numbers):
    linear = np.reshape(numbers[:4], (2, 2))
    if abs(np.linalg.det(linear)) < 1e-3 or np.hypot(*linear[:, 0]) < 1e-3:
        return
    transform = Transform(np.column_stack([linear, numbers[4:]]), model="affine")
    x, y, rotation, scale_x, scale_y, shear = transform.parts()
    made = skimage.transform.AffineTransform(
        scale=(scale_x, scale_y),
        rotation=np.radians(rotation),
        shear=np.radians(shear),
        translation=(x, y),
    )
    np.testing.assert_allclose(made.params, transform.matrix, atol=1e-6)


def test_the_shift_is_that_of_the_point_that_is_asked_about():
    middle = (200.0, 150.0)
    about = [[np.cos(0.1), -np.sin(0.1)], [np.sin(0.1), np.cos(0.1)]]
    turn = Transform(np.column_stack([about, middle - np.array(about) @ middle]))
    assert (turn.parts(middle).x, turn.parts(middle).y) == pytest.approx((0, 0), abs=1e-9)
    assert abs(turn.parts().x) > 10
    assert turn.parts(middle).rotation == pytest.approx(np.degrees(0.1))
    for bad in (3, "ab", (1, 2, 3), (np.nan, 0), None):
        with pytest.raises(InputError, match="center must"):
            turn.parts(bad)


@given(SEEDS)
def test_the_parts_of_a_homography_are_those_of_its_affine_part_there(seed):
    transform, here = random_transform(seed, "homography", SHAPE), np.array([120.0, 80.0])
    step = 1e-3
    right, left, below, above = transform(
        here + step * np.array([[1, 0], [-1, 0], [0, 1], [0, -1]])
    )
    linear = np.column_stack([right - left, below - above]) / (2 * step)
    near = Transform(np.column_stack([linear, transform(here) - linear @ here]), model="affine")
    assert transform.parts(tuple(here)) == pytest.approx(near.parts(tuple(here)), abs=1e-5)


def test_a_point_on_the_horizon_has_no_parts():
    with pytest.raises(InputError, match="center must"):
        BENT.parts((-1e4, 0))


@given(SEEDS, MODELS, SIZES, SIZES, SIZES, SIZES)
def test_units_there_and_back_give_the_same_transform(seed, model, a, b, c, d):
    transform = random_transform(seed, model, SHAPE)
    there = transform.in_units((a, b), (c, d))
    back = there.in_units((1 / a, 1 / b), (1 / c, 1 / d))
    assert back.corner_distance(transform, SHAPE) < 1e-6
    assert MOTION_MODELS.index(there.model) >= MOTION_MODELS.index(model)
    x, y = transform((30, 40))
    assert there((30 * a, 40 * b)) == pytest.approx((x * c, y * d))
    assert transform.in_units(a).model == model


def test_parts_in_micrometres():
    shift = Transform([[1, 0, 10], [0, 1, -4]])
    assert shift.in_units(0.5) == Transform([[1, 0, 5], [0, 1, -2]])
    parts = shift.in_units((0.5, 0.25)).parts()
    assert (parts.x, parts.y) == (5, -1)
    coarse = shift.in_units(0.5, 1.0)
    assert (coarse.model, coarse.parts().scale_x) == ("similarity", 2)
    for bad in (0, -1, np.nan, "µm", None, (1, 2, 3)):
        with pytest.raises(InputError, match="reference must be"):
            shift.in_units(bad)
    with pytest.raises(InputError, match="moving must be"):
        shift.in_units(1, 0)


def test_the_corner_distance_is_in_pixels_of_the_moving_image():
    stretch = Transform(np.diag([1.01, 1, 1]))
    # The two right-hand corners, 100 px away, move by 1 px each.
    assert stretch.corner_distance(np.eye(3), (51, 101)) == pytest.approx(np.sqrt(0.5))
    with pytest.raises(InputError, match="shape"):
        stretch.corner_distance(np.eye(3), 5)


@given(SEEDS, AFFINE_MODELS)
def test_each_program_gets_its_own_direction_and_axis_order(seed, model):
    transform = random_transform(seed, model, SHAPE)
    x, y = transform((30, 40))
    row, column, one = transform.napari_affine() @ [y, x, 1]
    assert (row, column, one) == pytest.approx((40, 30, 1))
    assert transform.ndimage_matrix() @ [40, 30, 1] == pytest.approx((y, x, 1))
    itk = sitk.AffineTransform(2)
    itk.SetParameters(transform.itk_parameters())
    assert itk.TransformPoint((30.0, 40.0)) == pytest.approx((x, y))


def test_scipy_and_scikit_image_warp_by_it():
    moving = np.zeros((6, 7))
    moving[2, 5] = 1
    shift = Transform([[1, 0, 3], [0, 1, 1]])
    for warped in (
        ndimage.affine_transform(moving, shift.ndimage_matrix(), output_shape=(4, 4), order=1),
        skimage.transform.warp(moving, shift, output_shape=(4, 4)),
        skimage.transform.warp(moving, shift.params, output_shape=(4, 4)),
    ):
        assert np.argwhere(warped > 0.5).tolist() == [[1, 2]]


@pytest.mark.parametrize("way", ["napari_affine", "ndimage_matrix", "itk_parameters"])
def test_perspective_is_refused_where_there_can_be_none(way):
    with pytest.raises(InputError, match="perspective"):
        getattr(BENT, way)()
    assert getattr(Transform(np.eye(3), model="homography"), way)() is not None


@pytest.mark.parametrize(
    ("transform", "line"),
    [
        (Transform.identity(), "Transform(translation: x +0, y +0)"),
        (Transform([[1, 0, 5], [0, 1, -3.25]]), "Transform(translation: x +5.00, y -3.25)"),
        (
            TURNED,
            "Transform(similarity: x +10.00, y +0.00, turned 90.00°, scaled 2.000)",
        ),
        (
            Transform([[1.5, 0.5, 0], [0, 2, 0]]),
            "Transform(affine: x +0, y +0, scaled 1.500 x 2.000, sheared -14.04°)",
        ),
        (BENT, "Transform(homography: x +5.00, y +0.00, in perspective)"),
        (Transform([[1, 0, 0.004], [0, 1, 0]]), "Transform(translation: x +0.004, y +0)"),
    ],
)
def test_the_repr_is_a_line_that_says_what_it_does(transform, line):
    assert repr(transform) == line


class Found:
    """What holds a transform, as results and records do."""

    def __init__(self, transform):
        self.transform = transform


def test_itself_a_result_and_a_matrix_stand_for_a_transform():
    for given_one in (
        TURNED,
        Found(TURNED),
        TURNED.matrix,
        TURNED.matrix[:2].tolist(),
        skimage.transform.SimilarityTransform(TURNED.matrix),
    ):
        assert as_transform(given_one) == TURNED


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (None, "start must be a Transform, .* not None"),
        ("t.json", r"start must be a Transform, .* not 't\.json'; Transform\.load reads a file"),
        (Found(None), "start must be .* not None"),
        (np.zeros((2, 2)), "start cannot be used: matrix must have shape"),
        (3, "start cannot be used: matrix must have shape"),
        (object(), "start cannot be used: matrix must be numbers"),
        ({"matrix": 1}, "start cannot be used: matrix must be numbers"),
        (np.zeros((3, 3)), "start cannot be used: matrix is singular"),
    ],
)
def test_what_stands_for_no_transform_is_refused_in_plain_words(bad, words):
    with pytest.raises(InputError, match=words):
        as_transform(bad, "start")


def test_whatever_stands_for_a_transform_is_taken_everywhere(tmp_path):
    known = known_pair("camera", Transform([[1, 0, 5], [0, 1, -3]]), shape=(120, 140))
    reference, moving = known.reference, known.moving
    result = align(reference, moving, model="translation")
    found = result.transform
    expected = warp(moving, found, output_shape=reference.shape)
    seen = inspect_alignment(reference, moving, found)
    for like in (result, found.matrix, found.matrix[:2].tolist()):
        assert np.array_equal(warp(moving, like, output_shape=reference.shape), expected)
        again = inspect_alignment(reference, moving, like)
        assert again.after.different == seen.after.different
        assert align(reference, moving, initial=like, model="translation").start == "initial"
        (of_frame,) = align_stack([moving], reference=reference, initial=like)
        assert of_frame.start == "initial"
    path = tmp_path / "film.json"
    save_transforms([result, found, found.matrix], path)
    assert load_transforms(path) == [found] * 3
    for bad in (None, "t.json", np.zeros((3, 3))):
        for function in (
            lambda bad: warp(moving, bad, output_shape=reference.shape),
            lambda bad: inspect_alignment(reference, moving, bad),
            lambda bad: save_transforms([bad], tmp_path / "none.json"),
        ):
            with pytest.raises(InputError, match="transform"):
                function(bad)
    for bad in ("t.json", np.zeros((3, 3))):
        with pytest.raises(InputError, match="initial"):
            align(reference, moving, initial=bad)
        with pytest.raises(InputError, match="initial"):
            align_stack([moving], reference=reference, initial=bad)
    assert [each.name for each in tmp_path.iterdir()] == ["film.json"]


@pytest.mark.parametrize(
    ("scale", "words"),
    [
        (1e-7, "scaled 1e-07"),
        (2.54e-4, "scaled 0.000254"),
        (0.5, "scaled 0.500"),
        (1.0004, "x +0, y +0)"),
        (123.4, "scaled 123.400"),
        (1e6, "scaled 1e+06"),
    ],
)
def test_a_scale_is_told_whatever_its_size(scale, words):
    assert words in repr(Transform(np.diag([scale, scale, 1])))


def test_a_masked_center_is_none():
    with pytest.raises(InputError, match="center must be the two numbers"):
        Transform(np.eye(3)).parts(np.ma.masked_equal([0.0, 1.0], 1.0))
