"""The record of each pair: what came of it and from what. Written last, it is the commit."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import Any, Literal, cast, get_args

from ..._common.errors import InputError
from ..._common.tables import finite
from ..._transform.files import as_document, from_document
from ..._transform.transform import Transform
from ..plan.pairing import PairFiles
from ..settings import BatchSettings, with_present_names

PairOutcome = Literal["aligned", "passed through", "doubtful", "failed"]
PAIR_OUTCOMES: tuple[PairOutcome, ...] = get_args(PairOutcome)
Number = float | int | bool | str | None
Decision = Literal["accepted", "rejected", "corrected"]

FORMAT = "napari-ecc-align batch record"
VERSION = 1
FOLDER = "records"
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
        "reference", "moving", or the flavour of a sibling.
    path : str
        The file.
    size, modified : int
        Its bytes, and when it was changed, in ns.
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
            return status.st_size == self.size and (
                status.st_mtime_ns == self.modified or digest(path.read_bytes()) == self.sha256
            )
        return False


@dataclass(frozen=True)
class OutputFile:
    """An output: its path below the output folder, with forward slashes, and its content."""

    path: str
    size: int
    sha256: str

    def has_size_at(self, path: Path) -> bool:
        """Return whether a file has this size."""
        with suppress(OSError):
            return path.stat().st_size == self.size
        return False

    def is_at(self, path: Path) -> bool:
        """Return whether a file has this content."""
        with suppress(OSError):
            return self.has_size_at(path) and digest(path.read_bytes()) == self.sha256
        return False


@dataclass(frozen=True)
class RecordedReview:
    """What a person has decided on a pair."""

    decision: Decision
    note: str = ""


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
    transform : Transform or None
        Reference pixels to moving pixels; None of a pair that failed.
    inputs : tuple of InputFile
        What it was made from.
    outputs : tuple of OutputFile
        What was written.
    settings : dict
        How it was made.
    numbers : dict
        Everything that was measured.
    times : dict
        When it was finished, and how long it took.
    review : RecordedReview or None
        What a person has decided.
    thumbnail : str
        The difference before and after, as a data URI.
    """

    name: str
    outcome: PairOutcome
    reason: str
    temporary: bool = False
    transform: Transform | None = None
    inputs: tuple[InputFile, ...] = ()
    outputs: tuple[OutputFile, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    numbers: Mapping[str, Number] = field(default_factory=dict)
    times: Mapping[str, Any] = field(default_factory=dict)
    review: RecordedReview | None = None
    thumbnail: str = ""

    @property
    def needs_review(self) -> bool:
        """Whether somebody had better look at the pair."""
        return self.outcome not in ("aligned", "passed through")

    def as_document(self) -> dict[str, Any]:
        """Return the record as plain values; with a transform, also a transform document."""
        plain = {"format": FORMAT, "version": VERSION}
        return {
            **(plain if self.transform is None else as_document(self.transform)),
            "record": VERSION,
            "program": f"napari-ecc-align {version('napari-ecc-align')}",
            **{name: value for name, value in vars(self).items() if name != "transform"},
            "numbers": finite(self.numbers),
            "inputs": [vars(file) for file in self.inputs],
            "outputs": [vars(file) for file in self.outputs],
            "review": self.review and vars(self.review),
        }

    def as_bytes(self) -> bytes:
        """Return the content of its file."""
        return (json.dumps(self.as_document(), indent=1, allow_nan=False) + "\n").encode()


def digest(content: bytes) -> str:
    """Return the SHA-256 of a content, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def record_path(out: Path, name: str) -> Path:
    """Return where the record of a pair is."""
    return out / FOLDER / f"{name}.json"


def read_record(out: Path, name: str) -> Record | None:
    """Return the record of a pair, or None if there is none that can be read."""
    return read_record_file(record_path(out, name))


def read_record_file(path: Path) -> Record | None:
    """Return the record in a file, or None if it holds none."""
    try:
        return _from_document(json.loads(path.read_bytes()))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def read_records(out: Path) -> Iterator[Record]:
    """Yield every record of an output folder, by name.

    Parameters
    ----------
    out : Path
        The output folder.

    Yields
    ------
    Record
        Files that hold none are passed over.

    Examples
    --------
    >>> list(read_records(Path("nowhere")))
    []
    """
    for path in sorted((out / FOLDER).rglob("*.json")):
        record = read_record_file(path)
        if record is not None and record_path(out, record.name) == path:
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
        file.has_size_at(out / PurePosixPath(file.path)) for file in record.outputs
    )


def _from_document(document: Any) -> Record:
    if not isinstance(document, dict) or document.get("record") != VERSION:
        raise InputError(f"it is no record of version {VERSION}")
    if document["outcome"] not in PAIR_OUTCOMES:
        raise InputError(f"its outcome is {document['outcome']!r}")
    review = document["review"]
    return Record(
        name=str(document["name"]),
        outcome=cast("PairOutcome", document["outcome"]),
        reason=str(document["reason"]),
        # Files of before call it "passing".
        temporary=bool(document.get("temporary", document.get("passing"))),
        transform=None if document["format"] == FORMAT else from_document(document),
        inputs=tuple(InputFile(**file) for file in document["inputs"]),
        outputs=tuple(OutputFile(**file) for file in document["outputs"]),
        settings=with_present_names(document["settings"]),
        numbers={_FORMER_KEYS.get(key, key): value for key, value in document["numbers"].items()},
        times=dict(document["times"]),
        review=None if review is None else RecordedReview(**review),
        thumbnail=str(document["thumbnail"]),
    )
