"""What only the pyramid engine promises: any start, a calibrated error, the same bits, pauses."""

import cv2
import numpy as np
import pytest

from clock import longest_step, smoothing
from napari_ecc_align import Transform, align
from napari_ecc_align._align.pair import align_steps
from napari_ecc_align._common.steps import outcome_of
from napari_ecc_align._ecc import features
from napari_ecc_align._ecc.estimator import estimate_steps
from napari_ecc_align._ecc.options import SearchOptions
from napari_ecc_align._images.pyramid.halving import image_pyramid
from napari_ecc_align._images.pyramid.levels import room
from napari_ecc_align._images.pyramid.representations import whole_representation
from napari_ecc_align._transform.coordinates import corner_error, map_points
from napari_ecc_align._transform.models import (
    MODELS,
    Frame,
    compose,
    corner_motions,
    slopes,
)
from pairs import known_pair, picture, random_transform

SHAPE = (256, 256)


def turned(degrees, scale):
    """Return a similarity about the centre of SHAPE."""
    matrix = np.eye(3)
    matrix[:2] = cv2.getRotationMatrix2D((127.5, 127.5), degrees, scale)
    return matrix


@pytest.fixture(scope="module")
def gravel():
    return known_pair("gravel", random_transform(3, "affine", SHAPE), shape=SHAPE)


@pytest.fixture(scope="module")
def lost():
    """Return a pair that only the search over rotation and scale places."""
    return known_pair("camera", Transform(turned(75, 1.15), model="similarity"), shape=SHAPE)


@pytest.mark.parametrize("degrees", [75.0, -120.0])
def test_finds_any_rotation_and_scale_of_a_negative(degrees):
    known = known_pair("camera", Transform(turned(degrees, 1.15), model="similarity"), shape=SHAPE)
    result = align(known.reference, 255 - known.moving, model="similarity")
    assert result.start == "rotation and scale"
    assert result.inverted
    assert known.error_of(result.transform) < 0.15


def test_uncertainty_is_calibrated():
    ratios = []
    for seed in range(20):
        name = ("camera", "brick", "gravel", "grass")[seed % 4]
        known = known_pair(name, random_transform(seed, "affine", SHAPE), shape=SHAPE)
        noise = np.random.default_rng(seed).normal(0, 4, (2, *SHAPE))
        result = align(known.reference + noise[0], known.moving + noise[1])
        ratios.append(known.error_of(result.transform) / result.corner_uncertainty)
    assert 0.6 < np.sqrt(np.mean(np.square(ratios))) < 1.5


def test_precision_is_reached_with_more_tiles():
    shape = (440, 440)
    known = known_pair("brick", random_transform(3, "affine", shape), shape=shape)
    rng = np.random.default_rng(0)
    images = [image + rng.normal(0, 4, shape) for image in (known.reference, known.moving)]
    rough, fine = (align(*images, precision=precision) for precision in (0.1, 0.01))
    assert fine.corner_uncertainty < 0.8 * rough.corner_uncertainty
    assert known.error_of(fine.transform) < 0.05


def test_a_half_that_shows_something_else_hardly_counts(gravel):
    moving = gravel.moving.copy()
    moving[:, 170:] = picture("coffee")[:256, :86]
    result = align(gravel.reference, moving)
    assert gravel.error_of(result.transform) < 0.3


def test_the_caller_decides_what_is_accepted(gravel):
    pyramids = [image_pyramid(image) for image in (gravel.reference, gravel.moving)]
    asked = []

    def accept(estimate):
        asked.append(estimate)
        yield
        return False

    steps = estimate_steps(*pyramids, SearchOptions(max_iterations=50), accept=accept)
    with pytest.raises(StopIteration) as stop:
        while True:
            next(steps)
    # All sources of guesses were tried, but what was refused is not asked about again.
    assert {"identity", "rotation and scale", "features"} <= set(stop.value.value.timings)
    assert sum(each.representation == "intensity" for each in asked) == 1
    assert asked[0].start == "identity"
    assert np.array_equal(stop.value.value.matrix, asked[0].matrix)


