"""What is not seen counts nowhere: a surround of NaN, transparency or mask changes no result."""

import cv2
import dask.array as da
import numpy as np
import pytest
from skimage import data

from napari_ecc_align import align, align_stack
from napari_ecc_align._images.limits import LIMITS
from pairs import picture

TRUTH = np.array([-30.0, -12.0])
SIDE = 256


@pytest.fixture(scope="module")
def pair():
    image = picture("camera")
    return image[60:316, 120:376], image[72:328, 150:406]


@pytest.fixture(scope="module")
def bare(pair):
    return align(*pair)


def within(image, shape, top, left, outside=np.nan):
    whole = np.full(shape, outside)
    whole[top : top + image.shape[0], left : left + image.shape[1]] = image
    return whole


@pytest.mark.parametrize("pad", [0, 128, 192, 224, 256, 512])
def test_a_border_of_nan_changes_nothing(pair, bare, pad):
    shape = (SIDE + 2 * pad,) * 2
    result = align(*(within(image, shape, pad, pad) for image in pair))
    assert (result.verdict, result.reason) == ("aligned", bare.reason)
    assert (result.ecc, result.overlap_fraction) == (bare.ecc, bare.overlap_fraction)
    points = np.array([[0.0, 0], [200, 30], [255, 255]])
    there = result.transform.to_moving(points + pad) - pad
    np.testing.assert_allclose(there, bare.transform.to_moving(points), atol=1e-6)
    assert result.shape == shape
    np.testing.assert_allclose(
        result.tiles.displacements[:, :2] - pad, bare.tiles.displacements[:, :2]
    )
    # Where the image is, it is as certain; at the corners of the frame, far from it, less so.
    np.testing.assert_allclose(
        result.uncertainty_at(points + pad), bare.uncertainty_at(points), rtol=0.3
    )
    assert result.corner_uncertainty >= 0.99 * bare.corner_uncertainty
    corners = np.array([[0.0, 0], [shape[1] - 1, 0], [0, shape[0] - 1], [shape[1] - 1] * 2])
    rms = np.sqrt(np.mean(result.uncertainty_at(corners) ** 2))
    assert rms == pytest.approx(result.corner_uncertainty, rel=1e-6)


@pytest.mark.parametrize("model", ["translation", "euclidean", "affine", "homography"])
def test_whatever_the_places_in_a_mosaic(pair, model):
    shape = (700, 800)
    for (top, left), (below, right) in (((0, 0), (440, 540)), ((100, 400), (380, 20))):
        result = align(
            within(pair[0], shape, top, left), within(pair[1], shape, below, right), model=model
        )
        assert result.aligned, result.reason
        assert result.model == model
        middle = np.array([left + 100.0, top + 100])
        expected = middle + TRUTH + (right - left, below - top)
        np.testing.assert_allclose(result.transform.to_moving(middle), expected, atol=0.05)
        assert abs(result.ecc_before) < 0.5
        assert result.start == "identity"


def test_all_ways_to_say_it(pair):
    shape, pad = (768, 768), 256
    inside = within(np.ones((SIDE, SIDE)), shape, pad, pad, 0) > 0
    black = [within(image, shape, pad, pad, 0) for image in pair]
    clear = [
        np.dstack([image] * 3 + [np.where(inside, 255, 0)]).astype(np.uint8) for image in black
    ]
    masked = [np.ma.array(image, mask=~inside) for image in black]
    both = {"reference_mask": inside, "moving_mask": inside}
    lazy = [da.from_array(image, chunks=200) for image in black]
    ways = {
        "transparent": align(*clear, model="translation"),
        "masked arrays": align(*masked, model="translation"),
        "masks": align(*black, model="translation", **both),
        "mask of the moving image": align(*black, model="translation", moving_mask=inside),
        "mask of the reference": align(*black, model="translation", reference_mask=inside),
        "nothing said, but flat": align(*black, model="translation"),
        "dask": align(*lazy, model="translation", **both),
        "OpenCV": align(*masked, model="translation", engine="opencv"),
    }
    for way, result in ways.items():
        assert result.aligned, (way, result.reason)
        np.testing.assert_allclose(result.transform.matrix[:2, 2], TRUTH, atol=0.05, err_msg=way)


