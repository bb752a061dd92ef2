"""What will happen when Align is pressed, in a few words, before it is."""

from __future__ import annotations

import numpy as np
from napari.layers import Image

from ..layers.aligned_layers import Output
from ..layers.attributes import METADATA_KEY
from ..layers.world import (
    PixelGrid,
    layer_grid,
    start_between,
    unit_factors,
    unit_of,
    units_note,
)
from ..runs.frame_choice import FrameChoice
from .stack_form import StackForm

_LARGE = 2**27
_SAME_SIZE = 1e-3


def describe_pair(
    reference: Image,
    moving: Image,
    stack: StackForm,
    output: Output,
) -> list[str | None]:
    """Return what is worth knowing of two layers before they are aligned, a sentence each.

    Nothing is said, that is None, of what a person would expect anyway.
    """
    frames = [stack.described(reference, moving), _unmoved(stack.choice, output)]
    if reference.unique_id == moving.unique_id:
        return frames
    axes = 3 if stack.in_three_axes else 2
    fixed, other = layer_grid(reference, axes), layer_grid(moving, axes)
    # What a run has put in place has no size of its own any more.
    own = METADATA_KEY not in moving.metadata
    sizes = _sizes(fixed, other) if own else None
    notes = [_colour(reference, moving), sizes, units_note(fixed, other)]
    if notes[1] is None and start_between(fixed, other) is not None:
        notes.append("Starts from where the layers lie.")
    return [*frames, *notes, None if stack.in_three_axes else _large(fixed, other)]


def _unmoved(choice: FrameChoice | None, output: Output) -> str | None:
    if choice is None or choice.mode != "every frame" or output == "resample":
        return None
    what = "Volumes" if choice.volumes else "Frames"
    return f"{what} cannot be moved one by one: they are resampled."


def _colour(reference: Image, moving: Image) -> str | None:
    coloured = [layer.rgb for layer in (reference, moving)]
    if all(coloured):
        return "Colour: both are compared by what their channels show together."
    if any(coloured):
        which = "reference" if reference.rgb else "moving image"
        return f"Colour: the {which} is compared by its brightness."
    return None


def _sizes(reference: PixelGrid, moving: PixelGrid) -> str | None:
    sizes = [grid.sizes for grid in (reference, moving)]
    sizes[1] = sizes[1] * unit_factors(moving.units, reference.units)
    if np.allclose(sizes[0], sizes[1], rtol=_SAME_SIZE):
        return None
    unit = unit_of(reference)
    named = "" if unit is None else f" {unit}"
    first, second = (_as_text(size) for size in sizes)
    one = "voxel" if reference.axes == 3 else "pixel"
    return f"Different {one} sizes ({first} and {second}{named}): taken from the layers' scale."


def _as_text(size: np.ndarray) -> str:
    if np.allclose(size, size[0], rtol=_SAME_SIZE):
        return f"{size[0]:.4g}"
    return " x ".join(f"{length:.4g}" for length in size)


def _large(reference: PixelGrid, moving: PixelGrid) -> str | None:
    if max(int(np.prod(grid.shape)) for grid in (reference, moving)) <= _LARGE:
        return None
    height, width = max(reference.shape, moving.shape)
    return f"Large ({width:,} x {height:,}): only the parts that are needed are read."
