"""No step of an alignment is long, whatever shape the images have: a cancel is heard soon."""

import cv2
import numpy as np
import pytest

from napari_ecc_align import align
from napari_ecc_align._align import smooth
from napari_ecc_align._align.pair import align_steps
from napari_ecc_align._common.steps import outcome_of, retold
from napari_ecc_align._ecc import mutual_information
from napari_ecc_align._ecc.options import SearchOptions
from napari_ecc_align._ecc.refine import Refiner
from napari_ecc_align._images.pyramid import levels
from napari_ecc_align._images.pyramid.halving import image_pyramid
from napari_ecc_align._images.pyramid.levels import Level, parts
from napari_ecc_align._images.pyramid.representations import represent, representation_steps
from napari_ecc_align._images.pyramid.whole_blocks import used_blocks, whole_reference
from napari_ecc_align._transform.models import MODELS
from napari_ecc_align._verdict import assess
from pairs import picture

# What passes over pixels of a level.
_PASSES = ("GaussianBlur", "filter2D", "sepFilter2D", "erode", "warpAffine", "pyrDown")


@pytest.fixture
def passed(monkeypatch):
    """How many pixels OpenCV has made so far, in a list of one number."""
    count = [0]

    def counted(make):
        def made(*arguments, **options):
            out = make(*arguments, **options)
            count[0] += out.size
            return out

        return made

    for name in _PASSES:
        monkeypatch.setattr(cv2, name, counted(getattr(cv2, name)))
    return count


def noisy(shape):
    """Return a pair whose images are like nothing but themselves, moved by (5, 3) px."""
    rng = np.random.default_rng(0)
    large = cv2.GaussianBlur(
        rng.normal(128, 60, (shape[0] + 6, shape[1] + 10)).astype(np.float32), (5, 5), 1
    )
    large = np.clip(large, 0, 255).astype(np.uint8)
    return large[3:-3, 5:-5], large[:-6, :-10]


@pytest.mark.parametrize(
    ("shape", "engine", "passes"),
    [
        # Of the strips' pixels one step made 7 times as many, of the square's 2.3 times.
        ((8, 400_000), "pyramid", 2.5),
        ((400_000, 8), "pyramid", 2.5),
        ((2000, 2000), "opencv", 1.5),
    ],
)
def test_a_step_passes_over_few_pixels(shape, engine, passes, passed):
    reference, moving = noisy(shape)
    longest = before = passed[0] = 0
    for _ in align_steps(reference, moving, SearchOptions("affine", engine)):
        longest, before = max(longest, passed[0] - before), passed[0]
    assert 0.1 < max(longest, passed[0] - before) / reference.size < passes


@pytest.mark.parametrize("representation", ["intensity", "gradient", "orientation"])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("upright", [False, True])
def test_what_is_made_in_parts_is_what_is_made_at_once(
    representation, masked, upright, monkeypatch
):
    image = picture("camera")[:300, :431]
    mask = np.ones(image.shape, bool)
    mask[100:140, 200:] = not masked
    image, mask = (image.T, mask.T) if upright else (image, mask)
    level = image_pyramid(image, mask)[0]
    planes, valid = represent(level, *level.whole(), representation)
    monkeypatch.setattr(levels, "STRIP_PIXELS", 20_000)
    monkeypatch.setattr("napari_ecc_align._images.pyramid.representations._KEPT_PIXELS", 0)
    steps = representation_steps(level, representation)
    assert len(list(steps)) > 6
    made, counted = outcome_of(representation_steps(level, representation))
    # Where a part begins decides how the processor adds up.
    np.testing.assert_allclose(made, planes, atol=2e-5)
    assert (counted is None and valid is None) or np.array_equal(counted, valid)


def test_parts_cover_each_pixel_once(monkeypatch):
    monkeypatch.setattr(levels, "STRIP_PIXELS", 100)
    for shape in ((7, 90), (90, 7), (30, 30), (3, 4)):
        times = np.zeros(shape, int)
        for y0, y1, x0, x1 in parts(shape):
            times[y0:y1, x0:x1] += 1
        assert (times == 1).all()


