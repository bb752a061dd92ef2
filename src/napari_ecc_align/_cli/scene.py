"""``ecc-align scene``."""

from __future__ import annotations

import argparse
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._align.pair import align_steps, checked_job
from .._align.smooth import smooth_steps
from .._align.volume.steps import volume_steps
from .._align.volume.transform import VolumeTransform
from .._common.errors import InputError
from .._common.steps import outcome_of
from .._common.zarr_arrays import opened_array, part_of
from .._ecc.options import SearchOptions
from .._images.files.sizes import check_size
from .._images.ome_zarr.image import OmeZarrImage, read_ome_zarr
from .._images.ome_zarr.scene import save_scene
from .._transform.field import Field
from .._transform.formats.field_files import holds_a_field
from .._transform.transform import Transform
from .console import progress_bar, tell
from .provenance import made_by
from .show import exit_code


def run_scene(chosen: argparse.Namespace) -> int:
    """Write a scene of two OME-Zarr images, aligned or by a transform; return the exit code."""
    images = read_ome_zarr(chosen.reference), read_ome_zarr(chosen.moving)
    if chosen.out.exists() or chosen.out.is_symlink():
        raise InputError(f"{chosen.out} exists already")
    if chosen.transform is not None:
        in_depth = len(images[0].spatial) == 3
        flat = Field if holds_a_field(chosen.transform) else Transform
        kind: Any = VolumeTransform if in_depth else flat
        _save(chosen, kind.load(chosen.transform))
        tell(chosen, f"Written to {chosen.out}")
        return 0
    result = _aligned(images, chosen)
    written = result.verdict in ("aligned", "doubtful")
    if written:
        _save(chosen, result)
    where = f"Written to {chosen.out}" if written else "Nothing was written."
    tell(chosen, f"{result.verdict}: {result.reason}\n{where}")
    return exit_code(chosen, [result.verdict])


def _save(chosen: argparse.Namespace, given: Any) -> None:
    inputs = [] if chosen.transform is None else [chosen.transform]
    made = {key: value for key, value in made_by(chosen, inputs).items() if value}
    save_scene(
        chosen.out, given, chosen.reference, chosen.moving, copy=chosen.copy, provenance=made
    )


def _aligned(images: tuple[OmeZarrImage, OmeZarrImage], chosen: argparse.Namespace) -> Any:
    """Return the result of aligning the channel that was chosen of two images."""
    bends = chosen.model == "smooth"
    if bends and len(images[0].spatial) != 2:
        raise InputError("the model 'smooth' is for images, not for volumes")
    reference, moving = (_pixels(image, chosen.channel or 0) for image in images)
    options = SearchOptions(model="affine" if bends else chosen.model)
    with progress_bar(chosen) as show:
        if bends:
            return outcome_of(smooth_steps(checked_job(reference, moving, options)), show)
        if len(images[0].spatial) == 2:
            return outcome_of(align_steps(reference, moving, options), show)
        spacings = [np.diag(image.pixels_to_space())[:-1] for image in images]
        own, other = (tuple(map(float, spacing)) for spacing in spacings)
        steps = volume_steps(
            reference,
            moving,
            options,
            initial=None,
            spacing=own,
            moving_spacing=other,
            reference_mask=None,
            moving_mask=None,
        )
        return outcome_of(steps, show)


def _pixels(image: OmeZarrImage, channel: int) -> NDArray[Any]:
    """Return one channel of the finest level, of an image that is no film."""
    array = opened_array(image.folder / image.levels[0][0])
    dtype = np.dtype(array.dtype)
    if array.ndim != len(image.axes) or dtype.kind not in "buif" or not prod(array.shape):
        names = ", ".join(axis["name"] for axis in image.axes)
        raise InputError(
            f"{image.folder} holds an array of the shape {array.shape} and of {dtype}, and not "
            f"real numbers along its axes {names}"
        )
    *above, height, width = (array.shape[at] for at in image.spatial)
    check_size(image.folder, height * prod(above), width, dtype.itemsize)
    where: list[Any] = []
    for axis, length in zip(image.axes, array.shape, strict=True):
        is_space, is_channel = axis.get("type") == "space", axis.get("type") == "channel"
        if not is_space and length > 1 and not is_channel:
            raise InputError(
                f"{image.folder} has {length} along {axis['name']!r}: a scene has one transform "
                "for all of it, which must be given with --transform"
            )
        if is_channel and channel >= length:
            raise InputError(f"{image.folder} has {length} channels, and none numbered {channel}")
        where.append(slice(None) if is_space else channel if is_channel else 0)
    return part_of(array, tuple(where), image.folder)
