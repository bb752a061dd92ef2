"""Images on which one rule alone decides: without it, each would be called something else."""

import numpy as np
import pytest
from scipy import ndimage

from napari_ecc_align import Transform, align
from napari_ecc_align._common.steps import outcome_of
from napari_ecc_align._ecc.estimate import Estimate
from napari_ecc_align._ecc.options import SearchOptions
from napari_ecc_align._ecc.refine import Refiner
from napari_ecc_align._images.pyramid.halving import image_pyramid
from napari_ecc_align._images.pyramid.pair import Pyramids
from napari_ecc_align._transform.coordinates import shift
from napari_ecc_align._verdict import rules
from napari_ecc_align._verdict.assess import assess
from napari_ecc_align._verdict.shifted_rival import far_rivals
from pairs import known_pair, picture


def noise(shape, seed, sigma):
    """Return noise smoothed by so many pixels, of unit variance."""
    smooth = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), sigma)
    return smooth / smooth.std()


def verdict_where_they_lie(reference, moving, *, sigma=1.0, apart=(20.0, 10.0)):
    """Judge two images of one field of view with noise of their own, that were apart before."""
    rng = np.random.default_rng(7)
    pair = [image_pyramid(one + rng.normal(0, sigma, one.shape)) for one in (reference, moving)]
    estimate = Estimate(np.eye(3), False, 1, True, "identity", "intensity", 0.02)
    before = np.array([[1, 0, apart[0]], [0, 1, apart[1]], [0, 0, 1]])
    result = assess(Pyramids(*pair, None, before), estimate, SearchOptions("translation"), None)
    return result.verdict, result.reason


def deformed(name, size, wavelength):
    """Return a picture, and it deformed at random by so many px RMS along each axis."""
    image = picture(name)[:300, :340]
    moves = [size * noise(image.shape, seed, wavelength) for seed in (1, 2)]
    return image, ndimage.map_coordinates(
        image, np.mgrid[: image.shape[0], : image.shape[1]] + moves, order=3, mode="nearest"
    )


def decides(monkeypatch, name, off, images, **known):
    """Return the verdict and its reason, and the verdict without a rule."""
    verdict, reason = verdict_where_they_lie(*images, **known)
    monkeypatch.setattr(rules, name, off)
    return verdict, reason, verdict_where_they_lie(*images, **known)[0]


def test_a_lattice_too_fine_for_a_small_level_is_seen_by_tiles_alone(monkeypatch):
    shape, period = (450, 450), 8
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    lattice = ((rows % period < 2) | (columns % period < 2)) * 120.0
    image = ndimage.gaussian_filter(lattice, 0.8) + 10 * noise(shape, 1, 30)
    verdict, reason, without = decides(monkeypatch, "LIKE", np.inf, (image, image))
    assert verdict == "doubtful"
    assert reason.startswith("The images repeat: another place fits almost as well")
    assert without == "aligned"


def test_a_mesh_between_what_tiles_see_and_what_the_whole_does_is_seen_by_wider_tiles():
    along = 30 * np.cos(2 * np.pi * np.arange(820) / 18)
    image = along[:, None] + along + 40 * noise((820, 820), 1, 40)
    verdict, reason = verdict_where_they_lie(image, image, apart=(0, 0))
    assert verdict == "doubtful"
    assert reason.startswith("The images repeat: another place fits")


def test_a_deformation_by_more_than_a_pixel_shows_in_the_misplaced_tiles(monkeypatch):
    images = deformed("gravel", 1.1, 6)
    verdict, reason, without = decides(monkeypatch, "LEAST_PART", np.inf, images)
    assert verdict == "doubtful"
    assert "The motion model does not suffice. A local deformation of up to" in reason
    assert without == "aligned"


@pytest.mark.parametrize("name", ["brick", "grass"])
def test_what_is_deformed_by_a_few_pixels_is_doubtful_and_told(name):
    # On pictures with less detail, such tiles lie anywhere: no more is told than that.
    verdict, reason = verdict_where_they_lie(*deformed(name, 2.5, 6))
    assert verdict == "doubtful"
    assert reason.startswith("The motion model does not suffice")


def test_what_noise_hides_is_seen_by_many_tiles_together():
    """A picture under noise of five times its contrast, and unrelated ones."""
    image, other = picture("grass")[:400, :440], picture("brick")[:400, :440]
    assert verdict_where_they_lie(image, image, sigma=150)[0] != "failed"
    assert verdict_where_they_lie(image, other, sigma=150)[0] == "failed"


@pytest.mark.parametrize("name", ["astronaut", "chelsea"])
@pytest.mark.parametrize("model", ["translation", "euclidean"])
def test_a_narrow_overlap_has_tiles_up_to_the_border(name, model):
    """A strip of 34 of 128 px, half of which the tiles' reach would keep clear of."""
    pair = known_pair(name, Transform(shift(94.0, 3.2)), shape=(240, 128))
    result = align(pair.reference, pair.moving, model=model)
    assert result.aligned, result.reason
    assert pair.error_of(result.transform) < 3 * result.corner_uncertainty


