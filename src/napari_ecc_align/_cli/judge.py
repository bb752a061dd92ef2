"""``ecc-align judge``."""

from __future__ import annotations

import argparse
from collections.abc import Generator
from pathlib import Path
from typing import Any

from .._align.judged import judge_job, judge_steps
from .._align.pair import checked_job
from .._align.progress import Progress
from .._align.smooth import judged_field
from .._common.errors import InputError
from .._common.opening import is_folder
from .._ecc.options import DEFAULTS
from .._images.files.image_file import ImageFile
from .._images.files.suffixes import image_suffix
from .._images.files.zarr_image import is_too_large
from .._images.sources import ImageLike
from .._transform.field import Field
from .._transform.formats.field_files import holds_a_field
from .._transform.formats.registry import holds_a_stack, holds_a_volume
from .._transform.transform import Transform
from .._verdict.field_result import SmoothAlignment
from .._verdict.result import AlignmentResult
from .align import read_pair, run_pair
from .held import AnyTransform, as_volume, held_transform
from .judged_film import run_judge_film
from .values import in_pixels
from .volumes import are_volumes, check_volume, judge_volumes


def run_judge(chosen: argparse.Namespace) -> int:
    """Judge the transform in a file, or two images as they lie; return the exit code."""
    if chosen.moving is None or _of_frames(chosen.transform):
        return run_judge_film(chosen)
    if any(map(is_too_large, (chosen.reference, chosen.moving))):
        from .large_volumes import run_large_volumes

        _refuse_pixels(chosen)
        return run_large_volumes(chosen)
    read = read_pair(chosen, "planes" if chosen.volume else "channels")
    held = None if chosen.transform is None else held_transform(chosen.transform)
    if isinstance(held, Field):
        return _judge_field(chosen, read, held)
    # By a transform of images, depth stacks are judged as these.
    in_depth = are_volumes(read, chosen) if held is None else not isinstance(held, Transform)
    if chosen.volume or in_depth:
        return _judge_volumes(chosen, read, held)
    if chosen.in_um:
        raise InputError("--in-um is for volumes; for images give --pixel-size")
    transform = in_pixels(held if isinstance(held, Transform) else Transform.identity(), chosen)

    def steps(
        reference: ImageLike, moving: ImageLike, **masks: Any
    ) -> Generator[Progress, None, AlignmentResult]:
        return judge_steps(judge_job(reference, moving, transform, chosen.model, **masks))

    return run_pair(chosen, steps, chosen.transform, read=read)


def _of_frames(path: Path | None) -> bool:
    """Tell whether a file holds the transforms of the frames of a film of images."""
    if path is None or is_folder(path) or image_suffix(path) or holds_a_field(path):
        return False
    return holds_a_stack(path) and not holds_a_volume(path)


def _judge_volumes(
    chosen: argparse.Namespace, read: list[ImageFile], held: AnyTransform | None
) -> int:
    _refuse_pixels(chosen)
    read = [
        file.meaning(None, chosen.channel_axis, path, "planes")
        for path, file in zip((chosen.reference, chosen.moving), read, strict=True)
    ]
    for path, file in zip((chosen.reference, chosen.moving), read, strict=True):
        check_volume(path, file)
    return judge_volumes(chosen, read, as_volume(held, chosen.transform))


def _refuse_pixels(chosen: argparse.Namespace) -> None:
    """Raise `InputError` for options of judging that volumes have not."""
    if chosen.model is not None or chosen.pixel_size or chosen.moving_pixel_size:
        raise InputError(
            "volumes are judged in their voxels: --in-um and --spacing in place of "
            "--pixel-size, and without --model"
        )


def _judge_field(chosen: argparse.Namespace, read: list[ImageFile], field: Field) -> int:
    def steps(
        reference: ImageLike, moving: ImageLike, **masks: Any
    ) -> Generator[Progress, None, SmoothAlignment]:
        yield Progress(0.0, "judging")
        return judged_field(checked_job(reference, moving, DEFAULTS, **masks), field, None, None)

    return run_pair(chosen, steps, chosen.transform, read=read, bends=True)
