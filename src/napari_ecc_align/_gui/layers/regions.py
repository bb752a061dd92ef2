"""Where images are compared: a drawn region, or the view, as a mask on an image's own pixels.

A region may come from a Shapes layer, from Labels or an image used as a mask, or from what the
window shows. It is carried through the world, so it may have been drawn on either image, at any
scale and in any units.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Labels, Layer, Shapes
from numpy.typing import NDArray

from ..._common.errors import InputError
from ..._images.polygons import polygon_mask
from ..._images.sources import is_lazy
from ..._images.warping import warp
from ..._transform.axes import in_row_column
from ..._transform.transform import Transform
from .attributes import levels_of
from .lazy_planes import plane_of
from .shapes import outline
from .world import (
    Matrix,
    PixelGrid,
    grid_record,
    in_units,
    layer_grid,
    unit_factors,
)

_AREAS = ("rectangle", "ellipse", "polygon")
# Larger masks are made only where they are looked at.
_KEPT_MASK_PIXELS = 2**26
# On so coarse a grid it is told whether a region meets an image.
_COARSE = 512

Inside = Callable[[Matrix, Sequence[str], tuple[int, int]], NDArray[np.bool_]]
"""Given a pixel grid's matrix, units and shape, returns which of its pixels are inside."""
Mask = Any
"""An array of bool, or something lazy that gives one when it is sliced."""


