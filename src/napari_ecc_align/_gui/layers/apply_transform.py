"""Apply a transform that was found between two images, or two volumes, to any other layer.

Images and labels are resampled on the target's grid; points, shapes, vectors, tracks and surfaces
keep the coordinates of their own layer and move exactly. `moved_affine` does it for any layer
without touching its data.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import numpy as np
from napari.layers import Layer
from napari.types import LayerData
from numpy.typing import NDArray

from ..._align.volume.transform import VolumeTransform
from ..._common.errors import InputError
from ..._common.steps import outcome_of
from ..._images.filling import Fill
from ..._images.sources import is_lazy
from ..._images.warping import Resampling
from ..._transform.axes import in_row_column
from ..._transform.bent_map import BentMap, packed_field
from ..._transform.coordinates import map_points
from ..._transform.volume_field import VolumeField
from .attributes import METADATA_KEY, appearance, levels_of, plane_count
from .frame_transforms import FrameTransforms
from .resampling import (
    resample_steps,
    resample_volumes_steps,
    resampled_volumes,
    stacked_placement,
)
from .shapes import Change, moved_shapes
from .world import (
    AnyTransform,
    Matrix,
    PixelGrid,
    as_any_transform,
    in_units,
    last_axes_matrix,
    layer_grid,
    unit_factors,
    world_change,
)

_RESAMPLING = Resampling()
_AFFINE = 1e-12


@dataclass(frozen=True, eq=False)
class Application:
    """A transform as it is to be applied to layers.

    Attributes
    ----------
    transform : Transform, VolumeTransform or FrameTransforms
        Maps reference pixels to moving pixels, as `align` or `align_volume` return it; or one such
        for each frame of a stack, for a layer that has as many frames.
    reference : PixelGrid
        The reference's pixels, from `layer_grid`.
    moving : PixelGrid, optional
        The moving image's pixels, before it was moved. Left out, they are the layer's own, or with
        `inverse` those of the reference.
    inverse : bool, default: False
        Bring something that lies on the reference to the moving image instead.
    resampling : Resampling
        Of images; labels are always "nearest", and 0 where they have no data.
    """

    transform: AnyTransform | FrameTransforms
    reference: PixelGrid
    moving: PixelGrid | None = None
    inverse: bool = False
    resampling: Resampling = _RESAMPLING

    def moving_grid(self, layer: Layer) -> PixelGrid:
        """Return the moving image's pixels when this is applied to a layer."""
        if self.moving is not None:
            return self.moving
        return self.reference if self.inverse else layer_grid(layer, self.reference.axes)

    def check(self, layer: Layer) -> None:
        """Raise `InputError` if a layer has too few axes for a transform of volumes."""
        # The first axis of tracks is time.
        if layer.ndim - (type(layer).__name__ == "Tracks") < self.reference.axes:
            raise InputError(
                f"{layer.name!r} has no planes, but the transform is of volumes: choose a layer "
                "of three axes"
            )

    def change(self, layer: Layer, transform: AnyTransform) -> Matrix:
        """Return the matrix from where a layer lies to where one transform says, in its units."""
        change = world_change(
            transform, self.reference, self.moving_grid(layer), inverse=self.inverse
        )
        factors = _layer_factors(layer, self.reference.units)
        own: Matrix = np.linalg.inv(factors) @ change @ factors
        return own

    def record(self, layer: Layer) -> dict[str, Any]:
        """Return what the metadata of a layer that this made of another say of it."""
        applied = {"applied_to": layer.name, "inverse": self.inverse}
        if isinstance(self.transform, FrameTransforms):
            return {
                **applied,
                **self.transform.record,
                "model": self.transform.transforms[0].model,
            }
        matrix = self.transform.matrix.tolist()
        bent = (
            {"field": packed_field(self.transform)} if isinstance(self.transform, BentMap) else {}
        )
        return {**applied, "matrix": matrix, "model": self.transform.model, **bent}


