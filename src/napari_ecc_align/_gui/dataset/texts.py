"""What the dataset form says: the plan, the progress, a pair."""

from __future__ import annotations

from dataclasses import asdict
from html import escape

from ..._batch.plan.pairs import Plan
from ..._batch.records.record import Record
from ..._batch.run.run_plan import Counts
from ..shared.html import VERDICT_COLOURS, breakable

COLOURS = {**VERDICT_COLOURS, "passed through": VERDICT_COLOURS["aligned"]}
_MOST_PROBLEMS = 6


def plan_text(plan: Plan, done: int) -> str:
    """Return what a plan will do, in HTML.

    Parameters
    ----------
    plan : Plan
        The plan.
    done : int
        How many of its pairs have a record.
    """
    folders = dict.fromkeys(name for pair in plan.pairs for name, _ in pair.warped_images)
    count = len(plan)
    head = f"<b>{count:,} {'pair' if count == 1 else 'pairs'}</b>"
    if done:
        head += f", {done:,} of them done"
    lines = [f"{head}; writes {escape(', '.join(folders))}"]
    listed = plan.problems[:_MOST_PROBLEMS]
    for problem in listed:
        outcome = "will fail" if problem.pair else "left out"
        said = f"{problem.path.parent.name}/{problem.path.name}: {problem.reason} ({outcome})"
        lines.append(f'<span style="color: {COLOURS["doubtful"]}">{escape(said)}</span>')
    if len(plan.problems) > len(listed):
        lines.append(f"and {len(plan.problems) - len(listed):,} more such files")
    return "<br>".join(lines)


def counts_text(counts: Counts, rejected: int = 0) -> str:
    """Return how many pairs came to what.

    Parameters
    ----------
    counts : Counts
        Of the outcomes.
    rejected : int, default: 0
        How many of those that failed did so by a person's word; they are told apart.
    """
    parts = {name.replace("_", " "): number for name, number in asdict(counts).items()}
    parts |= {"failed": counts.failed - rejected, "rejected": rejected}
    return ", ".join(f"{number:,} {what}" for what, number in parts.items() if number) or "none"


def progress_text(counts: Counts, total: int, fresh: int, seconds: float) -> str:
    """Return how far a run is, how fast, and when it will have ended.

    Parameters
    ----------
    counts : Counts
        Of all pairs done.
    total : int
        How many there are.
    fresh : int
        How many this run has done itself.
    seconds : float
        In this time.
    """
    text = f"{counts.done:,} of {total:,}: {counts_text(counts)}"
    if fresh and seconds > 0 and counts.done < total:
        rate = fresh / seconds
        text += f"<br>{rate:.2g} pairs/s, {_duration((total - counts.done) / rate)} left"
    return text


def pair_text(record: Record) -> str:
    """Return what is known of a pair, in HTML."""
    # Of one that was rejected its reason says no more than the line of the decision.
    said, reason = record.outcome.capitalize(), f" {escape(record.reason)}"
    if is_rejected(record):
        said, reason = "Rejected", ""
    title = f'<b style="color: {COLOURS[record.outcome]}">{said}.</b>'
    lines = [f"<b>{breakable(record.name)}</b>", title + reason]
    before, after = (record.numbers.get(key) for key in ("different_before", "different"))
    if isinstance(before, int | float) and isinstance(after, int | float):
        lines.append(f"{before:,.0f} differing pixels before, {after:,.0f} after")
    if record.review is not None:
        note = f": {escape(record.review.note)}" if record.review.note else ""
        lines.append(f"<i>{record.review.decision.capitalize()} by a person{note}</i>")
    return "<br>".join(lines)


def is_rejected(record: Record) -> bool:
    """Return whether a person has called a pair none."""
    return record.review is not None and record.review.decision == "rejected"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
