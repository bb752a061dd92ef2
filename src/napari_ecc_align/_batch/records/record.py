"""The record of each pair: what came of it and from what. Written last, it is the commit."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Container, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

from ..._align.volume.transform import VolumeMotionModel, VolumeTransform
from ..._common.errors import InputError
from ..._common.folder_contents import folder_digest, folder_state
from ..._common.own_files import is_path_below, open_own, path_below
from ..._common.tables import (
    FIELD_KEYS,
    INSPECTION_KEYS,
    MATRIX_KEYS,
    PART_KEYS,
    RESULT_KEYS,
    finite,
)
from ..._transform.field import Field
from ..._transform.files import as_document, from_document
from ..._transform.formats import own_json
from ..._transform.transform import Transform
from ..._verdict.verdict import Verdict
from ..plan.pairs import PairFiles, Problem
from ..settings import BatchSettings, with_present_names
from .decided import RecordedReview

if TYPE_CHECKING:
    from pydantic import TypeAdapter

Outcome = Literal["aligned", "passed through", "doubtful", "failed"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
AnyTransform = Transform | Field | VolumeTransform
Number = float | int | bool | str | None

_LARGEST = 2**24
FORMAT = "napari-ecc-align batch record"
VERSION = 1
FOLDER = "records"
THUMBNAIL_START = "data:image/webp;base64,"
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


@dataclass(frozen=True)
class InputFile:
    """An input as it was read.

    Attributes
    ----------
    role : str
        "reference", "moving", or the name of a sibling.
    path : str
        The file, or the folder of an OME-Zarr image.
    size, modified : int
        Its bytes, and when it was changed, in ns; of a folder those of all its files, and last.
    sha256 : str
        Digest of its content, in hexadecimal.
    """

    role: str
    path: str
    size: int
    modified: int
    sha256: str

    def unchanged(self, path: Path) -> bool:
        """Return whether a file still is this one; its content is read only if in doubt."""
        with suppress(OSError):
            status = path.stat()
            if stat.S_ISDIR(status.st_mode):
                size, modified = folder_state(path)
                same = modified == self.modified or folder_digest(path) == self.sha256
                return size == self.size and same
            return (
                stat.S_ISREG(status.st_mode)
                and status.st_size == self.size
                and (
                    status.st_mtime_ns == self.modified or digest(path.read_bytes()) == self.sha256
                )
            )
        return False


@dataclass(frozen=True)
class OutputFile:
    """An output: its path below the output folder, with forward slashes, and its content."""

    path: str
    size: int
    sha256: str

    def has_size_at(self, path: Path) -> bool:
        """Return whether a file, and no link to one, has this size."""
        with suppress(OSError):
            status = path.lstat()
            return stat.S_ISREG(status.st_mode) and status.st_size == self.size
        return False

    def is_at(self, path: Path) -> bool:
        """Return whether a file has this content."""
        with suppress(OSError):
            return self.has_size_at(path) and digest(path.read_bytes()) == self.sha256
        return False


@dataclass(frozen=True, eq=False)
class Record:
    """What came of a pair.

    Attributes
    ----------
    name : str
        Of the pair.
    outcome : {"aligned", "passed through", "doubtful", "failed"}
        What was done. "passed through": aligned already, the files were copied as they are.
    reason : str
        Why, in a sentence.
    temporary : bool
        The pair failed for a reason that may pass, such as a full disk: it is tried again.
    transform : Transform, Field, VolumeTransform or None
        Reference pixels to moving pixels; None of a pair that failed.
    inputs : tuple of InputFile
        What it was made from.
    outputs : tuple of OutputFile
        What was written.
    settings : dict
        How it was made.
    batch_settings : dict
        Those of its batch, if it was asked to be done with other ones; else empty.
    numbers : dict
        Everything that was measured.
    times : dict
        When it was finished, and how long it took.
    review : RecordedReview or None
        What a person has decided.
    thumbnail : str
        The difference before and after, as a data URI.

    Examples
    --------
    >>> from napari_ecc_align import Record
    >>> record = Record("p1.png", "doubtful", "The images repeat.")
    >>> record.needs_review, record.transform, record.temporary
    (True, None, False)
    >>> record.as_document()["reason"], json.loads(record.as_bytes()) == record.as_document()
    ('The images repeat.', True)
    """

    name: str
    outcome: Outcome
    reason: str
    temporary: bool = False
    transform: AnyTransform | None = None
    inputs: tuple[InputFile, ...] = ()
    outputs: tuple[OutputFile, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    batch_settings: Mapping[str, Any] = field(default_factory=dict)
    numbers: Mapping[str, Number] = field(default_factory=dict)
    times: Mapping[str, Any] = field(default_factory=dict)
    review: RecordedReview | None = None
    thumbnail: str = ""

    @property
    def needs_review(self) -> bool:
        """Whether somebody had better look at the pair."""
        return self.outcome not in ("aligned", "passed through")

    def to_dict(self) -> dict[str, Number]:
        """Return what came of the pair as one flat row.

        Returns
        -------
        dict
            The name, the outcome and its reason, a person's review and note, every number that
            was measured, the model and the matrix of the transform (m00, m01, ... m22), and when
            and how long; None of what is not known.

        Examples
        --------
        >>> record = Record("p1.png", "failed", "It has no contrast.", numbers={"ecc": 0.1})
        >>> record.to_dict()["outcome"], record.to_dict()["ecc"], record.to_dict()["m00"]
        ('failed', 0.1, None)
        """
        transform, review = self.transform, self.review
        # That of volumes, which has more, stands in the record.
        matrix: list[float | None] = [None] * len(MATRIX_KEYS)
        if isinstance(transform, Transform):
            matrix = [*transform.matrix.ravel().tolist()]
        return {
            "name": self.name,
            "outcome": self.outcome,
            "reason": self.reason,
            "review": review and review.decision,
            "note": review and review.note,
            **self.numbers,
            "model": transform and transform.model,
            **dict(zip(MATRIX_KEYS, matrix, strict=True)),
            **self.times,
        }

    def as_document(self) -> dict[str, Any]:
        """Return the record as plain values; with a transform, also a transform document."""
        plain = {"format": FORMAT, "version": VERSION}
        return {
            **(plain if self.transform is None else document_of(self.transform)),
            "record": VERSION,
            "program": f"napari-ecc-align {version('napari-ecc-align')}",
            **{name: value for name, value in vars(self).items() if name != "transform"},
            "numbers": finite(self.numbers),
            "inputs": [vars(file) for file in self.inputs],
            "outputs": [vars(file) for file in self.outputs],
            "review": self.review and self.review.as_document(),
        }

    def as_bytes(self) -> bytes:
        """Return the content of its file."""
        return (json.dumps(self.as_document(), indent=1, allow_nan=False) + "\n").encode()


def digest(content: bytes) -> str:
    """Return the SHA-256 of a content, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def record_path(out: Path, name: str) -> Path:
    """Return where the record of a pair is; raise `InputError` if a link is on the way."""
    return path_below(out, f"{FOLDER}/{name}.json")


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


