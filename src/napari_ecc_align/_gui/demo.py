"""A viewer with a sample pair in it, the widget docked and the alignment under way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .align_widget import AlignWidget

if TYPE_CHECKING:
    import napari

_PLUGIN = "napari-ecc-align"


def open_demo(name: str) -> tuple[napari.Viewer, AlignWidget]:
    """Open napari on a sample pair and press Align.

    Parameters
    ----------
    name : str
        A sample's key, as under File > Open Sample.

    Returns
    -------
    viewer : napari.Viewer
    widget : AlignWidget
        Already running.
    """
    import napari

    viewer = napari.Viewer(title="ECC Align")
    viewer.open_sample(_PLUGIN, name)
    _, widget = viewer.window.add_plugin_dock_widget(_PLUGIN, "Align images")
    # The dock has taken room from the canvas.
    viewer.reset_view()
    # Whatever was chosen last, elsewhere.
    widget.model.value = "affine"
    widget.run()
    return viewer, widget
