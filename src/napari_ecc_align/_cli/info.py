"""``ecc-align info``."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .._common.errors import InputError
from .._common.memory import at_most
from .._common.opening import opened
from .._common.tables import MATRIX_KEYS, PART_KEYS, UNCERTAINTY_KEYS
from .._images.files.images import read_file
from .._transform.field import Field
from .._transform.files import load_transforms
from .._transform.formats.field_files import holds_a_field, holds_a_volume_field
from .._transform.formats.registry import holds_a_stack
from .._transform.models import frame_of
from .._transform.parts import Parts, parts_or_nan, scale_words, words_beyond_shift
from .._transform.transform import Transform
from .console import say
from .field_info import field_rows, field_text, told_rows
from .held import held_transform, is_result
from .show import table, to_json
from .values import in_units
from .volume_info import is_of_volumes, volume_field_rows, volume_row, volume_text

_LARGEST = 2**24
_PIXELS = "px"
_NOTHING = 1e-12


@dataclass(frozen=True)
class _Found:
    """A transform in a file: of which frame, if of many, and what else is known of it."""

    file: Path
    transform: Transform
    frame: int | None = None
    known: Mapping[str, Any] | None = None


def run_info(chosen: argparse.Namespace) -> int:
    """Say what transforms do; return the exit code."""
    rows = [row for path in chosen.files for row in _rows(path, chosen)]
    if chosen.json:
        say(to_json({"transforms": rows}))
    else:
        said = (_text_of(row) for row in rows)
        say("\n".join(line for lines in said for line in lines))
    return 0


def _rows(path: Path, chosen: argparse.Namespace) -> list[dict[str, Any]]:
    document = _document(path)
    if is_result(path):
        held = held_transform(path)
        if isinstance(held, Transform):
            return [_row(_Found(path, held), _size(chosen), chosen)]
        what = "a field" if isinstance(held, Field) else "a transform of volumes"
        raise InputError(f"{path} holds {what}: convert it to a file, of which info tells")
    if holds_a_field(path) and holds_a_volume_field(path):
        return [*volume_field_rows(path, document, chosen)]
    if holds_a_field(path):
        return [*field_rows(path, document, _size(chosen), chosen)]
    if told := told_rows(path, document, _size(chosen), chosen):
        return told
    if is_of_volumes(path, document):
        return [volume_row(path, document, chosen)]
    if chosen.spacing is not None or chosen.moving_spacing is not None:
        raise InputError(f"{path} is of images: --pixel-size, not --spacing, is for those")
    size = _size(chosen)
    return [_row(each, size, chosen) for each in _found_in(path, document)]


def _found_in(path: Path, document: dict[str, Any]) -> Iterator[_Found]:
    """Yield the transforms in a transform file, or in the JSON of a result."""
    frames = document.get("frames")
    frames = [*map(_mapping, frames)] if isinstance(frames, list) else []
    rows = [row for row in frames or [document] if row.keys() >= {*MATRIX_KEYS}]
    if not rows:
        yield from _found_in_transform_file(path, document, frames)
        return
    found = [row for row in rows if row["m00"] is not None]
    if not found:
        raise InputError(f"{path} holds no transform: the alignment has failed")
    for row in found:
        try:
            matrix = np.array([row[key] for key in MATRIX_KEYS], np.float64).reshape(3, 3)
            transform = Transform(matrix, model=row.get("model"))
        except (TypeError, ValueError) as error:
            raise InputError(f"{path} is not a usable result: {error}") from error
        yield _Found(path, transform, row.get("frame"), row)


def _found_in_transform_file(
    path: Path, document: dict[str, Any], frames: list[dict[str, Any]]
) -> Iterator[_Found]:
    many = holds_a_stack(path)
    # What a result's own transform file, or the record of a pair, says beside the matrix.
    parts = (document, _mapping(document.get("numbers")), _mapping(document.get("alignment")))
    known = {key: value for part in parts for key, value in part.items()}
    for number, transform in enumerate(load_transforms(path)):
        if many:
            yield _Found(path, transform, number, frames[number] if frames else {})
        else:
            yield _Found(path, transform, None, known)


def _document(path: Path) -> dict[str, Any]:
    """Return the JSON in a file, or nothing where there is none."""
    with suppress(ValueError, RecursionError):
        if path.suffix.lower() == ".json":
            with opened(path, "a transform") as file:
                content = at_most(file, _LARGEST + 1)
            if len(content) <= _LARGEST:
                return _mapping(json.loads(content.decode("utf-8-sig")))
    return {}


def _size(chosen: argparse.Namespace) -> tuple[int, int] | None:
    """Return the height and width of the reference that were asked for, if any."""
    if chosen.like is not None:
        return read_file(chosen.like).shape
    return None if chosen.size is None else (chosen.size[1], chosen.size[0])


def _mapping(value: Any) -> dict[str, Any]:
    """Return a part of a document, or an empty one where it is something else."""
    return value if isinstance(value, dict) else {}


def _row(
    found: _Found, size: tuple[int, int] | None, chosen: argparse.Namespace
) -> dict[str, Any]:
    """Return a transform as one flat row, under the keys of every other table."""
    known = found.known or {}
    own = (known.get("height"), known.get("width"))
    shape = size or (own if all(isinstance(n, int) and 0 < n < _LARGEST for n in own) else None)
    center = frame_of(shape).centre if shape else (0.0, 0.0)
    x, y = chosen.pixel_size or (1.0, 1.0)
    transform = in_units(found.transform, chosen)
    there = center[0] * x, center[1] * y
    # What a result says is of the middle of its own reference, and of square pixels.
    certain = shape == own and len({x, y, *(chosen.moving_pixel_size or ())}) == 1
    spread = [known.get(key) if certain else None for key in UNCERTAINTY_KEYS]
    factors = (x, x, 1.0, 1.0, 1.0, 1.0)
    scaled = [
        value * factor if isinstance(value, float) else None
        for value, factor in zip(spread, factors, strict=True)
    ]
    return {
        "file": str(found.file),
        "frame": found.frame,
        "verdict": known.get("verdict"),
        "reason": known.get("reason"),
        "model": transform.model,
        **dict(zip(PART_KEYS, parts_or_nan(transform.matrix, there), strict=True)),
        **dict(zip(UNCERTAINTY_KEYS, scaled, strict=True)),
        "center_x": there[0],
        "center_y": there[1],
        "unit": _PIXELS if chosen.pixel_size is None else chosen.unit,
        **dict(zip(MATRIX_KEYS, transform.matrix.ravel().tolist(), strict=True)),
    }


def _text_of(row: dict[str, Any]) -> list[str]:
    if "z" in row:
        return volume_text(row)
    return field_text(row) if "bends_up_to" in row else _text(row)


def _text(row: dict[str, Any]) -> list[str]:
    unit, at = row["unit"], f"at ({row['center_x']:.6g}, {row['center_y']:.6g})"
    if row["frame"] is not None:
        parts = Parts(*[row[key] for key in PART_KEYS])
        said = ", ".join([f"x {parts.x:+.4g}, y {parts.y:+.4g}", *words_beyond_shift(parts)])
        return [f"{row['file']}, frame {row['frame']}, {at}, in {unit}: {said}"]
    head = f"{row['file']}: {row['model']}"
    if row["verdict"]:
        head += f", {row['verdict']}: {row['reason']}"
    units = (f" {unit}", f" {unit}", "°", "", "", "°")
    digits = (4, 4, 5, 6, 6, 5)
    cells = [
        (
            f"  {key}",
            _part(key, row[key], place, unit) + mark,
            _spread(row[f"{key}_uncertainty"]),
        )
        for key, mark, place in zip(PART_KEYS, units, digits, strict=True)
    ]
    numbers = [f"{_number(row[key]):.8g}" for key in MATRIX_KEYS]
    matrix = table([("  matrix", *numbers[:3]), ("", *numbers[3:6]), ("", *numbers[6:])])
    return [head, f"  {at} of the reference", *table(cells), *matrix]


def _spread(value: float | None) -> str:
    """Return an uncertainty, and nothing where there is none or none is left."""
    return f"± {value:.2g}" if value is not None and value > _NOTHING else ""


def _part(key: str, value: float, place: int, unit: str) -> str:
    """Return a part with its decimals; one that they would not show, with as many digits."""
    small = key.startswith("scale") or (key in "xy" and unit != _PIXELS)
    return scale_words(_number(value), place) if small else f"{_number(value):.{place}f}"


def _number(value: float) -> float:
    """Return a number without what is left of rounding."""
    return value if abs(value) > _NOTHING else 0.0
