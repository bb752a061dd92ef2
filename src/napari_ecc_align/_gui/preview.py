"""The moving image snapping into place while the search runs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..transform import Transform
from .looks import METADATA_KEY
from .world import as_rows

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

    from .layers import LayerSnapshot

# Drawing more pixels would be felt.
_ENOUGH = 500_000


class Preview:
    """A layer with the moving image's own pixels, moved by its affine alone.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
        Where the layer is shown.
    reference, moving : LayerSnapshot
        The pair that is being aligned.
    """

    def __init__(
        self, viewer: ViewerModel, reference: LayerSnapshot, moving: LayerSnapshot
    ) -> None:
        self._viewer = viewer
        self._reference = reference
        self._moving = moving
        self._layer: Layer | None = None
        self._to_full = np.eye(3)

    def show(self, transform: Transform) -> None:
        """Put the moving image where a transform says; the first call adds the layer."""
        grid = self._reference.grid
        affine = grid.matrix @ as_rows(_affine_back(transform, grid.shape))
        if self._layer is None:
            data, to_full = _small(self._moving.source)
            self._to_full = to_full
            self._layer = self._viewer.add_layer(self._new_layer(data, affine @ to_full))
        elif self._layer in self._viewer.layers:
            self._layer.affine = affine @ self._to_full

    def remove(self) -> None:
        """Take the layer away, if it is still there."""
        layer, self._layer = self._layer, None
        if layer is not None and layer in self._viewer.layers:
            self._viewer.layers.remove(layer)

    def _new_layer(self, data: Any, affine: NDArray[np.float64]) -> Layer:
        from napari.layers import Image

        return Image(
            data,
            name=f"{self._moving.name} (aligning)",
            affine=affine,
            units=self._reference.grid.units,
            axis_labels=self._reference.grid.axis_labels,
            # Marked as ours, so that no form offers it as an image to align.
            metadata={METADATA_KEY: {}},
            **self._moving.display,
        )


def _small(source: Any) -> tuple[Any, NDArray[np.float64]]:
    """Return few enough pixels of an image to draw at once, and where they lie in the whole.

    Returns
    -------
    data : ndarray
        Every so many pixels, of the coarsest size that is still large enough.
    to_full : ndarray, shape (3, 3)
        Maps their (row, column, 1) to those of full resolution.
    """
    levels = source if isinstance(source, list) else [source]
    full = levels[0].shape
    fit = [level for level in levels if level.shape[0] * level.shape[1] >= _ENOUGH]
    level = fit[-1] if fit else levels[0]
    step = max(1, math.ceil(math.sqrt(level.shape[0] * level.shape[1] / _ENOUGH)))
    ratio = np.array([full[0] / level.shape[0], full[1] / level.shape[1]])
    to_full = np.diag([*(step * ratio), 1.0])
    to_full[:2, 2] = (ratio - 1) / 2
    return np.asarray(level[::step, ::step]), to_full


def _affine_back(transform: Transform, shape: tuple[int, int]) -> NDArray[np.float64]:
    """Return the affine map of moving pixels to reference pixels, (x, y).

    For a homography it is the one that agrees with it at the middle of the reference, in place
    and in direction.
    """
    back = transform.inverse().matrix
    if transform.model != "homography":
        return np.asarray(back)
    middle = transform.map(np.array([(shape[1] - 1) / 2, (shape[0] - 1) / 2]))
    point = back @ np.array([*middle, 1.0])
    place = point[:2] / point[2]
    linear = (back[:2, :2] - np.outer(place, back[2, :2])) / point[2]
    affine = np.eye(3)
    affine[:2, :2] = linear
    affine[:2, 2] = place - linear @ middle
    return affine
