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


def is_folder(path: str | os.PathLike[str]) -> bool:
    """Tell whether there is a folder, also of a name that none can have, where Path raises."""
    return os.path.isdir(path)  # noqa: PTH112


def is_there(path: str | os.PathLike[str]) -> bool:
    """Tell whether there is anything, as `is_folder` does of a folder."""
    return os.path.exists(path)  # noqa: PTH110


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
        with _open(path, what) as file:
            yield file
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error


def _open(path: Path, what: str) -> BinaryIO:
    """Open a file; a pipe, which might be waited for for ever, or a device is refused."""
    try:
        if path.is_file() or not path.exists():
            return path.open("rb")
    except ValueError as error:  # such as a NUL
        raise InputError(f"cannot read {str(path)!r}: no file can be called so") from error
    raise InputError(f"{path} is not a file; name {what} file")
