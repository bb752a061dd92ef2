"""Pairs that can be aligned: found exactly, whatever they are made of, and told on the way."""

import re
import threading
from dataclasses import replace

import cv2
import numpy as np
import pytest

from clock import longest_step, smoothing
from napari_ecc_align import InputError, Transform, align, checkerboard, judge, overlay
from napari_ecc_align._align.pair import align_steps
from napari_ecc_align._ecc.options import ENGINES
from napari_ecc_align._images.samples import sample
from napari_ecc_align._transform.coordinates import corner_error
from napari_ecc_align._transform.matrices import MOTION_MODELS
from pairs import REAL_PICTURES, colour_picture, known_pair, picture, random_transform

SHAPE = (200, 240)


@pytest.mark.parametrize(
    ("engine", "model", "name"),
    [
        (engine, model, name)
        for engine in ENGINES
        for model in MOTION_MODELS
        # Every picture in the model that is the default, and every model.
        for name in (REAL_PICTURES if model == "affine" else REAL_PICTURES[-2:])
        if (engine, model) != ("opencv", "similarity")
    ],
)
def test_recovers_the_transform_of_a_real_image(engine, model, name):
    shape = (130, 300) if name == "page" else SHAPE
    known = known_pair(name, random_transform(7, model, shape, size=4.0), shape=shape)
    result = align(known.reference, known.moving, model=model, engine=engine)
    assert known.error_of(result.transform) < 0.1
    assert result.verdict == "aligned", result.reason
    assert result.transform.model == model
    assert not result.inverted
    assert result.ecc > 0.99
    assert result.ecc > result.ecc_before
    assert result.converged
    assert 0.8 < result.overlap_fraction <= 1


@pytest.mark.parametrize(
    "dtype", ["u1", "u2", "u4", "i2", "i8", "f2", "f4", "f8", ">u2", ">f4", ">f8"]
)
def test_every_dtype_says_the_same(camera, dtype, engine):
    gain = {"u2": 257, ">u2": 257, "u4": 10_000, "i8": 10**12}.get(dtype, 1)
    images = [(image * gain).astype(dtype) for image in (camera.reference, camera.moving)]
    result = align(*images, engine=engine)
    assert camera.error_of(result.transform) < 0.1
    assert result.verdict == "aligned"


@pytest.mark.parametrize("scale", [1e-300, 1e-20, 1 / 255, 1e30, 1e300])
@pytest.mark.parametrize("offset", [0, 1])
def test_range_does_not_matter(camera, scale, offset, engine):
    images = [(image + 255 * offset) * scale for image in (camera.reference, camera.moving)]
    result = align(*images, engine=engine)
    assert camera.error_of(result.transform) < 0.1
    assert result.verdict == "aligned"


def test_whole_numbers_far_from_zero_have_contrast(camera):
    """Of floats so little would be rounding."""
    far = [image.astype(np.uint32) + 2**31 for image in (camera.reference, camera.moving)]
    result = align(*far)
    assert (result.verdict, camera.error_of(result.transform) < 0.1) == ("aligned", True)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_values_at_the_limits_of_their_type_are_no_warning(camera, dtype):
    largest = np.finfo(dtype).max
    spoilt, faint = camera.reference.astype(dtype), np.full(SHAPE, np.finfo(dtype).tiny)
    # None of them in the sample that contrast is measured by.
    spoilt[33, 47], spoilt[51, 51], faint[37:40, 41:44] = largest, -largest, 1
    other = camera.moving.astype(dtype)
    assert align(spoilt, other, initial=camera.truth).transform.matrix.shape == (3, 3)
    assert align(faint, other, engine="opencv").verdict == "failed"
    huge = camera.reference / 255 * 0.9 * largest
    assert camera.error_of(align(huge.astype(dtype), other).transform) < 0.1
    for picture_of in (overlay, checkerboard):
        assert np.isfinite(picture_of(faint, spoilt)).all()
    far = judge(camera.reference, camera.moving, [[1, 0, 1e300], [0, 1, 0]])
    assert far.reason == "Only 0% of the reference is covered."
    with pytest.raises(InputError, match="moving_points must be coordinates in px"):
        Transform.from_points([[0, 0], [9, 9]], [[0, 0], [1e258, 9]])


def test_bool_pages():
    page = sample("page")
    moving = page.siblings["scan, binary"] > 0
    result = align(page.reference > 0, moving)
    assert corner_error(result.transform.matrix, page.matrix, page.reference.shape) < 0.1
    assert result.inverted
    assert result.verdict == "aligned"


def test_views_and_read_only_arrays(camera):
    padded = np.zeros((2 * SHAPE[0], 2 * SHAPE[1]))
    padded[::2, ::2] = camera.reference
    moving = np.asfortranarray(camera.moving)
    moving.setflags(write=False)
    result = align(padded[::2, ::2], moving)
    assert camera.error_of(result.transform) < 0.1


