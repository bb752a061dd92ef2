"""Images that differ in kind: brightness in one says nothing of brightness in the other."""

from functools import cache

import cv2
import numpy as np
import pytest
from scipy import ndimage

from napari_ecc_align import InputError, Transform, align, align_stack, judge
from napari_ecc_align._common.steps import outcome_of
from napari_ecc_align._ecc.options import SearchOptions
from napari_ecc_align._ecc.refine import Refiner
from napari_ecc_align._images.pyramid.halving import image_pyramid
from napari_ecc_align._transform.coordinates import corner_error, map_points, shift
from napari_ecc_align._transform.matrices import MOTION_MODELS
from napari_ecc_align._verdict.residual_pattern import residual_pattern
from napari_ecc_align._verdict.tile_matching import ALL_TILES, MOST_TILES, tile_evidence
from pairs import KnownPair, known_pair, picture, random_transform

# Brightness (0 to 1) in another modality: no curve is monotone, and most tell apart what others
# show alike.
CURVES = {
    "waves": lambda x: (np.sin(3 * np.pi * x) + 1) / 2,
    "hills": lambda x: np.abs(np.sin(2.2 * np.pi * x)),
    "jumps": lambda x: np.interp(x, [0, 0.3, 0.5, 0.8, 1], [0.2, 0.9, 0.1, 0.7, 0]),
}
SHAPE = (400, 400)


@cache
def cross_pair(name: str, curve: str, seed: int, model: str = "affine") -> KnownPair:
    """Return a pair whose moving image shows another modality, with noise of its own in both."""
    rng = np.random.default_rng(seed)
    truth = random_transform(seed, model, SHAPE)
    pair = known_pair(picture(name), truth, shape=SHAPE)
    other = 255 * CURVES[curve](np.clip(pair.moving / 255, 0, 1))
    noise = rng.normal(0, 3, (2, *SHAPE))
    return KnownPair(pair.reference + noise[0], other + noise[1], truth)


@pytest.mark.parametrize("curve", CURVES)
@pytest.mark.parametrize("name", ["camera", "immunohistochemistry"])
def test_another_modality_is_laid_on_exactly(name, curve):
    pair = cross_pair(name, curve, 3)
    result = align(pair.reference, pair.moving, representation="orientation")
    assert result.verdict == "aligned", result.reason
    assert pair.error_of(result.transform) < 0.1
    assert result.representation == "orientation"
    assert result.reason.startswith("By the direction of edges: ")


def at_rest(curve: str | None, part: float = 0.4) -> tuple[np.ndarray, np.ndarray]:
    """Return two images that lie where they did, a part of which shows different things."""
    rng = np.random.default_rng(0)
    image = picture("camera")[:400, :400].astype(float)
    other = 255 * CURVES[curve](image / 255) if curve else image.copy()
    rows = int(part * SHAPE[0])
    other[:rows] = picture("moon")[100 : 100 + rows, 100:500]
    noise = rng.normal(0, 3, (2, *SHAPE))
    return image + noise[0], other + noise[1]


@pytest.mark.parametrize("curve", ["hills", "jumps"])
def test_of_two_kinds_at_rest_what_fits_does_not_belong_to_the_camera(curve):
    result = align(*at_rest(curve), representation="orientation")
    assert result.verdict == "aligned", result.reason
    assert result.tiles is not None and result.tiles.share < 0.8
    assert corner_error(result.transform.matrix, np.eye(3), SHAPE) < 0.1


def test_what_looks_alike_at_rest_may_belong_to_the_camera_by_its_edges_too():
    result = align(*at_rest(None), representation="orientation")
    assert result.verdict == "doubtful"
    assert "may belong to the camera" in result.reason


def test_a_part_that_moved_between_two_kinds_is_seen():
    image = picture("immunohistochemistry")[:400, :400].astype(float)
    other = 255 * CURVES["hills"](image / 255)
    # Half of it by more than tiles are looked for.
    other[:, 200:] = np.roll(other[:, 200:], 31, axis=0)
    rng = np.random.default_rng(2)
    pair = [plane + rng.normal(0, 3, SHAPE) for plane in (image, ndimage.shift(other, (5, 8)))]
    result = align(*pair, representation="orientation")
    assert result.verdict == "doubtful", result.reason


