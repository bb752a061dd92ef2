"""Where pixels lie: between a layer's data, napari's world and the core's (x, y) matrices.

napari's coordinates are (row, column), the core's are (x, y). This is the one module that
converts. Only the last two axes are converted, those of an image's plane, or the last three of a
volume.

napari 0.9 composes ``affine @ (translate + rotate @ shear @ scale)``, all of it in the layer's own
units, and draws lengths of different units (nm, um) to scale as long as all of a kind; units of
different kinds (pixel, um) are drawn as bare numbers. It draws every plane of a stack where the
first one lies, also where the stack is sheared or turned out of its planes.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from napari.layers import Image, Labels, Layer
from numpy.typing import ArrayLike, NDArray

from ..._align.volume.motion import corners as volume_corners
from ..._align.volume.transform import VolumeTransform
from ..._common.errors import InputError
from ..._transform.axes import in_row_column
from ..._transform.coordinates import corners
from ..._transform.field import Field
from ..._transform.transform import Transform
from ..._transform.volume_field import VolumeField
from .attributes import levels_of

Matrix = NDArray[np.float64]
AnyTransform = Transform | VolumeTransform | Field | VolumeField
"""Between the pixels of two planes, by a matrix or a field, or the voxels of two volumes."""
PLACEMENT = ("scale", "translate", "rotate", "shear", "affine", "units", "axis_labels")
"""The keywords of a layer that say where it lies."""

# Measured over a long step, so that an origin far away costs no digits.
_STEP = 2.0**16


@dataclass(frozen=True, eq=False)
class PixelGrid:
    """Where the pixels of a plane, or the voxels of a volume, lie in the world.

    Attributes
    ----------
    matrix : ndarray of float64, shape (3, 3) or (4, 4)
        Maps (row, column, 1) of a pixel to the last two world coordinates, in `units`; of a volume
        (plane, row, column, 1) to the last three.
    shape : tuple of int
        (height, width) of the plane, or of what a layer without pixels covers; of a volume
        (depth, height, width).
    units : tuple of str
        Of the axes, as pint names them.
    axis_labels : tuple of str
        Of the axes.
    placement : dict
        Keywords that lay another layer with these pixels exactly there.
    """

    matrix: Matrix
    shape: tuple[int, ...]
    units: tuple[str, ...]
    axis_labels: tuple[str, ...]
    placement: dict[str, Any]

    @property
    def axes(self) -> int:
        """How many axes there are: two of a plane, three of a volume."""
        return len(self.shape)

    @property
    def sizes(self) -> NDArray[np.float64]:
        """Length of a pixel along each axis, shape (axes,), in the units of the first two."""
        return np.asarray(np.linalg.norm(self.matrix[:-1, :-1], axis=0))


def layer_grid(layer: Layer, axes: int = 2) -> PixelGrid:
    """Return where the planes of a layer's last two axes, or the volumes of its last three, lie.

    Parameters
    ----------
    layer : napari.layers.Layer
        Of any kind.
    axes : int, default: 2
        How many axes count.
    """
    grid = _grid(
        last_axes_matrix(layer, axes),
        _extent_of(layer, axes),
        layer.units[-axes:],
        layer.axis_labels[-axes:],
    )
    return replace(grid, placement=own_placement(layer)) if layer.ndim == axes else grid


def grid_from(
    matrix: ArrayLike,
    shape: Sequence[int],
    units: Sequence[str] = ("pixel", "pixel"),
    axis_labels: Sequence[str] = ("-2", "-1"),
) -> PixelGrid:
    """Return a grid from numbers, such as those that `grid_record` has written."""
    checked = np.array(matrix, np.float64)
    if checked.shape not in ((3, 3), (4, 4)) or np.linalg.slogdet(checked)[0] == 0:
        raise InputError("a grid's matrix must be of shape (3, 3) or (4, 4) and invertible")
    return _grid(checked, shape, units, axis_labels)


def _grid(
    matrix: Matrix, shape: Sequence[int], units: Sequence[object], axis_labels: Sequence[str]
) -> PixelGrid:
    return PixelGrid(
        matrix=matrix,
        shape=tuple(int(length) for length in shape),
        units=tuple(str(unit) for unit in units),
        axis_labels=tuple(str(label) for label in axis_labels),
        placement=placement_by(matrix, units, axis_labels),
    )


def grid_record(grid: PixelGrid) -> dict[str, Any]:
    """Return a grid as plain values that JSON can hold and `grid_from` takes."""
    return {
        "matrix": grid.matrix.tolist(),
        "shape": list(grid.shape),
        "units": list(grid.units),
        "axis_labels": list(grid.axis_labels),
    }


def data_matrix(layer: Layer) -> Matrix:
    """Return the matrix of a layer's data coordinates, with a 1 after them, to the world."""
    size = layer.ndim
    start = np.asarray(layer.data_to_world(np.zeros(size)))
    matrix = np.eye(size + 1)
    matrix[:size, size] = start
    for axis, step in enumerate(_STEP * np.eye(size)):
        matrix[:size, axis] = (np.asarray(layer.data_to_world(step)) - start) / _STEP
    return matrix


