"""Where the images of a flavour are: a folder, or a pattern with ``{name}`` in it."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from ..._common.errors import InputError
from ..._images.files.images import SUFFIXES

PLACEHOLDER = "{name}"
_NAMED = re.compile(r"([A-Za-z][\w.-]*)=(.+)", re.DOTALL)


@dataclass(frozen=True)
class ImageFolder:
    """The images of one flavour.

    Attributes
    ----------
    flavour : str
        What it is called: the folder of its outputs.
    root : Path
        The folder below which all its images lie.
    pattern : str
        The path of an image below `root`, with ``{name}`` where the pair's name stands.
    """

    flavour: str
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
        if not self.root.is_dir():
            raise InputError(f"{self.root} is not a folder; name one that holds images")
        first, last, *others = (re.escape(part) for part in self.pattern.split(PLACEHOLDER))
        again = "".join(f"(?P=name){part}" for part in others)
        match = re.compile(f"{first}(?P<name>.+){last}{again}", re.DOTALL)
        found = {}
        for path in _walk(self.root):
            named = match.fullmatch(path.relative_to(self.root).as_posix())
            if named and (self.pattern != PLACEHOLDER or path.suffix.lower() in SUFFIXES):
                found[named["name"]] = path
        return dict(sorted(found.items()))

    def expected(self, name: str) -> Path:
        """Return where the image of a pair should be."""
        return self.root / self.pattern.replace(PLACEHOLDER, name)


def parse_image_folder(text: str | os.PathLike[str]) -> ImageFolder:
    """Read ``FOLDER``, ``FOLDER/{name}_scan.png``, or either with ``FLAVOUR=`` before it.

    Raises
    ------
    InputError
        If the text is empty.
    """
    given = os.fspath(text)
    flavour = None
    named = _NAMED.fullmatch(given)
    if named and not Path(given).exists():
        flavour, given = named.groups()
    if not given:
        raise InputError("a folder of images has no name; give its path")
    root, pattern, rest = Path(given), PLACEHOLDER, ""
    if PLACEHOLDER in given:
        root = Path(given[: given.index(PLACEHOLDER)] + "x").parent
        below = PurePosixPath(Path(given).as_posix()).relative_to(root.as_posix())
        pattern = below.as_posix()
        rest = below.with_suffix("").as_posix().replace(PLACEHOLDER, "")
        rest = re.sub(r"\W+", "-", rest).strip("-_")
    return ImageFolder(flavour or rest or root.resolve().name or "images", root, pattern)


def distinct_flavours(folders: list[ImageFolder]) -> list[ImageFolder]:
    """Return folders with flavours that differ, from more of their paths where need be.

    Raises
    ------
    InputError
        If two folders are one, or were given one name.
    """
    named = folders
    for depth in range(2, 22):
        taken = Counter(folder.flavour.casefold() for folder in named)
        if len(taken) == len(named):
            return named
        named = [
            replace(folder, flavour="-".join(folder.root.resolve().parts[-depth:]))
            if taken[folder.flavour.casefold()] > 1
            else folder
            for folder in named
        ]
    raise InputError(
        f"two flavours are both called {named[0].flavour!r}; "
        "name them apart: --sibling NAME=FOLDER"
    )


def _walk(root: Path) -> Iterator[Path]:
    """Yield the files below a folder that are not hidden; links to folders are followed once."""
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
        yield from (Path(folder, name) for name in files if not name.startswith("."))