def test_finer_levels_are_reached_from_where_coarse_ones_know_little():
    pair = cross_pair("camera", "hills", 3)
    images = [image_pyramid(image) for image in (pair.reference, pair.moving)]
    refiner = Refiner(*images, SearchOptions("affine"), representation="orientation")
    coarse = outcome_of(refiner.coarse(pair.truth.matrix @ shift(1.5, -1.0)))
    fine = outcome_of(refiner.further(coarse))
    assert coarse.level > fine.level == 0
    assert corner_error(fine.matrix, pair.truth.matrix, SHAPE) < 0.1


@pytest.mark.parametrize("model", MOTION_MODELS)
def test_every_motion_model_is_found_by_the_direction_of_edges(model):
    pair = cross_pair("immunohistochemistry", "hills", 8, model)
    result = align(pair.reference, pair.moving, model=model, representation="orientation")
    assert result.verdict == "aligned", result.reason
    assert pair.error_of(result.transform) < 0.1


def test_what_slides_along_lines_is_told_from_what_lies_in_one_place():
    rng = np.random.default_rng(5)
    rows = np.zeros(SHAPE)
    rows[30:370:18] = 200.0
    pages = []
    for _ in range(2):
        # Other notes on the same staves.
        notes = np.zeros(SHAPE)
        notes[tuple(rng.integers(0, 400, (2, 250)))] = 9000.0
        drawn = rows + ndimage.gaussian_filter(notes, 2.5)
        pages.append(image_pyramid(ndimage.gaussian_filter(drawn, 0.8) + rng.normal(0, 2, SHAPE)))
    pair = cross_pair("camera", "hills", 3)
    views = [image_pyramid(image) for image in (pair.reference, pair.moving)]
    slid = [
        tile_evidence(*images, 0, matrix, inverted=False, representation="orientation").slid
        for images, matrix in ((pages, np.eye(3)), (views, pair.truth.matrix))
    ]
    assert slid[0] > 0.7
    assert slid[1] < 0.5


def test_where_few_tiles_place_no_homography_all_are_asked():
    pair = cross_pair("immunohistochemistry", "hills", 3)
    levels = [image_pyramid(image) for image in (pair.reference, pair.moving)]
    few, every = (
        tile_evidence(
            *levels,
            0,
            pair.truth.matrix,
            inverted=False,
            representation="orientation",
            asked=(least, ALL_TILES),
        )
        for least in (0, ALL_TILES)
    )
    assert few.agreeing == few.tested < MOST_TILES < every.tested <= ALL_TILES
    assert every.share > 0.9
    sigma = [residual_pattern(tiles, SHAPE).freer_sigma for tiles in (few, every)]
    assert sigma[1] < 0.7 * sigma[0]


def test_the_uncertainty_is_honest():
    z = []
    for seed, curve in enumerate(CURVES):
        pair = cross_pair("immunohistochemistry", curve, seed)
        result = align(pair.reference, pair.moving, representation="orientation")
        z.append(pair.error_of(result.transform) / result.corner_uncertainty)
    assert 0.3 < np.sqrt(np.mean(np.square(z))) < 1.7


def test_a_turned_image_shows_its_edges_turned():
    reference = picture("immunohistochemistry")[100:400, 100:400]
    moving = 255 * CURVES["hills"](np.rot90(reference) / 255)
    result = align(reference, moving, representation="orientation")
    assert result.verdict == "aligned", result.reason
    truth = np.array([[0, 1, 0], [-1, 0, 299], [0, 0, 1.0]])
    assert corner_error(result.transform.matrix, truth, reference.shape) < 0.3


def test_where_brightness_suffices_nothing_else_is_tried():
    pair = cross_pair("camera", "waves", 1)
    same = known_pair(picture("camera"), pair.truth, shape=SHAPE)
    asked = align(same.reference, same.moving)
    insisted = align(same.reference, same.moving, representation="intensity")
    assert asked.representation == "intensity"
    assert "edges" not in asked.reason
    assert np.array_equal(asked.transform.matrix, insisted.transform.matrix)


