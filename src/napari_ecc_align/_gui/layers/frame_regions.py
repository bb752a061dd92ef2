"""Regions of a stack: one for every frame, as a person has drawn them on some."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from napari.layers import Layer

from ..._common.errors import InputError
from .lazy_planes import plane_of
from .regions import Mask, Region, painted_pixels, painted_region, region_of
from .world import PixelGrid, grid_record


@dataclass(frozen=True, eq=False)
class FrameRegions:
    """Where the frames of a stack are compared, taken from a layer so that it may go.

    A frame on which nothing is marked takes the region of the nearest frame with one; of two as
    near, the earlier.

    Attributes
    ----------
    name : str
        What to call them.
    record : dict
        The same in plain values, for the provenance.
    drawn : dict of int to Region
        The regions by the number of their frame; one alone goes for all.
    """

    name: str
    record: dict[str, Any]
    drawn: dict[int, Region]

    def masks(self, grid: PixelGrid, count: int) -> Mask | FrameMasks:
        """Return the mask of `align_stack`: one for all frames, or one for each.

        Raises
        ------
        InputError
            If one that goes for all lies outside the image.
        """
        if len(self.drawn) == 1:
            return next(iter(self.drawn.values())).mask(grid)
        return FrameMasks(self.at, grid, count)

    def at(self, frame: int) -> Region:
        """Return the region of a frame."""
        return self.drawn[nearest(self.drawn, frame)]


@dataclass(frozen=True, eq=False)
class PaintedFrames:
    """As `FrameRegions`, of a stack that was painted: a plane is looked at when its turn comes."""

    name: str
    record: dict[str, Any]
    _paint: Callable[[int], Region]
    _length: int
    _empty: set[int] = field(default_factory=set)

    def masks(self, grid: PixelGrid, count: int) -> FrameMasks:
        """Return the masks of `align_stack`, one for each frame."""
        return FrameMasks(self.at, grid, count)

    def at(self, frame: int) -> Region:
        """Return the region of a frame.

        Raises
        ------
        InputError
            If nothing is painted on any frame.
        """
        for number in sorted(range(self._length), key=lambda other: (abs(other - frame), other)):
            if number in self._empty:
                continue
            try:
                return self._paint(number)
            except InputError:
                self._empty.add(number)
        raise InputError(f"{self.name} is empty: paint what is to be compared")


Regions = FrameRegions | PaintedFrames


class FrameMasks:
    """The masks of a stack's frames, each made when it is asked for."""

    ndim = 3

    def __init__(self, region: Callable[[int], Region], grid: PixelGrid, count: int) -> None:
        self._region = region
        self._grid = grid
        self._count = count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, frame: int) -> Mask:
        return self._region(frame).mask(self._grid)


def nearest(frames: Sequence[int] | dict[int, Any], to: int) -> int:
    """Return the nearest of some frames, of two as near the earlier."""
    return min(sorted(frames), key=lambda other: abs(other - to))


def regions_of_frames(layer: Layer, index: Sequence[int], axis: int) -> Regions:
    """Return the regions that a layer marks on the frames of a stack.

    Parameters
    ----------
    layer : napari.layers.Shapes, Labels or Image
        Of two axes: the region goes for all frames. Of more: what is marked on a frame goes for
        that frame.
    index : sequence of int
        Which plane of the stack is on show, one number per leading axis.
    axis : int
        Which of these the frames follow each other along.

    Raises
    ------
    InputError
        If the layer marks nothing.
    """
    leading = layer.ndim - 2
    # Axes are alike from the last one on.
    at = leading - (len(index) - axis)
    if at < 0:
        return constant(region_at(layer, index))
    here = list(_fitted(index, leading))
    if type(layer).__name__ in ("Labels", "Image"):
        return _painted_frames(layer, here, at)
    drawn = {}
    for frame in sorted({int(np.rint(shape[0, at])) for shape in layer.data}):
        here[at] = frame
        try:
            drawn[frame] = region_of(layer, here)
        except InputError:
            # Lines and points mark no area.
            continue
    if not drawn:
        # Says what to draw.
        return constant(region_of(layer, here))
    record = {
        "kind": "shapes",
        "name": layer.name,
        "frames": {str(frame): region.record for frame, region in drawn.items()},
    }
    return FrameRegions(repr(layer.name), record, drawn)


def _painted_frames(layer: Layer, here: list[int], at: int) -> PaintedFrames:
    # Taken now: the thread that looks at the planes must not touch the layer.
    pixels, grid = painted_pixels(layer)
    name = layer.name

    def of(frame: int) -> Region:
        index = (*here[:at], frame, *here[at + 1 :])
        return painted_region(name, np.asarray(plane_of(pixels, index)), grid, index)

    record = {"kind": "pixels", "name": name, "grid": grid_record(grid)}
    return PaintedFrames(repr(name), record, of, int(pixels.shape[at]))


def region_at(layer: Layer, index: Sequence[int]) -> Region:
    """Return the region that a layer marks on one plane of an image.

    Parameters
    ----------
    layer : napari.layers.Shapes, Labels or Image
        With as many leading axes as the image, or fewer or more.
    index : sequence of int
        Which plane of the image, one number per leading axis.
    """
    leading = layer.ndim - 2
    if not leading or (not index and type(layer).__name__ == "Shapes"):
        return region_of(layer, ())
    return region_of(layer, _fitted(index, leading))


def constant(region: Region) -> FrameRegions:
    """Return one region as that of every frame."""
    return FrameRegions(region.name, region.record, {0: region})


def _fitted(index: Sequence[int], leading: int) -> tuple[int, ...]:
    """Return which plane of a layer with so many leading axes goes with a plane of a stack."""
    missing = max(0, leading - len(index))
    return (0,) * missing + tuple(index)[len(index) + missing - leading :]
