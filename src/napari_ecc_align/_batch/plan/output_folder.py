"""The output folder is no input's folder, lies in none, and holds none."""

from __future__ import annotations

import os
from collections.abc import Hashable, Iterable
from pathlib import Path

from ..._common.atomic import real_path
from ..._common.errors import InputError
from ..._common.opening import is_folder

HIDDEN = ".ecc-align"
"""The folder below the output folder for what no person needs to see."""


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
    real = real_path(out)
    existing = next(place for place in (real, *real.parents) if os.path.lexists(place))
    if not is_folder(existing):
        raise InputError(f"{out}: {existing} is not a folder; results need one")
    own, above = _names(real), _with_parents(real)
    for root in roots:
        folder = real_path(root)
        if own & _names(folder):
            raise InputError(f"{out} is a folder of inputs; choose another")
        if above & _names(folder):
            raise InputError(f"{out} lies inside {root}, a folder of inputs; choose another")
        if own & _with_parents(folder):
            raise InputError(f"{out} contains {root}, a folder of inputs; choose another")
    for folder, file in {Path(os.path.realpath(file)).parent: file for file in files}.items():
        if own & _with_parents(folder):
            raise InputError(f"{out} contains {file}, an input; choose another folder")


def _with_parents(folder: Path) -> set[Hashable]:
    return set[Hashable]().union(*(_names(place) for place in (folder, *folder.parents)))


def _names(folder: Path) -> set[Hashable]:
    """Return a folder's path and, as it may have more than one, what the system calls it."""
    try:
        status = folder.stat()
    except OSError:
        return {folder}
    return {folder, (status.st_dev, status.st_ino)}
