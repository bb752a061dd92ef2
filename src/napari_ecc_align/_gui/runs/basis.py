"""What a result depends on: it is that of what is chosen as long as nothing of it changes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Any
from zlib import crc32

import numpy as np
from napari.components import ViewerModel
from napari.layers import Layer, Points, Shapes

from ..._common.errors import InputError
from ..layers.attributes import axes_of, levels_of
from ..layers.snapshots import shown_index
from ..layers.world import data_matrix

Basis = Mapping[str, object]
"""What it was, by what it is in words."""

PAIR = "the pair"
MODEL = "the motion model"
MOVING_PLACE = "the place of moving"
REFERENCE_PLANE, MOVING_PLANE = "the frame on show of the reference", "the frame on show"
OTHER_AXES = "the place along other axes"
OF_VOLUMES = "the volume on show of the reference", "the volume on show"
# Of more bytes a part is looked at: often enough to be asked at every event of a layer.
_LOOKED_AT = 2**23


def pair_basis(reference: Layer, moving: Layer, viewer: ViewerModel) -> Basis:
    """Return what two layers are, how they lie, and which of their planes are on show."""
    axes = axes_of(moving, viewer)
    return {
        PAIR: (reference.unique_id, moving.unique_id),
        "the pixels of the reference": pixels_of(reference),
        "the place of the reference": place_of(reference),
        REFERENCE_PLANE: plane_of_view(reference, viewer),
        "the pixels of moving": pixels_of(moving),
        MOVING_PLACE: place_of(moving),
        MOVING_PLANE: plane_of_view(moving, viewer),
        OTHER_AXES: plane_of_view(moving, viewer, without=(axes.along, axes.channels)),
        OF_VOLUMES[0]: plane_of_view(reference, viewer, without=(reference.ndim - 3,)),
        OF_VOLUMES[1]: plane_of_view(moving, viewer, without=(moving.ndim - 3,)),
    }


def pixels_of(layer: Layer) -> object:
    """Return something that tells an image's pixels, or labels, from others."""
    finest = levels_of(layer)[0]
    return tuple(finest.shape), str(finest.dtype), _mark(finest)


def place_of(layer: Layer) -> object:
    """Return something that tells where a layer lies from other places."""
    return data_matrix(layer).tobytes(), tuple(str(unit) for unit in layer.units)


def plane_of_view(
    layer: Layer, viewer: ViewerModel, without: Collection[int | None] = ()
) -> object:
    """Return which plane of a layer is on show, but for axes that do not count."""
    with suppress(InputError):
        index = shown_index(layer, viewer)
        return tuple(number for axis, number in enumerate(index) if axis not in without)
    return None


def marked_by(layer: Layer) -> object:
    """Return something that tells what shapes, labels or points mark from anything else."""
    if isinstance(layer, Shapes):
        marks: object = tuple(map(str, layer.shape_type)), tuple(map(_mark, layer.data))
    elif isinstance(layer, Points):
        marks = _mark(np.asarray(layer.data))
    else:
        marks = pixels_of(layer)
    return layer.unique_id, marks, place_of(layer)


def changes(then: Basis, now: Basis) -> list[str]:
    """Return what is another now, in words; of another pair nothing else."""
    if PAIR in then and then[PAIR] != now.get(PAIR):
        return [PAIR]
    return [words for words, was in then.items() if now.get(words) != was]


def _mark(data: Any) -> object:
    if not isinstance(data, np.ndarray):
        # Lazy: to look at it may take minutes.
        return id(data)
    step = max(1, -(-data.nbytes // _LOOKED_AT))
    seen = crc32(data[::step].tobytes())
    return seen if step == 1 else (seen, id(data))
