"""Views of what is too large for memory: as those of small images, and drawn where one looks."""

import dask.array as da
import numpy as np
import pytest

from napari_ecc_align import (
    InputError,
    Transform,
    checkerboard,
    compare,
    difference,
    overlay,
    warp,
)
from napari_ecc_align._compare.large_pair import LargePair
from napari_ecc_align._compare.thresholding import Thresholding
from napari_ecc_align._images.coverage import overlap
from napari_ecc_align._images.lazy_warping import warp_pyramid
from pairs import picture

SHAPE = (1100, 1300)
SHIFTED = Transform([[1, 0, -12], [0, 1, 25], [0, 0, 1]])
TILTED = Transform([[1, 0.02, -12], [-0.01, 1, 25], [1e-5, 0, 1]], model="homography")


def levels(image):
    return [da.from_array(image[::step, ::step].copy(), chunks=256) for step in (1, 2, 4)]


@pytest.fixture(scope="module")
def scene():
    tile = picture("camera")[:, :, np.newaxis] * [0.5, 0.8, 0.3] + [40, 0, 90]
    grain = np.random.default_rng(0).normal(0, 6, (1300, 1500, 1))
    return np.clip(np.tile(tile, (3, 3, 1))[:1300, :1500] + grain, 0, 255).astype(np.uint8)


def pair_of(scene, transform, colour, **more):
    """Return a pair in which the moving image is darker and a negative, and both as arrays."""
    reference = scene[:1100, :1300] if colour else scene[:1100, :1300, 1]
    moving = 200 - scene[:, :, 0] // 2
    moving = np.ascontiguousarray(warp(moving, transform.inverse, output_shape=(1200, 1200)))
    aligned = warp_pyramid(levels(moving), transform, output_shape=SHAPE)
    pair = LargePair(levels(reference), aligned, transform, moving.shape, **more)
    inside = overlap(transform, output_shape=SHAPE, moving_shape=moving.shape)
    return pair, (reference, warp(moving, transform, output_shape=SHAPE)), inside


@pytest.mark.parametrize("colour", [False, True])
@pytest.mark.parametrize("transform", [SHIFTED, TILTED], ids=["affine", "homography"])
def test_a_large_pair_looks_as_a_small_one_does(scene, transform, colour):
    pair, images, inside = pair_of(scene, transform, colour)
    # Its contrast is told from a part of the pixels.
    shown, expected = pair.overlay(), overlay(*images, mask=inside).astype(int)
    assert [level.shape for level in shown] == [(1100, 1300, 3), (550, 650, 3), (275, 325, 3)]
    off = np.abs(np.asarray(shown[0]) - expected).max(axis=2)
    assert np.count_nonzero(off > 12) <= (transform is TILTED) * 20
    for drawn, whole, most in (
        (pair.checkerboard(), checkerboard(*images, mask=inside), 0.05),
        (pair.difference(signed=True), difference(*images, mask=inside, signed=True), 5.0),
    ):
        finest = np.asarray(drawn[0])
        # Of a homography, `overlap` asks what interpolation leaves of a pixel at the border.
        assert np.count_nonzero(np.isnan(finest) == inside) <= (transform is TILTED) * 20
        assert np.nanmax(np.abs(finest - whole)[inside]) < most
        # A smaller size shows the same.
        assert abs(np.nanmean(np.asarray(drawn[2])) - np.nanmean(finest)) < most


def test_a_difference_is_within_the_regions_of_both(scene):
    masks = np.zeros(SHAPE, bool), np.ones((1200, 1200), bool)
    masks[0][300:700, 200:900] = True
    masks[1][:, 600:] = False
    pair, _, _ = pair_of(scene, SHIFTED, False, masks=masks)
    seen = ~np.isnan(np.asarray(pair.difference()[0]))
    expected = masks[0].copy()
    expected[:, 612:] = False
    assert np.array_equal(seen, expected)
    # A picture of both images shows all of them.
    assert not np.isnan(np.asarray(pair.checkerboard()[0])[30:1000, 20:1000]).any()


