"""Where images are that belong together: a folder, or a pattern with ``{name}`` in it."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path, PurePosixPath
from typing import cast

from ..._common.atomic import real_path
from ..._common.errors import InputError
from ..._common.given import GivenPath
from ..._common.opening import is_folder, is_there
from ..._images.files.suffixes import readable_suffix
from ..._images.files.zarr_image import is_zarr

Siblings = GivenPath | Iterable[GivenPath] | Mapping[str, GivenPath]
PLACEHOLDER = "{name}"
_NAMED = re.compile(r"([A-Za-z][\w.-]*)=(.+)", re.DOTALL)


@dataclass(frozen=True)
class ImageFolder:
    """Images of one kind, such as the gray scans of all pages.

    Attributes
    ----------
    name : str
        What it is called: the folder of its outputs.
    root : Path
        The folder below which all its images lie.
    pattern : str
        The path of an image below `root`, with ``{name}`` where the pair's name stands.
    """

    name: str
    root: Path
    pattern: str = PLACEHOLDER

    def files(self) -> dict[str, Path]:
        """Return every image file by the name of its pair.

        Of a folder, the name is the path below it, and files of other kinds are left out, as
        hidden files always are.

        Raises
        ------
        InputError
            If the folder cannot be read.
        """
        if not is_folder(self.root):
            raise InputError(f"{self.root} is not a folder; name one that holds images")
        first, last, *others = (re.escape(part) for part in self.pattern.split(PLACEHOLDER))
        again = "".join(f"(?P=name){part}" for part in others)
        match = re.compile(f"{first}(?P<name>.+){last}{again}", re.DOTALL)
        found = {}
        for path in _walk(self.root):
            named = match.fullmatch(path.relative_to(self.root).as_posix())
            if named and (self.pattern != PLACEHOLDER or readable_suffix(path)):
                found[named["name"]] = path
        return dict(sorted(found.items()))

    def expected(self, name: str) -> Path:
        """Return where the image of a pair should be."""
        return self.root / self.pattern.replace(PLACEHOLDER, name)


def path_text(given: object, what: str) -> str:
    """Return a path as text; raise `InputError`, which says what it is for, if it is none."""
    text = os.fspath(given) if isinstance(given, PathLike) else given
    if isinstance(text, str) and text and "\0" not in text:
        return text
    raise InputError(f"{what} must be the path of a file or folder, not {given!r}")


def one_or_more(given: object, what: str) -> list[str]:
    """Return paths or names as texts, where one alone may stand for a list of one.

    Raises
    ------
    InputError
        If it is, or holds, something else.
    """
    if isinstance(given, str | PathLike):
        return [path_text(given, what)]
    if not isinstance(given, Iterable):
        raise InputError(f"{what} must be one text or several, not {given!r}")
    return [path_text(one, f"each of {what}") for one in given]


def parse_siblings(given: Siblings) -> list[ImageFolder]:
    """Read one folder or pattern, several, or a mapping of names to them.

    Raises
    ------
    InputError
        If it is, or holds, something else.
    """
    if not isinstance(given, Mapping):
        return [parse_image_folder(one) for one in one_or_more(given, "siblings")]
    names = one_or_more(given.keys(), "the names of siblings")
    folders = (parse_image_folder(one) for one in cast("Mapping[str, GivenPath]", given).values())
    return [replace(folder, name=name) for name, folder in zip(names, folders, strict=True)]


def parse_image_folder(text: GivenPath) -> ImageFolder:
    """Read ``FOLDER``, ``FOLDER/{name}_scan.png``, or either with ``NAME=`` before it.

    Raises
    ------
    InputError
        If the text is empty or none.
    """
    given = path_text(text, "a folder of images")
    name = None
    named = _NAMED.fullmatch(given)
    if named and not is_there(given):
        name, given = named.groups()
    root, pattern, rest = Path(given), PLACEHOLDER, ""
    if PLACEHOLDER in given:
        root = Path(given[: given.index(PLACEHOLDER)] + "x").parent
        below = PurePosixPath(Path(given).as_posix()).relative_to(root.as_posix())
        pattern = below.as_posix()
        rest = below.with_suffix("").as_posix().replace(PLACEHOLDER, "")
        rest = re.sub(r"\W+", "-", rest).strip("-_")
    return ImageFolder(name or rest or real_path(root).name or "images", root, pattern)


def distinct_names(folders: list[ImageFolder]) -> list[ImageFolder]:
    """Return folders with names that differ, from more of their paths where need be.

    Raises
    ------
    InputError
        If two folders are one, or were given one name.
    """
    named = folders
    for depth in range(2, 22):
        taken = Counter(folder.name.casefold() for folder in named)
        if len(taken) == len(named):
            return named
        named = [
            replace(folder, name="-".join(real_path(folder.root).parts[-depth:]))
            if taken[folder.name.casefold()] > 1
            else folder
            for folder in named
        ]
    raise InputError(
        f"two siblings are both called {named[0].name!r}; name them apart: NAME=FOLDER"
    )


def _walk(root: Path) -> Iterator[Path]:
    """Yield the files below a folder that are not hidden; links to folders are followed once.

    A folder that is an OME-Zarr image is one of them.
    """
    seen = set()

    def fail(error: OSError) -> None:
        raise InputError(f"cannot read {error.filename}: {error.strerror}") from error

    for folder, folders, files in os.walk(root, followlinks=True, onerror=fail):
        seen.add(os.path.realpath(folder))
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".")
            and os.path.realpath(os.path.join(folder, name)) not in seen  # noqa: PTH118
        )
        images = [name for name in folders if is_zarr(Path(folder, name))]
        folders[:] = [name for name in folders if name not in images]
        yield from (Path(folder, name) for name in (*images, *files) if not name.startswith("."))
