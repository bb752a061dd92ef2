"""What becomes of the moving image: resampled over the reference, or moved as it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Self, get_args

import numpy as np
from napari.layers import Layer

from ..._transform.transform import Transform
from .apply_transform import Application, moved_affine
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
class Placed:
    """Where a layer lies, and what its metadata say of that."""

    affine: Matrix
    metadata: dict[str, Any]

    @classmethod
    def of(cls, layer: Layer) -> Self:
        """Take down where a layer lies."""
        return cls(np.array(layer.affine.affine_matrix), dict(layer.metadata))

    def put(self, layer: Layer) -> None:
        """Let a layer lie there."""
        layer.affine = self.affine
        layer.metadata = dict(self.metadata)


def move_layer(
    layer: Layer,
    transform: Transform,
    reference: PixelGrid,
    provenance: dict[str, Any],
) -> tuple[Placed, Placed]:
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

    Returns
    -------
    before, after : Placed
        Where it was and where it is now.

    Raises
    ------
    InputError
        If the transform is a homography.
    """
    # Where the layer lies now counts: it may have been dragged while the alignment ran.
    before, affine = Placed.of(layer), moved_affine(layer, Application(transform, reference))
    note = {**provenance, "moved": {"from": before.affine.tolist()}}
    Placed(affine, {**before.metadata, METADATA_KEY: note}).put(layer)
    return before, Placed.of(layer)
