"""Where the images of a flavour are: a folder, or a pattern with ``{name}`` in it."""

from __future__ import annotations

import os
import re
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
    pattern : str or None
        Of a pattern: the path below `root`, with ``{name}`` where the pair's name stands.
    """

    flavour: str
    root: Path
    pattern: str | None = None

    def files(self) -> dict[str, Path]:
        """Return every image file by the name of its pair.

        Of a folder, the name is the path below it. Hidden files are left out.

        Raises
        ------
        InputError
            If the folder cannot be read.
        """
        if not self.root.is_dir():
            raise InputError(f"{self.root} is not a folder; name one that holds images")
        match = self._matcher()
        found = {}
        for path in _walk(self.root):
            relative = path.relative_to(self.root).as_posix()
            if match is None:
                if path.suffix.lower() in SUFFIXES:
                    found[relative] = path
            elif named := match.fullmatch(relative):
                found[named["name"]] = path
        return dict(sorted(found.items()))

    def expected(self, name: str) -> Path:
        """Return where the image of a pair should be."""
        return self.root / (self.pattern.replace(PLACEHOLDER, name) if self.pattern else name)

    def _matcher(self) -> re.Pattern[str] | None:
        if self.pattern is None:
            return None
        first, *others = (re.escape(part) for part in self.pattern.split(PLACEHOLDER))
        again = "".join(f"(?P=name){part}" for part in others[1:])
        return re.compile(f"{first}(?P<name>.+){others[0]}{again}", re.DOTALL)


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
    if PLACEHOLDER not in given:
        root = Path(given)
        return ImageFolder(flavour or root.resolve().name or "images", root)
    fixed = Path(given[: given.index(PLACEHOLDER)] + "x").parent
    below = PurePosixPath(Path(given).as_posix()).relative_to(fixed.as_posix())
    if flavour is None:
        rest = "".join(part for part in below.with_suffix("").as_posix().split(PLACEHOLDER))
        flavour = re.sub(r"\W+", "-", rest).strip("-_") or fixed.resolve().name or "images"
    return ImageFolder(flavour, fixed, below.as_posix())


def distinct_flavours(folders: list[ImageFolder]) -> list[ImageFolder]:
    """Return folders with flavours that differ, from more of their paths where need be.

    Raises
    ------
    InputError
        If two folders are one, or were given one name.
    """
    depth = 1
    named = folders
    while len({folder.flavour.casefold() for folder in named}) < len(named):
        depth += 1
        if depth > 20:
            raise InputError(
                f"two flavours are both called {named[0].flavour!r}; "
                "name them apart: --sibling NAME=FOLDER"
            )
        taken = [folder.flavour.casefold() for folder in named]
        named = [
            replace(folder, flavour="-".join(folder.root.resolve().parts[-depth:]))
            if taken.count(now.flavour.casefold()) > 1
            else now
            for folder, now in zip(folders, named, strict=True)
        ]
    return named


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
