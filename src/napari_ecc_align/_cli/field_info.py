"""What ``ecc-align info`` says of fields."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._common.errors import InputError
from .._common.tables import MATRIX_KEYS, PART_KEYS
from .._transform.bent_map import BentMap, nearest_affine
from .._transform.coordinates import map_points
from .._transform.field import Field
from .._transform.files import load_fields
from .._transform.formats.field_files import holds_fields
from .._transform.matrices import checked_matrix
from .._transform.models import frame_of
from .._transform.parts import parts_or_nan
from .show import table

# A field is looked at in so many places a side.
_PLACES = 64
_SMOOTH = "smooth"
# What a result says of its field, beside the matrix.
TOLD = ("bends_up_to", "known_share", "uncertainty")
_ELSEWHERE = "the field itself is in the file of --transform-out, not in this one"


def field_rows(
    path: Path,
    document: Mapping[str, Any],
    size: tuple[int, int] | None,
    chosen: argparse.Namespace,
) -> Iterator[dict[str, Any]]:
    """Yield a row of each field in a file: the affine motion nearest to it, and how it bends.

    Parameters
    ----------
    path : Path
    document : mapping
        The JSON of the file, if it is any.
    size : tuple of int or None
        Height and width of the reference; as far as the field goes, if None.
    chosen : Namespace
    """
    refuse_units(path, chosen)
    many = holds_fields(path)
    numbers = document.get("numbers")
    known = {**document, **(numbers if isinstance(numbers, dict) else {})}
    for number, field in enumerate(load_fields(path) if many else [Field.load(path)]):
        yield {
            "file": str(path),
            "frame": number if many else None,
            **{key: known.get(key) for key in ("verdict", "reason")},
            "model": field.model,
            **_numbers(field, size),
        }


def refuse_units(path: Path, chosen: argparse.Namespace) -> None:
    """Raise `InputError` for the units of a field, which is between pixels."""
    sizes = chosen.pixel_size, chosen.moving_pixel_size, chosen.spacing, chosen.moving_spacing
    if any(one is not None for one in sizes):
        raise InputError(f"{path} is a field between pixels, which has no other unit")


def told_rows(
    path: Path,
    document: Mapping[str, Any],
    size: tuple[int, int] | None,
    chosen: argparse.Namespace,
) -> list[dict[str, Any]]:
    """Return what the JSON of results says of fields that it does not hold; nothing of others.

    Parameters
    ----------
    path : Path
    document : mapping
        The JSON of the file.
    size : tuple of int or None
        Height and width of the reference; as the result says, if None.
    chosen : Namespace
    """
    frames = document.get("frames")
    given = frames if isinstance(frames, list) else [document]
    rows = [one for one in given if isinstance(one, dict) and one.get("model") == _SMOOTH]
    rows = [row for row in rows if row.keys() >= {*MATRIX_KEYS, *TOLD}]
    found = [row for row in rows if row["m00"] is not None]
    if rows:
        refuse_units(path, chosen)
    if rows and not found:
        raise InputError(f"{path} holds no transform: the alignment has failed")
    try:
        return [_told(path, row, size or _size_of(row) or _size_of(document)) for row in found]
    except (TypeError, ValueError) as error:
        raise InputError(f"{path} is not a usable result: {error}") from error


def _told(path: Path, known: Mapping[str, Any], size: tuple[int, int] | None) -> dict[str, Any]:
    matrix = checked_matrix(
        [[known[f"m{row}{column}"] for column in range(3)] for row in range(3)]
    )
    center = frame_of(size).centre if size else (0.0, 0.0)
    share, spread = (None if known[key] is None else float(known[key]) for key in TOLD[1:])
    return {
        "file": str(path),
        "frame": known.get("frame"),
        **{key: known.get(key) for key in ("verdict", "reason")},
        "model": _SMOOTH,
        **dict(zip(PART_KEYS, parts_or_nan(matrix, center), strict=True)),
        "center_x": float(center[0]),
        "center_y": float(center[1]),
        "unit": "px",
        "bends_up_to": float(known[TOLD[0]]),
        "bends_rms": None,
        "known_share": share,
        "uncertainty": spread,
        **dict(zip(MATRIX_KEYS, matrix.ravel().tolist(), strict=True)),
    }


def _size_of(row: Mapping[str, Any]) -> tuple[int, int] | None:
    height, width = row.get("height"), row.get("width")
    if isinstance(height, int) and isinstance(width, int) and min(height, width) > 0:
        return height, width
    return None


def _numbers(field: Field, size: tuple[int, int] | None) -> dict[str, Any]:
    ends = [field.columns.last, field.rows.last] if size is None else np.array(size[::-1]) - 1.0
    matrix, bends = bends_of(field, list(ends), _PLACES)
    center = frame_of(size).centre if size else (ends[0] / 2, ends[1] / 2)
    return {
        **dict(zip(PART_KEYS, parts_or_nan(matrix, center), strict=True)),
        "center_x": float(center[0]),
        "center_y": float(center[1]),
        "unit": "px",
        **bends,
        **dict(zip(MATRIX_KEYS, matrix.ravel().tolist(), strict=True)),
    }


def bends_of(
    field: BentMap, ends: Sequence[float], places: int
) -> tuple[NDArray[np.float64], dict[str, float | None]]:
    """Return the affine motion nearest to a field, how it bends beside it, and where it is known.

    Takes how far to look along x, y and z, and at how many places a side.
    """
    here, there, matrix = nearest_affine(field, ends, places)
    bends = np.linalg.norm(there - map_points(matrix, here), axis=1)
    sigma = field.uncertainty_at(here)
    within = sigma <= 1
    return matrix, {
        "bends_up_to": float(bends.max()),
        "bends_rms": float(np.sqrt((bends**2).mean())),
        "known_share": None if field.sigma is None else float(within.mean()),
        # Of each axis, as in results.
        "uncertainty": (
            float(np.median(sigma[within]) / np.sqrt(len(ends))) if within.any() else None
        ),
    }


def bends_text(row: Mapping[str, Any], unit: str) -> list[str]:
    """Return how far a row's field bends, and where it is known."""
    known = "where it is known, nobody said"
    if row["known_share"] is not None:
        one = "a pixel" if unit == "px" else "a voxel"
        known = f"known to {one} on {row['known_share']:.0%}"
    if row["uncertainty"] is not None:
        known += f", typically to {max(row['uncertainty'], 0.01):.2g} {unit}"
    bends = f"{row['bends_up_to']:.2f} {unit}"
    if row["bends_rms"] is None:
        bends += f", then moves as below; {_ELSEWHERE}"
    else:
        bends += f", {row['bends_rms']:.2f} {unit} RMS, from the affine motion nearest to it"
    return [f"  bends by up to {bends}", f"  {known}"]


def field_text(row: Mapping[str, Any]) -> list[str]:
    """Return what to print of a row."""
    frame = "" if row["frame"] is None else f", frame {row['frame']}"
    head = f"{row['file']}{frame}: {row['model']}"
    if row["verdict"]:
        head += f", {row['verdict']}: {row['reason']}"
    x, y, turn, across, down, shear = (row[key] for key in PART_KEYS)
    numbers = [f"{row[key]:.8g}" for key in MATRIX_KEYS]
    at = f"({row['center_x']:.6g}, {row['center_y']:.6g})"
    turns = f"turns by {turn:.5f}°, is ({across:.6f}, {down:.6f}) times as large"
    return [
        head,
        *bends_text(row, "px"),
        f"  that motion moves {at} of the reference by ({x:.4f}, {y:.4f}) px",
        f"  {turns}, shears by {shear:.5f}°",
        *table([("  matrix", *numbers[:3]), ("", *numbers[3:6]), ("", *numbers[6:])]),
    ]
