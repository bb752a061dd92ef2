"""What a result says: in a line, in a row, at a point, and when it is not what was hoped for."""

import json
import pickle
from dataclasses import replace

import cv2
import numpy as np
import pytest

from napari_ecc_align import (
    AlignmentFailed,
    AlignmentResult,
    InputError,
    Transform,
    align,
    inspect_alignment,
)
from napari_ecc_align._common.tables import INSPECTION_KEYS, RESULT_KEYS, finite
from napari_ecc_align._transform.coordinates import corners
from napari_ecc_align._transform.matrices import MOTION_MODELS
from napari_ecc_align._transform.models import MODELS, compose, frame_of
from napari_ecc_align._verdict.uncertainty import spread_at
from pairs import known_pair, picture, random_transform

SHAPE = (200, 240)


@pytest.fixture(scope="module", params=MOTION_MODELS)
def known(request):
    model = request.param
    pair = known_pair("camera", random_transform(1, model, SHAPE), shape=SHAPE)
    return pair, align(pair.reference, pair.moving, model=model)


@pytest.fixture(scope="module")
def failed():
    return align(picture("camera")[:64, :64], np.zeros((64, 64)))


def told(*parts, verdict="aligned", model="affine", reason="It is so. And more.", **more):
    """Return the line of a result whose transform has these elements."""
    matrix = np.eye(3)
    matrix[: len(parts)] = np.reshape(parts, (-1, 3))
    return repr(
        AlignmentResult(Transform(matrix, model=model), verdict, reason, (101, 201), **more)
    )


def test_a_line_tells_what_is_not_nothing():
    sigma = {"corner_uncertainty": 0.007, "covariance": np.eye(2) * 1e-10}
    assert told((1, 0, 5), (0, 1, -3), **sigma) == "aligned: x +5.00 ± 0.01 px, y -3.00 ± 0.01"
    assert told((1, 0, 5), (0, 1, -3)) == "aligned: x +5.00 px, y -3.00"
    turn = np.deg2rad(0.5)
    cos, sin = 1.002 * np.cos(turn), 1.002 * np.sin(turn)
    about_the_middle = (
        (cos, -sin, 100 - cos * 100 + sin * 50),
        (sin, cos, 50 - sin * 100 - cos * 50),
    )
    assert told(*about_the_middle) == "aligned: x +0.00 px, y +0.00, turned 0.50°, scaled 1.002"
    assert told((2, 0, -100), (0, 3, -100)).endswith(", scaled 2.000 x 3.000")
    assert "sheared" in told((1, 0.1, -5), (0, 1, 0))
    bent = told((1, 0, 0), (0, 1, 0), (1e-5, 0, 1), model="homography")
    assert bent.endswith("in perspective")


def test_a_line_tells_shortly_why_not():
    assert told((1, 0, 5), verdict="doubtful") == "doubtful: x +5.00 px, y +0.00; It is so"
    assert told(verdict="failed") == "failed: It is so"
    assert told(verdict="cancelled", reason="Stopped.") == "cancelled: Stopped"


def test_html_holds_the_numbers_and_no_markup_of_others(known, failed):
    _, result = known
    html = replace(result, reason="a < b")._repr_html_()
    assert "a &lt; b" in html
    assert "rotat" in html or "turned" in html
    assert failed._repr_html_() == "<div><b>failed</b>: The moving image has no contrast.</div>"


def test_no_truth_value_that_lies(failed):
    with pytest.raises(TypeError, match=r"ask result\.aligned or result\.verdict"):
        bool(failed)
    assert not failed.aligned


def test_raise_if_not(known, failed):
    _, result = known
    assert result.raise_if_not() is result
    assert failed.raise_if_not("aligned", "failed") is failed
    with pytest.raises(
        AlignmentFailed, match="failed: The moving image has no contrast"
    ) as raised:
        failed.raise_if_not("aligned", "doubtful")
    assert raised.value.result is failed
    assert isinstance(raised.value, RuntimeError)
    assert pickle.loads(pickle.dumps(raised.value)).result.reason == failed.reason
    with pytest.raises(InputError, match=r"verdict must be one of aligned.*'alinged'"):
        result.raise_if_not("alinged")