def test_lazy_arrays(camera):
    from dask import array

    result = align(array.from_array(camera.reference), array.from_array(camera.moving))
    assert camera.error_of(result.transform) < 0.1


def test_a_negative_is_recognised(camera, engine):
    result = align(camera.reference, 255 - camera.moving, engine=engine)
    assert result.inverted
    assert result.ecc > 0.99
    assert camera.error_of(result.transform) < 0.1
    assert result.verdict == "aligned"


@pytest.mark.parametrize("opaque", [True, False])
def test_colour(opaque, engine):
    truth = random_transform(2, "affine", SHAPE)
    known = known_pair(colour_picture("astronaut"), truth, shape=SHAPE)
    moving = known.moving
    if not opaque:
        moving = np.dstack([moving, np.full(SHAPE, 255.0)])
    result = align(known.reference.astype(np.uint8), moving.astype(np.uint8), engine=engine)
    assert known.error_of(result.transform) < 0.1
    gray = align(known.reference.mean(axis=2), moving.astype(np.uint8), engine=engine)
    # A mean of channels is not the luminance: the images really differ.
    assert known.error_of(gray.transform) < 0.2


def test_colours_of_one_luminance_still_align(camera, engine):
    def isoluminant(gray):
        weights = np.array([0.2125, 0.7154, 0.0721])
        red_up = np.stack([gray, np.zeros_like(gray), np.zeros_like(gray)], axis=-1)
        red_up[..., 1] = 200 - red_up[..., 0] * weights[0] / weights[1]
        return red_up

    result = align(isoluminant(camera.reference), isoluminant(camera.moving), engine=engine)
    assert camera.error_of(result.transform) < 0.1


def test_different_sizes(engine):
    truth = random_transform(4, "affine", SHAPE, size=4.0)
    known = known_pair("astronaut", truth, shape=SHAPE, moving_shape=(230, 210))
    result = align(known.reference, known.moving, engine=engine)
    assert known.error_of(result.transform) < 0.1
    assert result.verdict == "aligned"


@pytest.mark.parametrize("shift", [(40, -25), (-55, 10), (12, 60)])
def test_tens_of_pixels(shift, engine):
    matrix = np.eye(3)
    matrix[:2, 2] = shift
    known = known_pair("astronaut", Transform(matrix, model="affine"), shape=(280, 300))
    result = align(known.reference, known.moving, engine=engine)
    assert known.error_of(result.transform) < 0.1
    assert result.verdict == "aligned"


def test_the_story_page(engine):
    page = sample("page")
    result = align(page.reference, page.moving, engine=engine)
    assert corner_error(result.transform.matrix, page.matrix, page.reference.shape) < 0.1
    assert result.inverted
    assert result.verdict == "aligned"


