"""The commands of docs/shell.md, run in their order as they stand there."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from processes import environment, run_main
from skimage import data

import napari_ecc_align
from docs_pages import DOCS, blocks
from napari_ecc_align import Transform, load_transforms, read_image, write_image

PAGE = (DOCS / "shell.md").read_text(encoding="utf-8")
LINES = [
    line for block in blocks("shell.md", "bash") for line in block.replace("\\\n", "").splitlines()
]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of what the page has."""
    camera = data.camera()
    reference, moving = camera[100:300, 100:350], camera[97:297, 105:355]
    frames = [camera[100 + k : 260 + k, 100:280] for k in range(3)]
    labels = np.arange(200)[:, None] // 50 * 4 + np.arange(250) // 64 + 1
    images = {
        "reference.png": reference,
        "moving.png": moving,
        "sibling.png": 255 - moving,
        "spots.tif": moving.astype(np.uint16),
        "labels.tif": labels.astype(np.uint16),
        **{f"frames/{number}.png": frame for number, frame in enumerate(frames)},
        **{f"red/{number}.png": frame // 2 for number, frame in enumerate(frames)},
    }
    for name in ("frames", "red"):
        (tmp_path / name).mkdir()
    for name, image in images.items():
        write_image(tmp_path / name, image)
    tifffile.imwrite(tmp_path / "film.tif", np.stack(frames), photometric="minisblack")
    tifffile.imwrite(tmp_path / "first.tif", frames[0])
    (tmp_path / "spots.csv").write_text("name,x,y\na,10,20\nb,30.5,40\n")
    Transform([[1, 0, 5], [0, 1, 0]]).save(tmp_path / "1_to_2.json")
    Transform([[2, 0, 0], [0, 2, 0]]).save(tmp_path / "2_to_3.json")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def in_a_shell(line, folder):
    """Run a line of more than one command, as a person's shell would."""
    bash = shutil.which("bash") or pytest.skip("no bash here")
    program = folder / "bin" / "ecc-align"
    if not program.exists():
        program.parent.mkdir()
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m napari_ecc_align "$@"\n')
        program.chmod(0o755)
    source = Path(napari_ecc_align.__file__).parents[1]
    search = os.pathsep.join([str(program.parent), os.environ["PATH"]])
    done = subprocess.run(
        [bash, "-e", "-o", "pipefail", "-c", line],
        env=environment(PATH=search, PYTHONPATH=str(source)),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert (done.returncode, done.stderr) == (0, ""), line
    return done.stdout


def words_of(line, folder):
    """Return the words of a line, with file names in place of patterns."""
    words = shlex.split(line, comments=True)
    return [
        name
        for word in words
        for name in (sorted(map(str, Path().glob(word))) if "*" in word else [word])
    ]


def test_every_line_of_the_page_does_what_it_says(folder):
    said = {}
    for line in LINES:
        if any(mark in line for mark in "|>;"):
            said[line] = in_a_shell(line, folder)
            continue
        program, *arguments = words_of(line, folder)
        assert program == "ecc-align"
        done = run_main(*arguments)
        assert (done.code, done.err) == (0, ""), line
        said[line] = done.out
    assert len(said) >= 20
    assert len(set(np.unique(read_image("warped/labels_on_reference.tif"))) - {0}) == 16
    assert np.array_equal(
        read_image("warped/spots_on_reference.tif")[5:-5, 10:-10],
        read_image("reference.png")[5:-5, 10:-10],
    )
    assert tifffile.imread("registered/film_aligned.tif").shape == (3, 160, 180)
    assert len(list(Path("red_registered").iterdir())) == 3
    assert len(load_transforms("registered/film_transforms.json")) == 3
    both = Transform.load("1_to_3.json")
    assert both.to_moving((0, 0)).tolist() == [10.0, 0.0]
    ours, back = Transform.load("results/moving_transform.json"), Transform.load("in_pixels.json")
    assert ours.corner_distance(back, (200, 250)) < 1e-9
    assert json.loads(Path("result.json").read_text())["verdict"] == "aligned"
    last = said[next(line for line in LINES if line.startswith("cut"))]
    assert [float(value) for value in last.split(",")] == pytest.approx([25.5, 43], abs=0.1)


def test_the_page_has_every_command_and_exit_code():
    commands = {
        line.split("`")[1].split()[0] for line in PAGE.splitlines() if line.startswith("| `")
    }
    from napari_ecc_align._cli.parser import build_parser

    parser = build_parser()
    (known,) = (each.choices for each in parser._actions if each.dest == "command")
    assert commands == set(known)
    for code in ("0", "1", "2", "70", "130"):
        assert f"\n| {code} | " in PAGE
