"""What ``ecc-align info`` says of transforms of volumes."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .._align.volume.parts import volume_parts
from .._align.volume.transform import VolumeTransform
from .._common.errors import InputError
from .._common.tables import MATRIX_KEYS
from .._images.files.images import read_file
from .._transform.formats.registry import holds_a_volume
from .show import table
from .values import in_lengths

_SIDES = ("width", "height", "depth")
_PARTS = (("x", "y", "z"), ("axis_x", "axis_y", "axis_z"), ("scale_x", "scale_y", "scale_z"))


def is_of_volumes(path: Path, document: Mapping[str, Any]) -> bool:
    """Tell whether a file holds a transform of volumes, or the JSON of what became of them."""
    if _is_result(document):
        return True
    of_images = document.keys() & {"frames", *MATRIX_KEYS}
    return not of_images and holds_a_volume(path)


def _is_result(document: Mapping[str, Any]) -> bool:
    return document.keys() >= {"matrix", *_SIDES}


def volume_row(
    path: Path, document: Mapping[str, Any], chosen: argparse.Namespace
) -> dict[str, Any]:
    """Return a transform of volumes as one row."""
    if chosen.size is not None or chosen.pixel_size is not None:
        raise InputError(f"{path} is of volumes: --like and --spacing are for those")
    known = document.get("alignment") or document
    if not _is_result(document):
        transform = VolumeTransform.load(path)
    elif document["matrix"] is None:
        raise InputError(f"{path} holds no transform: the alignment has failed")
    else:
        transform = VolumeTransform(document["matrix"], document.get("model", "affine"))
    like = None if chosen.like is None else read_file(chosen.like)
    sides = (
        [known.get(key) for key in _SIDES] if like is None else [*like.shape[::-1], like.frames]
    )
    steps = (chosen.spacing or (1.0, 1.0, 1.0))[::-1]
    middle = [
        (side - 1) / 2 * step if isinstance(side, int) else 0.0
        for side, step in zip(sides, steps, strict=True)
    ]
    transform = in_lengths(transform, chosen)
    return {
        "file": str(path),
        "verdict": known.get("verdict"),
        "reason": known.get("reason"),
        "model": transform.model,
        **volume_parts(transform.matrix, middle)._asdict(),
        **dict(zip(("center_x", "center_y", "center_z"), middle, strict=True)),
        "unit": "voxels" if chosen.spacing is None else chosen.unit,
        "matrix": transform.matrix.tolist(),
    }


def volume_text(row: Mapping[str, Any]) -> list[str]:
    """Return what to print of a row."""
    head = f"{row['file']}: {row['model']}"
    if row["verdict"]:
        head += f", {row['verdict']}: {row['reason']}"
    shift, axis, scales = (", ".join(f"{row[key]:.6g}" for key in keys) for keys in _PARTS)
    middle = ", ".join(f"{row[f'center_{key}']:.6g}" for key in "xyz")
    numbers = [[f"{value:.8g}" for value in line] for line in row["matrix"]]
    matrix = [("  matrix" if not k else "", *line) for k, line in enumerate(numbers)]
    return [
        head,
        f"  at ({middle}) of the reference",
        f"  moves by ({shift}) {row['unit']} along x, y, z",
        f"  turns by {row['rotation']:.5f}° about ({axis})",
        f"  is ({scales}) times as large; angles differ by {row['shear']:.5f}°",
        *table(matrix),
    ]
