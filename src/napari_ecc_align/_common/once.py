"""What is computed once and kept, and what is changed of what is frozen: both in little time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from functools import cache
from typing import Any, Generic, TypeVar, overload

Owner = TypeVar("Owner")
Value = TypeVar("Value")


class once(Generic[Owner, Value]):
    """A property that is computed once, as `functools.cached_property`.

    That one takes a lock before Python 3.12, for longer than much of what is kept takes.
    """

    def __init__(self, compute: Callable[[Owner], Value]) -> None:
        self._compute, self.__doc__ = compute, compute.__doc__
        self._name = compute.__name__

    @overload
    def __get__(self, owner: None, kind: type[Owner]) -> once[Owner, Value]: ...

    @overload
    def __get__(self, owner: Owner, kind: type[Owner]) -> Value: ...

    def __get__(self, owner: Owner | None, kind: type[Owner]) -> once[Owner, Value] | Value:
        if owner is None:
            return self
        value = owner.__dict__[self._name] = self._compute(owner)
        return value


@cache
def _names(kind: Any) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


def changed(frozen: Owner, **others: Any) -> Owner:
    """Return a frozen dataclass with other values of some fields, in a fraction of the time.

    Of `dataclasses.replace`, which is for those that check or derive something as they are made.
    """
    kind: Any = type(frozen)
    made: Owner = object.__new__(kind)
    names = _names(kind)
    made.__dict__.update(zip(names, map(frozen.__dict__.__getitem__, names), strict=True))
    made.__dict__.update(others)
    return made
