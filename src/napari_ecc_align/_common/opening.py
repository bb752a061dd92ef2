"""Files that somebody has named, opened to be read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from .errors import InputError


def printable(path: str | os.PathLike[str]) -> str:
    """Return a path as text that any file or terminal takes; what is not UTF-8 is escaped."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


@contextmanager
def opened(path: Path, what: str) -> Iterator[BinaryIO]:
    """Open a file to read its bytes.

    Parameters
    ----------
    path : Path
        The file.
    what : str
        What kind of file it should be, with its article, for an error.

    Raises
    ------
    InputError
        If it is missing, is no file, or cannot be opened or read, also in the ``with`` block.
    """
    try:
        if path.exists() and not path.is_file():
            raise InputError(f"{path} is not a file; name {what} file")
        with path.open("rb") as file:
            yield file
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
