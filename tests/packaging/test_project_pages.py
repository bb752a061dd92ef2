"""The pages about the project: each says what is so."""

from __future__ import annotations

import re
from importlib.metadata import version

import pytest
from fresh_process import ROOT
from imports_of import SOURCE

import napari_ecc_align
from docs_pages import DOCS, PAGES, README

SAMPLES = SOURCE / "_images/samples/data"


def test_the_changelog_begins_with_this_version() -> None:
    (first, *_) = re.findall(r"^## (\S+)", (DOCS / "changelog.md").read_text("utf-8"), re.M)
    assert first == version("napari-ecc-align")


def test_every_picture_and_sample_has_its_licence() -> None:
    said = set(re.findall(r"`([\w.-]+)`", (DOCS / "licences.md").read_text("utf-8")))
    there = {path.name for folder in (SAMPLES, DOCS / "images") for path in folder.iterdir()}
    assert there - said == {"SOURCES.md", "LICENSE-Apache-2.0.txt"} - said


def test_the_reference_lists_every_public_name() -> None:
    text = (DOCS / "api.rst").read_text("utf-8")
    listed = re.findall(r"^   (\w+)$|- ``(\w+)``$", text, re.M)
    assert sorted(first or second for first, second in listed) == napari_ecc_align.__all__


def test_every_page_is_on_the_site() -> None:
    trees = "\n".join(path.read_text("utf-8") for path in DOCS.glob("*.rst"))
    for page in PAGES:
        if page != README:
            name = page.relative_to(DOCS).with_suffix("").as_posix()
            assert re.search(rf"^   {re.escape(name)}$", trees, re.M), name


@pytest.mark.parametrize("page", [page for page in PAGES if page != README], ids=lambda p: p.stem)
def test_a_page_needs_only_what_is_installed_with_it(page) -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)", page.read_text("utf-8")):
        path = (page.parent / target).resolve()
        assert path.is_relative_to(DOCS)
        assert path.suffix in (".md", ".png", ".jpg", ".json")


def test_the_moving_picture_is_small() -> None:
    assert (DOCS / "images" / "snap.webp").stat().st_size < 1_500_000
    assert (ROOT / "README.md").read_text("utf-8").index("snap.webp") < 400
