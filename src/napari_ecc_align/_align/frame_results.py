"""What the results of the frames of a stack have in common, whatever the frames are."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, Generic, Protocol, Self, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from .._common.atomic import write_atomically
from .._common.errors import InputError
from .._common.given import GivenPath
from .._common.tables import csv_lines
from .._verdict.verdict import FOUND, VERDICTS, Verdict
from .frame_plot import drift_html
from .packed_results import PackedResults, verdicts_of, with_others

_NAMED = 5
_ROWS = 1000


def write_table(
    path: GivenPath, columns: Sequence[str], rows: Iterable[Mapping[str, Any]], *, overwrite: bool
) -> None:
    """Write rows as CSV; raise `InputError` for another suffix, or what cannot be written."""
    if Path(path).suffix.lower() != ".csv":
        raise InputError(f"a table is written as .csv, not as {Path(path).name}")

    def write(file: BinaryIO) -> None:
        file.writelines(line.encode() for line in csv_lines(columns, rows))

    write_atomically(path, write, overwrite=overwrite)


class _Judged(Protocol):
    @property
    def verdict(self) -> Verdict: ...
    @property
    def found(self) -> bool: ...
    @property
    def aligned(self) -> bool: ...


Result = TypeVar("Result", bound=_Judged)


@dataclass(frozen=True, eq=False, repr=False)
class FrameResults(Sequence[Result], Generic[Result]):
    """A sequence of one result per frame; a slice of it is one, too.

    Attributes
    ----------
    results : tuple, or sequence
        One per frame; of very many no tuple, but what makes each when it is asked for.
    reference : str or int
        What the frames were aligned to.
    frames : sequence of int
        The number of each frame; all of them by default.
    called : str
        What the frames are.
    """

    _columns: ClassVar[tuple[str, ...]]

    results: Sequence[Result]
    reference: str | int
    frames: Sequence[int] = ()
    called: str = "frames"

    def __post_init__(self) -> None:
        object.__setattr__(self, "frames", self.frames or range(len(self.results)))

    @overload
    def __getitem__(self, index: int) -> Result: ...
    @overload
    def __getitem__(self, index: slice) -> Self: ...
    def __getitem__(self, index: int | slice) -> Result | Self:
        if isinstance(index, slice):
            return replace(self, results=self.results[index], frames=self.frames[index])
        return self.results[index]

    def __len__(self) -> int:
        return len(self.results)

    @property
    def verdicts(self) -> list[Verdict]:
        """The verdict of every frame."""
        return verdicts_of(self.results)

    @property
    def gaps(self) -> list[int]:
        """The numbers of the frames that could not be aligned: "failed" or "cancelled"."""
        return [
            frame
            for frame, verdict in zip(self.frames, self.verdicts, strict=True)
            if verdict not in FOUND
        ]

    @property
    def filled_results(self) -> Self:
        """The results with `filled_transforms`, which takes a gap's from its nearest neighbour."""
        return replace(self, results=with_others(self.results, self._filled()))

    def _filled(self) -> Iterator[tuple[int, Result]]:
        """Yield each gap with a transform, and where it is."""
        nearest = self._nearest()
        for here, verdict in enumerate(self.verdicts):
            if verdict not in FOUND:
                gap: Any = self[here]
                near = self[nearest[here]] if nearest else None
                yield here, replace(gap, transform=self._filling(gap, near))

    @abstractmethod
    def _filling(self, gap: Result, near: Result | None) -> Any:
        """Return the transform of a gap beside the nearest frame that is none, if there is one."""

    def save_table(self, path: GivenPath, *, overwrite: bool = False) -> None:
        """Write the table of `to_dict` as CSV, a frame a line; what is not known is empty.

        Parameters
        ----------
        path : str or Path
            Where to write it; the suffix is ``.csv``.
        overwrite : bool, default: False
            Replace a file that is there already.

        Raises
        ------
        InputError
            If the suffix is another one, or it cannot be written.
        """
        rows = self._rows()
        if "_table" in vars(self) or not isinstance(self.results, PackedResults):
            every = zip(*(column.tolist() for column in self._table.values()), strict=True)
            rows = (dict(zip(self._columns, row, strict=True)) for row in every)
        write_table(path, self._columns, rows, overwrite=overwrite)

    def _repr_html_(self) -> str:
        """Return the line, a plot of the shift, and why frames are not aligned, for a notebook."""
        return drift_html(repr(self), self._table, self._unit)

    @property
    def _unit(self) -> str:
        return "px"

    def _rows(self) -> Iterator[Mapping[str, Any]]:
        """Yield the columns of each frame."""
        raise NotImplementedError

    @cached_property
    def _table(self) -> dict[str, NDArray[Any]]:
        """The columns of all frames, worked out once: of a long film that takes a while.

        Texts are objects: in arrays of their own each takes the room of the longest.
        """
        rows = self._rows()
        pieces: dict[str, list[NDArray[Any]]] = {key: [] for key in self._columns}
        # Numbers as objects take four times as much as in arrays: there are never many.
        while some := [*islice(rows, _ROWS)]:
            for key, column in pieces.items():
                column.append(_array([row[key] for row in some]))
        return {key: np.concatenate(column or [np.empty(0)]) for key, column in pieces.items()}

    def _copied_table(self) -> dict[str, NDArray[Any]]:
        """Return the columns of all frames for the caller to keep."""
        return {
            key: column.astype(str)
            if column.dtype == object and _are_texts(column)
            else column.copy()
            for key, column in self._table.items()
        }

    def _nearest(self) -> list[int]:
        """Return, for every frame, where the nearest is that is no gap; none if all are gaps."""
        known = np.flatnonzero(np.isin(self.verdicts, FOUND))
        if not known.size:
            return []
        here = np.arange(len(self))
        after = np.searchsorted(known, here).clip(max=len(known) - 1)
        before = (after - 1).clip(min=0)
        nearer = here - known[before] <= np.abs(known[after] - here)
        nearest: list[int] = known[np.where(nearer, before, after)].tolist()
        return nearest

    def _line(self) -> str:
        """Return how many there are, to what they were aligned, and their verdicts."""
        to = self.reference
        what = {"image": "an image", "images": "an image each", "previous": "the previous one"}
        one = self.called[:-1]
        said = what.get(to, f"the {to}") if isinstance(to, str) else f"{one} {to}"
        said_of = self.verdicts
        counts = Counter(said_of)
        verdicts = [f"{counts[name]} {name}" for name in reversed(VERDICTS) if counts[name]]
        line = f"{len(self)} {one}{'s' * (len(self) != 1)} to {said}: {', '.join(verdicts)}"
        wrong = [
            frame
            for frame, verdict in zip(self.frames, said_of, strict=True)
            if verdict != "aligned"
        ]
        if wrong:
            line += f" ({', '.join(map(str, wrong[:_NAMED]))}"
            line += ", …)" if len(wrong) > _NAMED else ")"
        return line


def _array(values: list[Any]) -> NDArray[Any]:
    return np.array(values, object if _are_texts(values) else None)


def _are_texts(values: Iterable[Any]) -> bool:
    return all(isinstance(value, str) for value in values)
