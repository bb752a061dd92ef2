"""The plan of a batch: which images belong together, and where their results go."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from unicodedata import normalize

from ..._common.errors import InputError
from ..._common.given import GivenPath
from ..._common.opening import is_there, printable
from ..._images.files.headers import check_image_file
from ..settings import BatchSettings, checked_settings
from .image_folders import (
    ImageFolder,
    Siblings,
    distinct_names,
    one_or_more,
    parse_image_folder,
    parse_siblings,
    path_text,
)
from .output_folder import HIDDEN, check_output_folder
from .pair_table import TableRow, problem_of_line, read_table
from .pairs import PairFiles, Plan, Problem, pairs_where, stem

RESERVED = ("records", "report.html", "report.csv", HIDDEN)
"""What else is in an output folder; no sibling may be called so."""


ROLES = ("reference", "moving")
"""What a record calls the other images of a pair; no sibling may be called so, either."""


_LONGEST_SHOWN = 200


def make_plan(
    reference: GivenPath | None = None,
    moving: GivenPath | None = None,
    out: GivenPath | None = None,
    *,
    siblings: Siblings = (),
    table: GivenPath | None = None,
    where: str | Iterable[str] = (),
    settings: BatchSettings | None = None,
) -> Plan:
    """Pair the images of two folders, or those of a table, and look at every file's header.

    The parameters are those of `Batch.plan`.

    Raises
    ------
    InputError
        If there is no pair, a folder cannot be read, two pairs would write one file, or the
        output folder would touch an input.
    """
    settings = checked_settings(settings or BatchSettings())
    target = Path(path_text(out, "out, the output folder,"))
    others = parse_siblings(siblings)
    folders: list[ImageFolder] = []
    wrong: list[Problem] = []
    if table is not None:
        if reference is not None or moving is not None or others:
            raise InputError("give folders or a table of pairs, not both")
        source = Path(path_text(table, "table"))
        pairs, wrong = _from_table(source)
    elif reference is None or moving is None:
        raise InputError("a batch needs a folder of references and one of moving images")
    else:
        folders = [parse_image_folder(reference), parse_image_folder(moving), *others]
        pairs = _from_folders(folders[0], folders[1], others)
    patterns = one_or_more(where, "where")
    wanted = pairs_where(pairs, patterns)
    chosen, unnameable = _nameable(wanted)
    _check_names(chosen)
    roots = [folder.root for folder in folders]
    check_output_folder(target, roots, (path for pair in chosen for _, path in pair.images))
    problems = wrong + unnameable + unreadable(chosen, settings)
    if not patterns:
        problems += _unpaired_siblings(wanted, folders[2:])
    return Plan(target, tuple(chosen), tuple(problems), settings)


class _Files:
    """The images of a folder, found by name or, failing that, by name without suffix.

    Then accents are alike, be they parts of their letters or not, as macOS writes names.
    """

    def __init__(self, folder: ImageFolder) -> None:
        self.folder = folder
        self.files = folder.files()
        self._stems: dict[str, list[str]] = {}
        for name in self.files:
            self._stems.setdefault(_composed(name), []).append(name)

    def find(self, name: str) -> str | None:
        """Return the name here of the image that belongs to a name elsewhere."""
        if name in self.files:
            return name
        alike = self._stems.get(_composed(name), [])
        return alike[0] if len(alike) == 1 else None

    def path(self, name: str) -> Path:
        """Return the file that belongs to a name, or where it should be."""
        found = self.find(name)
        return self.folder.expected(name) if found is None else self.files[found]


def _composed(name: str) -> str:
    return normalize("NFC", stem(name))


def _from_folders(
    reference: ImageFolder, moving: ImageFolder, siblings: list[ImageFolder]
) -> list[PairFiles]:
    moving, *siblings = distinct_names([moving, *siblings])
    fixed, moved = _Files(reference), _Files(moving)
    others = [_Files(folder) for folder in siblings]
    without_moving = [name for name in fixed.files if moved.find(name) is None]
    return [
        PairFiles(
            name=name,
            reference=fixed.path(name),
            moving=moved.path(name),
            folder=moving.name,
            siblings={other.folder.name: other.path(name) for other in others},
        )
        for name in sorted([*moved.files, *without_moving])
    ]


def _nameable(pairs: list[PairFiles]) -> tuple[list[PairFiles], list[Problem]]:
    """Return the pairs that a record and a report can name, and what is wrong with the others.

    Raises
    ------
    InputError
        If there are only others.
    """
    named, problems = list[PairFiles](), list[Problem]()
    for pair in pairs:
        paths = [path for _, path in pair.images]
        strange = next((path for path in paths if _strange(path)), None)
        if strange is None:
            named.append(pair)
        else:
            problems.append(Problem(strange, _strange(strange), printable(pair.name)))
    _check_some(named, problems)
    return named, problems


def _check_some(pairs: list[PairFiles], problems: list[Problem]) -> None:
    if problems and not pairs:
        raise InputError(
            f"{printable(problems[0].path)} {problems[0].reason}; there is no other pair"
        )


def _strange(path: Path) -> str:
    """Return what is wrong with the name of a file, if anything is."""
    return "" if printable(path) == str(path) else "is not named in UTF-8; rename it"


def _unpaired_siblings(pairs: list[PairFiles], siblings: list[ImageFolder]) -> list[Problem]:
    """Return the sibling files that belong to no pair."""
    used = {path for pair in pairs for _, path in pair.images}
    return [
        Problem(path, "belongs to no pair and is left out", None)
        for folder in siblings
        for path in folder.files().values()
        if path not in used
    ]


def _from_table(table: Path) -> tuple[list[PairFiles], list[Problem]]:
    """Return the pairs of a table, and what is wrong with its other lines.

    Raises
    ------
    InputError
        If it is no table of pairs, or there are only others.
    """
    rows, problems = read_table(table)
    pairs = list[PairFiles]()
    for row in rows:
        try:
            pairs.append(_pair_of_row(table, row))
        except InputError as error:
            problems.append(problem_of_line(table, row.number, str(error)))
    _check_some(pairs, problems)
    return pairs, problems


def _pair_of_row(table: Path, row: TableRow) -> PairFiles:
    folder = table.parent
    for column in ("reference", "moving"):
        if not row.cells[column]:
            raise InputError(f"the column {column} is empty")
    moving = Path(row.cells["moving"])
    name = row.cells.get("name") or (moving.name if moving.is_absolute() else moving.as_posix())
    parts = PurePosixPath(name).parts
    if not parts or name.startswith("/") or ".." in parts or "\\" in name:
        raise InputError(
            f"{name[:_LONGEST_SHOWN]!r} cannot be the name of an output; "
            "give another in a column called name"
        )
    return PairFiles(
        name=PurePosixPath(name).as_posix(),
        reference=folder / row.cells["reference"],
        moving=folder / moving,
        folder="moving",
        siblings={name: folder / cell for name, cell in row.siblings.items()},
        columns=row.cells,
    )


def _check_names(pairs: list[PairFiles]) -> None:
    taken: dict[str, str] = {}
    for pair in pairs:
        for folder, path in pair.warped_images:
            taken_names = RESERVED if folder == pair.folder else (*RESERVED, *ROLES)
            if folder.casefold() in taken_names or folder in ("", ".", "..") or "/" in folder:
                raise InputError(f"a sibling cannot be called {folder!r}; name it: NAME=FOLDER")
            for resampled in (True, False):
                output = pair.output(folder, path, resampled=resampled).casefold()
                if taken.setdefault(output, pair.name) != pair.name:
                    raise InputError(
                        f"{taken[output]} and {pair.name} would both be written to {output}; "
                        "put one of them in another folder"
                    )
    names = {pair.name.casefold() for pair in pairs}
    if len(names) < len(pairs):
        raise InputError("two pairs have one name; give them names in a column called name")


def unreadable(pairs: Iterable[PairFiles], settings: BatchSettings) -> list[Problem]:
    """Return the first file of every pair that cannot be read, as its header tells."""
    found = []
    for pair in pairs:
        for role, path in pair.images:
            try:
                check_image_file(path, settings.max_pixels)
            except InputError as error:
                needed = role in ("reference", "moving") or settings.missing_siblings == "fail"
                fails = needed or is_there(path)
                # The file is named beside its reason.
                reason = str(error).removeprefix(f"cannot read {path}: ").removeprefix(f"{path} ")
                found.append(Problem(path, reason, pair.name if fails else None))
                if fails:
                    break
    return found
