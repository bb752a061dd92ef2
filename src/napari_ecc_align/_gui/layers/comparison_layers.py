"""The layers that show how two images compare, and their colours."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Layer
from napari.utils import Colormap, DirectLabelColormap
from napari.utils.colormaps import ensure_colormap

from ..._compare.binary import COLOURS, OUTSIDE
from ..._compare.inspection import Inspection
from .aligned_layers import LayerTuple, aligned_layer
from .attributes import METADATA_KEY
from .snapshots import LayerSnapshot
from .stack_snapshots import StackSnapshot
from .world import PLACEMENT

# One with a sign is neutral in the middle.
_BASES = {"difference": "gray", "signed difference": "PiYG", "checkerboard": "gray"}
NOT_COMPARED = 3
"""The label of what was not compared, in a map that lies over the images themselves."""


def comparison_layers(
    reference: LayerSnapshot,
    frames: StackSnapshot,
    inspection: Inspection,
    provenance: dict[str, Any],
) -> dict[str, LayerTuple]:
    """Return the layers that show how two images were aligned, by role, as layer data tuples.

    All lie exactly on the reference, with its scale, translate, rotate, shear, affine and units.
    """
    options = {**frames.placement, "metadata": {METADATA_KEY: provenance}}
    signed = bool((inspection.difference < 0).any())
    return {
        "aligned": aligned_layer(frames, inspection.warped, provenance),
        "difference": difference_layer(
            inspection.difference, reference.data, options, signed=signed
        ),
        "binary difference": binary_difference_layer(inspection.after.labels, options),
    }


def difference_layer(
    data: Any, compared_to: Any, options: dict[str, Any], *, signed: bool
) -> LayerTuple:
    """Return a difference as a layer data tuple.

    Parameters
    ----------
    data : array_like
        The difference; NaN where none was taken.
    compared_to : array_like, shape (h, w) or (h, w, 3 or 4)
        The reference, whose contrast is that of the layer.
    options : dict
        Keywords for the layer: its place and metadata.
    signed : bool
        Whether the difference has a sign.
    """
    span = _intensity_span(compared_to)
    look = {
        "name": "difference",
        "colormap": difference_colours("signed difference" if signed else "difference"),
        # Fixed to the reference's contrast: what agrees stays dark, noise included.
        "contrast_limits": [-span if signed else 0.0, span],
    }
    return data, {**look, **options}, "image"


def binary_difference_layer(data: Any, options: dict[str, Any]) -> LayerTuple:
    """Return the map of a comparison as a layer data tuple, with keywords for its place."""
    return data, {"name": "binary difference", "colormap": label_colours(), **options}, "labels"


def label_colours() -> DirectLabelColormap:
    """Return the colours of a comparison's map: the rest is transparent."""
    colours: dict[int | None, tuple[float, ...]] = {None: (0.0, 0.0, 0.0, 0.0)}
    shown = {**COLOURS, NOT_COMPARED: OUTSIDE}
    colours.update({label: _fractions(rgb) for label, rgb in shown.items()})
    return DirectLabelColormap(color_dict=colours)


def difference_colours(kind: str) -> Colormap:
    """Return the colours of a picture: "difference", "signed difference" or "checkerboard"."""
    colours = ensure_colormap(_BASES[kind]).colors
    return Colormap(colours, name=kind, nan_color=_fractions(OUTSIDE))


def blank_outside(inspection: Inspection) -> Inspection:
    """Let a difference be NaN, in place, where nothing was compared, and so nothing agrees."""
    inspection.difference[~inspection.valid] = np.nan
    return inspection


def renew(layer: Layer, data: Any, options: dict[str, Any]) -> None:
    """Put new data into a result layer, where it now belongs; its name and looks stay.

    A difference that has gained or lost its sign gets the colours for that, if a person has not
    chosen others.
    """
    layer.data = data
    for key in PLACEMENT:
        setattr(layer, key, options[key])
    layer.metadata = options["metadata"]
    if "contrast_limits" in options:
        layer.contrast_limits = options["contrast_limits"]
    colours = options.get("colormap")
    if isinstance(colours, Colormap) and {colours.name, layer.colormap.name} <= _BASES.keys():
        layer.colormap = colours


def _fractions(rgb: tuple[int, int, int]) -> tuple[float, ...]:
    return (*(part / 255 for part in rgb), 1.0)


def _intensity_span(data: Any) -> float:
    """Return the contrast of an image: the distance of its 1st and 99.9th percentile."""
    step = max(1, max(data.shape[:2]) // 1000)
    sample = np.asarray(data[::step, ::step], dtype=np.float64)
    sample = sample[np.isfinite(sample)]
    if not sample.size:
        return 1.0
    low, high = np.percentile(sample, [1, 99.9])
    return float(high - low) or float(np.ptp(sample)) or 1.0
