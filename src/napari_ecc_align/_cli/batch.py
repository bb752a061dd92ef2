"""``ecc-align batch``."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, fields
from typing import Any

from .._batch.plan.pairing import PairFiles, Plan, make_plan
from .._batch.records.record import Record
from .._batch.report.report import CSV, HTML, row, worst_first
from .._batch.run.run_plan import Counts, Finished, done_already, run_plan
from .._batch.settings import BatchSettings
from .._common.errors import InputError
from .._common.tables import finite
from .console import complain, say, terminal_bar

_MOST_LINES = 20


def run_batch(chosen: argparse.Namespace) -> int:
    """Align a dataset, or show what would be done; return the exit code."""
    settings = BatchSettings(**{f.name: getattr(chosen, f.name) for f in fields(BatchSettings)})
    plan = make_plan(
        chosen.reference,
        chosen.moving,
        siblings=chosen.sibling,
        table=chosen.pairs,
        out=chosen.out,
        where=chosen.where,
        settings=settings,
    )
    done = done_already(plan) if chosen.dry_run else None
    if chosen.json:
        _say_line(_plan_line(plan, done))
    else:
        say("\n".join(_plan_text(plan, done)))
    if chosen.dry_run:
        if chosen.json:
            for pair in plan.pairs:
                images = {role: str(path) for role, path in pair.images}
                _say_line({"event": "planned", "name": pair.name, "images": images})
        else:
            _say_some([_pair_text(pair) for pair in plan.pairs], " (--json lists all)")
        return int(any(problem.pair is not None for problem in plan.problems))
    return _run(plan, chosen)


def _run(plan: Plan, chosen: argparse.Namespace) -> int:
    counts = Counts()
    not_fine: list[Record] = []
    steps = run_plan(
        plan,
        workers=chosen.workers,
        timeout=chosen.timeout,
        cluster=chosen.cluster,
        overwrite=chosen.overwrite,
    )
    with closing(steps), _progress(len(plan.pairs)) as show:
        try:
            for finished in steps:
                counts = finished.counts
                show(finished)
                if chosen.json:
                    said = {"event": "pair", "done": counts.done, "total": finished.total}
                    _say_line({**said, **row(finished.record), "resumed": finished.resumed})
                if finished.record.needs_review:
                    not_fine.append(finished.record)
        except InputError as error:
            if counts.done < len(plan.pairs):
                raise
            complain(str(error))  # the report cannot be written, but the pairs are done
            return 1
    files = {"html": str(plan.out / HTML), "csv": str(plan.out / CSV)}
    if chosen.json:
        _say_line({"event": "done", **asdict(counts), "report": files})
    else:
        ordered = sorted(not_fine, key=worst_first)
        _say_some([f"{record.outcome}: {record.name}: {record.reason}" for record in ordered])
        say(
            f"{counts.aligned} aligned, {counts.passed_through} passed through, "
            f"{counts.doubtful} doubtful, {counts.failed} failed. Report: {files['html']}"
        )
    return 0 if counts.all_fine else 1


@contextmanager
def _progress(total: int) -> Iterator[Any]:
    """Show rate, remaining time and counts on a terminal's standard error."""
    # The bar comes last: where there is little room, it is the one to shrink.
    shape = "{n_fmt}/{total_fmt} [{elapsed}<{remaining}, {rate_fmt}{postfix}] |{bar}|"
    with terminal_bar(total, shape, unit="pair", smoothing=0.1, dynamic_ncols=True) as bar:

        def show(finished: Finished) -> None:
            if finished.resumed and not bar.disable:
                # What an earlier run has done says nothing of the rate.
                bar.initial += 1
            bar.update(1)
            counts = finished.counts
            text = f"{counts.doubtful} doubtful, {counts.failed} failed, "
            text += f"{counts.aligned} aligned, {counts.passed_through} passed"
            bar.set_postfix_str(text, refresh=False)

        yield show


def _plan_text(plan: Plan, done: int | None) -> list[str]:
    flavours = dict.fromkeys(flavour for pair in plan.pairs for flavour, _ in pair.flavours)
    lines = [f"{len(plan.pairs)} pairs; {', '.join(flavours)} to {plan.out}"]
    if done:
        lines.append(f"  {done} of them are done already")
    listed = [
        f"  {problem.path}: {problem.reason}" + (", its pair will fail" if problem.pair else "")
        for problem in plan.problems
    ]
    return lines + _some(listed)


def _pair_text(pair: PairFiles) -> str:
    siblings = "".join(f" + {path}" for path in pair.siblings.values())
    return f"{pair.name}: {pair.reference} <- {pair.moving}{siblings}"


def _plan_line(plan: Plan, done: int | None) -> dict[str, Any]:
    return {
        "event": "plan",
        "pairs": len(plan.pairs),
        **({} if done is None else {"done": done}),
        "out": str(plan.out),
        "problems": [{**vars(problem), "path": str(problem.path)} for problem in plan.problems],
    }


def _some(lines: list[str], hint: str = "") -> list[str]:
    if len(lines) <= _MOST_LINES:
        return lines
    return [*lines[:_MOST_LINES], f"  ... and {len(lines) - _MOST_LINES} more{hint}"]


def _say_some(lines: list[str], hint: str = "") -> None:
    if lines:
        say("\n".join(_some(lines, hint)))


def _say_line(document: dict[str, Any]) -> None:
    say(json.dumps(finite(document), allow_nan=False))
