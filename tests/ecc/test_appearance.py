"""How two images differ in tone, light and sharpness is measured, and taken out."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from napari_ecc_align._common.steps import outcome_of
from napari_ecc_align._ecc.appearance import Appearance, made_alike, measured_appearance
from napari_ecc_align._images.pyramid.halving import image_pyramid
from napari_ecc_align._images.pyramid.levels import Level
from pairs import picture

_SHAPE = (256, 320)


def _scene() -> NDArray[np.float64]:
    return picture("camera")[100 : 100 + _SHAPE[0], 80 : 80 + _SHAPE[1]]


def _noisy(image: NDArray[np.float64], seed: int, noise: float = 1.0) -> NDArray[np.float32]:
    return (image + np.random.default_rng(seed).normal(0, noise, image.shape)).astype(np.float32)


def _measured(reference: NDArray[np.float32], moving: NDArray[np.float32]) -> Appearance:
    pyramids = image_pyramid(reference), image_pyramid(moving)
    appearance = measured_appearance(*pyramids, np.eye(3))
    assert appearance is not None
    return appearance


def _light() -> NDArray[np.float64]:
    return 1 + 0.4 * np.linspace(-1, 1, _SHAPE[1]) * np.ones((_SHAPE[0], 1))


@pytest.mark.parametrize("sigma", [0.8, 1.5, 2.5])
def test_the_blur_between_two_images_is_measured_whichever_is_blurred(sigma: float) -> None:
    sharp, blurred = _scene(), ndimage.gaussian_filter(_scene(), sigma)
    measured = _measured(_noisy(sharp, 0), _noisy(blurred, 1)).blur
    assert measured == pytest.approx(sigma**2, rel=0.2, abs=0.25)
    assert _measured(_noisy(blurred, 1), _noisy(sharp, 0)).blur == pytest.approx(
        -measured, rel=0.1
    )


def test_blur_is_no_curve_of_tones() -> None:
    scene = picture("brick")[100:356, 80:400]
    measured = _measured(_noisy(scene, 0), _noisy(ndimage.gaussian_filter(scene, 2.5), 1))
    assert measured.tones is None
    assert measured.blur == pytest.approx(2.5**2, rel=0.08)


@pytest.mark.parametrize("noises", [(1, 1), (15, 15), (2, 20), (20, 2)])
def test_noise_is_no_blur(noises: tuple[float, float]) -> None:
    first, second = (_noisy(_scene(), seed, noise) for seed, noise in enumerate(noises))
    measured = _measured(first, second)
    assert measured.tones is None
    assert abs(measured.blur) < 0.8**2


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_light_and_tones_are_taken_out_and_a_negative_stays_one(sign: float) -> None:
    scene = _scene()
    lit = sign * _light() * 200 * (scene / 255) ** 1.6
    reference, moving = _noisy(scene, 0), _noisy(lit, 1)
    pyramids = image_pyramid(reference), image_pyramid(moving)
    measured = measured_appearance(*pyramids, np.eye(3))
    assert measured is not None and measured.tones is not None and measured.blur == 0
    assert measured.tones.light[1] == pytest.approx(0.4, abs=0.03)
    _, even = outcome_of(made_alike(*pyramids, measured, np.eye(3)))
    alike = even[0].whole()[0].ravel()
    assert sign * np.corrcoef(alike, scene.ravel())[0, 1] > 0.999


def test_images_that_differ_in_nothing_but_gain_are_left_alone() -> None:
    scene = _scene()
    pyramids = image_pyramid(_noisy(scene, 0)), image_pyramid(_noisy(scene * 0.5 + 20, 1))
    measured = measured_appearance(*pyramids, np.eye(3))
    assert measured is not None and not measured.differs
    for before, after in zip(
        pyramids, outcome_of(made_alike(*pyramids, measured, np.eye(3))), strict=True
    ):
        assert all(one is other for one, other in zip(before, after, strict=True))


def test_blurring_lets_nothing_in_from_what_does_not_count() -> None:
    scene = _scene()
    mask = np.ones(_SHAPE, bool)
    mask[:, :100] = False
    hidden = np.where(mask, scene, 1e6)
    looks = Appearance(4.0, None)
    masked, plain = (
        outcome_of(made_alike(image_pyramid(image, mask), [], looks, np.eye(3)))[0][0]
        for image in (hidden, np.where(mask, scene, 0.0))
    )
    np.testing.assert_allclose(_restored(masked), _restored(plain), atol=0.05)


def _restored(level: Level) -> NDArray[np.float32]:
    values, valid = level.whole()
    assert valid is not None
    inside = values[valid]
    return (inside - inside.mean()) / inside.std()


def test_too_little_in_common_tells_nothing() -> None:
    pyramids = image_pyramid(_noisy(_scene(), 0)), image_pyramid(_noisy(_scene(), 1))
    away = np.array([[1, 0, 315], [0, 1, 0], [0, 0, 1.0]])
    assert measured_appearance(*pyramids, away) is None
