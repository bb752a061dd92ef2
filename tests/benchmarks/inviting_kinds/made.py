"""What kinds of pairs are made of: scenes that are functions of place, and the motions they make.

A scene is a function of points (h, w, 2), x first, that returns their values (h, w). Both images
of a pair ask the same function at their own pixels, so no border is invented and the truth is
exact; a motion is a matrix, or a function of points where no matrix describes it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from zlib import crc32

import cv2
import numpy as np
from numpy.typing import NDArray
from scenes import PHOTOGRAPHS, Image, Motion, Pair, eight_bit, grid, moved, shift
from scipy import ndimage

from napari_ecc_align._transform.matrices import MOTION_MODELS
from pairs import picture, sampled, splines_of

Random = np.random.Generator
Matrix = NDArray[np.float64]
Scene = Callable[[Image], Image]
Kind = Callable[[Random], Pair]
KINDS: dict[str, Kind] = {}
"""Every kind by its name; what a kind's truth is says its docstring."""
MARGIN = 70


def kind(make: Kind) -> Kind:
    """Register a kind under the name of its function."""
    KINDS[make.__name__.strip("_")] = make
    return make


def inviting_pair(name: str, seed: int) -> Pair:
    """Return one pair of a kind; the same whatever else is made.

    Parameters
    ----------
    name : str
        One of `KINDS`.
    seed : int
        Which pair of that kind.
    """
    rng = np.random.default_rng([seed, crc32(name.encode())])
    return replace(KINDS[name](rng), kind=name, name=f"seed {seed}")


def pair(
    rng: Random,
    images: tuple[Image, Image],
    *right: Motion,
    models: str = "",
    noise: float = 2.0,
) -> Pair:
    """Return a pair in 8 bits.

    Parameters
    ----------
    rng : numpy.random.Generator
        Makes the noise and takes a model.
    images : two ndarrays
        Reference and moving image, in [0, 255].
    *right : matrix or function of points
        The truth, and what may be meant as well; nothing if no motion is right.
    models : str, optional
        Which to take one of, with spaces between; all without perspective by default.
    noise : float, default: 2.0
        Of the sensor, in grey values.
    """
    model = str(rng.choice(models.split() or MOTION_MODELS[:4]))
    reference, moving = (eight_bit(image, rng, noise) for image in images)
    truth = right[0] if right else None
    return Pair("", "", reference, moving, truth, model, others=right[1:])  # type: ignore[arg-type]


def a_shape(rng: Random, low: int = 200, high: int = 520) -> tuple[int, int]:
    """Return a height and a width; one in twelve is large."""
    if rng.random() < 1 / 12:
        low, high = 700, 1000
    return int(rng.integers(low, high)), int(rng.integers(low, high))


def a_square(rng: Random) -> tuple[int, int]:
    """Return a height and a width that are equal."""
    return (int(rng.integers(200, 560)),) * 2


def a_shift(rng: Random, low: float = 2.0, high: float = 30.0) -> Matrix:
    """Return a translation of a length from `low` to `high` pixels, in any direction."""
    length, angle = rng.uniform(low, high), rng.uniform(0, 2 * np.pi)
    return shift(length * np.cos(angle), length * np.sin(angle))


def sign(rng: Random) -> float:
    """Return 1 or -1."""
    return float(rng.choice([-1.0, 1.0]))


def photograph(
    rng: Random,
    shape: tuple[int, int],
    margin: int = MARGIN,
    names: tuple[str, ...] = PHOTOGRAPHS,
    mirrored: bool = False,
) -> Scene:
    """Return a picture as a scene, known `margin` pixels beyond a shape, full of detail.

    Mirrored, it cannot be laid on another one, were it the same photograph.
    """
    size = np.array(shape[::-1]) + 2.0 * margin
    places = [_place(rng, size, str(rng.choice(names))) for _ in range(6)]
    _, name, zoom, first = max(places, key=lambda place: place[0])
    splines = splines_of(name)

    def scene(points: Image) -> Image:
        inside = points + margin
        if mirrored:
            inside = inside * (-1, 1) + (size[0] - 1, 0)
        return sampled(splines, first + zoom * inside)

    return scene


def _place(rng: Random, size: Image, name: str) -> tuple[float, str, float, Image]:
    """Return how much of a random place has detail (at most 0.8), and the place."""
    image = picture(name)
    room = np.array(image.shape[::-1]) - 1.0
    zoom = min(1.0, 0.999 * float((room / size).min()))
    first = rng.uniform(0, 1, 2) * (room - zoom * size)
    (left, top), (right, bottom) = first.astype(int), (first + zoom * size).astype(int)
    part = cv2.resize(np.ascontiguousarray(image[top:bottom, left:right]), (96, 96))
    squares = part.reshape(12, 8, 12, 8).std(axis=(1, 3))
    return min(0.8, float((squares > 4).mean())), name, zoom, first


