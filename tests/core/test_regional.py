"""A small region decides: found although the rest of both images is masked."""

import cv2
import dask.array as da
import numpy as np
import pytest
from scipy import ndimage
from scipy.ndimage import zoom
from skimage import data

from napari_ecc_align import Transform, align, warp
from napari_ecc_align._align.region_start import _cut
from napari_ecc_align._images.sources import LoadedImage
from napari_ecc_align._transform.coordinates import corner_error, map_points
from pairs import picture

SIDE = 512
TURN = np.radians(0.4)
TRUTH = Transform(
    [[np.cos(TURN), -np.sin(TURN), 12.25], [np.sin(TURN), np.cos(TURN), -9.5], [0, 0, 1]]
)


@pytest.fixture(scope="module")
def pair():
    rng = np.random.default_rng(3)
    fine = zoom(rng.normal(128, 60, (SIDE // 4, SIDE // 4)), 4, order=1)
    scene = np.clip(0.4 * fine + 0.6 * data.camera(), 0, 255).astype(np.uint8)
    return scene, warp(scene, TRUTH.inverse, output_shape=scene.shape, fill="background")


def region(side=SIDE, share=0.25):
    mask = np.zeros((side, side), bool)
    first = side // 5
    last = first + int(share * side)
    mask[first:last, first:last] = True
    return mask, np.array([[first, first], [last, first], [first, last], [last, last]], float)


def gap(result, truth, points):
    return np.abs(result.transform.to_moving(points) - truth.to_moving(points)).max()


@pytest.mark.parametrize(
    ("share", "model"), [(0.15, "euclidean"), (0.25, "affine"), (0.45, "affine")]
)
def test_a_region_of_the_reference(pair, share, model):
    mask, corners = region(share=share)
    result = align(*pair, model=model, reference_mask=mask)
    assert result.verdict != "failed", result.reason
    assert result.start == "region"
    assert 0 < result.timings["region"] <= result.seconds
    assert gap(result, TRUTH, corners) < 0.1


def test_a_region_of_the_moving_image(pair):
    mask, corners = region(share=0.45)
    result = align(*pair, model="euclidean", moving_mask=mask)
    assert result.verdict != "failed", result.reason
    assert gap(result, TRUTH, TRUTH.inverse.to_moving(corners)) < 0.1


def test_beyond_a_start_that_scales(pair):
    scene, moving = pair
    half = Transform([[0.5, 0, -0.25], [0, 0.5, -0.25], [0, 0, 1]])
    small = warp(moving, half.inverse, output_shape=(SIDE // 2, SIDE // 2))
    mask, corners = region(share=0.3)
    result = align(scene, small, model="euclidean", reference_mask=mask, initial=half)
    assert result.verdict != "failed", result.reason
    assert gap(result, half @ TRUTH, corners) < 0.1


def test_a_lazy_region_of_a_lazy_pyramid(pair):
    large = [np.kron(image, np.ones((4, 4), np.uint8)) for image in pair]
    levels = [[image[::step, ::step] for step in (1, 2, 4, 8)] for image in large]
    lazy = [[da.from_array(level, chunks=256) for level in image] for image in levels]
    mask, corners = region(4 * SIDE)
    lazy_mask = da.from_array(mask, chunks=256)
    result = align(*lazy, model="euclidean", reference_mask=lazy_mask)
    four = Transform(np.diag([4.0, 4.0, 1.0]))
    assert result.verdict != "failed", result.reason
    assert gap(result, four @ TRUTH @ four.inverse, corners) < 3


def test_another_thing_in_the_region_still_fails(pair):
    mask, _ = region()
    other = np.rot90(data.brick()).copy()
    assert align(pair[0], other, reference_mask=mask).verdict == "failed"


def test_what_is_told_meanwhile_is_of_the_whole_image(pair):
    mask, corners = region()
    told = []
    align(*pair, model="euclidean", reference_mask=mask, progress=told.append)
    assert any(step.stage == "looking at the region" for step in told)
    last = [step.transform for step in told if step.transform is not None][-1]
    assert np.abs(last.to_moving(corners) - TRUTH.to_moving(corners)).max() < 0.1
    fractions = [step.fraction for step in told]
    assert fractions == sorted(fractions)


@pytest.mark.parametrize(("side", "first"), [((140, 140), (40, 200)), ((200, 180), (100, 150))])
def test_a_small_moving_image_is_found_in_a_large_reference(side, first):
    """The verdict may doubt what lies far outside it, the place is right."""
    whole = picture("camera")[50:450, 50:450]
    truth = np.eye(3)
    truth[:2] = cv2.getRotationMatrix2D((70.0, 70.0), 4.0, 1.0)
    truth = truth @ np.array([[1, 0, -first[1]], [0, 1, -first[0]], [0, 0, 1.0]])
    points = np.stack(np.meshgrid(np.arange(side[1]), np.arange(side[0])), axis=-1).reshape(-1, 2)
    there = map_points(np.linalg.inv(truth), points)
    moving = ndimage.map_coordinates(whole, there.T[::-1], order=5).reshape(side)
    result = align(whole, moving, model="euclidean")
    assert result.verdict != "failed", result.reason
    assert corner_error(result.transform.matrix, truth, whole.shape) < 0.1
    assert result.start == "smaller image"
    turned = align(moving, whole, model="euclidean")
    assert turned.verdict == "aligned"


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_part_that_is_cut_out_knows_where_it_was(dtype):
    """Of an image whose pixels hold their own x, shrunk (single precision) or not (double)."""
    across = np.tile(np.arange(2400, dtype=dtype), (2300, 1))
    box = np.array([[100.0, 150.0], [2300.0, 2250.0]])
    part, to_whole = _cut(LoadedImage(across, None), box)
    assert (part.shape[0] < 2100) == (dtype == np.float32)
    for x, y in ((0, 0), (40, 30)):
        there = to_whole @ (x, y, 1)
        assert part.image[y, x] == pytest.approx(there[0])
