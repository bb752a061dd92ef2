"""The one front door: every name that the docs use is importable from the package itself."""

from __future__ import annotations

import ast
import re
import runpy
from pathlib import Path

import pytest
from fresh_process import ROOT
from imports_of import PACKAGE, SOURCE, modules

import napari_ecc_align
from docs_pages import PAGES, blocks


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_docs_import_from_the_package_alone(page: Path) -> None:
    text = page.read_text("utf-8")
    for block in blocks(page):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(PACKAGE):
                assert node.module == PACKAGE
                names = {alias.name for alias in node.names}
                assert names <= set(napari_ecc_align.__all__), f"{page.name}: {names}"
            elif isinstance(node, ast.Import):
                assert not any(alias.name.startswith(f"{PACKAGE}.") for alias in node.names)
    assert not re.search(rf"{PACKAGE}\.[a-z]", text), "a module is named"


def anchors(page: Path) -> set[str]:
    """Return what the headings of a page are called in links."""
    titles = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_links_of_the_docs_lead_somewhere(page: Path) -> None:
    for target, anchor in re.findall(r"\]\((?!http)([^)#]*)#?([^)]*)\)", page.read_text("utf-8")):
        other = page.parent / target if target else page
        assert other.exists(), target
        assert not anchor or anchor in anchors(other), anchor


def test_every_name_is_there_and_listed() -> None:
    assert sorted(set(napari_ecc_align.__all__)) == list(napari_ecc_align.__all__)
    assert set(napari_ecc_align.__all__) <= set(dir(napari_ecc_align))
    for name in napari_ecc_align.__all__:
        assert getattr(napari_ecc_align, name) is not None


def test_completion_offers_the_public_names_and_nothing_else() -> None:
    offered = {name for name in dir(napari_ecc_align) if not name.startswith("_")}
    assert offered == set(napari_ecc_align.__all__)


@pytest.mark.parametrize(
    "misspelt, meant", [("alig", "align"), ("Align", "align"), ("transform", "Transform")]
)
def test_a_misspelt_name_is_answered_with_the_nearest(misspelt: str, meant: str) -> None:
    with pytest.raises(AttributeError, match=f"did you mean '{meant}'"):
        getattr(napari_ecc_align, misspelt)
    with pytest.raises(AttributeError, match=r"has no 'xyzzy'$"):
        napari_ecc_align.xyzzy  # noqa: B018


def test_the_stub_types_every_name_from_where_it_lives() -> None:
    stub = ast.parse((SOURCE / "__init__.pyi").read_text("utf-8"))
    typed = {
        alias.name
        for node in ast.walk(stub)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert typed == set(napari_ecc_align.__all__)


def test_all_below_is_private_and_says_so() -> None:
    folders = {name.split(".")[0] for name, path in modules().items() if path.parent != SOURCE}
    assert all(name.startswith("_") for name in folders)
    files = {path.name for path in SOURCE.glob("*.py")}
    assert files == {"__init__.py", "__main__.py"}


def test_the_version_is_that_of_the_distribution() -> None:
    from importlib.metadata import version

    assert napari_ecc_align.__version__ == version("napari-ecc-align")


def test_the_map_of_the_house_is_as_the_house_is() -> None:
    drawn = runpy.run_path(str(ROOT / "docs" / "make_house_map.py"))
    page = (ROOT / "docs" / "house.md").read_text("utf-8")
    assert drawn["written"](page) == page, "run docs/make_house_map.py"


def test_every_place_that_the_map_names_is_there() -> None:
    page = (ROOT / "docs" / "house.md").read_text("utf-8")
    for place in re.findall(r"`(_\w+(?:/\w+)*)`", page):
        assert (SOURCE / place).is_dir() or (SOURCE / f"{place}.py").is_file(), place