def test_whatever_has_to_be_compared_is_found_without_asking():
    pair = cross_pair("immunohistochemistry", "hills", 5)
    result = align(pair.reference, pair.moving)
    assert result.verdict == "aligned", result.reason
    assert result.representation == "orientation"
    assert pair.error_of(result.transform) < 0.1


def test_a_masked_part_has_no_edges():
    pair = cross_pair("immunohistochemistry", "hills", 5)
    mask = np.ones(SHAPE, bool)
    mask[:, 250:] = False
    painted = np.where(mask, pair.moving, 0)
    result = align(pair.reference, painted, moving_mask=mask, representation="orientation")
    whole = align(pair.reference, pair.moving, representation="orientation")
    assert result.verdict == "aligned", result.reason
    gap = result.transform.corner_distance(whole.transform, SHAPE)
    assert gap < 4 * np.hypot(result.corner_uncertainty, whole.corner_uncertainty)


def scans(seed: int, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return how a head is built and, blurred, what it does, of which no edges agree."""
    rng = np.random.default_rng(seed)
    points = np.moveaxis(np.mgrid[:256, :256][::-1], 0, -1).reshape(-1, 2).astype(float)

    def of_head(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        place = (map_points(np.linalg.inv(matrix), points) / 256 - 0.5).reshape(256, 256, 2)
        return place, np.hypot(place[..., 0] / 0.3, place[..., 1] / 0.38)

    _, radius = of_head(np.eye(3))
    built = 40.0 * (radius < 1) + 150.0 * ((radius > 1) & (radius < 1.08))
    place, radius = of_head(truth)
    does = 60.0 * (radius < 0.96)
    for _ in range(7):
        near = np.linalg.norm(place - rng.uniform(-0.18, 0.18, 2), axis=-1) < 0.06
        does += rng.uniform(40, 180) * (near & (radius < 0.96))
    noise = rng.normal(0, 2, (2, 256, 256))
    return built + noise[0], ndimage.gaussian_filter(does, 4) + noise[1]


def test_what_no_tile_can_place_fails_with_the_transform_of_all_values_together():
    truth = np.eye(3)
    truth[:2] = cv2.getRotationMatrix2D((128, 128), 5, 1)
    truth[:2, 2] += 8, -6
    result = align(*scans(1, truth))
    assert (result.verdict, result.start) == ("failed", "mutual information")
    assert "mutual information" in result.reason and result.corner_uncertainty == np.inf
    assert corner_error(result.transform.matrix, truth, (256, 256)) < 3
    assert align(*scans(1, truth), representation="intensity").start != "mutual information"


def test_unrelated_images_are_not_aligned_by_their_edges():
    images = (picture(name)[:240, :300] for name in ("chelsea", "coffee"))
    assert align(*images, representation="orientation").verdict == "failed"


def test_a_stack_of_two_modalities():
    pair = cross_pair("immunohistochemistry", "hills", 5)
    frames = np.stack([pair.reference, pair.moving])
    stack = align_stack(frames)
    assert stack.verdicts == ["aligned", "aligned"]
    assert stack[1].representation == "orientation"


def test_another_modality_is_judged_where_it_lies():
    pair = cross_pair("immunohistochemistry", "hills", 5)
    right = judge(pair.reference, pair.moving, pair.truth)
    assert right.verdict == "aligned", right.reason
    shifted = Transform(pair.truth.matrix @ [[1, 0, 6], [0, 1, 0], [0, 0, 1]])
    assert judge(pair.reference, pair.moving, shifted).verdict != "aligned"


def test_large_images_are_compared_tile_by_tile():
    image = ndimage.zoom(picture("immunohistochemistry"), 3, order=1)
    moving = 255 * CURVES["hills"](np.clip(image[7:, 11:] / 255, 0, 1))
    result = align(image, moving, model="translation", representation="orientation")
    assert result.verdict == "aligned", result.reason
    assert np.allclose(result.transform.matrix[:2, 2], (-11, -7), atol=0.2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"representation": "edges"}, "representation must be one of auto, intensity, orient"),
        ({"representation": "orientation", "engine": "opencv"}, "is not in OpenCV's ECC"),
    ],
)
def test_what_cannot_be_compared_is_refused(options, message):
    images = np.zeros((2, 64, 64))
    with pytest.raises(InputError, match=message):
        align(*images, **options)
