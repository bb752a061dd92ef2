"""What C libraries print on standard error, kept off the terminal in processes of ours."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import threading
from collections.abc import Iterator

_STDERR = 2
_TURN = threading.RLock()
# "Fax4Decode: Bad code word at line 12", but nothing that this program says.
_OF_A_LIBRARY = re.compile(rb"(?!ecc-align)[\w./ -]+: .")
_WARNING = re.compile(rb"[Ww]arning")
_ours = False


@contextlib.contextmanager
def libraries_silenced() -> Iterator[None]:
    """Let `unprinted` do what it says, in a process of which standard error is ours alone."""
    global _ours
    before, _ours = _ours, True
    try:
        yield
    finally:
        _ours = before


@contextlib.contextmanager
def unprinted() -> Iterator[list[str]]:
    """Keep what libtiff, libjpeg and libpng say of a file off the terminal.

    They print on the process's standard error, which other code may be using, so that it is only
    done within `libraries_silenced`. What others have printed meanwhile is printed afterwards.

    Yields
    ------
    list of str
        Empty; afterwards it holds the errors that were said, without mere warnings.
    """
    errors: list[str] = []
    with contextlib.ExitStack() as after:
        # Without a standard error, its number may be any file's.
        if _ours and sys.__stderr__ is not None:
            after.enter_context(_TURN)
            # Without a file to write, nothing is done.
            with contextlib.suppress(OSError, ValueError):
                _capture(after, errors)
        yield errors


def _capture(after: contextlib.ExitStack, errors: list[str]) -> None:
    from tempfile import TemporaryFile

    if sys.stderr is not None:
        sys.stderr.flush()
    terminal = os.dup(_STDERR)
    after.callback(os.close, terminal)
    file = after.enter_context(TemporaryFile())  # noqa: SIM115
    os.dup2(file.fileno(), _STDERR)

    def tell() -> None:
        os.dup2(terminal, _STDERR)
        file.seek(0)
        for line in file:
            if not _OF_A_LIBRARY.match(line):
                os.write(terminal, line)
            elif not _WARNING.search(line):
                errors.append(line.decode(errors="replace").strip())

    after.callback(tell)
