"""A screen for each process that runs tests: windows take the focus from one another."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

# It ends with the process that holds its standard input, however that one ends.
_SERVE = "Xvfb -displayfd 1 -screen 0 1280x1024x24 -noreset -nolisten tcp & cat >&2; kill $!; wait"


def own_screen():
    """Start an X server without a screen and let this process use it.

    Returns
    -------
    subprocess.Popen or None
        What ends the server when its standard input is closed; None where there is no Xvfb.
    """
    if sys.platform != "linux" or not shutil.which("Xvfb"):
        return None
    server = subprocess.Popen(
        ["sh", "-c", _SERVE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        # Nor by what is typed to end the tests.
        start_new_session=True,
    )
    number = server.stdout.readline().strip()
    if not number:
        raise RuntimeError("Xvfb is installed but does not start")
    os.environ["DISPLAY"] = f":{number}"
    os.environ.pop("WAYLAND_DISPLAY", None)
    os.environ.update(QT_QPA_PLATFORM="xcb", LIBGL_ALWAYS_SOFTWARE="1")
    return server