def test_one_flat_row_with_the_keys_of_everywhere(known, failed):
    _, result = known
    row = result.to_dict()
    assert tuple(row) == RESULT_KEYS
    assert json.loads(json.dumps(finite(row), allow_nan=False))["verdict"] == "aligned"
    assert (row["x"], row["y"]) == result.parts()[:2]
    middle = np.array([119.5, 99.5])
    assert np.allclose(result.transform.to_moving(middle) - middle, (row["x"], row["y"]))
    assert np.reshape([row[f"m{r}{c}"] for r in range(3) for c in range(3)], (3, 3)).tolist() == (
        result.transform.matrix.tolist()
    )
    assert row["corner_shift"] == result.transform.corner_distance(Transform.identity(), SHAPE)
    assert (row["tiles"], row["tiles_agreeing"]) == (result.tiles.tested, result.tiles.agreeing)
    lost = failed.to_dict()
    assert tuple(lost) == RESULT_KEYS
    assert all(np.isnan(lost[key]) for key in ("x", "rotation", "shear_uncertainty", "m00"))
    assert (lost["verdict"], lost["tiles"]) == ("failed", 0)


def test_an_inspection_is_a_row_and_a_picture(known):
    pair, result = known
    seen = inspect_alignment(pair.reference, pair.moving, result)
    row = seen.to_dict()
    assert tuple(row) == INSPECTION_KEYS
    assert (row["different_before"], row["different"]) == (
        seen.before.different,
        seen.after.different,
    )
    assert row["mean_difference"] == seen.mean_difference < row["mean_difference_before"]
    assert tuple(seen.after.to_dict()) == (
        "different",
        "fraction",
        "iou",
        "dice",
        "compared",
        "method",
    )
    assert seen.overlay().shape == (*SHAPE, 3)
    assert "data:image/webp;base64," in seen._repr_html_()
    assert repr(seen).startswith("before: ") and "\nafter: " in repr(seen)
    assert len(repr(seen)) < 200


@pytest.fixture(scope="module")
def drawn(known):
    """A result of whose uncertainty its covariance is all, and transforms drawn from that."""
    _, result = known
    frame, rng = frame_of(SHAPE), np.random.default_rng(0)
    deltas = rng.multivariate_normal(np.zeros(len(result.covariance)), result.covariance, 3000)
    transforms = [
        Transform(compose(result.transform.matrix, MODELS[result.model], frame, delta))
        for delta in deltas
    ]
    own = rms(spread_at(corners(SHAPE), result.transform.matrix, result.covariance, SHAPE))
    return replace(result, corner_uncertainty=own, contradiction=0.0), transforms


def spread(transforms, points):
    """Return how far transforms scatter in where they carry points."""
    places = [transform.to_moving(points) for transform in transforms]
    return np.sqrt(np.var(places, axis=0).sum(axis=1))


def rms(values):
    return np.sqrt(np.mean(np.square(values)))


def test_the_uncertainty_of_parts_is_that_of_parameters_drawn_at_random(drawn):
    result, transforms = drawn
    expected = np.std([transform.parts((119.5, 99.5)) for transform in transforms], axis=0)
    fixed = expected < 1e-9
    found = np.array(result.parts_uncertainty())
    np.testing.assert_allclose(found[~fixed], expected[~fixed], rtol=0.05)
    # What the model leaves as it is, is certain.
    assert (found[fixed] < 1e-9).all()
    assert fixed.sum() == {"translation": 4, "euclidean": 3, "similarity": 1}.get(result.model, 0)
    aside = np.std([transform.parts((10, 150)) for transform in transforms], axis=0)
    np.testing.assert_allclose(result.parts_uncertainty((10, 150))[:2], aside[:2], rtol=0.05)


