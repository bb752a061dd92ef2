"""What a person decides on a pair: accept, reject or correct it. Record and report follow.

Everything is looked at before anything is written; what is refused changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..._align.volume.transform import VolumeTransform
from ..._common.atomic import real_path
from ..._common.errors import InputError
from ..._transform.transform_like import FieldLike, TransformLike, as_map
from ..._transform.volume_field import VolumeField
from ..plan.pairs import PairFiles, Plan, find_pairs
from ..records.decided import Former, RecordedReview
from ..records.read import read_record, transform_of, unreadable_record
from ..records.record import AnyTransform, Record, document_of
from ..report.report import write_report
from .commit import commit, finish_all, is_there
from .folder_lock import locked
from .job import pair_job
from .pair_job import record_and_files


def accept(plan: Plan, name: str, *, note: str = "") -> Record:
    """Call a pair aligned, because a person has looked at it; see `Batch.accept`."""
    pair, review = _decision(plan, name, RecordedReview("accepted", note))
    record = _record_of(plan, pair.name, "accepted")
    transform = record.transform or rejected_transform(record)
    if transform is None:
        raise InputError(f"{name} has no transform that could be accepted; correct it")
    if record.outputs and all(is_there(plan.out, file) for file in record.outputs):
        accepted = replace(
            record,
            outcome="passed through" if record.outcome == "passed through" else "aligned",
            reason=f"Accepted by a person. {note}".strip(),
            review=review,
        )
        return _written(plan, accepted, None)
    return _rewritten(plan, pair, transform, review)


def rejected_transform(record: Record) -> AnyTransform | None:
    """Return the transform that a rejected pair had before; None of any other."""
    former = None if record.review is None else record.review.former
    if former is None or former.transform is None or record.transform is not None:
        return None
    return transform_of(former.transform)


def correct(
    plan: Plan,
    name: str,
    transform: TransformLike | FieldLike | VolumeTransform | VolumeField,
    *,
    note: str = "",
) -> Record:
    """Do a pair with a transform that a person has found; see `Batch.correct`."""
    pair, review = _decision(plan, name, RecordedReview("corrected", note))
    held: Any = getattr(transform, "transform", transform)
    found = held if isinstance(held, VolumeTransform | VolumeField) else as_map(held)
    if getattr(transform, "verdict", None) in ("failed", "cancelled"):
        raise InputError(
            f"{name}: this alignment did not succeed either; if its transform is right all the "
            "same, give the transform itself"
        )
    return _rewritten(plan, pair, found, review)


def reject(plan: Plan, name: str, *, note: str = "") -> Record:
    """Call a pair failed, because a person has looked at it; see `Batch.reject`."""
    pair, review = _decision(plan, name, RecordedReview("rejected", note))
    return _written(plan, _rejected(_record_of(plan, pair.name, "rejected"), review), {})


def _rejected(record: Record, review: RecordedReview) -> Record:
    reason = f"Rejected by a person. {review.note}".strip()
    return replace(record, outcome="failed", reason=reason, review=review, transform=None)


def undo(plan: Plan, name: str) -> Record:
    """Take the last decision on a pair back; see `Batch.undo`."""
    (pair,) = find_pairs(plan.pairs, name)
    record = _record_of(plan, pair.name, "put back")
    if record.review is None:
        raise InputError(f"{name}: nobody has decided on it, so there is nothing to undo")
    former = record.review.former or Former()
    if former.decision is None:
        # What was done without a person is done again.
        return _written(plan, *record_and_files(pair_job(plan, pair, record, "")))
    review = RecordedReview(former.decision, former.note)
    found = None if former.transform is None else transform_of(former.transform)
    if former.decision == "rejected" or found is None:
        return _written(plan, _rejected(record, replace(review, former=_kept(found))), {})
    job = pair_job(plan, pair, record, "", transform=found, review=review)
    return _written(plan, *record_and_files(job))


def _kept(transform: AnyTransform | None) -> Former:
    return Former(None if transform is None else document_of(transform))


def _decision(plan: Plan, name: str, review: RecordedReview) -> tuple[PairFiles, RecordedReview]:
    """Return the pair that a decision is on, and the decision, or refuse either.

    The decision knows what stood before.
    """
    (pair,) = find_pairs(plan.pairs, name)
    if not isinstance(review.note, str):
        raise InputError(f"note must be a text, not {review.note!r}")
    record = read_record(plan.out, pair.name)
    if record is None:
        return pair, review
    former = _kept(record.transform or rejected_transform(record))
    if record.review is not None:
        before = record.review
        former = replace(former, decision=before.decision, note=before.note)
    return pair, replace(review, former=former)


def _record_of(plan: Plan, name: str, decided: str) -> Record:
    record = read_record(plan.out, name)
    if record is None and unreadable_record(plan.out, name):
        raise InputError(
            f"{name} has a record that cannot be read, so it cannot be {decided}; run it again"
        )
    if record is None:
        raise InputError(f"{name} has not been done yet, so it cannot be {decided}; run it first")
    return record


def _rewritten(
    plan: Plan, pair: PairFiles, transform: AnyTransform, review: RecordedReview
) -> Record:
    """Do a pair with a given transform."""
    former = read_record(plan.out, pair.name)
    job = pair_job(plan, pair, former, "", transform=transform, review=review)
    return _written(plan, *record_and_files(job))


def _written(plan: Plan, record: Record, files: Mapping[str, bytes] | None) -> Record:
    """Write a pair's record and outputs, and then the report."""
    out = real_path(plan.out)
    with locked(out) as token:
        finish_all(out)
        record = commit(out, token, record, files, overwrite=False)
        write_report(out, problems=plan.problems)
    return record
