"""The displacements that an alignment leaves, as arrows over the reference."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.types import LayerData

from ..._common.errors import InputError
from ..._verdict.result import AlignmentResult
from ..layers.attributes import METADATA_KEY
from ..layers.world import PixelGrid

# Arrows of a usual length cover this share of the image.
_VISIBLE = 1 / 25
_ROUND = (1, 2, 5)


def residual_layer(
    result: AlignmentResult,
    reference: PixelGrid,
    provenance: dict[str, Any],
) -> LayerData:
    """Return a Vectors layer of how far each tile still is from fitting, coloured by size.

    Parameters
    ----------
    result : AlignmentResult
        With `residuals`.
    reference : PixelGrid
        The reference's pixels.
    provenance : dict
        For the layer's metadata.

    Returns
    -------
    tuple of data, dict, "vectors"
        In reference pixels, placed over the reference; the arrows' true size in the data. They are
        drawn longer by a round number that makes them visible: the layer's `length`, so a person
        can change it. The features are "size" and "uncertainty", in pixels.

    Raises
    ------
    InputError
        If the result has no evidence, or no tile was compared.
    """
    tiles = result.tiles
    if tiles is None or not tiles.tested:
        raise InputError("There are no residuals: no tiles were compared in this alignment")
    axes = reference.axes
    # Core and napari differ in the order of the axes. Of volumes it tells lengths, in their units.
    data = tiles.displacements.reshape(-1, 2, axes)[..., ::-1]
    size = np.hypot.reduce(data[:, 1], axis=1)
    if axes == 3:
        data = data / reference.sizes
    longer = max(reference.shape)
    options = {
        "name": "residuals",
        "features": {"size": size, "uncertainty": tiles.uncertainties},
        "edge_color": "size",
        "edge_colormap": "viridis",
        "edge_width": max(1.0, longer / 400),
        "vector_style": "arrow",
        "length": arrow_scale(result, reference.shape),
        **reference.placement,
        "metadata": {METADATA_KEY: provenance},
    }
    return data, options, "vectors"


def arrow_scale(result: AlignmentResult, shape: tuple[int, ...]) -> float:
    """Return how many times longer arrows are drawn: so that the larger are a share of the image.

    A round number; 1 where there are no arrows.
    """
    if result.tiles is None or not result.tiles.tested:
        return 1.0
    moved = result.tiles.displacements[:, len(shape) :]
    usual = float(np.percentile(np.hypot.reduce(moved, axis=1), 90))
    wanted = max(shape) * _VISIBLE / max(usual, 1e-3)
    decade = 10.0 ** np.floor(np.log10(wanted))
    return float(max(1.0, *(decade * step for step in _ROUND if decade * step <= wanted)))
