"""Pictures of two large images, of which only what is looked at is read and drawn."""

from __future__ import annotations

from typing import Any

from ..._align.volume.large_views import LargeVolumes
from ..._compare.large_pair import LargePair
from ..._images.sources import is_multiscale
from ..layers.aligned_layers import LayerTuple
from ..layers.lazy_planes import lazily
from ..runs.finished_run import FinishedRun
from .picture_layer import picture_layer


def layer_where_looked_at(run: FinishedRun, role: str) -> LayerTuple:
    """Return a picture that is drawn where, and at the size in which, somebody looks.

    Parameters
    ----------
    run : FinishedRun
        Drawn where somebody looks.
    role : str
        Of the views "difference", "binary difference", "overlay" and "checkerboard".

    Raises
    ------
    InputError
        If too little of the images lies on each other, or they have no such threshold.
    """
    task = run.task
    source, given = task.reference.source, task.masks()
    levels = [lazily(level) for level in (source if is_multiscale(source) else [source])]
    aligned = run.data if isinstance(run.data, list) else [run.data]
    masks = given.get("reference_mask"), given.get("moving_mask")
    laid = (levels, aligned, run.transforms[0], task.moving.grid.shape)
    pair: LargePair = (
        LargeVolumes(*laid, task.spacings[0], masks) if task.is_volume else LargePair(*laid, masks)
    )
    drawn: list[Any]
    if role == "difference":
        drawn = pair.difference(signed=task.parameters.signed)
    elif role == "binary difference":
        # Of images too large to be counted the thresholds are told from some of their pixels.
        counted = None if run.inspection is None else run.inspection.after
        drawn = pair.binary_difference(task.parameters.thresholding, counted)
    else:
        drawn = pair.overlay() if role == "overlay" else pair.checkerboard()
    data: Any = drawn if len(drawn) > 1 else drawn[0]
    return picture_layer(run, role, data, pair.some_of_the_reference)
