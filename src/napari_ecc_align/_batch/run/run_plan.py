"""Running a plan: every pair that is not done yet, and the report."""

from __future__ import annotations

import functools
from collections.abc import Callable, Generator, Sequence
from contextlib import closing, nullcontext, suppress
from dataclasses import dataclass, replace

from ..._common.atomic import real_path
from ..._common.errors import InputError
from ..._common.workers.loop import Executor, Lost, work
from ..._common.workers.pool import Pool
from ..._common.workers.process import cores
from ..plan.pairs import PairFiles, Plan, Problem
from ..records.read import read_record, unreadable_record
from ..records.record import Outcome, Record, is_current, settings_for
from ..records.reopen import record_plan
from ..report.report import write_report
from ..settings import BatchSettings
from .commit import finish_all
from .folder_lock import holds, locked
from .job import PairJob, pair_job
from .pair_job import process_pair, record_failure

DEFAULT_TIMEOUT = 600.0


@dataclass(frozen=True)
class Counts:
    """How many pairs came to what."""

    aligned: int = 0
    passed_through: int = 0
    doubtful: int = 0
    failed: int = 0

    @property
    def done(self) -> int:
        """All of them."""
        return self.aligned + self.passed_through + self.doubtful + self.failed

    @property
    def all_fine(self) -> bool:
        """Whether none is doubtful or failed."""
        return not self.doubtful and not self.failed

    def plus(self, outcome: Outcome) -> Counts:
        """Return the counts with one more pair."""
        name = outcome.replace(" ", "_")
        return replace(self, **{name: getattr(self, name) + 1})


@dataclass(frozen=True, eq=False)
class BatchStep:
    """A pair that is done.

    Attributes
    ----------
    record : Record
        What came of it.
    counts : Counts
        Of all pairs done so far, this one included: `aligned`, `passed_through`, `doubtful` and
        `failed`.
    total : int
        How many pairs there are.
    resumed : bool
        An earlier run had done it.
    problem : Problem or None
        An earlier run's record of it that could not be read, so that it had to be done again.

    Examples
    --------
    >>> from napari_ecc_align import BatchStep, Record
    >>> counts = Counts().plus("aligned").plus("doubtful")
    >>> step = BatchStep(Record("p2.png", "doubtful", "It repeats."), counts, 40, False)
    >>> f"{step.done} of {step.total}, {step.counts.doubtful} doubtful: {step.record.name}"
    '2 of 40, 1 doubtful: p2.png'
    """

    record: Record
    counts: Counts
    total: int
    resumed: bool
    problem: Problem | None = None

    @property
    def done(self) -> int:
        """How many pairs are done so far."""
        return self.counts.done


def run_plan(
    plan: Plan,
    pairs: Sequence[PairFiles],
    *,
    settings: BatchSettings | None = None,
    workers: int | None = None,
    timeout: float = DEFAULT_TIMEOUT,
    cluster: str | None = None,
    overwrite: bool = False,
    cancel: Callable[[], bool] | None = None,
) -> Generator[BatchStep, None, None]:
    """Do some pairs of a plan and yield each as it is finished; those done earlier come first.

    The other parameters, and what is raised, are those of `Batch.run`.

    Parameters
    ----------
    plan : Plan
        What all is planned in its folder.
    pairs : sequence of PairFiles
        Those to do.
    settings : BatchSettings, optional
        How these are done, if not as the plan says.
    """
    total, counts = len(pairs), Counts()
    out = real_path(plan.out)
    with locked(out) as token:
        finish_all(out)
        record_plan(replace(plan, out=out))
        unrecorded: list[Record] = []
        damaged: dict[str, Problem] = {}
        complete = False
        try:
            jobs = []
            for pair in pairs:
                record = read_record(out, pair.name)
                if record is None and (problem := unreadable_record(out, pair.name)):
                    damaged[pair.name] = problem
                job = pair_job(plan, pair, record, token, settings=settings, overwrite=overwrite)
                if record is not None and _stays(record, job, asked=settings is not None):
                    counts = counts.plus(record.outcome)
                    yield BatchStep(record, counts, total, resumed=True)
                else:
                    jobs.append(job)
            if jobs:
                executor = _executor(jobs, workers, timeout, cluster)
                with closing(work(executor, jobs, cancel=cancel)) as results:
                    for job, result in filter(None, results):
                        record = _record(job, result)
                        if record.temporary:
                            unrecorded.append(record)
                        counts = counts.plus(record.outcome)
                        problem = damaged.get(record.name)
                        yield BatchStep(record, counts, total, resumed=False, problem=problem)
                # What a worker that died had begun; its pair has been done by another.
                finish_all(out)
            complete = True
        finally:
            problems = (*plan.problems, *damaged.values())
            # What has broken it off counts for more than that there is no report.
            with nullcontext() if complete else suppress(InputError):
                write_report(out, problems=problems, more=unrecorded)


def done_already(plan: Plan) -> int:
    """Return how many pairs of a plan an earlier run has done, and need not be done again."""
    done = 0
    for pair in plan.pairs:
        record = read_record(plan.out, pair.name)
        done += is_current(record, pair, settings_for(record, plan.settings), plan.out)
    return done


def _stays(record: Record, job: PairJob, *, asked: bool) -> bool:
    """Return whether a pair need not be done again."""
    # If other settings were asked for, its record must know that they were.
    if asked and record.review is None and record.batch_settings != job.noted_batch_settings:
        return False
    return is_current(record, job.pair, job.settings, job.out)


def _executor(
    jobs: list[PairJob], workers: int | None, timeout: float, cluster: str | None
) -> Executor[PairJob, Record]:
    if cluster is None:
        return Pool(process_pair, workers=workers or cores(), timeout=timeout)
    from ..workers.cluster import Cluster

    check = functools.partial(holds, jobs[0].out, jobs[0].token)
    return Cluster(process_pair, address=cluster, timeout=timeout, check=check)


def _record(job: PairJob, result: Record | Lost) -> Record:
    if isinstance(result, Record):
        return result
    return record_failure(job, f"Given up after a second try: {result.reason}.")
