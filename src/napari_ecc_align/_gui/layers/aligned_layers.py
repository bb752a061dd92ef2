"""What becomes of the moving image: resampled over the reference, or moved as it is."""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from napari.layers import Layer

from ..._transform.transform import Transform
from .apply_transform import moved_affine
from .attributes import METADATA_KEY
from .stack_snapshots import StackSnapshot
from .world import Matrix, PixelGrid

LayerTuple = tuple[Any, dict[str, Any], str]

Output = Literal["resample", "move", "both"]
OUTPUTS: tuple[Output, ...] = get_args(Output)


def aligned_layer(frames: StackSnapshot, data: Any, provenance: dict[str, Any]) -> LayerTuple:
    """Return an aligned image or stack as a layer data tuple.

    Parameters
    ----------
    frames : StackSnapshot
        What was aligned; it knows where the new layer lies.
    data : array_like or list of array_like
        As its `resample_steps` returns them.
    provenance : dict
        For the new layer's metadata.

    Returns
    -------
    tuple of data, dict, "image"
        Looks as the moving layer does. Nothing of lazy data is computed here.
    """
    options = {
        "name": f"{frames.shown.name} aligned",
        **frames.shown.display,
        **frames.placement,
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
    reference: PixelGrid,
    provenance: dict[str, Any],
) -> Move:
    """Set a layer's `affine` so that it lies on the reference; its data stay as they are.

    Parameters
    ----------
    layer : napari.layers.Layer
        The moving layer, of any number of axes.
    transform : Transform
        Maps reference pixels to moving pixels.
    reference : PixelGrid
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
