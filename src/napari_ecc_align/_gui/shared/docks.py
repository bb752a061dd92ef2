"""The plugin's forms in napari's window, each at most once, however it was opened."""

from __future__ import annotations

from typing import Any

import napari
from npe2 import PluginManager

_PLUGIN = "napari-ecc-align"


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
