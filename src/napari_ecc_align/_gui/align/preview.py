"""The moving image, or each frame, snapping into place while the search runs."""

from __future__ import annotations

import time
import warnings
from contextlib import suppress

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image
from numpy.typing import NDArray

from ..._align.progress import FrameProgress, Progress
from ..._align.volume.transform import VolumeTransform
from ..._common.errors import InputError
from ..._transform.transform import Transform
from ..._transform.volume_field import VolumeField
from ..layers.apply_transform import Application, moved_affine
from ..layers.snapshots import LayerSnapshot, shown_index
from ..runs.task import Task

_INTERVAL = 0.1


class Preview:
    """Moves the layer itself, by its affine alone, and puts it back.

    A layer of its own would have to be added and removed, which takes napari several times as long
    as all of the search.

    Parameters
    ----------
    layer : napari.layers.Image
        The moving layer.
    reference, moving : LayerSnapshot
        The pair that is being aligned.
    """

    def __init__(self, layer: Image, reference: LayerSnapshot, moving: LayerSnapshot) -> None:
        self._layer = layer
        self._reference = reference
        self._moving = moving
        self._before: NDArray[np.float64] = np.array(layer.affine.affine_matrix)
        self._shown: NDArray[np.float64] | None = None
        self._last = -np.inf

    def tell(self, step: Progress) -> None:
        """Show how far a search has come, a few times a second at most."""
        # Of volumes, a step has it under a name of its own.
        found = getattr(step, "found", step.transform)
        if found is not None and time.monotonic() - self._last >= _INTERVAL:
            self.show(found)

    def show(self, transform: Transform | VolumeTransform) -> None:
        """Put the moving layer where a transform says."""
        if self._is_touched():
            return
        self._last = time.monotonic()
        grid = self._reference.grid
        if isinstance(transform, Transform):
            height, width = grid.shape
            transform = _as_affine(transform, (height, width))
        application = Application(transform, grid, self._moving.grid)
        with warnings.catch_warnings():
            # Of a volume that is turned: napari draws its slices as if it were not.
            warnings.filterwarnings("ignore", "Non-orthogonal slicing")
            # From where it lay at first: where it is now is the preview's own doing.
            self._layer.affine = moved_affine(self._layer, application, before=self._before)
        self._shown = np.array(self._layer.affine.affine_matrix)

    def remove(self) -> None:
        """Put the layer back, unless a person has moved it meanwhile."""
        if self._shown is not None and not self._is_touched():
            self._layer.affine = self._before
        self._shown = None

    def _is_touched(self) -> bool:
        expected = self._before if self._shown is None else self._shown
        return not np.array_equal(self._layer.affine.affine_matrix, expected)


class FramePreview:
    """Shows each frame that is looked at where it has been found to lie, while others are aligned.

    Parameters
    ----------
    layer : napari.layers.Image
        The stack.
    task : Task
        What is being done with it, frame by frame.
    viewer : napari.components.ViewerModel
        Whose sliders tell which frame is looked at.
    """

    def __init__(self, layer: Image, task: Task, viewer: ViewerModel) -> None:
        self._layer, self._viewer = layer, viewer
        self._frames = task.frames
        self._one = Preview(layer, task.reference, task.moving)
        self._found: dict[int, Transform | VolumeTransform] = {}
        viewer.dims.events.point.connect(self._look)

    def tell(self, step: Progress) -> None:
        """Take note of a frame that is done, and show it if it is looked at."""
        if not isinstance(step, FrameProgress) or step.result is None or not step.result.found:
            return
        # Of a volume it is that of its result.
        found = step.transform or getattr(step.result, "transform", None)
        # A layer cannot be bent: of a field it shows the motion after it.
        if isinstance(found, VolumeField):
            found = VolumeTransform(found.matrix)
        assert isinstance(found, Transform | VolumeTransform)
        frame = round(step.fraction * len(self._frames)) - 1
        self._found[frame] = found
        if frame == self._looked_at():
            self._look()

    def remove(self) -> None:
        """Put the layer back, unless a person has moved it meanwhile."""
        self._viewer.dims.events.point.disconnect(self._look)
        self._one.remove()

    def _look(self, _: object = None) -> None:
        found = self._found.get(self._looked_at())
        if found is None:
            self._one.remove()
        else:
            self._one.show(found)

    def _looked_at(self) -> int:
        # A viewer that is being closed has fewer axes than its layers.
        if self._viewer.dims.ndim >= self._layer.ndim:
            with suppress(InputError):
                return shown_index(self._layer, self._viewer)[self._frames.axis]
        return -1


def preview_of(layer: Image, task: Task, viewer: ViewerModel) -> Preview | FramePreview | None:
    """Return what shows how far a task has come, where the layer's own affine can."""
    if task.frame_by_frame:
        return FramePreview(layer, task, viewer)
    if task.choice is None:
        return Preview(layer, task.reference, task.moving)
    return None


def _as_affine(transform: Transform, shape: tuple[int, int]) -> Transform:
    """Return a transform that a layer's affine can express.

    For a homography it is the affine one that agrees with it at the middle of the reference, in
    place and in direction.
    """
    if transform.model != "homography":
        return transform
    middle = np.array([(shape[1] - 1) / 2, (shape[0] - 1) / 2])
    place = transform.to_moving(middle)
    matrix = transform.matrix
    weight = matrix[2, :2] @ middle + 1
    affine = np.eye(3)
    affine[:2, :2] = (matrix[:2, :2] - np.outer(place, matrix[2, :2])) / weight
    affine[:2, 2] = place - affine[:2, :2] @ middle
    return Transform(affine, model="affine")
