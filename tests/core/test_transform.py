import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_ecc_align import InputError, Transform
from napari_ecc_align._transform.coordinates import corner_error, scaled
from napari_ecc_align._transform.matrices import MOTION_MODELS
from pairs import random_transform

seeds = st.integers(0, 2**32 - 1)
models = st.sampled_from(MOTION_MODELS)
points = hnp.arrays(np.float64, (5, 2), elements=st.floats(-500, 500))


def test_maps_reference_xy_to_moving_xy():
    transform = Transform([[0, -1, 10], [2, 0, 20], [0, 0, 1]], model="affine")
    assert transform.to_moving((3, 4)).tolist() == [6, 26]
    assert transform.to_moving([(3, 4), (0, 0)]).tolist() == [[6, 26], [10, 20]]


@given(seeds, models, points)
def test_inverse_undoes(seed, model, given_points):
    transform = random_transform(seed, model, (300, 400))
    there = transform.to_moving(given_points)
    np.testing.assert_allclose(transform.inverse.to_moving(there), given_points, atol=1e-6)
    np.testing.assert_allclose(transform.to_reference(there), given_points, atol=1e-6)
    assert transform.inverse.model == model


@given(seeds, seeds, models, models, points)
def test_matmul_maps_through_the_right_one_first(seed_a, seed_b, model_a, model_b, given_points):
    a = random_transform(seed_a, model_a, (300, 400))
    b = random_transform(seed_b, model_b, (300, 400))
    both = a @ b
    np.testing.assert_allclose(
        both.to_moving(given_points), a.to_moving(b.to_moving(given_points)), atol=1e-6
    )
    assert MOTION_MODELS.index(both.model) == max(
        MOTION_MODELS.index(model_a), MOTION_MODELS.index(model_b)
    )


@given(seeds, models)
def test_save_and_load_keep_every_bit(tmp_path_factory, seed, model):
    path = tmp_path_factory.mktemp("transforms") / "t.json"
    transform = random_transform(seed, model, (300, 400))
    transform.save(path)
    loaded = Transform.load(path)
    assert np.array_equal(loaded.matrix, transform.matrix)
    assert loaded.model == model


def test_save_replaces_only_if_told(tmp_path):
    path = tmp_path / "t.json"
    Transform.identity().save(path)
    with pytest.raises(InputError, match=r"t\.json"):
        Transform.identity().save(path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["t.json"]


def test_matrix_is_read_only_float64_and_scaled():
    given_matrix = np.diag([4, 4, 2])
    transform = Transform(given_matrix, model="similarity")
    assert transform.matrix.dtype == np.float64
    assert transform.matrix[2, 2] == 1
    assert not transform.matrix.flags.writeable
    given_matrix[0, 0] = 7
    assert transform.matrix[0, 0] == 2


@pytest.mark.parametrize(
    ("matrix", "model", "message"),
    [
        (np.eye(4), "affine", "shape"),
        (np.full((3, 3), np.nan), "affine", "NaN"),
        ([[1, 2, 0], [2, 4, 0], [0, 0, 1]], "affine", "singular"),
        (np.zeros((3, 3)), "homography", "singular"),
        ("abc", "affine", "numbers"),
        (np.eye(3), "rigid", "model must be one of"),
        ([[1, 0, 0], [0, 1, 0], [1e-3, 0, 1]], "affine", "perspective"),
        (np.diag([2, 2, 1]), "euclidean", "does not belong"),
        (np.diag([-1, 1, 1]), "similarity", "does not belong"),
        (np.diag([1, 2, 1]), "similarity", "does not belong"),
        (np.diag([1.1, 1.1, 1]), "translation", "does not belong"),
        (np.eye(3) * 1j, None, "numbers"),
        (None, None, "shape"),
    ],
)
def test_refuses_bad_matrices(matrix, model, message):
    with pytest.raises(InputError, match=message):
        Transform(matrix, model=model)


@pytest.mark.parametrize("bad", [np.zeros((3, 3)), 5, "abc", None, [(1, 2), (3,)]])
@pytest.mark.parametrize("mapped", ["to_moving", "to_reference", "__call__"])
def test_refuses_bad_points(bad, mapped):
    with pytest.raises(InputError, match="points must"):
        getattr(Transform.identity(), mapped)(bad)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[" * 100_000,
        "not json",
        "[]",
        "{}",
        json.dumps({"format": "napari-ecc-align transform", "version": 99}),
        json.dumps({"format": "napari-ecc-align transform", "version": 1, "model": "affine"}),
        (
            '{"format": "napari-ecc-align transform", "version": 1, "model": "affine", '
            '"matrix": [[NaN, 0, 0], [0, 1, 0], [0, 0, 1]]}'
        ),
        (
            '{"format": "napari-ecc-align transform", "version": 1, "model": ["affine"], '
            '"matrix": [[1, 0, 0], [0, 1, 0], [0, 0, 1]]}'
        ),
    ],
)
def test_load_says_what_is_wrong(tmp_path, text):
    path = tmp_path / "t.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"t\.json is not a"):
        Transform.load(path)


