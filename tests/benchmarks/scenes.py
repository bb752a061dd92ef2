"""Pictures to make pairs of: sampled exactly, anywhere, at any magnification up to their own.

Both images of a pair are sampled from one picture by splines of order 5 at coordinates that lie
inside it: no border is invented, and neither image is a resampling of the other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from music.page import Page, make_page
from napari_ecc_align._transform.coordinates import corners, map_points
from napari_ecc_align._transform.matrices import MotionModel
from pairs import sampled, splines_of

Image = NDArray[np.float64]
Motion = NDArray[np.float64] | Callable[[Image], Image]
"""A matrix, or a function of points (..., 2) where no matrix describes the motion."""

PHOTOGRAPHS = (
    "camera",
    "astronaut",
    "chelsea",
    "coffee",
    "immunohistochemistry",
    "moon",
    "coins",
    "hubble_deep_field",
    "retina",
    "rocket",
)
TEXTURES = ("brick", "grass", "gravel")


@dataclass(frozen=True, eq=False)
class Pair:
    """Two images to align, and what is known of them.

    Attributes
    ----------
    kind, name : str
        What sort of pair it is, and which one.
    reference, moving : ndarray
        The images.
    truth : ndarray of float64, shape (3, 3), or function of points, or None
        Maps reference pixels to moving pixels; None if nothing does.
    model : str
        The motion model to ask for.
    initial : ndarray of float64, shape (3, 3), or None
        Where to start.
    others : tuple of matrices and functions of points
        What may be meant as well as the truth.
    """

    kind: str
    name: str
    reference: NDArray[np.generic]
    moving: NDArray[np.generic]
    truth: Motion | None
    model: MotionModel = "affine"
    initial: NDArray[np.float64] | None = None
    others: tuple[Motion, ...] = ()


def grid(shape: tuple[int, int]) -> Image:
    """Return the (x, y) of every pixel, shape (h, w, 2)."""
    rows, columns = np.mgrid[: shape[0], : shape[1]].astype(np.float64)
    return np.stack([columns, rows], axis=-1)


def moved(motion: Motion, points: Image) -> Image:
    """Return where a motion takes points (..., 2)."""
    return motion(points) if callable(motion) else map_points(motion, points)


def views(
    name: str,
    rng: np.random.Generator,
    shape: tuple[int, int],
    truth: NDArray[np.float64],
    *,
    zoom: float = 1.0,
    moving_shape: tuple[int, int] | None = None,
) -> tuple[Image, Image]:
    """Sample a pair at a random place of a picture.

    Parameters
    ----------
    name : str
        The picture.
    rng : numpy.random.Generator
        Decides the place.
    shape : tuple of int
        Of the reference, and of the moving image unless that has its own.
    truth : ndarray of float64, shape (3, 3)
        Maps reference pixels to moving pixels.
    zoom : float, default: 1.0
        Picture pixels per reference pixel; less if the picture is too small for that.
    moving_shape : tuple of int, optional

    Returns
    -------
    reference, moving : ndarray of float64
        In [0, 255].
    """
    back = np.linalg.inv(truth)
    around = np.concatenate([corners(shape), map_points(back, corners(moving_shape or shape))])
    low, high = around.min(axis=0), around.max(axis=0)
    splines = splines_of(name)
    size = np.array(splines.shape[:0:-1]) - 1
    zoom = min(zoom, 0.999 * float((size / (high - low)).min()))
    first = rng.uniform(0, 1, 2) * (size - zoom * (high - low)) - zoom * low
    points = map_points(back, grid(moving_shape or shape))
    return sampled(splines, zoom * grid(shape) + first), sampled(splines, zoom * points + first)


def view(name: str, rng: np.random.Generator, shape: tuple[int, int], zoom: float = 1.0) -> Image:
    """Sample one image at a random place of a picture."""
    return views(name, rng, shape, np.eye(3), zoom=zoom)[0]


@cache
def page(seed: int, shape: tuple[int, int], displacement: float) -> Page:
    """Draw a page of music, once."""
    return make_page(shape=shape, seed=seed, displacement=displacement)


def shift(x: float, y: float) -> NDArray[np.float64]:
    """Return a translation."""
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1.0]])


def similarity(
    shape: tuple[int, int], degrees: float, scale: float = 1.0, move: tuple[float, float] = (0, 0)
) -> NDArray[np.float64]:
    """Return a turn and growth around the middle of an image, then a translation."""
    angle = np.deg2rad(degrees)
    turn = np.eye(3)
    turn[:2, :2] = scale * np.array(
        [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    )
    x, y = (shape[1] - 1) / 2, (shape[0] - 1) / 2
    return shift(x + move[0], y + move[1]) @ turn @ shift(-x, -y)


def eight_bit(image: Image, rng: np.random.Generator, noise: float = 2.0) -> NDArray[np.uint8]:
    """Add sensor noise and round to 8 bits."""
    noisy = image + rng.normal(0, noise, image.shape)
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
