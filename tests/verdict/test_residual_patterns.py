"""What is read from displacements of tiles: fields that are known, seen by tiles made by hand."""

import numpy as np
import pytest
from builders import SHAPE, grid_of, make_pattern, make_tiles, scattered
from hypothesis import given
from hypothesis import strategies as st

from napari_ecc_align._transform.coordinates import corners, map_points
from napari_ecc_align._verdict.field_trust import elsewhere
from napari_ecc_align._verdict.residual_pattern import residual_pattern

PLACES = grid_of(36)
CENTRE = (np.array(SHAPE[::-1]) - 1) / 2


def of_field(field, **known):
    """Return the pattern of tiles that are displaced as a function of places (n, 2) says."""
    return residual_pattern(make_tiles(places=PLACES, moves=field(PLACES), **known), SHAPE)


def at_corners(field):
    return np.sqrt((field(corners(SHAPE)) ** 2).sum() / 4)


def still(places):
    return np.zeros_like(places)


def stretch(places):
    return (places - CENTRE) * (0.006, -0.002) + (0.1, 0.2)


def perspective(places):
    off = places - CENTRE
    return 1e-5 * (2 * off[:, :1] - off[:, 1:]) * off


def jitter(places):
    return np.random.default_rng(1).normal(0, 0.6, places.shape)


def test_tiles_that_lie_right_show_nothing():
    found = of_field(still)
    assert (found.displaced, found.corner_shift, found.largest, found.where) == (0, 0, 0, "")
    assert (found.scatter, found.misplaced_share, found.contradiction) == (0, 0, 0)
    assert 0 < found.freer_sigma < 0.3
    assert found.sentence == "The model explains the images to 0.01 px."


@pytest.mark.parametrize("field", [stretch, perspective])
def test_what_a_freer_model_describes_is_read_at_the_corners(field):
    found = of_field(field)
    assert found.corner_shift == pytest.approx(at_corners(field), rel=0.02)
    assert found.contradiction == pytest.approx(found.corner_shift, rel=0.1)


def test_the_uncertainty_of_the_corners_is_that_of_tiles_with_noise():
    """Displacements with the noise they state move the corners by what is stated of them."""
    rng = np.random.default_rng(5)
    ratios = []
    for _ in range(60):
        moves = rng.normal(0, 0.3, PLACES.shape)
        found = residual_pattern(make_tiles(places=PLACES, moves=moves, sigma=0.3), SHAPE)
        ratios.append(found.corner_shift / found.corner_sigma)
    # The clearer one of two fits is told.
    assert 0.8 < np.sqrt(np.mean(np.square(ratios))) < 1.6
    # So rarely is noise a contradiction.
    assert np.mean(np.array(ratios) > 2.5) <= 0.05


def test_overlapping_tiles_are_worth_fewer():
    apart = of_field(stretch)
    overlapping = of_field(stretch, independent=9.0)
    assert overlapping.corner_sigma == pytest.approx(2 * apart.corner_sigma)


def test_no_tile_is_believed_to_be_exact():
    assert of_field(still, sigma=0.01).corner_sigma == of_field(still, sigma=0.1).corner_sigma


@pytest.mark.parametrize(
    "places",
    [
        PLACES[:5],
        # In a line.
        np.stack([np.linspace(60, 440, 12), np.full(12, 200.0)], axis=1),
    ],
)
def test_too_few_tiles_or_tiles_in_a_line_determine_no_motion(places):
    found = residual_pattern(make_tiles(places=places, moves=np.ones_like(places)), SHAPE)
    assert found.corner_shift == 0
    assert found.corner_sigma == found.freer_sigma == np.inf


def test_tiles_in_a_row_of_squares_determine_an_affine_motion_alone():
    x, y = np.meshgrid([100.0, 400.0], [100.0, 300.0])
    corners_only = np.tile(np.stack([x.ravel(), y.ravel()], axis=1)[:3], (2, 1))
    moves = stretch(corners_only)
    found = residual_pattern(make_tiles(places=corners_only, moves=moves), SHAPE)
    assert found.corner_shift == pytest.approx(at_corners(stretch), rel=0.02)
    assert found.freer_sigma == np.inf


