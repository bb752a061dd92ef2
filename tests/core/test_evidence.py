import numpy as np
import pytest
from scipy import ndimage

from napari_ecc_align._images.pyramid.halving import image_pyramid
from napari_ecc_align._verdict.limits import AGREEMENT_RADIUS
from napari_ecc_align._verdict.residual_pattern import part_of, residual_pattern
from napari_ecc_align._verdict.shifted_rival import whole_fit
from napari_ecc_align._verdict.tile_matching import tile_evidence
from pairs import known_pair, picture, random_transform

SHAPE = (240, 300)


def shift(x, y):
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1.0]])


@pytest.fixture(scope="module")
def known():
    return known_pair("astronaut", random_transform(3, "affine", SHAPE), shape=SHAPE)


def asked(reference, moving, matrix, *, inverted=False, far=False, index=0):
    pyramids = image_pyramid(reference), image_pyramid(moving)
    return tile_evidence(*pyramids, index, matrix, inverted=inverted, far=far)


@pytest.mark.parametrize("far", [False, True])
def test_tiles_agree_where_the_transform_is_right(known, far):
    found = asked(known.reference, known.moving, known.truth.matrix, far=far)
    assert found.share > 0.9
    assert found.fit > 0.9
    assert np.hypot(*found.offset) < 0.3
    assert found.rival.likeness < 0.6


def test_tiles_tell_how_far_off_a_transform_is(known):
    off = known.truth.matrix @ shift(-2.0, 3.0)
    found = asked(known.reference, known.moving, off)
    assert found.agreeing == 0
    assert np.median(found.displacements[:, 2:], axis=0) == pytest.approx([2.0, -3.0], abs=0.1)
    assert found.offset == pytest.approx((2.0, -3.0), abs=0.3)


def test_displacements_are_as_exact_as_they_say():
    truth = random_transform(8, "affine", SHAPE)
    rng = np.random.default_rng(0)
    deviations = []
    for name in ("astronaut", "chelsea", "coffee"):
        known = known_pair(name, truth, shape=SHAPE)
        noisy = [image + rng.normal(0, 8, SHAPE) for image in (known.reference, known.moving)]
        found = asked(*noisy, truth.matrix)
        sure = np.isfinite(found.uncertainties) & found.agree
        deviations.append(found.displacements[sure, 2:] / found.uncertainties[sure, None])
    # The uncertainty is that of the worst direction: the others do better.
    assert 0.3 < np.sqrt(np.mean(np.concatenate(deviations) ** 2)) < 1.5


def test_a_negative_agrees_when_told(known):
    negative = 255 - known.moving
    assert asked(known.reference, negative, known.truth.matrix, inverted=True).share > 0.9
    assert asked(known.reference, negative, known.truth.matrix).fit < -0.9


def test_unrelated_tiles_agree_as_rarely_as_chance_has_it():
    found = [
        asked(picture(a)[: SHAPE[0], : SHAPE[1]], picture(b)[: SHAPE[0], : SHAPE[1]], np.eye(3))
        for a, b in [("camera", "astronaut"), ("chelsea", "coffee"), ("coffee", "camera")]
    ]
    agreeing, tested = (sum(getattr(one, key) for one in found) for key in ("agreeing", "tested"))
    assert agreeing <= 0.1 * tested
    assert found[0].chance == pytest.approx(
        np.pi * AGREEMENT_RADIUS**2 / (2 * found[0].reach + 1) ** 2
    )


def test_nothing_to_match_is_no_evidence():
    blank = np.full(SHAPE, 7.0)
    found = asked(picture("camera")[: SHAPE[0], : SHAPE[1]], blank, np.eye(3))
    assert found.tested == found.agreeing == found.share == 0
    assert found.displacements.shape == (0, 4)
    assert found.uncertainties.shape == (0,)


@pytest.mark.parametrize("period", [9, 16])
def test_a_repeating_image_has_a_rival(period):
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    tiled = 127 + 60 * (np.sin(2 * np.pi * rows / period) + np.sin(2 * np.pi * columns / period))
    found = asked(tiled, tiled, np.eye(3), far=True)
    assert found.fit > 0.99
    assert found.rival.likeness > 0.95


def levels(reference, moving, index=0):
    return image_pyramid(reference)[index], image_pyramid(moving)[index]


