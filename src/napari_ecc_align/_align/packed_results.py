"""Results of very many frames in little memory, each made again when it is asked for."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, Protocol, TypeVar, overload

import numpy as np

from .._verdict.result import AlignmentResult
from .._verdict.verdict import Verdict

_Result = TypeVar("_Result")


class PackedResults(Sequence[AlignmentResult]):
    """Results of which the tiles are just counted, the same to the last bit.

    One takes some 4 KB as objects, and as much again around them, for they lie between images
    that come and go; here it is its numbers and its reason.

    Parameters
    ----------
    results : iterable of AlignmentResult, optional
        Of others of this class no number is copied.
    """

    def __init__(self, results: Iterable[AlignmentResult] = ()) -> None:
        packed = results if isinstance(results, PackedResults) else None
        self._rows: _Rows = packed._rows if packed else _Rows()
        self._at: array[int] = packed._at[:] if packed else array("q")
        if packed is None:
            for result in results:
                self.append(result)

    def append(self, result: Any) -> None:
        """Add the result of the next frame."""
        self._at.append(self._rows.added(result))

    def replaced(self, others: Iterable[tuple[int, Any]]) -> PackedResults:
        """Return the results with others at some places."""
        changed = PackedResults(self)
        for index, result in others:
            changed._at[index] = self._rows.added(result)
        return changed

    @overload
    def __getitem__(self, index: int) -> AlignmentResult: ...
    @overload
    def __getitem__(self, index: slice) -> PackedResults: ...
    def __getitem__(self, index: int | slice) -> AlignmentResult | PackedResults:
        if isinstance(index, slice):
            part = PackedResults(self)
            part._at = self._at[index]
            return part
        return self._rows[self._at[index]]

    def __len__(self) -> int:
        return len(self._at)

    @property
    def verdicts(self) -> list[Verdict]:
        """The verdict of every frame."""
        kinds, verdicts = self._rows.kinds, self._rows.verdicts
        return [verdicts[kinds[at]] for at in self._at]


class _Judged(Protocol):
    @property
    def verdict(self) -> Verdict: ...


def verdicts_of(results: Sequence[_Judged]) -> list[Verdict]:
    """Return the verdict of every result."""
    if isinstance(results, PackedResults):
        return results.verdicts
    return [result.verdict for result in results]


def with_others(
    results: Sequence[_Result], others: Iterable[tuple[int, _Result]]
) -> Sequence[_Result]:
    """Return results with others at some places, packed if they are, or as a tuple."""
    if isinstance(results, PackedResults):
        replaced: Sequence[Any] = results.replaced(others)
        return replaced
    changed = list(results)
    for index, result in others:
        changed[index] = result
    return tuple(changed)


class _Rows:
    """The numbers of each result in a row, its reason, and the number of what else it is.

    There are few that differ in more than numbers and reasons.
    """

    def __init__(self) -> None:
        self._numbers, self._begins = array("d"), array("q", [0])
        self._reasons, self._reason_ends = bytearray(), array("q", [0])
        self.kinds = array("q")
        self.verdicts: list[Verdict] = []
        self._known: dict[Any, int] = {}
        self._forms: list[Any] = []

    def added(self, result: AlignmentResult) -> int:
        """Keep a result and return its number."""
        numbers: list[float] = []
        form = tuple(
            (field.name, _parted(getattr(result, field.name), numbers))
            for field in fields(result)
            if field.name != "reason"
        )
        kind = self._known.setdefault(form, len(self._forms))
        if kind == len(self._forms):
            self._forms.append(form)
            self.verdicts.append(result.verdict)
        self.kinds.append(kind)
        self._numbers.extend(numbers)
        self._begins.append(len(self._numbers))
        self._reasons += result.reason.encode("utf-8", "surrogatepass")
        self._reason_ends.append(len(self._reasons))
        return len(self.kinds) - 1

    def __getitem__(self, number: int) -> AlignmentResult:
        numbers = iter(self._numbers[self._begins[number] : self._begins[number + 1]])
        reason = self._reasons[self._reason_ends[number] : self._reason_ends[number + 1]]
        form = self._forms[self.kinds[number]]
        found = {name: _joined(part, numbers) for name, part in form}
        return AlignmentResult(**found, reason=reason.decode("utf-8", "surrogatepass"))


def _parted(value: Any, numbers: list[float]) -> Any:
    """Return what a value is beside its numbers, which are added to those that there are."""
    kind = type(value)
    if kind in (float, int) or isinstance(value, (np.floating, np.integer)):
        numbers.append(float(value))
        return kind
    if isinstance(value, np.ndarray):
        numbers.extend(value.ravel().tolist())
        return np.ndarray, value.dtype.str, value.shape
    if is_dataclass(value):
        named = ((field.name, getattr(value, field.name)) for field in fields(value))
        return kind, tuple((name, _parted(part, numbers)) for name, part in named)
    if kind is tuple:
        return tuple, tuple(_parted(part, numbers) for part in value)
    if kind is dict:
        return dict, tuple((key, _parted(part, numbers)) for key, part in value.items())
    return None, value


def _joined(form: Any, numbers: Iterator[float]) -> Any:
    """Return a value made of what `_parted` returned and its numbers."""
    if isinstance(form, type):
        return form(next(numbers))
    kind, *parts = form
    if kind is None:
        return parts[0]
    if kind is np.ndarray:
        dtype, shape = parts
        count = int(np.prod(shape))
        return np.fromiter(numbers, dtype, count).reshape(shape)
    if kind is tuple:
        return tuple(_joined(part, numbers) for part in parts[0])
    named = {name: _joined(part, numbers) for name, part in parts[0]}
    if kind is dict:
        return named
    # As it is unpickled: what has been checked is not checked again.
    made = object.__new__(kind)
    getattr(made, "__setstate__", made.__dict__.update)(named)
    return made
