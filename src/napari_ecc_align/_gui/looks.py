"""How a layer looks, so that what is made from it looks the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari.layers import Layer

METADATA_KEY = "napari-ecc-align"
"""Where a layer's metadata hold what this plugin has to say of it."""

_KEPT = (
    "colormap",
    "contrast_limits",
    "gamma",
    "interpolation2d",
    "interpolation3d",
    "rendering",
    "blending",
    "opacity",
    "rgb",
    "features",
)


def look(layer: Layer) -> dict[str, Any]:
    """Return the keywords for an Image or Labels layer that looks as this one does."""
    options = {key: getattr(layer, key) for key in _KEPT if hasattr(layer, key)}
    if "contrast_limits" in options:
        options["contrast_limits"] = [float(limit) for limit in options["contrast_limits"]]
    for mode in ("interpolation2d", "interpolation3d", "rendering", "blending"):
        if mode in options:
            options[mode] = str(options[mode])
    return options
