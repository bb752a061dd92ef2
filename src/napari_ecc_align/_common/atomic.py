"""Files that appear whole under their name, or not at all."""

from __future__ import annotations

import glob
import os
import secrets
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from .errors import InputError
from .given import GivenPath
from .opening import is_folder, is_there


def write_atomically(
    path: GivenPath,
    content: bytes | Callable[[BinaryIO], object],
    *,
    overwrite: bool = False,
) -> None:
    """Write a file under a temporary name beside it, then rename it.

    Whoever looks sees the old file or the new one, never a part, even if the process is killed.

    Parameters
    ----------
    path : str or path-like
        Where to write.
    content : bytes or callable
        The bytes, or a function that writes them to the binary file it is given.
    overwrite : bool, default: False
        Replace a file that is there already.

    Raises
    ------
    InputError
        If the folder does not exist, the file exists and `overwrite` is false, or the disk
        refuses. Nothing is left behind then.
    """
    path = Path(path)
    if not is_folder(path.parent):
        raise InputError(f"cannot write {path}: its folder does not exist; create it first")
    try:
        os.lstat(path)
    except OSError:
        pass
    except ValueError as error:  # such as a NUL
        raise InputError(f"cannot write {str(path)!r}: no file can be called so") from error
    if is_no_file(path):
        raise InputError(f"cannot write {path}: it is a folder, or no regular file")
    if not overwrite and os.path.lexists(path):
        raise _exists(path)
    # Unique per process and call.
    temporary = path.with_name(f"{_temporary_start(path)}{os.getpid()}-{secrets.token_hex(4)}")
    try:
        try:
            with temporary.open("x+b") as file:
                if callable(content):
                    content(file)
                else:
                    file.write(content)
                file.flush()
                os.fsync(file.fileno())
            move_into_place(temporary, path, overwrite=overwrite)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from error


def rewrite(path: Path, content: bytes) -> None:
    """Write a file that nobody else writes, replacing what is there.

    What a process that was killed meanwhile has left beside it goes, too.

    Raises
    ------
    InputError
        As `write_atomically` does.
    """
    for leftover in path.parent.glob(f"{glob.escape(_temporary_start(path))}*"):
        with suppress(OSError):
            leftover.unlink()
    write_atomically(path, content, overwrite=True)


def _temporary_start(path: Path) -> str:
    """Return how the temporary name of a file begins; file systems limit the length of names."""
    return f".{path.name[:50]}.tmp-"


def move_into_place(finished: Path, path: Path, *, overwrite: bool) -> None:
    """Give a finished file its name, on the same file system.

    Parameters
    ----------
    finished : Path
        The whole file under a temporary name. It may still be there afterwards.
    path : Path
        The name it gets.
    overwrite : bool
        Replace a file that is there already.

    Raises
    ------
    InputError
        If `path` exists and `overwrite` is false, or the disk refuses.
    """
    try:
        if overwrite:
            finished.replace(path)
        else:
            _move_to_free_name(finished, path)
        _sync_folder(path.parent)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from error


def is_no_file(path: Path) -> bool:
    """Return whether something is at a path, or at the end of its links, that is no regular file.

    Never replace it: a device, such as the terminal, would be gone.
    """
    return is_there(path) and not stat.S_ISREG(path.stat().st_mode)


def same_file(a: GivenPath, b: GivenPath) -> bool:
    """Return whether two paths lead to one file, through links too, or would if it existed."""
    a, b = Path(a), Path(b)
    try:
        return a.samefile(b)
    except OSError:
        return real_path(a) == real_path(b)


def real_path(path: Path) -> Path:
    """Return a path without links; of one that leads to itself, whatever is left."""
    return Path(os.path.realpath(path))  # which, unlike Path.resolve, refuses none


def _exists(path: Path) -> InputError:
    return InputError(f"{path} exists already; ask to overwrite it or choose another name")


def _move_to_free_name(temporary: Path, path: Path) -> None:
    """Rename without ever replacing a file, even one that appeared a moment ago."""
    try:
        os.link(temporary, path)
    except FileExistsError as error:
        raise _exists(path) from error
    except OSError:
        # A file system without hard links: claim the name with an empty file, then replace it.
        try:
            path.open("x").close()
        except FileExistsError as error:
            raise _exists(path) from error
        try:
            temporary.replace(path)
        except OSError:
            path.unlink(missing_ok=True)
            raise


def _sync_folder(folder: Path) -> None:
    """Make a rename survive a power failure, where the system can."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:  # Windows cannot open folders, and needs no such thing
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
