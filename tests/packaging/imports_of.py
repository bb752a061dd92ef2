"""The imports between the modules of the package, read from their text: late ones count too."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from fresh_process import ROOT

PACKAGE = "napari_ecc_align"
SOURCE = ROOT / "src" / PACKAGE

Graph = dict[str, set[str]]


@cache
def modules() -> dict[str, Path]:
    """Return the modules of the package by their names below it, dots between."""
    found = {}
    for path in sorted(SOURCE.rglob("*.py")):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def imports() -> Graph:
    """Return what each module imports of the package, wherever in its text it does."""
    known = modules()
    graph: Graph = {}
    for name, path in known.items():
        used = set()
        for target in _targets(name, path):
            while target and target not in known:
                target = target.rpartition(".")[0]
            used.add(target)
        # Whatever is imported, Python imports the package above it, which imports nothing.
        graph[name] = used - {name, ""}
    return graph


def outside_imports(name: str) -> set[str]:
    """Return the top names of the other packages that a module imports."""
    tree = ast.parse(modules()[name].read_text("utf-8"))
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            found.add(node.module.split(".")[0])
    return found


def between_folders(graph: Mapping[str, Iterable[str]], folder: str) -> Graph:
    """Return the imports between what lies side by side in a folder; "" is the package."""
    start = f"{folder}." if folder else ""
    found: Graph = {}
    for name, used in graph.items():
        if name.startswith(start):
            here = name[len(start) :].split(".")[0]
            there = {one[len(start) :].split(".")[0] for one in used if one.startswith(start)}
            found.setdefault(here, set()).update(there - {here})
    return found


def circles(graph: Mapping[str, Iterable[str]]) -> list[list[str]]:
    """Return the groups of nodes of which each can be reached from every other (Tarjan 1972)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in graph.get(node, ()):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            group = stack[stack.index(node) :]
            del stack[stack.index(node) :]
            if len(group) > 1:
                found.append(sorted(group))

    for node in graph:
        if node not in index:
            visit(node)
    return found


def _targets(name: str, path: Path) -> Iterable[str]:
    """Yield all that a module imports of the package: names of modules or of their parts."""
    package = name.split(".") if path.name == "__init__.py" and name else name.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.startswith(f"{PACKAGE}."):
                    yield alias.name.removeprefix(f"{PACKAGE}.")
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                above = package[: len(package) - node.level + 1]
                base = ".".join([*above, *filter(None, [node.module])])
            elif node.module and node.module.split(".")[0] == PACKAGE:
                base = node.module.removeprefix(PACKAGE).removeprefix(".")
            else:
                continue
            for alias in node.names:
                yield f"{base}.{alias.name}" if base else alias.name
