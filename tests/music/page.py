"""A handwritten page of music, as the flavours in which a dataset would hold it.

The page is drawn as pen strokes. Each image is drawn from the strokes moved to their place, and
never resampled from another image, so the displacement between them is known exactly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_ecc_align import InputError
from napari_ecc_align._images.samples.paper import scan
from napari_ecc_align._transform.coordinates import corners, map_points

from .hand import Stroke, render
from .score import Composer

_SMALLEST = 200
_LARGEST = 8000


@dataclass(frozen=True, eq=False)
class Page:
    """One page in four flavours, and where they lie.

    Attributes
    ----------
    reference : ndarray of uint8, shape (h, w)
        The page as binary image, white ink (255) on black (0).
    gray : ndarray of uint8, shape (h2, w2)
        A scan of the displaced page: dark ink on uneven white paper, with noise.
    binary : ndarray of uint8, shape (h2, w2)
        The displaced page as binary image, black ink (0) on white (255).
    staffless : ndarray of uint8, shape (h2, w2)
        As `binary`, without the staff lines.
    ink : ndarray of float32, shape (h2, w2)
        How much of each pixel of the displaced page is inked, in [0, 1].
    space : float
        The gap between two staff lines in pixels.
    matrix : ndarray of float64, shape (3, 3)
        The truth: maps a reference pixel (x, y, 1) to the pixel of the three others, pixel
        centres at integers.
    """

    reference: NDArray[np.uint8]
    gray: NDArray[np.uint8]
    binary: NDArray[np.uint8]
    staffless: NDArray[np.uint8]
    ink: NDArray[np.float32]
    space: float
    matrix: NDArray[np.float64]


def make_page(
    *, shape: tuple[int, int] = (900, 1200), seed: int = 0, displacement: float = 8.0
) -> Page:
    """Draw a handwritten page of music, twice: in place, and displaced by a known transform.

    Parameters
    ----------
    shape : tuple of int, default: (900, 1200)
        Height and width of the reference. The displaced images are a few pixels smaller.
    seed : int, default: 0
        Decides the music, the hand, the noise and the displacement.
    displacement : float, default: 8.0
        RMS distance in pixels by which the affine transform moves the corners of the page.

    Returns
    -------
    Page
        The page in four flavours and the transform between them.

    Raises
    ------
    InputError
        If `shape` is not two numbers from 200 to 8000, or `displacement` is negative or more
        than a tenth of the shorter side.
    """
    if len(shape) != 2 or not all(_SMALLEST <= side <= _LARGEST for side in shape):
        raise InputError(f"shape must be two numbers from {_SMALLEST} to {_LARGEST}, not {shape}")
    if not 0 <= displacement <= min(shape) / 10:
        raise InputError(f"displacement must be from 0 to {min(shape) / 10:g}, not {displacement}")
    height, width = int(shape[0]), int(shape[1])
    # One generator each, so that the same seed draws the same music at any displacement.
    music, motion, sensor = np.random.default_rng(seed).spawn(3)
    composer = Composer(music, (height, width))
    composer.write(height)
    matrix = _random_affine(motion, (height, width), displacement)
    smaller = (height - int(motion.integers(3, 12)), width - int(motion.integers(3, 12)))
    page, _ = _ink(composer, np.eye(3), (height, width))
    ink, sign_ink = _ink(composer, matrix, smaller)
    return Page(
        reference=_two_tone(page, ink=255),
        gray=scan(ink, sensor, composer.space),
        binary=_two_tone(ink, ink=0),
        staffless=_two_tone(sign_ink, ink=0),
        ink=ink,
        space=composer.space,
        matrix=matrix,
    )


def _ink(
    composer: Composer, matrix: NDArray[np.float64], shape: tuple[int, int]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the ink coverage of the whole page and of its signs alone."""
    signs = render(composer.signs, matrix, shape)
    lines: list[Stroke] = composer.lines
    return np.maximum(render(lines, matrix, shape), signs), signs


def _two_tone(coverage: NDArray[np.float32], *, ink: int) -> NDArray[np.uint8]:
    return np.where(coverage > 0.5, ink, 255 - ink).astype(np.uint8)


def _random_affine(
    rng: np.random.Generator, shape: tuple[int, int], displacement: float
) -> NDArray[np.float64]:
    """Return an affine matrix that moves the corners by `displacement` pixels RMS."""
    points = corners(shape)
    extent = np.array([shape[1], shape[0]])
    change = np.zeros((3, 3))
    change[:2, :2] = rng.normal(0, 0.7, (2, 2)) / extent
    change[:2, 2] = rng.normal(0, 1, 2) - change[:2, :2] @ (extent / 2)
    moved = map_points(np.eye(3) + change, points) - points
    size = np.sqrt((moved**2).sum(axis=1).mean())
    matrix: NDArray[np.float64] = np.eye(3) + change * (displacement / size)
    return matrix
