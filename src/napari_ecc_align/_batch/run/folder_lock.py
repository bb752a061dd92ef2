"""One run at a time in an output folder."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from ..._common.errors import InputError
from ..._common.file_lock import acquire, release
from ..._common.own_files import open_own, path_below
from ..plan.output_folder import HIDDEN

_LONGEST = 1000


def lock_path(out: Path) -> Path:
    """Return the lock file of an output folder; raise `InputError` if a link is in its place."""
    return path_below(out, f"{HIDDEN}/lock")


@contextmanager
def locked(out: Path) -> Iterator[str]:
    """Keep every other run out of an output folder while the block runs.

    The system lifts the lock when the process ends, however that happens.

    Parameters
    ----------
    out : Path
        The output folder; it is made.

    Yields
    ------
    str
        A token that names this run; see `holds`.

    Raises
    ------
    InputError
        If another run has the folder, or it cannot be written to.
    """
    path = lock_path(out)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = open_own(path, os.O_RDWR | os.O_CREAT)
    except OSError as error:
        raise InputError(
            f"cannot write to the folder {out}: {error.strerror or error}; choose another"
        ) from error
    with file:
        if not _acquired(file):
            _, known = _owner(path)
            who = f" ({known})" if known else ""
            raise InputError(f"another run{who} is writing to {out}; wait for it to end")
        token = secrets.token_hex(8)
        file.truncate(0)
        file.seek(0)
        file.write(f"{token}\nprocess {os.getpid()} on {socket.gethostname()}".encode())
        file.flush()
        # Or another machine might not see it.
        os.fsync(file.fileno())
        try:
            yield token
        finally:
            file.truncate(0)
            release(file)


def holds(out: Path, token: str) -> bool:
    """Return whether a run still has an output folder, asked from any process or machine."""
    return _owner(lock_path(out))[0] == token


def _owner(path: Path) -> tuple[str, str]:
    """Return the token of the run that has a lock file, and who that is; "" if none has."""
    try:
        with open_own(path) as file:
            token, _, who = file.read(_LONGEST).decode().partition("\n")
    except (OSError, ValueError):
        return "", ""
    return token, who


def _acquired(file: IO[bytes]) -> bool:
    try:
        return acquire(file)
    except OSError as error:
        raise InputError(
            f"cannot lock {file.name}: {error.strerror or error}; "
            "put the output folder on a file system with locks"
        ) from error
