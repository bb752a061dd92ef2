"""The rooms of the package: which there are, and who may import whom."""

from __future__ import annotations

import ast
import runpy

import pytest
from fresh_process import ROOT
from imports_of import SOURCE, between_folders, circles, imports, modules, outside_imports

# Each may import those before it, and no other.
ROOMS: tuple[str, ...] = runpy.run_path(str(ROOT / "docs" / "make_house_map.py"))["ROOMS"]
FORBIDDEN = [
    ("_ecc", "_verdict"),
    ("_ecc", "_compare"),
    ("_verdict", "_align"),
    ("_verdict", "_compare"),
    ("_batch", "_gui"),
    ("_gui", "_cli"),
]
WINDOWS = {"napari", "qtpy", "magicgui", "superqt", "PyQt5", "PyQt6", "PySide2", "PySide6"}

FOLDERS = sorted({name.rpartition(".")[0] for name in modules()} | {""})


def test_the_package_has_at_most_twelve_entries() -> None:
    entries = {name.split(".")[0] for name in modules()} - {""}
    assert entries == {*ROOMS, "__main__"}
    assert len(entries) + 1 <= 12, "with __init__"


def test_each_room_imports_only_those_below_it() -> None:
    for room, used in between_folders(imports(), "").items():
        if room in ROOMS:
            allowed = set(ROOMS[: ROOMS.index(room)])
            assert used <= allowed, f"{room} imports {sorted(used - allowed)}"


@pytest.mark.parametrize(("room", "other"), FORBIDDEN)
def test_these_rooms_know_nothing_of_each_other(room: str, other: str) -> None:
    assert other not in between_folders(imports(), "")[room]


def test_no_module_imports_itself_through_others() -> None:
    assert circles(imports()) == []


@pytest.mark.parametrize("folder", FOLDERS)
def test_what_lies_side_by_side_imports_in_one_direction(folder: str) -> None:
    assert circles(between_folders(imports(), folder)) == []


def test_only_the_forms_know_napari_and_qt() -> None:
    knowing = {name for name in imports() if outside_imports(name) & WINDOWS}
    # The demo opens a viewer if there is one.
    assert {name.split(".")[0] for name in knowing - {"_cli.demo"}} == {"_gui"}


def test_qt_is_only_touched_through_its_wrappers() -> None:
    bindings = {"PyQt5", "PyQt6", "PySide2", "PySide6"}
    assert {name for name in imports() if outside_imports(name) & bindings} == set()


def test_every_folder_says_what_it_holds() -> None:
    for path in SOURCE.rglob("*.py"):
        said = path.with_name("__init__.py").read_text("utf-8")
        assert said.startswith('"""'), path.parent


def test_a_circle_is_found() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [["a", "b", "c"]]
    assert between_folders({"x.a": {"y.b"}, "y.c": {"x.d"}}, "") == {"x": {"y"}, "y": {"x"}}


FRONT_DOORS = {
    "align",
    "align_stack",
    "align_volume",
    "align_volume_stack",
    "inspect_alignment",
    "judge",
    "judge_volume",
}
MOST_PARAMETERS = 8


def test_options_travel_as_values() -> None:
    long = {
        f"{name}.{node.name}"
        for name, path in modules().items()
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef) and _parameters(node) > MOST_PARAMETERS
    }
    assert {name.rpartition(".")[2] for name in long} <= FRONT_DOORS, long


def _parameters(function: ast.FunctionDef) -> int:
    """Return how many parameters a function has, but for `self` and `cls`."""
    every = function.args
    names = [one.arg for one in (*every.posonlyargs, *every.args, *every.kwonlyargs)]
    return len(set(names) - {"self", "cls"}) + bool(every.vararg) + bool(every.kwarg)
