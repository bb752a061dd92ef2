"""The bridge between napari's layers and the core's arrays: what a run takes, what it gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .._common.errors import InputError
from .._compare.binary import COLOURS
from .._compare.inspection import Inspection
from .._transform.transform import Transform
from .looks import METADATA_KEY, look, plane_count
from .outputs import aligned_layer
from .planes import plane_of
from .provenance import layer_origin
from .world import Grid, layer_grid, start_between, unit_factors

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Layer
    from napari.utils import DirectLabelColormap


@dataclass(frozen=True, eq=False)
class LayerSnapshot:
    """What a run needs of a layer, taken before it starts so that the layer may go.

    Attributes
    ----------
    name : str
        The layer's name.
    data : array_like, shape (h, w) or (h, w, 3 or 4)
        The plane on show at full resolution; perhaps lazy.
    source : array_like or list of array_like
        What to align by: the plane at every size that the layer has, or just `data`.
    grid : Grid
        Where the plane's pixels lie in the world.
    display : dict
        Keywords for a layer that looks the same.
    index : tuple of int
        Which plane it is, one number per leading axis of the layer.
    origin : dict
        Where the layer came from, in plain values, for the provenance.
    """

    name: str
    data: Any
    source: Any
    grid: Grid
    display: dict[str, Any]
    index: tuple[int, ...]
    origin: dict[str, Any]

    @property
    def placement(self) -> dict[str, Any]:
        """Keywords that put another layer of the same grid at the same place in the world."""
        return self.grid.placement


def snapshot(layer: Image, viewer: ViewerModel) -> LayerSnapshot:
    """Take what a run needs of an image layer: the plane on show.

    Raises
    ------
    InputError
        If the layer shows other axes than its last two.
    """
    index = shown_index(layer, viewer)
    planes = planes_at(layer, index)
    return LayerSnapshot(
        name=layer.name,
        data=planes[0],
        source=planes if len(planes) > 1 else planes[0],
        grid=layer_grid(layer),
        display=look(layer),
        index=index,
        origin=layer_origin(layer, index),
    )


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


def planes_at(layer: Image, index: tuple[int, ...]) -> list[Any]:
    """Return one plane at every size that a layer has, full resolution first; perhaps lazy."""
    # numpy would silently take the coarsest level of a multiscale layer.
    levels = list(layer.data) if layer.multiscale else [layer.data]
    if not index:
        return [plane_of(level) for level in levels]
    full = plane_count(layer)
    # Levels may have fewer planes as well.
    return [
        plane_of(
            level, tuple(at * level.shape[axis] // full[axis] for axis, at in enumerate(index))
        )
        for level in levels
    ]


def placement(layer: Layer) -> dict[str, Any]:
    """Return the keywords that put a plane of a layer's last two axes where the layer is."""
    return layer_grid(layer).placement


def is_result(layer: Layer) -> bool:
    """Return whether a layer came from an alignment, so that it is not offered first."""
    note = layer.metadata.get(METADATA_KEY)
    # A layer that was only moved is still a person's own.
    return note is not None and "moved" not in note


def world_start(reference: Layer, moving: Layer) -> Transform | None:
    """Return where the layers' places in the world say that the images lie on each other.

    Returns
    -------
    Transform or None
        Reference pixel (x, y) to moving pixel; None where both layers lie pixel on pixel, or
        where the places say nothing that an image could follow.
    """
    return start_between(layer_grid(reference), layer_grid(moving))


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
