"""The examples in the docstrings: they run, and every public function has some."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
from pathlib import Path

import pytest

import napari_ecc_align

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE | doctest.IGNORE_EXCEPTION_DETAIL
CORE = sorted(
    module.name
    for module in pkgutil.walk_packages(napari_ecc_align.__path__, "napari_ecc_align.")
    if "._gui" not in module.name and "__main__" not in module.name
)
FUNCTIONS = sorted(
    name
    for name in napari_ecc_align.__all__
    if inspect.isfunction(getattr(napari_ecc_align, name))
)


@pytest.mark.parametrize("name", CORE)
def test_the_examples_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    said: list[str] = []
    runner = doctest.DocTestRunner(optionflags=FLAGS)
    for test in doctest.DocTestFinder(exclude_empty=True).find(importlib.import_module(name)):
        runner.run(test, out=said.append)
    assert not runner.failures, "".join(said)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_public_function_has_an_example(name: str) -> None:
    documentation = inspect.getdoc(getattr(napari_ecc_align, name)) or ""
    assert "Examples\n--------" in documentation
    assert f"{name}(" in documentation.split("Examples\n--------")[1]
