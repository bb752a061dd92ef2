"""``ecc-align convert``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from .._align.volume.transform import VolumeTransform
from .._common.errors import InputError
from .._transform.field import Field
from .._transform.files import load_transforms, save_transforms
from .._transform.formats.field_files import GROUPS, holds_a_field
from .._transform.formats.registry import holds_a_stack, holds_a_volume
from .._transform.transform import Transform
from .._transform.volume_field import VolumeField
from .console import tell
from .held import AnyTransform, held_transform, is_result, turned_round
from .outputs import all_or_none, check_outputs, check_parent
from .values import in_lengths, in_units


def run_convert(chosen: argparse.Namespace) -> int:
    """Write a transform file in another format, direction or unit; return the exit code."""
    check_parent(chosen.out)
    group = chosen.out.suffix.lower() in GROUPS
    if not group:
        check_outputs([chosen.out], [chosen.file], overwrite=chosen.overwrite)
    many = _is_of_frames(chosen.file)
    held = load_transforms(chosen.file) if many else [held_transform(chosen.file)]
    found: list[Any] = [_in_units(one, chosen) for one in held]
    if chosen.inverse:
        found = [turned_round(each) for each in found]
    if group:
        if not isinstance(found[0], Field | VolumeField):
            raise InputError(
                f"{chosen.out}: a Zarr group is for fields; write a matrix as .ome.json"
            )
        found[0].save(chosen.out, overwrite=chosen.overwrite)
        tell(chosen, f"Written to {chosen.out}")
        return 0
    with all_or_none([chosen.out], overwrite=chosen.overwrite) as (staged,):
        if many:
            save_transforms(found, staged)
        else:
            found[0].save(staged)
    tell(chosen, f"Written to {chosen.out}")
    return 0


def _is_of_frames(path: Path) -> bool:
    """Tell whether a file holds a matrix for each frame of a film of images."""
    if is_result(path) or holds_a_field(path) or holds_a_volume(path):
        return False
    return holds_a_stack(path)


def _in_units(held: AnyTransform, chosen: argparse.Namespace) -> AnyTransform:
    """Return a transform in the unit that is asked for; raise `InputError` for another's."""
    by_voxels = chosen.spacing is not None or chosen.moving_spacing is not None
    by_pixels = chosen.pixel_size is not None or chosen.moving_pixel_size is not None
    if isinstance(held, Transform):
        if by_voxels:
            raise InputError(
                f"{chosen.file} is of images: --pixel-size, not --spacing, is for those"
            )
        return in_units(held, chosen)
    if isinstance(held, VolumeTransform):
        if by_pixels:
            raise InputError(
                f"{chosen.file} is of volumes: --spacing, not --pixel-size, is for those"
            )
        return in_lengths(held, chosen)
    if by_voxels or by_pixels:
        raise InputError(f"{chosen.file} is a field between pixels, which has no other unit")
    return held