def test_a_tile_that_found_the_wrong_place_does_not_pull_the_corners():
    moves = stretch(PLACES)
    moves[7] = (1.2, -0.9)
    found = residual_pattern(make_tiles(places=PLACES, moves=moves), SHAPE)
    assert found.corner_shift == pytest.approx(at_corners(stretch), rel=0.1)


def in_upper_left(places, size):
    """Return a field that moves one part of the image only."""
    inside = (places < (250, 200)).all(axis=1)
    return np.where(inside[:, None], (size, 0.0), 0.0)


def test_a_part_that_moved_is_placed_and_counted():
    found = of_field(lambda places: in_upper_left(places, 2.5))
    inside = (PLACES < (250, 200)).all(axis=1).sum()
    assert found.displaced == inside
    assert found.misplaced_share == pytest.approx(inside / len(PLACES))
    assert (found.largest, found.where) == (2.5, "upper left")
    assert found.sentence == "A local deformation of up to 2.5 px remains in the upper left."


@pytest.mark.parametrize("size", [0.6, 0.9, 1.4])
def test_a_part_within_the_radius_of_agreement_is_not_displaced(size):
    found = of_field(lambda places: in_upper_left(places, size))
    assert found.displaced == 0
    assert found.largest == size
    assert (found.misplaced_share > 0) == (size > 1)


def test_displacements_smaller_than_their_noise_are_no_deformation():
    found = of_field(lambda places: in_upper_left(places, 1.4), sigma=0.4)
    assert (found.largest, found.misplaced_share) == (0, 0)


@pytest.mark.parametrize("bend", [0.2, 0.5])
def test_what_tiles_share_with_their_neighbours_is_no_noise(bend):
    def waves(places):
        return bend * np.sin(places[:, ::-1] / 60) * np.sqrt(2)

    rms = np.sqrt((waves(PLACES) ** 2).sum(axis=1).mean())
    noise = np.random.default_rng(0).normal(0, 0.1, PLACES.shape)
    found = of_field(lambda places: waves(places) + noise, sigma=0.1)
    # Of what varies from tile to tile, neighbours share the larger part.
    assert 0.5 * rms < found.shared <= rms
    assert found.contradiction >= found.shared


@given(st.integers(0, 10**6))
def test_noise_that_no_neighbour_shares_contradicts_nothing(seed):
    rng = np.random.default_rng(seed)
    found = of_field(lambda places: rng.normal(0, 0.1, places.shape), sigma=0.1)
    assert found.shared < 0.1


def test_what_no_neighbour_shares_is_no_deformation():
    moves = still(PLACES)
    moves[14] = (5.0, 0.0)
    found = residual_pattern(make_tiles(places=PLACES, moves=moves), SHAPE)
    assert (found.displaced, found.largest) == (0, 0)


def test_tiles_that_point_anywhere_are_not_displaced():
    """Of half of them, one neighbour of three points alike by chance."""
    rng = np.random.default_rng(2)
    shares = []
    for _ in range(40):
        angles = rng.uniform(0, 2 * np.pi, len(PLACES))
        moves = 6 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
        found = residual_pattern(make_tiles(places=PLACES, moves=moves), SHAPE)
        shares.append(found.displaced / len(PLACES))
    assert np.mean(shares) < 0.25


def test_rows_seen_one_after_the_other_bend_beyond_a_homography_and_a_quadratic_motion():
    def cubic(places):
        down = (places[:, 1] - CENTRE[1]) / CENTRE[1]
        return np.stack([1.5 * (down**3 - 0.6 * down), 0 * down], axis=1)

    tiles = make_tiles(places=PLACES, moves=cubic(PLACES), sigma=0.05)
    found = residual_pattern(tiles, SHAPE, bent=True)
    assert found.corner_shift == pytest.approx(at_corners(cubic), rel=0.3)
    assert found.contradiction > 1 / 3


