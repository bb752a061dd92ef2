"""Hidden folders where files wait for their names, and those that a killed process has left."""

from __future__ import annotations

import os
import secrets
import shutil
import stat
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from .errors import InputError
from .file_lock import acquire
from .own_files import open_own, path_below

_START = ".ecc-align-"
_LOCK, _FILES, _DONE = "lock", "files", "done"
_FORMER = ".former-"


@contextmanager
def staging_folder(folder: Path) -> Iterator[Path]:
    """Make a hidden folder in another one, which goes at the end of the block.

    A file in it may get its name by `move_into_place`. If the process is killed meanwhile,
    `remove_leftovers` takes back what it had begun.

    Parameters
    ----------
    folder : Path
        Where the files will be.

    Yields
    ------
    Path
        The hidden folder.
    """
    place, lock = _new(folder)
    try:
        yield place / _FILES
    finally:
        with lock:
            _finish(place)
        shutil.rmtree(place, ignore_errors=True)


@contextmanager
def folder_in_staging(path: Path) -> Iterator[Path]:
    """Yield where to fill a new folder, which gets its name at the end of the block, or never.

    Parameters
    ----------
    path : Path
        Of which there must be nothing.

    Raises
    ------
    InputError
        If there is something, no folder to write to, or the disk refuses.
    """
    if os.path.lexists(path):
        raise InputError(f"{path} exists already")
    if not path.parent.is_dir():
        raise InputError(f"{path}: there is no folder {path.parent}")
    remove_leftovers(path.parent, [])
    try:
        with staging_folder(path.parent) as staged:
            yield staged / path.name
            move_folder_into_place(staged / path.name, path)
    except shutil.Error as error:  # of copying many files
        raise InputError(f"cannot write {path}: {error.args[0][0][-1]}") from error
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from error


def remove_leftovers(folder: Path, files: Collection[Path]) -> None:
    """Remove what processes that were killed have left in a folder.

    Parameters
    ----------
    folder : Path
        It need not exist.
    files : collection of Path
        Those that are about to be written there. What a killed process has written of them goes:
        not all that belong together may be there.
    """
    for place in folder.glob(f"{_START}*"):
        with suppress(OSError, InputError):
            left = path_below(folder, place.name)
            try:
                lock = open_own(left / _LOCK, os.O_RDWR)
            except FileNotFoundError:
                if path_below(left, _DONE).is_dir():
                    shutil.rmtree(left)
                else:
                    left.rmdir()  # its owner, if it is not dead, makes another
                continue
            with lock:
                alone = acquire(lock)
                if alone:
                    _take_back(path_below(left, _FILES), files)
                    _finish(left)
            if alone:
                shutil.rmtree(left)


def move_folder_into_place(staged: Path, path: Path, *, overwrite: bool = False) -> None:
    """Give a folder that waits in a `staging_folder` its name.

    If the process is killed before all else has its name, `remove_leftovers` takes it back.

    Parameters
    ----------
    staged, path : Path
        Where it waits, and its name.
    overwrite : bool, default: False
        Put aside, to be removed with the staging folder, what has the name.

    Raises
    ------
    InputError
        If there is something of that name that may not be replaced, or the disk refuses.
    """
    try:
        # A folder has no second name by which it could be known again, but its number stays.
        (staged.parent / _mark(path.name, staged.lstat())).touch()
        if os.path.lexists(path):
            if not overwrite:
                raise InputError(f"{path} exists already")
            path.rename(staged.parent / f"{_FORMER}{secrets.token_hex(4)}")
        staged.rename(path)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from error


def _mark(name: str, status: os.stat_result) -> str:
    return f"{name[:50]}.{status.st_dev:x}-{status.st_ino:x}"


def _finish(place: Path) -> None:
    """Let nothing be taken back from now on."""
    with suppress(OSError):
        (place / _FILES).rename(place / _DONE)


def _take_back(staged: Path, files: Collection[Path]) -> None:
    for path in files:
        with suppress(OSError):
            status = path.lstat()
            if stat.S_ISDIR(status.st_mode):
                if (staged / _mark(path.name, status)).is_file():
                    shutil.rmtree(path)
            elif os.path.samestat((staged / path.name).lstat(), status):
                path.unlink()


def _new(folder: Path) -> tuple[Path, IO[bytes]]:
    """Return a new hidden folder, and the lock on it that says that this process lives."""
    while True:
        place = folder / f"{_START}{secrets.token_hex(8)}"
        place.mkdir(mode=0o700)
        # Until it is locked, another process may take it for a leftover and remove it.
        with suppress(FileNotFoundError):
            lock = (place / _LOCK).open("xb")
            try:
                with suppress(OSError):  # a file system without locks, where nobody has one
                    if not acquire(lock):
                        raise FileNotFoundError
                (place / _FILES).mkdir()
            except BaseException:
                lock.close()
                raise
            return place, lock
