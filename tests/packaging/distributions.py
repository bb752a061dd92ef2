"""Building this checkout's wheel and sdist, and installing wheels into folders of their own."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple

from fresh_process import ROOT, run

_BUILD = [sys.executable, "-m", "build", "--no-isolation"]


class Distributions(NamedTuple):
    """Files that would be published, and a wheel made from the sdist without the checkout."""

    wheel: Path
    sdist: Path
    wheel_from_sdist: Path


def build(folder: Path) -> Distributions:
    """Build into an empty folder."""
    direct, through = folder / "direct", folder / "through-sdist"
    wheel = build_wheel(ROOT, direct)
    # Unless told which, it makes an sdist, and the wheel from that.
    run([*_BUILD, str(ROOT), "--outdir", str(through)], cwd=folder)
    return Distributions(
        wheel=wheel,
        sdist=_only(through, "*.tar.gz"),
        wheel_from_sdist=_only(through, "*.whl"),
    )


def build_wheel(checkout: Path, folder: Path) -> Path:
    """Build the wheel of a checkout into a new folder."""
    folder.mkdir()
    run([*_BUILD, str(checkout), "--outdir", str(folder), "--wheel"], cwd=folder)
    return _only(folder, "*.whl")


def install(what: str | Path, folder: Path, *options: str) -> Path:
    """Install one distribution, without what it requires, and return the folder it is in."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-compile"]
    target = folder / "target"
    run([*pip, *options, "--target", str(target), str(what)], cwd=folder)
    return target


def _only(folder: Path, pattern: str) -> Path:
    (path,) = folder.glob(pattern)
    return path
