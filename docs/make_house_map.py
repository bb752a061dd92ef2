"""Write the tree in docs/house.md from what the folders of the package say of themselves.

    python docs/make_house_map.py

A line a folder, in the order in which they may import: the sentence is its docstring's first one.
"""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "napari_ecc_align"
PAGE = ROOT / "docs" / "house.md"
ROOMS = (
    "_common",
    "_transform",
    "_images",
    "_ecc",
    "_verdict",
    "_compare",
    "_align",
    "_batch",
    "_gui",
    "_cli",
)
"""The rooms from below to above: each imports only those before it."""
BEGIN, END = "<!-- the tree: python docs/make_house_map.py -->\n", "<!-- end of the tree -->\n"


def tree() -> str:
    """Return the tree as a Markdown code block."""
    lines = ["napari_ecc_align/          every public name is here (__init__.pyi)"]
    for room in reversed(ROOMS):
        lines.extend(_folder(SOURCE / room, 1))
    return "\n".join(["```text", *lines, "```", ""])


def written(text: str) -> str:
    """Return the text of the page with the tree as it is now."""
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    return before + BEGIN + tree() + END + after


def _folder(folder: Path, depth: int) -> list[str]:
    name = "  " * depth + folder.name + "/"
    modules = sorted(path.stem for path in folder.glob("*.py") if path.stem != "__init__")
    lines = [f"{name:26} {_first_sentence(folder / '__init__.py')}"]
    lines.extend(_wrapped(modules))
    for inner in sorted(path for path in folder.iterdir() if (path / "__init__.py").exists()):
        lines.extend(_folder(inner, depth + 1))
    return lines


def _wrapped(modules: list[str], width: int = 100) -> list[str]:
    lines, line = [], ""
    for module in modules:
        if line and len(line) + len(module) + 29 > width:
            lines.append(line)
            line = ""
        line = f"{line} {module}".strip()
    return [f"{'':28} {one}" for one in [*lines, line] if one]


def _first_sentence(path: Path) -> str:
    said = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
    return " ".join(said.split("\n\n")[0].split())


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text("utf-8")), "utf-8")
