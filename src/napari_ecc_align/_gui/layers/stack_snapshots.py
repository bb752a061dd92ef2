"""Stack layers: what is taken of one before a run, and the aligned one after it.

A stack is an Image layer with an axis before its last two (and its colours): time, depth or
channels. A transform belongs to a number along that axis; further axes share it.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ..._align.progress import Progress
from ..._common.errors import InputError
from ..._images.warping import Interpolation
from ..._transform.transform import Transform
from .attributes import METADATA_KEY, plane_count
from .lazy_planes import plane_of
from .resampling import plane_levels, stacked, stacked_placement
from .snapshots import LayerSnapshot, snapshot
from .world import Grid, own_placement

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image
    from napari.types import LayerData


@dataclass(frozen=True, eq=False)
class StackSnapshot:
    """What a run needs of a stack, taken before it starts so that the layer may go.

    Attributes
    ----------
    shown : LayerSnapshot
        The plane on show.
    levels : tuple of array_like, shapes (..., h, w) or (..., h, w, 3 or 4)
        All of the data at every size that the layer has, full resolution first; perhaps lazy.
    leading : tuple of int
        Lengths of the axes before the plane's.
    axis : int
        Which of those is the one that frames follow each other along.
    placement : dict
        Keywords that put another stack like this one exactly where it is.
    frame_places : tuple of float
        Where the first frame lies in the world along that axis, and how far apart frames are.
    """

    shown: LayerSnapshot
    levels: tuple[Any, ...]
    leading: tuple[int, ...]
    axis: int
    placement: dict[str, Any]
    frame_places: tuple[float, float]

    def __len__(self) -> int:
        return self.leading[self.axis]

    def frame(self, number: int) -> Any:
        """Return one frame at full resolution; other leading axes stay at what is on show."""
        index = list(self.shown.index)
        index[self.axis] = number
        return plane_of(self.levels[0], tuple(index))


def is_stack(layer: Image) -> bool:
    """Return whether a layer has more than one plane."""
    return any(length > 1 for length in plane_count(layer))


def stack_snapshot(
    layer: Image, viewer: ViewerModel, *, axis: int | None = None, target: Grid | None = None
) -> StackSnapshot:
    """Take what a run needs of a stack.

    Parameters
    ----------
    layer : napari.layers.Image
        Of three or more axes.
    viewer : napari.components.ViewerModel
        Which planes are on show.
    axis : int, optional
        Which leading axis to follow; the first one that is longer than 1 when left out.
    target : Grid, optional
        Where the aligned stack is to lie; on the stack itself when left out.

    Raises
    ------
    InputError
        If the layer is no stack, or shows other axes than its last two.
    """
    leading = plane_count(layer)
    long = [number for number, length in enumerate(leading) if length > 1]
    if not long:
        raise InputError(f"{layer.name!r} is a single image, not a stack")
    chosen = long[0] if axis is None else axis
    if chosen not in long:
        raise InputError(f"axis must be one of {long} for {layer.name!r}, not {axis}")
    return StackSnapshot(
        shown=snapshot(layer, viewer),
        levels=tuple(layer.data) if layer.multiscale else (layer.data,),
        leading=leading,
        axis=chosen,
        placement=own_placement(layer) if target is None else stacked_placement(layer, target),
        frame_places=_frame_places(layer, chosen),
    )


def _frame_places(layer: Image, axis: int) -> tuple[float, float]:
    first = np.zeros(layer.ndim)
    second = first.copy()
    second[axis] = 1
    start = float(layer.data_to_world(first)[axis])
    return start, float(layer.data_to_world(second)[axis]) - start


def resample_steps(
    stack: StackSnapshot,
    transforms: Sequence[Transform],
    shape: tuple[int, int],
    *,
    interpolation: Interpolation = "linear",
    fill: float | Literal["background"] = "background",
) -> Generator[Progress, None, Any]:
    """Resample every plane of a stack, one step at a time.

    Parameters
    ----------
    stack : StackSnapshot
        The stack.
    transforms : sequence of Transform
        One per frame: reference pixels to those of the frame.
    shape : tuple of int
        (height, width) of the reference.
    interpolation, fill
        As in `warp`.

    Returns
    -------
    generator
        Yields a `Progress` before every plane and returns the data: an array, a lazy one if the
        stack is, or a list of those if it has several sizes.
    """
    many = len(stack.levels) > 1
    planes = []
    count = int(np.prod(stack.leading))
    for number, index in enumerate(product(*map(range, stack.leading))):
        yield Progress(number / count, f"resampling plane {number + 1} of {count}")
        sources = [
            plane_of(
                level,
                tuple(at * level.shape[n] // stack.leading[n] for n, at in enumerate(index)),
            )
            for level in stack.levels
        ]
        planes.append(
            plane_levels(
                sources,
                transforms[index[stack.axis]],
                shape,
                interpolation=interpolation,
                fill=fill,
                multiscale=many,
            )
        )
    levels = [
        stacked([plane[level] for plane in planes], stack.leading)
        for level in range(len(planes[0]))
    ]
    return levels if many else levels[0]


def stack_layer(stack: StackSnapshot, data: Any, provenance: dict[str, Any]) -> LayerData:
    """Return the aligned stack as a layer data tuple, looking as the stack does.

    Parameters
    ----------
    stack : StackSnapshot
        The stack; `target` of `stack_snapshot` has decided where the new one lies.
    data : array_like or list of array_like
        As `resample_steps` returns them.
    provenance : dict
        For the new layer's metadata.
    """
    options = {
        "name": f"{stack.shown.name} aligned",
        **stack.shown.display,
        **stack.placement,
        "multiscale": isinstance(data, list),
        "metadata": {METADATA_KEY: provenance},
    }
    return data, options, "image"
