"""A viewer with a sample pair in it, the widget docked and the alignment under way."""

from __future__ import annotations

import napari

from .align.widget import AlignWidget
from .shared.docks import open_dock

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
    viewer = napari.Viewer(title="ECC Align")
    viewer.open_sample(_PLUGIN, name)
    widget: AlignWidget = open_dock(viewer, "Align images")
    # The dock has taken room from the canvas.
    viewer.reset_view()
    # Whatever was chosen last, elsewhere.
    widget.model.value = "affine"
    widget.run()
    return viewer, widget
