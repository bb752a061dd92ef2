"""Programs that use the package pass mypy --strict and pyright, and wrong ones do not."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from docs_pages import PAGES, README, ROOT, WORKFLOWS, script

# Libraries without types, or with types of which their own users have to know much: for pyright,
# as the settings of the package say it to mypy.
UNTYPED = (
    *("skimage", "scipy", "SimpleITK", "napari", "napari.components", "cv2", "pint", "matplotlib"),
    *("distributed", "tifffile", "PIL", "pydantic", "jinja2", "tqdm", "lazy_loader"),
    "threadpoolctl",
)
# What the other pages of the docs take as given.
GIVEN = """\
from typing import Any
import numpy as np
from napari_ecc_align import Transform
reference = moving = np.zeros((64, 64), np.uint8)
frames = np.zeros((3, 64, 64), np.uint8)
reference_points: Any = None
moving_points: Any = None
transform = Transform.identity()
"""
START = """\
import numpy as np
from napari_ecc_align import *
image = np.zeros((64, 64))
"""
MISTAKES = {
    "verdict": 'align(image, image).raise_if_not("algined")',
    "verdict_of_ones_own": 'accepted: Verdict = "aligend"',
    "model": 'align(image, image, model="afine")',
    "interpolation": 'warp(image, np.eye(3), interpolation="bilinear")',
    "method": 'compare(image, image, method="ostu")',
    "anchor": "align_stack(image, reference=None)",
    "settings": 'BatchSettings(doubtful="warn")',
    "argument": "align(image, image, modle=None)",
    "argument_of_before": "compare(image, image, threshold=3)",
    "attribute": "align(image, image).matrix",
    "part": "Transform.identity().parts().angle",
    "called_property": "Transform.identity().inverse()[0]",
    "positional": 'Transform(np.eye(3), "affine")',
    "missing": "align(image)",
    "transform": "save_transforms(3, image)",
    "batch": 'Batch.plan("reference", "moving")',
    "name": "from napari_ecc_align import aling",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of programs, right and wrong ones."""
    folder = tmp_path_factory.mktemp("programs")
    for page in PAGES:
        code = script(page) if page in (README, *WORKFLOWS) else GIVEN + script(page)
        (folder / f"page_{page.stem.lower().replace('-', '_')}.py").write_text(code, "utf-8")
    for name in ("arrays", "transforms"):
        shutil.copy(ROOT / "tests" / "typed" / f"{name}.py", folder / f"typed_{name}.py")
    for name, line in MISTAKES.items():
        (folder / f"wrong_{name}.py").write_text(START + line + "\n", "utf-8")
    return folder


Told = dict[str, list[str]]


def gathered(errors: Iterable[tuple[str, int, str]]) -> Told:
    """Return what is told of each program, with the line."""
    told: Told = {}
    for name, line, said in errors:
        told.setdefault(name, []).append(f"line {line}: {said}")
    return told


@pytest.fixture(scope="module")
def told_by_mypy(folder: Path) -> Told:
    """The errors of mypy, by program."""
    # With the settings and the cache of the package itself, which need not be looked at again.
    command = [sys.executable, "-m", "mypy", "--no-error-summary"]
    done = subprocess.run(
        [*command, *map(str, sorted(folder.glob("*.py")))],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1 and not done.stderr, done.stderr or done.stdout
    found = re.findall(r"^(?:.*[/\\])?(\w+)\.py:(\d+): (error: .*)", done.stdout, re.MULTILINE)
    return gathered((name, int(line), said) for name, line, said in found)


@pytest.fixture(scope="module")
def told_by_pyright(folder: Path) -> Told:
    """The errors of pyright, by program."""
    beside = Path(sys.executable).parent
    program = shutil.which("basedpyright", path=str(beside)) or shutil.which("basedpyright")
    assert program, "basedpyright is not installed: pip install basedpyright, or bash tests/run.sh"
    for name in UNTYPED:
        stub = folder / "stubs" / name.replace(".", "/") / "__init__.pyi"
        stub.parent.mkdir(parents=True, exist_ok=True)
        stub.write_text("from typing import Any\n\ndef __getattr__(name: str) -> Any: ...\n")
    settings = folder / "pyrightconfig.json"
    settings.write_text(
        json.dumps(
            {
                "include": ["*.py"],
                "typeCheckingMode": "standard",
                "extraPaths": [str(ROOT / "src")],
                "stubPath": "stubs",
            }
        )
    )
    command = [program, "--project", str(settings), "--pythonpath", sys.executable]
    done = subprocess.run([*command, "--outputjson"], capture_output=True, text=True)
    report = json.loads(done.stdout)
    assert report["summary"]["filesAnalyzed"] == len([*folder.glob("*.py")])
    return gathered(
        (Path(each["file"]).stem, each["range"]["start"]["line"] + 1, each["message"])
        for each in report["generalDiagnostics"]
        if each["severity"] == "error"
    )


@pytest.mark.parametrize("checker", ["mypy", "pyright"])
def test_programs_pass_and_mistakes_do_not(checker: str, request: pytest.FixtureRequest) -> None:
    told: Told = request.getfixturevalue(f"told_by_{checker}")
    right = {name: errors for name, errors in told.items() if not name.startswith("wrong_")}
    assert not right
    line = START.count("\n") + 1
    caught = {name for name, errors in told.items() if errors[0].startswith(f"line {line}: ")}
    assert caught == {f"wrong_{name}" for name in MISTAKES}
