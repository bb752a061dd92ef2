"""Pairs of images with exactly known transforms.

Both images are sampled from one larger picture by splines of order 5, at exact coordinates that
all lie inside it: no border is invented, and neither image is a resampling of the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage import data

from napari_ecc_align import Transform
from napari_ecc_align._transform.coordinates import corner_error, corners, map_points
from napari_ecc_align._transform.matrices import MotionModel

REAL_PICTURES = ("camera", "astronaut", "chelsea", "coffee", "page", "immunohistochemistry")


@dataclass(frozen=True, eq=False)
class KnownPair:
    """Two float64 images in [0, 255] and the transform between them."""

    reference: NDArray[np.float64]
    moving: NDArray[np.float64]
    truth: Transform

    def error_of(self, transform: Transform) -> float:
        """Return the corner error in pixels."""
        return corner_error(transform.matrix, self.truth.matrix, self.reference.shape)


@cache
def picture(name: str) -> NDArray[np.float64]:
    """Return one of scikit-image's pictures, gray, slightly smoothed as a lens would."""
    image = np.asarray(getattr(data, name)(), np.float64)
    gray = image[..., :3].mean(axis=2) if image.ndim == 3 else image
    smooth = ndimage.gaussian_filter(gray, 0.8)
    smooth.setflags(write=False)
    return smooth


@cache
def colour_picture(name: str) -> NDArray[np.float64]:
    """Return one of scikit-image's colour pictures, slightly smoothed."""
    image = np.asarray(getattr(data, name)(), np.float64)[..., :3]
    return ndimage.gaussian_filter(image, (0.8, 0.8, 0))


def known_pair(
    source: NDArray[np.float64] | str,
    truth: Transform,
    *,
    shape: tuple[int, int] = (200, 240),
    moving_shape: tuple[int, int] | None = None,
) -> KnownPair:
    """Sample a pair around the middle of a picture.

    Raises
    ------
    AssertionError
        If a pixel of either image would lie outside the picture.
    """
    splines = splines_of(source) if isinstance(source, str) else _splines(source)
    offset = (np.array(splines.shape[:0:-1]) - np.array(shape[::-1])) / 2.0
    back = map_points(truth.inverse.matrix, _grid(moving_shape or shape)) + offset
    return KnownPair(sampled(splines, _grid(shape) + offset), sampled(splines, back), truth)


def random_transform(
    seed: int, model: MotionModel, shape: tuple[int, int], *, size: float = 5.0
) -> Transform:
    """Return a transform of a model that moves the corners by about `size` pixels."""
    rng = np.random.default_rng(seed)
    points = corners(shape)
    matrix = np.eye(3)
    if model == "translation":
        direction = rng.uniform(0, 2 * np.pi)
        matrix[:2, 2] = size * np.cos(direction), size * np.sin(direction)
        return Transform(matrix, model=model)
    reach = np.hypot(*shape) / 2
    angle, growth = rng.normal(0, size / reach, 2) * 0.7
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    if model == "similarity":
        turn = turn * np.exp(growth)
    if model in ("affine", "homography"):
        turn = turn + rng.normal(0, 0.5 * size / reach, (2, 2))
    middle = points.mean(axis=0)
    matrix[:2, :2] = turn
    matrix[:2, 2] = middle - turn @ middle + rng.normal(0, 0.7 * size, 2)
    if model == "homography":
        tilt = np.eye(3)
        tilt[2, :2] = rng.normal(0, 0.3 * size / reach**2, 2)
        shift = np.eye(3)
        shift[:2, 2] = middle
        matrix = matrix @ shift @ tilt @ np.linalg.inv(shift)
    return Transform(matrix, model=model)


def _grid(shape: tuple[int, int]) -> NDArray[np.float64]:
    rows, columns = np.mgrid[: shape[0], : shape[1]].astype(np.float64)
    return np.stack([columns, rows], axis=-1)


@cache
def splines_of(name: str) -> NDArray[np.float64]:
    """Return what `sampled` needs of one of scikit-image's pictures, gray."""
    return _splines(picture(name))


def _splines(image: NDArray[np.float64]) -> NDArray[np.float64]:
    channels = image[..., np.newaxis] if image.ndim == 2 else image
    return np.stack([ndimage.spline_filter(plane, 5) for plane in np.moveaxis(channels, -1, 0)])


def sampled(splines: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the values at (x, y) that lie inside the picture, its channels last if it has some.

    Raises
    ------
    AssertionError
        If one lies outside.
    """
    height, width = splines.shape[1:]
    assert points[..., 0].min() >= 0 and points[..., 0].max() <= width - 1, "outside the picture"
    assert points[..., 1].min() >= 0 and points[..., 1].max() <= height - 1, "outside the picture"
    positions = points[..., ::-1].transpose(2, 0, 1)
    values = [
        ndimage.map_coordinates(plane, positions, order=5, mode="mirror", prefilter=False)
        for plane in splines
    ]
    stacked = np.clip(np.stack(values, axis=-1), 0, 255)
    return stacked[..., 0] if len(splines) == 1 else stacked
