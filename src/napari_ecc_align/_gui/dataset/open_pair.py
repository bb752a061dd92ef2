"""One pair of a dataset in the viewer: its two images, what came of them, and the differences."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from napari.components import ViewerModel
from napari.layers import Layer
from numpy.typing import NDArray

from ..._align.volume.transform import VolumeTransform
from ..._batch.plan.pairs import PairFiles, Plan
from ..._batch.records.record import Record
from ..._common.errors import InputError
from ..._compare.inspection import Inspection, inspect_alignment
from ..._images.files.headers import check_image_file
from ..._images.files.images import read_file
from ..._transform.volume_field import VolumeField
from ..layers.attributes import layer_with_id
from ..layers.comparison_layers import blank_outside, comparison_layers
from ..layers.snapshots import snapshot
from ..layers.stack_snapshots import single_frame
from ..results.views import show_only
from ..runs.provenance import plain

_SEE_THROUGH = 0.6


@dataclass(frozen=True, eq=False)
class PairImages:
    """The images of a pair, read from their files.

    Attributes
    ----------
    record : Record
        What came of it.
    reference, moving : ndarray or None
        None of an image that cannot be read.
    inspection : Inspection or None
        How they differ, with the output as it was written, if it was; None if no transform is
        known.
    notes : tuple of str
        What could not be shown.
    """

    record: Record
    reference: NDArray[Any] | None
    moving: NDArray[Any] | None
    inspection: Inspection | None
    notes: tuple[str, ...]


def read_steps(plan: Plan, record: Record) -> Generator[None, None, PairImages]:
    """Read a pair's images and compare them as the record's transform lays them."""
    pair = next((pair for pair in plan.pairs if pair.name == record.name), None)
    if pair is None:
        raise InputError(f"{record.name} is not among the pairs of these folders.")
    notes: list[str] = []
    images: list[NDArray[Any] | None] = []
    for path in (pair.reference, pair.moving):
        yield
        try:
            check_image_file(path, plan.settings.max_pixels)
            images.append(read_file(path).plane())
        except InputError as error:
            notes.append(str(error))
            images.append(None)
    reference, moving = images
    yield
    inspection, found = None, record.transform
    if isinstance(found, VolumeTransform | VolumeField):
        notes.append("Volumes are compared in the report; to see more, align them as layers.")
    elif reference is not None and moving is not None and found is not None:
        try:
            inspection = blank_outside(
                inspect_alignment(reference, moving, found, method=plan.settings.method)
            )
        except InputError as error:
            notes.append(f"The difference cannot be shown: {error}.")
        else:
            written = _output(plan.out, pair, record)
            if written is not None:
                inspection = replace(inspection, warped=written)
    return PairImages(record, reference, moving, inspection, tuple(notes))


def _output(out: Path, pair: PairFiles, record: Record) -> NDArray[Any] | None:
    """Return the moving image's output as it was written, or None."""
    names = {pair.output(pair.folder, pair.moving, resampled=done) for done in (True, False)}
    for file in record.outputs:
        if file.path in names:
            with suppress(InputError):
                return read_file(out / file.path).plane()
    return None


class OpenPair:
    """The layers of the pair that is open; opening another puts it in their place.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
        Where the layers are.
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self._ids: dict[str, object] = {}

    @property
    def layers(self) -> dict[str, Layer]:
        """The layers that are still there, by role."""
        found = {role: layer_with_id(self._viewer, of) for role, of in self._ids.items()}
        return {role: layer for role, layer in found.items() if layer is not None}

    @property
    def ids(self) -> tuple[object, object] | None:
        """The ids of the reference and the moving layer, if both are there."""
        if not {"reference", "moving"} <= self.layers.keys():
            return None
        return self._ids["reference"], self._ids["moving"]

    def close(self) -> None:
        """Take the layers away."""
        for layer in self.layers.values():
            self._viewer.layers.remove(layer)
        self._ids = {}

    def show(self, images: PairImages) -> None:
        """Put a pair in place of the one before, with the same roles on show."""
        looked = {role: layer.visible for role, layer in self.layers.items()}
        self.close()
        for role, image in (("reference", images.reference), ("moving", images.moving)):
            if image is not None:
                name = f"{images.record.name} {role}"
                self._ids[role] = self._viewer.add_image(image, name=name).unique_id
        if images.inspection is not None:
            self._add_results(images.record, images.inspection)
        present = self.layers
        if "difference" in present and "difference" in looked:
            for role, layer in present.items():
                layer.visible = looked.get(role, False)
        elif "difference" in present:
            show_only("binary difference", present)
        self._viewer.reset_view()

    def look_at(self, view: str) -> None:
        """Show one way of comparing alone, if it is there."""
        if view in self.layers:
            show_only(view, self.layers)

    def show_for_correction(self) -> None:
        """Let the moving image be seen lying on the reference, and nothing else."""
        for role, layer in self.layers.items():
            if role in ("reference", "moving"):
                layer.visible = True
            else:
                # The alignment to come will show its own.
                self._viewer.layers.remove(layer)
            if role == "moving":
                layer.opacity = _SEE_THROUGH

    def _add_results(self, record: Record, inspection: Inspection) -> None:
        transform, layers = record.transform, self.layers
        assert transform is not None
        fixed = snapshot(layers["reference"], self._viewer)
        other = snapshot(layers["moving"], self._viewer)
        note = {
            "reference": fixed.name,
            "moving": other.name,
            **plain(transform),
            "layers": {"reference": fixed.origin, "moving": other.origin},
        }
        made = comparison_layers(fixed, single_frame(other, fixed.grid), inspection, note)
        for role, (data, options, kind) in made.items():
            if role == "aligned":
                options["name"] = f"{record.name} aligned"
            layer = self._viewer.add_layer(Layer.create(data, options, kind))
            self._ids[role] = layer.unique_id
