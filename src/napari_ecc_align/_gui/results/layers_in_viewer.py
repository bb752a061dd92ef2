"""The layers that alignments have made: renewed by the next run, and taken back by Undo."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from napari.components import ViewerModel
from napari.layers import Layer

from ..layers.aligned_layers import LayerTuple
from ..layers.attributes import layer_with_id
from ..layers.comparison_layers import renew
from ..layers.world import own_placement
from ..runs.task import LayerIds


class ResultLayers:
    """The result layers of a viewer, by pair and role.

    Layers are told apart by their ids: a person may rename them, and napari hands plugins a proxy
    of its viewer.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
        Where the layers are added.
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self._ids: dict[tuple[LayerIds, str], object] = {}
        self._steps_back: list[Callable[[], object]] = []
        # What this run has made, or renewed once: how it was in between is nothing to go back to,
        # and would keep every picture of a stack in memory.
        self._own: set[object] = set()
        self._renewed: set[object] = set()

    @property
    def can_undo(self) -> bool:
        """Whether there is a run to take back."""
        return bool(self._steps_back)

    def start(self) -> None:
        """Begin a run: what is done from here on is what `undo` takes back."""
        self._steps_back.clear()
        self._own.clear()
        self._renewed.clear()

    def undo(self) -> None:
        """Take the last run back, the last step first."""
        steps, self._steps_back = self._steps_back[::-1], []
        for step in steps:
            step()

    def get(self, pair: LayerIds, role: str) -> Layer | None:
        """Return a pair's layer of a role, if it is still there."""
        return layer_with_id(self._viewer, self._ids.get((pair, role)))

    def put(self, pair: LayerIds, role: str, layer: LayerTuple) -> Layer:
        """Add a layer, or renew the one that an earlier run of the same pair has left."""
        from napari.layers import Layer

        data, options, kind = layer
        old = self.get(pair, role)
        if old is not None and _alike(old, data, options):
            if old.unique_id not in self._own | self._renewed:
                self._steps_back.append(self._renewal(old))
                self._renewed.add(old.unique_id)
            renew(old, data, options)
            return old
        self.remove_role(pair, role)
        new: Layer = self._viewer.add_layer(Layer.create(data, options, kind))
        self._ids[pair, role] = new.unique_id
        self._own.add(new.unique_id)
        # By its id alone: a layer that a person removes is to be let go.
        identity = new.unique_id

        def take_away() -> None:
            still = layer_with_id(self._viewer, identity)
            if still is not None:
                self._viewer.layers.remove(still)

        self._steps_back.append(take_away)
        return new

    def remove(self, pair: LayerIds) -> None:
        """Remove all layers of a pair."""
        for role in [role for owner, role in self._ids if owner == pair]:
            self.remove_role(pair, role)

    def remove_role(self, pair: LayerIds, role: str) -> None:
        """Remove a pair's layer of one role, if it is still there."""
        layer = self.get(pair, role)
        if layer is not None:
            self._drop(layer, (pair, role))

    def on_undo(self, step: Callable[[], object]) -> None:
        """Add something to take back, done elsewhere."""
        self._steps_back.append(step)

    def _drop(self, layer: Layer, key: tuple[LayerIds, str]) -> None:
        """Remove a layer such that `undo` brings it back, if it was there before the run."""
        place = list(self._viewer.layers).index(layer)
        self._viewer.layers.remove(layer)
        del self._ids[key]
        if layer.unique_id in self._own:
            return

        def bring_back() -> None:
            self._viewer.layers.insert(min(place, len(self._viewer.layers)), layer)
            self._ids[key] = layer.unique_id

        self._steps_back.append(bring_back)

    def _renewal(self, layer: Layer) -> Callable[[], None]:
        identity = layer.unique_id
        data = layer.data
        options = own_placement(layer)
        # napari empties the dict that a layer has when it is given another.
        options["metadata"] = dict(layer.metadata)
        if hasattr(layer, "contrast_limits"):
            options["contrast_limits"] = layer.contrast_limits
            options["colormap"] = layer.colormap.name

        def restore() -> None:
            still = layer_with_id(self._viewer, identity)
            if still is not None:
                renew(still, data, options)

        return restore


def _alike(layer: Layer, data: Any, options: dict[str, Any]) -> bool:
    """Return whether a layer can take new data, rather than be replaced."""
    kinds = ("rgb", "multiscale")
    alike = all(getattr(layer, kind, False) == options.get(kind, False) for kind in kinds)
    return alike and layer.ndim == len(options["scale"])
