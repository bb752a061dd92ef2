"""The moving image snapping into place while the search runs."""

from __future__ import annotations

import time

import numpy as np
from napari.layers import Image
from numpy.typing import NDArray

from ..._transform.transform import Transform
from ..layers.apply_transform import Application, moved_affine
from ..layers.snapshots import LayerSnapshot

_INTERVAL = 0.1


class Preview:
    """Moves the layer itself, by its affine alone, and puts it back.

    A layer of its own would have to be added and removed, which takes napari several times as long
    as all of the search.

    Parameters
    ----------
    layer : napari.layers.Image
        The moving layer.
    reference, moving : LayerSnapshot
        The pair that is being aligned.
    """

    def __init__(self, layer: Image, reference: LayerSnapshot, moving: LayerSnapshot) -> None:
        self._layer = layer
        self._reference = reference
        self._moving = moving
        self._before: NDArray[np.float64] = np.array(layer.affine.affine_matrix)
        self._shown: NDArray[np.float64] | None = None
        self._last = -np.inf

    def show(self, transform: Transform) -> None:
        """Put the moving layer where a transform says, a few times a second at most."""
        if time.monotonic() - self._last < _INTERVAL or self._is_touched():
            return
        self._last = time.monotonic()
        grid = self._reference.grid
        height, width = grid.shape
        affine = _as_affine(transform, (height, width))
        application = Application(affine, grid, self._moving.grid)
        # From where it lay at first: where it is now is the preview's own doing.
        self._layer.affine = moved_affine(self._layer, application, before=self._before)
        self._shown = np.array(self._layer.affine.affine_matrix)

    def remove(self) -> None:
        """Put the layer back, unless a person has moved it meanwhile."""
        if self._shown is not None and not self._is_touched():
            self._layer.affine = self._before
        self._shown = None

    def _is_touched(self) -> bool:
        expected = self._before if self._shown is None else self._shown
        return not np.array_equal(self._layer.affine.affine_matrix, expected)


def _as_affine(transform: Transform, shape: tuple[int, int]) -> Transform:
    """Return a transform that a layer's affine can express.

    For a homography it is the affine one that agrees with it at the middle of the reference, in
    place and in direction.
    """
    if transform.model != "homography":
        return transform
    middle = np.array([(shape[1] - 1) / 2, (shape[0] - 1) / 2])
    place = transform.to_moving(middle)
    matrix = transform.matrix
    weight = matrix[2, :2] @ middle + 1
    affine = np.eye(3)
    affine[:2, :2] = (matrix[:2, :2] - np.outer(place, matrix[2, :2])) / weight
    affine[:2, 2] = place - affine[:2, :2] @ middle
    return Transform(affine, model="affine")
