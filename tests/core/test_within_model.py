"""Right answers within the motion model: symmetric marks, faint stars, colours, small frames."""

import numpy as np
import pytest
from scipy import ndimage
from skimage import data

from clock import longest_step, smoothing
from napari_ecc_align import Transform, align
from napari_ecc_align._align.pair import align_steps
from napari_ecc_align._transform.coordinates import corner_error

SHIFT = (-1.2, 3.4)


def mark(kind, shift, seed):
    """Return a mark that looks the same turned by half, moved by (x, y), in noise."""
    y, x = np.mgrid[-90:90, -60:70].astype(float)
    shown = {
        "hole": np.maximum(abs(y) - 35, 0) ** 2 + np.maximum(abs(x) - 22, 0) ** 2 < 12**2,
        "square": np.maximum(abs(y), abs(x)) < 25,
    }[kind]
    image = ndimage.gaussian_filter(np.where(shown, 250.0, 18.0), 1.2)
    image = ndimage.shift(image, shift[::-1], order=3, mode="nearest")[20:-20, 20:-20]
    noise = 4 * np.random.default_rng(seed).standard_normal(image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def star_pair(matrix, count=98, side=256, *, sky=1, seed=0):
    """Return two exposures of stars, of which few are a thousand times as bright as the others."""
    rng = np.random.default_rng(seed)
    reach = side / 2**0.5 + 20
    places = rng.uniform(-reach, reach, (2, count)).T + side / 2
    fluxes = np.minimum((1 + rng.pareto(0.8, count)) * 30 * sky**0.5, 5e4)
    y, x = np.mgrid[:side, :side]
    exposures = []
    for seen in (places, Transform(matrix).to_moving(places)):
        image = np.full((side, side), float(sky))
        for (u, v), flux in zip(seen, fluxes, strict=True):
            image += flux / (4.5 * np.pi) * np.exp(-((x - u) ** 2 + (y - v) ** 2) / 4.5)
        exposures.append(rng.poisson(image).astype(np.uint16))
    return exposures


@pytest.mark.parametrize("kind", ["hole", "square"])
@pytest.mark.parametrize("model", ["translation", "euclidean"])
def test_a_symmetric_mark_is_shifted_rather_than_turned(kind, model):
    for seed in (2, 6, 12):
        result = align(mark(kind, (0, 0), seed), mark(kind, SHIFT, seed + 1), model=model)
        matrix = result.transform.matrix
        assert result.verdict in ("aligned", "doubtful"), result.reason
        assert matrix[0, 0] > 0.99
        if model == "translation":
            np.testing.assert_allclose(matrix[:2, 2], SHIFT, atol=0.15)


def test_what_a_known_scale_leaves_is_searched_after_it():
    camera = ndimage.gaussian_filter(data.camera().astype(float), 1)
    moving = ndimage.zoom(camera[120:440, 90:410], 0.8, order=3)
    scale = np.diag([0.8, 0.8, 1])
    result = align(camera[100:420, 100:420], moving, model="translation", initial=scale)
    assert result.aligned, result.reason
    np.testing.assert_allclose(result.transform.matrix[:2, :2], scale[:2, :2])


@pytest.mark.parametrize(("count", "degrees"), [(98, 0), (98, 5), (98, 50), (60, 5), (60, 50)])
def test_a_few_bright_stars_do_not_outshine_all_others(count, degrees):
    cos, sin = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    turn = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    turn[:2, 2] = np.array([138, 108]) - turn[:2, :2] @ (128, 128)
    reference, moving = star_pair(turn, count)
    result = align(reference, moving, model="euclidean")
    assert result.aligned, result.reason
    assert corner_error(result.transform.matrix, turn, reference.shape) < 0.5


def with_hot_pixels(exposures, count, seed):
    """Let so many pixels of a sensor outshine what they see, the same ones in both exposures."""
    rng = np.random.default_rng(seed)
    rows, columns = rng.integers(0, exposures[0].shape[0], (2, count))
    hot = rng.uniform(1200, 4000, count).astype(np.uint16)
    for exposure in exposures:
        exposure[rows, columns] = np.maximum(exposure[rows, columns], hot)
    return exposures


@pytest.mark.parametrize(("count", "seed"), [(35, 32), (50, 19), (80, 0)])
def test_hot_pixels_that_stay_while_stars_move_are_never_aligned(count, seed):
    moved = np.array([[1, 0, 6], [0, 1, -4], [0, 0, 1.0]])
    exposures = with_hot_pixels(star_pair(moved, 60, sky=20, seed=seed), count, seed)
    result = align(*exposures, model="translation")
    error = corner_error(result.transform.matrix, moved, exposures[0].shape)
    assert not result.aligned or error < 0.3, result.reason


@pytest.mark.parametrize("k", range(8))
def test_complementary_colours_are_no_negative(k):
    gray = data.camera()[13 * k + 20 : 13 * k + 282, 17 * k + 30 : 17 * k + 289]
    coloured = np.dstack([gray, 255 - gray, np.full_like(gray, 40)])
    result = align(coloured[:250, :250], coloured[12:, 9:], model="translation")
    assert result.aligned
    assert not result.inverted


def profiles():
    """Return two profiles of 100 x 10 px, the second moved down by 20."""
    first, second = np.ones((2, 100, 10))
    first[:40] = first[50:60] = second[:60] = second[70:80] = 0.5
    return first, second


def framed_square():
    """Return a square in an image of 50 x 50 px, and the 30 x 30 px around it."""
    image = np.zeros((50, 50), np.uint8)
    image[20:30, 20:30] = 255
    return image, image[10:40, 10:40]


@pytest.mark.parametrize(("pair", "shift"), [(profiles, (0, 20)), (framed_square, (-10, -10))])
def test_small_frames_and_templates_are_found(pair, shift):
    result = align(*pair(), model="translation")
    assert result.verdict in ("aligned", "doubtful")
    np.testing.assert_allclose(result.transform.matrix[:2, 2], shift, atol=0.1)


@pytest.mark.parametrize("engine", ["pyramid", "opencv"])
@pytest.mark.parametrize("shape", [(8, 8), (36, 11), (8, 100), (16, 31)])
def test_frames_down_to_eight_pixels_end_in_a_verdict(shape, engine):
    camera = ndimage.gaussian_filter(data.camera().astype(float), 1)
    height, width = shape
    places = {"translation": (150, 200), "affine": (230, 120), "homography": (60, 250)}
    for model, (y, x) in places.items():
        here, there = (camera[y + k : y + k + height, x : x + width] for k in (0, 1))
        result = align(here, there, model=model, engine=engine)
        assert result.verdict in ("aligned", "doubtful", "failed")


@pytest.mark.parametrize("shape", [(3000, 40), (40, 3000), (25_000, 40), (40, 25_000)])
def test_a_long_strip_is_aligned_with_itself(shape):
    noise = np.random.default_rng(0).normal(size=shape)
    strip = ndimage.gaussian_filter(noise, 2)
    result = align(strip, strip.copy())
    # Whether a perspective is left cannot be told across a strip of any length.
    assert result.aligned or (result.found and max(shape) > 3000), result.reason
    assert corner_error(result.transform.matrix, np.eye(3), shape) < 0.01


@pytest.mark.parametrize(("shape", "related"), [((40, 250_000), True), ((250_000, 40), False)])
def test_a_strip_of_any_length_makes_no_long_step(shape, related):
    rng = np.random.default_rng(0)
    strip, other = (
        ndimage.gaussian_filter(rng.normal(size=shape).astype(np.float32), 2) for _ in range(2)
    )
    moving = np.roll(strip, 3, 0) if related else other
    assert longest_step(lambda: align_steps(strip, moving)) < 5 * smoothing(np.zeros((2500, 4000)))


@pytest.mark.parametrize(
    ("flip", "model"),
    [
        (np.fliplr, "translation"),
        (np.flipud, "translation"),
        (np.transpose, "affine"),
    ],
)
def test_a_mirror_image_is_named(flip, model):
    section = data.immunohistochemistry()[:256, :256, 1]
    moving = np.ascontiguousarray(flip(section))
    result = align(section, moving, model=model)
    assert result.verdict == "failed"
    assert "The moving image is mirrored, which is not allowed for" in result.reason


@pytest.mark.parametrize("name", ["coins", "brick"])
def test_a_mirror_image_is_named_where_something_else_fits_a_little(name):
    """Such as other coins, or other bricks."""
    image = getattr(data, name)()
    result = align(image, image[:, ::-1].copy())
    assert not result.aligned
    assert "The moving image is mirrored, which is not allowed for" in result.reason


def test_a_start_that_mirrors_what_is_not_mirrored_is_named():
    """Such as that of a layer whose scale is negative."""
    section = data.immunohistochemistry()[:256, :256, 1]
    upside_down = [[1, 0, 0], [0, -1, 255], [0, 0, 1]]
    result = align(section, section, model="translation", initial=upside_down)
    assert result.verdict == "failed"
    assert "The start mirrors the moving image, which is not mirrored: as it is" in result.reason


def test_what_fits_either_way_is_not_called_mirrored():
    image = np.full((200, 200), 40.0)
    for row in (55, 125):
        for column in (55, 125):
            image[row : row + 20, column : column + 20] = 210
    image = ndimage.gaussian_filter(image, 1)
    first, second = np.random.default_rng(3).normal(image, 4, (2, *image.shape))
    result = align(first, np.roll(second, (3, -1), (0, 1)), model="translation")
    assert result.verdict == "doubtful"
    assert "mirrored" not in result.reason


def test_what_is_only_turned_is_not_called_mirrored():
    section = data.immunohistochemistry()
    result = align(section, section[::-1, ::-1].copy(), model="translation")
    assert "mirrored" not in result.reason
