"""What was drawn of two images, as a layer."""

from __future__ import annotations

from typing import Any

from ..layers.aligned_layers import LayerTuple
from ..layers.attributes import METADATA_KEY
from ..layers.comparison_layers import (
    binary_difference_layer,
    difference_colours,
    difference_layer,
)
from ..runs.finished_run import FinishedRun


def picture_layer(run: FinishedRun, role: str, data: Any, compared_to: Any = None) -> LayerTuple:
    """Return a picture as a layer data tuple that lies on what was aligned.

    Parameters
    ----------
    run : FinishedRun
        What it shows.
    role : str
        Of the views "difference", "binary difference", "overlay" and "checkerboard".
    data : array_like or list of array_like
        What was drawn.
    compared_to : array_like, optional
        Whose contrast a difference has; the reference when left out.
    """
    # Marked as ours, so that no form offers it as an image to align.
    options = {"metadata": {METADATA_KEY: {"view": role}}, **run.task.frames.placement}
    if role == "difference":
        reference = run.task.reference.data if compared_to is None else compared_to
        signed = run.task.parameters.signed
        return difference_layer(data, reference, options, signed=signed)
    if role == "binary difference":
        return binary_difference_layer(data, options)
    look: dict[str, Any] = {"rgb": True}
    if role == "checkerboard":
        look = {"colormap": difference_colours(role), "contrast_limits": [0.0, 1.0]}
    return data, {"name": role, **look, **options}, "image"
