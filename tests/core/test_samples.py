from importlib.resources import files

import cv2
import numpy as np
import pytest

from clock import processor_time, smoothing
from draw_page import images_of
from music.glyphs import _STROKES, glyph
from music.hand import Hand, render
from music.page import make_page
from napari_ecc_align._common.errors import InputError
from napari_ecc_align._images import samples
from napari_ecc_align._images.files.images import read_image
from napari_ecc_align._transform.coordinates import corner_error

SHAPE = (450, 600)


@pytest.fixture(scope="module")
def page():
    return make_page()


def flavours(page):
    return page.reference, page.gray, page.binary, page.staffless


def fit(reference, moving, start):
    """Return OpenCV's affine ECC estimate, on smoothed images and away from the border."""
    images = [
        cv2.GaussianBlur(i.astype(np.float32) / 255, (0, 0), 1.5) for i in (reference, moving)
    ]
    mask = np.zeros(moving.shape, np.uint8)
    mask[20:-20, 20:-20] = 255
    warp = start[:2].astype(np.float32)
    criteria = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 100, 1e-7)
    _, warp = cv2.findTransformECC(*images, warp, cv2.MOTION_AFFINE, criteria, mask, 1)
    return np.vstack([warp, [0, 0, 1]])


class TestPairs:
    def test_names(self):
        assert samples.sample_names() == ("page", "cathedral", "tobolsk", "lung")

    @pytest.mark.parametrize("name", samples.sample_names())
    def test_every_pair_is_complete(self, name):
        pair = samples.sample(name)
        assert pair.name == name
        assert pair.title
        assert pair.source
        named = {
            pair.reference_name: pair.reference,
            pair.moving_name: pair.moving,
            **pair.siblings,
        }
        assert len(named) == 2 + len(pair.siblings)
        for image in named.values():
            assert image.dtype == np.uint8
            assert image.ndim == 2
            assert min(image.shape) > 250
            assert image.std() > 15
            assert image.flags.writeable

    @pytest.mark.parametrize("name", ["", "Page", "plate", "../page"])
    def test_an_unknown_name_lists_the_known(self, name):
        with pytest.raises(InputError, match="page, cathedral, tobolsk, lung"):
            samples.sample(name)

    def test_only_the_page_has_a_truth(self, page):
        pair = samples.sample("page")
        np.testing.assert_array_equal(pair.matrix, page.matrix)
        np.testing.assert_array_equal(pair.moving, page.gray)
        assert pair.siblings_follow
        for name in ("cathedral", "tobolsk", "lung"):
            assert samples.sample(name).matrix is None
            assert not samples.sample(name).siblings_follow

    def test_the_page_is_what_its_generator_draws(self, page):
        pair = samples.sample("page")
        np.testing.assert_array_equal(pair.reference, page.reference)
        np.testing.assert_array_equal(pair.siblings["scan, binary"], page.binary)
        np.testing.assert_array_equal(pair.siblings["scan, staffless"], page.staffless)
        folder = files("napari_ecc_align._images.samples").joinpath("data")
        sizes = 0
        for name, image in images_of(page).items():
            np.testing.assert_array_equal(read_image(folder.joinpath(name)), image)
            sizes += len(folder.joinpath(name).read_bytes())
        assert sizes < 100_000

    def test_pairs_share_no_memory(self):
        samples.sample("lung").reference[:] = 0
        assert samples.sample("lung").reference.any()

    @pytest.mark.parametrize(
        ("name", "least", "most"), [("cathedral", 2, 12), ("tobolsk", 2, 12), ("lung", 15, 30)]
    )
    def test_real_pairs_can_be_aligned(self, name, least, most):
        pair = samples.sample(name)
        found = fit(pair.reference, pair.moving, np.eye(3))
        assert least < corner_error(found, np.eye(3), pair.reference.shape) < most
        height, width = pair.reference.shape
        aligned = cv2.warpAffine(
            pair.moving, found[:2], (width, height), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        )
        inner = np.s_[40:-40, 40:-40]

        def agreement(image):
            return np.corrcoef(pair.reference[inner].ravel(), image[inner].ravel())[0, 1]

        assert agreement(aligned) > agreement(pair.moving) + 0.05
        assert agreement(aligned) > 0.65

    def test_shipped_files_are_small_and_all_named_with_their_source(self):
        folder = files("napari_ecc_align._images.samples").joinpath("data")
        shipped = [f for f in folder.iterdir() if f.name.endswith((".png", ".jpg"))]
        sources = folder.joinpath("SOURCES.md").read_text(encoding="utf-8")
        assert len(shipped) == 11
        assert sum(len(f.read_bytes()) for f in shipped) < 1_500_000
        for file in shipped:
            assert f"`{file.name}`" in sources


