"""What the records of an output folder say of the batch that wrote them."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ..._common.errors import InputError
from ..plan.pairing import PairFiles, Plan
from ..settings import BatchSettings
from .record import Record


@dataclass(frozen=True)
class Folders:
    """The folders that a batch was started with.

    Attributes
    ----------
    reference, moving : Path
        Of the two images.
    siblings : dict of str to Path
        Of the other flavours, by flavour.
    flavour : str
        Of the moving images, as their outputs' folder is called; empty if it is not known.
    """

    reference: Path
    moving: Path
    siblings: dict[str, Path]
    flavour: str = ""


def folders_of(records: Iterable[Record]) -> Folders | None:
    """Return the folders whose images have these records.

    Returns
    -------
    Folders or None
        None if no record names its files, or they come from a table or from patterns.
    """
    roots: dict[str, Path] = {}
    flavour = ""
    for record in records:
        for file in record.inputs:
            root = _root(Path(file.path), record.name)
            if root is None or roots.setdefault(file.role, root) != root:
                return None
        flavour = flavour or _flavour(record)
    if "reference" not in roots or "moving" not in roots:
        return None
    reference, moving = roots.pop("reference"), roots.pop("moving")
    return Folders(reference, moving, roots, flavour)


def settings_of(records: Iterable[Record]) -> BatchSettings | None:
    """Return the settings of the first record that holds some of this version."""
    for record in records:
        with suppress(InputError, TypeError):
            return BatchSettings.from_document(dict(record.settings))
    return None


def plan_of(out: Path, records: Iterable[Record]) -> Plan:
    """Return a plan of those pairs whose records name their files, without looking at these.

    It serves to decide on pairs; what is not done yet is not in it.
    """
    records = list(records)
    pairs = (_pair(record) for record in records)
    settings = settings_of(records) or BatchSettings()
    return Plan(out, tuple(pair for pair in pairs if pair is not None), (), settings)


def _pair(record: Record) -> PairFiles | None:
    files = {file.role: Path(file.path) for file in record.inputs}
    if "reference" not in files or "moving" not in files:
        return None
    return PairFiles(
        name=record.name,
        reference=files.pop("reference"),
        moving=files.pop("moving"),
        flavour=_flavour(record) or "moving",
        siblings=files,
    )


def _flavour(record: Record) -> str:
    siblings = {file.role for file in record.inputs}
    folders = (PurePosixPath(file.path).parts[0] for file in record.outputs)
    return next((folder for folder in folders if folder not in siblings), "")


def _root(path: Path, name: str) -> Path | None:
    """Return the folder below which a file has a pair's name, its suffix aside."""
    below = PurePosixPath(name).with_suffix("").parts
    if path.with_suffix("").parts[-len(below) :] != below:
        return None
    return path.parents[len(below) - 1]
