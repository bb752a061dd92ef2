"""Mirrored moving images, where they are allowed for: found as what they are, in every model."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
from skimage import data

from napari_ecc_align import (
    BatchSettings,
    InputError,
    Transform,
    align,
    align_stack,
    judge,
    load_transforms,
    warp,
)
from napari_ecc_align._batch.settings import with_present_names
from napari_ecc_align._images.limits import LIMITS
from pairs import known_pair, random_transform

SHAPE = (200, 240)
FLIPS = {"left to right": np.fliplr, "top to bottom": np.flipud, "over the diagonal": np.transpose}
ANY = ("euclidean", "similarity", "affine", "homography")


def mirrored_pair(model, flip="left to right", seed=3):
    """Return a reference, a moving image that is mirrored, and the matrix between them."""
    known = known_pair("astronaut", random_transform(seed, model, SHAPE))
    height, width = (length - 1 for length in known.moving.shape)
    back = {
        "left to right": [[-1, 0, width], [0, 1, 0]],
        "top to bottom": [[1, 0, 0], [0, -1, height]],
        "over the diagonal": [[0, 1, 0], [1, 0, 0]],
    }[flip]
    truth = np.vstack([back, [0, 0, 1]]) @ known.truth.matrix
    return known.reference, FLIPS[flip](known.moving).copy(), truth


def assert_is(result, truth, least=0.1):
    assert result.aligned, result.reason
    assert result.transform.corner_distance(truth, SHAPE) < least
    assert np.linalg.det(result.transform.matrix) < 0
    assert result.uncertainty_at([(0, 0), (239, 199)]).max() < 0.1


@pytest.mark.parametrize(
    ("model", "flip"),
    [
        ("translation", "left to right"),
        ("translation", "top to bottom"),
        *((model, "left to right") for model in ANY),
        *((model, "over the diagonal") for model in ANY[::3]),
    ],
)
def test_a_mirrored_image_is_aligned_in_every_model(model, flip):
    reference, moving, truth = mirrored_pair(model, flip)
    result = align(reference, moving, model=model, mirrored=True)
    assert_is(result, truth)
    assert result.transform.model == ("homography" if model == "homography" else "affine")
    assert "mirrored" in repr(result)
    assert result.reason.startswith("Mirrored: ")
    warped = warp(moving, result)
    inner = slice(60, 140)
    np.testing.assert_allclose(warped[inner, inner], reference[inner, inner], atol=25)


def test_progress_goes_on_to_its_end():
    told = []
    align(*mirrored_pair("translation")[:2], mirrored=True, progress=told.append)
    fractions = [step.fraction for step in told]
    assert fractions == sorted(fractions) and fractions[-1] == 1


def test_opencv_aligns_it_too():
    reference, moving, truth = mirrored_pair("euclidean")
    result = align(reference, moving, model="euclidean", engine="opencv", mirrored=True)
    assert result.aligned and result.transform.corner_distance(truth, SHAPE) < 0.2


@pytest.mark.parametrize("model", ["translation", "affine"])
def test_what_is_not_mirrored_is_aligned_as_without_the_choice(model):
    known = known_pair("camera", random_transform(3, model, SHAPE))
    result, as_ever = (
        align(known.reference, known.moving, model=model, mirrored=choice)
        for choice in (True, False)
    )
    assert result.aligned and result.transform == as_ever.transform
    assert result.reason == as_ever.reason


def test_what_is_alike_on_both_sides_is_doubtful():
    half = data.camera()[100:300, 150:270]
    symmetric = np.hstack([half, half[:, ::-1]])
    result = align(symmetric, symmetric.copy(), mirrored=True)
    assert result.verdict == "doubtful"
    assert "turned over" in result.reason


def test_unrelated_images_fail_either_way_with_the_reason_of_the_image_as_it_is():
    result = align(data.camera()[:100, :120], data.text()[:100, :120], mirrored=True)
    assert result.verdict == "failed"
    assert "irror" not in result.reason


@pytest.mark.parametrize("model", ["translation", "euclidean", "affine"])
def test_a_start_that_mirrors_needs_no_choice(model):
    reference, moving, truth = mirrored_pair(model)
    start = [[-1, 0, moving.shape[1] - 1], [0, 1, 0]]
    assert_is(align(reference, moving, model=model, initial=start), truth)


def test_masks_are_turned_over_as_well():
    reference, moving, truth = mirrored_pair("euclidean")
    counts = np.ones(moving.shape, bool)
    counts[:, :80] = False
    moving[:, :80] = np.random.default_rng(0).integers(0, 255, moving[:, :80].shape)
    result = align(reference, moving, moving_mask=counts, model="euclidean", mirrored=True)
    assert_is(result, truth, 0.2)


def test_lazy_images_are_turned_over_without_being_read_first(monkeypatch):
    monkeypatch.setattr(LIMITS, "small_pixels", 1000)
    monkeypatch.setattr(LIMITS, "small_bytes", 1000)
    reference, moving, truth = mirrored_pair("affine")
    lazy = (da.from_array(image, chunks=(64, 50)) for image in (reference, moving))
    assert_is(align(*lazy, mirrored=True), truth)


def test_a_mirrored_transform_is_judged():
    reference, moving, truth = mirrored_pair("euclidean")
    result = judge(reference, moving, truth)
    assert_is(result, truth)
    assert result.transform == Transform(truth)
    assert result.ecc_before == pytest.approx(
        align(reference, moving, mirrored=True).ecc_before, abs=0.01
    )
    off = judge(reference, moving, truth @ [[1, 0, 3], [0, 1, 0], [0, 0, 1]])
    assert off.verdict == "failed" and "lie 3.0 px to the left" in off.reason


def test_a_film_of_a_section_turned_over_half_way(tmp_path):
    frames = [data.camera()[100 + k : 300 + k, 100:340] for k in range(4)]
    frames[2:] = [np.fliplr(frame) for frame in frames[2:]]
    stack = align_stack(np.stack(frames), model="euclidean", mirrored=True)
    assert [result.verdict for result in stack] == ["aligned"] * 4
    determinants = [np.linalg.det(result.transform.matrix) for result in stack]
    np.testing.assert_allclose(determinants, [1, 1, -1, -1], atol=1e-3)
    stack.save(tmp_path / "stack.csv")
    read = load_transforms(tmp_path / "stack.csv")
    assert [one.matrix.tolist() for one in read] == [
        result.transform.matrix.tolist() for result in stack
    ]


@pytest.mark.parametrize("suffix", [".json", ".ome.json", ".tfm", ".csv", ".npy", ".txt"])
def test_every_format_holds_a_reflection(tmp_path, suffix):
    mirrored = Transform([[-1, 0.1, 239], [0.1, 1, 4]])
    mirrored.save(tmp_path / f"m{suffix}")
    read = Transform.load(tmp_path / f"m{suffix}")
    np.testing.assert_allclose(read.matrix, mirrored.matrix, atol=1e-9)


@pytest.mark.parametrize(
    ("matrix", "words"),
    [
        ([[-1, 0, 9], [0, 1, 0]], "mirrored left to right"),
        ([[1, 0, 0], [0, -1, 9]], "mirrored top to bottom"),
        ([[0, 1, 0], [1, 0, 0]], "mirrored top to bottom, turned 90.00°"),
        ([[-2, 0, 9], [0, 2, 0]], "mirrored left to right, scaled 2.000"),
    ],
)
def test_a_reflection_is_told_in_words(matrix, words):
    assert words in repr(Transform(matrix))


def test_the_choice_is_yes_or_no():
    with pytest.raises(InputError, match="mirrored must be True or False, not 'maybe'"):
        align(np.eye(64), np.eye(64), mirrored="maybe")


def test_records_from_before_the_choice_say_no():
    document = BatchSettings(model="euclidean").as_document()
    before = {name: value for name, value in document.items() if name != "mirrored"}
    assert with_present_names(before) == document
