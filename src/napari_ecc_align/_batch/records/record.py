"""The record of each pair: what came of it and from what. Written last, it is the commit."""

from __future__ import annotations

import hashlib
import json
import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, get_args

from ..._align.volume.transform import VolumeTransform
from ..._common.errors import InputError
from ..._common.folder_contents import folder_digest, folder_state
from ..._common.own_files import path_below
from ..._common.tables import (
    MATRIX_KEYS,
    finite,
)
from ..._transform.field import Field
from ..._transform.files import as_document
from ..._transform.formats import own_json
from ..._transform.transform import Transform
from ..._transform.volume_field import VolumeField
from ..plan.pairs import PairFiles
from ..settings import BatchSettings
from .decided import RecordedReview

Outcome = Literal["aligned", "passed through", "doubtful", "failed"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
AnyTransform = Transform | Field | VolumeTransform | VolumeField
Number = float | int | bool | str | None

FORMAT = "napari-ecc-align batch record"
VERSION = 1
FOLDER = "records"
THUMBNAIL_START = "data:image/webp;base64,"


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
    transform : Transform, Field, VolumeTransform, VolumeField or None
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


def document_of(transform: AnyTransform) -> dict[str, Any]:
    """Return a transform as plain values."""
    if isinstance(transform, VolumeTransform):
        return own_json.document_of(transform.matrix, transform.model)
    return as_document(transform)
