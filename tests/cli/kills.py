"""Runs a command again and again, each time killed at the next change that it makes to files."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from importlib import import_module
from pathlib import Path

from napari_ecc_align._cli import main

CHANGES = ("os.mkdir", "os.link", "os.rename", "os.remove", "os.rmdir", "shutil.rmtree")


def changes(event, arguments):
    return event in CHANGES or (event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR))


def run(arguments, number=0):
    """Run in a process of its own, killed before its change of that number; return its status."""
    child = os.fork()
    if not child:
        left = number

        def count(event, given):
            nonlocal left
            if changes(event, given):
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(count)
        os._exit(main(arguments))
    return os.waitpid(child, 0)[1]


def names(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def check(out, arguments, step):
    """Kill the command at every change, or every so many, and see what the next run leaves."""
    assert run(arguments) == 0
    whole = names(out)
    number, finished = 0, list[int]()
    while True:
        shutil.rmtree(out)
        out.mkdir()
        number += step
        if not os.WIFSIGNALED(run(arguments, number)):
            assert finished == [*range(number - step * len(finished), number, step)]
            assert 0 < len(finished) < number / step / 2
            return
        if run(arguments) != 0:
            # It was killed when all had been written, which only --overwrite replaces.
            finished.append(number)
        assert names(out) == whole, f"left by kill {number}"


if __name__ == "__main__":
    # Once, before processes are made of this one.
    import_module(f"napari_ecc_align._cli.{sys.argv[3]}")
    import cv2  # noqa: F401
    import scipy.ndimage  # noqa: F401

    check(Path(sys.argv[1]), sys.argv[3:], int(sys.argv[2]))
