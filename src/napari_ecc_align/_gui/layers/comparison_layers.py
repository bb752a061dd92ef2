"""The layers that show how two images compare, and their colours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..._compare.binary import COLOURS
from ..._compare.inspection import Inspection
from ..._transform.transform import Transform
from .aligned_layers import aligned_layer
from .attributes import METADATA_KEY
from .snapshots import LayerSnapshot

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.utils import DirectLabelColormap


def result_layers(
    reference: LayerSnapshot,
    moving: LayerSnapshot,
    inspection: Inspection,
    provenance: dict[str, Any],
) -> dict[str, tuple[Any, dict[str, Any], str]]:
    """Return the layers that show an alignment, by role, as layer data tuples.

    All lie exactly on the reference, with its scale, translate, rotate, shear, affine and units.
    """
    common = {**reference.placement, "metadata": {METADATA_KEY: provenance}}
    span = intensity_span(reference.data)
    signed = bool((inspection.difference < 0).any())
    return {
        "aligned": aligned_layer(
            reference, moving, Transform.identity(), provenance, data=inspection.aligned
        ),
        "difference": (
            inspection.difference,
            {
                "name": "difference",
                "colormap": difference_colours(signed),
                # Fixed to the reference's contrast: what agrees stays dark, noise included.
                "contrast_limits": [-span if signed else 0.0, span],
                **common,
            },
            "image",
        ),
        "binary difference": (
            inspection.after.map,
            {"name": "binary difference", "colormap": label_colours(), **common},
            "labels",
        ),
    }


def label_colours() -> DirectLabelColormap:
    """Return the colours of a comparison's map: the rest is transparent."""
    from napari.utils import DirectLabelColormap

    colours: dict[int | None, tuple[float, ...]] = {None: (0.0, 0.0, 0.0, 0.0)}
    colours.update({label: (*(part / 255 for part in rgb), 1.0) for label, rgb in COLOURS.items()})
    return DirectLabelColormap(color_dict=colours)


_ABSOLUTE, _SIGNED = "gray", "PiYG"


def difference_colours(signed: bool) -> str:
    """Return the colormap of a difference; one with a sign is neutral in the middle."""
    return _SIGNED if signed else _ABSOLUTE


def renew(layer: Layer, data: Any, options: dict[str, Any]) -> None:
    """Put new data into a result layer, where it now belongs; its name and looks stay.

    A difference that has gained or lost its sign gets the colours for that, if a person has not
    chosen others.
    """
    layer.data = data
    for key in ("scale", "translate", "rotate", "shear", "affine", "units", "axis_labels"):
        setattr(layer, key, options[key])
    layer.metadata = options["metadata"]
    if "contrast_limits" in options:
        layer.contrast_limits = options["contrast_limits"]
    colours, own = options.get("colormap"), (_ABSOLUTE, _SIGNED)
    if isinstance(colours, str) and colours in own and layer.colormap.name in own:
        layer.colormap = colours


def intensity_span(data: Any) -> float:
    """Return the contrast of an image: the distance of its 1st and 99.9th percentile."""
    step = max(1, max(data.shape[:2]) // 1000)
    sample = np.asarray(data[::step, ::step], dtype=np.float64)
    sample = sample[np.isfinite(sample)]
    if not sample.size:
        return 1.0
    low, high = np.percentile(sample, [1, 99.9])
    return float(high - low) or float(np.ptp(sample)) or 1.0
