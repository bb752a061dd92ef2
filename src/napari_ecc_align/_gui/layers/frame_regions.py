"""Regions of a stack: one for every frame, as a person has drawn them on some."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from napari.layers import Layer

from ..._common.errors import InputError
from .lazy_planes import plane_of
from .regions import Mask, Region, fitted, painted_pixels, painted_region, region_of
from .world import PixelGrid, grid_record


@dataclass(frozen=True, eq=False)
class Regions:
    """Where the frames of a stack are compared, taken from a layer so that it may go.

    A frame on which nothing is marked takes the region of the nearest frame with one; of two as
    near, the earlier.

    Attributes
    ----------
    name : str
        What to call them.
    record : dict
        The same in plain values, for the provenance.
    frames : sequence of int
        The frames on which something may be marked; one alone goes for all.
    """

    name: str
    record: dict[str, Any]
    frames: Sequence[int]
    _region: Callable[[int], Region]
    _empty: set[int] = field(default_factory=set)

    def masks(self, grid: PixelGrid, count: int) -> Mask | FrameMasks:
        """Return the mask of `align_stack`: one for all frames, or one for each.

        Raises
        ------
        InputError
            If one that goes for all lies outside the image.
        """
        if len(self.frames) == 1:
            return self.at(0).mask(grid)
        return FrameMasks(self, grid, count)

    def at(self, frame: int) -> Region:
        """Return the region of a frame.

        Raises
        ------
        InputError
            If nothing is marked on any frame.
        """
        for number in sorted(self.frames, key=lambda other: (abs(other - frame), other)):
            if number in self._empty:
                continue
            try:
                return self._region(number)
            except InputError:
                self._empty.add(number)
        raise InputError(f"{self.name} is empty: paint what is to be compared")


@dataclass(frozen=True, eq=False)
class FrameMasks:
    """The masks of a stack's frames, each made when it is asked for."""

    regions: Regions
    grid: PixelGrid
    count: int
    ndim: ClassVar = 3

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, frame: int) -> Mask:
        return self.regions.at(frame).mask(self.grid)


def regions_of_frames(layer: Layer, index: Sequence[int], axis: int | None) -> Regions:
    """Return the regions that a layer marks on the frames of a stack.

    Parameters
    ----------
    layer : napari.layers.Shapes, Labels or Image
        Of two axes: the region goes for all frames. Of more: what is marked on a frame goes for
        that frame.
    index : sequence of int
        Which plane of the stack is on show, one number per leading axis.
    axis : int or None
        Which of these the frames follow each other along; None if what is marked on the plane on
        show goes for all.

    Raises
    ------
    InputError
        If the layer marks nothing.
    """
    # Axes are alike from the last one on.
    at = -1 if axis is None else layer.ndim - 2 - (len(index) - axis)
    if at < 0:
        return constant(region_of(layer, index))
    here = fitted(index, layer.ndim - 2)

    def plane(frame: int) -> tuple[int, ...]:
        return (*here[:at], frame, *here[at + 1 :])

    if type(layer).__name__ in ("Labels", "Image"):
        return _painted_frames(layer, plane, at)
    drawn = {}
    for frame in sorted({int(np.rint(shape[0, at])) for shape in layer.data}):
        # Lines and points mark no area.
        with suppress(InputError):
            drawn[frame] = region_of(layer, plane(frame))
    if not drawn:
        # Says what to draw.
        return constant(region_of(layer, here))
    frames = {str(frame): region.record for frame, region in drawn.items()}
    record = {"kind": "shapes", "name": layer.name, "frames": frames}
    return Regions(repr(layer.name), record, [*drawn], drawn.__getitem__)


def _painted_frames(layer: Layer, plane: Callable[[int], tuple[int, ...]], at: int) -> Regions:
    # Taken now: the thread that looks at the planes must not touch the layer.
    pixels, grid = painted_pixels(layer)
    name = layer.name

    def painted(frame: int) -> Region:
        index = plane(frame)
        return painted_region(name, np.asarray(plane_of(pixels, index)), grid, index)

    record = {"kind": "pixels", "name": name, "grid": grid_record(grid)}
    return Regions(repr(name), record, range(int(pixels.shape[at])), painted)


def constant(region: Region) -> Regions:
    """Return one region as that of every frame."""
    return Regions(region.name, region.record, [0], lambda _: region)
