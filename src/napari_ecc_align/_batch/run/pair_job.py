"""One pair, from its files to its record."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._align.pair import align_steps
from ..._common.errors import InputError
from ..._common.opening import opened
from ..._common.steps import outcome_of
from ..._images.files.headers import check_image_file, tiff_style
from ..._images.files.images import decode_image, encode_image
from ..._transform.transform import Transform, corner_error
from ..._verdict.result import AlignmentResult
from ..plan.pairing import PairFiles
from ..records.record import InputFile, Number, PairOutcome, Record, RecordedReview, digest
from ..settings import BatchSettings
from .commit import commit
from .measure import (
    Differences,
    alignment_numbers,
    compared_numbers,
    differences_after,
    differences_before,
    thumbnail,
)
from .resample import resample

SIGMAS = 3.0
LARGEST_UNMOVED = 0.25
"""However uncertain, a larger displacement of the corners, in pixels, is not passed through."""


@dataclass(frozen=True)
class PairJob:
    """A pair to be done, by whoever can reach its files.

    Attributes
    ----------
    pair : PairFiles
        The paths in it are absolute.
    settings : BatchSettings
        How.
    out : Path
        The output folder.
    token : str
        Of the run.
    overwrite : bool
        Replace files that no run has written.
    transform : Transform or None
        A transform that a person has found, which is taken as it is.
    review : RecordedReview or None
        What that person says of it.
    """

    pair: PairFiles
    settings: BatchSettings
    out: Path
    token: str
    overwrite: bool = False
    transform: Transform | None = None
    review: RecordedReview | None = None


@dataclass(frozen=True, eq=False)
class _Loaded:
    """An image in memory, and the file that it was."""

    file: InputFile
    content: bytes
    image: NDArray[Any]


def process_pair(job: PairJob) -> Record:
    """Align a pair, write what comes of it and return its record.

    Whatever is wrong with the pair is a record with the outcome "failed".
    """
    began = time.perf_counter()
    try:
        record, files = _record_and_files(job)
        return commit(job.out, job.token, _timed(record, began), files, overwrite=job.overwrite)
    except InputError as error:
        reason = str(error)
    except MemoryError:
        reason = "there is not enough memory for images of this size; crop or shrink them"
    except Exception as error:  # one bad pair costs that pair alone
        reason = f"unexpected {type(error).__name__}: {error}"
    return record_failure(job, reason, began)


def record_failure(job: PairJob, reason: str, began: float | None = None) -> Record:
    """Record that a pair failed for a reason that may pass, and return the record."""
    record = Record(
        name=job.pair.name,
        outcome="failed",
        reason=" ".join(reason.split()),
        temporary=True,
        settings=job.settings.as_document(),
    )
    record = _timed(record, time.perf_counter() if began is None else began)
    try:
        return commit(job.out, job.token, record, {}, overwrite=False)
    except InputError:  # a full disk; the report of this run says so
        return record


def _record_and_files(job: PairJob) -> tuple[Record, dict[str, bytes]]:
    """Return a pair's record and the contents of its outputs, by path."""
    pair, settings = job.pair, job.settings
    reference = _load("reference", pair.reference, settings)
    moving = _load("moving", pair.moving, settings)
    if job.transform is None:
        result = outcome_of(align_steps(reference.image, moving.image, settings))
        transform = result.transform
    else:
        result, transform = None, job.transform
    before = differences_before(reference.image, moving.image, settings)
    numbers = alignment_numbers(result, transform, reference.image, moving.image)
    outcome = _outcome(result, transform, reference.image.shape, moving.image.shape, settings)
    inputs, files, after = [reference.file, moving.file], dict[str, bytes](), None
    for role, path in pair.images[1:]:
        if role != "moving" and settings.missing_siblings == "skip" and not path.exists():
            continue
        file, written, compared = _flavour(job, role, path, moving, reference, outcome, transform)
        if role == "moving":
            after = before if outcome == "passed through" else compared
        else:
            inputs.append(file)
        files |= written
    numbers |= compared_numbers(before, after, settings)
    record = Record(
        name=pair.name,
        outcome=outcome,
        reason=_reason(job, result, outcome, numbers),
        transform=_applied(outcome, transform),
        inputs=tuple(inputs),
        settings=settings.as_document(),
        numbers=numbers,
        review=job.review,
        thumbnail=thumbnail(before, after),
    )
    return record, files


