"""One viewer for all tests of a process: to make and end one takes longer than most tests.

It is emptied after each test, and what a test has left behind is an error of that test.
"""

from __future__ import annotations

import gc
import threading
from functools import wraps
from inspect import isfunction, ismethod
from operator import attrgetter

import napari
from napari._qt.layer_controls.qt_layer_controls_container import QtLayerControlsContainer
from napari._qt.qt_viewer import QtViewer
from napari._qt.widgets.qt_viewer_buttons import QtViewerPushButton
from napari._vispy.canvas import VispyCanvas
from napari.utils.events import EmitterGroup, EventEmitter
from qtpy.compat import isalive
from qtpy.QtCore import QEvent, QThreadPool, QTimer
from qtpy.QtWidgets import QApplication
from superqt.utils import WorkerBase

_PARTS = ("scene.camera", "cursor", "dims", "tooltip", "canvas.grid")
_TEXTS = ("help", "status", "theme", "title")
_CALLBACKS = tuple(f"mouse_{name}_callbacks" for name in ("move", "drag", "wheel", "double_click"))
# What shows layers on the canvas and beside it takes napari half of the time that a layer takes.
_SHOWING = (
    (QtViewer, "_add_layer"),
    (VispyCanvas, "_remove_layer"),
    (VispyCanvas, "_update_scenegraph"),
    (VispyCanvas, "on_draw"),
    (QtLayerControlsContainer, "_add"),
    (QtLayerControlsContainer, "_remove"),
    (QtLayerControlsContainer, "_populate"),
    (QtViewerPushButton, "_refresh_qss"),
)

# So often it is looked whether a closed window is gone.
_LAST_EVENTS = 50


class SharedViewer:
    """A viewer that is made anew only after a test has closed it."""

    def __init__(self):
        self._viewer = None
        self._drawn = True

    def spare(self, patch):
        """Let napari draw layers and make controls for them only in tests that want them drawn."""
        for owner, name in _SHOWING:
            patch.setattr(owner, name, self._if_drawn(getattr(owner, name)))

    def _if_drawn(self, method):
        @wraps(method)
        def called(*arguments, **options):
            return method(*arguments, **options) if self._drawn else None

        return called

    def open(self, drawn):
        """Return the viewer, with nothing in it.

        Parameters
        ----------
        drawn : bool
            Whether the layers that come into it are drawn, and have controls.
        """
        self._drawn = drawn
        viewer = self._viewer or self._made()
        window, sheet = viewer.window._qt_window, self._sheet if drawn else ""
        # Every form in the window is styled anew, which takes as long as to make it.
        if window.styleSheet() != sheet:
            for part in (window, window._qt_viewer):
                part.setStyleSheet(sheet)
        return viewer

    def _made(self):
        self._viewer = napari.Viewer(show=False, show_welcome_screen=False)
        window = self._viewer.window._qt_window
        # It looks at each event of the application, for a menu bar that no test hides.
        QApplication.instance().removeEventFilter(window)
        self._start = _state(self._viewer)
        self._size = window.size()
        self._sheet = window.styleSheet()
        # What stays need not be looked at whenever garbage is collected.
        gc.collect()
        gc.freeze()
        return self._viewer

    def empty(self, qtbot):
        """Take out what is in the viewer, as it was when it was new.

        Raises
        ------
        AssertionError
            If something is left that is not the viewer's own.
        """
        viewer = self._viewer
        if not hasattr(viewer.window, "_qt_window"):
            self._viewer = None
            wait_for_work(qtbot)
            gc.unfreeze()
            # What a thread was doing for it lets it go when its last events have come.
            for _ in range(_LAST_EVENTS):
                gc.collect()
                if not QtViewer._instances:
                    return
                qtbot.wait(20)
            QtViewer._instances.clear()
            raise AssertionError("the window of a viewer that was closed is still there")
        viewer.window._qt_window.hide()
        viewer.window._qt_window.resize(self._size)
        _close_forms(viewer.window)
        wait_for_work(qtbot)
        viewer.layers.clear()
        # What is told of the mouse and the window comes late.
        QApplication.processEvents()
        for name in _PARTS:
            attrgetter(name)(viewer).update(self._start[name])
        for name in _TEXTS:
            setattr(viewer, name, self._start[name])
        gc.collect()
        changed = {k: value for k, value in _state(viewer).items() if value != self._start[k]}
        assert not changed, f"the test has changed the viewer: {changed}"
        shown = [window for window in QApplication.topLevelWidgets() if window.isVisible()]
        assert not shown, f"the test has left windows open: {shown}"
        timers = _active_timers()
        assert not timers, f"the test has left timers running: {timers}"
        # What the test has imported stays, too.
        gc.freeze()

    def close(self):
        """End the viewer, if there is one."""
        if self._viewer is not None:
            self._viewer.close()


def signature_checked_once():
    """Return napari's check of a callback that looks once at all that are of the same code.

    Each layer connects hundreds of them, the same for all layers, and disconnects them again.
    """
    check, known = EventEmitter._check_signature, {}

    def checked(callback):
        code = _code_of(callback)
        if code is None:
            return check(callback)
        if code not in known:
            known[code] = check(callback)
        return known[code]

    return checked


def _code_of(callback):
    """Return what alone decides how a callback is called, or None for what is rare."""
    if ismethod(callback):
        return callback.__func__
    if isinstance(callback, EmitterGroup):
        return type(callback)
    # What another function is wrapped in is told by that one.
    return callback.__code__ if isfunction(callback) and not vars(callback) else None


def threads_at_work():
    """Return the threads that would keep Python from ending."""
    return {
        thread
        for thread in threading.enumerate()
        # Pools of dask and napari wait for the next piece of work.
        if not thread.daemon and "ThreadPoolExecutor" not in thread.name
        if not isinstance(thread, threading._DummyThread)
    }


def wait_for_work(qtbot):
    """Wait until no worker is left in the background."""
    pool = QThreadPool.globalInstance()
    qtbot.waitUntil(
        lambda: not pool.activeThreadCount() and not WorkerBase._worker_set, timeout=120_000
    )


def _close_forms(window):
    for dock in list(window._wrapped_dock_widgets.values()):
        form = dock.widget()
        window.remove_dock_widget(dock)
        form.deleteLater()
    # Not before the event loop that they are deleted in, as it is with napari's own.
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def _state(viewer):
    """Return all that a test can have changed, in a form that can be compared."""
    return {
        **{name: attrgetter(name)(viewer).model_dump() for name in _PARTS},
        **{name: getattr(viewer, name) for name in _TEXTS},
        **{name: list(getattr(viewer, name)) for name in _CALLBACKS},
        "keymap": dict(viewer.keymap),
        "docked": list(viewer.window.dock_widgets),
        "threads": threads_at_work(),
    }


def _active_timers():
    """Return those that were made since the viewer was and have not stopped."""
    timers = [each for each in gc.get_objects() if issubclass(type(each), QTimer)]
    return [each for each in timers if isalive(each) and each.isActive()]
