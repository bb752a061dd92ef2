"""The widget for a whole dataset: plan, run, and look at every pair that wants it."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from html import escape
from pathlib import Path
from typing import Any

import napari
from magicgui.widgets import CheckBox, Container, Label, ProgressBar
from napari.utils.notifications import show_warning
from qtpy.QtCore import QUrl
from qtpy.QtGui import QDesktopServices

from ..._batch.batch import Batch
from ..._batch.records.record import FOLDER, Record
from ..._batch.report.report import HTML
from ..._batch.settings import BatchSettings
from ..._batch.workers.background import BackgroundProcess
from ..._common.errors import InputError
from ..shared.access import KeptFocus
from ..shared.background import Background
from ..shared.collapsible import CollapsiblePart
from ..shared.docks import EndsWithItsDock
from ..shared.help_window import open_help
from ..shared.html import breakable
from ..shared.keyboard import tab_from_top_to_bottom
from ..shared.labels import align_names, fill_width
from ..shared.ready import make_ready
from ..shared.rows import button, row, timer
from ..shared.scrolling import scroll_all
from .form import FolderForm, RunForm, request_of, text_of
from .processes import (
    Decision,
    PairsDone,
    Reopened,
    decide,
    outcome_apart,
    plan_folders,
    reopen_folder,
    run_folders,
)
from .review import ReviewForm
from .table import PairTable
from .texts import plan_text, progress_text

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
        self._viewer = napari_viewer
        self._work = Background(self._set_running, self._refuse)
        self._process = BackgroundProcess()
        self._settings = BatchSettings()
        self._plan: Batch | None = None
        self._shown_out: Path | None = None
        self._fresh, self._began = 0, 0.0
        self._due: Callable[[], None] | None = None
        self.folders = FolderForm()
        self.settings = RunForm()
        self.plan_button = button(
            "See the plan", "Which images belong together; nothing is written", self.see_plan
        )
        self.run_button = button("Run", "", self.run)
        self.progress = ProgressBar(max=1, value=0)
        self.cancel_button = button("Cancel", "Stop; the next run goes on from here", self.cancel)
        self.message = Label(value="")
        self.only_unsure = CheckBox(
            value=False,
            text="only those to look at",
            tooltip="Leave out what is aligned, and what a person has decided on",
        )
        self.review = ReviewForm(napari_viewer, self._decide)
        self.table = PairTable(self.review.open)
        self.report_button = button(
            "Open report", "The report of all pairs, in the browser", self._open_report
        )
        self.help = button(
            "Help",
            "A dataset from the first look to the last",
            lambda: open_help(self.native, "batch.md"),
        )
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
        self._set_running(False)

    @property
    def running(self) -> bool:
        """Whether something is under way."""
        return self._work.running or self.review.busy or self._timer.isActive()

    def see_plan(self) -> None:
        """Pair the images of the chosen folders and say what there is."""
        self._start(plan_folders, self._planned)

    def run(self) -> None:
        """Do every pair that is not done yet, in processes of its own."""
        self._fresh, self._began = 0, time.monotonic()
        self._start(run_folders, self._ended, on_step=self._advance)

    def cancel(self) -> None:
        """Stop what is under way; what is done stays done."""
        if self._work.running:
            self._due = None
            self._say("Stopping…")
        self._work.cancel()

    def _arrange(self) -> None:
        layout = self.native.layout()
        layout.insertWidget(layout.indexOf(self.review.native), self.table)
        fold = CollapsiblePart(
            "Settings",
            self.settings.native,
            self.native,
            tooltip="How pairs are found, how the search runs, what is written",
        )
        layout.insertWidget(layout.indexOf(self._first.native), fold)
        scroll_all(self.native, self.table)
        tab_from_top_to_bottom(self.native)
        self._focus = self.review.focus = KeptFocus(self.native)
        self.run_button.native.setMinimumHeight(_BUTTON_HEIGHT)
        self.plan_button.native.setMinimumHeight(_BUTTON_HEIGHT)
        font = self.run_button.native.font()
        font.setBold(True)
        self.run_button.native.setFont(font)
        fill_width(self.message)
        align_names(self.native, [box.label for box in (*self.folders, *self.settings)])
        self.only_unsure.changed.connect(self.table.show_only_unsure)
        # Every key that is typed is a change.
        self._timer = timer(self.native, self._reopen, _PAUSE_MS)
        self.folders.out.changed.connect(lambda: self._timer.start())
        self._report_due = timer(self.native, self._await_report, _PAUSE_MS)
        make_ready(self.native)
        EndsWithItsDock(self, self._viewer)
        self.native.destroyed.connect(self._work.leave)

    def _start(
        self,
        function: Callable[..., Any],
        on_end: Callable[[Any], object],
        *,
        on_step: Callable[[Any], object] = lambda step: None,
        on_refusal: Callable[[str], object] | None = None,
    ) -> None:
        """Have something done with the chosen folders, in a process."""
        if self._work.running:
            return
        # The folder of results may just have been chosen: first see what is in it.
        if self._timer.isActive() and self._reopen():
            self._due = partial(self._start, function, on_end, on_step=on_step)
            return
        try:
            request = request_of(self.folders, self.settings, self._settings)
        except InputError as error:
            self._refuse(str(error))
            return
        if request.out != self._shown_out:
            self.table.pairs.clear()
            self.review.forget()
            self._shown_out = request.out
        self._say("Looking at the files…")
        self._work.start(
            outcome_apart,
            self._process,
            function,
            request,
            on_step=on_step,
            on_end=on_end,
            on_refusal=on_refusal,
            on_cancel=self._cancelled,
        )

    def _advance(self, step: Batch | PairsDone | None) -> None:
        if isinstance(step, Batch):
            self._keep(step)
            self._say(f"{self._plan_words()}<br>Starting…")
        elif step is not None:
            self.table.pairs.put(step.records)
            self._fresh += step.fresh
            self.progress.value = step.counts.done
            seconds = time.monotonic() - self._began
            self._say(progress_text(step.counts, step.total, self._fresh, seconds))

    def _planned(self, plan: Batch, before: str = "") -> None:
        self._keep(plan)
        self._say(f"{before}{self._plan_words()}")

    def _ended(self, _: object) -> None:
        self._say(f"Done: {self.table.pairs.counts_in_words}.")

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
        text = text_of(self.folders.out)
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
            outcome_apart,
            self._process,
            reopen_folder,
            out,
            on_step=lambda found: self.table.pairs.put(found if isinstance(found, list) else []),
            on_end=partial(self._reopened, out),
            on_cancel=lambda: self._say(""),
        )
        return True

    def _reopened(self, out: Path, found: Reopened) -> None:
        self._shown_out = out
        self._keep(found.plan)
        said = f"An earlier run: {self.table.pairs.counts_in_words}."
        if found.settings is not None:
            self._settings = found.settings
            self.folders.model.value = found.settings.model
            self.settings.doubtful.value = found.settings.doubtful
        if self.folders.empty and found.folders is not None:
            self.folders.fill(found.folders)
        if self.folders.empty:
            self._say(f"{said} It was not made from folders: the command goes on with it.")
        else:
            # What is not done yet is in no record.
            self._due = self._due or partial(
                self._start,
                plan_folders,
                partial(self._planned, before=f"{said}<br>"),
                on_refusal=lambda message: self._say(f"{said}<br>{escape(message)}"),
            )

    def _keep(self, plan: Batch) -> None:
        self._plan = plan
        self.review.plan = plan
        self.progress.max = max(1, len(plan.pairs))
        self._offer()

    def _plan_words(self) -> str:
        assert self._plan is not None
        done = sum(pair.name in self.table.pairs for pair in self._plan.pairs)
        return plan_text(self._plan, done)

    def _decide(self, decision: Decision) -> None:
        """Carry out what a person has decided on the open pair."""
        if self._work.running or self._plan is None:
            return
        self._say("Writing…")
        self._work.start(
            outcome_apart,
            self._process,
            decide,
            decision,
            on_end=self._decided,
        )

    def _decided(self, record: Record) -> None:
        self.table.pairs.put([record])
        self.review.open(record, again=True)
        what = record.review.decision if record.review else record.outcome
        counts = self.table.pairs.counts_in_words
        self._say(f"{breakable(record.name)}: {what}. All pairs: {counts}.")

    def _set_running(self, running: bool) -> None:
        self._focus.through(running, lambda: self._show_running(running))

    def _show_running(self, running: bool) -> None:
        for widget in (self.plan_button, self.run_button, self.folders, self.settings):
            widget.enabled = not running
        self.review.allow(not running)
        self.progress.visible = self.cancel_button.visible = running
        self.progress.value = 0
        self._offer()
        if not running and self._due is not None:
            due, self._due = self._due, None
            due()
        if not running and self._process.busy:
            self._report_due.start()

    def _await_report(self) -> None:
        """Offer the report once the process that was told to stop has written it."""
        if self._process.busy:
            self._report_due.start()
        else:
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
        self._say(escape(message))
        show_warning(message)
