"""What an output folder says of the batch that wrote to it: its plan, folders and settings."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from ..._common.atomic import rewrite
from ..._common.errors import InputError
from ..._common.own_files import is_path_below, open_own, path_below
from ..plan.output_folder import HIDDEN
from ..plan.pairing import make_plan, unreadable
from ..plan.pairs import PairFiles, Plan, Problem, with_absolute_paths
from ..settings import BatchSettings, with_present_names
from .read import read_records
from .record import Number, Record

if TYPE_CHECKING:
    from pydantic import TypeAdapter

_VERSION = 1


@dataclass(frozen=True)
class Folders:
    """The folders that a batch was started with.

    Attributes
    ----------
    reference, moving : Path
        Of the two images.
    siblings : dict of str to Path
        Of the siblings, by name.
    name : str
        Of the moving images, as their outputs' folder is called.
    """

    reference: Path
    moving: Path
    siblings: dict[str, Path]
    name: str

    @property
    def named_moving(self) -> str:
        """The folder of the moving images, after its name if that is not the folder's own."""
        return _named(self.name, self.moving)

    @property
    def named_siblings(self) -> tuple[str, ...]:
        """The folders of the siblings, each after its name if that is not the folder's own."""
        return tuple(_named(name, folder) for name, folder in self.siblings.items())


def folders_of(plan: Plan) -> Folders | None:
    """Return the folders whose images are a plan's pairs.

    Returns
    -------
    Folders or None
        None if there is no pair, or they come from a table or from patterns.
    """
    roots: dict[str, Path] = {}
    for pair in plan.pairs:
        for role, path in pair.images:
            root = _root(path, pair.name)
            if root is None or roots.setdefault(role, root) != root:
                return None
    if not roots:
        return None
    reference, moving = roots.pop("reference"), roots.pop("moving")
    return Folders(reference, moving, roots, plan.pairs[0].folder)


@dataclass(frozen=True)
class _Stored:
    """What was planned in a folder, as its file holds it."""

    plan: int
    settings: dict[str, Number | list[float]]
    pairs: tuple[PairFiles, ...]
    left_out: tuple[Problem, ...]


@cache
def _stored() -> TypeAdapter[_Stored]:
    from pydantic import TypeAdapter

    return TypeAdapter(_Stored)


def record_plan(plan: Plan) -> None:
    """Write what is planned into the output folder, beside what was planned there before.

    Raises
    ------
    InputError
        If the folder cannot be written to.
    """
    pairs = {pair.name: with_absolute_paths(pair) for pair in plan.pairs}
    former = _read(plan.out)
    if former is not None:
        pairs = {**pairs, **{p.name: p for p in former.pairs if p.name not in pairs}}
    left_out = tuple(
        replace(problem, path=problem.path.absolute())
        for problem in plan.problems
        if problem.pair is None
    )
    stored = _Stored(_VERSION, plan.settings.as_document(), tuple(pairs.values()), left_out)
    if stored != former:
        document = json.dumps(asdict(stored), default=str, indent=1)
        rewrite(_path(plan.out), document.encode())


def reopened(out: Path) -> Plan:
    """Return what was planned in an output folder, with the problems that there are now.

    Raises
    ------
    InputError
        If no run has written to the folder.
    """
    plan = plan_of(out, (replace(record, thumbnail="") for record in read_records(out)))
    folders = folders_of(plan) if _read(out) is None else None
    if folders is not None:
        # A folder of before, whose records say nothing of pairs that are not done.
        with suppress(InputError):
            named, siblings = folders.named_moving, folders.siblings
            found = make_plan(
                folders.reference, named, out, siblings=siblings, settings=plan.settings
            )
            pairs = {pair.name: pair for pair in (*plan.pairs, *found.pairs)}
            plan = replace(found, pairs=tuple(pairs.values()))
    if not plan.pairs:
        raise InputError(
            f"{out} holds no batch; name the output folder of a run, or plan one with Batch.plan"
        )
    left_out = [problem for problem in plan.problems if problem.pair is None]
    return replace(plan, problems=(*unreadable(plan.pairs, plan.settings), *left_out))


def plan_of(out: Path, records: Iterable[Record]) -> Plan:
    """Return what was planned in a folder, as far as it says, without looking at the inputs.

    Folders of before hold no plan: of these, it has the pairs whose records name their files.
    """
    records, stored = list(records), _read(out)
    pairs = {} if stored is None else {pair.name: pair for pair in stored.pairs}
    for record in records:
        pair = None if record.name in pairs else _pair_of(record)
        if pair is not None:
            pairs[pair.name] = pair
    problems = () if stored is None else stored.left_out
    settings = None if stored is None else _settings(stored.settings)
    return Plan(
        out,
        tuple(pairs.values()),
        tuple(problem for problem in problems if problem.path.exists()),
        settings or settings_of(records) or BatchSettings(),
    )


def settings_of(records: Iterable[Record]) -> BatchSettings | None:
    """Return the batch's settings by the first record that holds some of this version."""
    found = (_settings(record.batch_settings or record.settings) for record in records)
    return next((settings for settings in found if settings is not None), None)


def _settings(document: Mapping[str, Any]) -> BatchSettings | None:
    with suppress(InputError, TypeError):
        return BatchSettings.from_document(with_present_names(document))
    return None


def _path(out: Path) -> Path:
    return path_below(out, f"{HIDDEN}/plan.json")


def _read(out: Path) -> _Stored | None:
    """Return what was planned in a folder, or None if no file says so."""
    with suppress(OSError, ValueError):
        with open_own(_path(out)) as file:
            stored = _stored().validate_json(file.read(), strict=True)
        names = [name for pair in stored.pairs for name in (pair.name, pair.folder)]
        if stored.plan == _VERSION and all(map(is_path_below, names)):
            return stored
    return None


def _pair_of(record: Record) -> PairFiles | None:
    files = {file.role: Path(file.path) for file in record.inputs}
    if "reference" not in files or "moving" not in files:
        return None
    reference, moving = files.pop("reference"), files.pop("moving")
    folders = (PurePosixPath(file.path).parts[0] for file in record.outputs)
    root = _root(moving, record.name)
    # A pair without outputs gets them where it would by default.
    default = "moving" if root is None else root.name
    folder = next((folder for folder in folders if folder not in files), default)
    return PairFiles(record.name, reference, moving, folder, siblings=files)


def _root(path: Path, name: str) -> Path | None:
    """Return the folder below which a file has a pair's name, its suffix aside."""
    below = PurePosixPath(name).with_suffix("").parts
    if path.with_suffix("").parts[-len(below) :] != below:
        return None
    return path.parents[len(below) - 1]


def _named(name: str, folder: Path) -> str:
    return str(folder) if folder.name == name else f"{name}={folder}"
