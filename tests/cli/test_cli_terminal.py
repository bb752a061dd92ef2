"""How the command behaves between a terminal, pipes and signals."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from processes import (
    MODULE,
    SCRIPT,
    ecc_align,
    environment,
    heed_interrupts,
    names_in,
    run_main,
)

from napari_ecc_align._images.files.images import write_image

pty = pytest.importorskip("pty", reason="pseudo-terminals are a thing of POSIX")
termios = pytest.importorskip("termios", reason="pseudo-terminals are a thing of POSIX")

FULL = Path("/dev/full")
HEAVY = ("cv2", "napari", "qtpy", "PyQt6", "skimage", "PIL", "tifffile", "tqdm")


@pytest.fixture
def command(inputs, tmp_path):
    """One that takes a while."""
    images = inputs / "page.png", inputs / "scan.png"
    return [*MODULE, "align", *images, "--out", tmp_path / "out", "--engine", "opencv"]


@pytest.fixture
def quick_command(inputs, tmp_path):
    images = inputs / "camera.png", inputs / "shifted.png"
    return [*MODULE, "align", *images, "--out", tmp_path / "out", "--model", "translation"]


class OnTerminal:
    """A process whose standard error is a terminal."""

    def __init__(self, command, **variables):
        self.terminal, theirs = pty.openpty()
        termios.tcsetwinsize(theirs, (24, 80))
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=theirs,
            env=environment(**variables),
            text=True,
            preexec_fn=heed_interrupts,
        )
        os.close(theirs)

    def read(self):
        """Return what was written to the terminal since; nothing once the process is gone."""
        try:
            return os.read(self.terminal, 65536).decode()
        except OSError:  # Linux's way to say that nobody holds the other end
            return ""

    def finish(self):
        """Return the exit code, standard output, and the rest of what the terminal got."""
        shown = ""
        while piece := self.read():
            shown += piece
        out, _ = self.process.communicate(timeout=300)
        os.close(self.terminal)
        return self.process.returncode, out, shown


def test_a_terminal_has_a_bar_that_goes_away(command):
    code, out, shown = OnTerminal(command).finish()
    assert code == 0
    assert out.startswith("aligned: ")
    assert "%" not in out.splitlines()[0]
    assert "iteration" in shown
    percents = [int(number) for number in re.findall(r"(\d+)%\|", shown)]
    assert len(percents) > 5
    assert percents == sorted(percents)
    assert percents[-1] == 100
    assert shown.split("\r")[-1].strip() == ""
    assert "\n" not in shown


def test_interrupt(tmp_path, tmp_path_factory):
    # Noise takes long to give up on: however slow the machine, the signal comes in time.
    folder = tmp_path_factory.mktemp("noise")
    rng = np.random.default_rng(0)
    images = [folder / "a.tif", folder / "b.tif"]
    for path in images:
        write_image(path, rng.integers(0, 255, (2500, 2500), np.uint8))
    slow = [*MODULE, "align", *images, "--out", tmp_path / "out", "--engine", "opencv"]
    # An import that a signal interrupts leaves its file to the garbage collector: Python's own
    # warning, which nobody sees unless warnings are errors.
    running = OnTerminal(slow, PYTHONWARNINGS="")
    while "iteration" not in (shown := running.read()):
        assert shown
    running.process.send_signal(signal.SIGINT)
    code, out, shown = running.finish()
    assert code == 130
    assert out == ""
    assert shown.rstrip().endswith("ecc-align: interrupted")
    assert "Traceback" not in shown
    assert names_in(tmp_path) == []


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("arguments", ["align", "help"])
def test_a_reader_that_has_gone(quick_command, tmp_path, arguments, unbuffered):
    """As ``| head`` may be by the time something is printed."""
    ours, theirs = os.pipe()
    os.close(ours)
    done = subprocess.run(
        quick_command if arguments == "align" else [*SCRIPT, "align", "--help"],
        stdout=theirs,
        stderr=subprocess.PIPE,
        env=environment(PYTHONUNBUFFERED=unbuffered),
        text=True,
        timeout=300,
    )
    os.close(theirs)
    assert (done.returncode, done.stderr) == (0, "")
    if arguments == "align":
        assert len(names_in(tmp_path / "out")) == 4


@pytest.mark.skipif(not FULL.exists(), reason="a device of Linux")
@pytest.mark.parametrize("arguments", ["apply", "help"])
def test_a_full_disk_under_standard_output(inputs, tmp_path, arguments):
    moving = inputs / "shifted.png"
    apply = ["apply", inputs / "slide.json", moving, "--like", moving, "--out", tmp_path / "a.png"]
    with FULL.open("w") as full:
        done = subprocess.run(
            [*MODULE, *(apply if arguments == "apply" else ["--help"])],
            stdout=full,
            stderr=subprocess.PIPE,
            env=environment(),
            text=True,
            timeout=300,
        )
    assert done.returncode == 2
    assert done.stderr == "ecc-align: cannot write to standard output: No space left on device\n"


def test_without_standard_streams(quick_command, tmp_path):
    closing = "import os, sys; os.close(1); os.close(2); os.execv(sys.argv[1], sys.argv[1:])"
    done = subprocess.run(
        [sys.executable, "-c", closing, *quick_command], env=environment(), timeout=300
    )
    assert done.returncode == 0
    assert len(names_in(tmp_path / "out")) == 4


def test_names_that_cannot_be_encoded(inputs, tmp_path):
    done = ecc_align(
        *("apply", inputs / "slide.json", inputs / "shifted.png", "--like", inputs / "camera.png"),
        *("--out", tmp_path / os.fsdecode(b"caf\xe9.png")),
    )
    assert (done.code, done.err) == (0, "")
    assert "caf\\udce9.png" in done.out


def test_version():
    done = ecc_align("--version")
    assert done.code == 0
    assert done.out.startswith("ecc-align ")
    assert done.out.split()[1][0].isdigit()


@pytest.mark.parametrize("words", [["--help"], ["align", "--help"], ["nonsense"]])
def test_help_loads_nothing_heavy(words):
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "napari_ecc_align", *words],
        capture_output=True,
        env=environment(),
        text=True,
        timeout=300,
    )
    loaded = {line.split("|")[-1].strip() for line in done.stderr.splitlines()}
    assert "napari_ecc_align._cli.parser" in loaded
    assert loaded.isdisjoint(HEAVY)


def test_nothing_that_a_file_holds_commands_the_terminal(tmp_path):
    path = tmp_path / "a.json"
    made = {"command": "align", "\x1b[2J": "\x07bell", "name": "\u202etxt", "more": "a\tb"}
    path.write_text(json.dumps({"provenance": made}))
    shown = run_main("show", path).out
    assert "\\x1b[2J: \\x07bell" in shown and "\\u202etxt" in shown and "a\tb" in shown
    assert not {"\x1b", "\x07", "\u202e"} & {*shown}
    assert "no\\x1b[31mfile.json" in run_main("show", tmp_path / "no\x1b[31mfile.json").complaint
    assert "\\x1b" in run_main("show", path, "--no\x1b[31m").complaint
