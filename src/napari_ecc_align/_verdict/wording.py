"""A result in a line for people, and in a few lines of HTML."""

from __future__ import annotations

import math
from html import escape

from .._transform.parts import Parts, words_beyond_shift
from .tile_matching import Tiles

_FORMATS = {
    "x": "{:.2f} px",
    "y": "{:.2f} px",
    "rotation": "{:.2f}°",
    "scale in x": "{:.4f}",
    "scale in y": "{:.4f}",
    "shear": "{:.2f}°",
}


def motion_line(parts: Parts, sigma: Parts, *, perspective: bool = False) -> str:
    """Return how a transform moves an image in words: the shift, and what else there is."""
    said = [
        f"x {_signed(parts.x)}{_give_or_take(sigma.x)} px",
        f"y {_signed(parts.y)}{_give_or_take(sigma.y)}",
    ]
    return ", ".join(said + words_beyond_shift(parts, perspective=perspective))


def first_sentence(reason: str) -> str:
    """Return the first sentence of a reason, without its full stop."""
    return reason.split(". ")[0].removesuffix(".")


def parts_html(parts: Parts, sigma: Parts) -> str:
    """Return the rows of an HTML table with the parts of a transform and one sigma of each."""
    rows = zip(_FORMATS.items(), parts, sigma, strict=True)
    return "".join(
        html_row(name, text.format(part), f"± {one:.2g}" if math.isfinite(one) else "")
        for (name, text), part, one in rows
    )


def html_row(name: str, *texts: str) -> str:
    """Return a row of an HTML table: a name, and texts flush right."""
    cells = "".join(f'<td style="text-align: right">{escape(text)}</td>' for text in texts)
    return f'<tr><th style="text-align: left">{escape(name)}</th>{cells}</tr>'


def _signed(value: float) -> str:
    # Nothing has no sign that says something.
    return f"{round(value, 2) + 0.0:+.2f}"


def _give_or_take(sigma: float) -> str:
    """Return an uncertainty, rounded up; nothing where there is none."""
    return f" ± {math.ceil(100 * sigma) / 100:.2f}" if 0 < sigma < math.inf else ""


def told_of_colours(apart: float) -> str:
    """Say how far (px) a colour lies from where all of them are laid."""
    return f"The colours lie apart, up to {apart:.1f} px from where it puts them."


def counted(tiles: Tiles) -> str:
    """Say how many tiles agree."""
    return f"{tiles.agreeing} of {tiles.tested} tiles fit best where they lie"
