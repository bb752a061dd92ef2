"""Images that differ in sharpness, tone or light are made alike where that makes them exact."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

import napari_ecc_align._align.alike as alike
from napari_ecc_align import align
from napari_ecc_align._transform.matrices import MotionModel
from napari_ecc_align._verdict.finding import Judged
from pairs import KnownPair, colour_picture, known_pair, random_transform


def _pair() -> KnownPair:
    truth = random_transform(3, "affine", (200, 240), size=4.0)
    return known_pair("camera", truth)


def _eight_bit(image: NDArray[np.float64], seed: int) -> NDArray[np.uint8]:
    noisy = image + np.random.default_rng(seed).normal(0, 2, image.shape)
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)


def _blurred(image: NDArray[np.float64]) -> NDArray[np.float64]:
    return ndimage.gaussian_filter(image, 2.0)


def _relit(image: NDArray[np.float64]) -> NDArray[np.float64]:
    light = 0.6 + 0.35 * np.linspace(-1, 1, image.shape[1])
    return 20 + light * 235 * (image / 255) ** 1.5


def _blurred_and_relit(image: NDArray[np.float64]) -> NDArray[np.float64]:
    return _relit(_blurred(image))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_blurred, "the reference blurred by 2."),
        (_relit, "tones fitted"),
        (_blurred_and_relit, "px and the moving image's tones fitted"),
    ],
)
@pytest.mark.parametrize("model", ["affine", "auto"])
def test_what_differs_in_appearance_is_nearly_as_exact_as_what_does_not(
    change: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    words: str,
    model: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pair = _pair()
    images = _eight_bit(pair.reference, 0), _eight_bit(change(pair.moving), 1)
    result = align(*images, model=model)
    assert result.aligned and result.model == "affine"
    assert words in result.reason
    error = pair.error_of(result.transform)
    assert error < min(0.06, 3 * result.corner_uncertainty)
    monkeypatch.setattr(alike, "_ROUNDS", 0)
    without = align(*images, model="affine")
    assert error < 0.6 * pair.error_of(without.transform)
    assert result.corner_uncertainty < 0.8 * without.corner_uncertainty
    # The correlation told is that of the images as they are.
    assert result.ecc == pytest.approx(without.ecc, abs=0.01)
    assert result.ecc_before == pytest.approx(without.ecc_before, abs=0.01)


def _folded(image: NDArray[np.float64]) -> NDArray[np.float64]:
    return 2 * np.abs(image - image.mean())


@pytest.mark.parametrize("folds", ["moving", "reference"])
def test_values_that_one_image_folds_are_as_exact_as_those_of_images_of_one_kind(
    folds: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = _pair()
    images = [pair.reference, pair.moving]
    folded = folds == "moving"
    images[folded] = _folded(images[folded])
    reference, moving = (_eight_bit(image, seed) for seed, image in enumerate(images))
    result = align(reference, moving)
    taken = "the reference's" if folded else "the moving image's"
    assert result.aligned and f"Compared with {taken} tones fitted" in result.reason
    # Edges had led there: two kinds of images are to be seen.
    assert result.representation == "orientation"
    assert result.reason.startswith("By the direction of edges, then by values: ")
    # Who asks for edges alone gets no more.
    alone = align(reference, moving, representation="orientation")
    assert "Compared with" not in alone.reason
    assert pair.error_of(result.transform) < min(0.03, 3 * result.corner_uncertainty)
    assert result.corner_uncertainty < 0.03
    monkeypatch.setattr(alike, "_ROUNDS", 0)
    assert align(reference, moving).corner_uncertainty > 1.5 * result.corner_uncertainty


def test_a_curve_that_shifts_all_tiles_alike_is_seen_though_they_agree(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pair = known_pair(
        "brick", random_transform(3, "affine", (300, 320), size=4.0), shape=(300, 320)
    )
    scaled = (pair.moving - pair.moving.min()) / np.ptp(pair.moving)
    wave = 127 * (1 + np.sin(2 * np.pi * scaled))
    images = _eight_bit(pair.reference, 0), _eight_bit(wave, 1)
    result = align(*images)
    assert result.aligned and result.representation == "intensity"
    assert pair.error_of(result.transform) < min(0.03, 2 * result.corner_uncertainty)
    monkeypatch.setattr(alike, "_ROUNDS", 0)
    without = align(*images)
    # Known well, as it seems.
    assert pair.error_of(without.transform) > 2 * without.corner_uncertainty
    assert without.corner_uncertainty < 0.05


def test_edges_are_asked_where_brightness_of_two_channels_is_inexact() -> None:
    truth = random_transform(4, "affine", (200, 240), size=4.0)
    pair = known_pair(colour_picture("immunohistochemistry"), truth)
    images = _eight_bit(pair.reference[..., 0], 0), _eight_bit(pair.moving[..., 2], 1)
    result, by_values = align(*images), align(*images, representation="intensity")
    assert result.aligned and result.representation == "orientation"
    assert by_values.aligned
    assert result.corner_uncertainty < 0.8 * by_values.corner_uncertainty
    assert pair.error_of(result.transform) < 2 * result.corner_uncertainty


def test_what_is_exact_already_is_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    pair = _pair()
    images = _eight_bit(pair.reference, 0), _eight_bit(pair.moving, 1)
    monkeypatch.setattr(alike, "measured_appearance", lambda *_: pytest.fail("was measured"))
    assert align(*images, precision=0.1).aligned


def test_what_bends_at_a_place_that_is_sure_is_not_made_alike(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    still = known_pair("camera", random_transform(3, "affine", (400, 400), size=0.0)).reference
    rows, columns = np.mgrid[:400, :400]
    bent = 4 * np.sin(2 * np.pi * np.stack([columns, rows]) / 400)
    moving = ndimage.map_coordinates(still, np.stack([rows, columns]) + bent, order=3)
    monkeypatch.setattr(alike, "measured_appearance", lambda *_: pytest.fail("was measured"))
    result = align(_eight_bit(still, 0), _eight_bit(moving, 1))
    assert result.verdict == "doubtful" and result.placed
    assert "motion model does not suffice" in result.reason


def test_where_hardly_a_tile_fits_and_the_motion_bends_no_blur_is_looked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    unmoved, shape = random_transform(3, "affine", (512, 512), size=0.0), (512, 512)
    still = known_pair("camera", unmoved, shape=shape).reference
    rows, columns = np.mgrid[:512, :512]
    bent = 4 * np.sin(2 * np.pi * np.stack([columns, rows]) / 256)
    moving = ndimage.map_coordinates(still, np.stack([rows, columns]) + bent, order=3)
    bends: list[bool] = []
    asked = alike._bends
    monkeypatch.setattr(alike, "_bends", lambda *of: bends.append(asked(*of)) or bends[-1])
    monkeypatch.setattr(alike, "measured_appearance", lambda *_: pytest.fail("was measured"))
    result = align(_eight_bit(still, 0), _eight_bit(moving, 1), representation="intensity")
    assert result.verdict == "failed" and any(bends)


@pytest.mark.parametrize(
    "negative", [lambda image: 255 - _relit(image), lambda image: _relit(255 - image)]
)
def test_a_negative_stays_a_negative_whether_it_was_lit_before_or_after(
    negative: Callable[[NDArray[np.float64]], NDArray[np.float64]],
) -> None:
    pair = _pair()
    result = align(_eight_bit(pair.reference, 0), _eight_bit(negative(pair.moving), 1))
    assert result.aligned and result.inverted and result.ecc > 0.5
    assert pair.error_of(result.transform) < 0.06


def test_images_that_are_unrelated_are_not_made_alike() -> None:
    first, second = (known_pair(name, _pair().truth) for name in ("camera", "coffee"))
    result = align(_eight_bit(first.reference, 0), _eight_bit(_blurred(second.moving), 1))
    assert not result.aligned and "Compared with" not in result.reason


def test_values_that_know_less_than_edges_do_are_not_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As where edges have chosen a narrower model than values refine."""
    pair = _pair()
    images = _eight_bit(pair.reference, 0), _eight_bit(_folded(pair.moving), 1)
    judged_alike = alike._judged_alike

    def less_known(*asked: Any) -> Generator[None, None, Judged | None]:
        judged = yield from judged_alike(*asked)
        if judged is None:
            return None
        return replace(judged, result=replace(judged.result, corner_uncertainty=0.5))

    monkeypatch.setattr(alike, "_judged_alike", less_known)
    result = align(*images)
    assert result.aligned and result.corner_uncertainty < 0.5
    assert "then by values" not in result.reason


