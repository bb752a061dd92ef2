"""A pair of images with its siblings, and a plan of many."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path, PurePosixPath
from typing import Self, overload

from ..._common.errors import InputError
from ..._common.tables import spreadsheet_text
from ..._images.files.suffixes import ZARR, readable_suffix
from ..settings import BatchSettings
from .image_folders import one_or_more
from .pair_filter import pair_filter

_JPEG = (".jpg", ".jpeg")
_NEAREST = 3


@dataclass(frozen=True)
class PairFiles:
    """Two images to lay on each other, and what goes with them.

    Attributes
    ----------
    name : str
        Unique in the plan: the path of the moving image below its folder, with forward slashes.
    reference, moving : Path
        The files; they may be missing.
    folder : str
        The folder of the warped moving image.
    siblings : dict of str to Path
        Files that get the same transform, by the folder of their outputs; they may be
        missing.
    columns : dict of str to str
        The cells of its row, if it comes from a table.
    """

    name: str
    reference: Path
    moving: Path
    folder: str
    siblings: Mapping[str, Path] = field(default_factory=dict, hash=False)
    columns: Mapping[str, str] = field(default_factory=dict, hash=False)

    def output(self, folder: str, path: Path, *, resampled: bool) -> str:
        """Return where an image goes below the output folder, with forward slashes.

        It keeps its suffix, but a resampled JPEG becomes a PNG: written as JPEG again, it would
        lose more than by resampling. An OME-Zarr image becomes a file.
        """
        suffix = readable_suffix(path) or path.suffix
        suffix = ".ome.tif" if suffix.lower() in ZARR else suffix
        suffix = ".png" if resampled and suffix.lower() in _JPEG else suffix
        return f"{folder}/{stem(self.name)}{suffix}"

    @property
    def images(self) -> list[tuple[str, Path]]:
        """The role or the sibling's name, and the file, of every image of the pair."""
        return [("reference", self.reference), ("moving", self.moving), *self.siblings.items()]

    @property
    def warped_images(self) -> list[tuple[str, Path]]:
        """The folder of its output, and the file, of every image that gets one."""
        return [(self.folder, self.moving), *self.siblings.items()]


def with_absolute_paths(pair: PairFiles) -> PairFiles:
    """Return a pair that means the same in a process with another working folder."""
    return replace(
        pair,
        reference=_full(pair.reference),
        moving=_full(pair.moving),
        siblings={name: _full(path) for name, path in pair.siblings.items()},
    )


def _full(path: Path) -> Path:
    return Path(os.path.abspath(path))  # noqa: PTH100 - links are kept, ".." is not


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
class Plan(Sequence[str]):
    """What a batch will do; as a sequence, it holds the names of its pairs.

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

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the pairs, in their order."""
        return tuple(pair.name for pair in self.pairs)

    def __len__(self) -> int:
        return len(self.pairs)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> Self: ...
    def __getitem__(self, index: int | slice) -> str | Self:
        if isinstance(index, slice):
            return self._of(self.pairs[index])
        return self.pairs[index].name

    def __repr__(self) -> str:
        pairs = f"{len(self)} {'pair' if len(self) == 1 else 'pairs'}"
        problems = f", with {len(self.problems)} problems" if self.problems else ""
        return f"{type(self).__name__} of {pairs}, to {str(self.out)!r}{problems}"

    def where(self, *patterns: str) -> Self:
        """Return the plan of those pairs that match.

        Parameters
        ----------
        *patterns : str
            A glob that the name matches, with ``*``, ``?`` and ``[...]``, or ``COLUMN=GLOB`` for
            a cell of a table; with ``!`` before it, those that do not match. A pair must pass
            all of them.

        Raises
        ------
        InputError
            If none matches.

        Examples
        --------
        >>> files = [(name, Path("a", name), Path("b", name)) for name in ("p1.png", "p2.png")]
        >>> pairs = tuple(PairFiles(*three, folder="b") for three in files)
        >>> plan = Plan(Path("out"), pairs, (), BatchSettings())
        >>> list(plan.where("*2*")), list(plan.where("!*2*")), list(plan[:1])
        (['p2.png'], ['p1.png'], ['p1.png'])
        """
        return self._of(pairs_where(self.pairs, one_or_more(patterns, "where")))

    def _of(self, pairs: Sequence[PairFiles]) -> Self:
        """Return the plan of some of the pairs, with the problems that are not of others."""
        names = {None, *(pair.name for pair in pairs)}
        problems = (problem for problem in self.problems if problem.pair in names)
        return replace(self, pairs=tuple(pairs), problems=tuple(problems))


def stem(name: str) -> str:
    """Return a name without the suffix of an image file, if it has one."""
    path = PurePosixPath(name)
    return path.as_posix().removesuffix(readable_suffix(path))


def pairs_where(pairs: Sequence[PairFiles], patterns: Iterable[str]) -> list[PairFiles]:
    """Return the pairs that pass every filter; see `pair_filter`.

    Raises
    ------
    InputError
        If there is none, or a filter cannot be read.
    """
    choices = [pair_filter(text) for text in patterns]
    chosen = [pair for pair in pairs if all(takes(pair.name, pair.columns) for takes in choices)]
    if not chosen:
        advice = f"; where chooses none of the {len(pairs)}" if pairs else ""
        raise InputError(f"there is no pair to align{advice}")
    return chosen


def find_pairs(pairs: Sequence[PairFiles], names: str | Iterable[str]) -> list[PairFiles]:
    """Return the pairs of one or more names, in their order.

    Raises
    ------
    InputError
        If there is none of a name; the message has the nearest.
    """
    # Also as the report's table has them.
    by_name = {spreadsheet_text(pair.name): pair for pair in pairs}
    by_name |= {pair.name: pair for pair in pairs}
    wanted = dict.fromkeys(one_or_more(names, "names"))
    for name in wanted:
        if name not in by_name:
            near = get_close_matches(name, by_name, _NEAREST, cutoff=0.5) or [*by_name][:_NEAREST]
            raise InputError(
                f"the batch has no pair {name!r}; the nearest of its {len(by_name)} names: "
                f"{', '.join(near) or 'none'}"
            )
    return [by_name[name] for name in wanted]
