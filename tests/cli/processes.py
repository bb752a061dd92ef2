"""Runs ``ecc-align``, in this process or as one of its own."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from napari_ecc_align._cli import main

MODULE = [sys.executable, "-m", "napari_ecc_align"]
SCRIPT = [str(Path(sysconfig.get_path("scripts"), "ecc-align"))]


@dataclass(frozen=True)
class Finished:
    """How the command ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def complaint(self):
        """The one line on standard error of a command that was refused."""
        assert self.code == 2, self
        assert self.out == ""
        assert self.err.startswith("ecc-align")
        assert self.err.count("\n") == 1
        assert self.err.endswith("\n")
        return self.err.strip()


_NOT_PASSED_ON = ("DISPLAY", "WAYLAND_DISPLAY", "PYTHONPATH", "PYTHONUNBUFFERED")


def environment(**changes):
    """Return the environment with no display, where a warning is an error."""
    kept = {name: value for name, value in os.environ.items() if name not in _NOT_PASSED_ON}
    return {**kept, "PYTHONWARNINGS": "error", **changes}


def heed_interrupts():
    """Undo, in a process about to begin, that Ctrl-C is ignored: what ``&`` of a script does."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def run_main(*arguments, cwd="."):
    """Run the command in this process, where it need not start Python and load OpenCV."""
    out, err = io.StringIO(), io.StringIO()
    streams = contextlib.redirect_stdout(out), contextlib.redirect_stderr(err)
    with contextlib.chdir(cwd), streams[0], streams[1]:
        code = main([*map(str, arguments)])
    assert "Traceback" not in err.getvalue(), err.getvalue()
    return Finished(code, out.getvalue(), err.getvalue())


def ecc_align(*arguments, program=MODULE, **options):
    """Run the command to its end, as a process."""
    done = subprocess.run(
        [*program, *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=environment(),
        timeout=300,
        **options,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return Finished(done.returncode, done.stdout, done.stderr)


def names_in(folder):
    """Return the names of everything in a folder, hidden files too."""
    return sorted(path.name for path in folder.iterdir())
