"""What the values of one image are as a function of the other's is learned, if it is one."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_ecc_align._ecc.curves import is_folded, learned_curve
from pairs import picture


def _tiles() -> NDArray[np.float32]:
    image = picture("camera")[64:192, 64:256].astype(np.float32)
    return image.reshape(4, 32, 6, 32).swapaxes(1, 2).reshape(24, 32, 32)


def _noisy(tiles: NDArray[np.float32], seed: int, sigma: float = 2.0) -> NDArray[np.float32]:
    noise = np.random.default_rng(seed).normal(0, sigma, tiles.shape)
    return (tiles + noise).astype(np.float32)


def _folded(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return values of which the darkest and the brightest are alike."""
    return (np.abs(values - 120) * 1.5).astype(np.float32)


@pytest.mark.parametrize("of_own", [True, False])
def test_a_function_that_folds_values_is_learned_whichever_image_it_folds(of_own: bool) -> None:
    plain, folded = _noisy(_tiles(), 0), _noisy(_folded(_tiles()), 1)
    learned = learned_curve(*(plain, folded) if of_own else (folded, plain))
    assert learned is not None and (learned[0] is None) is of_own
    tones = learned[1] if of_own else learned[0]
    assert tones is not None
    values = np.quantile(plain, np.linspace(0.02, 0.98, 9)).astype(np.float32)
    taken = tones.of(values, None)
    # Up to its sign: a negative stays one.
    taken *= np.sign(np.corrcoef(taken, _folded(values))[0, 1])
    assert taken == pytest.approx(_folded(values), abs=6.0)


@pytest.mark.parametrize("sigma", [2.0, 40.0])
@pytest.mark.parametrize("gain", [1.0, -0.7])
def test_of_what_a_line_explains_noise_is_not_learned(gain: float, sigma: float) -> None:
    own, other = _noisy(_tiles(), 0, sigma), _noisy(gain * _tiles() + 20, 1, sigma)
    assert learned_curve(own, other) is None


def test_of_images_that_tell_nothing_of_each_other_nothing_is_learned() -> None:
    own, other = _noisy(_tiles(), 0), _noisy(_tiles()[::-1, ::-1].copy(), 1)
    assert learned_curve(own, other) is None


def test_what_is_known_of_tones_already_is_not_learned_again() -> None:
    own, other = _noisy(_tiles(), 0), _noisy(255 * (_tiles() / 255) ** 4, 1)
    assert learned_curve(own, other) is not None
    assert learned_curve(own, other, _noisy(_tiles(), 2)) is None


def test_what_rises_and_falls_is_told_from_what_only_rises_or_falls() -> None:
    plain, folded = _noisy(_tiles(), 0), _noisy(_folded(_tiles()), 1)
    assert is_folded(plain, folded)
    assert is_folded(folded, plain)
    steep = 255 * (_tiles() / 255) ** 4
    page = np.where(_tiles() > 120, np.float32(255), np.float32(0))
    for other in (steep, -steep, page, _tiles()):
        assert not is_folded(plain, _noisy(other, 2))
        assert not is_folded(_noisy(other, 2), plain)
