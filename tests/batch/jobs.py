"""Work for processes that die or hang."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

from napari_ecc_align._common.errors import InputError


def square(number):
    return number * number


def slow(number):
    time.sleep(0.3)
    return number


def troubled(task):
    """Do as told: ("ok" | "die" | "hang" | "die once" | "hang once", a file of one's own)."""
    what, path = task
    mark = Path(path)
    mark.write_text(mark.read_text() + "x" if mark.exists() else "x")
    first = mark.read_text() == "x"
    if what == "die" or (what == "die once" and first):
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "hang" or (what == "hang once" and first):
        time.sleep(600)
    return os.getpid()


class Unreadable:
    """A function that a process ends by receiving."""

    def __reduce__(self):
        return sys.exit, (3,)


class Stuck:
    """A function that a process never ends receiving."""

    def __reduce__(self):
        return time.sleep, (600,)


def counts_until_told(stopping, path, most):
    """Yield numbers until told to stop, then take a while to note how far it came."""
    number = 0
    while number < most and not stopping():
        number += 1
        yield number
        time.sleep(0.02)
    time.sleep(0.4)
    Path(path).write_text(str(number))


def refuses(stopping):
    yield 1
    raise InputError("not like this")


def breaks(stopping):
    yield 1
    raise KeyError("lost")


def dies(stopping):
    yield 1
    os.kill(os.getpid(), signal.SIGKILL)