def likeness(reference, moving, matrix, index=0):
    return whole_fit(*levels(reference, moving, index), matrix, inverted=False).rival.likeness


def test_no_other_place_rivals_the_right_one(known):
    assert likeness(known.reference, known.moving, known.truth.matrix, 1) < 0.6


def test_the_right_place_outdoes_a_wrong_one(known):
    off = known.truth.matrix @ shift(40, 20)
    assert likeness(known.reference, known.moving, off, 1) > 1


@pytest.mark.parametrize(("side", "moved", "beyond"), [(60, 1.5, 0), (200, 0.6, 0.6)])
def test_a_part_that_lies_elsewhere_is_not_the_whole(side, moved, beyond):
    """Where light saturates in one image, as a bright thing has lost one of its sides there."""
    rng = np.random.default_rng(3)
    scene = 400 * ndimage.gaussian_filter(rng.normal(size=(200, 200)), 2)
    start = (200 - side) // 2
    part = (slice(start, start + side),) * 2
    moving = scene.copy()
    moving[part] = ndimage.shift(scene, (0, moved), order=5, mode="wrap")[part]
    pair = levels(rng.normal(scene, 1), rng.normal(moving, 1))
    found = whole_fit(*pair, np.eye(3), inverted=False)
    assert found.clear_offset == pytest.approx(beyond, abs=0.05)


def test_of_many_periods_the_best_one_rivals():
    """The wall between windows shows which, though many others promise as much."""
    rng = np.random.default_rng(7)
    wall = ndimage.gaussian_filter(rng.normal(size=(580, 440)), 3)
    front = 15 * wall / wall.std()
    for y in range(10, 490, 100):
        for x in range(10, 350, 100):
            front[y : y + 80, x : x + 80] = picture("coffee")[100:180, 100:180] - 150.0
    pair = levels(front[:470, :340], front[100:570, 100:440], 2)
    for x, y in ((-100, 0), (0, -100), (0, 0)):
        rival = whole_fit(*pair, shift(x, y), inverted=False).rival
        assert rival.likeness > 1
        assert rival.matrix[:2, 2] == pytest.approx([-100, -100], abs=4)


@pytest.mark.parametrize("period", [20, 44])
def test_another_period_rivals(period):
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    grid = ((rows % period < 3) | (columns % period < 3)) * 200.0
    image = ndimage.gaussian_filter(grid, 1)
    assert likeness(image, image, shift(0, 0)) > 0.95
    assert likeness(image, image, shift(period, 0)) > 0.95


def test_a_good_transform_leaves_no_deformation(known):
    found = residual_pattern(asked(known.reference, known.moving, known.truth.matrix), SHAPE)
    assert found.displaced == 0
    assert found.largest == 0
    assert found.scatter < 0.1
    assert found.corner_shift < max(0.3, 3 * found.corner_sigma)
    assert found.sentence.startswith("The model explains the images to 0.0")


def test_a_deformation_is_found_and_placed(known):
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(float)
    bump = 2.5 * np.exp(-((rows - 60) ** 2 + (columns - 70) ** 2) / 50**2)
    bent = ndimage.map_coordinates(known.reference, [rows, columns + bump], order=3)
    evidence = asked(known.reference, bent, np.eye(3))
    found = residual_pattern(evidence, SHAPE)
    assert 1.5 < found.largest < 3
    assert found.where == "upper left"
    assert "local deformation" in found.sentence
    inside = np.hypot(*(evidence.displacements[:, :2] - (70, 60)).T) < 40
    assert (evidence.displacements[inside, 2] < -0.8).all()


def test_a_missing_freedom_shows_in_the_corners(known):
    stretch = np.diag([1.012, 1, 1])
    found = residual_pattern(
        asked(known.reference, known.moving, known.truth.matrix @ stretch), SHAPE
    )
    moved = 0.012 * (SHAPE[1] - 1) / np.sqrt(2)
    assert found.corner_shift == pytest.approx(moved, rel=0.25)
    assert found.corner_shift > 4 * found.corner_sigma


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ((10, 10), "upper left"),
        ((150, 10), "upper part"),
        ((150, 120), "middle"),
        ((290, 120), "right part"),
        ((290, 230), "lower right"),
    ],
)
def test_places_have_names(place, words):
    assert part_of(np.array(place), SHAPE) == words