def is_current(record: Record | None, pair: PairFiles, settings: BatchSettings, out: Path) -> bool:
    """Return whether a pair need not be done again.

    That is so if its record is no failure that may pass, was made with these settings from these
    inputs, unchanged since, and its outputs are there. What a person has decided stays decided
    while the inputs are the same.
    """
    if record is None or record.temporary:
        return False
    if record.review is None and record.settings != settings.as_document():
        return False
    given = {
        role: path
        for role, path in pair.images
        if path.exists() or settings.missing_siblings == "fail"
    }
    if set(given) != {file.role for file in record.inputs}:
        return False
    return all(file.unchanged(given[file.role]) for file in record.inputs) and all(
        file.has_size_at(out / file.path) for file in record.outputs
    )


def settings_for(record: Record | None, settings: BatchSettings) -> BatchSettings:
    """Return how a pair of a batch is to be done: as it was asked for by itself, if it was."""
    if record is not None and record.batch_settings == settings.as_document():
        with suppress(InputError, TypeError):
            return BatchSettings.from_document(record.settings)
    return settings


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


def document_of(transform: AnyTransform) -> dict[str, Any]:
    """Return a transform as plain values."""
    if isinstance(transform, VolumeTransform):
        return own_json.document_of(transform.matrix, transform.model)
    return as_document(transform)


def transform_of(document: Any) -> AnyTransform:
    """Return the transform of a document; raise `InputError` if it holds none."""
    rows = document.get("matrix")
    if isinstance(rows, list) and len(rows) == 4:
        matrix, model = own_json.matrix_of(document)
        return VolumeTransform(matrix, cast("VolumeMotionModel", model))
    return from_document(document)


def _from_content(content: bytes) -> Record:
    """Return the record in a file's content; raise `ValueError` if it holds none."""
    found, document = _stored().validate_json(content, strict=True), json.loads(content)
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
