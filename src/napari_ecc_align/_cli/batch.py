"""``ecc-align batch``."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, fields
from typing import Any

from .._batch.batch import Batch
from .._batch.plan.pairing import make_plan
from .._batch.plan.pairs import PairFiles, Problem
from .._batch.records.read import unreadable_records
from .._batch.records.record import Record
from .._batch.report.report import CSV, row, worst_first
from .._batch.run.run_plan import BatchStep, Counts, done_already
from .._batch.settings import BatchSettings
from .._common.errors import InputError
from .console import complain, narrate, say, tell, terminal_bar
from .show import some, to_json


def run_batch(chosen: argparse.Namespace) -> int:
    """Align a dataset, or show what would be done; return the exit code."""
    settings = BatchSettings(**{f.name: getattr(chosen, f.name) for f in fields(BatchSettings)})
    plan = make_plan(
        chosen.reference,
        chosen.moving,
        chosen.out,
        siblings=chosen.sibling,
        table=chosen.pairs,
        where=chosen.where,
        settings=settings,
    )
    batch = Batch(**vars(plan))
    done = done_already(batch) if chosen.dry_run else None
    if chosen.json:
        _say_line(_plan_line(batch, done))
    else:
        tell(chosen, "\n".join(_plan_text(batch, done)))
    if chosen.dry_run:
        if chosen.json:
            for pair in batch.pairs:
                images = {role: str(path) for role, path in pair.images}
                _say_line({"event": "planned", "name": pair.name, "images": images})
        else:
            _tell_some(chosen, [*map(_pair_text, batch.pairs)], " (--json lists all)")
        return int(any(problem.pair is not None for problem in batch.problems))
    return _run(batch, chosen)


def _run(batch: Batch, chosen: argparse.Namespace) -> int:
    counts = Counts()
    not_fine: list[Record] = []
    damaged: list[Problem] = []
    steps = batch.run(
        workers=chosen.workers,
        timeout=chosen.timeout,
        cluster=chosen.cluster,
        overwrite=chosen.overwrite,
    )
    with closing(steps), _progress(len(batch), hidden=chosen.quiet or chosen.verbose) as show:
        try:
            for finished in steps:
                counts = finished.counts
                show(finished)
                record = finished.record
                narrate(chosen, f"{finished.done} of {finished.total}: {_said(record)}")
                if chosen.json:
                    step = {"event": "pair", "done": finished.done, "total": finished.total}
                    _say_line({**step, **row(record), "resumed": finished.resumed})
                if finished.problem is not None:
                    damaged.append(finished.problem)
                if record.needs_review:
                    not_fine.append(record)
        except InputError as error:
            if counts.done < len(batch):
                raise
            complain(str(error))  # the report cannot be written, but the pairs are done
            return 1
    damaged += unreadable_records(batch.out, batch.names)
    files = {"html": str(batch.report), "csv": str(batch.out / CSV)}
    if chosen.json:
        problems = [*map(_problem, damaged)]
        _say_line({"event": "done", **asdict(counts), "problems": problems, "report": files})
    else:
        ordered = sorted(not_fine, key=worst_first)
        _tell_some(chosen, [f"{problem.path}: {problem.reason}" for problem in damaged])
        _tell_some(chosen, [*map(_said, ordered)])
        tell(
            chosen,
            f"{counts.aligned} aligned, {counts.passed_through} passed through, "
            f"{counts.doubtful} doubtful, {counts.failed} failed. Report: {files['html']}",
        )
    names = {None, *batch.names}
    # Of a pair that no record can name there is none.
    lost = any(problem.pair not in names for problem in batch.problems)
    accepted = counts.all_fine or (chosen.accept == "doubtful" and not counts.failed)
    return 0 if accepted and not lost else 1


@contextmanager
def _progress(total: int, *, hidden: bool) -> Iterator[Any]:
    """Show rate, remaining time and counts on a terminal's standard error."""
    # The bar comes last: where there is little room, it is the one to shrink.
    shape = "{n_fmt}/{total_fmt} [{elapsed}<{remaining}, {rate_fmt}{postfix}] |{bar}|"
    kept = {"unit": "pair", "smoothing": 0.1, "dynamic_ncols": True}
    with terminal_bar(total, shape, hidden=hidden, **kept) as bar:

        def show(finished: BatchStep) -> None:
            if finished.resumed and not bar.disable:
                # What an earlier run has done says nothing of the rate.
                bar.initial += 1
            bar.update(1)
            counts = finished.counts
            text = f"{counts.doubtful} doubtful, {counts.failed} failed, "
            text += f"{counts.aligned} aligned, {counts.passed_through} passed"
            bar.set_postfix_str(text, refresh=False)

        yield show


def _plan_text(batch: Batch, done: int | None) -> list[str]:
    folders = dict.fromkeys(name for pair in batch.pairs for name, _ in pair.warped_images)
    lines = [f"{len(batch)} pairs; {', '.join(folders)} to {batch.out}"]
    if done:
        lines.append(f"  {done} of them are done already")
    listed = [
        f"  {problem.path}: {problem.reason}" + (", its pair will fail" if problem.pair else "")
        for problem in batch.problems
    ]
    return lines + some(listed)


def _said(record: Record) -> str:
    return f"{record.outcome}: {record.name}: {record.reason}"


def _pair_text(pair: PairFiles) -> str:
    siblings = "".join(f" + {path}" for path in pair.siblings.values())
    return f"{pair.name}: {pair.reference} <- {pair.moving}{siblings}"


def _plan_line(batch: Batch, done: int | None) -> dict[str, Any]:
    return {
        "event": "plan",
        "pairs": len(batch),
        **({} if done is None else {"done": done}),
        "out": str(batch.out),
        "problems": [*map(_problem, batch.problems)],
    }


def _problem(problem: Problem) -> dict[str, Any]:
    return {**vars(problem), "path": str(problem.path)}


def _tell_some(chosen: argparse.Namespace, lines: list[str], hint: str = "") -> None:
    if lines:
        tell(chosen, "\n".join(some(lines, hint)))


def _say_line(document: dict[str, Any]) -> None:
    say(to_json(document, indent=None))
