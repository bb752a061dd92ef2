"""What ``ecc-align`` writes to the terminal, or to whatever stands in for it."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from .._common.errors import InputError

if TYPE_CHECKING:
    from .._align.progress import Progress


class Bar:
    """A progress bar on a terminal's standard error, and nothing anywhere else."""

    def __init__(self) -> None:
        from tqdm import tqdm

        self._bar = tqdm(
            total=1.0,
            disable=sys.stderr is None or not sys.stderr.isatty(),
            leave=False,
            bar_format="{percentage:3.0f}%|{bar:30}| {desc}",
        )

    def update(self, step: Progress) -> None:
        """Show a step."""
        self._bar.set_description_str(step.stage, refresh=False)
        # A second representation starts again, and a bar that goes back would puzzle.
        self._bar.n = max(self._bar.n, step.fraction)
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


def say(text: str) -> None:
    """Print to standard output at once; a reader that has gone, as `head` does, is no error."""
    _on_stdout(lambda: print(text, flush=True))


def flush() -> None:
    """Send what others, such as argparse, have printed to standard output."""
    if sys.stdout is not None:
        _on_stdout(sys.stdout.flush)


def complain(message: str) -> None:
    """Print one line to standard error."""
    with suppress(OSError):
        print(f"ecc-align: {' '.join(message.split())}", file=sys.stderr, flush=True)


def never_fail_to_encode() -> None:
    """Let file names in any encoding be printed, if need be with escapes."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _on_stdout(act: Callable[[], None]) -> None:
    try:
        act()
    except OSError as error:
        # Or Python would try again, and complain, when it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            raise InputError(f"cannot write to standard output: {error.strerror}") from error
