"""The manifest and the sample data, from the wheel, the sdist and the editable installation."""

from __future__ import annotations

import json
import re
import tarfile
import zipfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from distributions import Distributions, build_wheel, install
from fresh_process import ROOT, run, run_python

from napari_ecc_align._images import samples

PACKAGE = ROOT / "src" / "napari_ecc_align"
MANIFEST = (PACKAGE / "napari.yaml").read_bytes()
LARGEST_WHEEL = 6_000_000
SUFFIXES = {".j2", ".jpg", ".json", ".md", ".png", ".py", ".pyi", ".txt", ".typed", ".yaml"}
WHERE_HELP_IS = """
from napari_ecc_align._gui.shared.help_window import docs_folder
print(docs_folder())
"""
SCRIPT = str(Path(__file__).with_name("inspect_installation.py"))


def inspect(cwd: Path, ahead: Path | None = None) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run_python(SCRIPT, cwd=cwd, ahead=ahead))
    return found


def assert_complete(found: dict[str, Any]) -> None:
    assert found["name"] == "napari-ecc-align"
    assert found["version"] == version("napari-ecc-align")
    assert "Align images" in found["widgets"]
    assert set(found["samples"]) == set(samples.sample_names()) == set(found["pairs"])
    assert all(number >= 2 for number in found["samples"].values())
    assert found["scripts"] == {"ecc-align": True}
    assert found["files"] == sorted(
        path.name for path in (PACKAGE / "_images/samples/data").iterdir()
    )


@pytest.mark.slow
def test_the_wheel_is_complete(distributions: Distributions, tmp_path: Path) -> None:
    target = install(distributions.wheel, tmp_path, "--no-index")
    found = inspect(tmp_path, ahead=target)
    # Not the checkout, which is installed too.
    assert Path(found["package"]) == (target / "napari_ecc_align").resolve()
    assert Path(found["distribution"]) == target.resolve()
    assert_complete(found)
    assert not Path(found["manifest"]).is_symlink()
    assert Path(found["manifest"]).read_bytes() == MANIFEST


def test_the_editable_installation_is_complete(tmp_path: Path) -> None:
    found = inspect(tmp_path)
    assert Path(found["package"]) == PACKAGE.resolve(), "the checkout is not installed editable"
    assert_complete(found)
    assert Path(found["manifest"]).read_bytes() == MANIFEST


@pytest.mark.slow
def test_the_wheels_are_the_same_and_hold_only_the_package(distributions: Distributions) -> None:
    def contents(path: Path) -> dict[str, bytes]:
        with zipfile.ZipFile(path) as wheel:
            return {name: wheel.read(name) for name in wheel.namelist()}

    assert distributions.wheel.stat().st_size < LARGEST_WHEEL
    direct = contents(distributions.wheel)
    assert direct == contents(distributions.wheel_from_sdist)
    folders = {name.split("/")[0] for name in direct}
    assert folders == {
        "napari_ecc_align",
        f"napari_ecc_align-{version('napari-ecc-align')}.dist-info",
    }
    licences = {Path(name).name for name in direct if ".dist-info/licenses/" in name}
    assert licences == {"LICENSE", "LICENSE-Apache-2.0.txt", "SOURCES.md"}
    assert {
        Path(name).suffix for name in direct if name.startswith("napari_ecc_align/")
    } == SUFFIXES
    # What makes the pages, tests and benchmarks stay behind; every page is there.
    inside = "napari_ecc_align/_gui/docs/"
    pages = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    shipped = {name.removeprefix(inside) for name in direct if name.startswith(inside)}
    assert pages <= shipped
    assert not any(re.search(r"\.(py|sh)$|test|bench.*py", name) for name in shipped)
    assert not any(re.search(r"(^|/)(test|bench)[^/]*\.py$", name) for name in direct)


@pytest.mark.slow
def test_the_sdist_is_what_is_tracked(distributions: Distributions) -> None:
    with tarfile.open(distributions.sdist) as sdist:
        top = sdist.getnames()[0].split("/")[0]
        for name in ("napari.yaml", "src/napari_ecc_align/napari.yaml"):
            # A link in one place, which this follows.
            content = sdist.extractfile(f"{top}/{name}")
            assert content is not None
            assert content.read() == MANIFEST
        names = {name.removeprefix(f"{top}/") for name in sdist.getnames()}
    files = {"LICENSE", "README.md", "docs/demo.sh", "docs/python-env.sh", "tests/run.sh"}
    assert files <= names
    if (ROOT / ".git").exists():
        tracked = set(run(["git", "ls-files"], cwd=ROOT).splitlines())
        assert names - tracked == {"PKG-INFO"}
        assert {name for name in tracked - names if not name.startswith(".")} == set()


@pytest.mark.slow
@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="needs Git's own files")
def test_a_checkout_without_symbolic_links_is_complete(
    distributions: Distributions, tmp_path: Path
) -> None:
    without = ["git", "clone", "--quiet", "--shared", "--config", "core.symlinks=false"]
    run([*without, str(ROOT), str(tmp_path / "checkout")], cwd=tmp_path)
    checkout = tmp_path / "checkout"
    assert not any(path.is_symlink() for path in checkout.rglob("*"))
    package = checkout / "src" / "napari_ecc_align"
    assert (package / "napari.yaml").read_text("utf-8").startswith("name: napari-ecc-align")
    found = run_python("-c", WHERE_HELP_IS, cwd=tmp_path, ahead=checkout / "src")
    assert Path(found.strip()).resolve() == (checkout / "docs").resolve()
    if not run(["git", "status", "--porcelain"], cwd=ROOT):
        wheel = build_wheel(checkout, tmp_path / "dist")
        assert wheel.read_bytes() == distributions.wheel.read_bytes()
