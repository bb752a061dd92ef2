"""Judging alignments that others have found: known right, known wrong, and of unrelated images."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
import xarray as xr
from skimage.transform import AffineTransform

from napari_ecc_align import InputError, Transform, align, judge
from pairs import known_pair, picture, random_transform

SHAPE = (200, 240)


def off_by(x: float = 0.0, y: float = 0.0, degrees: float = 0.0) -> Transform:
    """Return a motion around the middle of the reference."""
    turn = np.radians(degrees)
    matrix = np.array([[np.cos(turn), -np.sin(turn), x], [np.sin(turn), np.cos(turn), y]])
    middle = (np.array(SHAPE[::-1]) - 1) / 2
    matrix[:, 2] += middle - matrix[:, :2] @ middle
    return Transform(matrix)


@pytest.fixture(scope="module")
def pair():
    return known_pair("camera", random_transform(3, "euclidean", SHAPE))


@pytest.mark.parametrize("model", ["translation", "euclidean", "similarity", "affine"])
@pytest.mark.parametrize("name", ["camera", "astronaut", "chelsea"])
def test_a_right_transform_is_aligned_and_kept_as_it_is(name, model):
    known = known_pair(name, random_transform(3, model, SHAPE))
    result = judge(known.reference, known.moving, known.truth)
    assert result.aligned, result.reason
    assert result.transform == known.truth
    assert 0 < result.corner_uncertainty < 0.05
    assert result.tiles is not None and result.tiles.share > 0.9
    assert result.start == "given"


@pytest.mark.parametrize("seed", range(5))
def test_sigma_is_the_error_of_what_is_nearly_right(pair, seed):
    error = random_transform(seed, "euclidean", SHAPE, size=0.25)
    result = judge(pair.reference, pair.moving, pair.truth @ error)
    assert result.aligned, result.reason
    assert result.corner_uncertainty == pytest.approx(
        pair.error_of(result.transform), rel=0.1, abs=0.02
    )


def test_what_is_right_to_half_a_pixel_is_told_by_how_much(pair):
    result = judge(pair.reference, pair.moving, pair.truth @ off_by(x=0.4))
    assert result.aligned
    assert "lie 0.4 px to the left of where the transform puts them" in result.reason
    assert result.corner_uncertainty == pytest.approx(0.4, abs=0.02)


@pytest.mark.parametrize(
    ("off", "where"),
    [
        (off_by(x=2), "lie 2.0 px to the left of where the transform puts them."),
        (off_by(x=-2), "lie 2.0 px to the right of where"),
        (off_by(y=1.5), "lie 1.5 px above where"),
        (off_by(y=-30), "lie 30.0 px below where"),
        (off_by(3, -4), "lie 5.0 px (RMS of the corners) from where the transform puts them: 3.0"),
        (off_by(3, -4), "puts them: 3.0 px to the left, 4.0 px down. There"),
        (off_by(degrees=2), "puts them: turned -2.00°."),
        (off_by(x=1), "lie 1.0 px to the left of where"),
    ],
    ids=str,
)
def test_of_a_wrong_transform_the_reason_says_where_the_images_lie(pair, off, where):
    result = judge(pair.reference, pair.moving, pair.truth @ off)
    assert result.verdict == ("doubtful" if off == off_by(x=1) else "failed")
    assert where in result.reason
    assert "There 30 of 30 fit." in result.reason
    assert result.corner_uncertainty == pytest.approx(
        off.corner_distance(np.eye(3), SHAPE), abs=0.05
    )


@pytest.mark.parametrize("error", [0.7, 1.0, 1.2])
@pytest.mark.parametrize("side", ["x", "y"])
def test_what_is_off_by_much_of_a_pixel_is_never_called_aligned(pair, error, side):
    result = judge(pair.reference, pair.moving, pair.truth @ off_by(**{side: error}))
    assert not result.aligned
    assert f"lie {error:.1f} px" in result.reason


def test_identity_on_a_pair_that_moved_is_refused(pair):
    result = judge(pair.reference, pair.moving)
    assert result.verdict == "failed"
    assert result.transform == Transform.identity()
    # Though no translation would do.
    shift = pair.error_of(Transform.identity())
    assert f"{shift:.1f} px (RMS of the corners) from where" in result.reason
    assert result.corner_uncertainty == pytest.approx(shift, rel=0.01)


def test_what_lies_right_already_needs_no_transform():
    image = picture("camera")[100:300, 100:340]
    rng = np.random.default_rng(1)
    result = judge(image, image + rng.normal(0, 5, image.shape))
    assert result.aligned and result.transform == Transform.identity()


@pytest.mark.parametrize("transform", [None, [[1.1, 0.1, 5], [0, 0.9, 2]]])
def test_unrelated_images_are_refused_however_they_are_laid(transform):
    one, other = (picture(name)[100:300, 100:340] for name in ("camera", "astronaut"))
    result = judge(one, other, transform)
    assert result.verdict == "failed"
    assert "images do not seem to show one thing" in result.reason


@pytest.mark.parametrize(
    ("matrix", "reason"),
    [
        ([[-1, 0, 239], [0, 1, 0]], "Mirrored: Only "),
        ([[9, 0, 0], [0, 9, 0]], "stretches the image"),
        ([[1, 0, 4000], [0, 1, 0]], "Only 0% of the reference is covered."),
        ([[1, 0, 0], [0, 1, 0], [-0.01, 0, 1]], "folds the image"),
    ],
)
def test_what_no_images_of_one_thing_need_is_refused(pair, matrix, reason):
    result = judge(pair.reference, pair.moving, matrix)
    assert result.verdict == "failed" and reason in result.reason
    assert result.transform == Transform(matrix)


def test_a_blank_image_is_refused_with_the_transform_kept(pair):
    result = judge(pair.reference, np.zeros(SHAPE), pair.truth)
    assert (result.verdict, result.reason) == ("failed", "The moving image has no contrast.")
    assert result.transform == pair.truth


def test_a_negative_is_recognised(pair):
    result = judge(pair.reference, 255 - pair.moving, pair.truth)
    assert result.aligned and result.inverted


def test_it_agrees_with_align_on_what_align_finds(pair):
    found = align(pair.reference, pair.moving, model="euclidean")
    again = judge(pair.reference, pair.moving, found)
    assert again.aligned and again.transform == found.transform
    assert again.tiles.agreeing == found.tiles.agreeing
    assert again.corner_uncertainty == pytest.approx(found.corner_uncertainty, abs=0.01)


def test_a_field_that_stays_round_does_not_hold_a_right_transform_back():
    """The black around a round field lies still, whatever is seen inside has moved."""
    known = known_pair("astronaut", Transform([[1, 0, 6], [0, 1, -4]]))
    y, x = np.mgrid[:200, :240]
    outside = np.hypot(y - 100, x - 120) > 95
    reference, moving = (
        np.where(outside, 0, 40 + image / 2)
        for image in vars(known).values()
        if isinstance(image, np.ndarray)
    )
    assert judge(reference, moving, known.truth).aligned
    assert not judge(reference, moving).aligned


class TestArguments:
    """The same as those of `align` and `warp`."""

    @pytest.mark.parametrize(
        "form",
        [
            lambda truth: truth,
            lambda truth: truth.matrix,
            lambda truth: truth.matrix[:2].tolist(),
            lambda truth: AffineTransform(truth.matrix),
        ],
        ids=["Transform", "array", "rows", "skimage"],
    )
    def test_whatever_stands_for_a_transform_is_judged(self, pair, form):
        result = judge(pair.reference, pair.moving, form(pair.truth))
        assert result.aligned
        assert result.transform.matrix == pytest.approx(pair.truth.matrix)

    def test_the_model_is_the_narrowest_unless_said_otherwise(self, pair):
        matrix = pair.truth.matrix
        narrow = judge(pair.reference, pair.moving, matrix)
        wide = judge(pair.reference, pair.moving, matrix, model="affine")
        assert (narrow.model, wide.model) == ("euclidean", "affine")
        assert narrow.parts_uncertainty().shear == 0 < wide.parts_uncertainty().shear
        with pytest.raises(InputError, match="does not belong to the model 'translation'"):
            judge(pair.reference, pair.moving, matrix, model="translation")

    @pytest.mark.parametrize("transform", ["a.json", "nonsense", np.zeros((3, 3)), [1, 2, 3]])
    def test_what_is_no_transform_is_named(self, pair, transform):
        with pytest.raises(InputError, match="transform"):
            judge(pair.reference, pair.moving, transform)

    def test_masks_say_what_counts(self, pair):
        moving = pair.moving.copy()
        moving[:, 120:] = picture("coffee")[:200, :120]
        mask = np.zeros(SHAPE, bool)
        mask[:, :100] = True
        masked = judge(pair.reference, moving, pair.truth, reference_mask=mask)
        assert masked.tiles.displacements[:, 0].max() < 100
        assert masked.tiles.share > 0.9

    def test_channels_names_and_lazy_arrays_are_understood(self, pair):
        planes = [np.stack([image, 0 * image]) for image in (pair.reference, pair.moving)]
        named = [xr.DataArray(plane, dims=("c", "y", "x")) for plane in planes]
        lazy = [da.from_array(plane, chunks=64) for plane in planes]
        plain = judge(*planes, pair.truth, channel_axis=0, align_channel=0)
        assert plain.aligned
        for images, axis in ((named, None), (lazy, 0)):
            same = judge(*images, pair.truth, channel_axis=axis, align_channel=0)
            assert same.reason == plain.reason

    def test_it_can_be_watched_and_cancelled(self, pair):
        stages: list[str] = []
        judge(pair.reference, pair.moving, pair.truth, progress=lambda p: stages.append(p.stage))
        assert stages[0] == "preparing the images" and stages[-1] == "done"
        gone = judge(pair.reference, pair.moving, pair.truth, cancel=lambda: True)
        assert gone.verdict == "cancelled" and gone.transform == pair.truth
