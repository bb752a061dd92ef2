from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from napari_ecc_align import Transform, align
from napari_ecc_align._transform.coordinates import corner_error
from napari_ecc_align._verdict.refusals import why_implausible
from napari_ecc_align._verdict.trust import doubt_rivalled
from napari_ecc_align._verdict.verdict import VERDICTS
from pairs import known_pair, picture, random_transform

SHAPE = (240, 300)


def crop(name, shape=SHAPE):
    return picture(name)[: shape[0], : shape[1]]


def shift(x, y):
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1.0]])


def noisy(image, seed, sigma=2.0):
    return image + np.random.default_rng(seed).normal(0, sigma, image.shape)


@pytest.mark.parametrize("blank", ["noise", "gradient"])
def test_nothing_aligns_with_a_blank_page(blank):
    empty = {
        "noise": noisy(np.full(SHAPE, 128.0), 2, 40),
        "gradient": noisy(np.tile(np.linspace(50, 200, SHAPE[1]), (SHAPE[0], 1)), 3),
    }[blank]
    images = (empty, crop("camera")) if blank == "noise" else (crop("camera"), empty)
    assert align(*images).verdict == "failed"


@pytest.mark.parametrize(("period", "off"), [(12, (0, -12)), (25, (25, 0))])
def test_a_period_off_is_never_aligned(period, off):
    rows, columns = np.mgrid[: SHAPE[0] + 60, : SHAPE[1] + 60]
    lines = ((rows % period < 2) | (columns % period < 2)) * 180.0
    whole = ndimage.gaussian_filter(lines, 0.8)
    images = [noisy(whole[k : k + SHAPE[0], k : k + SHAPE[1]], k) for k in (10, 14)]
    result = align(*images, model="translation", initial=shift(off[0] - 4, off[1] - 4))
    assert result.verdict != "aligned", result.reason


@pytest.mark.parametrize(("name", "cell"), [("chelsea", (80, 83)), ("coffee", (95, 70))])
def test_a_wallpaper_of_a_few_cells_is_doubted(name, cell):
    """Whatever divides the image or not, a cell further on fits as well."""
    side = 200
    tiled = np.tile(picture(name)[: cell[0], 60 : 60 + cell[1]], (4, 4))
    whole = ndimage.gaussian_filter(tiled, 0.7)
    images = [noisy(whole[k : k + side, k : k + side], k) for k in (7, 10)]
    result = align(*images, model="affine")
    assert result.verdict == "doubtful", result.reason
    assert "another place" in result.reason


def test_a_mark_tells_periods_apart():
    rows, columns = np.mgrid[: SHAPE[0] + 60, : SHAPE[1] + 60]
    lines = ((rows % 25 < 2) | (columns % 25 < 2)) * 60.0
    whole = ndimage.gaussian_filter(lines, 0.8) + picture("camera")[:300, :360]
    images = [noisy(whole[k : k + SHAPE[0], k : k + SHAPE[1]], k) for k in (10, 14)]
    result = align(*images, model="translation", initial=shift(21, -4))
    assert corner_error(result.transform.matrix, shift(-4, -4), SHAPE) < 0.1
    assert result.verdict == "aligned", result.reason


@pytest.mark.parametrize(
    ("name", "other", "model"),
    [
        ("camera", "immunohistochemistry", "translation"),
        ("chelsea", "coffee", "affine"),
    ],
)
def test_the_verdict_never_falls_as_more_of_the_image_agrees(name, other, model):
    truth = random_transform(3, model, SHAPE, size=6)
    known = known_pair(name, truth, shape=SHAPE)
    verdicts = []
    for share in (0.8, 0.4, 0.15):
        moving = known.moving.copy()
        first = round((1 - share) * SHAPE[1])
        moving[:, first:] = crop(other)[:, first:]
        result = align(noisy(known.reference, 1), noisy(moving, 2), model=model)
        verdicts.append(VERDICTS.index(result.verdict))
        if share <= 0.4:
            assert known.error_of(result.transform) < 0.5
            assert result.verdict == "aligned", result.reason
        if share == 0.4:
            assert "they differ, most in the" in result.reason
            assert "right" in result.reason
    assert verdicts == sorted(verdicts)


@pytest.mark.parametrize("name", ["astronaut", "coffee"])
def test_a_deformed_pair_says_so(name):
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(float)
    bump = 3.0 * np.exp(-((rows - 180) ** 2 + (columns - 220) ** 2) / 45**2)
    bent = ndimage.map_coordinates(crop(name), [rows, columns + bump], order=3)
    result = align(noisy(crop(name), 1), noisy(bent, 2), model="translation")
    assert "deformation of up to" in result.reason or "does not suffice" in result.reason
    tiles = result.tiles
    sizes = np.hypot(*tiles.displacements[:, 2:].T)
    assert (sizes > 4 * tiles.uncertainties).sum() >= 2
    assert tiles.displacements.shape == (len(tiles.uncertainties), 4)


def test_a_sound_pair_says_how_well_the_model_explains_it():
    known = known_pair("astronaut", random_transform(2, "affine", SHAPE), shape=SHAPE)
    result = align(known.reference, known.moving)
    assert "The model explains the images to 0.0" in result.reason


