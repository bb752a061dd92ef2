"""What runs have done to the viewer's layers, to be taken back and done again in order."""

from __future__ import annotations

import gc
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from napari.components import ViewerModel
from napari.layers import Layer

from ..layers.aligned_layers import Placed
from ..layers.attributes import layer_with_id
from ..layers.comparison_layers import renew
from ..layers.world import own_placement
from ..runs.finished_run import FinishedRun


class Change(Protocol):
    """Something that a run has done."""

    def can_revert(self, viewer: ViewerModel) -> bool:
        """Return whether there is still something to take back."""

    def revert(self, viewer: ViewerModel) -> Change:
        """Take it back, and return what does it again."""


@dataclass(frozen=True, eq=False)
class Moved:
    """A layer that a run has moved."""

    identity: Hashable
    before: Placed
    after: Placed

    def can_revert(self, viewer: ViewerModel) -> bool:
        """Return whether the layer is there and nobody has moved it since."""
        layer = layer_with_id(viewer, self.identity)
        return layer is not None and np.allclose(layer.affine.affine_matrix, self.after.affine)

    def revert(self, viewer: ViewerModel) -> Moved:
        """Put the layer back where it was, if it still stands where it was moved."""
        if self.can_revert(viewer):
            self.before.put(layer_with_id(viewer, self.identity))
        return Moved(self.identity, self.after, self.before)


@dataclass(frozen=True, eq=False)
class Looks:
    """A result layer as it was: what `renew` gives it, and where it stood in the list.

    A layer that is in the viewer is known by its id alone, so that one that a person removes is
    let go; one that was taken out is kept.
    """

    identity: Hashable
    data: Any
    options: dict[str, Any]
    place: int
    taken_out: Layer | None = None

    @classmethod
    def of(cls, layer: Layer, viewer: ViewerModel, *, goes: bool) -> Looks:
        """Take down how a layer is, and the layer itself if it is about to go."""
        options = own_placement(layer)
        # napari empties the dict that a layer has when it is given another.
        options["metadata"] = dict(layer.metadata)
        if hasattr(layer, "contrast_limits"):
            options["contrast_limits"] = layer.contrast_limits
            options["colormap"] = layer.colormap
        place = list(viewer.layers).index(layer)
        return cls(layer.unique_id, layer.data, options, place, layer if goes else None)


@dataclass(frozen=True, eq=False)
class Renewed:
    """A result layer that a run has added, renewed or taken out.

    Attributes
    ----------
    before : Looks or None
        How it was; None where there was none.
    identity : hashable or None
        The layer that is there since then; None where it was taken out.
    """

    before: Looks | None
    identity: Hashable | None

    def can_revert(self, viewer: ViewerModel) -> bool:
        """Return whether the layer is there, or can be brought back."""
        back = self.before is not None and self.before.taken_out is not None
        return back or layer_with_id(viewer, self.identity) is not None

    def revert(self, viewer: ViewerModel) -> Renewed:
        """Let the layer be as it was."""
        now, before = layer_with_id(viewer, self.identity), self.before
        same = now is not None and before is not None and before.identity == now.unique_id
        looks = None if now is None else Looks.of(now, viewer, goes=not same)
        if same and before is not None:
            renew(now, before.data, before.options)
            return Renewed(looks, before.identity)
        if now is not None:
            viewer.layers.remove(now)
        if before is None or before.taken_out is None:
            return Renewed(looks, None)
        viewer.layers.insert(min(before.place, len(viewer.layers)), before.taken_out)
        return Renewed(looks, before.identity)


@dataclass(eq=False)
class Step:
    """A run and what it has done, or taking it back."""

    run: FinishedRun
    changes: list[Change] = field(default_factory=list)

    @property
    def nbytes(self) -> int:
        """Memory of the pixels that are kept to bring layers back."""
        kept = (one.before for one in self.changes if isinstance(one, Renewed))
        images = (looks.data for looks in kept if looks is not None)
        return sum(image.nbytes for image in images if isinstance(image, np.ndarray))

    def revert(self, viewer: ViewerModel) -> Step:
        """Take back what was done, the last first, and return what does it again."""
        with _cheap_removals():
            return Step(self.run, [change.revert(viewer) for change in self.changes[::-1]])


@contextmanager
def _cheap_removals() -> Iterator[None]:
    """Collect garbage once for all layers that go, and not for every one as napari does."""
    frozen = gc.get_freeze_count() > 0
    if not frozen:
        gc.freeze()
    try:
        yield
    finally:
        if not frozen:
            gc.unfreeze()
            gc.collect()


MOST_RUNS = 20
"""So many runs can be taken back: each keeps the layers that it has replaced."""
MOST_BYTES = 2**30
"""What it keeps may take so much memory, but for the last run's, which is always kept."""


class History:
    """The runs that were made and those that were taken back, in order, the last `MOST_RUNS`.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
        Whose layers were changed.
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self._done: list[Step] = []
        self._undone: list[Step] = []

    @property
    def can_undo(self) -> bool:
        """Whether there is a run whose layers can be taken back."""
        return self._last(self._done) is not None

    @property
    def can_redo(self) -> bool:
        """Whether a run was taken back and can be made again: its layers are here."""
        at = self._last(self._undone)
        if at is None:
            return False
        pair = self._undone[at].run.task.layer_ids
        return all(layer_with_id(self._viewer, identity) is not None for identity in pair)

    def begin(self, run: FinishedRun) -> None:
        """Add a run; what was taken back before it is gone."""
        self._undone.clear()
        kept = 0
        for first, step in enumerate(self._done[::-1]):
            kept += step.nbytes
            if first and kept > MOST_BYTES:
                del self._done[: len(self._done) - first]
                break
        self._done.append(Step(run))
        del self._done[:-MOST_RUNS]

    def add(self, change: Change) -> None:
        """Add what the last run has done."""
        if self._done:
            self._done[-1].changes.append(change)

    def undo(self) -> FinishedRun:
        """Take the last run back and return it."""
        return self._revert(self._done, self._undone)

    def redo(self) -> FinishedRun:
        """Make the run again that was taken back last, and return it."""
        return self._revert(self._undone, self._done)

    def latest(self, layer_ids: object) -> FinishedRun | None:
        """Return the last run of a pair, or of any if that pair has none."""
        runs = [step.run for step in self._done[::-1]]
        of_pair = (run for run in runs if run.task.layer_ids == layer_ids)
        return next(of_pair, runs[0] if runs else None)

    def renew(self, run: FinishedRun) -> None:
        """Take a run, which is looked at in another way, in place of what it was."""
        for step in self._done:
            if step.run.results is run.results:
                step.run = run

    def forget(self, layer_ids: object) -> None:
        """Let the runs of a pair go."""
        for steps in (self._done, self._undone):
            steps[:] = [step for step in steps if step.run.task.layer_ids != layer_ids]

    def _last(self, steps: list[Step]) -> int | None:
        """Return which step has something to take back, from the end."""
        for at in range(len(steps) - 1, -1, -1):
            if any(change.can_revert(self._viewer) for change in steps[at].changes):
                return at
        return None

    def _revert(self, steps: list[Step], others: list[Step]) -> FinishedRun:
        at = self._last(steps)
        # Steps after it have nothing left to take back.
        del steps[len(steps) if at is None else at + 1 :]
        step = steps.pop()
        others.append(step.revert(self._viewer))
        return step.run
