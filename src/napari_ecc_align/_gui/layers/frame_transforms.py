"""One transform for each frame of a stack, to be applied to layers with as many frames."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.layers import Layer
from numpy.typing import NDArray

from ..._common.errors import InputError
from ..._transform.transform import Transform
from .shapes import Change


@dataclass(frozen=True, eq=False)
class FrameTransforms:
    """One transform for each frame of a stack.

    Attributes
    ----------
    transforms : tuple of Transform
        Reference pixels to those of each frame.
    axis : int, default: -3
        Which axis of a layer the frames follow each other along, counted from the last; the last
        two are those of the plane.
    places : tuple of float, optional
        Where the first frame lies in the world along that axis, and how far apart frames are;
        taken from the layers themselves when left out.
    """

    transforms: tuple[Transform, ...]
    axis: int = -3
    places: tuple[float, float] | None = None

    def __len__(self) -> int:
        return len(self.transforms)

    def of_plane(self, layer: Layer, index: tuple[int, ...]) -> Transform:
        """Return the transform of one plane of a layer with pixels."""
        number: int = index[layer.ndim + self.axis]
        return self.transforms[number]

    def check(self, layer: Layer, leading: tuple[int, ...] | None = None) -> None:
        """Raise `InputError` if a layer has no such frames.

        Parameters
        ----------
        layer : napari.layers.Layer
            The layer.
        leading : tuple of int, optional
            Lengths of the axes before the plane's, of a layer with pixels.
        """
        if layer.ndim < -self.axis:
            raise InputError(
                f"{layer.name!r} has no frames, but there is one transform for each of "
                f"{len(self)}: choose a stack"
            )
        if leading is not None and leading[layer.ndim + self.axis] != len(self):
            raise InputError(
                f"{layer.name!r} has {leading[layer.ndim + self.axis]} frames, but there are "
                f"transforms for {len(self)}: choose a stack of the same length"
            )

    def change(self, layer: Layer, change_of: Callable[[Transform], Change]) -> Change:
        """Return the function that moves points of a layer, each with its frame.

        Parameters
        ----------
        layer : napari.layers.Layer
            With coordinates rather than pixels.
        change_of : callable
            Returns the function for one transform.
        """
        made: dict[int, Change] = {}

        def moved(points: NDArray[Any]) -> NDArray[np.float64]:
            given = np.asarray(points, np.float64)
            numbers = self._numbers(layer, given)
            there = given.copy()
            for number in np.unique(numbers).tolist():
                if number not in made:
                    made[number] = change_of(self.transforms[number])
                here = numbers == number
                there[here] = made[number](given[here])
            return there

        return moved

    def _numbers(self, layer: Layer, points: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return which frame each point is on; beyond the ends, the first or the last one."""
        if self.places is None:
            along = points[..., self.axis]
        else:
            start, step = self.places
            flat = points.reshape(-1, points.shape[-1])
            world = np.array([layer.data_to_world(point)[self.axis] for point in flat])
            along = ((world - start) / step).reshape(points.shape[:-1])
        return np.clip(np.rint(along), 0, len(self) - 1).astype(np.int64)
