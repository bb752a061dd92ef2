"""Files below a folder that this program owns, reached through no link and no special file.

Who made such a folder is not known: a link in it could lead a run to empty, replace or remove what
belongs to somebody else, and a pipe could stop it for ever.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import BinaryIO

from .errors import InputError

_is_junction = getattr(os.path, "isjunction", lambda path: False)
# Flags that a system does not have, it does not need.
_NO_LINK = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def is_path_below(relative: str) -> bool:
    """Return whether a text is a path, with forward slashes, that stays below its folder."""
    path = PurePosixPath(relative)
    stays = bool(path.parts) and not path.is_absolute() and ".." not in path.parts
    if os.name == "nt":
        stays = stays and "\\" not in relative and not PureWindowsPath(relative).drive
    return stays and "\0" not in relative


def path_below(folder: Path, relative: str) -> Path:
    """Return where something is below a folder; nothing on the way may be a link.

    Parameters
    ----------
    folder : Path
        Which may itself be reached through links.
    relative : str
        With forward slashes; what it names need not exist.

    Raises
    ------
    InputError
        If it leads out of the folder, or what is there is a link or neither file nor folder.
    """
    if not is_path_below(relative):
        raise InputError(f"{relative!r} does not stay below {folder}")
    path = folder
    for part in PurePosixPath(relative).parts:
        path = path / part
        try:
            mode = path.lstat().st_mode
        except OSError:
            continue
        if stat.S_ISLNK(mode) or _is_junction(path):
            raise InputError(f"{path} is a link, which is never followed here; remove it")
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise InputError(f"{path} is neither a file nor a folder; remove it")
    return path


def open_own(path: Path, flags: int = os.O_RDONLY) -> BinaryIO:
    """Open a file that is no link and no special file, without ever waiting for it.

    Parameters
    ----------
    path : Path
        The file.
    flags : int
        As of `os.open`; a file that is written to may have no second name either.

    Raises
    ------
    OSError
        If it cannot be opened, or is something else.
    """
    writes = bool(flags & (os.O_WRONLY | os.O_RDWR))
    descriptor = os.open(path, flags | _NO_LINK, 0o666)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(0, "it is no regular file", str(path))
        if writes and status.st_nlink > 1:
            raise OSError(0, "the file has a second name elsewhere", str(path))
        return os.fdopen(descriptor, "r+b" if writes else "rb")
    except BaseException:
        os.close(descriptor)
        raise
