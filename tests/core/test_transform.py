import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_ecc_align import InputError, Transform
from napari_ecc_align._transform.matrices import MOTION_MODELS
from napari_ecc_align._transform.transform import corner_error, scaled
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
