"""What a person decides on a pair: accept, reject or correct it. Record and report follow."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from ..._common.errors import InputError
from ..._transform.transform import Transform
from ..plan.pairing import PairFiles, Plan
from ..records.record import Record, RecordedReview, read_record
from ..report.report import write_report
from .commit import commit, finish_all
from .folder_lock import locked
from .pair_job import PairJob, process_pair
from .run_plan import with_absolute_paths


def accept(plan: Plan, name: str, *, note: str = "") -> Record:
    """Call a doubtful pair aligned, because a person has looked at it.

    Parameters
    ----------
    plan : Plan
        That the pair belongs to.
    name : str
        Of the pair.
    note : str
        Anything worth keeping.

    Returns
    -------
    Record
        The pair's new record. Its outputs are written if they had been skipped.

    Raises
    ------
    InputError
        If the pair has no transform to accept, or a run has the folder.

    Examples
    --------
    >>> from pathlib import Path
    >>> from skimage import data
    >>> from napari_ecc_align import accept, make_plan, run_plan, write_image
    >>> for folder, top in (("ideal", 100), ("scan", 97)):
    ...     Path(folder).mkdir(exist_ok=True)
    ...     image = data.camera()[top : top + 200, 100:350]
    ...     write_image(f"{folder}/p1.png", image, overwrite=True)
    >>> plan = make_plan("ideal", "scan", out="aligned")
    >>> [finished.record.outcome for finished in run_plan(plan, workers=1)]
    ['aligned']
    >>> record = accept(plan, "p1.png", note="faded, but right")
    >>> record.outcome, record.review.decision
    ('aligned', 'accepted')
    """
    record = read_record(plan.out, name)
    if record is None or record.transform is None:
        raise InputError(f"{name} has no transform that could be accepted; correct it")
    return correct(plan, name, record.transform, review=RecordedReview("accepted", note))


def correct(
    plan: Plan,
    name: str,
    transform: Transform,
    *,
    note: str = "",
    review: RecordedReview | None = None,
) -> Record:
    """Do a pair with a transform that a person has found.

    Parameters
    ----------
    plan : Plan
        That the pair belongs to.
    name : str
        Of the pair.
    transform : Transform
        Maps reference pixels to moving pixels.
    note : str
        Anything worth keeping.
    review : RecordedReview, optional
        What the record says of it; by default that the pair was corrected.

    Returns
    -------
    Record
        The pair's new record; "failed" if its files cannot be read or written.

    Raises
    ------
    InputError
        If there is no such pair, or a run has the folder.

    Examples
    --------
    >>> from pathlib import Path
    >>> from skimage import data
    >>> from napari_ecc_align import Transform, correct, make_plan, write_image
    >>> for folder, top in (("ideal", 100), ("scan", 97)):
    ...     Path(folder).mkdir(exist_ok=True)
    ...     image = data.camera()[top : top + 200, 100:350]
    ...     write_image(f"{folder}/p1.png", image, overwrite=True)
    >>> plan = make_plan("ideal", "scan", out="aligned")
    >>> by_hand = Transform([[1, 0, 0], [0, 1, 3], [0, 0, 1]], model="translation")
    >>> correct(plan, "p1.png", by_hand).review.decision
    'corrected'
    """
    pair = _find(plan, name)
    with _reporting(plan) as (out, token):
        return process_pair(
            PairJob(
                with_absolute_paths(pair),
                plan.settings,
                out,
                token,
                transform=transform,
                review=review or RecordedReview("corrected", note),
            )
        )


def reject(plan: Plan, name: str, *, note: str = "") -> Record:
    """Call a pair failed, because a person has looked at it; its outputs are removed.

    Parameters
    ----------
    plan : Plan
        That the pair belongs to.
    name : str
        Of the pair.
    note : str
        Anything worth keeping.

    Returns
    -------
    Record
        The pair's new record.

    Raises
    ------
    InputError
        If the pair has not been done yet, or a run has the folder.

    Examples
    --------
    >>> from pathlib import Path
    >>> from skimage import data
    >>> from napari_ecc_align import make_plan, reject, run_plan, write_image
    >>> for folder, top in (("ideal", 100), ("scan", 97)):
    ...     Path(folder).mkdir(exist_ok=True)
    ...     image = data.camera()[top : top + 200, 100:350]
    ...     write_image(f"{folder}/p1.png", image, overwrite=True)
    >>> plan = make_plan("ideal", "scan", out="aligned")
    >>> [finished.record.outcome for finished in run_plan(plan, workers=1)]
    ['aligned']
    >>> reject(plan, "p1.png", note="another page").reason
    'Rejected by a person. another page'
    """
    _find(plan, name)
    with _reporting(plan) as (out, token):
        record = read_record(out, name)
        if record is None:
            raise InputError(f"{name} has not been done yet, so it cannot be rejected")
        rejected = replace(
            record,
            outcome="failed",
            reason=f"Rejected by a person. {note}".strip(),
            review=RecordedReview("rejected", note),
            transform=None,
        )
        return commit(out, token, rejected, {}, overwrite=False)


@contextmanager
def _reporting(plan: Plan) -> Iterator[tuple[Path, str]]:
    """Yield the output folder and the token of a run that has it, and write the report after."""
    out = plan.out.resolve()
    with locked(out) as token:
        finish_all(out)
        yield out, token
        write_report(out, problems=plan.problems)


def _find(plan: Plan, name: str) -> PairFiles:
    for pair in plan.pairs:
        if pair.name == name:
            return pair
    raise InputError(f"the plan has no pair {name!r}")
