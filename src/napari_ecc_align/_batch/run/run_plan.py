"""Running a plan: every pair that is not done yet, and the report."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from ..._common.errors import InputError
from ..plan.pairing import PairFiles, Plan
from ..records.record import PairOutcome, Record, is_current, read_record
from ..report.report import write_report
from ..workers.loop import Executor, Lost, work
from ..workers.pool import Pool
from .commit import finish_all
from .folder_lock import holds, locked
from .pair_job import PairJob, process_pair, record_failure

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

    def plus(self, outcome: PairOutcome) -> Counts:
        """Return the counts with one more pair."""
        name = outcome.replace(" ", "_")
        return replace(self, **{name: getattr(self, name) + 1})


@dataclass(frozen=True, eq=False)
class Finished:
    """A pair that is done.

    Attributes
    ----------
    pair : PairFiles
        The pair.
    record : Record
        What came of it.
    counts : Counts
        Of all pairs done so far, this one included.
    total : int
        How many pairs there are.
    resumed : bool
        An earlier run had done it.
    """

    pair: PairFiles
    record: Record
    counts: Counts
    total: int
    resumed: bool


def run_plan(
    plan: Plan,
    *,
    workers: int | None = None,
    timeout: float = DEFAULT_TIMEOUT,
    cluster: str | None = None,
    overwrite: bool = False,
    cancel: Callable[[], bool] | None = None,
) -> Generator[Finished, None, None]:
    """Do every pair of a plan and yield each as it is finished; those done earlier come first.

    Closing the generator, or `cancel`, ends the work; running the plan again goes on where it
    was. Either way the report says how far it came. The processes do not import the script that
    calls this.

    Parameters
    ----------
    plan : Plan
        From `make_plan`.
    workers : int, optional
        Processes, each of which uses one core; by default one per core.
    timeout : float, default: 600
        Seconds after which the process of a pair is ended and the pair tried once more.
    cluster : str, optional
        Address of a dask.distributed scheduler, whose workers are used in place of processes
        here.
    overwrite : bool, default: False
        Replace files in the output folder that no run has written.
    cancel : callable, optional
        Asked about ten times a second; returns True to end the run.

    Yields
    ------
    Finished

    Raises
    ------
    InputError
        If another run has the output folder, it cannot be written to, or no process or cluster
        can be had; at the end, if the report cannot be written.

    Examples
    --------
    >>> from pathlib import Path
    >>> from skimage import data
    >>> from napari_ecc_align import make_plan, run_plan, write_image
    >>> for folder, top in (("ideal", 100), ("scan", 97)):
    ...     Path(folder).mkdir(exist_ok=True)
    ...     image = data.camera()[top : top + 200, 100:350]
    ...     write_image(f"{folder}/p1.png", image, overwrite=True)
    >>> plan = make_plan("ideal", "scan", out="aligned")
    >>> for finished in run_plan(plan, workers=1):
    ...     print(finished.counts.done, "of", finished.total, finished.record.outcome)
    1 of 1 aligned
    """
    total, counts = len(plan.pairs), Counts()
    out = plan.out.resolve()
    with locked(out) as token:
        finish_all(out)
        unrecorded: list[Record] = []
        complete = False
        try:
            jobs = []
            for pair in plan.pairs:
                record = read_record(out, pair.name)
                if record is not None and is_current(record, pair, plan.settings, out):
                    counts = counts.plus(record.outcome)
                    yield Finished(pair, record, counts, total, resumed=True)
                else:
                    jobs.append(
                        PairJob(with_absolute_paths(pair), plan.settings, out, token, overwrite)
                    )
            if jobs:
                executor = _executor(jobs, workers, timeout, cluster)
                with closing(work(executor, jobs, cancel=cancel)) as results:
                    for job, result in filter(None, results):
                        record = _record(job, result)
                        if record.temporary:
                            unrecorded.append(record)
                        counts = counts.plus(record.outcome)
                        yield Finished(job.pair, record, counts, total, resumed=False)
                # What a worker that died had begun; its pair has been done by another.
                finish_all(out)
            complete = True
        finally:
            try:
                write_report(out, problems=plan.problems, more=unrecorded)
            except InputError:
                if complete:
                    raise


def done_already(plan: Plan) -> int:
    """Return how many pairs of a plan an earlier run has done, and need not be done again."""
    out = plan.out.resolve()
    return sum(
        is_current(read_record(out, pair.name), pair, plan.settings, out) for pair in plan.pairs
    )


def _executor(
    jobs: list[PairJob], workers: int | None, timeout: float, cluster: str | None
) -> Executor[PairJob, Record]:
    if cluster is None:
        return Pool(process_pair, workers=workers or cores(), timeout=timeout)
    from ..workers.cluster import Cluster

    check = functools.partial(holds, jobs[0].out, jobs[0].token)
    return Cluster(process_pair, address=cluster, timeout=timeout, check=check)


def cores() -> int:
    """Return how many cores this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on Linux
        return os.cpu_count() or 1


def _record(job: PairJob, result: Record | Lost) -> Record:
    if isinstance(result, Record):
        return result
    return record_failure(job, f"Given up after a second try: {result.reason}.")


def with_absolute_paths(pair: PairFiles) -> PairFiles:
    """Return a pair that means the same in a process with another working folder."""
    return replace(
        pair,
        reference=_full(pair.reference),
        moving=_full(pair.moving),
        siblings={flavour: _full(path) for flavour, path in pair.siblings.items()},
        columns={},
    )


def _full(path: Path) -> Path:
    return Path(os.path.abspath(path))  # noqa: PTH100 - links are kept, ".." is not
