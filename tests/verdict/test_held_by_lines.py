"""Scenes that move below lines of the camera: noise of columns or rows, streaks of a scanner."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from music.page import make_page
from napari_ecc_align import Transform, align, align_stack, judge
from napari_ecc_align._align.held_parts import without_held_lines
from napari_ecc_align._align.options import Job
from napari_ecc_align._align.pair import _run_pyramid, _run_without_lines
from napari_ecc_align._common.steps import outcome_of
from napari_ecc_align._ecc.options import SearchOptions
from napari_ecc_align._images.pyramid.halving import image_pyramid
from napari_ecc_align._images.pyramid.pair import Pyramids
from napari_ecc_align._images.sources import LoadedImage
from napari_ecc_align._verdict.held_by_lines import held_by_lines, shared_lines, without_lines
from napari_ecc_align._verdict.limits import LEAST_SHARE
from pairs import known_pair, picture

SHAPE = (260, 300)


def shift(x, y):
    return Transform(np.array([[1, 0, x], [0, 1, y], [0, 0, 1.0]]), model="translation")


def lines(axis, strength, seed=3):
    """Return noise of whole columns (axis 0) or rows (1)."""
    count = SHAPE[1 - axis]
    noise = strength * np.random.default_rng(seed).normal(size=count)
    return noise[None] if axis == 0 else noise[:, None]


def below_lines(name, x, y, *patterns, seed=1):
    """Return a scene, and it moved by (x, y), both below the same lines."""
    rng = np.random.default_rng(seed)
    pair = known_pair(name, shift(x, y), shape=SHAPE)
    images = []
    for image in (pair.reference, pair.moving):
        seen = 0.35 * image + sum(patterns) + 90 + rng.normal(0, 3, SHAPE)
        images.append(np.clip(np.rint(seen), 0, 255).astype(np.uint8))
    return *images, pair.truth


def pyramids_of(*images):
    return Pyramids(*(image_pyramid(image) for image in images), None)


@pytest.mark.parametrize(
    ("name", "x", "y", "axes", "called"),
    [
        ("camera", 6.3, 3.4, (0,), "columns"),
        ("coffee", 1.4, 2.2, (0,), "columns"),
        ("astronaut", 4.0, -7.3, (1,), "rows"),
        ("chelsea", -5.2, 4.6, (0, 1), "columns and rows"),
    ],
)
def test_what_moves_below_lines_is_found_without_them(name, x, y, axes, called):
    patterns = [lines(axis, 40) for axis in axes]
    reference, moving, truth = below_lines(name, x, y, *patterns)
    for model in ("translation", "affine"):
        result = align(reference, moving, model=model)
        assert result.aligned, result.reason
        assert result.reason.startswith(f"Without whole {called}: ")
        assert result.transform.corner_distance(truth, SHAPE) < 0.15


def test_lines_of_another_gain():
    reference, moving, truth = below_lines("astronaut", 5.3, -4.4)
    gain = 0.4 + 0.6 * np.random.default_rng(4).random((SHAPE[0], 1))
    images = [np.rint(image * gain).astype(np.uint8) for image in (reference, moving)]
    result = align(*images)
    assert result.aligned, result.reason
    assert result.reason.startswith("Without whole rows: ")
    assert result.transform.corner_distance(truth, SHAPE) < 0.25


def test_lines_that_hold_one_axis_are_doubted():
    reference, moving, _ = below_lines("chelsea", 1.4, 2.2, lines(0, 40))
    # All tiles fit here: along the columns the scene says so, across them the columns do.
    held = judge(reference, moving, shift(0, 2.2))
    assert held.verdict == "doubtful"
    assert "without whole rows or columns, the images fit better 1.4 px from there" in held.reason


@pytest.mark.parametrize("x", [0.0, 0.2])
def test_what_lies_right_below_lines_is_not_doubted(x):
    reference, moving, truth = below_lines("camera", x, 5.3, lines(0, 40))
    result = align(reference, moving)
    assert result.aligned
    assert "lines" not in result.reason.lower()
    assert result.transform.corner_distance(truth, SHAPE) < 0.5


def test_a_mask_and_a_negative():
    reference, moving, truth = below_lines("astronaut", 3.6, 5.1, lines(0, 40))
    mask = np.ones(SHAPE, bool)
    mask[:60, :90] = False
    reference[~mask] = 255
    result = align(reference, 255 - moving, reference_mask=mask)
    assert result.aligned
    assert result.inverted
    assert result.transform.corner_distance(truth, SHAPE) < 0.2


def test_lines_are_shared_by_a_negative_too():
    reference, moving, _ = below_lines("astronaut", 3.6, 5.1, lines(0, 40))
    for other in (moving, 255 - moving):
        assert shared_lines(pyramids_of(reference, other)) == (0,)


@pytest.mark.parametrize("seed", [18, 20])
@pytest.mark.parametrize("negative", [False, True])
def test_a_page_that_lies_still_lies_right(seed, negative):
    """Its staves are lines, which lie on others at many places, in what two flavours leave."""
    page = make_page(shape=(400, 520), seed=seed, displacement=0)
    result = align(page.reference, page.gray if negative else 255 - page.gray)
    assert result.aligned, result.reason
    assert result.inverted == negative
    assert result.transform.corner_distance(Transform.identity(), (400, 520)) < 0.1


def test_a_film_below_lines():
    picture_of_it = picture("camera")
    pattern = lines(0, 40)
    rng = np.random.default_rng(5)
    drift = np.array([[0, 0], [0.0, 2], [1, 3], [3, 4], [4, 3], [6, 5], [8, 4], [9, 6]], float)
    frames = []
    for x, y in drift:
        seen = ndimage.shift(picture_of_it, (-y, -x), order=3)[80:340, 80:380]
        frames.append(0.35 * seen + 90 + pattern + rng.normal(0, 3, SHAPE))
    for result, (x, y) in zip(align_stack(frames, model="translation"), drift, strict=True):
        there = shift(-x, -y)
        assert result.aligned, result.reason
        assert result.transform.corner_distance(there, SHAPE) < 0.5


def test_lines_are_taken_out_once():
    """Whatever is found after that, such as lines in what a mask leaves of two images."""
    images = [below_lines(name, 5, 3, lines(0, 40))[0] for name in ("camera", "coffee")]
    job = Job(*(LoadedImage(image, None) for image in images), SearchOptions("affine"), None)
    failed = align(*images)
    assert not failed.aligned
    asked = []
    for _ in range(3):
        pyramids = pyramids_of(job.reference.image, job.moving.image)
        # Made so that lines are seen whatever was taken out.
        for levels in (pyramids.reference, pyramids.moving):
            for level in levels:
                level.cache["lines"] = {(): ([np.arange(9.0, dtype=np.float32)] * 2, [1.0, 1.0])}
        without = outcome_of(without_held_lines(job, pyramids, replace(failed, verdict="failed")))
        if without is None:
            break
        job = without.job
        asked.append(without.lines)
    assert asked == ["columns and rows"]
    assert job.freed == (0, 1)


@pytest.mark.parametrize(("x", "verdict"), [(0, "aligned"), (12, "doubtful")])
def test_a_place_that_no_lines_hold_remains_another_one(x, verdict):
    """Such as that of a wheel that has been turned, whose spokes are lines, too."""
    reference, moving, _ = below_lines("camera", 6.3, 3.4, lines(0, 40))
    sources = LoadedImage(reference, None), LoadedImage(moving, None)
    job = Job(*sources, SearchOptions("translation"), None)
    elsewhere = replace(align(reference, moving), transform=shift(x, 3.4), verdict="doubtful")
    pyramids = pyramids_of(reference, moving)
    without = outcome_of(without_held_lines(job, pyramids, elsewhere))
    assert (without.lines, without.held) == ("columns", x == 0)
    found = outcome_of(_run_without_lines(job, pyramids, [elsewhere], _run_pyramid))
    assert [one.verdict for one in found] == [verdict]
    assert found[0].reason.startswith("Without whole columns: ")


def test_lines_of_the_scene_hold_nothing():
    """A wall of bricks, and a fence, lie where their lines do."""
    for name in ("brick", "page"):
        image = picture(name)[:200, :240]
        pyramids = pyramids_of(image, picture(name)[3:203, :240])
        moved = shift(0, -3).matrix
        assert held_by_lines(pyramids, moved, inverted=False) is None
    fence = np.tile(np.random.default_rng(2).normal(0, 20, 300), (260, 1))
    noisy = [fence + np.random.default_rng(k).normal(0, 2, SHAPE) for k in (1, 2)]
    assert held_by_lines(pyramids_of(*noisy), np.eye(3), inverted=False) is None


def test_images_without_lines_are_not_looked_at():
    blobs = ndimage.gaussian_filter(np.random.default_rng(1).normal(size=(300, 340)), 2)
    reference, moving = blobs[20:280, 20:320], blobs[20:280, 24:324]
    pyramids = pyramids_of(reference, moving)
    assert held_by_lines(pyramids, np.eye(3), inverted=False) is None
    kept = next(level.cache for level in pyramids.reference if "lines" in level.cache)
    _, shares = kept["lines"][()]
    assert max(shares) < LEAST_SHARE
    assert "without lines" not in kept
    assert shared_lines(pyramids) == ()


def test_a_level_without_its_lines():
    rng = np.random.default_rng(0)
    image = rng.normal(size=(60, 80)) + lines(0, 9)[:, :80] + lines(1, 9)[:60]
    image[10:20, 30:50] = np.nan
    level = image_pyramid(image)[0]
    values, valid = level.whole()
    for axes in ((0,), (1,)):
        free, seen = outcome_of(without_lines(level, axes)).whole()
        np.testing.assert_array_equal(seen, valid)
        assert not free[~valid].any()
        left = np.ma.masked_array(free, ~valid)
        assert np.abs(left.mean(axis=axes[0])).max() < 1e-4
        # All lines are seen with one contrast, each as it was but for an offset and a gain.
        contrasts = left.std(axis=axes[0])
        assert np.ptp(contrasts) < 1e-3 * contrasts.mean()
        for own, line, seen in zip(
            *(np.moveaxis(plane, 1 - axes[0], 0) for plane in (values, free, valid)), strict=True
        ):
            assert np.corrcoef(own[seen], line[seen])[0, 1] == pytest.approx(1, abs=1e-5)
