"""The transforms that a viewer's layers know of, from the alignments that made them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from ..transform import Transform
from .looks import METADATA_KEY
from .world import Grid, grid_from

if TYPE_CHECKING:
    from napari.layers import Layer


@dataclass(frozen=True, eq=False)
class KnownTransform:
    """A transform and, if it is known, between which pixels it is.

    Attributes
    ----------
    label : str
        What it is called in a list.
    transform : Transform
        Reference pixel (x, y) to moving pixel.
    reference, moving : Grid or None
        Where those pixels lay when it was found; None of a file, which does not say.
    """

    label: str
    transform: Transform
    reference: Grid | None = None
    moving: Grid | None = None


def transforms_of(layers: Iterable[Layer]) -> list[KnownTransform]:
    """Return the transforms in the metadata of layers, each once, that of the top layer first."""
    found: dict[tuple[str, str], KnownTransform] = {}
    for layer in layers:
        known = _from_note(layer.metadata.get(METADATA_KEY))
        if known is not None:
            # Several layers come from one alignment; the top one counts.
            key = known.label, str(known.transform.matrix.tolist())
            found.pop(key, None)
            found[key] = known
    return _told_apart(list(reversed(found.values())))


def _from_note(note: Any) -> KnownTransform | None:
    """Return the transform of a layer's record, or None if it holds none or is not ours."""
    try:
        ends = [note["layers"][role] for role in ("reference", "moving")]
        reference, moving = (
            grid_from(*(end["grid"][key] for key in ("matrix", "shape", "units", "axis_labels")))
            for end in ends
        )
        transform = Transform(note["matrix"], note["model"])
        label = f"{note['moving']} onto {note['reference']}"
    except (InputError, KeyError, TypeError, ValueError, IndexError):
        return None
    return KnownTransform(label, transform, reference, moving)


def _told_apart(known: list[KnownTransform]) -> list[KnownTransform]:
    counts: dict[str, int] = {}
    apart = []
    for one in known:
        counts[one.label] = counts.get(one.label, 0) + 1
        number = counts[one.label]
        label = one.label if number == 1 else f"{one.label} ({number})"
        apart.append(KnownTransform(label, one.transform, one.reference, one.moving))
    return apart
