"""The plan of a batch: which images belong together, and where their results go."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path, PurePosixPath

from ..._common.errors import InputError
from ..._images.files.headers import check_image_file
from ..._images.files.images import SUFFIXES
from ..settings import BatchSettings
from .image_folders import ImageFolder, distinct_flavours, parse_image_folder
from .output_folder import check_output_folder
from .pair_filter import pair_filter
from .pair_table import TableRow, read_table

RESERVED = ("records", "report.html", "report.csv", ".ecc-align")
"""What else is in an output folder; no flavour may be called so."""
_JPEG = (".jpg", ".jpeg")


@dataclass(frozen=True)
class PairFiles:
    """Two images to lay on each other, and what goes with them.

    Attributes
    ----------
    name : str
        Unique in the plan: the path of the moving image below its folder, with forward slashes.
    reference, moving : Path
        The files; they may be missing.
    flavour : str
        The folder of the aligned moving image.
    siblings : dict of str to Path
        Files that get the same transform, by flavour, the folder of their outputs; they may be
        missing.
    columns : dict of str to str
        The cells of its row, if it comes from a table.
    """

    name: str
    reference: Path
    moving: Path
    flavour: str
    siblings: Mapping[str, Path] = field(default_factory=dict, hash=False)
    columns: Mapping[str, str] = field(default_factory=dict, hash=False)

    def output(self, flavour: str, path: Path, *, resampled: bool) -> str:
        """Return where an image goes below the output folder, with forward slashes.

        It keeps its suffix, but a resampled JPEG becomes a PNG: written as JPEG again, it would
        lose more than by resampling.
        """
        suffix = ".png" if resampled and path.suffix.lower() in _JPEG else path.suffix
        return f"{flavour}/{_stem(self.name)}{suffix}"

    @property
    def images(self) -> list[tuple[str, Path]]:
        """The role or flavour, and the file, of every image of the pair."""
        return [("reference", self.reference), ("moving", self.moving), *self.siblings.items()]

    @property
    def flavours(self) -> list[tuple[str, Path]]:
        """The flavour and the file of every image that gets an output."""
        return [(self.flavour, self.moving), *self.siblings.items()]


@dataclass(frozen=True)
class Problem:
    """A file that has no partner or cannot be read.

    Attributes
    ----------
    path : Path
        The file.
    reason : str
        What is wrong with it, in a sentence without its name.
    pair : str or None
        The pair that fails by it, or None if it is left out. Of each pair that fails, the first
        such file is named.
    """

    path: Path
    reason: str
    pair: str | None


@dataclass(frozen=True)
class Plan:
    """What a batch will do; nothing has been written yet.

    Attributes
    ----------
    out : Path
        The output folder, which need not exist.
    pairs : tuple of PairFiles
        In the order in which they are done.
    problems : tuple of Problem
        Files without a partner and files that cannot be read.
    settings : BatchSettings
        How each pair is done.
    """

    out: Path
    pairs: tuple[PairFiles, ...]
    problems: tuple[Problem, ...]
    settings: BatchSettings


def make_plan(
    reference: str | PathLike[str] | None = None,
    moving: str | PathLike[str] | None = None,
    *,
    siblings: Iterable[str | PathLike[str]] = (),
    table: str | PathLike[str] | None = None,
    out: str | PathLike[str],
    where: Sequence[str] = (),
    settings: BatchSettings | None = None,
) -> Plan:
    """Pair the images of two folders, or those of a table, and look at every file's header.

    Parameters
    ----------
    reference, moving : path, optional
        A folder each, whose images pair by their path below it (if need be without the suffix),
        or a pattern such as ``scans/{name}_gray.png``, in which ``{name}`` is what pairs them.
    siblings : iterable of path
        Folders or patterns of other flavours of the moving images. ``FLAVOUR=`` before any of
        these says what the folder of its outputs is called.
    table : path, optional
        Instead of these: a CSV or TSV file with the columns ``reference``, ``moving`` and, if
        wanted, ``sibling:FLAVOUR`` and ``name``. Paths in it are relative to its own folder.
    out : path
        The output folder. It may not be, contain or lie inside a folder of images.
    where : sequence of str
        Choose pairs: a glob that the name matches, or ``COLUMN=GLOB`` for a table; with ``!``
        before it, those that do not match. A pair must pass all of them.
    settings : BatchSettings, optional
        How each pair is done.

    Returns
    -------
    Plan

    Raises
    ------
    InputError
        If there is no pair, a folder cannot be read, two pairs would write one file, or the
        output folder would touch an input.

    Examples
    --------
    >>> from pathlib import Path
    >>> from skimage import data
    >>> from napari_ecc_align import make_plan, write_image
    >>> for folder, top in (("ideal", 100), ("scan", 97)):
    ...     Path(folder).mkdir(exist_ok=True)
    ...     image = data.camera()[top : top + 200, 100:350]
    ...     write_image(f"{folder}/p1.png", image, overwrite=True)
    >>> plan = make_plan("ideal", "scan", out="aligned")
    >>> [pair.name for pair in plan.pairs]
    ['p1.png']
    >>> plan.problems
    ()
    """
    settings = settings or BatchSettings()
    if table is not None:
        if reference is not None or moving is not None or list(siblings):
            raise InputError("give folders or a table of pairs, not both")
        pairs = [_pair_of_row(Path(table), row) for row in read_table(Path(table))]
        roots = list[Path]()
    elif reference is None or moving is None:
        raise InputError("a batch needs a folder of references and one of moving images")
    else:
        folders = [parse_image_folder(given) for given in (reference, moving, *siblings)]
        pairs = _from_folders(folders[0], folders[1], folders[2:])
        roots = [folder.root for folder in folders]
    choices = [pair_filter(text) for text in where]
    chosen = [pair for pair in pairs if all(takes(pair.name, pair.columns) for takes in choices)]
    if not chosen:
        advice = "; --where chooses none of them" if pairs else ""
        raise InputError(f"there is no pair to align{advice}")
    unpaired = _unpaired_siblings(chosen, folders) if table is None and not where else []
    _check_names(chosen)
    check_output_folder(Path(out), roots, (path for pair in chosen for _, path in pair.images))
    problems = [*_unreadable(chosen, settings), *unpaired]
    return Plan(Path(out), tuple(chosen), tuple(problems), settings)


class _Files:
    """The images of a folder, found by name or, failing that, by name without suffix."""

    def __init__(self, folder: ImageFolder) -> None:
        self.folder = folder
        self.files = folder.files()
        self._stems: dict[str, list[str]] = {}
        for name in self.files:
            self._stems.setdefault(_stem(name), []).append(name)

    def find(self, name: str) -> str | None:
        """Return the name here of the image that belongs to a name elsewhere."""
        if name in self.files:
            return name
        alike = self._stems.get(_stem(name), [])
        return alike[0] if len(alike) == 1 else None

    def path(self, name: str) -> Path:
        """Return the file that belongs to a name, or where it should be."""
        found = self.find(name)
        return self.folder.expected(name) if found is None else self.files[found]


def _from_folders(
    reference: ImageFolder, moving: ImageFolder, siblings: list[ImageFolder]
) -> list[PairFiles]:
    moving, *siblings = distinct_flavours([moving, *siblings])
    fixed, moved = _Files(reference), _Files(moving)
    others = [_Files(folder) for folder in siblings]
    without_moving = [name for name in fixed.files if moved.find(name) is None]
    return [
        PairFiles(
            name=name,
            reference=fixed.path(name),
            moving=moved.path(name),
            flavour=moving.flavour,
            siblings={other.folder.flavour: other.path(name) for other in others},
        )
        for name in sorted([*moved.files, *without_moving])
    ]


def _unpaired_siblings(pairs: list[PairFiles], folders: list[ImageFolder]) -> list[Problem]:
    """Return the sibling files that belong to no pair."""
    used = {path for pair in pairs for _, path in pair.images}
    return [
        Problem(path, "belongs to no pair and is left out", None)
        for folder in folders[2:]
        for path in folder.files().values()
        if path not in used
    ]


def _pair_of_row(table: Path, row: TableRow) -> PairFiles:
    folder = table.parent
    where = f"{table}, line {row.number}"
    for column in ("reference", "moving"):
        if not row.cells[column]:
            raise InputError(f"{where}: the column {column} is empty")
    moving = Path(row.cells["moving"])
    name = row.cells.get("name") or (moving.name if moving.is_absolute() else moving.as_posix())
    parts = PurePosixPath(name).parts
    if not parts or name.startswith("/") or ".." in parts or "\\" in name:
        raise InputError(
            f"{where}: {name!r} cannot be the name of an output; "
            "give another in a column called name"
        )
    return PairFiles(
        name=PurePosixPath(name).as_posix(),
        reference=folder / row.cells["reference"],
        moving=folder / moving,
        flavour="moving",
        siblings={flavour: folder / cell for flavour, cell in row.siblings.items()},
        columns=row.cells,
    )


def _check_names(pairs: list[PairFiles]) -> None:
    taken: dict[str, str] = {}
    for pair in pairs:
        for flavour, path in pair.flavours:
            if flavour.casefold() in RESERVED or flavour in (".", "..") or "/" in flavour:
                raise InputError(f"a flavour cannot be called {flavour!r}; name it: NAME=FOLDER")
            for resampled in (True, False):
                output = pair.output(flavour, path, resampled=resampled).casefold()
                if taken.setdefault(output, pair.name) != pair.name:
                    raise InputError(
                        f"{taken[output]} and {pair.name} would both be written to {output}; "
                        "put one of them in another folder"
                    )
    names = {pair.name.casefold() for pair in pairs}
    if len(names) < len(pairs):
        raise InputError("two pairs have one name; give them names in a column called name")


def _unreadable(pairs: list[PairFiles], settings: BatchSettings) -> list[Problem]:
    found = []
    for pair in pairs:
        for role, path in pair.images:
            try:
                check_image_file(path, settings.max_pixels)
            except InputError as error:
                needed = role in ("reference", "moving") or settings.missing_siblings == "fail"
                fails = needed or path.exists()
                # The file is named beside its reason.
                reason = str(error).removeprefix(f"cannot read {path}: ").removeprefix(f"{path} ")
                found.append(Problem(path, reason, pair.name if fails else None))
                if fails:
                    break
    return found


def _stem(name: str) -> str:
    path = PurePosixPath(name)
    return path.with_suffix("").as_posix() if path.suffix.lower() in SUFFIXES else name
