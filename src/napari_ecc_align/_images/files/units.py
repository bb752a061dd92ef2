"""What a unit of length is in micrometres, by the names that image files have for it."""

from __future__ import annotations

import re

_SYMBOLS = {
    "pm": 1e-6,
    "Å": 1e-4,
    "nm": 1e-3,
    "um": 1.0,
    "mm": 1e3,
    "cm": 1e4,
    "dm": 1e5,
    "m": 1e6,
    "in": 25_400.0,
}
_WORDS = {
    "angstrom": 1e-4,
    "picometer": 1e-6,
    "nanometer": 1e-3,
    "micrometer": 1.0,
    "micron": 1.0,
    "millimeter": 1e3,
    "centimeter": 1e4,
    "decimeter": 1e5,
    "meter": 1e6,
    "inch": 25_400.0,
}
# ImageJ's text is ASCII, and has other letters so.
_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})")


def micrometres(unit: object) -> float | None:
    """Return how many micrometres a unit has, or None of one that is not known.

    Parameters
    ----------
    unit : object
        A symbol, such as "µm" in either spelling or as ImageJ escapes it, or a word in English or
        American, as OME-NGFF has them.
    """
    name = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), str(unit)).strip()
    symbol = name.replace("\u00b5", "u").replace("\u03bc", "u")
    word = name.lower().removesuffix("s").replace("metre", "meter")
    return _SYMBOLS.get(symbol, _WORDS.get(word))
