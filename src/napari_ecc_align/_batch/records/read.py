"""Records read from their files, also of former versions; what is none is passed over."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, get_args

from ..._align.volume.transform import VolumeMotionModel, VolumeTransform
from ..._common.errors import InputError
from ..._common.own_files import is_path_below, open_own
from ..._common.tables import (
    FIELD_KEYS,
    INSPECTION_KEYS,
    MATRIX_KEYS,
    PART_KEYS,
    RESULT_KEYS,
)
from ..._transform.files import from_document
from ..._transform.formats import own_json
from ..._transform.formats.field_files import is_field_document
from ..._verdict.verdict import Verdict
from ..plan.pairs import Problem
from ..settings import with_present_names
from .decided import RecordedReview
from .record import (
    FOLDER,
    FORMAT,
    THUMBNAIL_START,
    VERSION,
    AnyTransform,
    InputFile,
    Number,
    Outcome,
    OutputFile,
    Record,
    record_path,
)

if TYPE_CHECKING:
    from pydantic import TypeAdapter

_LARGEST = 2**24
_HIGHEST_INTEGER = 2**63 - 1
# No measured number may stand in place of these.
_OWN_KEYS = {"name", "outcome", "reason", "review", "note", "model", *MATRIX_KEYS}
_TEXT_KEYS = {"verdict", "reason", "model", "start", "representation", "engine", "method"}
_SIGNED_KEYS = {*PART_KEYS, "ecc_before", "ecc"}
_NUMBER_KEYS = {*RESULT_KEYS, *FIELD_KEYS, *INSPECTION_KEYS, "width", "height"} - _TEXT_KEYS
# Of numbers in records of before.
_FORMER_KEYS = {
    "differing_before": "different_before",
    "differing_after": "different",
    "fraction_after": "fraction",
    "iou_after": "iou",
    "dice_after": "dice",
    "overlap": "overlap_fraction",
}


def read_record(out: Path, name: str) -> Record | None:
    """Return the record of a pair, or None if there is none that can be read."""
    try:
        record = read_record_file(record_path(out, name))
    except InputError:
        return None
    return record if record is not None and record.name == name else None


def unreadable_record(out: Path, name: str) -> Problem | None:
    """Return what is wrong with what is in place of the record of a pair; None if nothing is."""
    path = out / FOLDER / f"{name}.json"
    if read_record(out, name) is not None or not os.path.lexists(path):
        return None
    return Problem(
        path, "holds no record of its pair that can be read; the pair is done again", None
    )


def unreadable_records(out: Path, besides: Container[str]) -> list[Problem]:
    """Return what is no record in place of one, of all pairs but some of which it is known."""
    said = "holds no record that can be read, so that its pair is missing in the report"
    names = {
        path: path.relative_to(out / FOLDER).as_posix().removesuffix(".json")
        for path in sorted((out / FOLDER).rglob("*.json"))
    }
    return [
        Problem(path, said, None)
        for path, name in names.items()
        if name not in besides and read_record(out, name) is None
    ]


def read_record_file(path: Path) -> Record | None:
    """Return the record in a file, or None if it holds none."""
    try:
        with open_own(path) as file:
            content = file.read(_LARGEST + 1)
        return _from_content(content) if len(content) <= _LARGEST else None
    except (OSError, ValueError, RecursionError):
        return None


def read_records(out: Path) -> Iterator[Record]:
    """Yield every record of an output folder, by name; files that hold none are passed over."""
    for path in sorted((out / FOLDER).rglob("*.json")):
        record = read_record_file(path)
        if record and f"{record.name}.json" == path.relative_to(out / FOLDER).as_posix():
            yield record


@dataclass(frozen=True, eq=False)
class _Stored:
    """What a file of a record holds, but for the transform."""

    __pydantic_config__ = {"allow_inf_nan": False}  # noqa: RUF012 - pydantic's word

    record: int
    name: str
    outcome: Outcome
    reason: str
    inputs: tuple[InputFile, ...]
    outputs: tuple[OutputFile, ...]
    settings: dict[str, Number | list[float]]
    numbers: dict[str, Number]
    times: dict[str, float | str]
    review: RecordedReview | None
    thumbnail: str
    batch_settings: dict[str, Number | list[float]] = field(default_factory=dict)
    temporary: bool = False
    # What `temporary` was called before.
    passing: bool = False


@cache
def _stored() -> TypeAdapter[_Stored]:
    from pydantic import TypeAdapter

    return TypeAdapter(_Stored)


def _is_measured(numbers: Mapping[str, Number]) -> bool:
    """Return whether numbers can be those of a pair: none a text, negative or huge by damage."""
    for key, value in numbers.items():
        if key in _OWN_KEYS or (isinstance(value, int) and abs(value) > _HIGHEST_INTEGER):
            return False
        if key in _NUMBER_KEYS and (
            isinstance(value, str) or (value is not None and value < 0 and key not in _SIGNED_KEYS)
        ):
            return False
    return numbers.get("verdict") in (*get_args(Verdict), None)


def transform_of(document: Any) -> AnyTransform:
    """Return the transform of a document; raise `InputError` if it holds none."""
    rows = document.get("matrix")
    if isinstance(rows, list) and len(rows) == 4 and not is_field_document(document):
        matrix, model = own_json.matrix_of(document)
        return VolumeTransform(matrix, cast("VolumeMotionModel", model))
    return from_document(document)


def _finite(text: str) -> float:
    """Return a number of JSON; raise `ValueError` for what no record could hold again."""
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text:.30} is no number of a record")
    return value


def _from_content(content: bytes) -> Record:
    """Return the record in a file's content; raise `ValueError` if it holds none."""
    found = _stored().validate_json(content, strict=True)
    document = json.loads(content, parse_float=_finite, parse_constant=_finite)
    paths = [found.name, *(file.path for file in found.outputs)]
    picture = not found.thumbnail or found.thumbnail.startswith(THUMBNAIL_START)
    if found.record != VERSION or not picture or not all(map(is_path_below, paths)):
        raise InputError(f"it is no record of version {VERSION}")
    numbers = {_FORMER_KEYS.get(key, key): value for key, value in found.numbers.items()}
    if not _is_measured(numbers) or not found.times.keys() <= {"finished", "seconds"}:
        raise InputError("its numbers are not those of a pair")
    kept = {
        name: value for name, value in vars(found).items() if name not in ("record", "passing")
    }
    return Record(
        **kept
        | {
            "temporary": found.temporary or found.passing,
            "transform": None if document.get("format") == FORMAT else transform_of(document),
            "settings": with_present_names(found.settings),
            "batch_settings": with_present_names(found.batch_settings),
            "numbers": numbers,
        }
    )