def test_load_of_nothing(tmp_path):
    with pytest.raises(InputError, match="cannot read"):
        Transform.load(tmp_path / "none.json")
    binary = tmp_path / "binary.json"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="not a usable transform file"):
        Transform.load(binary)


def test_corner_error_is_the_rms_over_four_corners():
    stretch = np.diag([1.01, 1, 1])
    # The two right-hand corners, 100 px away, move by 1 px each.
    assert corner_error(stretch, np.eye(3), (51, 101)) == pytest.approx(np.sqrt(0.5))


def test_scaled_keeps_pixel_zero_at_pixel_zero():
    matrix = np.array([[1, 0, 3.0], [0, 1, 5], [0, 0, 1]])
    assert scaled(matrix, 4)[:2, 2].tolist() == [12, 20]


UNITS = [1e-200, 1e-12, 1e-7, 1e7, 1e12, 1e200]


@pytest.mark.parametrize("here", UNITS)
@pytest.mark.parametrize("there", [1, 1e-7, 1e7])
def test_whether_a_matrix_is_singular_does_not_depend_on_its_units(here, there):
    first, second = np.diag([here, here, 1]), np.diag([there, there, 1])
    turned, bent = [[0, -1, 40], [1, 0, 20], [0, 0, 1]], [[1, 0.1, 3], [0, 1, 4], [1e-4, -2e-4, 1]]
    for matrix in (turned, [[1, 0.2, 3], [0, 1e-7, 4], [0, 0, 1]], bent):
        model = "homography" if matrix is bent else None
        transform = Transform(second @ matrix @ np.linalg.inv(first), model=model)
        back = np.linalg.inv(first) @ transform.inverse.matrix @ transform.matrix @ first
        assert back / back[2, 2] == pytest.approx(np.eye(3), abs=1e-6)
        assert np.isfinite(transform.parts()).all()
    flat = [[1, 2, 0], [2, 4, 0], [0, 0, 1]]
    nearly = [[1, 1, 5], [1, 1 + 1e-12, 0], [0, 0, 1]]
    horizon = [[2, 0, 1e5], [0, 1, 0], [2e-5, 0, 1]]
    for matrix in (flat, nearly, horizon):
        with pytest.raises(InputError, match="singular"):
            Transform(second @ matrix @ np.linalg.inv(first))


def test_pixels_of_a_tenth_of_a_micrometre_are_aligned_in_metres():
    pixels = Transform([[0, -1, 40], [1, 0, 20]])
    metres = pixels.in_units(1e-7)
    assert metres.model == "euclidean"
    assert metres.to_moving((1e-6, 0)) == pytest.approx([4e-6, 3e-6])
    to_pixels = pixels.in_units(1e-7, 1)
    assert to_pixels.to_moving((1e-6, 0)) == pytest.approx([40, 30])
    assert to_pixels.inverse.to_moving((40, 30)) == pytest.approx([1e-6, 0])
    assert to_pixels.parts().scale_x == pytest.approx(1e7)


def test_numbers_beyond_all_measure_are_refused_in_a_sentence():
    huge = Transform([[1e300, 0, 0], [0, 1e300, 0]])
    for too_much in (lambda: huge @ huge, lambda: huge.in_units(1, 1e300)):
        with pytest.raises(InputError, match="finite"):
            too_much()
    assert huge.to_moving((1e200, 0)).tolist() == [np.inf, 0]
