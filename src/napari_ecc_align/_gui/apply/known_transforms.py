"""The transforms that a viewer's layers know of, from the alignments that made them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Image, Labels, Layer

from ..._align.volume.film_result import load_film_of_either
from ..._align.volume.transform import load_of_either
from ..._common.errors import InputError
from ..._transform.formats.field_files import holds_a_field
from ..._transform.volume_field import load_field_of_either, unpacked_field
from ..layers.attributes import METADATA_KEY, is_result
from ..layers.frame_transforms import FrameTransforms
from ..layers.world import AnyTransform, PixelGrid, as_any_transform, grid_from, layer_grid


@dataclass(frozen=True, eq=False)
class KnownTransform:
    """A transform and, if it is known, between which pixels it is.

    Attributes
    ----------
    label : str
        What it is called in a list.
    transform : Transform, VolumeTransform, Field, VolumeField or FrameTransforms
        Reference pixel (x, y) to moving pixel, or voxel (x, y, z) to moving voxel; or one such for
        each frame of a stack.
    reference, moving : PixelGrid or None
        Where those pixels lay when it was found; None of a file, which does not say.
    pair : frozenset of str
        The ids and the names of the two images.
    record : mapping or None
        How it came about, by the layers that hold it; None of a file.
    """

    label: str
    transform: AnyTransform | FrameTransforms
    reference: PixelGrid | None = None
    moving: PixelGrid | None = None
    pair: frozenset[str] = frozenset()
    record: Mapping[str, Any] | None = None

    @property
    def all(self) -> tuple[AnyTransform, ...]:
        """The transform, or those of all frames."""
        if isinstance(self.transform, FrameTransforms):
            return self.transform.transforms
        return (self.transform,)

    def goes_with(self, layer: Layer) -> bool:
        """Return whether a layer belongs to the moving image, and is neither of the two.

        It lies as that did. Where the reference lay so, too, its file or a word of its name must
        be the moving image's and not the reference's.
        """
        if self.moving is None or self.reference is None or is_result(layer):
            return False
        if {str(layer.unique_id), layer.name} & self.pair:
            return False
        if not _lies_as(layer, self.moving):
            return False
        return not _lies_as(layer, self.reference) or self._is_of_moving(layer)

    def _is_of_moving(self, layer: Layer) -> bool:
        ends = {} if self.record is None else self.record["layers"]
        reference, moving = (ends.get(role, {}) for role in ("reference", "moving"))
        path = str(layer.source.path or "")
        paths = [str(end.get("path") or "") for end in (reference, moving)]
        if path and path in paths and paths[0] != paths[1]:
            return path == paths[1]
        own = _words(layer.name)
        of_reference, of_moving = (_words(str(end.get("name"))) for end in (reference, moving))
        only_moving, only_reference = of_moving - of_reference, of_reference - of_moving
        return bool(own & only_moving) and not own & only_reference


def _lies_as(layer: Layer, grid: PixelGrid) -> bool:
    """Return whether a layer lies as a grid does, and if it has pixels, has as many."""
    if layer.ndim < grid.axes:
        return False
    own = layer_grid(layer, grid.axes)
    same = own.units == grid.units and np.allclose(own.matrix, grid.matrix)
    return bool(same) and (not isinstance(layer, (Image, Labels)) or own.shape == grid.shape)


def _words(name: str) -> set[str]:
    return set(re.findall(r"[^\W_]+", name.casefold()))


def transforms_of(layers: Iterable[Layer]) -> list[KnownTransform]:
    """Return the transforms in the metadata of layers, each once, that of the top layer first."""
    found: dict[tuple[str, str], KnownTransform] = {}
    for layer in layers:
        known = _from_note(layer.metadata.get(METADATA_KEY))
        if known is not None:
            # Several layers come from one alignment; the top one counts.
            key = known.label, str([each.matrix.tolist() for each in known.all])
            found.pop(key, None)
            found[key] = known
    return _with_labels_of_their_own(list(reversed(found.values())))


def transform_in(path: Path) -> KnownTransform:
    """Return the transform of a file, or those of all frames of a stack.

    Raises
    ------
    InputError
        If the file holds neither.
    """
    label = f"{path.name} (file)"
    many = load_film_of_either(path)
    if many is not None:
        return KnownTransform(label, FrameTransforms(tuple(many)))
    if holds_a_field(path):
        return KnownTransform(label, load_field_of_either(path))
    return KnownTransform(label, load_of_either(path))


def _from_note(note: Any) -> KnownTransform | None:
    """Return the transform of a layer's record, or None if it holds none or is not ours."""
    try:
        ends = [note["layers"][role] for role in ("reference", "moving")]
        reference, moving = (
            grid_from(*(end["grid"][key] for key in ("matrix", "shape", "units", "axis_labels")))
            for end in ends
        )
        transform = _of_frames(note) or (
            unpacked_field(note["field"])
            if note["model"] == "smooth"
            else as_any_transform(note["matrix"], note["model"])
        )
        label = f"{note['moving']} onto {note['reference']}"
        if isinstance(transform, FrameTransforms):
            label += f", {len(transform)} frames"
    except (InputError, KeyError, TypeError, ValueError, IndexError):
        return None
    pair = frozenset([*note.get("pair", []), note["moving"], note["reference"]])
    return KnownTransform(label, transform, reference, moving, pair, note)


def _of_frames(note: Any) -> FrameTransforms | None:
    """Return the transforms of a stack's frames; None of a pair, or where one goes for all."""
    matrices, fields = note.get("frame_matrices"), note.get("frame_fields", ())
    noted = fields or matrices
    if not noted or all(one == noted[0] for one in noted):
        return None
    start, step = note["frame_places"]
    plane_axes = len(note["layers"]["moving"]["grid"]["shape"])
    return FrameTransforms(
        tuple(unpacked_field(each) for each in fields)
        or tuple(as_any_transform(each, None) for each in matrices),
        note["axis"] - len(note["layers"]["moving"]["index"]) - plane_axes,
        (float(start), float(step)),
    )


def _with_labels_of_their_own(known: list[KnownTransform]) -> list[KnownTransform]:
    counts: Counter[str] = Counter()
    apart = []
    for one in known:
        counts[one.label] += 1
        number = counts[one.label]
        apart.append(one if number == 1 else replace(one, label=f"{one.label} ({number})"))
    return apart
