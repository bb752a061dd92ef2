"""Pairs that cannot be aligned are a result with a reason; bad input is an error that names it."""

from pathlib import Path

import numpy as np
import pytest

from napari_ecc_align import InputError, Transform, align, warp
from napari_ecc_align._common.steps import outcome_of
from napari_ecc_align._ecc.estimator import estimate_steps
from napari_ecc_align._ecc.options import SearchOptions
from napari_ecc_align._images.pyramid.halving import image_pyramid
from napari_ecc_align._images.samples import sample
from pairs import picture

# tests/benchmarks/trust.py takes more.
UNRELATED = [
    ("camera", "astronaut"),
    ("moon", "text"),
    ("grass", "gravel"),
]


@pytest.mark.parametrize(("first", "second"), UNRELATED)
def test_unrelated_photographs_fail(first, second):
    result = align(picture(first)[:160, :200], picture(second)[:160, :200])
    assert result.verdict == "failed", result.reason


def test_another_page_by_the_same_hand_fails(engine):
    from music.page import make_page

    ours, another = (make_page(shape=(600, 800), seed=seed) for seed in (0, 5))
    scan = another.gray if engine == "opencv" else another.binary
    assert align(ours.reference, scan, engine=engine).verdict == "failed"


def test_a_blank_scan_fails(engine):
    page = sample("page")
    rng = np.random.default_rng(3)
    paper = np.clip(rng.normal(225, 4, page.moving.shape), 0, 255).astype(np.uint8)
    result = align(page.reference, paper, engine=engine)
    assert result.verdict == "failed"


def test_noise_fails(engine):
    rng = np.random.default_rng(0)
    result = align(rng.normal(size=(150, 150)), rng.normal(size=(150, 150)), engine=engine)
    assert result.verdict == "failed"


def test_a_mirrored_image_fails_by_opencv(camera):
    """The other engine names it: see test_within_model.py."""
    assert align(camera.reference, camera.moving[:, ::-1], engine="opencv").verdict == "failed"


def test_repeating_images_are_not_called_aligned(engine):
    rows, columns = np.mgrid[:256, :256]
    grid = 128 + 60 * np.sin(columns * 2 * np.pi / 13) + 60 * np.sin(rows * 2 * np.pi / 13)
    rng = np.random.default_rng(0)
    noisy = [grid + rng.normal(0, 5, grid.shape) for _ in range(2)]
    assert align(*noisy, engine=engine).verdict != "aligned"


@pytest.mark.parametrize("which", ["reference", "moving"])
@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (np.zeros((64, 64)), "no contrast"),
        (np.full((64, 64), 1e30), "no contrast"),
        (np.full((64, 64), 7, np.uint8), "no contrast"),
        (np.full((64, 64), np.nan), "no pixel that counts"),
        (np.zeros((64, 64, 4), np.uint8), "no pixel that counts"),
    ],
)
def test_hopeless_images_are_a_result_with_a_reason(which, image, reason):
    other = picture("camera")[:64, :64]
    images = (image, other) if which == "reference" else (other, image)
    result = align(*images)
    assert result.verdict == "failed"
    assert reason in result.reason
    assert ("reference" if which == "reference" else "moving image") in result.reason
    assert np.array_equal(result.transform.matrix, np.eye(3))


def test_masking_everything_is_a_result():
    image = picture("camera")[:64, :64]
    result = align(image, image, moving_mask=np.zeros((64, 64)))
    assert result.verdict == "failed"
    assert "no pixel that counts" in result.reason


GOOD = np.random.default_rng(0).normal(size=(40, 40))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"reference": np.zeros((7, 100))}, "reference must be at least 8"),
        ({"moving": np.zeros((100, 7))}, "moving must be at least 8"),
        ({"reference": np.zeros((0, 0))}, "reference must be at least 8"),
        ({"reference": np.zeros(100)}, "reference must have shape"),
        ({"moving": np.zeros((5, 64, 64))}, "moving must have shape"),
        ({"moving": np.zeros((64, 64, 2))}, "moving must have shape"),
        ({"reference": None}, "reference must hold real numbers"),
        ({"reference": "picture.png"}, r"reference is a path, 'picture.png'.*read_image"),
        ({"moving": Path("picture.png")}, "moving is a path.*read_image"),
        ({"moving": ["fine.png", "coarse.png"]}, "moving is a list of paths.*read_image"),
        ({"moving": GOOD.astype(complex)}, "moving must hold real numbers"),
        ({"moving": GOOD.astype(object)}, "moving must hold real numbers"),
        ({"moving": [[1, 2], [3]]}, "moving is not an array"),
        ({"model": "rigid"}, "model must be one of"),
        ({"model": "similarity", "engine": "opencv"}, "similarity.*OpenCV"),
        ({"precision": 0}, "precision must be"),
        ({"precision": "high"}, "precision must be"),
        ({"engine": "magic"}, "engine must be one of"),
        ({"max_iterations": 0}, "max_iterations must be"),
        ({"max_iterations": 2.5}, "max_iterations must be"),
        ({"max_iterations": True}, "max_iterations must be"),
        ({"max_iterations": 2**31}, "max_iterations must be"),
        ({"tolerance": -1}, "tolerance must be"),
        ({"tolerance": float("nan")}, "tolerance must be"),
        ({"tolerance": "small"}, "tolerance must be"),
        ({"reference_mask": np.ones((3, 3))}, "reference_mask must have the shape"),
        ({"moving_mask": np.ones((40, 40, 3))}, "moving_mask must have the shape"),
        ({"moving_mask": np.full((40, 40), "x")}, "moving_mask must be"),
        ({"initial": np.zeros((3, 3))}, "initial cannot be used.*singular"),
        ({"initial": np.eye(2)}, "initial cannot be used.*shape"),
        ({"initial": [[1, 0, np.inf], [0, 1, 0]]}, "initial cannot be used.*NaN"),
        ({"initial": "left"}, "initial must be a Transform"),
    ],
)
def test_bad_input_is_told_by_the_name_of_the_argument(arguments, message):
    with pytest.raises(InputError, match=message):
        align(**{"reference": GOOD, "moving": GOOD, **arguments})
    assert issubclass(InputError, ValueError)


def test_a_place_that_is_sure_is_not_doubted_by_other_starts():
    image = picture("camera")
    bent = Transform([[1, 0, 0], [0, 1, 0], [1.2e-4, -0.8e-4, 1]], model="homography")
    moving = warp(image, bent.inverse, output_shape=image.shape, fill="background")
    result = align(image, moving)
    assert result.verdict == "doubtful"
    assert result.placed
    assert set(result.timings) == {"identity"}


def test_a_place_that_was_refused_is_not_visited_again():
    image = picture("camera")
    pyramids = image_pyramid(image[:200, :240]), image_pyramid(image[3:203, 5:245])
    refused = []
    options = SearchOptions("translation")

    def accept(one):
        refused.append(one.matrix)
        yield
        return False

    last = outcome_of(estimate_steps(*pyramids, options, accept=accept))
    assert set(last.timings) >= {"identity", "phase correlation", "features"}
    assert len(refused) == 1
