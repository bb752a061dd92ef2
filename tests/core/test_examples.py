"""The examples in the docstrings: they run, and every public function has some."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import napari_ecc_align

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE | doctest.IGNORE_EXCEPTION_DETAIL
CORE = sorted(
    module.name
    for module in pkgutil.walk_packages(napari_ecc_align.__path__, "napari_ecc_align.")
    if "._gui" not in module.name and "__main__" not in module.name
)
PUBLIC = {
    name: thing
    for name in napari_ecc_align.__all__
    if inspect.isroutine(thing := getattr(napari_ecc_align, name)) or inspect.isclass(thing)
}
EXAMPLES = "Examples\n--------"


@pytest.mark.parametrize("name", CORE)
def test_the_examples_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    said: list[str] = []
    runner = doctest.DocTestRunner(optionflags=FLAGS)
    for test in doctest.DocTestFinder(exclude_empty=True).find(importlib.import_module(name)):
        runner.run(test, out=said.append)
    assert not runner.failures, "".join(said)


def members(thing: type) -> Iterator[tuple[str, object]]:
    """Yield the public methods and properties of a class that are ours."""
    for base in thing.__mro__:
        if base.__module__.startswith(napari_ecc_align.__name__):
            for name, member in vars(base).items():
                called = inspect.isfunction(member) or isinstance(member, classmethod)
                if not name.startswith("_") and (called or isinstance(member, property)):
                    yield name, member


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_has_an_example(name: str) -> None:
    thing = PUBLIC[name]
    documentation = inspect.getdoc(thing) or ""
    assert EXAMPLES in documentation
    shown = documentation.split(EXAMPLES)[1]
    if not inspect.isclass(thing):
        assert f"{name}(" in shown
        return
    for attribute, member in members(thing):
        # What is short is shown with its class.
        own = EXAMPLES in (member.__doc__ or "").replace("    ", "")
        assert own or re.search(rf"\.{attribute}\b", shown), f"{name}.{attribute}"
