"""The plugin's forms in napari's window, each at most once, however it was opened."""

from __future__ import annotations

from typing import Any

import napari
from magicgui.widgets import Container
from npe2 import PluginManager
from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QWidget

from .rows import timer

_PLUGIN = "napari-ecc-align"


class EndsWithItsDock(QObject):
    """Lets Qt delete a form once its dock is closed, and with it all that it listens to.

    napari takes a form out of a dock that is closed and forgets it, but goes on telling it of
    layers.

    Parameters
    ----------
    form : Container
        What is docked.
    viewer : napari.viewer.Viewer
        Where.
    """

    def __init__(self, form: Container[Any], viewer: napari.viewer.Viewer) -> None:
        native: QWidget = form.native
        super().__init__(native)
        self._native = native
        # Not at once: a form may be on its way from one dock to another.
        self._soon = timer(native, self._delete)
        native.installEventFilter(self)
        layers = viewer.layers.events
        emitters = layers.inserted, layers.removed, layers.reordered, layers.renamed

        def forget(_: object = None) -> None:
            for emitter in emitters:
                emitter.disconnect(form.reset_choices)

        native.destroyed.connect(forget)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Look at where the form has gone."""
        if event is not None and event.type() == QEvent.Type.ParentChange:
            self._soon.start()
        return False

    def _delete(self) -> None:
        if self._native.parent() is None:
            self._native.deleteLater()


def docked(viewer: napari.viewer.Viewer, title: str) -> Any:
    """Return a form that is in the window already, or None.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Whose window.
    title : str
        What the manifest calls the form.
    """
    here = viewer.window.dock_widgets
    # napari's menus name it by the plugin's display name, its Python by the package.
    return here.get(_full_name(title), here.get(f"{title} ({_PLUGIN})"))


def open_dock(viewer: napari.viewer.Viewer, title: str, *, tabify: bool = False) -> Any:
    """Return a form, in front, and dock it first if need be.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Whose window.
    title : str
        What the manifest calls the form.
    tabify : bool, default: False
        Dock it behind the forms that are there.
    """
    widget = docked(viewer, title)
    if widget is None:
        manifest = PluginManager.instance().get_manifest(_PLUGIN)
        found = next(
            each for each in manifest.contributions.widgets or () if each.display_name == title
        )
        widget = found.get_callable()(viewer)
        # By the name that napari's own menus look for, so that they do not open another.
        viewer.window.add_dock_widget(widget, name=_full_name(title), tabify=tabify)
    dock = widget.native.parent()
    if dock is not None:
        dock.show()
        dock.raise_()
    return widget


def _full_name(title: str) -> str:
    return f"{title} ({PluginManager.instance().get_manifest(_PLUGIN).display_name})"