def test_the_uncertainty_at_points_is_that_of_parameters_drawn_at_random(drawn):
    result, transforms = drawn
    points = np.array([(0, 0), (120, 100), (239, 30), (300, 300)])
    found = result.uncertainty_at(points)
    np.testing.assert_allclose(found, spread(transforms, points), rtol=0.05)
    assert result.uncertainty_at((120, 100)) == found[1]
    assert result.uncertainty_at((120, 100)).shape == ()


def test_over_the_corners_it_is_the_corner_uncertainty(known):
    _, result = known
    assert rms(result.uncertainty_at(corners(SHAPE))) == pytest.approx(result.corner_uncertainty)
    more = replace(result, corner_uncertainty=0.7, contradiction=0.69)
    assert rms(more.uncertainty_at(corners(SHAPE))) == pytest.approx(0.7)


def test_what_sampling_is_off_by_is_a_shift_and_turns_nothing(drawn):
    result, _ = drawn
    own = result.corner_uncertainty
    biased = replace(result, corner_uncertainty=float(np.hypot(own, 0.03)))
    points = [(0, 0), (120, 100), (239, 199)]
    added = biased.uncertainty_at(points) ** 2 - result.uncertainty_at(points) ** 2
    np.testing.assert_allclose(np.sqrt(added), 0.03, rtol=0.2)
    np.testing.assert_allclose(
        biased.parts_uncertainty()[2:], result.parts_uncertainty()[2:], rtol=0.02, atol=1e-9
    )


def test_what_the_tiles_contradict_raises_all_alike(drawn):
    result, _ = drawn
    own = result.corner_uncertainty
    total = float(np.hypot(own, 0.3))
    doubted = replace(result, corner_uncertainty=total, contradiction=0.3)
    points = [(0, 0), (120, 100), (239, 199)]
    for found, before in (
        (doubted.uncertainty_at(points), result.uncertainty_at(points)),
        (doubted.parts_uncertainty(), result.parts_uncertainty()),
    ):
        np.testing.assert_allclose(found, np.array(before) * total / own, rtol=1e-3, atol=1e-9)


def test_uncertainty_where_there_is_none(failed):
    image = picture("camera")[:200, :200].astype(np.uint8)
    result = align(image, np.roll(image, 2, axis=1), engine="opencv")
    assert result.aligned
    assert np.isnan(result.uncertainty_at([(0, 0)])).all()
    assert np.isnan(result.parts_uncertainty()).all()
    assert np.isinf(failed.uncertainty_at((0, 0)))
    assert np.isnan(failed.parts_uncertainty()).all()
    with pytest.raises(InputError, match="points must have shape"):
        result.uncertainty_at([1, 2, 3])


def test_a_correlation_is_at_most_one():
    """Sums in single precision carry the coefficient of an image with itself beyond it."""
    rng = np.random.default_rng(0)
    for seed in range(8):
        image = rng.integers(0, 255, (100 + seed, 113), dtype=np.uint8)
        image = cv2.GaussianBlur(image, (0, 0), 2)
        for other in (image, 255 - image):
            result = align(image, other, model="translation")
            assert -1 <= result.ecc <= 1
            assert -1 <= result.ecc_before <= 1


@pytest.mark.parametrize("engine", ["pyramid", "opencv"])
def test_what_follows_from_options_of_numpy_is_written_as_json(known, engine):
    options = {"precision": np.float32(0.05), "max_iterations": np.int64(60)}
    tolerance = np.float32(1e-6)
    image = picture("camera")[100:228, 100:228]
    result = align(image, image, engine=engine, tolerance=tolerance, **options)
    assert json.loads(json.dumps(result.to_dict()))["converged"] is True


def test_a_stiffness_of_numpy_is_kept_as_a_number():
    image = picture("camera")[100:228, 100:228]
    result = align(image, image, model="smooth", stiffness=np.float32(40))
    assert type(result.stiffness) is float


def test_what_lies_farther_apart_than_squares_can_tell_is_infinitely_far():
    image = picture("camera")[:60, :70]
    seen = inspect_alignment(image, image, [[1, 0, 1e300], [0, 1, 0]])
    assert seen.corner_shift == np.inf
    assert json.dumps(seen.to_dict(), allow_nan=False)
