"""What two volumes differ in before and after an alignment."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._common.errors import InputError
from ..._compare.difference import on_one_grid
from ..._compare.inspection import Inspection, Laid, Row, counted_rows, seen_steps
from ..._compare.table import with_uncertainty
from ..._compare.thresholding import LOCAL_METHODS, Thresholding
from ..._compare.views import overlay, shared_look
from ..._images.filling import fill_values
from ..._images.limits import LIMITS
from ..._images.pixels import in_doubles, valid_pixels
from ..._images.sources import is_lazy
from ..._images.warping import Resampling
from ..._transform.axes import in_row_column
from ..._transform.models import Array
from ..._transform.volume_field import VolumeField
from .bent.result import SmoothVolumeAlignment
from .coverage import covered_planes
from .motion import Shape, corners
from .result import VolumeAlignment
from .transform import VolumeTransform
from .warp import VolumeInterpolation, warp_volume

CUBES = 8
"""Of a checkerboard, along the longest side."""


@dataclass(frozen=True)
class Looks:
    """How two volumes are binarised, resampled and subtracted, as `inspection_steps` does it.

    The threshold is one for all planes. Where `signed` is None only the numbers are told.

    Raises
    ------
    InputError
        If the threshold is a local one, or volumes are not resampled so.
    """

    thresholding: Thresholding
    resampling: Resampling
    signed: bool | None = False

    def __post_init__(self) -> None:
        how = self.thresholding
        if how.thresholds is None and how.method in LOCAL_METHODS:
            raise InputError(
                f"volumes are compared by one threshold, such as otsu, not by {how.method}"
            )
        checked_interpolation(self.resampling)


def volume_inspection_steps(
    reference: NDArray[Any],
    moving: NDArray[Any],
    transform: VolumeTransform | VolumeField,
    looks: Looks,
    *,
    start: VolumeTransform | None = None,
    spacing: Sequence[float] = (1.0, 1.0, 1.0),
    masks: tuple[NDArray[np.bool_] | None, NDArray[np.bool_] | None] = (None, None),
) -> Generator[str, None, Inspection]:
    """Compare two volumes as `inspection_steps` does two images.

    Parameters
    ----------
    reference, moving : ndarray, shape (d, h, w) or (d, h, w, 3 or 4)
    transform : VolumeTransform or VolumeField
        Maps reference voxels to moving voxels.
    looks : Looks
        How they are compared.
    start : VolumeTransform, optional
        How the volumes lay before; voxel on voxel when left out.
    spacing : sequence of 3 floats
        Lengths of the moving volume's voxels along (z, y, x).
    masks : tuple of ndarray or None, shape (d, h, w)
        Voxels of each volume that count.

    Returns
    -------
    generator
        Yields what was done, and returns an `Inspection` of volumes, whose corners have moved in
        the unit of `spacing`.
    """
    shape: Shape = reference.shape[:3]
    lay = start or VolumeTransform(np.eye(4), "translation")
    fixed, other = in_doubles(_flat(reference)), in_doubles(_flat(moving))
    own_mask, other_mask = (None if mask is None else _flat(mask) for mask in masks)
    counted = valid_pixels(fixed, own_mask)
    valid = valid_pixels(other, other_mask).reshape(moving.shape[:3])

    def laid(by: VolumeTransform | VolumeField) -> Laid:
        image = _flat(resampled_volume(other.reshape(moving.shape), by, shape, looks.resampling))
        inside = _flat(covered_volume(by, shape, valid)) & counted
        return Laid(image, image, inside)

    seen = yield from seen_steps(
        fixed, laid, lay, transform, looks.thresholding, signed=looks.signed, with_ecc=True
    )

    def volume(planes: NDArray[Any]) -> NDArray[Any]:
        return planes.reshape(*shape, *planes.shape[2:])

    ends = corners(shape)[:, ::-1]
    moved = (transform.to_moving(ends) - lay.to_moving(ends)) * np.array(spacing)[::-1]
    seen = replace(seen, corner_shift=float(np.sqrt((moved**2).sum(axis=1).mean())))
    if looks.signed is None:
        return seen
    return replace(
        seen,
        reference=volume(seen.reference),
        warped=volume(seen.warped),
        valid=volume(seen.valid),
        difference=volume(seen.difference),
        before=replace(seen.before, labels=volume(seen.before.labels)),
        after=replace(seen.after, labels=volume(seen.after.labels)),
    )


def resampled_volume(
    volume: NDArray[Any],
    transform: VolumeTransform | VolumeField,
    shape: Shape,
    resampling: Resampling,
) -> NDArray[Any]:
    """Return a volume, in colour or not, on the grid of a reference.

    Raises
    ------
    InputError
        If the interpolation is none of volumes, or the fill is no value of theirs.
    """
    how = checked_interpolation(resampling)
    outside = fill_values(_flat(volume), resampling.fill, faces_of(volume))
    channels = volume[..., np.newaxis] if volume.ndim == 3 else volume
    laid = [
        warp_volume(
            np.ascontiguousarray(channels[..., number]),
            transform,
            output_shape=(shape[0], shape[1], shape[2]),
            interpolation=how,
            fill=outside[number if len(outside) > 1 else 0],
        )
        for number in range(channels.shape[3])
    ]
    return laid[0] if volume.ndim == 3 else np.stack(laid, axis=-1)


def faces_of(volume: NDArray[Any]) -> list[NDArray[Any]]:
    """Return the outermost voxels of a volume, from which its background is told."""
    return [np.moveaxis(volume, axis, 0)[[0, -1]] for axis in range(3)]


def is_large(volume: Any) -> bool:
    """Tell whether a volume is not in memory, and better left where it is."""
    return is_lazy(volume) and prod(volume.shape[:3]) > LIMITS.compared_pixels


def background_of(volume: Any, fill: Any) -> float:
    """Return what lies outside a volume, as its faces tell; 0 of what is too large to be read."""
    faces = [] if is_large(volume) else faces_of(np.asarray(volume))
    # Of one plane of gray it is one number.
    return float(fill_values(faces[0][0], fill, faces)[0]) if faces else 0.0


def checked_interpolation(resampling: Resampling) -> VolumeInterpolation:
    """Return how volumes are interpolated; raise `InputError` if it is no way for them."""
    if resampling.interpolation == "lanczos":
        raise InputError("volumes are resampled linear, cubic or nearest, not lanczos: choose one")
    return resampling.interpolation


def volume_rows(result: VolumeAlignment, seen: Inspection, unit: str) -> list[Row]:
    """Return the table before/after of two volumes, with lengths in a unit."""
    sign = -1 if result.inverted else 1
    sigmas = " / ".join(f"{sigma:.2g}" for sigma in result.axis_uncertainty)
    moved = with_uncertainty(seen.corner_shift, result.corner_uncertainty)
    return [
        *_counted(seen),
        Row("ECC", f"{sign * (seen.ecc_before or 0.0):.4f}", f"{result.ecc:.4f}"),
        Row(f"corners moved, {unit}", "0", moved),
        Row(f"uncertainty (x, y, z), {unit}", "", sigmas),
        Row("time, s", "", f"{result.seconds:.2g}"),
    ]


def smooth_volume_rows(result: SmoothVolumeAlignment, seen: Inspection) -> list[Row]:
    """Return the same table of a field; its lengths are in voxels."""
    sign = -1 if result.inverted else 1
    return [
        *_counted(seen),
        Row("ECC", f"{sign * (seen.ecc_before or 0.0):.4f}", f"{result.ecc:.4f}"),
        Row("bends up to, voxels", "", f"{result.transform.largest:.2g}"),
        Row("known to 1 voxel on", "", f"{result.known_share:.0%}"),
        Row("uncertainty there, voxels", "", f"{result.uncertainty:.2g}"),
        Row("stiffness, voxels", "", f"{result.stiffness:.3g}"),
        Row("time, s", "", f"{result.seconds:.2g}"),
    ]


def _counted(seen: Inspection) -> list[Row]:
    return [
        replace(row, label=row.label.replace("pixels", "voxels")) for row in counted_rows(seen)
    ]


def volume_overlay(seen: Inspection) -> NDArray[np.uint8]:
    """Return two compared volumes in two colours, as `overlay` draws images: (d, h, w, 3)."""
    planes = overlay(_flat(seen.reference), _flat(seen.warped), mask=_flat(seen.valid))
    return planes.reshape(*seen.valid.shape, 3)


def volume_checkerboard(seen: Inspection, spacing: Sequence[float]) -> NDArray[np.float32]:
    """Return two compared volumes in turn, in cubes; NaN where they were not compared.

    Parameters
    ----------
    seen : Inspection
        Of volumes, (d, h, w).
    spacing : sequence of 3 floats
        Lengths of a voxel along (z, y, x), by which cubes are cubes.
    """
    return chequered_volumes(seen.reference, seen.warped, seen.valid, spacing)


def chequered_volumes(
    reference: NDArray[Any],
    warped: NDArray[Any],
    valid: NDArray[np.bool_],
    spacing: Sequence[float],
) -> NDArray[np.float32]:
    """Return two volumes on one grid in turn, in cubes, as `volume_checkerboard`."""
    shape = valid.shape
    pair = on_one_grid(_flat(reference), _flat(warped), _flat(valid))
    side = max(length * step for length, step in zip(shape, spacing, strict=True)) / CUBES
    z, y, x = (
        (np.arange(length) * step // side).astype(int)
        for length, step in zip(shape, spacing, strict=True)
    )
    other = (z[:, np.newaxis, np.newaxis] + y[:, np.newaxis] + x) % 2 == 1
    board = shared_look(*pair).chequered(*pair[:2], _flat(other)).reshape(shape)
    return np.where(valid, board, np.float32(np.nan))


def _flat(volume: NDArray[Any]) -> NDArray[Any]:
    """Return the planes of a volume one below the other, as one image."""
    return volume.reshape(-1, *volume.shape[2:])


def covered_volume(
    transform: VolumeTransform | VolumeField, shape: Shape, valid: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Return the reference voxels for which all that interpolation needs of `valid` is there."""
    if not valid.all() or isinstance(transform, VolumeField):
        counted: NDArray[np.uint8] = warp_volume(
            valid.view(np.uint8) * np.uint8(255),
            transform,
            output_shape=(shape[0], shape[1], shape[2]),
        )
        return counted >= 254
    matrix: Array = in_row_column(transform.matrix)
    return covered_planes(matrix, shape, valid.shape)
