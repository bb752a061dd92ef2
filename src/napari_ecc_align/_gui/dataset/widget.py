"""The widget for a whole dataset: plan, run, and look at every pair that wants it."""

from __future__ import annotations

import time
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from magicgui.widgets import CheckBox, Container, Label, ProgressBar, PushButton
from qtpy.QtCore import QTimer, QUrl
from qtpy.QtGui import QDesktopServices

from ..._batch.plan.pairing import Plan
from ..._batch.records.record import FOLDER, Record
from ..._batch.report.report import HTML
from ..._batch.settings import BatchSettings
from ..._common.errors import InputError
from ..shared.background import Background, Steps
from ..shared.help_window import open_help
from ..shared.labels import align_names, fill_width
from ..shared.refusal import Refusal
from ..shared.rows import row
from .form import FolderForm, RunForm, request_of
from .processes import DatasetRuns, Decision, PairsDone, Reopened, Request, check_request
from .review import ReviewForm
from .table import PairTable
from .texts import counts_text, plan_text, progress_text

if TYPE_CHECKING:
    import napari

_PAUSE_MS = 300
_BUTTON_HEIGHT = 36


class DatasetWidget(Container):  # type: ignore[type-arg]
    """Align a folder of images to a folder of references, and decide on the doubtful pairs.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        Where a pair is opened; napari passes it.
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        self._work = Background(self._set_running)
        self._runs = DatasetRuns()
        self._settings = BatchSettings()
        self._plan: Plan | None = None
        self._shown_out: Path | None = None
        self._fresh, self._began, self._said = 0, 0.0, ""
        self._due: tuple[Steps, Callable[[Any], object]] | None = None
        self.folders = FolderForm()
        self.settings = RunForm()
        self.plan_button = PushButton(
            text="See the plan", tooltip="Which images belong together; nothing is written"
        )
        self.run_button = PushButton(text="Run")
        self.progress = ProgressBar(max=1, value=0)
        self.cancel_button = PushButton(
            text="Cancel", tooltip="Stop; the next run goes on from here"
        )
        self.message = Label(value="")
        self.only_unsure = CheckBox(
            value=False, text="only those to look at", tooltip="Leave out what is aligned"
        )
        self.table = PairTable(self._open)
        self.review = ReviewForm(napari_viewer, self._decide)
        self.report_button = PushButton(
            text="Open report", tooltip="The report of all pairs, in the browser"
        )
        self.help = PushButton(text="Help", tooltip="A dataset from the first look to the last")
        self._first = row(self.plan_button, self.run_button)
        self._last = row(self.report_button, self.help)
        super().__init__(
            widgets=[
                self.folders,
                self._first,
                self.progress,
                self.cancel_button,
                self.message,
                self.only_unsure,
                self.review,
                self._last,
            ],
            labels=False,
        )
        self._arrange()
        self._connect()
        self._set_running(False)
        self._offer()

    @property
    def running(self) -> bool:
        """Whether something is under way."""
        return self._work.running or self.review.busy or self._timer.isActive()

    def see_plan(self) -> None:
        """PairFiles the images of the chosen folders and say what there is."""
        self._start(self._runs.plan, self._planned)

    def run(self) -> None:
        """Do every pair that is not done yet, in processes of its own."""
        self._fresh, self._began = 0, time.monotonic()
        self._start(self._runs.run, self._ended)

    def cancel(self) -> None:
        """Stop what is under way; what is done stays done."""
        if self._work.running:
            self._due = None
            self._say("Stopping…")
        self._work.cancel()

    def _arrange(self) -> None:
        from superqt import QCollapsible

        layout = self.native.layout()
        layout.insertWidget(layout.indexOf(self.review.native), self.table)
        fold = QCollapsible("Settings", self.native)
        fold.setContent(self.settings.native)
        fold.collapse(animate=False)
        layout.insertWidget(layout.indexOf(self._first.native), fold)
        layout.setStretchFactor(self.table, 1)
        self.run_button.native.setMinimumHeight(_BUTTON_HEIGHT)
        self.plan_button.native.setMinimumHeight(_BUTTON_HEIGHT)
        font = self.run_button.native.font()
        font.setBold(True)
        self.run_button.native.setFont(font)
        fill_width(self.message)
        align_names(self.native, [box.label for box in (*self.folders, *self.settings)])
        self._timer = QTimer(self.native)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_PAUSE_MS)
        self._report_due = QTimer(self.native)
        self._report_due.setInterval(_PAUSE_MS)

    def _connect(self) -> None:
        self.plan_button.changed.connect(self.see_plan)
        self.run_button.changed.connect(self.run)
        self.cancel_button.changed.connect(self.cancel)
        self.only_unsure.changed.connect(self.table.show_only_unsure)
        self.report_button.changed.connect(self._open_report)
        self.help.changed.connect(lambda: open_help(self.native, "batch.md"))
        # Every key that is typed is a change.
        self.folders.out.changed.connect(lambda: self._timer.start())
        self._timer.timeout.connect(self._reopen)
        self._report_due.timeout.connect(self._await_report)
        self.native.destroyed.connect(self._leave)

    def _request(self) -> Request:
        request = request_of(self.folders, self.settings, self._settings)
        check_request(request)
        return request

    def _start(self, steps: Steps, on_end: Callable[[Any], object]) -> None:
        if self._work.running:
            return
        # The folder of results may just have been chosen: first see what is in it.
        if self._timer.isActive() and self._reopen():
            self._due = (steps, on_end)
            return
        try:
            request = self._request()
        except InputError as error:
            self._refuse(str(error))
            return
        if request.out != self._shown_out:
            self.table.pairs.clear()
            self.review.forget()
            self._shown_out = request.out
        self._say("Looking at the files…")
        self._work.start(
            steps,
            request,
            on_step=self._advance,
            on_end=on_end,
            on_cancel=self._cancelled,
        )

    def _advance(self, step: Plan | PairsDone | None) -> None:
        if isinstance(step, Plan):
            self._keep(step)
            self._say(f"{self._plan_words()}<br>Starting…")
        elif step is not None:
            self.table.pairs.put(step.records)
            self._fresh += step.fresh
            if self.progress.max != step.total:
                self.progress.max = step.total
            self.progress.value = step.counts.done
            seconds = time.monotonic() - self._began
            self._say(progress_text(step.counts, step.total, self._fresh, seconds))

    def _planned(self, plan: Plan | Refusal) -> None:
        if isinstance(plan, Refusal):
            self._refuse(plan.message)
            return
        self._keep(plan)
        self._say(self._plan_words())

    def _ended(self, refusal: Refusal | None) -> None:
        if refusal is not None:
            self._refuse(refusal.message)
            return
        self._say(f"Done: {counts_text(self.table.pairs.counts)}.")

    def _cancelled(self) -> None:
        done = self.table.pairs.rowCount()
        total = len(self._plan.pairs) if self._plan else 0
        self._say(
            f"Stopped with {done:,} of {total:,} pairs done. Run goes on from here."
            if total
            else "Stopped; nothing was changed."
        )

    def _reopen(self) -> bool:
        """Show what an earlier run has left in the folder; return whether reading has begun."""
        self._timer.stop()
        text = str(self.folders.out.line_edit.value).strip()
        out = Path(text)
        if self._work.running or not text or out == self._shown_out:
            return False
        self.table.pairs.clear()
        self.review.forget()
        self._plan, self._shown_out = None, None
        self._offer()
        if not (out / FOLDER).is_dir():
            return False
        self._work.start(
            self._runs.reopen,
            out,
            on_step=lambda records: self.table.pairs.put(records or []),
            on_end=lambda found: self._reopened(out, found),
            on_cancel=lambda: self._say(""),
        )
        return True

    def _reopened(self, out: Path, found: Reopened | Refusal) -> None:
        if isinstance(found, Refusal):
            self._refuse(found.message)
            return
        self._shown_out = out
        self._keep(found.plan)
        self._said = f"An earlier run: {counts_text(self.table.pairs.counts)}."
        if found.settings is not None:
            self._settings = found.settings
            self.folders.model.value = found.settings.model
            self.settings.doubtful.value = found.settings.doubtful
        if self.folders.empty and found.folders is not None:
            self.folders.fill(found.folders)
        if self.folders.empty:
            self._say(f"{self._said} It was not made from folders: the command goes on with it.")
        else:
            # What is not done yet is in no record.
            self._due = self._due or (self._runs.plan, self._planned_again)

    def _planned_again(self, plan: Plan | Refusal) -> None:
        if isinstance(plan, Refusal):
            self._say(f"{self._said}<br>{escape(plan.message)}")
            return
        self._keep(plan)
        self._say(f"{self._said}<br>{self._plan_words()}")

    def _keep(self, plan: Plan) -> None:
        self._plan = plan
        self.review.plan = plan
        self.progress.max = max(1, len(plan.pairs))
        self._offer()

    def _plan_words(self) -> str:
        assert self._plan is not None
        done = sum(self.table.pairs.named(pair.name) is not None for pair in self._plan.pairs)
        return plan_text(self._plan, done)

    def _open(self, name: str) -> None:
        record = self.table.pairs.named(name)
        if record is not None:
            self.review.open(record)

    def _decide(self, review: Decision) -> None:
        """Carry out what a person has decided on the open pair."""
        if self._work.running or self._plan is None:
            return
        self._say("Writing…")
        self._work.start(self._runs.review, self._plan, review, on_end=self._decided)

    def _decided(self, record: Record | Refusal) -> None:
        if isinstance(record, Refusal):
            self._refuse(record.message)
            return
        self.table.pairs.put([record])
        self.review.open(record, again=True)
        self._say(f"{counts_text(self.table.pairs.counts)}.")

    def _set_running(self, running: bool) -> None:
        for widget in (self.plan_button, self.run_button, self.folders, self.settings):
            widget.enabled = not running
        self.review.allowed = not running
        self.progress.visible = self.cancel_button.visible = running
        self.progress.value = 0
        self._offer()
        if not running and self._due is not None:
            due, self._due = self._due, None
            self._start(*due)

        if not running and self._runs.busy:
            self._report_due.start()

    def _await_report(self) -> None:
        """Offer the report once the process that was told to stop has written it."""
        if not self._runs.busy:
            self._report_due.stop()
            self._offer()

    def _offer(self) -> None:
        out = self._shown_out
        self.report_button.enabled = out is not None and (out / HTML).exists()

    def _open_report(self) -> None:
        if self._shown_out is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str((self._shown_out / HTML).resolve())))

    def _say(self, html: str) -> None:
        self.message.value = html
        self.message.visible = bool(html)

    def _refuse(self, message: str) -> None:
        from napari.utils.notifications import show_warning

        self._say(escape(message))
        show_warning(message)

    def _leave(self) -> None:
        self._work.leave()
        self.review.leave()
