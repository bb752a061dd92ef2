"""What becomes of the moving image: resampled over the reference, or moved as it is."""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from ..._images.sources import is_lazy
from ..._images.warping import Interpolation, warp
from ..._transform.transform import Transform
from .apply_transform import moved_affine
from .attributes import METADATA_KEY
from .snapshots import LayerSnapshot
from .world import Grid, Matrix

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.types import LayerData

Output = Literal["resample", "move", "both"]
OUTPUTS: tuple[Output, ...] = get_args(Output)


def aligned_layer(
    reference: LayerSnapshot,
    moving: LayerSnapshot,
    transform: Transform,
    provenance: dict[str, Any],
    *,
    interpolation: Interpolation = "linear",
    fill: float | Literal["background"] = "background",
    data: Any = None,
) -> LayerData:
    """Return the moving plane resampled exactly over the reference, as a layer data tuple.

    Parameters
    ----------
    reference, moving : LayerSnapshot
        The planes that were aligned.
    transform : Transform
        Maps reference pixels to moving pixels.
    provenance : dict
        For the new layer's metadata.
    interpolation, fill
        As in `warp`.
    data : ndarray, optional
        The moving image resampled already.

    Returns
    -------
    tuple of data, dict, "image"
        Looks as the moving layer does. The data are lazy, and at several sizes, if the moving
        layer's are: nothing of them is computed here.
    """
    if data is None:
        data = _resampled(moving.source, transform, reference.grid, interpolation, fill)
    options = {
        "name": f"{moving.name} aligned",
        **moving.display,
        **reference.grid.placement,
        "multiscale": isinstance(data, list),
        "metadata": {METADATA_KEY: provenance},
    }
    return data, options, "image"


@dataclass(frozen=True, eq=False)
class Move:
    """A layer that was moved, and what it takes to undo that.

    Attributes
    ----------
    before, after : ndarray, shape (n + 1, n + 1)
        The layer's `affine`.
    metadata : dict
        The layer's metadata before.
    """

    before: Matrix
    after: Matrix
    metadata: dict[str, Any]
    _layer: weakref.ref[Layer]

    @property
    def layer(self) -> Layer | None:
        """The layer, or None if it is no more."""
        return self._layer()

    def undo(self) -> bool:
        """Put the layer back where it was; return whether it still stood where it was moved."""
        layer = self.layer
        if layer is None or not np.allclose(layer.affine.affine_matrix, self.after):
            return False
        layer.affine = self.before
        layer.metadata = dict(self.metadata)
        return True


def move_layer(
    layer: Layer,
    transform: Transform,
    reference: Grid,
    provenance: dict[str, Any],
) -> Move:
    """Set a layer's `affine` so that it lies on the reference; its data stay as they are.

    Parameters
    ----------
    layer : napari.layers.Layer
        The moving layer, of any number of axes.
    transform : Transform
        Maps reference pixels to moving pixels.
    reference : Grid
        The reference's pixels.
    provenance : dict
        For the layer's metadata.

    Raises
    ------
    InputError
        If the transform is a homography.
    """
    # Where the layer lies now counts: it may have been dragged while the alignment ran.
    after = moved_affine(layer, transform, reference)
    before: Matrix = np.array(layer.affine.affine_matrix)
    metadata = dict(layer.metadata)
    layer.affine = after
    layer.metadata = {**metadata, METADATA_KEY: {**provenance, "moved": {"from": before.tolist()}}}
    return Move(before, after, metadata, weakref.ref(layer))


def _resampled(
    source: Any,
    transform: Transform,
    grid: Grid,
    interpolation: Interpolation,
    fill: float | Literal["background"],
) -> Any:
    from ..._images.lazy_warping import lazy_warp, warp_pyramid

    way: Any = warp
    if isinstance(source, list):
        way = warp_pyramid
    elif is_lazy(source):
        way = lazy_warp
    return way(source, transform, output_shape=grid.shape, interpolation=interpolation, fill=fill)
