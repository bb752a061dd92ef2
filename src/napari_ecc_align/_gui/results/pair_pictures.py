"""Layers of the pictures in which two images are compared by eye."""

from __future__ import annotations

from typing import Any

from ..layers.attributes import METADATA_KEY
from ..layers.snapshots import LayerSnapshot
from .layers_in_viewer import LayerTuple


def picture_layer(reference: LayerSnapshot, picture: Any, view: str) -> LayerTuple:
    """Return an overlay or a checkerboard as a layer that lies exactly over the reference.

    Parameters
    ----------
    reference : LayerSnapshot
        What it lies over.
    picture : ndarray
        From `napari_ecc_align._compare.views`.
    view : str
        "overlay" or "checkerboard"; also the layer's name.
    """
    options: dict[str, Any] = {
        "name": view,
        # Marked as ours, so that no form offers it as an image to align.
        "metadata": {METADATA_KEY: {"view": view}},
        **reference.grid.placement,
    }
    if view == "overlay":
        options["rgb"] = True
    else:
        options["colormap"] = "gray"
        options["contrast_limits"] = [0.0, 1.0]
    return picture, options, "image"
