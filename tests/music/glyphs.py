"""Shapes of handwritten music signs, as the strokes a pen would make.

One unit is the gap between two staff lines; x grows to the right and y upwards. Clefs and
accidentals have the line they sit on, rests the middle line, and letters their base line at y = 0.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

PLAIN, BOLD = 0.2, 0.36


class GlyphStroke(NamedTuple):
    """One stroke: control points (n, 2), pen width, and whether a curve runs through them."""

    points: NDArray[np.float64]
    width: float
    curved: bool


# Points are "x,y". "line" goes straight from point to point, "bold" does so with a broad pen.
_STROKES: dict[str, tuple[str, ...]] = {
    "treble": (
        (
            "0.15,-0.55 -0.3,-0.1 0.1,0.55 0.8,0.25 0.85,-0.6 0.1,-1.05 -0.85,-0.6 -1,0.5 "
            "-0.3,1.8 0.45,2.9 0.6,4.1 0.3,4.8 -0.05,4.2 -0.05,3 0.25,0.6 0.5,-1.7 0.2,-2.6 "
            "-0.45,-2.4 -0.4,-1.9"
        ),
    ),
    "bass": (
        "0.35,-0.1 0,0.15 0.1,0.75 0.75,1.05 1.4,0.6 1.4,-0.4 0.7,-1.7 -0.4,-2.7",
        "bold 0.2,0 0.3,0.1",
        "bold 2,0.5 2.05,0.52",
        "bold 2,-0.5 2.05,-0.48",
    ),
    "flat": ("0,2.1 -0.03,0.6 0,-0.6", "0,0.35 0.45,0.55 0.6,0.2 0,-0.6"),
    "sharp": (
        "-0.2,-1.3 -0.15,1.2",
        "0.25,-1.15 0.3,1.35",
        "bold -0.55,-0.55 0.6,-0.2",
        "bold -0.55,0.3 0.6,0.65",
    ),
    "natural": ("line -0.25,1.5 -0.25,-0.6 0.3,-0.35", "line 0.3,-1.4 0.3,0.7 -0.25,0.45"),
    "quarter rest": (
        "line -0.25,1.7 0.35,0.75",
        "bold 0.35,0.75 -0.2,0.1",
        "line -0.2,0.1 0.4,-0.7",
        "0.4,-0.7 -0.2,-0.5 -0.25,-1 0.2,-1.5",
    ),
    "eighth rest": ("bold -0.35,0.7 -0.3,0.75", "-0.4,0.6 0,0.4 0.45,0.8", "0.45,0.8 0.05,-1.2"),
    "half rest": ("bold -0.5,0.2 0.5,0.22", "bold -0.5,0.4 0.5,0.35"),
    "up flag": ("0,0 0.25,-0.7 0.85,-1.3 0.6,-2.3",),
    "down flag": ("0,0 0.25,0.7 0.85,1.2 0.6,2.1",),
    "2": ("-0.5,1.3 0,1.75 0.45,1.3 0,0.6 -0.55,0.05", "-0.55,0.05 0.1,0.15 0.6,0.05"),
    "3": ("-0.45,1.6 0.2,1.7 0.35,1.2 -0.1,0.95 0.45,0.6 0.25,0.05 -0.5,0.15",),
    "4": ("line -0.1,1.75 -0.6,0.6 0.6,0.65", "0.2,1.2 0.15,-0.15"),
    "A": ("-0.7,0 -0.1,1.2 0.35,2", "0.35,2 0.5,1 0.7,0", "-0.4,0.75 0.65,0.8"),
    "M": ("-0.9,0 -0.6,1.9", "line -0.6,1.9 -0.05,0.4 0.6,2", "0.6,2 0.75,0.8 0.9,0"),
    "a": ("0.35,0.7 -0.05,0.95 -0.45,0.4 -0.15,0 0.35,0.85 0.35,0.1 0.7,0.15",),
    "c": ("0.35,0.75 -0.1,0.9 -0.4,0.4 0,0 0.5,0.2",),
    "d": (
        "0.3,0.7 -0.1,0.9 -0.45,0.4 -0.15,0 0.3,0.6 0.45,2.2",
        "0.45,2.2 0.35,0.15 0.65,0.15",
    ),
    "e": ("-0.35,0.4 0.3,0.55 0.1,0.95 -0.3,0.7 -0.25,0.1 0.2,0 0.6,0.25",),
    "f": ("0.8,1.9 0.4,2 0.1,1 -0.2,-0.6 -0.6,-0.8", "-0.4,0.8 0.6,0.9"),
    "g": ("0.35,0.75 -0.1,0.9 -0.4,0.4 -0.1,0 0.35,0.7 0.25,-0.8 -0.3,-1 0,-0.5 0.7,0.15",),
    "i": ("-0.2,0.8 -0.15,0.1 0.3,0.15", "-0.1,1.4 -0.05,1.42"),
    "m": ("-0.7,0.8 -0.6,0", "-0.6,0.5 -0.3,0.9 -0.15,0", "-0.1,0.5 0.2,0.9 0.3,0.1 0.6,0.15"),
    "n": ("-0.4,0.8 -0.35,0", "-0.35,0.5 0.05,0.9 0.2,0.1 0.5,0.15"),
    "o": ("0.1,0.9 -0.35,0.6 -0.2,0 0.3,0.2 0.1,0.9 0.5,0.75",),
    "p": ("-0.2,1 -0.35,-0.2 -0.55,-1.2", "-0.3,0.5 0.2,1 0.45,0.5 0,0 -0.35,0.1"),
    "r": ("-0.3,0.8 -0.25,0", "-0.25,0.4 0,0.85 0.35,0.8"),
    "s": ("0.3,0.8 -0.1,0.85 -0.1,0.5 0.2,0.2 -0.35,0.05",),
    "t": ("0.05,1.7 0,0.3 0.2,0 0.5,0.2", "-0.3,1.1 0.4,1.15"),
    ".": ("bold 0,0.05 0.05,0.07",),
}


@cache
def glyph(name: str) -> tuple[GlyphStroke, ...]:
    """Return the strokes of one sign."""
    return tuple(_parse(text) for text in _STROKES[name])


def _parse(text: str) -> GlyphStroke:
    words = text.split()
    pen = words.pop(0) if words[0].isalpha() else "curve"
    points = np.array([word.split(",") for word in words], dtype=np.float64)
    return GlyphStroke(points, BOLD if pen == "bold" else PLAIN, pen == "curve")