def test_only_what_is_looked_at_is_read():
    asked = []

    def block(block_info=None):
        asked.append(block_info[None]["chunk-location"])
        rng = np.random.default_rng(0)
        return rng.integers(0, 255, block_info[None]["chunk-shape"], np.uint8)

    image = da.map_blocks(block, chunks=((512,) * 16, (512,) * 16), dtype=np.uint8)
    overview = np.random.default_rng(0).integers(0, 255, (2048, 2048), np.uint8)
    same = Transform.identity()
    aligned = warp_pyramid([image, overview], same, output_shape=image.shape)
    pair = LargePair([image, overview], aligned, same, image.shape)
    picture = pair.overlay()
    assert not asked
    np.asarray(picture[0][2100:2200, 3100:3200])
    assert 0 < len(set(asked)) < 20


def test_images_that_do_not_meet_are_refused(scene):
    away = Transform([[1, 0, 5000], [0, 1, 0], [0, 0, 1]])
    pair, _, _ = pair_of(scene, SHIFTED, False)
    far = LargePair([scene[..., 0]], [scene[..., 1]], away, (1200, 1200))
    assert pair.shape == SHAPE
    with pytest.raises(InputError, match="too little of the images"):
        far.overlay()


@pytest.mark.parametrize(
    "how",
    [
        Thresholding("otsu"),
        Thresholding("mean"),
        Thresholding("sauvola", window_size=41, k=0.1),
        Thresholding("local"),
        Thresholding(thresholds=(120, 90)),
    ],
    ids=["histogram", "mean", "sauvola", "local", "given"],
)
@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_a_binary_difference_is_that_of_the_whole_images(scene, how, kind):
    pair, images, inside = pair_of(scene.astype(kind), SHIFTED, False)
    whole = compare(*images, mask=inside, **how.keywords())
    assert whole.different > 500
    drawn = pair.binary_difference(how, whole)
    assert [level.shape for level in drawn] == [(1100, 1300), (550, 650), (275, 325)]
    finest = np.asarray(drawn[0])
    # Floats are brought to between 0 and 1 and back, which rounds; so do running sums of windows.
    assert np.count_nonzero(finest != whole.labels) <= (
        2e-5 * finest.size if how.thresholds is None else 0
    )
    # A smaller size shows about as much, of whichever image. Grain, which is not smaller there,
    # tells where thresholds lie in the midst of what is alike.
    for label in (1, 2) if how.method == "otsu" else ():
        share = np.mean(np.asarray(drawn[1]) == label)
        assert share == pytest.approx(np.mean(whole.labels == label), rel=0.25, abs=0.004)


def test_thresholds_are_told_from_some_pixels_where_nothing_was_counted(scene):
    pair, images, inside = pair_of(scene, SHIFTED, True)
    for how in (Thresholding("otsu"), Thresholding("sauvola")):
        whole = compare(*images, mask=inside, **how.keywords()).labels
        drawn = np.asarray(pair.binary_difference(how)[0])
        assert np.mean(drawn != whole) < 0.03


def test_images_of_one_size_are_shown_at_smaller_ones(scene):
    image = np.tile(scene[:1100, :1300, 1], (2, 2))
    lazy, same = da.from_array(image, chunks=512), Transform.identity()
    pair = LargePair([lazy], [lazy[::-1]], same, image.shape)
    board = pair.checkerboard()
    assert [level.shape for level in board] == [(2200, 2600), (1100, 1300), (550, 650)]
    # A smaller size has the pixels at the middle of those that one stands for.
    for step, level in ((2, board[1]), (4, board[2])):
        thin = np.asarray(board[0])[step // 2 :: step, step // 2 :: step]
        # Beside the border of a square they may lie on its other side.
        assert np.mean(np.abs(np.asarray(level) - thin) > 1e-6) < 0.02
