"""The bridge between napari's layers and the core's arrays: what a run takes, what it gives."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Layer

from ..._common.errors import InputError
from .attributes import appearance, axes_of, levels_of, plane_count
from .lazy_planes import mean_plane, plane_at_level
from .world import PixelGrid, grid_record, layer_grid, unit_factors

ON_SHOW: Literal["on show"] = "on show"
MEAN: Literal["mean of all"] = "mean of all"
Channel = Literal["on show", "mean of all"] | int
"""Which channel of an image is looked at to align all of them."""


@dataclass(frozen=True, eq=False)
class LayerSnapshot:
    """What a run needs of a layer, taken before it starts so that the layer may go.

    Attributes
    ----------
    name : str
        The layer's name.
    data : array_like, shape (h, w) or (h, w, 3 or 4)
        The plane on show at full resolution; perhaps lazy. Of a volume (d, h, w), with colours.
    source : array_like or list of array_like
        What to align by: the plane at every size that the layer has, or just `data`.
    grid : PixelGrid
        Where the plane's pixels lie in the world.
    display : dict
        Keywords for a layer that looks the same.
    index : tuple of int
        Which plane it is, one number per leading axis of the layer.
    origin : dict
        Where the layer came from, in plain values, for the provenance.
    mean_axis : int or None
        The leading axis of the channels, of which the plane is the mean.
    """

    name: str
    data: Any
    source: Any
    grid: PixelGrid
    display: dict[str, Any]
    index: tuple[int, ...]
    origin: dict[str, Any]
    mean_axis: int | None = None


def snapshot(layer: Image, viewer: ViewerModel, channel: Channel = ON_SHOW) -> LayerSnapshot:
    """Take what a run needs of an image layer: the plane on show, of one channel or of all.

    Raises
    ------
    InputError
        If the layer shows other axes than its last two, or has no such channel.
    """
    index, grid = shown_index(layer, viewer), layer_grid(layer)
    levels, source = levels_of(layer), layer.source
    axis = axes_of(layer, viewer).channels
    if axis is not None and isinstance(channel, int):
        if channel >= plane_count(layer)[axis]:
            raise InputError(f"{layer.name!r} has no channel {channel}; choose another")
        index = (*index[:axis], channel, *index[axis + 1 :])
    mean_axis = axis if channel == MEAN else None
    planes = [
        mean_plane(level, index, plane_count(layer), mean_axis)
        if mean_axis is not None
        else plane_at_level(level, index, plane_count(layer))
        for level in levels
    ]
    return LayerSnapshot(
        name=layer.name,
        data=planes[0],
        source=planes if len(planes) > 1 else planes[0],
        grid=grid,
        display=appearance(layer),
        index=index,
        origin={
            "name": layer.name,
            "path": None if source.path is None else str(source.path),
            "reader": source.reader_plugin,
            "sample": None if source.sample is None else list(source.sample),
            "shape": [int(length) for length in levels[0].shape],
            "dtype": str(levels[0].dtype),
            "rgb": bool(layer.rgb),
            "levels": len(levels),
            "index": list(index),
            "grid": grid_record(grid),
            "mean_axis": mean_axis,
        },
        mean_axis=mean_axis,
    )


def volume_snapshot(
    layer: Image, viewer: ViewerModel, channel: Channel = ON_SHOW
) -> LayerSnapshot:
    """Take what a run needs of a volume: the last three axes, at every size that the layer has.

    Of further axes it is what is on show, of channels the one that is asked for.

    Raises
    ------
    InputError
        If the layer shows other axes than its last ones, or has no such channel.
    """
    shown = snapshot(layer, viewer, channel)
    index, grid = shown.index[:-1], layer_grid(layer, 3)
    leading = plane_count(layer)[: len(index)]
    volumes = [
        plane_at_level(level, index, leading)
        if shown.mean_axis is None
        else mean_plane(level, index, leading, shown.mean_axis)
        for level in levels_of(layer)
    ]
    origin = {**shown.origin, "index": list(index), "grid": grid_record(grid)}
    return replace(
        shown,
        data=volumes[0],
        source=volumes if len(volumes) > 1 else volumes[0],
        grid=grid,
        index=index,
        origin=origin,
    )


def show_plane(layer: Layer, viewer: ViewerModel, axis: int, number: int) -> None:
    """Let the viewer show another plane of a layer, along one of its leading axes."""
    index = np.zeros(layer.ndim)
    index[axis] = number
    place, there = layer.data_to_world(index)[axis], viewer.dims.ndim - layer.ndim + axis
    if viewer.dims.units is not None:
        place *= unit_factors([str(layer.units[axis])], [str(viewer.dims.units[there])])[0]
    viewer.dims.set_point(there, place)


def shown_index(layer: Layer, viewer: ViewerModel) -> tuple[int, ...]:
    """Return which plane of a layer is on show, one number per leading axis.

    Raises
    ------
    InputError
        If the viewer shows other axes than the last two, in their order.
    """
    if layer.ndim == 2:
        return ()
    hidden = viewer.dims.ndim - 2
    if tuple(viewer.dims.order[hidden:]) != (hidden, hidden + 1):
        raise InputError(
            f"{layer.name!r} is shown across its other axes; show its last two to align them"
        )
    point = np.array(viewer.dims.point, np.float64)[-layer.ndim :]
    if viewer.dims.units is not None:
        units = [str(unit) for unit in viewer.dims.units][-layer.ndim :]
        point *= unit_factors(units, [str(unit) for unit in layer.units])
    count = np.array(plane_count(layer))
    place = np.round(layer.world_to_data(point)).astype(int)[: layer.ndim - 2]
    return tuple(int(number) for number in np.clip(place, 0, count - 1))
