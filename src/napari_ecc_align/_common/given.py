"""What people give, as type checkers know it."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import Any, TypeAlias

from numpy.typing import ArrayLike

GivenPath: TypeAlias = str | PathLike[str]

Numbers: TypeAlias = ArrayLike | Sequence[Any]
"""Also nested lists of whole numbers and fractions, which mypy takes for lists of objects."""
