"""What ``ecc-align`` writes to the terminal, or to whatever stands in for it."""

from __future__ import annotations

import argparse
import io
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._common.errors import InputError

if TYPE_CHECKING:
    from tqdm import tqdm

    from .._align.progress import Progress

# Those that begin the commands of terminals, or turn the direction of a line.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@contextmanager
def progress_bar(chosen: argparse.Namespace) -> Iterator[Callable[[Progress], None]]:
    """Yield what shows a step on a terminal's standard error, and nothing anywhere else.

    With ``--verbose`` it says a line for each stage instead, wherever standard error goes.
    """
    shape, told = "{percentage:3.0f}%|{bar:30}| {desc}", ""
    hidden = chosen.quiet or chosen.verbose
    with terminal_bar(1.0, shape, hidden=hidden, leave=False) as bar:

        def show(step: Progress) -> None:
            nonlocal told
            if step.stage != told:
                told = step.stage
                narrate(chosen, told)
            bar.set_description_str(step.stage, refresh=False)
            # A second representation starts again, and a bar that goes back would puzzle.
            bar.n = max(bar.n, step.fraction)
            bar.refresh()

        yield show


def terminal_bar(total: float, shape: str, *, hidden: bool, **options: Any) -> tqdm[Any]:
    """Return a bar on standard error, disabled if `hidden` or where that is no terminal."""
    from tqdm import tqdm

    hidden = hidden or not sys.stderr.isatty()
    return tqdm(total=total, disable=hidden, bar_format=shape, **options)


def say(text: str) -> None:
    """Print to standard output, in which nothing that a file holds can command the terminal."""
    pour(harmless(text))


def say_all(pieces: Iterable[str]) -> None:
    """Print what `say` would of all pieces together."""

    def act() -> None:
        for piece in pieces:
            print(harmless(piece), end="")
        print(flush=True)

    _on_stdout(act)


def pour(text: str) -> None:
    """Print to standard output at once; a reader that has gone, as `head` does, is no error."""
    _on_stdout(lambda: print(text, flush=True))


def harmless(text: str) -> str:
    """Return a text whose control characters, but for new lines and tabs, are escaped."""
    return _CONTROL.sub(lambda found: ascii(found[0])[1:-1], text)


def tell(chosen: argparse.Namespace, text: str) -> None:
    """Print for people to standard output, unless ``--quiet`` was given."""
    if not chosen.quiet:
        say(text)


def narrate(chosen: argparse.Namespace, text: str) -> None:
    """Print what is being done to standard error, if ``--verbose`` was given."""
    if chosen.verbose:
        complain(text)


def flush() -> None:
    """Send what others, such as argparse, have printed to standard output."""
    if sys.stdout is not None:
        _on_stdout(sys.stdout.flush)


def complain(message: str) -> None:
    """Print one line to standard error."""
    with suppress(OSError):
        print(f"ecc-align: {harmless(' '.join(message.split()))}", file=sys.stderr, flush=True)


def prepare_streams() -> None:
    """Let file names in any encoding be printed, and libraries complain where nobody listens."""
    if sys.stderr is None:
        # Closed by whoever has started this; NumPy before 2.1 wants one when all of it is loaded.
        sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115
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
