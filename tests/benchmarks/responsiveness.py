"""Print for how long aligning keeps napari waiting, how soon it stops, and what it leaves behind.

    python tests/benchmarks/responsiveness.py [--pairs 3] [--runs 100]

Needs a screen, or ``QT_QPA_PLATFORM=offscreen``. The times are absolute, so nothing else should
be running; the tests compare them with what the same machine does at the same moment.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
from skimage import data
from skimage.transform import resize

sys.path[:0] = [str(Path(__file__).parents[1] / "gui")]

LARGE = (3500, 2480)


def large_pair() -> tuple[np.ndarray, np.ndarray]:
    """Return two photographs of 8.7 megapixels (uint8), the second one turned a little."""
    from napari_ecc_align import Transform, warp

    photo = resize(data.camera(), LARGE, order=1, preserve_range=True)
    grain = 20 * np.random.default_rng(1).standard_normal(LARGE)
    reference = np.clip(photo + grain, 0, 255).astype(np.uint8)
    turn = [[np.cos(0.004), -np.sin(0.004), 9], [np.sin(0.004), np.cos(0.004), -5], [0, 0, 1]]
    return reference, warp(reference, Transform(np.array(turn)), output_shape=LARGE)


def until(done: Callable[[], bool]) -> None:
    """Let the event loop go round until something is so."""
    from qtpy.QtWidgets import QApplication

    while not done():
        QApplication.processEvents()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=3, help="large pairs to align")
    parser.add_argument("--runs", type=int, default=100, help="small pairs to align")
    options = parser.parse_args()
    import napari
    from heart import Heart, napari_adds

    viewer = napari.Viewer(show=False)
    for name, image in zip(("first", "second"), large_pair(), strict=True):
        viewer.add_image(image, name=name)
    widget = viewer.window.add_plugin_dock_widget("napari-ecc-align", "Align images")[1]
    heart = Heart()
    stalls, cancels, adding = [], [], []
    for _ in range(options.pairs):
        adding.append(napari_adds(viewer, viewer.layers["first"].data))
        heart.start()
        widget.run()
        until(lambda: not widget.running)
        stalls.append(heart.stop())
        widget.run()
        began = time.perf_counter()
        until(lambda began=began: time.perf_counter() > began + 0.08)
        began = time.perf_counter()
        widget.cancel()
        until(lambda: not widget.running)
        cancels.append(time.perf_counter() - began)
    for what, values in (
        ("longest stall of a large pair, with its new layers", stalls),
        ("napari's own adding of a layer", adding),
        ("time to cancel", cancels),
    ):
        print(f"{what}: median {1000 * statistics.median(values):.0f} ms")
    viewer.layers.clear()
    viewer.add_image(data.camera()[100:300, 100:300], name="first")
    viewer.add_image(data.camera()[103:303, 98:298], name="second")
    for number in range(options.runs):
        widget.run()
        until(lambda: not widget.running)
        if number + 1 in (options.runs // 5, options.runs):
            gc.collect()
            memory = psutil.Process().memory_info().rss / 1e6
            print(f"memory after {number + 1} alignments: {memory:.0f} MB")
    viewer.close()


if __name__ == "__main__":
    main()