def apply_to_layer(layer: Layer, application: Application) -> LayerData:
    """Return a new layer that is where a transform says, as a layer data tuple.

    The layer moves as the moving image does when it is laid on the reference. If it lies elsewhere
    than the moving image, at another scale or in other units, that is taken into account.

    Parameters
    ----------
    layer : napari.layers.Layer
        Image, Labels, Points, Shapes, Vectors, Tracks or Surface, of two or more axes; the last
        two are transformed, or the last three if the transform is of volumes. It is not changed.
    application : Application
        The transform, and how it is to be applied.

    Returns
    -------
    tuple of data, dict, str
        Image and Labels come on the grid of the reference (with `inverse`, of the moving image),
        lazy and multiscale if they were; all others with the data of the same layer moved and its
        placement as it was. All look as before, and are named as the layer, with "aligned" (with
        `inverse`, "back") after it.

    Raises
    ------
    InputError
        If the layer cannot be transformed; the message says what to do.
    """
    kind = type(layer).__name__.lower()
    transform = application.transform
    common = {
        "name": f"{layer.name} {'back' if application.inverse else 'aligned'}",
        "metadata": {**layer.metadata, METADATA_KEY: application.record(layer)},
    }
    application.check(layer)
    if isinstance(transform, FrameTransforms):
        transform.check(layer, plane_count(layer) if kind in ("image", "labels") else None)
    if kind in ("image", "labels"):
        if kind == "labels":
            application = replace(application, resampling=Resampling("nearest", 0))
        data, placed = _resampled(layer, application)
        return data, {**appearance(layer), **placed, **common}, kind
    if kind not in _MOVERS:
        raise InputError(
            f"{layer.name!r} is a {type(layer).__name__} layer, which cannot be transformed: "
            "choose images, labels, points, shapes, vectors, tracks or surfaces"
        )

    change_of = partial(_data_change, layer, application)
    if isinstance(transform, FrameTransforms):
        change = transform.change(layer, change_of)
    else:
        change = change_of(transform)
    data, options, kind = layer.as_layer_data_tuple()
    data, changed = _MOVERS[kind](layer, data, change)
    return data, {**options, **changed, **common}, kind


def _resampled(layer: Layer, application: Application) -> tuple[Any, dict[str, Any]]:
    """Return the data of a layer with pixels on the other grid, and where they lie."""
    transform, moving = application.transform, application.moving_grid(layer)
    target = moving if application.inverse else application.reference
    own = last_axes_matrix(layer, target.axes)
    to_layer = np.linalg.inv(_layer_factors(layer, target.units) @ own)

    def to_own(one: AnyTransform) -> AnyTransform:
        if isinstance(one, BentMap):
            source = in_units(*_ends(application, moving)[1])
            after: Any = as_any_transform(in_row_column(to_layer @ source))
            directed: AnyTransform = after @ (one.inverse if application.inverse else one)
            return directed
        here = in_row_column(to_layer @ _to_target(one, application, moving))
        return as_any_transform(here, _wide(one))

    def of_plane(index: tuple[int, ...]) -> Any:
        if isinstance(transform, FrameTransforms):
            return to_own(transform.of_plane(layer, index))
        return to_own(transform)

    multiscale = bool(layer.multiscale)
    levels = [
        _able_to_hold(application.resampling.fill, level, layer) for level in levels_of(layer)
    ]
    if isinstance(transform, VolumeTransform | VolumeField):
        data = resampled_volumes(
            levels[0], plane_count(layer)[:-1], of_plane(()), target.shape, application.resampling
        )
        return data, {**stacked_placement(layer, target), "multiscale": False}
    volumes = target.axes == 3
    put: Any = resample_volumes_steps if volumes else resample_steps
    steps = put(
        levels,
        plane_count(layer)[: -1 if volumes else None],
        of_plane,
        target.shape,
        application.resampling,
        multiscale=multiscale,
    )
    placed = {**stacked_placement(layer, target), "multiscale": multiscale}
    return outcome_of(steps), placed


def _able_to_hold(fill: Fill, level: Any, layer: Layer) -> Any:
    """Return pixels as floats where NaN is wanted, which no whole number is."""
    if isinstance(fill, str) or not np.isnan(fill).any() or level.dtype.kind not in "iub":
        return level
    if getattr(layer, "rgb", False):
        raise InputError(f"{layer.name!r} is in colour, which has no NaN: choose another value")
    wide = np.result_type(level.dtype, np.float32)
    if is_lazy(level):
        import dask.array as da

        return da.asarray(level).astype(wide)
    return level.astype(wide)


def lost_labels(layer: Layer, data: Any) -> tuple[int, int] | None:
    """Return how many labels of a layer are not in resampled data, and how many it had.

    None where that cannot be told at once: of what is no Labels layer, or not in memory.
    """
    if type(layer).__name__ != "Labels" or layer.multiscale or is_lazy(layer.data):
        return None
    before = np.setdiff1d(layer.data, 0)
    return len(np.setdiff1d(before, data)), len(before)


