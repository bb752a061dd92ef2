"""One pair, from its files to its record."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._align.pair import align_steps, checked_job
from ..._align.smooth import smooth_steps
from ..._align.volume.transform import VolumeTransform
from ..._common.errors import InputError
from ..._common.steps import outcome_of
from ..._images.coverage import overlap
from ..._images.files.images import encode_image
from ..._images.files.warped import blanked, continued
from ..._transform.field import Field
from ..._transform.plausible import distortions
from ..._transform.transform import Transform
from ..._transform.volume_field import VolumeField
from ..._verdict.field_result import SmoothAlignment
from ..._verdict.result import AlignmentResult
from ..records.record import InputFile, Number, Outcome, Record
from ..settings import BatchSettings
from .commit import commit
from .job import PairJob, lies_right
from .loaded import Loaded, load, looked_at, sibling
from .measure import (
    Differences,
    alignment_numbers,
    compared_numbers,
    corners_moved,
    differences_after,
    differences_before,
    thumbnail,
)
from .resample import resample_file
from .volume_pair import are_volumes, volume_record

AnyResult = AlignmentResult | SmoothAlignment


def process_pair(job: PairJob) -> Record:
    """Align a pair, write what comes of it and return its record.

    Whatever is wrong with the pair is a record with the outcome "failed".
    """
    began = time.perf_counter()
    try:
        record, files = record_and_files(job)
        return commit(job.out, job.token, record, files, overwrite=job.overwrite)
    except InputError as error:
        reason = str(error)
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
        batch_settings=job.noted_batch_settings,
    )
    record = _timed(record, time.perf_counter() if began is None else began)
    try:
        return commit(job.out, job.token, record, {}, overwrite=False)
    except InputError:  # a full disk; the report of this run says so
        return record


def record_and_files(job: PairJob) -> tuple[Record, dict[str, bytes]]:
    """Return a pair's record and the contents of its outputs, by path; nothing is written.

    Raises
    ------
    InputError
        If a file cannot be used, a given transform cannot be right, or there is no memory.
    """
    began = time.perf_counter()
    try:
        record, files = _done(job)
    except MemoryError as error:
        raise InputError(
            "there is not enough memory for images of this size; crop or shrink them"
        ) from error
    return _timed(record, began), files


def _done(job: PairJob) -> tuple[Record, dict[str, bytes]]:
    pair, settings = job.pair, job.settings
    reference = load("reference", pair.reference, settings)
    moving = load("moving", pair.moving, settings)
    if are_volumes(reference, moving, settings):
        return volume_record(job, reference, moving)
    if isinstance(job.transform, VolumeTransform | VolumeField):
        raise InputError(f"{pair.name}: these are images, and the transform is one of volumes")
    if job.transform is None:
        result = _found(reference.image, moving.image, settings)
        transform: Transform | Field = result.transform
    else:
        result, transform = None, job.transform
        _check_given(job, reference.image.shape, moving.image.shape)
    before = differences_before(reference.image, moving.image, settings)
    pixel_um = reference.read.grid.pixel_um
    numbers = alignment_numbers(result, transform, reference.image, moving.image, pixel_um)
    outcome = _outcome(result, transform, reference.image.shape, moving.image.shape, settings)
    inputs, files, after = [reference.file, moving.file], dict[str, bytes](), None
    for role, path in pair.images[1:]:
        if role != "moving" and settings.missing_siblings == "skip" and not path.exists():
            continue
        file, written, compared = _warped(job, role, path, moving, reference, outcome, transform)
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
        batch_settings=job.noted_batch_settings,
        numbers=numbers,
        review=job.review,
        thumbnail=thumbnail(before, after),
    )
    return record, files


def _found(reference: NDArray[Any], moving: NDArray[Any], settings: BatchSettings) -> AnyResult:
    if settings.bends:
        return outcome_of(smooth_steps(checked_job(reference, moving, settings)))
    return outcome_of(align_steps(reference, moving, settings))


def _warped(
    job: PairJob,
    role: str,
    path: Path,
    moving: Loaded,
    reference: Loaded,
    outcome: Outcome,
    transform: Transform | Field,
) -> tuple[InputFile, dict[str, bytes], Differences | None]:
    """Return the file of an image, its output by path, and how the moving image now compares.

    Its images are let go of before those of the next are read.
    """
    pair, settings = job.pair, job.settings
    loaded = moving if role == "moving" else sibling(role, path, moving, settings)
    folder = pair.folder if role == "moving" else role
    written, compared = dict[str, bytes](), None
    if outcome == "passed through":
        name = pair.output(folder, path, resampled=False)
        written[name] = loaded.passed_on(name)
    elif outcome != "failed":
        pixels = resample_file(continued(loaded.read), transform, reference.image.shape, settings)
        aligned = loaded.read.resampled(pixels, reference.read.grid)
        aligned = blanked(loaded.read, aligned, transform, settings.fill)
        if role == "moving":
            shape, plane = moving.image.shape, looked_at(aligned, path, settings)
            compared = differences_after(reference.image, plane, transform, shape, settings)
        if outcome == "aligned" or settings.doubtful == "write":
            name = pair.output(folder, path, resampled=True)
            written[name] = encode_image(name, aligned, quick=True)
    return loaded.file, written, compared


def _check_given(job: PairJob, reference: tuple[int, ...], moving: tuple[int, ...]) -> None:
    """Refuse a given transform that folds the image, or lays none of it on the reference."""
    transform = job.transform
    assert isinstance(transform, Transform | Field)
    name, found = job.pair.name, distortions(transform.matrix, reference)
    if not all(0 < place.depth < math.inf and abs(place.determinant) > 0 for place in found):
        raise InputError(
            f"{name}: the transform folds the image or flattens it; give one that maps reference "
            "pixels to moving pixels"
        )
    if not overlap(transform, output_shape=reference, moving_shape=moving).any():
        raise InputError(
            f"{name}: the transform lays no pixel of the moving image on the reference; give one "
            "that maps reference pixels (x, y) to moving pixels"
        )


def _outcome(
    result: AnyResult | None,
    transform: Transform | Field,
    reference_shape: tuple[int, ...],
    moving_shape: tuple[int, ...],
    settings: BatchSettings,
) -> Outcome:
    """Decide what becomes of a pair: pairs that lie right already are not resampled."""
    if result is None:
        return "aligned"
    if result.verdict != "aligned":
        return "failed" if result.verdict == "cancelled" else result.verdict
    if reference_shape[:2] != moving_shape[:2]:
        return "aligned"
    if isinstance(result, SmoothAlignment) and result.bends:
        return "aligned"
    shift = corners_moved(transform, (reference_shape[0], reference_shape[1]))
    there = lies_right(shift, _uncertainty(result), settings)
    return "passed through" if there else "aligned"


def _uncertainty(result: AnyResult) -> float:
    return result.uncertainty if isinstance(result, SmoothAlignment) else result.corner_uncertainty


def _applied(outcome: Outcome, transform: Transform | Field) -> Transform | Field | None:
    """Return the transform between the reference and the outputs' originals, if there is one."""
    if outcome == "passed through":
        return Transform.identity("affine" if transform.model == "smooth" else transform.model)
    return None if outcome == "failed" else transform


def _reason(
    job: PairJob, result: AnyResult | None, outcome: Outcome, numbers: dict[str, Number]
) -> str:
    if result is None:
        return "A person has found the transform."
    if outcome != "passed through":
        return result.reason
    shift = numbers["corner_shift"]
    uncertainty = _uncertainty(result)
    within = f" (uncertainty {uncertainty:.2g} px)" if np.isfinite(uncertainty) else ""
    return f"Aligned already: its corners would move by {shift:.2g} px{within}. {result.reason}"


def _timed(record: Record, began: float) -> Record:
    finished = datetime.now(UTC).isoformat(timespec="seconds")
    seconds = round(time.perf_counter() - began, 3)
    return replace(record, times={"finished": finished, "seconds": seconds})
