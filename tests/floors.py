"""Print the lowest versions that pyproject.toml allows, as constraints for pip.

Usage: python tests/floors.py > constraints.txt
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

_PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"
_FLOOR = re.compile(r"([\w.-]+)(?:\[[\w,]+\])?\s*>=\s*([\w.]+)")


def floors() -> list[str]:
    """Return ``name==version`` of every requirement that has a lower bound."""
    project = tomllib.loads(_PYPROJECT.read_text())
    extras = project["project"]["optional-dependencies"]
    groups = project["dependency-groups"]
    given = [
        *project["project"]["dependencies"],
        *(each for extra in extras.values() for each in extra),
        *groups["test"],
        *groups["pyside"],
    ]
    found = [_FLOOR.match(requirement) for requirement in given]
    return sorted({f"{floor[1]}=={floor[2]}" for floor in found if floor})


if __name__ == "__main__":
    print(*floors(), sep="\n")
