"""A viewer with a pair in it, and the widget as a person gets it from the menu."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest

from napari_ecc_align._common.steps import retold
from napari_ecc_align._gui.align.widget import AlignWidget
from napari_ecc_align._gui.shared.background import Background
from pairs import KnownPair, known_pair, random_transform

SHAPE = (160, 200)


@pytest.fixture(scope="session")
def shared_viewer(qapp):
    """The viewer of this process, with settings that no file keeps."""
    from napari import settings
    from napari.utils.events import EventEmitter
    from npe2 import PluginManager
    from shared_viewer import SharedViewer, signature_checked_once

    shared = SharedViewer()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(settings, "_SETTINGS", None)
        settings.get_settings(None)
        # It looks at what lies under the mouse, which no test moves.
        patch.setattr("napari._qt.threads.status_checker.StatusChecker.start", lambda self: None)
        # No plugin is installed meanwhile: their manifests are read once, not for every form.
        PluginManager.instance().discover()
        patch.setattr(PluginManager, "discover", lambda self, *arguments, **options: 0)
        # A crash of some drivers of Windows is what napari collects garbage for at each layer that
        # goes; here that is done once, after each test.
        if os.name != "nt":
            patch.setattr("napari._vispy.canvas.gc", SimpleNamespace(collect=lambda: 0))
        shared.spare(patch)
        patch.setattr(EventEmitter, "_check_signature", staticmethod(signature_checked_once()))
        yield shared
        shared.close()


@pytest.fixture(autouse=True)
def settings_file(tmp_path, monkeypatch):
    """Where a test's settings are kept: in a folder of its own."""
    from napari import settings

    settings._clear_plugin_settings_cache()
    monkeypatch.setattr(settings, "_CFG_PATH", str(tmp_path / "config" / "settings.yaml"))
    yield tmp_path / "config" / "napari-ecc-align.yaml"
    settings._clear_plugin_settings_cache()


@pytest.fixture(scope="session")
def known() -> KnownPair:
    truth = random_transform(11, "affine", SHAPE, size=4.0)
    return known_pair("camera", truth, shape=SHAPE, moving_shape=(150, 210))


@pytest.fixture
def emptied(shared_viewer, qtbot):
    """Let the viewer be as if it were new, before the test and after it."""
    from napari.settings import get_settings
    from napari.utils.notifications import notification_manager

    notification_manager.records.clear()
    yield
    get_settings().reset()
    shared_viewer.empty(qtbot)


@pytest.fixture
def viewer(request, shared_viewer, emptied):
    """An empty viewer, whose window is not on the screen.

    Its layers are drawn where a test shows the window, measures time or is marked so, and on one
    way through each form, the one that goes through both bindings.
    """
    marks = {mark.name for mark in request.node.iter_markers()}
    drawn = "window" in request.fixturenames or marks & {"alone", "both_bindings", "drawn"}
    return shared_viewer.open(drawn=bool(drawn))


@pytest.fixture
def start_over(shared_viewer, qtbot):
    """Close all forms and layers, as if napari were started again."""
    return lambda: shared_viewer.empty(qtbot)


@pytest.fixture
def window(viewer, qtbot):
    """The viewer's window, on the screen."""
    window = viewer.window._qt_window
    with qtbot.waitExposed(window, timeout=120_000):
        viewer.window.show()
    return window


@pytest.fixture
def pair(viewer, known):
    """The viewer, with the layers "first" and "second" in it."""
    viewer.add_image(known.reference.astype(np.uint8), name="first")
    viewer.add_image(known.moving.astype(np.uint8), name="second", colormap="green")
    return viewer


@pytest.fixture
def widget(pair) -> AlignWidget:
    """The form beside the pair."""
    _, widget = pair.window.add_plugin_dock_widget("napari-ecc-align", "Align images")
    return widget


@pytest.fixture
def finish(qtbot) -> Callable[[AlignWidget], None]:
    """Wait until a run has ended."""

    def wait(widget: AlignWidget) -> None:
        qtbot.waitUntil(lambda: not widget.running and not widget.after.busy, timeout=120_000)

    return wait


@pytest.fixture
def steps_taken(monkeypatch):
    """The steps that work in the background has taken: a list that grows."""
    taken, start = [], Background.start

    def counted(step):
        taken.append(step)
        return step

    def start_counted(self, steps, *arguments, **options):
        return start(self, lambda *given: retold(steps(*given), counted), *arguments, **options)

    monkeypatch.setattr(Background, "start", start_counted)
    return taken


class Held:
    """Steps of a run, which go no further than the first place found until they are let go."""

    def __init__(self):
        self._found, self._permits = threading.Event(), threading.Semaphore(0)

    def told(self, step):
        """Return a step, once it may be taken."""
        if self._found.is_set():
            assert self._permits.acquire(timeout=60)
        if getattr(step, "transform", None) is not None:
            self._found.set()
        return step

    def release(self, steps=10_000):
        """Let so many steps more be taken; by default as many as there are."""
        self._permits.release(steps)


@pytest.fixture
def held(monkeypatch):
    """Runs in the background go no further than the first place found until this lets them."""
    held, start = Held(), Background.start

    def start_held(self, steps, *arguments, **options):
        return start(self, lambda *given: retold(steps(*given), held.told), *arguments, **options)

    monkeypatch.setattr(Background, "start", start_held)
    monkeypatch.setattr("napari_ecc_align._gui.align.preview._INTERVAL", 0.0)
    yield held
    held.release()