@pytest.mark.parametrize("which", ["reference", "moving"])
def test_masked_content_does_not_leak(camera, which, engine):
    images = {"reference": camera.reference, "moving": camera.moving}
    mask = np.ones(SHAPE, bool)
    mask[:, : SHAPE[1] * 4 // 10] = False
    options = {f"{which}_mask": mask.astype(np.uint8) * 255, "engine": engine}
    clean = align(**images, **options)
    noise = np.random.default_rng(0).uniform(0, 255, SHAPE)
    for content in (noise, 255 - images[which], 0.0, np.nan):
        target = np.where(mask, images[which], content)
        result = align(**{**images, which: target}, **options)
        assert camera.error_of(result.transform) < 0.1
        assert corner_error(result.transform.matrix, clean.transform.matrix, SHAPE) < 0.02


def test_missing_data_counts_as_masked(camera, engine):
    moving = camera.moving.copy()
    moving[50:60, 30:200] = np.nan
    moving[10, 10] = np.inf
    masked = np.ma.masked_invalid(moving)
    for image in (moving, masked):
        result = align(camera.reference, image, engine=engine)
        assert camera.error_of(result.transform) < 0.1


def test_an_initial_transform_is_where_it_starts(engine):
    truth = random_transform(5, "euclidean", SHAPE, size=3.0)
    turn = np.array([[-1, 0, 239], [0, -1, 199], [0, 0, 1.0]])
    known = known_pair("astronaut", Transform(truth.matrix @ turn, model="euclidean"), shape=SHAPE)
    lost = align(known.reference, known.moving, model="euclidean", engine=engine)
    if engine == "opencv":
        assert lost.verdict == "failed"
    else:
        assert (lost.verdict, lost.start) == ("aligned", "rotation and scale")
    start = Transform(turn, model="euclidean")
    for initial in (turn, turn[:2].tolist(), start, replace(lost, transform=start)):
        found = align(
            known.reference, known.moving, model="euclidean", initial=initial, engine=engine
        )
        assert known.error_of(found.transform) < 0.1
        assert (found.verdict, found.start) == ("aligned", "initial")


def test_a_useless_initial_transform_does_no_harm(camera, engine):
    astray = np.array([[1, 0, 90], [0, 1, -80], [0, 0, 1.0]])
    result = align(camera.reference, camera.moving, initial=astray, engine=engine)
    assert camera.error_of(result.transform) < 0.1
    assert result.verdict == "aligned"


@pytest.mark.parametrize(
    ("model", "becomes"), [("translation", "similarity"), ("affine", "homography")]
)
def test_the_model_is_what_may_happen_beyond_the_initial_transform(model, becomes):
    known_part = {
        "translation": np.array([[0.9, -0.5, 40], [0.5, 0.9, -30], [0, 0, 1]]),
        "affine": np.array([[1, 0.02, 4], [0.01, 1, -3], [1e-4, -5e-5, 1]]),
    }[model]
    beyond = random_transform(3, model, SHAPE, size=4.0)
    truth = Transform(known_part @ beyond.matrix, model="homography")
    known = known_pair("camera", truth, shape=SHAPE)
    result = align(known.reference, known.moving, model=model, initial=known_part)
    assert (result.verdict, result.start) == ("aligned", "initial")
    assert known.error_of(result.transform) < 0.1
    assert result.transform.model == becomes
    if model == "translation":
        assert np.allclose(result.transform.matrix[:2, :2], known_part[:2, :2], atol=1e-12)


def test_progress_tells_the_level_and_the_correlation_so_far(camera):
    stages = []
    align(camera.reference, camera.moving, progress=lambda step: stages.append(step.stage))
    assert any(re.search(r"resolution, ECC (0\.9|1\.0)", stage) for stage in stages)


def test_the_same_input_gives_the_same_bits(camera, engine):
    first, second = (align(camera.reference, camera.moving, engine=engine) for _ in range(2))
    assert np.array_equal(first.transform.matrix, second.transform.matrix)
    assert first.ecc == second.ecc


def test_inputs_are_not_changed(camera, engine):
    reference, moving = camera.reference.copy(), camera.moving.copy()
    initial = np.eye(3)
    align(reference, moving, initial=initial, engine=engine)
    assert np.array_equal(reference, camera.reference)
    assert np.array_equal(moving, camera.moving)
    assert np.array_equal(initial, np.eye(3))


def test_iterations_are_limited(camera, engine):
    result = align(camera.reference, camera.moving, max_iterations=1, engine=engine)
    assert result.iterations == 1
    exact = align(camera.reference, camera.moving, max_iterations=30, tolerance=0, engine=engine)
    assert exact.iterations <= 30
    assert camera.error_of(exact.transform) < 0.1


def test_progress_is_told_and_rises(camera, engine):
    told = []
    result = align(camera.reference, camera.moving, progress=told.append, engine=engine)
    fractions = [step.fraction for step in told]
    assert fractions == sorted(fractions)
    assert fractions[0] == 0
    assert fractions[-1] == 1
    assert all(step.stage for step in told)
    late = [step.transform for step in told if step.transform is not None][-1]
    assert corner_error(late.matrix, result.transform.matrix, SHAPE) < 0.5


def test_cancel_is_obeyed_between_iterations(camera, engine):
    event, told = threading.Event(), []

    def progress(step):
        told.append(step)
        if len(told) == 3:
            event.set()

    result = align(
        camera.reference, camera.moving, progress=progress, cancel=event.is_set, engine=engine
    )
    assert len(told) == 3
    assert result.verdict == "cancelled"
    assert not result.found
    assert result.shape == SHAPE
    assert "cancelled" in result.reason


def test_steps_check_arguments_before_the_first_step(camera):
    with pytest.raises(InputError, match="model"):
        align(camera.reference, camera.moving, model="rigid")


def test_the_smallest_images_align():
    known = known_pair(
        "camera", random_transform(3, "translation", (32, 32), size=1.0), shape=(40, 40)
    )
    result = align(known.reference, known.moving, model="translation")
    assert known.error_of(result.transform) < 0.2


@pytest.mark.parametrize("kind", ["gray", "colour", "float"])
def test_the_bar_never_stands_still_for_long(kind):
    image = cv2.resize(picture("camera"), (3600, 2800), interpolation=cv2.INTER_CUBIC)
    if kind == "colour":
        image = np.repeat(image[..., np.newaxis], 3, axis=2)
    image = image.astype(np.float32) if kind == "float" else image
    moving = np.roll(image, (5, -7), axis=(0, 1))[::-1] if kind == "gray" else np.roll(image, 5, 1)
    # As long as it takes to smooth the image once.
    limit = 4 * smoothing(image)
    assert longest_step(lambda: align_steps(image, moving)) < limit