class TestPage:
    def test_flavours(self, page):
        assert page.reference.shape == (900, 1200)
        assert page.gray.shape == page.binary.shape == page.staffless.shape
        for smaller, side in zip(page.gray.shape, page.reference.shape, strict=True):
            assert side - 15 < smaller < side
        for image in flavours(page):
            assert image.dtype == np.uint8
        for image in (page.reference, page.binary, page.staffless):
            assert np.unique(image).tolist() == [0, 255]
        # White ink on black, against dark ink on white; and little ink on much paper.
        assert 0.03 < (page.reference == 255).mean() < 0.25
        assert 0.03 < (page.binary == 0).mean() < 0.25
        assert page.gray[page.binary == 0].mean() < 150 < 215 < page.gray[page.binary > 0].mean()

    def test_staffless_lacks_only_the_staff(self, page):
        lost = (page.binary == 0) & (page.staffless == 255)
        assert not ((page.staffless == 0) & (page.binary == 255)).any()
        assert lost.sum() > 0.3 * (page.binary == 0).sum()
        # What is gone are long level runs: rows where it is ink are ink over half the page.
        rows = lost.mean(axis=1)
        assert rows.max() > 0.15
        assert np.median(rows) < 0.02

    def test_same_seed_same_page(self):
        for one, two in zip(
            flavours(make_page(shape=SHAPE, seed=5)),
            flavours(make_page(shape=SHAPE, seed=5)),
            strict=True,
        ):
            np.testing.assert_array_equal(one, two)
        other = make_page(shape=SHAPE, seed=6)
        assert (other.reference != make_page(shape=SHAPE, seed=5).reference).mean() > 0.05

    def test_displacement_changes_only_the_displacement(self):
        near, far = (make_page(shape=SHAPE, displacement=d) for d in (0.0, 12.0))
        np.testing.assert_array_equal(near.reference, far.reference)
        np.testing.assert_array_equal(near.matrix, np.eye(3))
        assert corner_error(far.matrix, np.eye(3), SHAPE) == pytest.approx(12)
        height, width = near.binary.shape
        np.testing.assert_array_equal(near.binary, 255 - near.reference[:height, :width])

    @pytest.mark.parametrize("seed", [0, 2])
    def test_the_truth_is_true(self, seed):
        """An independent estimate from the images comes out within a few hundredths of a pixel."""
        page = make_page(seed=seed)
        for moving in (page.gray, page.binary):
            found = fit(page.reference, 255 - moving, page.matrix + np.diag([1e-3, -1e-3, 0]))
            assert corner_error(found, page.matrix, page.reference.shape) < 0.08

    @pytest.mark.parametrize(
        ("shape", "seed"), [((200, 200), 0), ((300, 1000), 1), ((1400, 500), 0), ((1400, 2000), 1)]
    )
    def test_any_shape_holds_music(self, shape, seed):
        page = make_page(shape=shape, seed=seed)
        assert page.reference.shape == shape
        assert 0.02 < (page.reference > 0).mean() < 0.35

    def test_fast_enough_for_a_menu(self):
        taken = processor_time(lambda: samples.sample("page"))
        assert taken < 150 * smoothing(np.zeros((900, 1200)))

    @pytest.mark.parametrize("shape", [(199, 400), (400, 8001), (400,), (400, 400, 3)])
    def test_bad_shape(self, shape):
        with pytest.raises(InputError, match="shape"):
            make_page(shape=shape)

    @pytest.mark.parametrize("displacement", [-1.0, 50.0, float("nan")])
    def test_bad_displacement(self, displacement):
        with pytest.raises(InputError, match="displacement"):
            make_page(shape=SHAPE, displacement=displacement)


class TestHand:
    def test_every_sign_can_be_drawn(self):
        for name in _STROKES:
            hand = Hand(np.random.default_rng(0), 10.0)
            hand.glyph(name, 50, 50)
            assert len(hand.strokes) == len(glyph(name))
            assert render(hand.strokes, np.eye(3), (100, 100)).max() > 0.5

    @pytest.mark.parametrize("shift", [(0, 0), (7.25, -3.5)])
    def test_strokes_lie_where_they_were_drawn(self, shift):
        """On average over many strokes, the ink is centred on the line, moved by the matrix."""
        rng = np.random.default_rng(0)
        matrix = np.eye(3)
        matrix[:2, 2] = shift
        misses = []
        for _ in range(200):
            hand = Hand(rng, 10.0)
            ends = rng.uniform(12, 38, (2, 2))
            hand.stroke(ends, 0.3, wobble=0)
            ink = render(hand.strokes, matrix, (50, 50))
            rows, columns = np.indices(ink.shape)
            centre = np.array([(columns * ink).sum(), (rows * ink).sum()]) / ink.sum()
            misses.append(centre - ends.mean(axis=0) - shift)
        assert np.abs(np.mean(misses, axis=0)).max() < 0.02
        assert np.std(misses) < 0.06
