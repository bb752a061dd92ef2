"""What a layer is: how it looks, how many planes it has, whether an alignment has made it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from napari.components import ViewerModel
from napari.layers import Layer

from ..._images.stack_axes import Role, StackAxes, stack_axes

METADATA_KEY = "napari-ecc-align"
"""Where a layer's metadata hold what this plugin has to say of it."""
_AXES_KEY = f"{METADATA_KEY} axes"

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


def appearance(layer: Layer) -> dict[str, Any]:
    """Return the keywords for an Image or Labels layer that looks as this one does."""
    options = {key: getattr(layer, key) for key in _KEPT if hasattr(layer, key)}
    if "contrast_limits" in options:
        options["contrast_limits"] = [float(limit) for limit in options["contrast_limits"]]
    for mode in ("interpolation2d", "interpolation3d", "rendering", "blending"):
        if mode in options:
            options[mode] = str(options[mode])
    return options


def levels_of(layer: Layer) -> list[Any]:
    """Return the data of a layer with pixels at every size there is, full resolution first."""
    # numpy would silently take the coarsest level of a multiscale layer.
    return list(layer.data) if layer.multiscale else [layer.data]


def plane_count(layer: Layer) -> tuple[int, ...]:
    """Return the lengths of the leading axes of a layer with pixels."""
    return tuple(int(length) for length in levels_of(layer)[0].shape[: layer.ndim - 2])


def axes_of(layer: Layer, viewer: ViewerModel | None = None) -> StackAxes:
    """Return what the leading axes of a layer with pixels hold.

    A person has said so, or the labels of the layer's axes do, or those of the viewer's sliders.
    """
    lengths = plane_count(layer)
    names = tuple(layer.axis_labels)[: len(lengths)]
    said = dict(enumerate(layer.metadata.get(_AXES_KEY, ())))
    axes = stack_axes(lengths, names, said, alone=_alone(layer, lengths))
    if viewer is None or not axes.guessed or any(axes.names):
        return axes
    shown = tuple(viewer.dims.axis_labels)[-layer.ndim :][: len(lengths)]
    return stack_axes(lengths, shown, alone=_alone(layer, lengths))


def _alone(layer: Layer, lengths: Sequence[int]) -> Role:
    """Return what the only axis that has no name holds: depth, if it is measured as a length."""
    measured = (unit for unit, length in zip(layer.units, lengths, strict=False) if length > 1)
    depth = any(dict(unit.dimensionality) == {"[length]": 1} for unit in measured)
    return "planes" if depth else "frames"


def say_axes(layer: Layer, roles: Sequence[Role]) -> None:
    """Have a layer's leading axes hold what a person says."""
    layer.metadata[_AXES_KEY] = list(roles)


def layer_with_id(viewer: ViewerModel, identity: object) -> Any:
    """Return the layer that has an id, or None if it is no more.

    napari hands plugins a proxy of its viewer, and people rename layers: only the id tells.
    """
    return next((layer for layer in viewer.layers if layer.unique_id == identity), None)


def is_result(layer: Layer) -> bool:
    """Return whether a layer came from an alignment, so that it is not offered first."""
    note = layer.metadata.get(METADATA_KEY)
    # A layer that was only moved is still a person's own.
    return note is not None and "moved" not in note
