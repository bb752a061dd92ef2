"""Print how long it takes to import the package, to start the command and to open the forms.

    python tests/benchmarks/starting.py [--repeats 7]

Each import and command is a process of its own, in turn with what it is measured against, and its
processor time is taken, so that other work on the machine matters little. The forms open in a
viewer; that needs a screen, and is left out where there is none. The package is compiled before,
as pip does where it is installed.
"""

from __future__ import annotations

import argparse
import compileall
import importlib.metadata
import importlib.util
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1])]

_PROGRAMS = {
    "nothing": "pass",
    "numpy": "import numpy",
    "numpy, then the package": "import numpy, napari_ecc_align",
    "the package, then align": "from napari_ecc_align import align",
    "ecc-align --version": "import sys; sys.argv[1:] = ['--version']",
    "ecc-align --help": "import sys; sys.argv[1:] = ['--help']",
}
_COMMAND = "\nfrom napari_ecc_align._cli import main\nmain()"


def processor_seconds(program: str) -> float:
    """Return the processor time of a Python process that runs a program."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def of_processes(repeats: int) -> None:
    """Print the median of each program, and what the package adds to numpy."""
    seconds: dict[str, list[float]] = {name: [] for name in _PROGRAMS}
    for repeat in range(repeats + 1):
        for name, program in _PROGRAMS.items():
            taken = processor_seconds(program + _COMMAND * name.startswith("ecc-align"))
            # The first round compiles and fills the caches.
            if repeat:
                seconds[name].append(taken)
    for name, values in seconds.items():
        print(f"{name}: {1000 * statistics.median(values):.0f} ms")
    pairs = zip(seconds["numpy, then the package"], seconds["numpy"], strict=True)
    beyond = [both - alone for both, alone in pairs]
    print(f"the package beyond numpy: {1000 * statistics.median(beyond):.0f} ms (at most 50)")


def of_forms(repeats: int) -> None:
    """Print how long each form takes to open in a viewer with two images."""
    import napari
    from qtpy.QtWidgets import QApplication
    from skimage import data

    viewer = napari.Viewer(show=True)
    for name in ("reference", "moving"):
        viewer.add_image(data.camera(), name=name)
    for form in forms():
        taken = [opening(viewer, form, QApplication.processEvents) for _ in range(repeats)]
        again = statistics.median(taken[1:])
        print(
            f"{form}: {1000 * taken[0]:.0f} ms the first time, {1000 * again:.0f} again "
            "(at most 1000)"
        )
    viewer.close()


def forms() -> list[str]:
    """Return the names of the plugin's forms, as its manifest has them."""
    from npe2 import PluginManifest

    manifest = PluginManifest.from_distribution("napari-ecc-align")
    return [one.display_name for one in manifest.contributions.widgets or []]


def opening(viewer: object, form: str, turn: Callable[[], object]) -> float:
    """Return the processor time until a form is on show, and close it."""
    began = time.process_time()
    dock, _ = viewer.window.add_plugin_dock_widget("napari-ecc-align", form)
    turn()
    taken = time.process_time() - began
    viewer.window.remove_dock_widget(dock)
    turn()
    return taken


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=7)
    repeats = parser.parse_args().repeats
    print("napari-ecc-align", importlib.metadata.version("napari-ecc-align"))
    found = importlib.util.find_spec("napari_ecc_align")
    for folder in (found and found.submodule_search_locations) or ():
        compileall.compile_dir(folder, quiet=1)
    of_processes(repeats)
    from screen import own_screen

    server = own_screen()
    if server is None and not os.environ.get("DISPLAY"):
        print("No screen: the forms are not opened.")
        return
    of_forms(repeats)


if __name__ == "__main__":
    main()
