"""Choosing pairs by their names, or by the cells of their row in a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase

from ..._common.errors import InputError


def pair_filter(text: str) -> Callable[[str, Mapping[str, str]], bool]:
    """Return what tells whether a pair, given its name and its table's cells, is chosen.

    Parameters
    ----------
    text : str
        A glob that the name matches, with ``*``, ``?`` and ``[...]``, where ``*`` goes across
        folders, or ``COLUMN=GLOB`` for a cell; with ``!`` before it for the opposite.

    Returns
    -------
    callable
        Raises `InputError` if the pair's table has no such column.

    Raises
    ------
    InputError
        If there is nothing to match.
    """
    wanted = not text.startswith("!")
    column, equals, glob = text.removeprefix("!").partition("=")
    if not equals:
        column, glob = "", column
        if not glob:
            raise InputError("where needs a pattern, such as 'w-01/*'")

    def takes(name: str, columns: Mapping[str, str]) -> bool:
        if column and column not in columns:
            there = f"; there are {', '.join(columns)}" if columns else ", nor a table"
            raise InputError(f"where: there is no column {column!r}{there}")
        return fnmatchcase(columns[column] if column else name, glob) == wanted

    return takes
