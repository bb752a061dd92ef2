"""Layers that lie in the world as awkwardly as napari lets them."""

from __future__ import annotations

import numpy as np
from napari.layers import Image, Layer
from numpy.typing import NDArray

from napari_ecc_align import Transform
from napari_ecc_align._common.steps import outcome_of
from napari_ecc_align._gui.layers.aligned_layers import aligned_layer
from napari_ecc_align._gui.layers.stack_snapshots import single_frame
from napari_ecc_align._images.warping import Resampling

REFERENCE = {
    "scale": (0.5, 0.3),
    "translate": (17, -4),
    "rotate": 15,
    "shear": (0.1,),
    "affine": [[1.1, 0.2, 3], [-0.1, 0.9, 5], [0, 0, 1]],
    "units": ("um", "um"),
    "axis_labels": ("y", "x"),
}
# In another unit, sheared the other way round, and upside down.
MOVING = {
    "scale": (20, 30),
    "translate": (1e4, -3000),
    "rotate": -130,
    "shear": [[1, 0], [0.3, 1]],
    "affine": [[0.8, -0.1, 300], [0.2, 1.2, -50], [0, 0, 1]],
    "units": ("nm", "nm"),
    "axis_labels": ("a", "b"),
}
SHAPE, MOVING_SHAPE = (120, 140), (130, 110)
TRANSFORM = Transform([[0.9, 0.12, 6.3], [-0.15, 0.95, 21.7], [0, 0, 1]])
HOMOGRAPHY = Transform(
    [[0.9, 0.12, 6.3], [-0.15, 0.95, 21.7], [3e-4, -2e-4, 1]], model="homography"
)
POINTS = np.array([[30.0, 40.0], [80.25, 33.5], [61.0, 92.75], [92.0, 60.0]])
"""Reference pixels (row, column) that fall inside the moving image."""


def blobs(places: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.float64]:
    """Return an image with a smooth blob at each (row, column)."""
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    image = np.zeros(shape)
    for row, column in places:
        image += np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / 18)
    return image


def centres(image: NDArray[np.float64], near: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the centre of mass of the blob near each (row, column)."""
    found = []
    rows, columns = np.mgrid[: image.shape[0], : image.shape[1]]
    for row, column in near:
        weight = np.where((rows - row) ** 2 + (columns - column) ** 2 < 11**2, image, 0)
        found.append([(rows * weight).sum(), (columns * weight).sum()] / weight.sum())
    return np.array(found)


def moving_points(transform: Transform = TRANSFORM) -> NDArray[np.float64]:
    """Return where the points lie in the moving image, (row, column)."""
    return transform.to_moving(POINTS[:, ::-1])[:, ::-1]


def resampled_over(reference, moving, transform, note):
    """Return one snapshot resampled over another, as a layer data tuple."""
    frames = single_frame(moving, reference.grid)
    steps = frames.resample_steps([transform], reference.grid.shape, Resampling())
    return aligned_layer(frames, outcome_of(steps), note)


def pair(transform: Transform = TRANSFORM) -> tuple[Image, Image]:
    """Return a reference and a moving layer with blobs at the points."""
    return (
        Image(blobs(POINTS, SHAPE), name="first", **REFERENCE),
        Image(blobs(moving_points(transform), MOVING_SHAPE), name="second", **MOVING),
    )


def world(layer: Layer, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return where data points of a layer lie, the last two axes in micrometres if they can."""
    found = np.array([layer.data_to_world(point) for point in np.atleast_2d(points)])
    factor = {"nanometer": 1e-3}.get(str(layer.units[-1]), 1.0)
    found[:, -2:] *= factor
    return found


def pixel_size() -> float:
    """Return the size of a pixel of the reference in micrometres."""
    return 0.3
