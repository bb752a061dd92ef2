"""Pieces of HTML that several forms show."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from ..._compare.binary import COLOURS, ONLY_MOVING, ONLY_REFERENCE, OUTSIDE

VERDICT_COLOURS: dict[str, str] = {
    "aligned": "#2a9d4a",
    "doubtful": "#d98a00",
    "failed": "#e0484d",
    "cancelled": "#e0484d",
}
"""Readable on napari's dark and light themes alike."""

GRAY = "#888888"
"""Of what is no longer so; readable on both themes."""

MEANINGS = {ONLY_REFERENCE: "only in reference", ONLY_MOVING: "only in moving"}
"""What the labels of a binary difference say."""


OUTSIDE_MEANING = "not compared"
"""What is said of what lies outside the overlap or a region."""


def legend(label: int) -> str:
    """Return the colour of a label of a binary difference, and what it says."""
    return f"{swatch(COLOURS[label])} {MEANINGS[label]}"


def swatch(colour: tuple[int, int, int]) -> str:
    """Return a square in a colour."""
    return f'<span style="color: rgb{colour}">&#9632;</span>'


def legend_outside() -> str:
    """Return the colour of what was not compared, and what it says."""
    return f"{swatch(OUTSIDE)} {OUTSIDE_MEANING}"


def unbroken(entry: str) -> str:
    """Return an entry of a legend, a colour and what it says, that stays on one line."""
    square, end, words = entry.partition("</span>")
    return square + end + words.replace(" ", "&nbsp;")


def breakable(text: str) -> str:
    """Return a name as HTML that may go on in the next line after an underscore."""
    return escape(text).replace("_", "_&#8203;")


def grayed(text: str, tag: str = "span") -> str:
    """Return HTML in gray; what holds a table needs the tag "div"."""
    return f'<{tag} style="color: {GRAY}">{text}</{tag}>' if text else ""


def table(rows: Iterable[str]) -> str:
    """Return a table as wide as the form."""
    return f'<table cellspacing="0" cellpadding="4" width="100%">{"".join(rows)}</table>'