def last_axes_matrix(layer: Layer, axes: int = 2) -> Matrix:
    """Return the (row, column, 1) matrix of a layer's planes to the world's last two axes.

    Of its volumes the (plane, row, column, 1) matrix, if `axes` is 3.
    """
    return data_matrix(layer)[-1 - axes :, -1 - axes :]


def as_any_transform(matrix: ArrayLike, model: Any = None) -> AnyTransform:
    """Return a matrix of shape (3, 3) as a transform of images, of (4, 4) as one of volumes."""
    if np.shape(matrix)[-1:] == (4,):
        return VolumeTransform(np.array(matrix, np.float64), model or "affine")
    return Transform(np.array(matrix, np.float64), model=model)


def start_between(reference: PixelGrid, moving: PixelGrid) -> Any:
    """Return where two planes', or volumes', places in the world say that they lie on each other.

    Returns
    -------
    Transform, VolumeTransform or None
        Reference pixel (x, y) to moving pixel; None where they lie pixel on pixel, or where
        their places say nothing that an image could follow.
    """
    try:
        matrix = np.linalg.inv(in_units(moving, reference.units)) @ reference.matrix
        if np.allclose(matrix, np.eye(len(matrix)), atol=1e-6):
            return None
        return as_any_transform(in_row_column(matrix), "affine")
    except (np.linalg.LinAlgError, InputError):
        return None


def distance_in_world(
    first: AnyTransform, second: AnyTransform, shape: Sequence[int], moving: PixelGrid
) -> tuple[float, str] | None:
    """Return how far apart two transforms put the corners of a reference, RMS, in a unit.

    Parameters
    ----------
    first, second : Transform or VolumeTransform
        Map reference pixels to moving pixels.
    shape : sequence of int
        (height, width) of the reference, or (depth, height, width).
    moving : PixelGrid
        The moving image's pixels.

    Returns
    -------
    float and str, or None
        The distance and the short name of the unit of the moving image; None where that has none.
    """
    unit = unit_of(moving)
    if unit is None:
        return None
    volume = moving.axes == 3
    ends = volume_corners(tuple(shape))[:, ::-1] if volume else corners(tuple(shape))
    gaps = (first.to_moving(ends) - second.to_moving(ends))[:, ::-1] @ moving.matrix[:-1, :-1].T
    return float(np.sqrt((gaps**2).sum(axis=1).mean())), unit


def unit_of(grid: PixelGrid) -> str | None:
    """Return the short name of the unit that lengths on a grid have; None where it has none."""
    import pint

    if "pixel" in grid.units or len(set(grid.units)) > 1:
        return None
    unit = f"{pint.get_application_registry().Unit(grid.units[0]):~P}"
    # From 0.26 on pint writes micro as the Greek letter: one sign here, that of OME.
    return unit.replace("\u03bc", "\u00b5")


