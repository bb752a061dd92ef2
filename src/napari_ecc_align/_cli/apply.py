"""``ecc-align apply``."""

from __future__ import annotations

import argparse
import os
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .._align.volume.film_result import load_film_of_either
from .._align.volume.transform import VolumeTransform
from .._common.errors import InputError
from .._images.files.image_file import ImageFile
from .._images.files.images import read_file, write_file
from .._images.files.suffixes import SUFFIXES, image_suffix, own_stem
from .._images.files.warped import warped_file
from .._transform.field import Field
from .._transform.transform import Transform
from .._transform.volume_field import VolumeField
from .console import narrate, say, tell
from .held import held_transform, is_result, turned_round
from .inputs import axes_told, read_meant
from .outputs import (
    all_or_none,
    check_folder,
    check_outputs,
    check_parent,
    warped_suffix,
)
from .provenance import made_by, with_provenance
from .show import files, to_json, written_text
from .values import check_fill
from .volume_film_files import apply_to_volumes
from .volumes import apply_to_volume

_OneOrMany = (
    Transform
    | Field
    | VolumeTransform
    | VolumeField
    | list[Transform]
    | list[Field]
    | list[VolumeTransform]
    | list[VolumeField]
)

DEFAULT_NAME = "{name}_aligned"


def run_apply(chosen: argparse.Namespace) -> int:
    """Resample files through a transform; return the exit code."""
    transforms = _transforms(chosen)
    outputs = _outputs(chosen)
    inputs = [chosen.transform, *chosen.images, chosen.like]
    check_outputs(outputs, inputs, overwrite=chosen.overwrite)
    like = read_file(chosen.like)
    origin = made_by(chosen, inputs)
    doubts, notes = list[str](), list[str]()
    with all_or_none(outputs, overwrite=chosen.overwrite) as staged:
        for path, transform, out in zip(chosen.images, transforms, staged, strict=True):
            narrate(chosen, f"{path}")
            said, told = _warp_file(path, out, transform, like, chosen, origin)
            doubts, notes = doubts + said, notes + told
    written = {"warped": outputs}
    if chosen.json:
        say(to_json({"files": files(written), "warnings": doubts}))
    else:
        tell(chosen, "\n".join([*doubts, *notes, *written_text(written)]))
    return 0


def _transforms(chosen: argparse.Namespace) -> Sequence[_OneOrMany]:
    """Return the transform of each image, or those of its frames."""
    many = None if is_result(chosen.transform) else load_film_of_either(chosen.transform)
    found: list[Any] = [held_transform(chosen.transform)] if many is None else many
    if chosen.inverse:
        found = [turned_round(each) for each in found]
    count = len(chosen.images)
    if many is None:
        return found * count
    return found if len(found) == count else [found] * count


def _warp_file(
    path: Path,
    out: Path,
    transform: _OneOrMany,
    like: ImageFile,
    chosen: argparse.Namespace,
    origin: Mapping[str, Any],
) -> tuple[list[str], list[str]]:
    """Write an image resampled; return what is doubtful of it, and what its axes hold."""
    if isinstance(transform, VolumeTransform | VolumeField):
        volume = read_meant(path, chosen, "planes")
        warped = apply_to_volume(path, volume, transform, like, chosen)
        write_file(out, with_provenance(warped, origin))
        return [], []
    if isinstance(transform, list) and isinstance(transform[0], VolumeTransform | VolumeField):
        apply_to_volumes(path, out, transform, like, chosen, to_json(origin, indent=None))
        return [], []
    one = isinstance(transform, Transform | Field)
    file = read_meant(path, chosen, "channels" if one else "frames")
    if not isinstance(transform, Transform | Field) and file.frames != len(transform):
        raise InputError(
            f"{chosen.transform} holds the transforms of {len(transform)} frames, which need as "
            f"many images, not {len(chosen.images)}, or a film of as many frames; {path} has "
            f"{file.frames}"
        )
    check_fill(chosen.fill, file.pixels.dtype)
    with warnings.catch_warnings(record=True) as doubts:
        warnings.simplefilter("always", UserWarning)
        warped = warped_file(
            file,
            transform,
            like.shape,
            like.grid,
            interpolation=chosen.interpolation,
            fill=chosen.fill,
        )
    write_file(out, with_provenance(warped, origin))
    told = axes_told(path, file.held, "; one transform for all" if one else "")
    return [f"{path}: {doubt.message}" for doubt in doubts], told[:1]


def _outputs(chosen: argparse.Namespace) -> list[Path]:
    """Return where each image goes; refuse what leads elsewhere."""
    out = Path(chosen.out)
    named = chosen.name is not None or len(chosen.images) > 1
    is_folder = out.is_dir() or chosen.out.endswith(("/", os.sep)) or not out.suffix
    if not is_folder and not named:
        if not image_suffix(out):
            raise InputError(f"{out} must end in one of {', '.join(SUFFIXES)}")
        check_parent(out)
        return [out]
    if image_suffix(out) and not is_folder:
        raise InputError(f"{out} is the name of one image; give a folder for --out")
    check_folder(out)
    pattern = chosen.name or DEFAULT_NAME
    names = [pattern.replace("{name}", own_stem(path)) for path in chosen.images]
    for name in names:
        if Path(name).name != name:
            raise InputError(f"--name {pattern!r} must name a file, without any folder")
    own = bool(image_suffix(Path(pattern)))
    suffixes = ["" if own else warped_suffix(path, np.dtype(np.uint8)) for path in chosen.images]
    return [out / f"{name}{suffix}" for name, suffix in zip(names, suffixes, strict=True)]
