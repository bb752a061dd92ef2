"""Where volumes are compared: labels of three axes, or shapes and views that go through planes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Labels, Layer, Shapes
from numpy.typing import NDArray

from ..._align.volume.warp import warp_volume
from ..._common.errors import InputError
from ..._transform.axes import in_row_column
from .lazy_planes import plane_of
from .regions import Region, painted_pixels, region_in_view, region_of
from .world import PixelGrid, in_units, layer_grid

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class VolumeRegion:
    """A region of the world in three axes, taken from a layer or the view so that those may go.

    Attributes
    ----------
    name : str
        What to call it.
    record : dict
        The same in plain values, for the provenance.
    """

    name: str
    record: dict[str, Any]
    _inside: Callable[[PixelGrid], Mask]

    def masks(self, grid: PixelGrid, _: int) -> Mask:
        """Return the mask of `align_volume`.

        Raises
        ------
        InputError
            If it lies outside the volume.
        """
        mask = self._inside(grid)
        if not mask.any():
            raise InputError(
                f"{self.name} lies outside the volume, so there is nothing to compare: move or "
                "draw it over both volumes"
            )
        return mask


def region_of_volume(layer: Layer) -> VolumeRegion:
    """Return the region that a layer marks in a volume.

    Parameters
    ----------
    layer : napari.layers.Shapes, Labels or Image
        Pixels of three axes that are not 0. Of two axes, and shapes, it is what lies within their
        outlines on all planes; or, if shapes are drawn on several planes, from the first of these
        to the last.

    Raises
    ------
    InputError
        If the layer marks nothing.
    """
    if not isinstance(layer, Shapes) and layer.ndim > 2:
        return _painted(layer)
    region = region_of(layer)
    drawn_on = layer_grid(layer, 3) if layer.ndim > 2 else None
    ends = [np.asarray(shape)[:, -3:] for shape in layer.data] if drawn_on is not None else []

    def inside(grid: PixelGrid) -> Mask:
        planes = slice(None) if drawn_on is None else _between(grid, ends, drawn_on)
        return _through(region, grid, planes)

    return VolumeRegion(region.name, _record(layer.name, region), inside)


def view_of_volume(viewer: ViewerModel) -> VolumeRegion:
    """Return what the canvas shows, on all planes.

    Raises
    ------
    InputError
        If the view is not flat.
    """
    region = region_in_view(viewer)
    return VolumeRegion(region.name, _record("view", region), lambda grid: _through(region, grid))


def _through(region: Region, grid: PixelGrid, planes: slice = slice(None)) -> Mask:
    """Return a region of the plane on planes of a volume."""
    mask = np.zeros(grid.shape, bool)
    mask[planes] = np.asarray(region.mask(_plane_of(grid)))
    return mask


def _between(grid: PixelGrid, shapes: list[NDArray[Any]], drawn_on: PixelGrid) -> slice:
    """Return the planes of a grid between shapes on another; all if those lie on one plane."""
    ends = np.concatenate(shapes)
    if np.ptp(ends[:, 0]) < 1:
        return slice(None)
    there = np.linalg.inv(grid.matrix) @ in_units(drawn_on, grid.units)
    planes = ends @ there[0, :3] + there[0, 3]
    return slice(max(0, int(np.ceil(planes.min() - 0.5))), int(np.floor(planes.max() + 0.5)) + 1)


def _painted(layer: Labels) -> VolumeRegion:
    pixels, _ = painted_pixels(layer)
    volume = np.asarray(plane_of(pixels, (0,) * (layer.ndim - 3))) != 0
    if not volume.any():
        raise InputError(f"{layer.name!r} is empty: paint what is to be compared")
    own = layer_grid(layer, 3)

    def inside(grid: PixelGrid) -> Mask:
        there = in_row_column(np.linalg.inv(in_units(own, grid.units)) @ grid.matrix)
        depth, height, width = grid.shape
        shape = depth, height, width
        warped: Mask = warp_volume(volume, there, output_shape=shape, interpolation="nearest")
        return warped

    return VolumeRegion(repr(layer.name), _record(layer.name), inside)


def _record(name: str, region: Region | None = None) -> dict[str, Any]:
    outline = {} if region is None else {"outline": region.record}
    return {"kind": "pixels", "name": name, **outline}


def _plane_of(grid: PixelGrid) -> PixelGrid:
    """Return the grid of the planes of a volume's grid."""
    parts: dict[str, Any] = {
        name: getattr(grid, name)[1:] for name in ("shape", "units", "axis_labels")
    }
    return replace(grid, matrix=grid.matrix[1:, 1:], **parts)
