"""``ecc-align convert``."""

from __future__ import annotations

import argparse
from typing import Any

from .._align.volume.transform import VolumeTransform
from .._common.errors import InputError
from .._transform.field import Field
from .._transform.files import load_transforms, save_transforms
from .._transform.formats.field_files import GROUPS, holds_a_field
from .._transform.formats.registry import holds_a_stack, holds_a_volume
from .._transform.transform import Transform
from .console import tell
from .held import held_transform, is_result
from .outputs import all_or_none, check_outputs, check_parent
from .values import in_lengths, in_units


def run_convert(chosen: argparse.Namespace) -> int:
    """Write a transform file in another format, direction or unit; return the exit code."""
    check_parent(chosen.out)
    group = chosen.out.suffix.lower() in GROUPS
    if not group:
        check_outputs([chosen.out], [chosen.file], overwrite=chosen.overwrite)
    found: list[Any]
    held = held_transform(chosen.file) if is_result(chosen.file) else None
    if isinstance(held, Field) or (held is None and holds_a_field(chosen.file)):
        found = [_field(chosen, held)]
    elif held is not None:
        found = (
            _of_volumes(chosen, held)
            if isinstance(held, VolumeTransform)
            else _of_images(chosen, [held])
        )
    else:
        found = _of_volumes(chosen) if holds_a_volume(chosen.file) else _of_images(chosen)
    if chosen.inverse:
        found = [each.inverse for each in found]
    if group:
        if not isinstance(found[0], Field):
            raise InputError(
                f"{chosen.out}: a Zarr group is for fields; write a matrix as .ome.json"
            )
        found[0].save(chosen.out, overwrite=chosen.overwrite)
        tell(chosen, f"Written to {chosen.out}")
        return 0
    with all_or_none([chosen.out], overwrite=chosen.overwrite) as (staged,):
        if held is None and not isinstance(found[0], Field) and holds_a_stack(chosen.file):
            save_transforms(found, staged)
        else:
            found[0].save(staged)
    tell(chosen, f"Written to {chosen.out}")
    return 0


def _field(chosen: argparse.Namespace, held: Field | None) -> Field:
    sizes = (
        chosen.spacing,
        chosen.moving_spacing,
        chosen.pixel_size,
        chosen.moving_pixel_size,
    )
    if any(one is not None for one in sizes):
        raise InputError(f"{chosen.file} is a field between pixels, which has no other unit")
    return held or Field.load(chosen.file)


def _of_images(chosen: argparse.Namespace, held: list[Transform] | None = None) -> list[Transform]:
    if chosen.spacing is not None or chosen.moving_spacing is not None:
        raise InputError(f"{chosen.file} is of images: --pixel-size, not --spacing, is for those")
    return [in_units(each, chosen) for each in held or load_transforms(chosen.file)]


def _of_volumes(
    chosen: argparse.Namespace, held: VolumeTransform | None = None
) -> list[VolumeTransform]:
    if chosen.pixel_size is not None or chosen.moving_pixel_size is not None:
        raise InputError(f"{chosen.file} is of volumes: --spacing, not --pixel-size, is for those")
    return [in_lengths(held or VolumeTransform.load(chosen.file), chosen)]
