"""Bringing a pair's files into the output folder: all of them and then the record, or none.

They are written to a folder of their own first, the record among them. From then on the pair can
be brought to its end by whoever comes: each file is renamed to its place, the record last. So a
process may be killed at any moment.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from ..._common.atomic import move_into_place, write_atomically
from ..._common.errors import InputError
from ..._common.own_files import path_below
from ..plan.output_folder import HIDDEN
from ..records.read import read_record, read_record_file
from ..records.record import OutputFile, Record, digest, record_path
from .folder_lock import holds

_RECORD = "record.json"


def commit(
    out: Path, token: str, record: Record, files: Mapping[str, bytes] | None, *, overwrite: bool
) -> Record:
    """Write a pair's files and its record; files of an earlier run that are no more go.

    Parameters
    ----------
    out : Path
        The output folder.
    token : str
        Of the run that has it.
    record : Record
        Its `outputs` are set here, unless they stay.
    files : dict of str to bytes
        Contents by path below `out`, with forward slashes; None if the outputs stay as they are.
    overwrite : bool
        Replace files that no run has written.

    Returns
    -------
    Record
        As it was written.

    Raises
    ------
    InputError
        If a file is in the way, the disk refuses, or the run has lost the folder. What was there
        before is then there as it was.
    """
    if files is not None:
        outputs = (OutputFile(p, len(content), digest(content)) for p, content in files.items())
        record = replace(record, outputs=tuple(outputs))
    folder = _staging(out) / f"{token}-{secrets.token_hex(8)}"
    try:
        _stage(out, folder, record, files or {}, overwrite=overwrite)
        if not holds(out, token):
            raise InputError("the run has ended or lost its folder")
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    # From here on the folder is left to `finish_all` if the process is killed.
    try:
        _finish(out, folder, record, overwrite=overwrite)
    except Exception:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    shutil.rmtree(folder, ignore_errors=True)
    return record


def _stage(
    out: Path, folder: Path, record: Record, files: Mapping[str, bytes], *, overwrite: bool
) -> None:
    record_path(out, record.name)
    if not overwrite:
        _check_free(out, record, read_record(out, record.name))
    try:
        folder.mkdir(parents=True)
        for number, content in enumerate(files.values()):
            with (folder / str(number)).open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        # Its name appears only once it is whole, so that a part is never taken for a record.
        write_atomically(folder / _RECORD, record.as_bytes())
    except OSError as error:
        raise InputError(f"cannot write {folder}: {error.strerror or error}") from error


def finish_all(out: Path) -> None:
    """Bring what a killed run has left to its end, or remove it. Needs the lock.

    Parameters
    ----------
    out : Path
        The output folder.
    """
    staging = _staging(out)
    for folder in sorted(staging.glob("*")):
        path_below(staging, folder.name)
        record = read_record_file(folder / _RECORD)
        if record is not None:
            # If something is in the way, the pair is done again, and says what.
            with suppress(InputError):
                _finish(out, folder, record, overwrite=False)
        shutil.rmtree(folder, ignore_errors=True)
    shutil.rmtree(staging, ignore_errors=True)


def _staging(out: Path) -> Path:
    return path_below(out, f"{HIDDEN}/unfinished")


def _finish(out: Path, folder: Path, record: Record, *, overwrite: bool) -> None:
    """Rename staged files to their places, remove earlier ones, then rename the record.

    If one of these is refused, all that was there before is put back.
    """
    place, earlier = record_path(out, record.name), read_record(out, record.name)
    if not overwrite:
        _check_free(out, record, earlier)
    changes = _Changes(folder)
    try:
        for number, file in enumerate(record.outputs):
            staged, path = path_below(folder, str(number)), path_below(out, file.path)
            if staged.exists():
                changes.move(staged, path, overwrite=overwrite or os.path.lexists(path))
            elif not file.is_at(path):
                raise InputError(f"{path} has gone while it was being written")
        kept = {file.path for file in record.outputs}
        for file in earlier.outputs if earlier else ():
            if file.path not in kept and is_there(out, file):
                changes.remove(out / file.path)
        changes.move(folder / _RECORD, place, overwrite=True)
    except Exception:
        changes.undo()
        raise


class _Changes:
    """Changes to files that can be undone, with the former files kept in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: list[tuple[Path, Path, os.stat_result | None]] = []

    def move(self, staged: Path, path: Path, *, overwrite: bool) -> None:
        """Rename a file to its place, whose folder is made if need be."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"cannot make the folder {path.parent}: {error.strerror}") from error
        self._keep(path, staged.stat())
        move_into_place(staged, path, overwrite=overwrite)

    def remove(self, path: Path) -> None:
        """Remove a file."""
        self._keep(path, None)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise InputError(f"cannot remove {path}: {error.strerror or error}") from error

    def undo(self) -> None:
        """Put back what was there before, and remove what was not."""
        for path, former, new in reversed(self._made):
            with suppress(OSError):
                if os.path.lexists(former):
                    former.replace(path)
                elif new is not None and os.path.samestat(path.stat(), new):
                    path.unlink()

    def _keep(self, path: Path, new: os.stat_result | None) -> None:
        """Keep a file as it is, if it is there, before it is changed."""
        former = self._folder / f"{len(self._made)}.former"
        try:
            former.unlink(missing_ok=True)  # of a run that was killed
            if path.is_file():
                try:
                    os.link(path, former)
                except OSError:  # a file system without hard links
                    shutil.copy2(path, former)
        except OSError as error:
            raise InputError(f"cannot write {former}: {error.strerror or error}") from error
        self._made.append((path, former, new))


def is_there(out: Path, file: OutputFile) -> bool:
    """Return whether an output is as it was written; what is a link by now is not."""
    with suppress(InputError):
        return file.is_at(path_below(out, file.path))
    return False


def _check_free(out: Path, record: Record, earlier: Record | None) -> None:
    """Refuse to replace a file that is neither of an earlier run nor what would be written."""
    ours = {file.path: file for file in earlier.outputs} if earlier else {}
    for file in record.outputs:
        path = path_below(out, file.path)
        if not os.path.lexists(path) or file.is_at(path):
            continue
        if path.is_dir():
            raise InputError(f"{path} is a folder, and in the way")
        if file.path not in ours or not ours[file.path].is_at(path):
            raise InputError(f"{path} exists and is not of this batch; ask to overwrite it")
