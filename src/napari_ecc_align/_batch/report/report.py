"""The report of an output folder: ``report.html`` for people, ``report.csv`` for tables."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

from ..._common.atomic import real_path, rewrite
from ..._common.opening import printable
from ..._common.tables import FIELD_KEYS, INSPECTION_KEYS, RESULT_KEYS, csv_text
from ..plan.pairs import Problem
from ..records.read import read_records, unreadable_records
from ..records.record import OUTCOMES, Number, Record
from .histogram import histogram

HTML, CSV = "report.html", "report.csv"
MANY_DIFFERING = 5000
"""Differing pixels at which the report's filter starts when it is asked for."""
_MOST_THUMBNAILS = 3000
_WORST_FIRST = ("doubtful", "failed", "aligned", "passed through")
_COMPARED = tuple(key for key in INSPECTION_KEYS if not key.startswith("mean_difference"))
COLUMNS = (
    *("name", "outcome", "reason", "review", "note", "verdict", *_COMPARED),
    *(key for key in RESULT_KEYS if key not in ("verdict", "reason", "seconds")),
    *(key for key in FIELD_KEYS if key not in RESULT_KEYS),
    *(
        "corner_shift_um",
        "width",
        "height",
        "depth",
        "moving_width",
        "moving_height",
        "moving_depth",
        "z",
        "z_uncertainty",
        "seconds",
        "finished",
    ),
)


def write_report(
    out: Path, *, problems: Sequence[Problem] = (), more: Iterable[Record] = ()
) -> None:
    """Write the report of every pair that has a record, the doubtful first.

    Parameters
    ----------
    out : Path
        The output folder.
    problems : sequence of Problem
        Files that the plan could not use.
    more : iterable of Record
        Of pairs whose records could not be written.

    Raises
    ------
    InputError
        If the folder cannot be written to.
    """
    records = {record.name: record for record in (*read_records(out), *more)}
    ordered = sorted(records.values(), key=worst_first)
    told = {problem.path for problem in problems}
    lost = [problem for problem in unreadable_records(out, records) if problem.path not in told]
    problems = (*problems, *lost)
    rewrite(out / CSV, as_csv(ordered).encode())
    rewrite(out / HTML, as_html(out, ordered, problems).encode())


def row(record: Record) -> dict[str, Number]:
    """Return a record as one flat row, with every column of `COLUMNS`."""
    found = record.to_dict()
    return {column: found.get(column) for column in COLUMNS}


def as_csv(records: Iterable[Record]) -> str:
    """Return one row a pair; what is not known is empty."""
    return csv_text(COLUMNS, map(row, records))


def as_html(out: Path, records: Sequence[Record], problems: Sequence[Problem] = ()) -> str:
    """Return the report as one HTML file that needs nothing else."""
    from jinja2 import Environment, StrictUndefined

    full, names = real_path(out), {record.name for record in records}
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"count": _count, "printable": printable}
    template = files(__package__).joinpath("templates", "report.html.j2").read_text("utf-8")
    before, after = (_known(records, key) for key in ("different_before", "different"))
    aligned = [record for record in records if record.outcome == "aligned"]
    found = [record for record in records if record.transform is not None]
    charts = [
        histogram("displacement of the corners, px", {"moved": _known(found, "corner_shift")}),
        histogram("differing pixels", {"before": before, "after": after}, logarithmic=True),
    ]
    return environment.from_string(template).render(
        title=printable(full.name),
        folder=printable(full),
        version=version("napari-ecc-align"),
        counts={name: sum(r.outcome == name for r in records) for name in OUTCOMES},
        total=len(records),
        moved=_median(_known(aligned, "corner_shift")),
        before=_median(_known(aligned, "different_before")),
        after=_median(_known(aligned, "different")),
        worst=max(_known(aligned, "different"), default=None),
        charts=[*filter(None, charts)],
        problems=[problem for problem in problems if problem.pair not in names],
        rows=zip(records, map(row, records), strict=True),
        most_thumbnails=_MOST_THUMBNAILS,
        story=MANY_DIFFERING,
    )


def worst_first(record: Record) -> tuple[int, float, str]:
    """Return what sorts records such that those to look at come first."""
    after = record.numbers.get("different")
    differing = float(after) if isinstance(after, int | float) else 0.0
    return _WORST_FIRST.index(record.outcome), -differing, record.name


def _known(records: Iterable[Record], name: str) -> list[float]:
    values = (record.numbers.get(name) for record in records)
    return [float(value) for value in values if isinstance(value, int | float)]


def _median(values: list[float]) -> float | None:
    return statistics.median(values) if values else None


def _count(value: float | None, digits: int = 0) -> str:
    return "-" if value is None else f"{value:,.{digits}f}"
