"""The commands of docs/batch.md: each parses, and those for SLURM are run, with a stand-in."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from dataset import contents

from cli.processes import environment
from docs_pages import blocks
from napari_ecc_align import Batch
from napari_ecc_align._cli.parser import build_parser

SHELL = blocks("batch.md", "bash")
SLURM = next(text for text in SHELL if "#SBATCH" in text)
(KUBERNETES,) = blocks("batch.md", "yaml")
PYTHON = blocks("batch.md")

# What SLURM does, for one task: it runs the command that follows its own options.
SRUN = """#!/bin/sh
while case "$1" in --*) ;; *) false ;; esac; do shift; done
exec "$@"
"""

# distributed warns of its own code.
pytestmark = pytest.mark.filterwarnings("default")


def shell_commands():
    for text in SHELL:
        for line in text.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            if words[:1] == ["srun"]:
                words = words[1:]
                while words[0].startswith("--"):
                    words = words[1:]
            yield [word for word in words if word != "&"]


def container_commands():
    import yaml

    def arguments(value):
        if isinstance(value, dict):
            if "args" in value:
                yield value["args"]
            value = list(value.values())
        if isinstance(value, list):
            for part in value:
                yield from arguments(part)

    for document in yaml.safe_load_all(KUBERNETES):
        yield from arguments(document)


COMMANDS = [*shell_commands(), *container_commands()]


def of(*program):
    return [c[len(program) :] for c in COMMANDS if c[: len(program)] == list(program)]


def test_there_is_something_to_check():
    assert len(of("ecc-align")) >= 4
    assert len(of("dask", "scheduler")) == len(of("dask", "worker")) == 2


@pytest.mark.parametrize("arguments", of("ecc-align"), ids=" ".join)
def test_our_own_commands_parse(arguments):
    assert build_parser().parse_args(arguments).command == arguments[0]


@pytest.mark.parametrize("part", ["scheduler", "worker"])
def test_dask_understands_its_commands(part):
    pytest.importorskip("distributed", reason="the extra 'cluster' is not installed")
    module = __import__(f"distributed.cli.dask_{part}", fromlist=["main"])
    for arguments in of("dask", part):
        assert module.main.make_context(part, list(arguments)).params


@pytest.mark.parametrize("text", SHELL)
def test_bash_understands_the_scripts(text):
    bash = shutil.which("bash") or pytest.skip("no bash here")
    subprocess.run([bash, "-n", "-c", text], check=True)


@pytest.mark.parametrize("text", PYTHON)
def test_the_python_compiles(text):
    compile(text, "docs/batch.md", "exec")


@pytest.fixture
def folder(good, tmp_path, monkeypatch):
    """A working folder in which the dataset lies as in the docs."""
    for name in ("ideal", "scan"):
        (tmp_path / name).symlink_to(good.root / name, target_is_directory=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.skipif(os.name == "nt", reason="the script is for SLURM, which Windows has not")
def test_the_script_for_slurm_runs_to_its_end(folder, finished):
    pytest.importorskip("distributed", reason="the extra 'cluster' is not installed")
    programs = folder / "programs"
    programs.mkdir()
    (programs / "srun").write_text(SRUN)
    scripts = Path(sysconfig.get_path("scripts"))
    search = os.pathsep.join(map(str, (programs, scripts, os.environ["PATH"])))
    (programs / "srun").chmod(0o755)
    (folder / "job.sh").write_text(SLURM)
    quiet = environment(PATH=search, SLURM_JOB_ID="7", PYTHONWARNINGS="ignore")
    job = subprocess.Popen(
        ["bash", "job.sh"],
        env=quiet,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        # The scheduler and the worker keep standard error open: only the last line is awaited.
        said = [job.stdout.readline(), job.stdout.readline()]
        code = job.wait(timeout=300)
    finally:
        # SLURM ends what a job has left.
        os.killpg(job.pid, signal.SIGKILL)
        job.stdout.close()
        job.stderr.close()
    assert code == 0, said
    assert "3 aligned, 1 passed through" in said[1]
    ours, whole = contents(folder / "aligned"), contents(finished)
    assert ours.keys() == whole.keys()
    # The inputs have other paths here, and so have the records.
    assert all(ours[name] == whole[name] for name in ours if not name.startswith("records/"))


def test_the_python_of_a_whole_run_runs(folder):
    script = "\n".join(text for text in PYTHON if "batch.run" in text)
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    said = done.stdout.splitlines()
    assert said[0] == "Batch of 4 pairs, to 'aligned'"
    assert any(line.startswith("4 of 4") for line in said)
    assert "0 of 4 want eyes" in said
    assert {"w-1/p0.png aligned", "w-1/p1.png aligned"} <= {*said}, said[7:]
    assert said[-1] == str(Path("aligned", "report.html"))
    assert (folder / "aligned" / "binary" / "w-1" / "p0.png").exists()


def test_the_python_of_a_review_runs(folder, good):
    """With pairs of this dataset in place of the page's."""
    script = next(text for text in PYTHON if "batch.accept" in text)
    for theirs, ours in zip(("w-03/p004", "w-03/p009", "w-03/p011"), good.truth, strict=False):
        script = script.replace(f"{theirs}.png", ours)
    batch = Batch.plan("ideal", "scan/gray", "aligned")
    assert len(list(batch.run(workers=2))) == 4
    exec(script, {"transform": good.truth["w-1/p1.png"]})
    decided = {
        name: record.review.decision for name, record in batch.records().items() if record.review
    }
    # The last was undone.
    assert list(decided.values()) == ["accepted", "corrected"]