@pytest.mark.parametrize("pad", [0, 250])
@pytest.mark.parametrize("outline", ["disc", "diamond"])
def test_outlines_of_any_form(outline, pad):
    image = picture("camera").astype(np.float32)
    away = np.abs(np.indices(image.shape) - 255.5)
    outside = np.hypot(*away) > 180 if outline == "disc" else away.sum(axis=0) > 220
    matrix = cv2.getRotationMatrix2D((255.5, 255.5), 15, 1.0)
    matrix[:, 2] += (20, 10)
    other = cv2.warpAffine(image, matrix, (512, 512), borderMode=cv2.BORDER_REFLECT)
    frames = [
        np.pad(np.where(outside, np.nan, one), pad, constant_values=np.nan)
        for one in (image, other)
    ]
    result = align(*frames, model="euclidean")
    assert result.aligned, result.reason
    middle = np.full(2, 255.5 + pad)
    np.testing.assert_allclose(
        result.transform.to_moving(middle), middle + np.array([20, 10]), atol=0.1
    )


def test_another_thing_in_the_same_surround_is_not_aligned():
    shape, pad = (768, 768), 256
    images = picture("camera")[60:316, 120:376], np.rot90(data.brick()[:SIDE, :SIDE])
    result = align(*(within(image, shape, pad, pad) for image in images))
    assert result.verdict == "failed"


def test_frames_of_a_film_on_a_larger_canvas():
    image = picture("camera")
    film = np.stack(
        [within(image[60 + 4 * k : 316 + 4 * k, 120:376], (700, 700), 250, 200) for k in range(3)]
    )
    for reference in ("first", "previous", "mean"):
        stack = align_stack(film, model="translation", reference=reference)
        assert stack.verdicts == ["aligned"] * 3
        np.testing.assert_allclose([result.parts().y for result in stack], (0, -4, -8), atol=0.05)


def test_an_initial_transform_is_one_of_the_whole(pair):
    shape = (700, 900)
    frames = within(pair[0], shape, 100, 50), within(pair[1], shape, 350, 600)
    initial = [[1, 0, 550 - 28], [0, 1, 250 - 14], [0, 0, 1]]
    told = []
    result = align(*frames, model="euclidean", initial=initial, progress=told.append)
    assert result.aligned
    assert result.start == "initial"
    np.testing.assert_allclose(
        result.transform.to_moving((150.0, 200.0)), (150 + 520, 200 + 238), atol=0.05
    )
    last = [step.transform for step in told if step.transform is not None][-1]
    np.testing.assert_array_equal(last.matrix, result.transform.matrix)


@pytest.mark.parametrize("levels", [1, 3])
@pytest.mark.parametrize("masked", [False, True])
def test_a_border_round_what_is_read_on_demand_changes_nothing(monkeypatch, levels, masked):
    monkeypatch.setattr(LIMITS, "small_pixels", 1000)
    monkeypatch.setattr(LIMITS, "small_bytes", 1000)
    image = cv2.resize(picture("camera"), (1600, 1600), interpolation=cv2.INTER_CUBIC)
    pair = image[100:1300, 100:1300], image[120:1320, 80:1280]
    places = (700, 900), (730, 860)
    frames = [
        within(one, (2803, 2901), *at, outside=7.0 if masked else np.nan).astype(np.float32)
        for one, at in zip(pair, places, strict=True)
    ]
    lazy = [
        [da.from_array(frame[:: 2**k, :: 2**k], chunks=300) for k in range(levels)]
        for frame in frames
    ]
    inside = [within(np.ones((1200, 1200)), (2803, 2901), *at, outside=0) for at in places]
    names = ("reference_mask", "moving_mask")
    result = align(
        *lazy, model="euclidean", **dict(zip(names, inside, strict=True)) if masked else {}
    )
    assert result.aligned, result.reason
    np.testing.assert_allclose(result.transform.matrix[:2, 2], (-20, 10), atol=0.1)
    assert result.shape == (2803, 2901)
