"""The displacements that an alignment leaves, as arrows over the reference."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.types import LayerData
from napari.utils.colormaps import Colormap
from numpy.typing import NDArray

from ..._align.volume.bent.result import SmoothVolumeAlignment
from ..._common.errors import InputError
from ..._verdict.field_result import SmoothAlignment
from ..._verdict.limits import WRONG
from ..._verdict.result import AlignmentResult
from ..layers.attributes import METADATA_KEY
from ..layers.world import PixelGrid

# Arrows of a usual length cover this share of the image.
_VISIBLE = 1 / 14
# Seen on light, dark and coloured ground.
END_COLOURS = ((0, 199, 84), (255, 0, 217))
"""Of the smallest number and the largest, in red, green and blue."""
_ROUND = (1, 2, 5)
# A field is drawn by so many arrows along the longest side; in 3-D all are seen at once.
_ALONG, _ALONG_OF_VOLUMES = 24, 12

Array = NDArray[np.float64]
Bent = SmoothAlignment | SmoothVolumeAlignment


def residual_layer(
    result: AlignmentResult | Bent,
    reference: PixelGrid,
    provenance: dict[str, Any],
) -> LayerData:
    """Return a Vectors layer of how far each tile still is from fitting, coloured by size.

    Parameters
    ----------
    result : AlignmentResult or SmoothAlignment
        With `residuals`; of a field the arrows are its own.
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
    if isinstance(result, Bent):
        return _field_layer(result, reference, provenance)
    tiles = result.tiles
    if tiles is None or not tiles.tested:
        raise InputError("There are no residuals: no tiles were compared in this alignment")
    axes = reference.axes
    # Core and napari differ in the order of the axes. Of volumes it tells lengths, in their units.
    data = tiles.displacements.reshape(-1, 2, axes)[..., ::-1]
    size = np.hypot.reduce(data[:, 1], axis=1)
    if axes == 3:
        data = data / reference.sizes
    features = {"size": size, "uncertainty": tiles.uncertainties}
    return _arrows(
        data, features, "size", arrow_scale(result, reference.shape), reference, provenance
    )


def _field_layer(result: Bent, reference: PixelGrid, provenance: dict[str, Any]) -> LayerData:
    """Return how far a field bends before the global motion, where it is known, by sigma."""
    places, moves, sigma = _of_field(result)
    data = np.stack([places, moves], axis=1)[..., ::-1]
    features = {"size": np.hypot.reduce(moves, axis=1), "uncertainty": sigma}
    return _arrows(
        data, features, "uncertainty", _scale(moves, reference.shape), reference, provenance
    )


def _of_field(result: Bent) -> tuple[Array, Array, Array]:
    """Return places (x, y), or (x, y, z), where a field is known, how it bends, and one sigma."""
    sides = np.array(getattr(result, "spacing", (1.0, 1.0)))
    volume = len(result.shape) == 3
    count = _ALONG_OF_VOLUMES if volume else _ALONG
    steps = np.maximum(1.0, (np.array(result.shape) * sides).max() / count / sides)
    along = [
        # A slice shows those that begin on it, and the middle one is on show at first.
        np.floor(np.arange((length - 1) // 2 % step, length, step))
        if volume
        else np.arange(step / 2, length, step)
        for length, step in zip(result.shape, steps.tolist(), strict=True)
    ]
    grid = np.stack(np.meshgrid(*along, indexing="ij")[::-1], axis=-1)
    places = grid.reshape(-1, len(along))
    sigma = result.uncertainty_at(places)
    known = sigma <= WRONG
    return places[known], result.transform.displacement(places[known]), sigma[known]


def _arrows(
    data: Array,
    features: dict[str, Array],
    colour: str,
    scale: float,
    reference: PixelGrid,
    provenance: dict[str, Any],
) -> LayerData:
    longer = max(reference.shape)
    options = {
        "name": "residuals",
        "features": features,
        "edge_color": colour,
        "edge_colormap": Colormap(np.array(END_COLOURS) / 255, name="green to magenta"),
        "edge_width": max(1.0, longer / 250),
        "opacity": 1.0,
        "vector_style": "arrow",
        "length": scale,
        **reference.placement,
        "metadata": {METADATA_KEY: provenance},
    }
    return data, options, "vectors"


def arrow_scale(result: AlignmentResult | Bent, shape: tuple[int, ...]) -> float:
    """Return how many times longer arrows are drawn: so that the larger are a share of the image.

    A round number; 1 where there are no arrows.
    """
    if isinstance(result, Bent):
        return _scale(_of_field(result)[1], shape)
    if result.tiles is None or not result.tiles.tested:
        return 1.0
    return _scale(result.tiles.displacements[:, len(shape) :], shape)


def arrow_sizes(
    result: AlignmentResult | Bent, shape: tuple[int, ...]
) -> tuple[float, float] | None:
    """Return the lengths of the shortest and the longest arrow, which have `END_COLOURS`.

    None of a field, whose colours tell something else, and where there are fewer than two.
    """
    tiles = None if isinstance(result, Bent) else result.tiles
    if tiles is None or tiles.tested < 2:
        return None
    sizes = np.hypot.reduce(tiles.displacements[:, len(shape) :], axis=1)
    return float(sizes.min()), float(sizes.max())


def _scale(moved: Array, shape: tuple[int, ...]) -> float:
    if not len(moved):
        return 1.0
    usual = float(np.percentile(np.hypot.reduce(moved, axis=1), 90))
    wanted = max(shape) * _VISIBLE / max(usual, 1e-3)
    decade = 10.0 ** np.floor(np.log10(wanted))
    return float(max(1.0, *(decade * step for step in _ROUND if decade * step <= wanted)))