def sheet(canvas: Image, margin: int = MARGIN) -> Scene:
    """Return a drawn canvas as a scene; its pixel (margin, margin) is at (0, 0)."""
    splines = ndimage.spline_filter(np.asarray(canvas, np.float64), 3)

    def scene(points: Image) -> Image:
        places = np.moveaxis(points[..., ::-1] + margin, -1, 0)
        return ndimage.map_coordinates(splines, places, order=3, mode="mirror", prefilter=False)

    return scene


def with_margin(shape: tuple[int, int], margin: int = MARGIN) -> tuple[int, int]:
    """Return the shape of a canvas for `sheet`."""
    return shape[0] + 2 * margin, shape[1] + 2 * margin


def seen(scene: Scene, shape: tuple[int, int], truth: Matrix | None = None) -> Image:
    """Return a scene that moved by `truth` as an image."""
    points = grid(shape)
    return scene(points if truth is None else moved(np.linalg.inv(truth), points))


def both(scene: Scene, shape: tuple[int, int], truth: Matrix) -> tuple[Image, Image]:
    """Return a scene before and after it moved by `truth`."""
    return seen(scene, shape), seen(scene, shape, truth)


def faded(scene: Scene, contrast: float, level: float = 128.0) -> Scene:
    """Return a scene with less contrast."""
    return lambda points: level + contrast * (scene(points) - 128.0)


def soft(rng: Random, shape: tuple[int, ...], sigma: float) -> Image:
    """Return smooth noise of mean 0 and standard deviation 1."""
    field = ndimage.gaussian_filter(rng.normal(size=shape), sigma, mode="mirror")
    return (field - field.mean()) / field.std()


def polar(points: Image, shape: tuple[int, int]) -> tuple[Image, Image]:
    """Return radius (in half the shorter side) and angle (rad) of points about the middle."""
    off = points - (np.array(shape[::-1]) - 1) / 2
    return np.hypot(off[..., 0], off[..., 1]) / (min(shape) / 2), np.arctan2(
        off[..., 1], off[..., 0]
    )


def word(rng: Random, low: int = 2, high: int = 9) -> str:
    """Return some lower case letters."""
    return "".join(chr(97 + int(one)) for one in rng.integers(0, 26, int(rng.integers(low, high))))


def ink(shape: tuple[int, int], *texts: tuple[str, int, int, float], thick: int = 1) -> Image:
    """Return text as coverage in [0, 1]; each with the x and y it starts at, and its scale."""
    drawn = np.zeros(shape, np.uint8)
    for text, x, y, scale in texts:
        font = cv2.FONT_HERSHEY_SIMPLEX
        cv2.putText(drawn, text, (x, y), font, scale, 255, thick, cv2.LINE_AA)
    return drawn / 255.0


def strokes(shape: tuple[int, int], lines: Image, thick: int = 1, closed: bool = False) -> Image:
    """Return lines (n, points, 2) as coverage in [0, 1]."""
    drawn = np.zeros(shape, np.uint8)
    points = [np.rint(16 * np.asarray(line)).astype(np.int32) for line in lines]
    cv2.polylines(drawn, points, closed, 255, thick, cv2.LINE_AA, 4)
    return drawn / 255.0


def discs(shape: tuple[int, int], at: Image, radius: Image, thick: int = -1) -> Image:
    """Return discs (or rings) as coverage in [0, 1]."""
    drawn = np.zeros(shape, np.uint8)
    for (x, y), r in zip(at, np.broadcast_to(radius, len(at)), strict=True):
        centre = int(16 * x), int(16 * y)
        cv2.circle(drawn, centre, int(16 * r), 255, thick, cv2.LINE_AA, 4)
    return drawn / 255.0


def bumps(shape: tuple[int, int], at: Image, sigma: float, height: Image | float = 1.0) -> Image:
    """Return a sum of Gaussian spots at (n, 2) places."""
    out = np.zeros(shape)
    reach = int(4 * sigma) + 1
    for (x, y), peak in zip(at, np.broadcast_to(height, len(at)), strict=True):
        left, top = max(0, int(x) - reach), max(0, int(y) - reach)
        part = out[top : int(y) + reach + 1, left : int(x) + reach + 1]
        if part.size and x > -reach and y > -reach:
            rows, columns = np.ogrid[: part.shape[0], : part.shape[1]]
            far2 = (columns + left - x) ** 2 + (rows + top - y) ** 2
            part += peak * np.exp(-far2 / (2 * sigma**2))
    return out


def anywhere(rng: Random, shape: tuple[int, int], count: int) -> Image:
    """Return random (x, y) in a shape, (count, 2)."""
    return rng.uniform(0, 1, (count, 2)) * shape[::-1]


def text_page(rng: Random, shape: tuple[int, int], pitch: int) -> Image:
    """Return a canvas full of lines of text, in [0, 255]."""
    lines = []
    for y in range(pitch, shape[0], pitch):
        words = " ".join(word(rng) for _ in range(2 + shape[1] // (2 * pitch)))
        lines.append((words, 4, y - pitch // 4, pitch / 34))
    return 235 - 205 * ink(shape, *lines)