def _flavour(
    job: PairJob,
    role: str,
    path: Path,
    moving: _Loaded,
    reference: _Loaded,
    outcome: PairOutcome,
    transform: Transform,
) -> tuple[InputFile, dict[str, bytes], Differences | None]:
    """Return the file of a flavour, its output by path, and how the moving image now compares.

    Its images are let go of before those of the next are read.
    """
    pair, settings = job.pair, job.settings
    loaded = moving if role == "moving" else _sibling(role, path, moving, settings)
    flavour = pair.flavour if role == "moving" else role
    written, compared = dict[str, bytes](), None
    if outcome == "passed through":
        written[pair.output(flavour, path, resampled=False)] = loaded.content
    elif outcome != "failed":
        aligned = resample(loaded.image, transform, reference.image.shape, settings)
        if role == "moving":
            shape = moving.image.shape
            compared = differences_after(reference.image, aligned, transform, shape, settings)
        if outcome == "aligned" or settings.doubtful == "write":
            name = pair.output(flavour, path, resampled=True)
            written[name] = encode_image(name, aligned, style=tiff_style(path), quick=True)
    return loaded.file, written, compared


def _load(role: str, path: Path, settings: BatchSettings) -> _Loaded:
    check_image_file(path, settings.max_pixels)
    with opened(path, "an image"):
        modified, content = path.stat().st_mtime_ns, path.read_bytes()
    file = InputFile(role, str(path), len(content), modified, digest(content))
    return _Loaded(file, content, decode_image(content, path))


def _sibling(flavour: str, path: Path, moving: _Loaded, settings: BatchSettings) -> _Loaded:
    loaded = _load(flavour, path, settings)
    if loaded.image.shape[:2] != moving.image.shape[:2]:
        raise InputError(
            f"{path} is {_size(loaded.image)} pixels, but {moving.file.path}, on whose grid it "
            f"should lie, is {_size(moving.image)}"
        )
    return loaded


def _outcome(
    result: AlignmentResult | None,
    transform: Transform,
    reference_shape: tuple[int, ...],
    moving_shape: tuple[int, ...],
    settings: BatchSettings,
) -> PairOutcome:
    """Decide what becomes of a pair: pairs that lie right already are not resampled."""
    if result is None:
        return "aligned"
    if result.verdict != "aligned":
        return "failed" if result.verdict == "cancelled" else result.verdict
    if reference_shape[:2] != moving_shape[:2]:
        return "aligned"
    shift = corner_error(transform.matrix, np.eye(3), reference_shape)
    uncertain = SIGMAS * result.corner_uncertainty
    unmoved = min(uncertain, LARGEST_UNMOVED) if np.isfinite(uncertain) else 0.0
    return "passed through" if shift <= max(settings.pass_through, unmoved) else "aligned"


def _applied(outcome: PairOutcome, transform: Transform) -> Transform | None:
    """Return the transform between the reference and the outputs' originals, if there is one."""
    if outcome == "passed through":
        return Transform.identity(transform.model)
    return None if outcome == "failed" else transform


def _reason(
    job: PairJob, result: AlignmentResult | None, outcome: PairOutcome, numbers: dict[str, Number]
) -> str:
    if result is None:
        return "A person has found the transform."
    if outcome != "passed through":
        return result.reason
    shift = numbers["corner_shift"]
    uncertainty = result.corner_uncertainty
    within = f" (uncertainty {uncertainty:.2g} px)" if np.isfinite(uncertainty) else ""
    return f"Aligned already: its corners would move by {shift:.2g} px{within}. {result.reason}"


def _timed(record: Record, began: float) -> Record:
    finished = datetime.now(UTC).isoformat(timespec="seconds")
    seconds = round(time.perf_counter() - began, 3)
    return replace(record, times={"finished": finished, "seconds": seconds})


def _size(image: NDArray[Any]) -> str:
    return f"{image.shape[1]} x {image.shape[0]}"
