"""Commands that are killed at any moment: the same command runs again, and nothing is left."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from processes import environment, names_in, run_main

import napari_ecc_align
from napari_ecc_align import InputError
from napari_ecc_align._cli.outputs import all_or_none
from napari_ecc_align._common.staging import remove_leftovers, staging_folder

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="only Unix forks")

COMMANDS = {
    "align": (
        *("align", "{inputs}/camera.png", "{inputs}/shifted.png", "-q"),
        *("--out", "{out}", "--transform-out", "{out}/t.tfm", "--model", "translation"),
    ),
    "bend": (
        *("align", "{inputs}/camera.png", "{inputs}/shifted.png", "-q", "--model", "smooth"),
        *("--out", "{out}", "--transform-out", "{out}/f.zarr"),
    ),
    "apply": (
        *("apply", "{inputs}/slide.json", "{inputs}/shifted.png", "{inputs}/coffee.png", "-q"),
        *("--like", "{inputs}/camera.png", "--out", "{out}"),
    ),
    "convert": ("convert", "{inputs}/slide.json", "{out}/t.npy", "-q"),
}

# Every so many changes of files.
STEPS = {"align": "5", "bend": "12"}


@pytest.mark.parametrize("command", COMMANDS)
def test_killed_at_any_change_of_files_it_runs_again_and_leaves_nothing(command, inputs, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    arguments = [one.format(inputs=inputs, out=out) for one in COMMANDS[command]]
    driver = Path(__file__).with_name("kills.py")
    done = subprocess.run(
        [sys.executable, driver, out, STEPS.get(command, "1"), *arguments],
        capture_output=True,
        text=True,
        env=environment(PYTHONPATH=str(Path(napari_ecc_align.__file__).parents[1])),
        check=False,
    )
    assert done.returncode == 0, done.stderr


def leftover(folder, content):
    """Make what a process leaves that is killed when it has written t.npy, but not named it."""
    (folder / ".ecc-align-1" / "files").mkdir(parents=True)
    (folder / ".ecc-align-1" / "lock").touch()
    (folder / ".ecc-align-1" / "files" / "t.npy").write_bytes(content)


def test_what_was_there_before_a_killed_run_stays(inputs, tmp_path):
    (tmp_path / "t.npy").write_bytes(b"precious")
    leftover(tmp_path, b"precious")
    done = run_main("convert", inputs / "slide.json", tmp_path / "t.npy")
    assert "exists; use --overwrite" in done.complaint
    assert names_in(tmp_path) == ["t.npy"]
    assert (tmp_path / "t.npy").read_bytes() == b"precious"


def test_what_a_running_process_writes_is_not_taken_for_a_leftover(tmp_path):
    with staging_folder(tmp_path) as place:
        (place / "t.npy").write_bytes(b"new")
        remove_leftovers(tmp_path, [tmp_path / "t.npy"])
        assert (place / "t.npy").read_bytes() == b"new"
    assert names_in(tmp_path) == []


def test_a_leftover_made_by_somebody_else_destroys_nothing(inputs, tmp_path):
    victim = tmp_path / "victim"
    (victim / "files").mkdir(parents=True)
    (victim / "files" / "t.npy").write_text("precious")
    out = tmp_path / "out"
    (out / ".ecc-align-2").mkdir(parents=True)
    (out / ".ecc-align-3").mkdir()
    (out / ".ecc-align-1").symlink_to(victim)
    (out / ".ecc-align-2" / "lock").symlink_to(victim / "files" / "t.npy")
    (out / ".ecc-align-3" / "lock").touch()
    (out / ".ecc-align-3" / "files").symlink_to(victim / "files")
    assert run_main("convert", inputs / "slide.json", out / "t.npy", "-q").code == 0
    assert (victim / "files" / "t.npy").read_text() == "precious"


def test_folders_are_among_what_is_written_whole_or_not_at_all(tmp_path):
    group, file = tmp_path / "f.zarr", tmp_path / "t.json"
    with all_or_none([group, file], overwrite=False) as (staged_group, staged_file):
        staged_group.mkdir()
        (staged_group / "zarr.json").write_text("{}")
        staged_file.write_text("new")
    assert names_in(tmp_path) == ["f.zarr", "t.json"]
    with (
        pytest.raises(InputError, match="exists already"),
        all_or_none([tmp_path / "g.zarr", file], overwrite=False) as (staged_group, staged_file),
    ):
        staged_group.mkdir()
        staged_file.write_text("newer")
    assert file.read_text() == "new"


def test_a_folder_of_a_killed_run_is_taken_back_and_no_other(tmp_path):
    group, other = tmp_path / "f.zarr", tmp_path / "g.zarr"
    code = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from napari_ecc_align._common.staging import move_folder_into_place, staging_folder\n"
        "group = Path(sys.argv[1])\n"
        "with staging_folder(group.parent) as staged:\n"
        "    (staged / group.name).mkdir()\n"
        "    (staged / group.name / 'zarr.json').write_text('new')\n"
        "    move_folder_into_place(staged / group.name, group)\n"
        "    os._exit(9)\n"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    for path in (group, other):
        subprocess.run([sys.executable, "-c", code, path], env=environment)
    assert [(each / "zarr.json").read_text() for each in (group, other)] == ["new", "new"]
    # The same name, but made by somebody else since.
    other.rename(tmp_path / "kept.zarr")
    other.mkdir()
    (other / "zarr.json").write_text("precious")
    remove_leftovers(tmp_path, [group, other])
    assert names_in(tmp_path) == ["g.zarr", "kept.zarr"]
    assert (other / "zarr.json").read_text() == "precious"
