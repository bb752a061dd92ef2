"""The viewer that tests share is empty for each, and what one leaves behind is its own error."""

import numpy as np
import pytest
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QDialog, QLabel


@pytest.mark.drawn
def test_what_a_test_changes_is_undone(viewer, start_over):
    camera = viewer.scene.camera.model_dump()
    viewer.add_image(np.zeros((3, 4, 5)))
    viewer.dims.set_point(0, 2)
    viewer.scene.camera.zoom *= 3
    viewer.title = viewer.status = "changed"
    viewer.canvas.grid.enabled = True
    viewer.window.add_dock_widget(QLabel("docked"))
    start_over()
    assert not viewer.layers
    assert not viewer.window.dock_widgets
    assert viewer.dims.ndim == 2
    assert viewer.scene.camera.model_dump() == camera
    assert viewer.title == "napari"
    assert not viewer.canvas.grid.enabled


def bind_a_key(viewer):
    viewer.bind_key("Alt-Q", lambda _: None)
    return lambda: viewer.bind_key("Alt-Q", None)


def watch_the_mouse(viewer):
    viewer.mouse_move_callbacks.append(print)
    return lambda: viewer.mouse_move_callbacks.remove(print)


def open_a_window(_):
    dialog = QDialog()
    dialog.show()
    return dialog.close


def start_a_timer(_):
    timer = QTimer()
    timer.start(10_000)
    return timer.stop


@pytest.mark.parametrize("leave", [bind_a_key, watch_the_mouse, open_a_window, start_a_timer])
def test_what_is_left_behind_is_an_error(viewer, start_over, leave):
    undo = leave(viewer)
    with pytest.raises(AssertionError):
        start_over()
    undo()
