"""The pair that is open: what is known of it, and a person's decision."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING

from magicgui.widgets import Container, Label, LineEdit, PushButton

from ..._batch.plan.pairing import Plan
from ..._batch.records.record import Record
from ..._common.errors import InputError
from ..align.widget import AlignWidget
from ..shared.background import Background
from ..shared.labels import fill_width
from ..shared.refusal import Refusal
from ..shared.rows import form, row
from .open_pair import OpenPair, PairImages, read_steps
from .processes import Decision
from .texts import pair_text

if TYPE_CHECKING:
    import napari

_PLUGIN = "napari-ecc-align"


class ReviewForm(Container):  # type: ignore[type-arg]
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
        self._work = Background(self._read_on)
        self._pair = OpenPair(viewer)
        self._record: Record | None = None
        self._next: Record | None = None
        self._align: AlignWidget | None = None
        self._allowed = True
        self.plan: Plan | None = None
        self.text = Label(value="")
        self.note = LineEdit(label="note", tooltip="Kept with the decision")
        self.accept = PushButton(text="Accept", tooltip="It lies right: call it aligned")
        self.correct = PushButton(
            text="Correct…", tooltip="Open the Align form with this pair, to align it by hand"
        )
        self.reject = PushButton(
            text="Reject", tooltip="It is no pair, or cannot be aligned: its results are removed"
        )
        self.use = PushButton(
            text="Use this alignment",
            tooltip="Write this pair as the Align form has aligned it",
        )
        buttons = row(self.accept, self.correct, self.reject)
        super().__init__(widgets=[self.text, form(self.note), buttons, self.use], labels=False)
        self.margins = (0, 0, 0, 0)
        fill_width(self.text, lines=4)
        self.accept.changed.connect(lambda: self._decided("accept"))
        self.reject.changed.connect(lambda: self._decided("reject"))
        self.correct.changed.connect(self._begin_correction)
        self.use.changed.connect(self._use)
        self._offer()

    @property
    def busy(self) -> bool:
        """Whether a pair is being read."""
        return self._work.running

    @property
    def record(self) -> Record | None:
        """That of the open pair."""
        return self._record

    @property
    def allowed(self) -> bool:
        """Whether decisions can be made now."""
        return self._allowed

    @allowed.setter
    def allowed(self, allowed: bool) -> None:
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
        self._record, self._next = record, None
        self.note.value = record.review.note if record.review else ""
        self.text.value = pair_text(record)
        self._work.start(read_steps, self.plan, record, on_end=self._show)
        self._offer()

    def forget(self) -> None:
        """Close the pair that is open."""
        self._forget_correction()
        self._pair.close()
        self._record = self._next = None
        self._offer()

    def leave(self) -> None:
        """Let nothing come back: Qt is about to delete the form."""
        self._work.leave()

    def _show(self, images: PairImages | Refusal) -> None:
        record = self._record
        if isinstance(images, Refusal):
            self._pair.close()
            self._add_text(images.message)
        elif record is not None and images.record is record:
            self._pair.show(images)
            for note in images.notes:
                if note not in record.reason:
                    self._add_text(note)

    def _read_on(self, running: bool) -> None:
        if not running and self._next is not None:
            self.open(self._next)
        self._offer()

    def _decided(self, decision: str) -> None:
        if self._record is not None:
            self._decide(Decision(decision, self._record.name, self.note.value))  # type: ignore[arg-type]

    def _begin_correction(self) -> None:
        """Dock the Align form with the pair's two layers chosen."""
        ids = self._pair.ids
        if ids is None or self.plan is None:
            return
        dock, align = self._viewer.window.add_plugin_dock_widget(
            _PLUGIN, "Align images", tabify=True
        )
        dock.show()
        dock.raise_()
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
        from napari.utils.notifications import show_warning

        run = None if self._align is None else self._align.after.run
        try:
            if self._record is None or run is None or run.task.layer_ids != self._pair.ids:
                raise InputError("Press Align first, with this pair's two images chosen.")
        except InputError as error:
            show_warning(str(error))
            return
        transform = run.result.transform
        self._decide(Decision("correct", self._record.name, self.note.value, transform))

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
        ready = self._allowed and not self.busy and record is not None
        rejected = (
            record is not None
            and record.review is not None
            and record.review.decision == "rejected"
        )
        self.accept.enabled = ready and record is not None and record.outcome == "doubtful"
        self.correct.enabled = ready and self._pair.ids is not None
        self.reject.enabled = ready and not rejected
        self.use.visible = self._align is not None
        self.use.enabled = ready
