"""The workflows and forms of .github: what they may do, and what linters say of them."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
import yaml
from fresh_process import ROOT, run

GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
FORMS = sorted(
    set((GITHUB / "ISSUE_TEMPLATE").glob("*.yml")) - {GITHUB / "ISSUE_TEMPLATE/config.yml"}
)

pytestmark = pytest.mark.skipif(not GITHUB.exists(), reason="not in an sdist")


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_may_do_no_more_than_it_must(path: Path) -> None:
    text = path.read_text("utf-8")
    workflow = yaml.safe_load(text)
    assert workflow["permissions"] == {}
    for job in workflow["jobs"].values():
        writes = {name for name, level in job["permissions"].items() if level == "write"}
        # Who may write runs no code of a checkout.
        assert not writes or not any("checkout" in step.get("uses", "") for step in job["steps"])
        assert "timeout-minutes" in job
    assert text.count("persist-credentials: false") == text.count("actions/checkout@")
    for action in re.findall(r"uses: (.*)", text):
        assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v[\d.]+", action)


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_a_form_asks_for_the_versions(path: Path) -> None:
    assert "ecc-align --version --verbose" in path.read_text("utf-8")


@pytest.mark.skipif(not shutil.which("zizmor"), reason="pip install zizmor")
def test_zizmor_finds_nothing() -> None:
    run(["zizmor", "--offline", "--pedantic", str(GITHUB)], cwd=ROOT)


@pytest.mark.skipif(not shutil.which("check-jsonschema"), reason="pip install check-jsonschema")
@pytest.mark.parametrize(
    ("schema", "paths"),
    [
        ("github-workflows", WORKFLOWS),
        ("github-issue-forms", FORMS),
        ("dependabot", [GITHUB / "dependabot.yml"]),
    ],
)
def test_each_file_is_valid(schema: str, paths: list[Path]) -> None:
    check = ["check-jsonschema", "--builtin-schema", f"vendor.{schema}"]
    run([*check, *map(str, paths)], cwd=ROOT)
