"""How ``ecc-align`` talks to a person."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from ..inspection import Row
from ..progress import Progress
from ..result import AlignmentResult, Verdict

EXIT_CODES: dict[Verdict, int] = {"aligned": 0, "doubtful": 1, "failed": 1}


class Bar:
    """A progress bar on a terminal's standard error, and nothing anywhere else."""

    def __init__(self) -> None:
        from tqdm import tqdm

        self._bar = tqdm(
            total=1.0,
            disable=not sys.stderr.isatty(),
            leave=False,
            bar_format="{percentage:3.0f}%|{bar:30}| {desc}",
        )

    def update(self, step: Progress) -> None:
        """Show a step."""
        self._bar.set_description_str(step.stage, refresh=False)
        self._bar.n = max(self._bar.n, step.fraction)
        self._bar.update(0)
        self._bar.refresh()

    def close(self) -> None:
        """Take the bar off the terminal."""
        self._bar.close()


@contextmanager
def progress_bar() -> Iterator[Bar]:
    """Show a progress bar while the block runs."""
    bar = Bar()
    try:
        yield bar
    finally:
        bar.close()


def verdict_line(result: AlignmentResult) -> str:
    """Return the verdict and its reason in one line."""
    negative = " The moving image is a negative." if result.inverted else ""
    return f"{result.verdict}: {result.reason}{negative}"


def table_lines(rows: list[Row]) -> list[str]:
    """Return the table before/after as lines of text."""
    width = max(len(row.label) for row in rows)
    column = max(len("before"), *(len(text) for row in rows for text in (row.before, row.after)))
    lines = [f"{'':{width}}  {'before':>{column}}  {'after':>{column}}"]
    lines += [
        f"{row.label:{width}}  {row.before:>{column}}  {row.after:>{column}}" for row in rows
    ]
    return lines
