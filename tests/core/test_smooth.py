"""A field that bends: what it promises as a value, and what `align` says of one that it found."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter
from skimage import data
from threadpoolctl import threadpool_info

from napari_ecc_align import Field, InputError, Transform, align, inspect_alignment, judge, warp
from napari_ecc_align._common.one_thread import in_one_thread
from napari_ecc_align._verdict.field_trust import unresolved

SIDE = 256


def smooth_field(seed: int, size: float = 3.0, over: float = 28.0, side: int = SIDE) -> Field:
    """Return a field of a known size that bends over a known length."""
    noise = np.random.default_rng(seed).normal(size=(2, side, side))
    u = np.stack([gaussian_filter(one, over) for one in noise], axis=-1)
    return Field.from_displacements(u * (size / np.sqrt((u**2).sum(axis=-1).mean())))


def points(seed: int = 0, margin: int = 24, side: int = SIDE) -> np.ndarray:
    return np.random.default_rng(seed).uniform(margin, side - margin, (300, 2))


@pytest.fixture(scope="module")
def tissue() -> np.ndarray:
    return np.ascontiguousarray(data.immunohistochemistry()[100 : 100 + SIDE, 60 : 60 + SIDE, 1])


@pytest.fixture(scope="module")
def bent() -> Field:
    return smooth_field(5)


@settings(max_examples=2, deadline=None)
@given(st.integers(0, 1000), st.floats(0.5, 4))
def test_field_inverts_and_composes_to_a_fiftieth_of_a_pixel(seed: int, size: float) -> None:
    field, here = smooth_field(seed, size, side=112), points(seed, side=112)
    motion = Transform([[1.02, 0.03, 4], [-0.02, 0.98, -3], [1e-5, 0, 1]])
    assert np.abs(field.to_reference(field(here)) - here).max() < 1e-5
    assert np.abs(field.inverse(field(here)) - here).max() < 0.02
    assert np.allclose((motion @ field)(here), motion(field(here)))
    assert np.abs((field @ motion)(here) - field(motion(here))).max() < 0.02
    assert np.abs((field @ field)(here) - field(field(here))).max() < 0.02


def test_field_is_what_it_was_when_it_comes_back_from_a_file(bent: Field, tmp_path: Path) -> None:
    import SimpleITK as sitk

    here, moved = points(), Transform([[1, 0, 3], [0, 1, -2]]) @ bent
    for name in ("bent.npz", "bent.mha"):
        moved.save(tmp_path / name)
        assert np.abs(Field.load(tmp_path / name)(here) - moved(here)).max() < 1e-3
        with pytest.raises(InputError, match="exists"):
            moved.save(tmp_path / name)
    image = sitk.Cast(sitk.ReadImage(str(tmp_path / "bent.mha")), sitk.sitkVectorFloat64)
    theirs = sitk.DisplacementFieldTransform(image)
    found = [theirs.TransformPoint(place) for place in here.tolist()]
    assert np.abs(np.array(found) - moved(here)).max() < 0.01
    (tmp_path / "no.npz").write_bytes(b"nothing")
    with pytest.raises(InputError, match="usable field"):
        Field.load(tmp_path / "no.npz")
    with pytest.raises(InputError, match=r"\.npz, \.mha or \.zarr"):
        bent.save(tmp_path / "bent.tfm")


def test_images_of_all_kinds_are_resampled_through_a_field(
    tissue: np.ndarray, bent: Field
) -> None:
    inside = (slice(20, -20), slice(20, -20))
    expected = warp(tissue.astype(np.float64), bent)[inside]
    for kind in (np.uint8, np.uint16, np.float32, np.int64):
        seen = warp(tissue.astype(kind), bent, interpolation="linear")
        assert seen.dtype == kind
        assert np.abs(seen[inside] - expected).max() < 3
    labels = np.repeat(np.repeat(np.arange(256, dtype=np.int32).reshape(16, 16), 16, 0), 16, 1)
    assert set(np.unique(warp(labels, bent))) <= set(range(256))
    assert warp(np.stack([tissue] * 3, axis=-1), bent).shape == (SIDE, SIDE, 3)
    shift = Field.from_displacements(np.full((SIDE, SIDE, 2), [3.0, -2.0]))
    assert np.array_equal(warp(tissue, shift)[10:-10, 10:-10], tissue[8:-12, 13:-7])
    seen = inspect_alignment(warp(tissue, bent), tissue, bent)
    assert seen.mean_difference < 0.1 * seen.mean_difference_before
    with pytest.raises(InputError, match="no matrix"):
        align(tissue, tissue, initial=bent)  # type: ignore[call-overload]


@pytest.mark.parametrize("kind", ["as it is", "negative", "shifted", "half missing"])
def test_align_finds_a_known_field_and_says_where(
    tissue: np.ndarray, bent: Field, kind: str
) -> None:
    reference, moving, truth = warp(tissue, bent).astype(float), tissue.astype(float), bent
    reference += np.random.default_rng(1).normal(0, 3, reference.shape)
    if kind == "negative":
        moving = 230 - 0.6 * moving
    if kind == "shifted":
        truth = Transform([[1, 0, -6], [0, 1, 4]]) @ bent
        moving = np.roll(moving, (4, -6), (0, 1))
    if kind == "half missing":
        moving[150:] = np.nan
    found = align(reference, moving, model="smooth")
    assert found.aligned, found.reason
    assert found.bends
    assert found.inverted == (kind == "negative")
    here = points()
    off = np.hypot(*(found.transform(here) - truth(here)).T)
    known = found.uncertainty_at(here) <= 1
    assert np.median(off[known]) < 0.15
    assert (off[known] < 1).mean() > 0.98
    if kind == "half missing":
        assert not known[here[:, 1] > 175].any()
        assert known[here[:, 1] < 120].mean() > 0.8
    else:
        assert known.mean() > 0.85
        assert found.known().mean() > 0.8


def test_linear_algebra_takes_one_thread_in_each_step_and_all_of_them_after() -> None:
    def threads() -> list[int]:
        return [each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"]

    before = threads()
    steps = in_one_thread(threads() for _ in range(2))
    for inside in steps:
        assert set(inside) == {1} and threads() == before
    assert threads() == before


def test_nothing_bends_where_nothing_did_and_nothing_is_known_of_other_images(
    tissue: np.ndarray,
) -> None:
    noise = np.random.default_rng(2).normal(0, 3, (2, *tissue.shape))
    found = align(tissue + noise[0], np.roll(tissue, 3, 1) + noise[1], model="smooth")
    assert found.aligned and not found.bends, found.reason
    assert "Nothing bends" in found.reason
    assert found.transform.largest == 0
    assert np.abs(found.transform((100, 100)) - (103, 100)).max() < 0.1
    other = np.ascontiguousarray(data.brick()[:SIDE, :SIDE])
    unlike = align(tissue, other, model="smooth")
    assert not unlike.aligned
    assert not unlike.known().any() or unlike.verdict == "doubtful"
    with pytest.raises(InputError, match="stiffness"):
        align(tissue, tissue, stiffness=20)  # type: ignore[call-overload]
    with pytest.raises(InputError, match="stiffness"):
        align(tissue, tissue, model="smooth", stiffness=-1)


def test_a_field_from_elsewhere_is_judged_by_where_the_images_fit(
    tissue: np.ndarray, bent: Field
) -> None:
    reference = warp(tissue, bent) + np.random.default_rng(3).normal(0, 3, tissue.shape)
    right = judge(reference, tissue, bent)
    assert right.aligned and right.start == "given", right.reason
    assert right.transform(points()) == pytest.approx(bent(points()))
    off = Transform([[1, 0, 2.5], [0, 1, 0]]) @ bent
    wrong = judge(reference, tissue, off)
    assert wrong.verdict == "failed"
    assert "2.5 px from where the images fit" in wrong.reason


@pytest.mark.parametrize("blurred", [False, True])
def test_what_noise_alone_shows_is_not_called_known(blurred: bool) -> None:
    eye = data.retina()[..., 1].astype(np.float32)
    moving = cv2.resize(eye, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(float)
    bent, here = smooth_field(9, 3.0, 22.0), points(margin=16)
    reference = warp(moving, bent)
    if blurred:
        moving = gaussian_filter(moving, 0.8)
    noise = np.random.default_rng(4).normal(0, 3, (2, SIDE, SIDE))
    found = align(reference + noise[0], moving + noise[1], model="smooth")
    assert found.found, found.reason
    off = np.hypot(*(found.transform(here) - bent(here)).T)
    sigma = found.uncertainty_at(here)
    known = sigma <= 1
    assert known[off < 1].mean() > 0.85
    assert (off[known] > 2).mean() <= 0.01
    assert np.sqrt(np.mean((off[known] / sigma[known]) ** 2)) < 1.4


def places_of_pixels(shape: tuple[int, ...]) -> np.ndarray:
    return np.stack(np.meshgrid(np.arange(shape[1]), np.arange(shape[0])), axis=-1).astype(float)


def noisy(image: np.ndarray, seed: int) -> np.ndarray:
    return image + np.random.default_rng(seed).normal(0, 3, image.shape)


@pytest.mark.parametrize("kind", ["torn", "slid", "slipped"])
def test_beside_a_tear_and_what_slides_nothing_is_known(
    tissue: np.ndarray, bent: Field, kind: str
) -> None:
    here = places_of_pixels(tissue.shape)
    x, y = np.moveaxis(here, -1, 0)
    edge = x - 130 - 12 * np.sin(y / 25)
    if kind == "slid":
        edge = 40 - np.hypot(x - 130, y - 120)
    share = (1 + np.tanh(edge / 4)) / 2 if kind == "slipped" else (edge > 0).astype(float)
    there = here + 0.5 * bent.displacements(y[:, 0], x[0]) + share[..., None] * (5.0, -6.0)
    at = np.moveaxis(there, -1, 0).astype(np.float32)
    reference = cv2.remap(tissue.astype(np.float32), *at, cv2.INTER_CUBIC)
    found = align(noisy(reference, 5), noisy(tissue, 6), model="smooth")
    assert found.found, found.reason
    laid = found.transform(here.reshape(-1, 2)).reshape(there.shape)
    off = np.hypot(*np.moveaxis(laid - there, -1, 0))
    known = found.known()
    # Only what slips over some px can be followed.
    assert ((off > 2).mean() > 0.02) == (kind != "slipped")
    assert (off[known] > 2).mean() < 0.005
    # So the rest is: two thirds of what is right lie too far from the edge for a doubt.
    assert known[off < 1].mean() > 0.65
    assert found.verdict == "doubtful" or known[off > 2].mean() < 0.1
    if kind != "slipped":
        assert "torn" in found.reason


def test_where_something_else_is_shown_nothing_is_known_and_all_around_it_is(
    tissue: np.ndarray, bent: Field
) -> None:
    reference = warp(tissue, bent).astype(float)
    reference[90:130, 100:150] = data.brick()[:40, :50]
    found = align(noisy(reference, 7), noisy(tissue, 8), model="smooth")
    known = found.known()
    assert found.found, found.reason
    assert known[100:120, 112:138].mean() < 0.1
    assert known[20:60, 20:-20].mean() > 0.95
    assert found.verdict == "doubtful"
    assert "do not fit" in found.reason


def test_a_patch_that_slides_where_nothing_else_moves_is_not_known(tissue: np.ndarray) -> None:
    moving = tissue.astype(float)
    moving[100:140, 100:140] = tissue[104:144, 97:137]
    found = align(noisy(tissue, 9), noisy(moving, 10), model="smooth")
    assert found.found, found.reason
    known = found.known()
    assert known[108:132, 108:132].mean() < 0.3
    assert known[20:70, 20:-20].mean() > 0.95
    assert found.known_share < 0.97


def test_a_field_that_turns_within_a_window_is_not_resolved() -> None:
    x = np.arange(64.0)
    straight = np.stack([np.tile(0.3 * x, (48, 1)), np.tile(-0.1 * x, (48, 1))])
    assert unresolved(straight).max() < 1e-3
    step = straight + 6.0 * (x > 31.5)
    left = unresolved(step)
    assert left[:, 31:33].min() > 2
    assert left[:, :20].max() < 0.05 and left[:, 44:].max() < 0.05


def sections(seed: int, apart: float) -> tuple[np.ndarray, np.ndarray]:
    """Return two neighbouring sections of round things, each of which moved by itself as well."""
    rng = np.random.default_rng(seed)
    middles, sizes = rng.uniform(0, SIDE, (260, 2)), rng.uniform(4, 8, 260)
    here = places_of_pixels((SIDE, SIDE))
    images = []
    for moved in (0, rng.normal(0, apart, middles.shape)):
        image = np.zeros((SIDE, SIDE))
        for place, size in zip(middles + moved, sizes, strict=True):
            inside = np.hypot(*np.moveaxis(here - place, -1, 0)) < size
            image[inside] = 60 + 20 * size - image[inside] / 2
        images.append(gaussian_filter(image, 1.0) + rng.normal(0, 3, image.shape))
    return images[0], images[1]


@pytest.mark.parametrize("upright", [False, True])
def test_no_field_is_looked_for_in_a_strip_whose_splines_would_fill_the_memory(
    upright: bool,
) -> None:
    image = np.random.default_rng(0).random((12, 700))
    found = align(image.T if upright else image, image.T if upright else image, model="smooth")
    assert not found.found and found.verdict == "failed"
    assert found.reason == (
        "The reference is 58 times as long as wide; a field is looked for in images of at most 50 "
        "times. Cut it into parts, or choose a model that does not bend."
    )


@pytest.mark.parametrize("apart", [1.0, 3.0])
def test_little_is_known_where_what_is_alike_lies_elsewhere_in_each_image(apart: float) -> None:
    found = align(*sections(4, apart), model="smooth")
    here = points()
    sigma = found.uncertainty_at(here)
    off = np.hypot(*(found.transform(here) - here).T)
    told = np.isfinite(sigma)
    assert not found.aligned
    assert (sigma <= 1).mean() < 0.3
    assert not told.any() or np.sqrt(np.mean((off[told] / sigma[told]) ** 2)) < 1.5
    near = align(*sections(4, 0.0), model="smooth")
    assert near.aligned and near.known_share > 0.9, near.reason
    assert near.uncertainty < 0.2
