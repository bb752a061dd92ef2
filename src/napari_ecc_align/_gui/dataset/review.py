"""The pair that is open: what is known of it, and a person's decision."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from html import escape

import napari
from magicgui.widgets import Label, LineEdit
from napari.utils.notifications import show_warning

from ..._batch.batch import Batch
from ..._batch.records.record import Record
from ..._batch.run.review import rejected_transform
from ..._transform.transform import Transform
from ..align.widget import AlignWidget
from ..shared.access import KeptFocus
from ..shared.background import Background
from ..shared.docks import open_dock
from ..shared.html import MEANINGS, legend, legend_outside, unbroken
from ..shared.labels import fill_width
from ..shared.rows import Form, button, row
from ..shared.scrolling import bring_into_sight
from .open_pair import OpenPair, PairImages, read_steps
from .processes import Decision
from .texts import is_rejected, pair_text


def _undone(plan: Batch, name: str, *, note: str) -> Record:
    """Take the last decision back, in a process; what is written beside it is not kept."""
    return plan.undo(name)


class ReviewForm(Form):
    """Opens pairs in the viewer, and says what a person decides on them.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Where the pair is opened.
    on_decision : callable
        Called with the decision, which it carries out.
    """

    def __init__(
        self, viewer: napari.viewer.Viewer, on_decision: Callable[[Decision], object]
    ) -> None:
        self._viewer = viewer
        self._decide = on_decision
        self._work = Background(self._read_on, self._refused)
        self._pair = OpenPair(viewer)
        self._record: Record | None = None
        self._next: Record | None = None
        self._align: AlignWidget | None = None
        self._allowed, self._decided_now = True, False
        self.plan: Batch | None = None
        # Of the form that this is a part of.
        self.focus: KeptFocus | None = None
        self.text = Label(value="")
        self.note = LineEdit(label="note", tooltip="Kept with the decision")
        self.accept = button(
            "Accept", "It lies right: call it aligned", lambda: self._decided(Batch.accept)
        )
        self.correct = button(
            "Correct…",
            "Open the Align form with this pair, to align it by hand",
            self._begin_correction,
        )
        self.reject = button(
            "Reject",
            "It is no pair, or cannot be aligned: its results are removed. Undo brings them back",
            lambda: self._decided(Batch.reject),
        )
        self.undo = button(
            "Undo",
            "Take the last decision on this pair back: it is as it was before",
            lambda: self._decided(_undone),
        )
        self.use = button(
            "Use this alignment", "Write this pair as the Align form has aligned it", self._use
        )
        buttons = row(self.accept, self.correct, self.reject, self.undo)
        super().__init__(self.text, Form(self.note), buttons, self.use, labels=False)
        fill_width(self.text, lines=4)
        self.native.destroyed.connect(self._work.leave)
        self._offer()

    @property
    def busy(self) -> bool:
        """Whether a pair is being read."""
        return self._work.running

    def allow(self, allowed: bool) -> None:
        """Let decisions be made, or not, for now."""
        self._allowed = allowed
        self._offer()

    def open(self, record: Record, *, again: bool = False) -> None:
        """Show a pair's images, in place of those of the pair before.

        Parameters
        ----------
        record : Record
            Of the pair.
        again : bool
            Even if it is open already, as it has changed.
        """
        if self.plan is None or (not again and record is self._record):
            return
        if self._work.running:
            # Of many wishes the last is granted.
            self._next = record
            return
        self._forget_correction()
        self._record, self._next, self._decided_now = record, None, again
        self.note.value = record.review.note if record.review else ""
        self.text.value = pair_text(record)
        self._work.start(read_steps, self.plan, record, on_end=self._show)
        self._offer()
        bring_into_sight(self.native)

    def forget(self) -> None:
        """Close the pair that is open."""
        self._forget_correction()
        self._pair.close()
        self._record = self._next = None
        self._offer()

    def _show(self, images: PairImages) -> None:
        if images.record is self._record:
            self._pair.show(images)
            if self._decided_now and not is_rejected(images.record):
                self._pair.look_at("aligned")
            if images.inspection is not None:
                colours = [*map(unbroken, map(legend, MEANINGS)), unbroken(legend_outside())]
                self.text.value += f"<br>binary difference: {'&nbsp; '.join(colours)}"
            for note in images.notes:
                if note not in images.record.reason:
                    self._add_text(note)

    def _refused(self, message: str) -> None:
        self._pair.close()
        self._add_text(message)

    def _read_on(self, running: bool) -> None:
        if not running and self._next is not None:
            self.open(self._next)
        if self.focus is None:
            self._offer()
        else:
            self.focus.through(running, self._offer, what="a pair")

    def _decided(self, how: Callable[..., Record], **more: Transform) -> None:
        if self._record is None or self.plan is None:
            return
        name = self._record.name
        plan = replace(self.plan, pairs=tuple(p for p in self.plan.pairs if p.name == name))
        self._decide(partial(how, plan, name, note=self.note.value, **more))

    def _begin_correction(self) -> None:
        """Dock the Align form with the pair's two layers chosen."""
        ids = self._pair.ids
        if ids is None or self.plan is None:
            return
        align: AlignWidget = open_dock(self._viewer, "Align images", tabify=True)
        self._align = align
        align.pair.choose(*ids)
        align.model.value = self.plan.settings.model
        align.folds["Where"].expand(animate=False)
        self._pair.show_for_correction()
        align.after.say(
            "Drag the moving image roughly into place (Where), or mark the same points in both, "
            "and press Align. Then, in Align a dataset: Use this alignment."
        )
        self._offer()

    def _use(self) -> None:
        """Write the pair with the transform that the Align form has found."""
        run = None if self._align is None else self._align.after.run
        if run is None or run.task.layer_ids != self._pair.ids:
            show_warning("Press Align first, with this pair's two images chosen.")
        else:
            self._decided(Batch.correct, transform=run.result.transform)

    def _forget_correction(self) -> None:
        """Take away what the Align form has made of the open pair."""
        ids = self._pair.ids
        if self._align is not None and ids is not None:
            self._align.after.forget(ids)
        self._align = None

    def _add_text(self, message: str) -> None:
        self.text.value = f"{self.text.value}<br>{escape(message)}"

    def _offer(self) -> None:
        record = self._record
        self.visible = record is not None
        if record is None:
            return
        ready = self._allowed and not self.busy
        rejected = rejected_transform(record) is not None
        self.accept.enabled = ready and (record.outcome == "doubtful" or rejected)
        self.correct.enabled = ready and self._pair.ids is not None
        self.reject.enabled = ready and not is_rejected(record)
        self.undo.enabled = ready and record.review is not None
        self.use.visible = self._align is not None
        self.use.enabled = ready
