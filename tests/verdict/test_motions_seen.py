"""A second motion in two images, and places where they fit when turned or enlarged."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from builders import make_evidence, make_tiles
from scipy import ndimage

from napari_ecc_align._ecc.estimate import Estimate
from napari_ecc_align._images.pyramid.halving import image_pyramid
from napari_ecc_align._images.pyramid.pair import Pyramids
from napari_ecc_align._transform.coordinates import corners
from napari_ecc_align._verdict.assess import _with_what_costs
from napari_ecc_align._verdict.compared_places import share_that_stays
from napari_ecc_align._verdict.laid import Laid
from napari_ecc_align._verdict.limits import LEAST_SHARE
from napari_ecc_align._verdict.second_motion import (
    SecondMotion,
    _odd_part,
    second_motion,
    still_tiles,
)
from napari_ecc_align._verdict.turned_motion import turned_motion
from napari_ecc_align._verdict.turned_rival import turned_rival
from pairs import picture

SHAPE = (240, 300)


def field(seed, fine=1.5):
    """Return a texture larger than the images, of unit variance."""
    rng = np.random.default_rng(seed)
    image = ndimage.gaussian_filter(rng.normal(size=(SHAPE[0] + 80, SHAPE[1] + 80)), fine)
    return image / image.std()


def view(image, x=0, y=0):
    """Return what is seen of a texture that has moved by so many px."""
    return image[40 - y : 40 - y + SHAPE[0], 40 - x : 40 - x + SHAPE[1]]


def seen(reference, moving, matrix=None, inverted=False):
    rng = np.random.default_rng(3)
    levels = (image_pyramid(image + rng.normal(0, 0.1, SHAPE))[0] for image in (reference, moving))
    return second_motion(*levels, np.eye(3) if matrix is None else matrix, inverted=inverted)


def shift(x, y):
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1.0]])


@pytest.mark.parametrize("strength", [1, 0.5, 0.3])
@pytest.mark.parametrize("name", ["grass", "noise"])
def test_a_faint_subject_below_what_stays_is_found(strength, name):
    still, subject = view(field(1)), field(2)
    if name == "grass":
        subject = picture(name)[: SHAPE[0] + 80, : SHAPE[1] + 80].astype(float)
        subject = (subject - subject.mean()) / subject.std()
    pair = still + strength * view(subject), still + strength * view(subject, 9, -13)
    found = seen(*pair)
    assert found.displacement == pytest.approx([9, -13], abs=0.5)
    assert found.distance == pytest.approx(250**0.5, abs=0.5)
    # And from the subject, what stays is the second motion.
    other = seen(*pair, shift(9, -13))
    assert other.displacement == pytest.approx([-9, 13], abs=0.5)
    assert other.is_still(shift(9, -13), SHAPE)
    assert not found.is_still(np.eye(3), SHAPE)
    assert found.alone
    assert other.alone


def test_what_repeats_is_not_alone():
    still, cell = view(field(1)), field(2)[:24, :30]
    subject = np.tile(cell, (15, 14))
    found = seen(still + 0.5 * view(subject), still + 0.5 * view(subject, 9, -10))
    assert not found.alone


@pytest.mark.parametrize("turn", [5, 20])
def test_a_background_in_the_corners_beside_a_subject_that_turns_is_seen(turn):
    """Its corners are too far from where the turn puts them for tiles to see that they stay."""
    still, subject = view(field(1)), field(2)[40:-40, 40:-40]
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    inside = np.hypot(y - 120, x - 150) < 110
    matrix = np.vstack([cv2.getRotationMatrix2D((150, 120), turn, 1), [0, 0, 1]])
    turned = cv2.warpAffine(subject, matrix[:2], SHAPE[::-1], flags=cv2.INTER_CUBIC)
    for around, least, most in ((still, 0.15, 0.5), (turned, 0, 0)):
        pair = (
            np.where(inside, subject, still if most else subject),
            np.where(inside, turned, around),
        )
        pyramids = Pyramids(*(image_pyramid(image) for image in pair), None, np.eye(3))
        estimate = Estimate(matrix, False, 1, True, "identity", "intensity")
        assert least <= share_that_stays(Laid(pyramids, estimate, False)) <= most


@pytest.mark.parametrize("stays", ["hot pixels", "lines"])
def test_what_moves_among_a_sensor_s_pixels_and_lines_is_found_in_the_rest(stays):
    rng = np.random.default_rng(5)
    still = np.zeros(SHAPE)
    if stays == "lines":
        still += 20 * (rng.normal(size=SHAPE[:1])[:, None] + rng.normal(size=SHAPE[1:]))
    else:
        still[rng.integers(0, SHAPE[0], 700), rng.integers(0, SHAPE[1], 700)] = 60
    subject = field(2)
    pair = [
        image_pyramid(still + image + rng.normal(0, 0.3, SHAPE))[0]
        for image in (view(subject), view(subject, 9, -13))
    ]
    found = second_motion(*pair, np.eye(3), inverted=False, of_rest=True)
    assert found.displacement == pytest.approx([9, -13], abs=0.5)
    assert found.is_everywhere
    # What stays alone leaves nothing that moved, however the tones differ.
    tones = [still + view(subject), np.exp((still + view(subject)) / 30)]
    alike = [image_pyramid(image + rng.normal(0, 0.01, SHAPE))[0] for image in tones]
    assert second_motion(*alike, np.eye(3), inverted=False, of_rest=True) is None


@pytest.mark.parametrize("off, still", [(0.49, True), (0.75, False)])
def test_what_is_found_at_the_nearest_pixel_along_both_axes_stays(off, still):
    scene, layer = field(2), field(3)
    found = seen(view(scene) + view(layer), view(scene, 9, -13) + view(layer), shift(9, -13))
    assert found.displacement == pytest.approx([-9, 13], abs=0.2)
    beside = replace(found, displacement=np.array([-9 + off, 13 - off]))
    assert beside.is_still(shift(9, -13), SHAPE) == still


def turned_views(still, degrees=5.0, scale=1.03):
    """Return a pair of a texture turned and enlarged below one that stays, and that motion."""
    subject = picture("grass").astype(float)[100:400, 100:460]
    subject = (subject - subject.mean()) / subject.std()
    height, width = subject.shape
    turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, scale)
    turned = cv2.warpAffine(subject, turn, (width, height), flags=cv2.INTER_CUBIC)
    inner = np.s_[30 : 30 + SHAPE[0], 30 : 30 + SHAPE[1]]
    rng = np.random.default_rng(4)
    images = (
        still + 0.3 * plane[inner] + rng.normal(0, 0.1, SHAPE) for plane in (subject, turned)
    )
    return Pyramids(*([*image_pyramid(image)] for image in images), np.eye(3)), turn


def distance_of(turn):
    """Return how far a motion of the subject of turned views moves the corners, RMS."""
    places = corners(SHAPE)
    moves = places @ turn[:, :2].T + turn[:, 2] + turn[:, :2] @ (30, 30) - 30 - places
    return np.sqrt((moves**2).sum(axis=1).mean())


def test_a_faint_subject_that_turns_below_what_stays_is_found():
    pyramids, turn = turned_views(view(field(1)))
    found = turned_motion(pyramids, np.eye(3), inverted=False)
    assert found.distance == pytest.approx(distance_of(turn), abs=2)


@pytest.mark.parametrize(("spread", "asked"), [(0.09, True), (0.3, False)])
def test_a_small_part_that_seems_shifted_does_not_hide_what_turns(spread, asked):
    pyramids, turn = turned_views(view(field(1)))
    laid = Laid(pyramids, Estimate(np.eye(3), False, 1, True, "identity", "intensity"), False)
    part = SecondMotion(np.array([2.0, 6.0]), 0.002, 11.0, 1.0, spread, 6.4)
    evidence = make_evidence(shape=SHAPE, motion=np.eye(3), second=part)
    second = _with_what_costs(laid, evidence).second
    assert second.distance == pytest.approx(distance_of(turn) if asked else 6.4, abs=2)


@pytest.mark.parametrize("name", ["brick", "camera", "astronaut"])
@pytest.mark.parametrize("change", ["noise", "blur", "gamma"])
def test_nothing_turns_below_what_only_changed(name, change):
    image = picture(name).astype(float)[: SHAPE[0], : SHAPE[1]]
    changed = {
        "noise": image,
        "blur": ndimage.gaussian_filter(image, 2),
        "gamma": 255 * (image / 255) ** 2,
    }[change]
    rng = np.random.default_rng(6)
    pair = (plane + rng.normal(0, 10, SHAPE) for plane in (image, changed))
    pyramids = Pyramids(*([*image_pyramid(plane)] for plane in pair), np.eye(3))
    assert turned_motion(pyramids, np.eye(3), inverted=False) is None


def test_what_fits_where_it_lies_is_no_witness_of_a_turn():
    # One organ by two weightings: what either leaves of the other lies where it does.
    image = picture("immunohistochemistry").astype(float)[: SHAPE[0], : SHAPE[1]]
    rng = np.random.default_rng(8)
    pair = (
        plane + rng.normal(0, 2, SHAPE)
        for plane in (image, 255 * np.abs(np.sin(2.2 * np.pi * image / 255)))
    )
    pyramids = Pyramids(*([*image_pyramid(plane)] for plane in pair), np.eye(3))
    assert turned_motion(pyramids, np.eye(3), inverted=False) is None


@pytest.mark.parametrize("noise", [0, 0.5, 2])
@pytest.mark.parametrize("inverted", [False, True])
def test_noise_changes_and_repeats_are_no_second_motion(noise, inverted):
    rng = np.random.default_rng(5)
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    lattice = 2 * np.cos(rows / 2) * np.cos(columns / 3)
    reference = view(field(1)) + lattice + noise * rng.normal(size=SHAPE)
    moving = view(field(1)) + lattice + noise * rng.normal(size=SHAPE)
    # What is new in one of them has moved nowhere.
    moving[60:140, 80:200] = view(field(7))[60:140, 80:200]
    assert seen(reference, -moving if inverted else moving, inverted=inverted) is None


@pytest.mark.parametrize("off", [0.1, 0.4])
def test_what_lies_a_little_apart_is_no_second_motion(off):
    image = picture("coffee")[: SHAPE[0], : SHAPE[1]].astype(float)
    moved = ndimage.shift(image, (0, off), order=3, mode="nearest")
    levels = (image_pyramid(one)[0] for one in (image, moved))
    assert second_motion(*levels, np.eye(3), inverted=False) is None


def test_flat_and_equal_images_have_no_second_motion():
    image = view(field(1))
    for pair in ((image, image), (np.zeros(SHAPE), np.ones(SHAPE)), (image, np.zeros(SHAPE))):
        levels = (image_pyramid(one)[0] for one in pair)
        assert second_motion(*levels, np.eye(3), inverted=False) is None


def test_tiles_that_fit_where_they_were_are_still():
    matrix = shift(20, 10)
    tiles = make_tiles(moves=[(0, 0), (-20, -10), (-19, -10), (-17, -10), (20, 10), (0, 0)])
    assert still_tiles(tiles, matrix).tolist() == [False, True, True, False, False, False]
    assert not still_tiles(tiles, np.eye(3)).any()
    assert not still_tiles(tiles, shift(2, 1)).any()


def wheel(turned=0.0, spokes=9, rim=110, marked=True):
    """Return a wheel, or a star, turned by so many degrees."""
    y, x = np.mgrid[:260, :260] - 129.5
    angle, radius = np.arctan2(y, x) - np.deg2rad(turned), np.hypot(x, y)
    image = 100 + 60 * np.cos(spokes * angle) * (radius < rim) * np.clip(radius / 20, 0, 1)
    mark = (np.abs(radius - 60) < 5) & (np.abs(np.sin(angle / 2)) < 0.03)
    return ndimage.gaussian_filter(np.where(mark & marked, 200, image), 1)


def turns(reference, moving, degrees, model="euclidean", noise=2.0, scale=1.0):
    rng = np.random.default_rng(3)
    pair = [image_pyramid(one + rng.normal(0, noise, one.shape)) for one in (reference, moving)]
    cos, sin = scale * np.cos(np.deg2rad(degrees)), scale * np.sin(np.deg2rad(degrees))
    x, y = (np.array(reference.shape[::-1]) - 1) / 2
    matrix = np.array(
        [[cos, -sin, x - cos * x + sin * y], [sin, cos, y - sin * x - cos * y], [0, 0, 1]]
    )
    return turned_rival(
        Pyramids(*pair, None), matrix, model, inverted=False, representation="intensity"
    )


def test_a_wheel_fits_by_the_next_spoke():
    off = turns(wheel(), wheel(5), 5 - 40)
    assert off.is_like(0.93)
    assert off.likeness > 1
    bare = wheel(marked=False), wheel(5, marked=False)
    assert turns(*bare, 5).is_like(0.93)
    assert turns(wheel(), wheel(5), 5 - 40, model="translation").there == 0


@pytest.mark.parametrize("spokes", [24, 31, 33])
def test_a_wheel_of_many_spokes_fits_by_the_next_one(spokes):
    """Which is near, in its spectrum: after half of it if their number is odd."""

    def drawn(turned):
        y, x = np.mgrid[:420, :420] - 209.5
        angle, radius = np.arctan2(y, x) - np.deg2rad(turned), np.hypot(x, y)
        ring = (radius > 0.12 * 420) & (radius < 0.42 * 420)
        return ndimage.gaussian_filter(130 + 70 * np.tanh(3 * np.cos(spokes * angle)) * ring, 0.8)

    assert turns(drawn(0), drawn(5), 5 - 360 / spokes).is_like(0.93)


def test_a_wheel_fits_by_half_a_turn_which_its_spectrum_does_not_tell():
    two = wheel(spokes=2, marked=False)
    assert turns(two, two, 0).is_like(0.93)


def test_the_mark_of_a_wheel_tells_its_spokes_apart():
    assert not turns(wheel(), wheel(5), 5, noise=0.2).is_like(0.93)


def test_a_star_fits_when_enlarged():
    rays = wheel(spokes=24, rim=200, marked=False)
    assert turns(rays, rays, 0, "similarity", noise=10).is_like(0.93)


@pytest.mark.parametrize("name", ["camera", "grass", "coffee"])
def test_a_photograph_fits_only_where_it_lies(name):
    image = picture(name)[:260, :260]
    assert not turns(image, image, 0, "affine").is_like(0.8)


@pytest.mark.parametrize("shape", [(45, 64), (48, 75), (60, 48, 2)])
def test_the_odd_part_of_the_whitened_correlation_is_that_of_its_definition(shape):
    rng = np.random.default_rng(4)
    first, second = (rng.normal(size=shape).astype(np.float32) for _ in range(2))
    planes = [image.reshape(*shape[:2], -1) for image in (first, second)]
    one, two = (np.fft.fft2(image, axes=(0, 1)) for image in planes)
    power = ((np.abs(one) ** 2 + np.abs(two) ** 2) / 2).sum(axis=2)
    weight = np.maximum(power / power.mean(), LEAST_SHARE) ** -0.5
    correlation = np.fft.ifft2((two * one.conj()).sum(axis=2) * weight).real
    opposite = np.roll(correlation[::-1, ::-1], (1, 1), (0, 1))
    expected = (correlation - opposite) / (power * weight).mean()
    np.testing.assert_allclose(_odd_part(first, second), expected, atol=1e-5)
