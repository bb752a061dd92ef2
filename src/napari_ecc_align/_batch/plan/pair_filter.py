"""Choosing pairs by their names, or by the cells of their row in a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Self

from ..._common.errors import InputError


@dataclass(frozen=True)
class PairFilter:
    """One condition on a pair.

    Attributes
    ----------
    glob : str
        What the text must match, with ``*``, ``?`` and ``[...]``; ``*`` goes across folders.
    column : str or None
        The column of the table whose cell is looked at, or None for the name.
    wanted : bool
        Whether those that match are taken, or the others.
    """

    glob: str
    column: str | None = None
    wanted: bool = True

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``GLOB`` or ``COLUMN=GLOB``, with ``!`` before it for the opposite.

        Raises
        ------
        InputError
            If there is nothing to match.
        """
        wanted = not text.startswith("!")
        rest = text.removeprefix("!")
        column, equals, glob = rest.partition("=")
        if not equals:
            column, glob = "", rest
        if not glob and not equals:
            raise InputError("--where needs a pattern, such as 'w-01/*'")
        return cls(glob, column or None, wanted)

    def takes(self, name: str, columns: Mapping[str, str]) -> bool:
        """Return whether a pair passes.

        Raises
        ------
        InputError
            If its table has no such column.
        """
        text = name
        if self.column is not None:
            if self.column not in columns:
                raise InputError(
                    f"--where: there is no column {self.column!r}"
                    + (f"; there are {', '.join(columns)}" if columns else ", nor a table")
                )
            text = columns[self.column]
        return fnmatchcase(text, self.glob) == self.wanted
