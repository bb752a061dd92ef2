"""The code on the pages of docs/, run as it stands there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
README = ROOT / "README.md"
PAGES = sorted([README, *DOCS.rglob("*.md")])
WORKFLOWS = sorted((DOCS / "python").glob("*.md"))
"""The pages whose code needs nothing but itself."""

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.DOTALL | re.MULTILINE)


def blocks(page: Path | str, language: str = "python") -> list[str]:
    """Return the blocks of code of one language on a page, in order."""
    text = (DOCS / page).read_text(encoding="utf-8")
    return [code for said, code in _BLOCK.findall(text) if said == language]


def script(page: Path | str) -> str:
    """Return all Python of a page as one script."""
    return "\n".join(blocks(page))


def run(page: Path | str, **names: object) -> dict[str, Any]:
    """Run a page in the current folder, which takes some names as given, and return all names."""
    known: dict[str, Any] = {"__name__": "__main__", **names}
    exec(compile(script(page), str(page), "exec"), known)
    return known
