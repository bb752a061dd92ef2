"""One transform for each frame of a stack, to be applied to layers with as many frames."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Layer
from numpy.typing import NDArray

from ..._align.volume.film_result import save_volume_transforms
from ..._align.volume.transform import VolumeTransform
from ..._common.errors import InputError
from ..._transform.bent_map import BentMap, stored_parts
from ..._transform.field import Field
from ..._transform.files import save_fields, save_transforms
from ..._transform.formats.field_files import packed
from ..._transform.transform import Transform
from ..._transform.volume_field import VolumeField
from .attributes import axes_of, plane_count
from .shapes import Change
from .world import AnyTransform


@dataclass(frozen=True, eq=False)
class FrameTransforms:
    """One transform for each frame of a stack.

    Attributes
    ----------
    transforms : tuple of Transform, Field, VolumeTransform or VolumeField
        Reference pixels to those of each frame.
    axis : int, optional
        Which axis of a layer the frames follow each other along, counted from the last; the last
        two are those of the plane, or the last three those of the volume. Of a layer where that
        does not fit, and when left out, the one
        that its labels or lengths tell.
    places : tuple of float, optional
        Where the first frame lies in the world along that axis, and how far apart frames are;
        taken from the layers themselves when left out.
    """

    transforms: tuple[AnyTransform, ...]
    axis: int | None = None
    places: tuple[float, float] | None = None

    @property
    def record(self) -> dict[str, Any]:
        """What tells them in the metadata of a layer, as values that JSON can hold."""
        return frames_record(self.transforms)

    def save(self, path: Path) -> None:
        """Write them all; the dialog has asked whether to replace a file.

        Raises
        ------
        InputError
            If the file cannot be written.
        """
        bent = [each for each in self.transforms if isinstance(each, Field | VolumeField)]
        plain = [each for each in self.transforms if isinstance(each, Transform)]
        volumes = [each for each in self.transforms if isinstance(each, VolumeTransform)]
        if bent:
            save_fields(bent, path, overwrite=True)
        elif volumes:
            save_volume_transforms(volumes, path, overwrite=True)
        else:
            save_transforms(plain, path, overwrite=True)

    def __len__(self) -> int:
        return len(self.transforms)

    @property
    def plane_axes(self) -> int:
        """How many axes a plane has that a transform is of: two, or three of volumes."""
        return len(self.transforms[0].matrix) - 1

    def of_plane(self, layer: Layer, index: tuple[int, ...]) -> AnyTransform:
        """Return the transform of one plane, or volume, of a layer with pixels."""
        number: int = index[self._axis_of(layer, plane_count(layer))]
        return self.transforms[number]

    def _axis_of(self, layer: Layer, leading: tuple[int, ...] | None) -> int:
        """Return the axis of a layer's frames; below 0 if it has none."""
        named: int = layer.ndim + (-1 - self.plane_axes if self.axis is None else self.axis)
        if leading is None:
            return named
        fits = 0 <= named < len(leading) and leading[named] == len(self)
        if self.axis is not None and fits:
            return named
        along = axes_of(layer).along
        return named if along is None or leading[along] != len(self) else along

    def check(self, layer: Layer, leading: tuple[int, ...] | None = None) -> None:
        """Raise `InputError` if a layer has no such frames.

        Parameters
        ----------
        layer : napari.layers.Layer
            The layer.
        leading : tuple of int, optional
            Lengths of the axes before the plane's, of a layer with pixels.
        """
        axis = self._axis_of(layer, leading)
        if axis < 0:
            raise InputError(
                f"{layer.name!r} has no frames, but there is one transform for each of "
                f"{len(self)}: choose a stack"
            )
        if leading is not None and leading[axis] != len(self):
            raise InputError(
                f"{layer.name!r} has {leading[axis]} frames, but there are "
                f"transforms for {len(self)}: choose a stack of the same length"
            )

    def change(self, layer: Layer, change_of: Callable[[AnyTransform], Change]) -> Change:
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
        axis = self._axis_of(layer, None)
        if self.places is None:
            along = points[..., axis]
        else:
            start, step = self.places
            flat = points.reshape(-1, points.shape[-1])
            world = np.array([layer.data_to_world(point)[axis] for point in flat])
            along = ((world - start) / step).reshape(points.shape[:-1])
        return np.clip(np.rint(along), 0, len(self) - 1).astype(np.int64)


def frames_record(transforms: Sequence[AnyTransform]) -> dict[str, Any]:
    """Return what tells the transforms of frames, as values that JSON can hold."""
    bent = [packed(stored_parts(each)) for each in transforms if isinstance(each, BentMap)]
    matrices = [each.matrix.tolist() for each in transforms]
    return {"frame_matrices": matrices, **({"frame_fields": bent} if bent else {})}