@dataclass(frozen=True, eq=False)
class Region:
    """A region of the world, taken from a layer or the view so that those may go.

    Attributes
    ----------
    name : str
        What to call it.
    record : dict
        The same in plain values, for the provenance.
    """

    name: str
    record: dict[str, Any]
    _inside: Inside

    def mask(self, grid: PixelGrid) -> Mask:
        """Return the region on an image's own pixels.

        Parameters
        ----------
        grid : PixelGrid
            The image's pixels, from `layer_grid`.

        Returns
        -------
        ndarray of bool, shape ``grid.shape``
            Or a lazy array, if the image is very large.

        Raises
        ------
        InputError
            If nothing of the image is inside.
        """
        mask = _LazyMask(grid, self._inside)
        large = int(np.prod(grid.shape)) > _KEPT_MASK_PIXELS
        step = max(1, max(grid.shape) // _COARSE) if large else 1
        seen = mask[::step, ::step]
        if not seen.any():
            raise InputError(
                f"{self.name} lies outside the image, so there is nothing to compare: "
                "move or draw it over both images"
            )
        return mask if large else seen


def region_of(layer: Layer, index: Sequence[int] = ()) -> Region:
    """Return the region that a layer marks on one plane of an image.

    Parameters
    ----------
    layer : napari.layers.Shapes, Labels or Image
        Closed shapes, filled or not; or pixels that are not 0. With as many leading axes as the
        image, or fewer or more.
    index : sequence of int
        Which plane of the image, one number per leading axis. Of shapes, those whose leading
        coordinates round to it count, or all if the image has but one plane.

    Raises
    ------
    InputError
        If the layer marks nothing.
    """
    kind = type(layer).__name__
    here = fitted(index, layer.ndim - 2)
    if kind == "Shapes":
        return _drawn(layer, here if index else None)
    if kind in ("Labels", "Image"):
        pixels, grid = painted_pixels(layer)
        return painted_region(layer.name, plane_of(pixels, here), grid, here)
    raise InputError(
        f"{layer.name!r} is a {kind} layer, which has no area: choose shapes, labels or a mask"
    )


def fitted(index: Sequence[int], leading: int) -> tuple[int, ...]:
    """Return which plane of a layer with so many leading axes goes with a plane of an image."""
    # Axes are alike from the last one on.
    missing = max(0, leading - len(index))
    return (0,) * missing + tuple(index)[len(index) + missing - leading :]


def region_in_view(viewer: ViewerModel) -> Region:
    """Return the region of the world that the canvas shows.

    Raises
    ------
    InputError
        If the view is not flat.
    """
    if viewer.dims.ndisplay != 2:
        raise InputError("The view is in 3-D: switch to 2-D to compare only what is shown")
    if viewer.canvas.grid.enabled:
        raise InputError("The layers are shown in a grid: switch the grid off to compare the view")
    camera = viewer.scene.camera
    middle = np.array(camera.center, np.float64)[-2:]
    reach = np.array(viewer.canvas.size, np.float64) / camera.zoom / 2
    corners = middle + reach * np.array([[-1, -1], [-1, 1], [1, 1], [1, -1]])
    units = viewer.layers.units
    return _outlined(
        "The view",
        "view",
        [corners],
        None if units is None else tuple(str(unit) for unit in units)[-2:],
    )


def _drawn(layer: Shapes, index: tuple[int, ...] | None) -> Region:
    shapes = [
        outline(shape, kind)
        for shape, kind in zip(layer.data, layer.shape_type, strict=True)
        if kind in _AREAS and (index is None or (np.rint(shape[:, :-2]) == index).all())
    ]
    if not shapes:
        raise InputError(
            f"{layer.name!r} has no closed shape here: draw a rectangle, an ellipse or a polygon "
            "around what is to be compared"
        )
    grid = layer_grid(layer)
    polygons = [shape[:, -2:] @ grid.matrix[:2, :2].T + grid.matrix[:2, 2] for shape in shapes]
    return _outlined(repr(layer.name), "shapes", polygons, grid.units)


def _outlined(
    name: str, kind: str, polygons: list[NDArray[np.float64]], units: Sequence[str] | None
) -> Region:
    """Return the region inside polygons, each (row, column) in the world."""
    record = {
        "kind": kind,
        "name": name,
        "polygons": [polygon.tolist() for polygon in polygons],
        "units": None if units is None else list(units),
    }

    def inside(matrix: Matrix, of: Sequence[str], shape: tuple[int, int]) -> NDArray[np.bool_]:
        mask = np.zeros(shape, bool)
        for vertices in polygons_on(matrix, of, record):
            mask |= polygon_mask(shape, vertices)
        return mask

    return Region(name, record, inside)


def polygons_on(
    matrix: Matrix, units: Sequence[str], record: Mapping[str, Any]
) -> list[NDArray[np.float64]]:
    """Return the polygons of a drawn region's record, each (row, column) on a grid of pixels.

    Parameters
    ----------
    matrix : ndarray of float64, shape (3, 3)
        Maps a pixel's (row, column, 1) to the world.
    units : sequence of str
        In which the grid lies in the world.
    record : mapping
        From `Region.record`.
    """
    own = record["units"]
    factors = np.ones(2) if own is None else unit_factors(own, units)
    back = np.linalg.inv(matrix)
    return [
        (np.array(polygon) * factors) @ back[:2, :2].T + back[:2, 2]
        for polygon in record["polygons"]
    ]


def painted_pixels(layer: Labels) -> tuple[Any, PixelGrid]:
    """Return the full resolution of a layer whose pixels mark a region, and where it lies.

    Raises
    ------
    InputError
        If the layer is in colour.
    """
    if getattr(layer, "rgb", False):
        raise InputError(f"{layer.name!r} is in colour: choose a mask of one channel")
    return levels_of(layer)[0], layer_grid(layer)


def painted_region(name: str, plane: Any, grid: PixelGrid, index: Sequence[int]) -> Region:
    """Return the region that the pixels of a plane mark which are not 0.

    Parameters
    ----------
    name : str
        Of the layer.
    plane : array_like, shape (h, w)
        Perhaps lazy.
    grid : PixelGrid
        Where its pixels lie.
    index : sequence of int
        Which plane of the layer it is.

    Raises
    ------
    InputError
        If nothing is marked; it cannot be told of a lazy plane.
    """
    marked = plane if is_lazy(plane) else np.asarray(plane) != 0
    if isinstance(marked, np.ndarray) and not marked.any():
        raise InputError(f"{name!r} is empty here: paint what is to be compared")

    def inside(matrix: Matrix, of: Sequence[str], shape: tuple[int, int]) -> NDArray[np.bool_]:
        there = in_row_column(np.linalg.inv(in_units(grid, of)) @ matrix)
        pixels = warp(
            marked, Transform(there), output_shape=shape, interpolation="nearest", fill=0
        )
        painted: NDArray[np.bool_] = pixels != 0
        return painted

    record = {"kind": "pixels", "name": name, "index": list(index), "grid": grid_record(grid)}
    return Region(repr(name), record, inside)


class _LazyMask:
    """A region on a grid of pixels, made where it is sliced."""

    def __init__(self, grid: PixelGrid, inside: Inside) -> None:
        self._grid = grid
        self._inside = inside
        self.shape = grid.shape
        self.ndim = 2
        self.dtype = np.dtype(bool)

    def __getitem__(self, key: tuple[slice, slice]) -> NDArray[np.bool_]:
        (top, bottom, down), (left, right, across) = (
            part.indices(length) for part, length in zip(key, self.shape, strict=True)
        )
        height, width = max(0, -(-(bottom - top) // down)), max(0, -(-(right - left) // across))
        if not height or not width:
            return np.zeros((height, width), bool)
        local = np.array([[down, 0.0, top], [0.0, across, left], [0.0, 0.0, 1.0]])
        return self._inside(self._grid.matrix @ local, self._grid.units, (height, width))

    def __array__(self, dtype: Any = None, copy: Any = None) -> NDArray[np.bool_]:
        return self[:, :]
