"""What the results of the frames of a stack have in common, whatever the frames are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, Self, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from .._common.atomic import write_atomically
from .._common.errors import InputError
from .._common.given import GivenPath
from .._common.tables import csv_text
from .._verdict.verdict import VERDICTS, Verdict
from .frame_plot import drift_html

_NAMED = 5


def write_table(
    path: GivenPath, columns: Sequence[str], rows: Iterable[Mapping[str, Any]], *, overwrite: bool
) -> None:
    """Write rows as CSV; raise `InputError` for another suffix, or what cannot be written."""
    if Path(path).suffix.lower() != ".csv":
        raise InputError(f"a table is written as .csv, not as {Path(path).name}")
    write_atomically(path, csv_text(columns, rows).encode(), overwrite=overwrite)


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
    results : tuple
        One per frame.
    reference : str or int
        What the frames were aligned to.
    frames : sequence of int
        The number of each frame; all of them by default.
    called : str
        What the frames are.
    """

    _columns: ClassVar[tuple[str, ...]]

    results: tuple[Result, ...]
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
        return [result.verdict for result in self]

    @property
    def gaps(self) -> list[int]:
        """The numbers of the frames that could not be aligned: "failed" or "cancelled"."""
        return [frame for frame, result in zip(self.frames, self, strict=True) if not result.found]

    @property
    def filled_transforms(self) -> Sequence[Any]:
        """A transform for every frame, also for those that could not be aligned."""
        raise NotImplementedError

    @property
    def filled_results(self) -> Self:
        """The results with `filled_transforms`."""
        pairs = zip(self, self.filled_transforms, strict=True)
        filled: Any = [replace(result, transform=transform) for result, transform in pairs]  # type: ignore[type-var]
        return replace(self, results=tuple(filled))

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
        rows = zip(*(column.tolist() for column in self._table.values()), strict=True)
        named = (dict(zip(self._columns, row, strict=True)) for row in rows)
        write_table(path, self._columns, named, overwrite=overwrite)

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
        """The columns of all frames, worked out once: of a long film that takes a while."""
        columns: dict[str, list[Any]] = {key: [] for key in self._columns}
        for row in self._rows():
            for key, column in columns.items():
                column.append(row[key])
        return {key: np.array(column) for key, column in columns.items()}

    def _copied_table(self) -> dict[str, NDArray[Any]]:
        """Return the columns of all frames for the caller to keep."""
        return {key: column.copy() for key, column in self._table.items()}

    def _nearest(self) -> list[int]:
        """Return, for every frame, where the nearest is that is no gap; none if all are gaps."""
        known = np.array([at for at, result in enumerate(self) if result.found])
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
        counts = Counter(self.verdicts)
        verdicts = [f"{counts[name]} {name}" for name in reversed(VERDICTS) if counts[name]]
        line = f"{len(self)} {one}{'s' * (len(self) != 1)} to {said}: {', '.join(verdicts)}"
        wrong = [
            frame for frame, result in zip(self.frames, self, strict=True) if not result.aligned
        ]
        if wrong:
            line += f" ({', '.join(map(str, wrong[:_NAMED]))}"
            line += ", …)" if len(wrong) > _NAMED else ")"
        return line
