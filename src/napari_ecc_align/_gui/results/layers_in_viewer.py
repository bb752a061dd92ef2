"""The layers that alignments have made: renewed by the next run of the same pair."""

from __future__ import annotations

from typing import Any

from napari.components import ViewerModel
from napari.layers import Layer

from ..layers.aligned_layers import LayerTuple
from ..layers.attributes import METADATA_KEY, layer_with_id
from ..layers.comparison_layers import renew
from ..runs.task import LayerIds, Task
from .history import History, Looks, Renewed


class ResultLayers:
    """The result layers of a viewer, by pair and role.

    Layers are told apart by their ids: a person may rename them, and napari hands plugins a proxy
    of its viewer. Those of an earlier form or session say in their metadata what they are.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
        Where the layers are added.
    history : History
        Is told what is done.
    """

    def __init__(self, viewer: ViewerModel, history: History) -> None:
        self._viewer = viewer
        self._history = history
        self._ids: dict[tuple[LayerIds, str], object] = {}
        # What this run has made, or renewed once: how it was in between is nothing to go back to,
        # and would keep every picture of a stack in memory.
        self._made: set[object] = set()
        self._renewed: set[object] = set()

    def start(self) -> None:
        """Begin a run: what is done from here on belongs to it."""
        self._made.clear()
        self._renewed.clear()

    def get(self, task: Task, role: str) -> Layer | None:
        """Return a pair's layer of a role, if it is still there."""
        known = layer_with_id(self._viewer, self._ids.get((task.layer_ids, role)))
        if known is not None:
            return known
        note = _note(task, role)
        here = {str(layer.unique_id) for layer in self._viewer.layers}
        return next((layer for layer in self._viewer.layers if _is(layer, note, here)), None)

    def put(self, task: Task, role: str, layer: LayerTuple) -> Layer:
        """Add a layer, or renew the one that an earlier run of the same pair has left."""
        data, options, kind = layer
        noted = {**options["metadata"].get(METADATA_KEY, {}), **_note(task, role)}
        metadata = {**options["metadata"], METADATA_KEY: noted}
        options = {**options, "name": f"{task.title}: {role}", "metadata": metadata}
        old = self.get(task, role)
        if old is not None and _alike(old, data, options):
            self._note_change(old, goes=False)
            renew(old, data, options)
            self._ids[task.layer_ids, role] = old.unique_id
            return old
        self.remove_role(task, role)
        new: Layer = self._viewer.add_layer(Layer.create(data, options, kind))
        self._ids[task.layer_ids, role] = new.unique_id
        self._made.add(new.unique_id)
        self._history.add(Renewed(None, new.unique_id))
        return new

    def remove_role(self, task: Task, role: str) -> None:
        """Remove a pair's layer of one role, if it is still there."""
        layer = self.get(task, role)
        if layer is not None:
            self._note_change(layer, goes=True)
            self._viewer.layers.remove(layer)

    def forget(self, layer_ids: LayerIds) -> None:
        """Remove all layers of a pair, for good."""
        for key in [key for key in self._ids if key[0] == layer_ids]:
            layer = layer_with_id(self._viewer, self._ids.pop(key))
            if layer is not None:
                self._viewer.layers.remove(layer)

    def _note_change(self, layer: Layer, *, goes: bool) -> None:
        known = self._made if goes else self._made | self._renewed
        if layer.unique_id in known:
            return
        self._renewed.add(layer.unique_id)
        looks = Looks.of(layer, self._viewer, goes=goes)
        self._history.add(Renewed(looks, None if goes else layer.unique_id))


def _note(task: Task, role: str) -> dict[str, Any]:
    """Return what the metadata of a layer say of whose it is, also in another session."""
    return {
        "role": role,
        "pair": [str(identity) for identity in task.layer_ids],
        "reference": task.reference.name,
        "moving": task.moving.name,
    }


def _is(layer: Layer, wanted: dict[str, Any], here: set[str]) -> bool:
    """Return whether a layer's metadata say what is wanted.

    By the ids of its pair or, where these are not those of layers that are here, by their names.
    """
    note = layer.metadata.get(METADATA_KEY, {})
    if note.get("role") != wanted["role"]:
        return False
    if note.get("pair") == wanted["pair"]:
        return True
    named = all(note.get(end) == wanted[end] for end in ("reference", "moving"))
    return named and not here.issuperset(note.get("pair", []))


def _alike(layer: Layer, data: Any, options: dict[str, Any]) -> bool:
    """Return whether a layer can take new data, rather than be replaced."""
    kinds = ("rgb", "multiscale")
    alike = all(getattr(layer, kind, False) == options.get(kind, False) for kind in kinds)
    return alike and layer.ndim == len(options["scale"])
