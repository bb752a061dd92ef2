"""One pair of a dataset in the viewer: its two images, what came of them, and the differences."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from ..._batch.plan.pairing import PairFiles, Plan
from ..._batch.records.record import Record
from ..._common.errors import InputError
from ..._compare.inspection import Inspection, inspect_alignment
from ..._images.files.headers import check_image_file
from ..._images.files.images import read_image
from ..layers.attributes import METADATA_KEY, layer_with_id
from ..layers.comparison_layers import comparison_layers
from ..layers.snapshots import snapshot
from ..layers.stack_snapshots import single_frame
from ..results.views import show_only
from ..shared.refusal import Refusal, refusing

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Layer

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
    aligned : ndarray or None
        The output, or what it would be; None if no transform is known.
    inspection : Inspection or None
        How they differ.
    notes : tuple of str
        What could not be shown.
    """

    record: Record
    reference: NDArray[Any] | None
    moving: NDArray[Any] | None
    aligned: NDArray[Any] | None
    inspection: Inspection | None
    notes: tuple[str, ...]


def read_steps(plan: Plan, record: Record) -> Generator[None, None, PairImages | Refusal]:
    """Read a pair's images and compare them as the record's transform lays them."""
    return (yield from refusing(lambda: _read(plan, record)))


def _read(plan: Plan, record: Record) -> Generator[None, None, PairImages]:
    pair = next((pair for pair in plan.pairs if pair.name == record.name), None)
    if pair is None:
        raise InputError(f"{record.name} is not among the pairs of these folders.")
    notes: list[str] = []
    images: list[NDArray[Any] | None] = []
    for path in (pair.reference, pair.moving):
        yield
        try:
            check_image_file(path, plan.settings.max_pixels)
            images.append(read_image(path))
        except InputError as error:
            notes.append(str(error))
            images.append(None)
    reference, moving = images
    yield
    aligned, inspection = None, None
    if reference is not None and moving is not None and record.transform is not None:
        try:
            inspection = inspect_alignment(
                reference, moving, record.transform, method=plan.settings.method
            )
        except InputError as error:
            notes.append(f"The difference cannot be shown: {error}.")
        aligned = _output(plan.out, pair, record)
        if aligned is None and inspection is not None:
            aligned = inspection.aligned
    return PairImages(record, reference, moving, aligned, inspection, tuple(notes))


def _output(out: Path, pair: PairFiles, record: Record) -> NDArray[Any] | None:
    """Return the moving image's output as it was written, or None."""
    names = {pair.output(pair.flavour, pair.moving, resampled=done) for done in (True, False)}
    for file in record.outputs:
        if file.path in names:
            with suppress(InputError):
                return read_image(out / file.path)
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
        self.name: str | None = None

    @property
    def ids(self) -> tuple[object, object] | None:
        """The ids of the reference and the moving layer, if both are there."""
        found = self.layer("reference"), self.layer("moving")
        if found[0] is None or found[1] is None:
            return None
        return found[0].unique_id, found[1].unique_id

    def layer(self, role: str) -> Layer | None:
        """Return the layer of a role, if it is still there."""
        return layer_with_id(self._viewer, self._ids.get(role))

    def close(self) -> None:
        """Take the layers away."""
        for role in list(self._ids):
            layer = self.layer(role)
            if layer is not None:
                self._viewer.layers.remove(layer)
        self._ids = {}
        self.name = None

    def show(self, images: PairImages) -> None:
        """Put a pair in place of the one before, with the same roles on show."""
        looked = {role: layer.visible for role in self._ids if (layer := self.layer(role))}
        self.close()
        self.name = name = images.record.name
        for role, image in (("reference", images.reference), ("moving", images.moving)):
            if image is not None:
                self._ids[role] = self._viewer.add_image(image, name=f"{name} {role}").unique_id
        if images.inspection is not None:
            self._add_results(images, images.inspection)
        present = {role: layer for role in self._ids if (layer := self.layer(role)) is not None}
        if "difference" in present and "difference" in looked:
            for role, layer in present.items():
                layer.visible = looked.get(role, False)
        elif "difference" in present:
            show_only("binary difference", present)
        self._viewer.reset_view()

    def show_for_correction(self) -> None:
        """Let the moving image be seen lying on the reference, and nothing else."""
        for role in list(self._ids):
            layer = self.layer(role)
            if layer is not None and role in ("reference", "moving"):
                layer.visible = True
            elif layer is not None:
                # The alignment to come will show its own.
                self._viewer.layers.remove(layer)
        moving = self.layer("moving")
        if moving is not None:
            moving.opacity = _SEE_THROUGH

    def _add_results(self, images: PairImages, inspection: Inspection) -> None:
        from napari.layers import Layer

        reference, moving = self.layer("reference"), self.layer("moving")
        transform = images.record.transform
        if reference is None or moving is None or transform is None:
            return
        fixed, other = (self._snapshot(layer) for layer in (reference, moving))
        note = {
            "reference": fixed.name,
            "moving": other.name,
            "model": transform.model,
            "matrix": transform.matrix.tolist(),
            "layers": {"reference": fixed.origin, "moving": other.origin},
        }
        frames = single_frame(other, fixed.grid)
        layers = comparison_layers(fixed, frames, inspection, note)
        for role, (data, options, kind) in layers.items():
            if role == "aligned":
                options["name"] = f"{images.record.name} aligned"
                data = data if images.aligned is None else images.aligned
            self._ids[role] = self._viewer.add_layer(
                Layer.create(data, {**options, "metadata": {METADATA_KEY: note}}, kind)
            ).unique_id

    def _snapshot(self, layer: Image) -> Any:
        return snapshot(layer, self._viewer)
