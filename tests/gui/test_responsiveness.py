"""The viewer never freezes, a cancel is obeyed at once, and many runs leave nothing behind."""

import gc
import threading

import numpy as np
import psutil
import pytest
from heart import Heart, assert_short, napari_adds
from skimage import data
from skimage.filters import gaussian
from skimage.transform import resize

from napari_ecc_align import Transform, warp
from napari_ecc_align._gui.results import history
from napari_ecc_align._gui.runs.finished_run import FinishedRun

LARGE = (3500, 2480)


@pytest.fixture(scope="module")
def large():
    rng = np.random.default_rng(1)
    photo = resize(data.camera(), LARGE, order=1, preserve_range=True)
    grain = gaussian(rng.standard_normal(LARGE), 2)
    reference = np.clip(photo + 25 * grain / grain.std(), 0, 255).astype(np.uint8)
    angle = 0.004
    turn = [[np.cos(angle), -np.sin(angle), 9], [np.sin(angle), np.cos(angle), -5], [0, 0, 1]]
    moving = warp(reference, Transform(np.array(turn)), output_shape=LARGE)
    return reference, moving


@pytest.fixture
def pair(viewer, large):
    for name, image in zip(("first", "second"), large, strict=True):
        viewer.add_image(image, name=name)
    return viewer


@pytest.mark.alone
def test_the_longest_stall_of_a_large_pair(widget, viewer, large, qtbot):
    """What napari itself needs for the new layers is not counted, but what a stall may take."""
    heart, stalls, adding = Heart(), [], []
    widget.after.present = lambda run: None
    for _ in range(3):
        adding.append(napari_adds(viewer, large[0]))
        qtbot.wait(300)
        heart.start()
        widget.run()
        qtbot.waitUntil(lambda: not widget.running, timeout=120_000)
        stalls.append(heart.stop())
    assert_short(stalls, adding)


@pytest.mark.alone
def test_cancel_is_obeyed_at_the_next_step(widget, qtbot, steps_taken):
    cut_short = 0
    for count in (1, 2, 3, 5, 8):
        steps_taken.clear()
        widget.run()
        # The later ones a quick machine may never come to.
        qtbot.waitUntil(
            lambda n=count: len(steps_taken) >= n or not widget.running, timeout=120_000
        )
        cut_short += widget.running
        widget.cancel()
        before = len(steps_taken)
        qtbot.waitUntil(lambda: not widget.running, timeout=120_000)
        # The one that was being taken.
        assert len(steps_taken) <= before + 1
    assert cut_short >= 3


@pytest.mark.drawn
def test_many_alignments_leave_nothing_behind(viewer, qtbot, capsys, monkeypatch):
    # What undo keeps is bounded: here it is full before the memory is looked at.
    monkeypatch.setattr(history, "MOST_RUNS", 4)
    image = data.camera()
    viewer.add_image(image[:480, 8:488], name="first")
    viewer.add_image(image[3:483, 6:486], name="second")
    widget = viewer.window.add_plugin_dock_widget("napari-ecc-align", "Align images")[1]

    def align(times):
        for _ in range(times):
            widget.run()
            qtbot.waitUntil(lambda: not widget.running, timeout=120_000)
        gc.collect()
        return psutil.Process().memory_info().rss / 1e6

    before = align(6)
    names, threads = [layer.name for layer in viewer.layers], threading.active_count()
    after = align(12)
    with capsys.disabled():
        print(f"\nmemory after 6 alignments {before:.0f} MB, after 18 {after:.0f} MB")
    assert [layer.name for layer in viewer.layers] == names
    assert threading.active_count() <= threads
    # napari keeps all of its workers, but nothing that came back from them.
    assert sum(isinstance(each, FinishedRun) for each in gc.get_objects()) <= 4 + 1
    # Each run makes 1.4 MB of layers: 12 of them would be 17 MB.
    assert after - before < 12