@pytest.mark.parametrize("name", ["brick", "gravel"])
def test_two_parts_that_lie_a_pixel_and_a_half_apart_are_not_laid_on_each_other(name):
    # An affine motion bends until each tile lies within a pixel; its corners are off by one.
    image = picture(name)
    left, right = (
        ndimage.shift(image, (4.6 - down, -6.3 - along), mode="nearest")
        for down, along in ((0.0, 0.0), (0.4, 1.5))
    )
    seam = int(0.6 * image.shape[1])
    torn = np.hstack([left[:, :seam], right[:, seam:]])
    inside = np.s_[20:-20, 20:-20]
    result = align(image[inside], torn[inside], model="affine")
    assert result.verdict == "doubtful"
    assert result.reason.startswith("The motion model does not suffice")
    whole = align(image[inside], left[inside], model="affine")
    assert whole.verdict == "aligned"


@pytest.mark.parametrize("representation", ["intensity", "orientation"])
@pytest.mark.parametrize("inverted", [False, True])
def test_halves_that_have_changed_places_lie_on_each_other_twice(representation, inverted):
    image = picture("camera")
    one, other = image[:256, :200], image[256:, 200:400]
    pair = np.hstack([one, other]), np.hstack([other, one])
    levels = [image_pyramid(half)[1] for half in pair]
    if inverted:
        levels[1] = image_pyramid(-pair[1])[1]
    here = shift(200, 0)
    found = far_rivals(*levels, here, inverted=inverted, representation=representation)
    there = np.linalg.inv(here) @ found[0].matrix
    assert there == pytest.approx(shift(-400, 0), abs=2)
    assert found[0].likeness == pytest.approx(1, abs=0.05)


def test_another_place_that_the_frame_of_the_reference_cuts_off_is_seen():
    image = picture("camera")
    one, other = image[:256, :200], image[256:, 200:400]
    result = align(np.hstack([one, other]), np.hstack([other, one]), model="translation")
    assert result.verdict == "doubtful"
    # Where one of the halves shows something else, the other tells where they lie.
    different = np.hstack([other, image[256:, :200]])
    result = align(np.hstack([one, other]), different, model="translation")
    assert result.verdict == "aligned"


def behind_colour_filters(image):
    """Return an image as a sensor with a filter on each pixel sees it."""
    seen = image.copy()
    for (row, column), gain in zip([(0, 0), (0, 1), (1, 1)], (0.4, 0.6, 0.85), strict=True):
        seen[row::2, column::2] *= gain
    return seen


def pyramids_behind_colour_filters(move, bend=0.0):
    """Return the pyramids of a faint picture and of it moved (right, down) and bent below them."""
    canvas = ndimage.gaussian_filter(0.2 * picture("camera")[40:308, 120:408], 0.8) + 110
    moves = [bend * noise(canvas.shape, seed, 40) for seed in (1, 2)]
    bent = ndimage.map_coordinates(canvas, np.mgrid[:268, :288] + moves, order=3)
    rng = np.random.default_rng(3)
    seen = (
        behind_colour_filters(one[4:-4, 4:-4]) + rng.normal(0, 2, (260, 280))
        for one in (canvas, ndimage.shift(bent, move[::-1]))
    )
    return Pyramids(*map(image_pyramid, seen), None)


@pytest.mark.parametrize("bend, verdict", [(0.0, "aligned"), (0.7, "doubtful")])
def test_a_mosaic_of_colour_filters_displaces_tiles_but_no_bend_is_taken_for_it(bend, verdict):
    # It stays and pulls tiles of full resolution, by more where they show less.
    pyramids = pyramids_behind_colour_filters((2.8, 1.2), bend)
    where = Estimate(shift(2.8, 1.2), False, 1, True, "identity", "intensity", 0.02)
    result = assess(pyramids, where, SearchOptions("translation"), None)
    assert result.verdict == verdict
    suffices = "The model explains the images to 0.01 px." in result.reason
    assert suffices == (verdict == "aligned")
    # What was given stays where it is.
    np.testing.assert_array_equal(result.transform.matrix, shift(2.8, 1.2))


def test_where_a_mosaic_of_colour_filters_pulls_the_whole_a_coarser_level_lays_it():
    true = shift(1.1, 2.9)
    pyramids, options = pyramids_behind_colour_filters((1.1, 2.9)), SearchOptions("translation")
    refiner = Refiner(pyramids.reference, pyramids.moving, options)
    pulled = outcome_of(refiner.further(outcome_of(refiner.polished(true))))
    assert np.hypot(*(pulled.matrix - true)[:2, 2]) > 0.08
    estimate = Estimate.of(pulled, 2, start="identity", representation="intensity")
    result = assess(pyramids, estimate, options, None)
    off = np.hypot(*(result.transform.matrix - true)[:2, 2])
    assert result.verdict == "aligned"
    assert off < 0.04
    assert off < 2 * result.corner_uncertainty < pulled.uncertainty