def test_tiles_that_show_something_else_are_not_displaced():
    moves = in_upper_left(PLACES, 5.0)
    elsewhere = moves.any(axis=1)
    known = {"places": PLACES, "moves": moves}
    assert residual_pattern(make_tiles(**known), SHAPE).displaced == elsewhere.sum()
    unlike = np.where(elsewhere, 0.4, 0.9)
    assert residual_pattern(make_tiles(**known, fits=unlike), SHAPE).displaced == 0
    # Nor those whose best place lies on the border of what was searched.
    lost = make_tiles(**known, uncertainties=np.where(elsewhere, np.inf, 0.1))
    assert residual_pattern(lost, SHAPE).displaced == 0


def test_tiles_that_overlap_are_no_neighbours():
    """They show the same pixels, and so the same displacement."""
    places = np.vstack([PLACES, PLACES[0] + np.array([10.0, 0.0])])
    moves = still(places)
    moves[[0, -1]] = (5.0, 0.0)
    assert residual_pattern(make_tiles(places=places, moves=moves), SHAPE).displaced == 0


def test_the_scatter_is_what_the_noise_does_not_explain():
    moves = jitter(PLACES)
    moves *= np.minimum(1, 1.4 / np.hypot(*moves.T))[:, None]
    known = {"places": PLACES, "moves": moves}
    rms = np.sqrt((moves**2).mean())
    explained = residual_pattern(make_tiles(**known, sigma=rms), SHAPE)
    assert explained.scatter == pytest.approx(0, abs=1e-3)
    exact = residual_pattern(make_tiles(**known, sigma=0.01), SHAPE)
    assert exact.scatter == pytest.approx(rms, rel=0.01)
    noisier = residual_pattern(make_tiles(**known, sigma=0.3), SHAPE)
    assert noisier.scatter == pytest.approx(np.sqrt(rms**2 - 0.09), rel=0.01)


def test_without_tiles_that_agree_there_is_no_scatter_to_tell():
    found = residual_pattern(make_tiles(moves=scattered(9)), SHAPE)
    assert found.scatter == np.inf
    assert residual_pattern(make_tiles(moves=np.empty((0, 2))), SHAPE).misplaced_share == 0


def test_a_contradiction_begins_at_two_and_a_half_sigma():
    assert make_pattern(corner_shift=0.25, corner_sigma=0.1).contradiction == 0
    assert make_pattern(corner_shift=0.65, corner_sigma=0.1).contradiction == pytest.approx(0.6)
    assert make_pattern(corner_shift=0.0, corner_sigma=np.inf).contradiction == 0


@given(st.floats(-0.004, 0.004), st.floats(-0.004, 0.004), st.floats(-0.5, 0.5))
def test_the_corners_move_as_the_affine_motion_does(turn, scale, aside):
    motion = np.array([[1 + scale, -turn, aside], [turn, 1 + scale, -aside], [0, 0, 1.0]])

    def field(places):
        return map_points(motion, places) - places

    assert of_field(field).corner_shift == pytest.approx(at_corners(field), rel=0.05, abs=0.02)


def test_what_lies_nearer_to_a_tile_that_moved_is_elsewhere():
    places = np.array([(x, y) for x in (100, 300) for y in range(40, 400, 40)])
    rows, columns = np.arange(2, 400, 4.0), np.arange(2, 500, 4.0)
    moves = (places[:, :1] < 200) * np.array([6.0, 0.0])
    for sigma, beyond_doubt in ((0.2, True), (2.0, False)):
        tiles = make_tiles(places=places, moves=moves, sigma=sigma)
        left = np.broadcast_to(columns < 200, (len(rows), len(columns)))
        assert np.array_equal(elsewhere(tiles, rows, columns), left & beyond_doubt)
    assert not elsewhere(None, rows, columns).any()
