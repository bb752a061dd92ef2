"""Folders that stand for one thing, such as Zarr groups: how large, how old, and what is in them.

They are made of thousands of files, none of which tells for the others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

_PIECE = 2**20


def folder_state(folder: Path) -> tuple[int, int]:
    """Return how many bytes the files below a folder have, and when one was changed last, in ns.

    Raises
    ------
    OSError
        If one of them is gone meanwhile.
    """
    states = [path.stat() for path in _files(folder)]
    return sum(each.st_size for each in states), max(
        (each.st_mtime_ns for each in states), default=0
    )


def folder_digest(folder: Path) -> str:
    """Return the SHA-256 of the names and digests of all files below a folder.

    Raises
    ------
    OSError
        If one of them cannot be read.
    """
    whole = hashlib.sha256()
    for path in sorted(_files(folder)):
        whole.update(f"{path.relative_to(folder).as_posix()} {_digest(path)}\n".encode())
    return whole.hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()