@pytest.mark.parametrize(
    ("model", "true", "size"),
    [("translation", "euclidean", 6), ("euclidean", "affine", 8), ("affine", "homography", 40)],
)
def test_a_model_that_cannot_do_it_is_not_called_aligned(model, true, size):
    known = known_pair("astronaut", random_transform(5, true, SHAPE, size=size), shape=SHAPE)
    result = align(noisy(known.reference, 1), noisy(known.moving, 2), model=model)
    assert known.error_of(result.transform) > 1
    assert result.verdict != "aligned", result.reason


def test_too_little_overlap_fails():
    result = align(crop("coffee"), crop("coffee")[:, 265:], model="translation")
    assert result.verdict != "aligned"


@pytest.mark.parametrize("shape", [SHAPE, (1500, 1000)])
def test_sound_matrices_are_plausible(shape):
    for model in ("translation", "euclidean", "similarity", "affine", "homography"):
        matrix = random_transform(1, model, shape, size=20).matrix
        assert why_implausible(matrix, shape) is None


@pytest.mark.parametrize(
    "matrix",
    [
        np.diag([-1.0, 1, 1]),
        np.diag([5.0, 5, 1]),
        np.diag([3.0, 1, 1]),
        np.array([[1, 0, 0], [0, 1, 0], [-0.01, 0, 1.0]]),
        np.array([[1, 0, 0], [0, 1, 0], [0.02, 0, 1.0]]),
    ],
)
def test_absurd_matrices_are_not_plausible(matrix):
    assert why_implausible(matrix, SHAPE)


def small_pair(side, name="coffee", model="euclidean"):
    """Cut a pair of a few dozen pixels on a side, as microscopists crop."""
    shape = (side, side + 8)
    known = known_pair(name, random_transform(4, model, shape, size=0.04 * side), shape=shape)
    return known, noisy(known.reference, 1), noisy(known.moving, 2)


@pytest.mark.parametrize("side", [32, 48])
@pytest.mark.parametrize("model", ["translation", "euclidean"])
def test_a_tiny_image_that_correlates_is_at_most_doubtful(side, model):
    known, *images = small_pair(side, model=model)
    result = align(*images, model=model)
    assert known.error_of(result.transform) < 0.5
    assert result.ecc > 0.9
    assert result.verdict != "failed", result.reason


@pytest.mark.parametrize("side", [72, 80])
@pytest.mark.parametrize("name", ["gravel", "immunohistochemistry"])
@pytest.mark.parametrize("model", ["translation", "euclidean", "affine"])
def test_a_small_image_is_aligned_where_its_detail_can_tell(side, name, model):
    known, *images = small_pair(side, name, model)
    result = align(*images, model=model)
    assert known.error_of(result.transform) < 0.5
    assert result.verdict == "aligned", result.reason


@pytest.mark.parametrize(
    ("side", "model"), [(32, "affine"), (48, "translation"), (64, "affine"), (80, "translation")]
)
def test_small_crops_of_other_pictures_are_not_aligned(side, model):
    images = [crop(name, (side, side)) for name in ("coffee", "immunohistochemistry")]
    assert align(noisy(images[0], 1), noisy(images[1], 2), model=model).verdict != "aligned"


def test_a_large_part_that_moved_otherwise_is_told():
    ground, thing = crop("chelsea"), crop("coffee")
    inside = np.zeros(SHAPE, bool)
    inside[60:200, 70:230] = True
    first = noisy(np.where(inside, thing, ground), 1)
    moved, shown = (np.roll(plane, (9, 14), (0, 1)) for plane in (inside, thing))
    second = noisy(np.where(moved, shown, ground), 2)
    result = align(first, second, model="translation")
    # Which of the two is meant nobody can know.
    assert result.verdict == "doubtful", result.reason
    assert result.transform.matrix[:2, 2] == pytest.approx((14, 9), abs=0.1)


def test_another_place_with_like_evidence_is_not_forgotten():
    image = crop("astronaut")
    found = align(noisy(image, 1), noisy(image, 2), model="translation")
    assert found.verdict == "aligned"
    away = Transform(shift(30, 0), model="translation")
    doubt = replace(found, verdict="doubtful", transform=away)
    [told] = [
        one for one in doubt_rivalled([doubt, found], SHAPE) if one.transform is found.transform
    ]
    assert told.verdict == "doubtful"
    assert "another place" in told.reason
    few = replace(found.tiles, agreeing=found.tiles.agreeing // 2)
    for other in (
        replace(doubt, verdict="failed"),
        replace(doubt, tiles=few),
        replace(doubt, transform=Transform(shift(0.5, 0), model="translation")),
    ):
        assert doubt_rivalled([other, found], SHAPE)[1] is found


def test_a_lens_is_not_called_a_perspective():
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]] - 120.0
    radius = (np.square(rows) + np.square(columns - 30)) / 150**2
    places = [(part * (1 + 0.05 * radius)) for part in (rows, columns - 30)]
    image = picture("brick")[100:400, 100:460]
    bent = ndimage.map_coordinates(image, [places[0] + 150, places[1] + 180], order=3)
    straight = image[30 : 30 + SHAPE[0], 30 : 30 + SHAPE[1]]
    result = align(noisy(straight, 3), noisy(bent, 4), model="affine")
    assert result.verdict != "aligned", result.reason
