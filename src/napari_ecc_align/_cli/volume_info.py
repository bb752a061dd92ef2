"""What ``ecc-align info`` says of transforms of volumes."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .._align.volume.film_result import load_volume_transforms
from .._align.volume.parts import volume_parts
from .._align.volume.transform import VolumeTransform
from .._common.errors import InputError
from .._common.tables import MATRIX_KEYS
from .._images.files.images import read_file
from .._transform.formats.field_files import holds_fields
from .._transform.formats.registry import holds_a_volume
from .._transform.volume_field import VolumeField
from .field_info import TOLD, bends_of, bends_text, refuse_units
from .show import table
from .values import in_lengths

# A field is looked at in so many places a side.
_PLACES = 24
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
    known, bends = document.get("alignment") or document, dict[str, Any]()
    if not _is_result(document):
        transform = VolumeTransform.load(path)
    elif document["matrix"] is None:
        raise InputError(f"{path} holds no transform: the alignment has failed")
    else:
        model = document.get("model", "affine")
        bends = {key: document.get(key) for key in TOLD if model == "smooth"}
        if bends:
            refuse_units(path, chosen)
        transform = VolumeTransform(document["matrix"], "affine" if bends else model)
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
        **({"model": "smooth", "bends_rms": None, **bends} if bends else {}),
    }


def volume_field_rows(
    path: Path, document: Mapping[str, Any], chosen: argparse.Namespace
) -> Iterator[dict[str, Any]]:
    """Yield a row of each field of volumes in a file, as `field_rows` does of images."""
    refuse_units(path, chosen)
    if chosen.size is not None:
        raise InputError(f"{path} is of volumes: --like is for those")
    many = holds_fields(path)
    fields: Any = load_volume_transforms(path) if many else [VolumeField.load(path)]
    for number, field in enumerate(fields):
        row = _field_row(path, field, document, chosen)
        yield {**row, "frame": number} if many else row


def _field_row(
    path: Path, field: VolumeField, document: Mapping[str, Any], chosen: argparse.Namespace
) -> dict[str, Any]:
    ends = [one.last for one in (field.columns, field.rows, field.planes)]
    if chosen.like is not None:
        like = read_file(chosen.like)
        ends = [side - 1.0 for side in (*like.shape[::-1], like.frames)]
    matrix, bends = bends_of(field, ends, _PLACES)
    middle = [end / 2 for end in ends]
    numbers = document.get("numbers")
    known = {**document, **(numbers if isinstance(numbers, dict) else {})}
    return {
        "file": str(path),
        **{key: known.get(key) for key in ("verdict", "reason")},
        "model": field.model,
        **volume_parts(matrix, middle)._asdict(),
        **dict(zip(("center_x", "center_y", "center_z"), middle, strict=True)),
        "unit": "voxels",
        "matrix": matrix.tolist(),
        **bends,
    }


def volume_text(row: Mapping[str, Any]) -> list[str]:
    """Return what to print of a row."""
    frame = f", volume {row['frame']}" if "frame" in row else ""
    head = f"{row['file']}{frame}: {row['model']}"
    if row["verdict"]:
        head += f", {row['verdict']}: {row['reason']}"
    shift, axis, scales = (", ".join(f"{row[key]:.6g}" for key in keys) for keys in _PARTS)
    middle = ", ".join(f"{row[f'center_{key}']:.6g}" for key in "xyz")
    numbers = [[f"{value:.8g}" for value in line] for line in row["matrix"]]
    matrix = [("  matrix" if not k else "", *line) for k, line in enumerate(numbers)]
    bends = [] if "bends_up_to" not in row else bends_text(row, "voxels")
    return [
        head,
        *bends,
        f"  at ({middle}) of the reference",
        f"  moves by ({shift}) {row['unit']} along x, y, z",
        f"  turns by {row['rotation']:.5f}° about ({axis})",
        f"  is ({scales}) times as large; angles differ by {row['shear']:.5f}°",
        *table(matrix),
    ]
