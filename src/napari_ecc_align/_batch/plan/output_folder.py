"""The output folder is no input's folder, lies in none, and holds none."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ..._common.errors import InputError

_Identity = tuple[int, int]


def check_output_folder(out: Path, roots: Iterable[Path], files: Iterable[Path]) -> None:
    """Refuse an output folder that could touch an input; links are followed.

    Parameters
    ----------
    out : Path
        The output folder; it need not exist.
    roots : iterable of Path
        Folders of input images.
    files : iterable of Path
        Input images; none of them may lie in the output folder.

    Raises
    ------
    InputError
        If it is a file, or is, contains or lies inside an input.
    """
    real = out.resolve()
    existing = next(place for place in (real, *real.parents) if place.exists())
    if not existing.is_dir():
        raise InputError(f"{existing} is not a folder; results need one")
    above_out = _identities(existing)
    own = _identity(real)
    for root in roots:
        folder = root.resolve()
        if folder == real or (own is not None and own == _identity(folder)):
            raise InputError(f"{out} is a folder of inputs; choose another")
        if _identity(folder) in above_out or folder in real.parents:
            raise InputError(f"{out} lies inside {root}, a folder of inputs; choose another")
        if (own is not None and own in _identities(folder)) or real in folder.parents:
            raise InputError(f"{out} contains {root}, a folder of inputs; choose another")
    checked = set()
    for file in files:
        folder = file.resolve().parent
        if folder in checked:
            continue
        checked.add(folder)
        if folder == real or real in folder.parents or (own and own in _identities(folder)):
            raise InputError(f"{out} contains {file}, an input; choose another folder")


def _identities(folder: Path) -> set[_Identity]:
    """Return the identities of a folder and of all above it."""
    found = (_identity(place) for place in (folder, *folder.parents))
    return {identity for identity in found if identity is not None}


def _identity(folder: Path) -> _Identity | None:
    try:
        status = folder.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