@pytest.mark.parametrize("start", ["identity", "rotation and scale"])
def test_the_same_bits_for_any_number_of_threads(gravel, lost, start):
    known = {"identity": gravel, "rotation and scale": lost}[start]
    before, found = cv2.getNumThreads(), []
    try:
        for threads in (1, 3):
            cv2.setNumThreads(threads)
            found.append(align(known.reference, known.moving))
    finally:
        cv2.setNumThreads(before)
    assert found[0].start == start
    assert len({result.transform.matrix.tobytes() for result in found}) == 1


@pytest.mark.parametrize("representation", ["gradient", "orientation"])
def test_gradients_do_not_depend_on_where_in_memory_an_image_lies(representation):
    image = picture("camera")[:85, :99].astype(np.float32)
    told = set()
    for offset in range(16):
        room = np.empty(image.size + 16, np.float32)
        there = room[offset : offset + image.size].reshape(image.shape)
        there[:] = image
        level = image_pyramid(there)[0]
        told.add(whole_representation(level, representation)[0].tobytes())
    assert len(told) == 1


def test_descriptors_of_a_negative_are_foreseen():
    image = picture("camera").clip(0, 255).astype(np.uint8)
    sift = cv2.SIFT.create(nfeatures=300)
    points, descriptors = sift.detectAndCompute(image, None)
    others, expected = sift.detectAndCompute(255 - image, None)
    there = np.array([point.pt for point in others])
    found = features._negative(descriptors)
    near = [
        np.linalg.norm(expected[np.hypot(*(there - point.pt).T) < 0.5] - one, axis=1).min(
            initial=1e9
        )
        for point, one in zip(points, found, strict=True)
    ]
    assert np.median(near) < 0.1 * np.median(np.linalg.norm(descriptors, axis=1))


@pytest.mark.parametrize("names", [("camera", "coffee"), ("gravel", "gravel")])
def test_pauses_are_frequent(names):
    """Whether a pair aligns or not, and however large, nobody waits long for a pause."""
    images = [cv2.resize(picture(name), (1200, 1200)).astype(np.uint8) for name in names]
    # Finding features takes longest, as long as 25 smoothings.
    assert longest_step(lambda: align_steps(*images)) < 60 * smoothing(images[0])


def test_failing_is_not_slow(monkeypatch):
    """Unrelated pictures are given up after so many pixels were sampled or transformed."""
    images = [cv2.resize(picture(name), (512, 512)) for name in ("rocket", "coins")]
    visited = []

    def counting(call):
        def counted(*arguments, **options):
            made = call(*arguments, **options)
            visited.append(made.size)
            return made

        return counted

    for name in ("warpAffine", "warpPerspective", "dft"):
        monkeypatch.setattr(cv2, name, counting(getattr(cv2, name)))
    assert [*align_steps(*images)]
    # An aligned pair visits four times what it shows, this one 240 times.
    assert sum(visited) < 300 * images[0].size


@pytest.mark.parametrize("model", list(MODELS))
def test_slopes_are_the_derivative_of_compose(model):
    frame = Frame((100, 140))
    matrix = np.array([[1.1, 0.1, 3], [-0.05, 0.9, -2], [1e-4, -2e-4, 1]])
    motion = MODELS[model]
    found = slopes(matrix, frame.corners, corner_motions(motion, frame))
    step = 1e-6
    for k in range(motion.n_parameters):
        delta = np.zeros(motion.n_parameters)
        delta[k] = step
        there, back = (compose(matrix, motion, frame, sign * delta) for sign in (1, -1))
        moved = (map_points(there, frame.corners) - map_points(back, frame.corners)) / (2 * step)
        np.testing.assert_allclose(found[:, k], moved.ravel(), rtol=1e-4, atol=1e-4)


def test_swapping_inverts_within_the_uncertainty(gravel):
    forth, back = (
        align(a, b)
        for a, b in ((gravel.reference, gravel.moving), (gravel.moving, gravel.reference))
    )
    bound = 4 * np.hypot(forth.corner_uncertainty, back.corner_uncertainty)
    assert corner_error((back.transform @ forth.transform).matrix, np.eye(3), SHAPE) < bound


def test_memory_is_handed_out_in_steps():
    """Of a long strip, a few columns of all rows lie in as many pages as there are rows."""
    steps = []
    out = outcome_of(room((40, 500_000)), steps.append)
    assert out.shape == (40, 500_000) and out.dtype == np.float32
    assert len(steps) >= out.nbytes / 2**23
    assert outcome_of(room((0, 5))).shape == (0, 5)