def world_change(
    transform: AnyTransform, reference: PixelGrid, moving: PixelGrid, *, inverse: bool = False
) -> Matrix:
    """Return how the world of the moving image has to change so that it lies on the reference.

    Parameters
    ----------
    transform : Transform or VolumeTransform
        Maps reference pixels to moving pixels.
    reference, moving : PixelGrid
        Where these pixels lie.
    inverse : bool, default: False
        How the reference's world has to change to lie on the moving image instead.

    Returns
    -------
    ndarray, shape (3, 3) or (4, 4)
        World (row, column, 1) to world, in the reference's units; projective if the transform is.
    """
    there = in_units(moving, reference.units) @ in_row_column(transform.matrix)
    change: Matrix = reference.matrix @ np.linalg.inv(there)
    if inverse:
        change = np.linalg.inv(change).astype(np.float64, copy=False)
    return change


def in_units(grid: PixelGrid, units: Sequence[str]) -> Matrix:
    """Return a grid's matrix into a world that is measured in other units."""
    matrix: Matrix = np.diag([*unit_factors(grid.units, units), 1.0]) @ grid.matrix
    return matrix


def spacings(
    reference: PixelGrid, moving: PixelGrid
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the lengths of the pixels of two grids along each axis, in the reference's units."""
    own = np.linalg.norm(in_units(moving, reference.units)[:-1, :-1], axis=0)
    return tuple(reference.sizes.tolist()), tuple(own.tolist())


def unit_factors(units: Sequence[str], to: Sequence[str]) -> NDArray[np.float64]:
    """Return what lengths in `units` must be multiplied by to be in the units `to`.

    Ones where they are not of one kind: napari then draws bare numbers too.
    """
    factors = _factors(units, to)
    return np.ones(len(units)) if factors is None else factors


def _factors(units: Sequence[str], to: Sequence[str]) -> NDArray[np.float64] | None:
    """Return the factors of lengths that are of one kind, or None where they are not."""
    import pint

    registry = pint.get_application_registry()
    try:
        pairs = zip(units, to, strict=True)
        return np.array([registry.Quantity(1.0, a).to(b).magnitude for a, b in pairs])
    except pint.DimensionalityError:
        return None


def units_note(reference: PixelGrid, moving: PixelGrid) -> str | None:
    """Return what a person should know of the units of two planes, or None if all is plain."""
    if _factors(reference.units, moving.units) is not None:
        return None
    here, there = (" and ".join(dict.fromkeys(grid.units)) for grid in (reference, moving))
    return (
        f"The reference is measured in {here} and the moving image in {there}: "
        "they are compared where their bare numbers put them."
    )


def own_placement(layer: Layer) -> dict[str, Any]:
    """Return the keywords that lay another layer of the same data exactly where this one is."""
    # The parts as they are, not their product: a person may want to go on with them.
    parts = {name: copy(getattr(layer, name)) for name in PLACEMENT}
    return {**parts, "affine": np.array(layer.affine.affine_matrix)}


def placement_by(
    matrix: Matrix, units: Sequence[object], axis_labels: Sequence[str]
) -> dict[str, Any]:
    """Return the keywords that lay a layer of n axes as a matrix says.

    Parameters
    ----------
    matrix : ndarray of float64, shape (n + 1, n + 1)
        Of data coordinates, with a 1 after them, to the world.
    units, axis_labels : sequence of str
        Of the n axes.
    """
    size = len(matrix) - 1
    linear, scale = matrix[:size, :size], np.diag(matrix)[:size]
    # Where a stack is turned or sheared out of the plane its parts say less than their product.
    straight = (linear == np.diag(scale)).all() and (scale > 0).all()
    return {
        "scale": scale.copy() if straight else np.ones(size),
        "translate": matrix[:size, size].copy() if straight else np.zeros(size),
        "rotate": np.eye(size),
        "shear": np.zeros(size * (size - 1) // 2),
        "affine": np.eye(size + 1) if straight else matrix.copy(),
        "units": tuple(str(unit) for unit in units),
        "axis_labels": tuple(axis_labels),
    }


def _extent_of(layer: Layer, axes: int) -> tuple[int, ...]:
    if isinstance(layer, (Image, Labels)):
        return tuple(levels_of(layer)[0].shape[layer.ndim - axes : layer.ndim])
    extent = np.asarray(layer.extent.data)[1, -axes:]
    if not np.isfinite(extent).all():
        return (1,) * axes
    return tuple(np.maximum(np.ceil(extent).astype(int) + 1, 1).tolist())
