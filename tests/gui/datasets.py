"""What the tests of the dataset form do and look at."""

import csv
from contextlib import suppress

import psutil

# Milliseconds. The processes let all others go first, which on a busy machine takes long.
PATIENCE = 600_000
SHAPE = (300, 400)
DOUBTED = "p3.png"
GOOD = ("p0.png", "p1.png", "p2.png")


def choose(widget, root, out, *, workers=1):
    """Fill in the form: one worker is enough for a few pairs."""
    widget.settings.workers.value = workers
    widget.folders.reference.value = root / "ideal"
    widget.folders.moving.value = root / "gray"
    widget.folders.siblings.chosen = (str(root / "bw"),)
    widget.folders.out.value = out


def children():
    found = []
    for process in psutil.Process().children(recursive=True):
        # It may end while it is asked.
        with suppress(psutil.Error):
            if "spawn_main" in str(process.cmdline()):
                found.append(process)
    return found


def report_rows(out):
    with (out / "report.csv").open() as file:
        return {row["name"]: row for row in csv.DictReader(file)}


def layers_of(name):
    named = [f"{name} {role}" for role in ("reference", "moving", "aligned")]
    return [*named, "difference", "binary difference"]


def layer_names(viewer):
    return [layer.name for layer in viewer.layers]


def names_in(table):
    """The pairs in the order in which they are shown."""
    rows = table.model()
    return [rows.index(row, 0).data() for row in range(rows.rowCount())]


def choose_row(table, name):
    table.setCurrentIndex(table.model().index(names_in(table).index(name), 0))