@pytest.mark.parametrize("shape", [(8, 400_000), (400_000, 8), (5, 2_000_000)])
def test_few_blocks_stand_for_a_long_strip_from_end_to_end(shape):
    rows, columns = used_blocks(shape, 8)
    assert 2**18 < 64 * len(rows) * len(columns) <= 2**19
    for used, length in ((rows, shape[0]), (columns, shape[1])):
        assert (used[0], used[-1]) == (0, -(-length // 8) - 1)
        steps = np.diff(used)
        assert not len(steps) or 1 <= steps.min() <= steps.max() <= steps.min() + 1


@pytest.mark.parametrize("shape", [(150, 160), (4, 9), (5, 62_500)])
def test_all_blocks_of_other_levels_are_used(shape):
    assert [len(used) for used in used_blocks(shape, 8)] == [-(-side // 8) for side in shape]


@pytest.mark.parametrize("upright", [False, True])
@pytest.mark.parametrize("how", ["coarse", "polished"])
def test_the_ends_of_a_strip_of_which_not_all_is_used_are_known(upright, how):
    rng = np.random.default_rng(0)
    length = 150_000
    places = np.arange(length)
    rows = rng.normal(size=(8, length + 100)).astype(np.float32)
    rows = cv2.GaussianBlur(rows, (13, 7), 2.0)
    # Moved by a pixel in the middle, and by 0.6 to 1.4 at the ends.
    moved = places + 1 + 0.4 * (2 * places / (length - 1) - 1)
    knots = np.arange(length + 100) - 50
    reference, moving = (
        np.stack([np.interp(at, knots, row) for row in rows]).astype(np.float32)
        for at in (places, 2 * places - moved)
    )
    pair = (reference.T, moving.T) if upright else (reference, moving)
    single = [[Level(np.ascontiguousarray(image), None, 0.0, 0.1, 0)] for image in pair]
    refiner = Refiner(*single, SearchOptions("affine"))
    matrix = outcome_of(getattr(refiner, how)(np.eye(3))).matrix
    corners = np.array([[0.0, 3.5, 1], [length - 1, 3.5, 1]])
    if upright:
        corners = corners[:, [1, 0, 2]]
    shifts = (corners @ matrix.T - corners)[:, 1 if upright else 0]
    assert shifts == pytest.approx([0.6, 1.4], abs=0.02)


def test_a_coarse_level_of_a_strip_is_made_pass_by_pass():
    strip = np.zeros((5, 62_500), np.float32)
    strip[:, ::7] = 1
    steps = whole_reference(Level(strip, None, 0.0, 0.1, 3), 8)
    assert len(list(steps)) == 3
    # Of an ordinary one, nothing takes a while.
    assert not list(whole_reference(Level(strip[:, :3000].copy(), None, 0.0, 0.1, 3), 8))


def test_values_are_compared_at_one_place_in_a_step(monkeypatch):
    step, asked_in = 0, []
    shared = mutual_information._Pair.shared
    monkeypatch.setattr(
        mutual_information._Pair, "shared", lambda *one: asked_in.append(step) or shared(*one)
    )
    levels_of_both = (image_pyramid(image) for image in noisy((150, 160)))
    asked = mutual_information.shared_information(*levels_of_both, MODELS["euclidean"], np.eye(3))
    for _ in asked:
        step += 1
    assert len(asked_in) == len(set(asked_in)) > 10


@pytest.mark.parametrize("engine", ["pyramid", "opencv"])
def test_a_result_is_judged_question_by_question(engine, monkeypatch):
    reference, moving = noisy((300, 320))
    step, asked_in = 0, {}

    def noted(name):
        question = getattr(assess, name)

        def answered(*arguments, **options):
            asked_in.setdefault(step, set()).add(name)
            return question(*arguments, **options)

        return answered

    questions = {"first_tiles", "with_chance", "told_apart", "turned_rival"}
    for name in questions:
        monkeypatch.setattr(assess, name, noted(name))
    for _ in align_steps(reference, moving, SearchOptions("affine", engine)):
        step += 1
    assert set().union(*asked_in.values()) == questions
    assert all(len(names) == 1 for names in asked_in.values())


def test_a_field_is_found_step_by_step(monkeypatch):
    image = picture("camera")[:220, :240]
    own, told = [], []

    def counted(*arguments):
        return retold(bent_steps(*arguments), own.append)

    bent_steps = smooth.bent_steps
    monkeypatch.setattr(smooth, "bent_steps", counted)
    assert align(image, np.roll(image, 2, 1), model="smooth", progress=told.append).found
    assert len(told) > len(own) > 5