def test_no_model_is_chosen_that_images_made_alike_contradict() -> None:
    shape = (400, 128)
    pair = known_pair("rocket", random_transform(2, "homography", shape, size=4.5), shape=shape)
    blurred = ndimage.gaussian_filter(pair.moving, 2.9)
    rng = np.random.default_rng(0)
    images = [image + rng.normal(0, 3.5, shape) for image in (pair.reference, blurred)]
    result = align(*images, model="auto")
    # As they are, a similarity that is 1.5 px off seems to suffice.
    assert result.model == "homography" and result.verdict == "doubtful"
    assert "the reference blurred by" in result.reason
    assert pair.error_of(result.transform) < 3 * result.corner_uncertainty


@pytest.mark.parametrize(
    ("name", "seed", "model", "side"),
    # As they are, these fail, and edges lead those to a doubt.
    [("coffee", 1, "homography", 128), ("rocket", 3, "affine", 160)],
)
def test_uneven_light_does_not_lead_what_is_free_astray(
    name: str, seed: int, model: MotionModel, side: int
) -> None:
    truth = random_transform(seed, "affine", (side, side), size=3.0)
    pair = known_pair(name, truth, shape=(side, side))
    light = np.linspace(0.05, 1.05, side)
    lit = 20 + light * 235 * (pair.moving / 255) ** 1.5
    rng = np.random.default_rng(0)
    images = (np.rint(rng.normal(image, 2)) for image in (pair.reference, lit))
    result = align(*images, model=model)
    assert result.aligned and "the moving image's tones fitted" in result.reason
    assert pair.error_of(result.transform) < min(0.25, 2 * result.corner_uncertainty)


def test_what_scatters_by_more_than_noise_is_made_alike_though_it_is_known_well() -> None:
    shape = (320, 200)
    pair = known_pair("camera", random_transform(1, "similarity", shape, size=3.0), shape=shape)
    result = align(
        _eight_bit(pair.reference, 0), _eight_bit(_relit(pair.moving), 1), model="similarity"
    )
    assert result.aligned and "the moving image's tones fitted" in result.reason
    # As they are, to 0.036 px, and off by as much.
    assert pair.error_of(result.transform) < 0.025
    assert result.corner_uncertainty < 0.02