def moved_affine(
    layer: Layer, application: Application, *, before: Matrix | None = None
) -> Matrix:
    """Return the `affine` that puts a layer where a transform says, its data as they are.

    Parameters
    ----------
    layer, application
        As in `apply_to_layer`.
    before : ndarray, shape (n + 1, n + 1), optional
        The layer's `affine` where the moving image's pixels are those of `application`; what it
        is now when left out.

    Returns
    -------
    ndarray, shape (n + 1, n + 1)
        To be set as ``layer.affine``; n is the layer's number of axes. Its scale, translate,
        rotate and shear stay. Setting what ``layer.affine`` was before undoes it.

    Raises
    ------
    InputError
        If the transform is a homography, which no affine can express, or one for each frame.
    """
    transform = application.transform
    application.check(layer)
    if isinstance(transform, FrameTransforms):
        raise InputError(
            "Each frame has a transform of its own, so no layer can be moved as a whole: "
            "add new layers instead"
        )
    if isinstance(transform, BentMap):
        raise InputError("A field bends the layer, which cannot be moved as it is: resample it")
    if not is_affine(transform):
        raise InputError(
            "A homography bends the layer's straight grid, so the layer cannot be moved as it is: "
            "resample it, or align with the affine model"
        )
    own = application.change(layer, transform)
    base = layer.affine.affine_matrix if before is None else before
    embedded: Matrix = np.eye(layer.ndim + 1)
    size = len(own)
    embedded[-size:, -size:] = own / own[-1, -1]
    return embedded @ np.asarray(base, np.float64)


def is_affine(transform: AnyTransform) -> bool:
    """Return whether a transform has no perspective part, whatever its model is called."""
    return bool(np.abs(transform.matrix[-1, :-1]).max() <= _AFFINE)


def _wide(transform: AnyTransform) -> Literal["affine", "homography"]:
    return "affine" if is_affine(transform) else "homography"


def _to_target(transform: AnyTransform, application: Application, moving: PixelGrid) -> Matrix:
    """Return the matrix from a pixel of the target's grid to the world before the change."""
    matrix = in_row_column(transform.matrix)
    there: Matrix
    if application.inverse:
        there = in_units(application.reference, moving.units) @ np.linalg.inv(matrix)
    else:
        there = in_units(moving, application.reference.units) @ matrix
    return there


def _ends(application: Application, moving: PixelGrid) -> list[tuple[PixelGrid, tuple[str, ...]]]:
    """Return the grid that is mapped and the one that it is mapped to, each with world's units."""
    ends = [application.reference, moving]
    units = ends[application.inverse].units
    return [(end, units) for end in (reversed(ends) if application.inverse else ends)]


def _bent(layer: Layer, application: Application, field: BentMap) -> Change:
    """Return the function that moves points of a layer's data as a field moves them."""
    factors = _layer_factors(layer, application.reference.units)
    axes = application.reference.axes
    own = factors @ last_axes_matrix(layer, axes)
    ends = (application.reference, application.moving_grid(layer))
    here, there = (in_units(grid, application.reference.units) for grid in ends)
    if application.inverse:
        here, there = there, here
    to_pixel, back = np.linalg.inv(there) @ own, np.linalg.inv(own) @ here
    mapped = field.to_moving if application.inverse else field.to_reference

    def moved(points: NDArray[Any]) -> NDArray[np.float64]:
        out = np.array(points, np.float64)
        places = out[..., -axes:].reshape(-1, axes)
        bent = mapped(map_points(to_pixel, places)[:, ::-1])[:, ::-1]
        out[..., -axes:] = map_points(back, bent).reshape(out[..., -axes:].shape)
        return out

    return moved


def _layer_factors(layer: Layer, units: Sequence[str]) -> Matrix:
    own = tuple(str(unit) for unit in layer.units)[-len(units) :]
    return np.diag([*unit_factors(own, units), 1.0])


def _data_change(layer: Layer, application: Application, transform: AnyTransform) -> Change:
    """Return the function that moves points of shape (..., n) in the layer's data coordinates."""
    if isinstance(transform, BentMap):
        return _bent(layer, application, transform)
    change = application.change(layer, transform)
    own = last_axes_matrix(layer, application.reference.axes)
    matrix = np.linalg.inv(own) @ change @ own
    size = len(own) - 1

    def moved(points: NDArray[Any]) -> NDArray[np.float64]:
        there = np.array(points, np.float64)
        there[..., -size:] = map_points(matrix, there[..., -size:])
        return there

    return moved


def _moved_points(layer: Layer, data: Any, change: Change) -> tuple[Any, dict[str, Any]]:
    return change(np.asarray(data)), {}


def _moved_vectors(layer: Layer, data: Any, change: Change) -> tuple[Any, dict[str, Any]]:
    begin = change(data[:, 0])
    return np.stack([begin, change(data[:, 0] + data[:, 1]) - begin], axis=1), {}


def _moved_tracks(layer: Layer, data: Any, change: Change) -> tuple[Any, dict[str, Any]]:
    # The first column tells the tracks apart.
    return np.column_stack([data[:, 0], change(data[:, 1:])]), {}


def _moved_surface(layer: Layer, data: Any, change: Change) -> tuple[Any, dict[str, Any]]:
    return (change(data[0]), *data[1:]), {}


_MOVERS: dict[str, Callable[[Any, Any, Change], tuple[Any, dict[str, Any]]]] = {
    "points": _moved_points,
    "shapes": moved_shapes,
    "vectors": _moved_vectors,
    "tracks": _moved_tracks,
    "surface": _moved_surface,
}
