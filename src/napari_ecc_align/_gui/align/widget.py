"""The widget: two layers, one button, and what came of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from threading import Event
from typing import Literal

import napari
from magicgui.widgets import Container, Label, ProgressBar, PushButton
from napari.layers import Image
from napari.utils.notifications import show_warning

from ..._align.progress import FrameProgress, Progress
from ..._common.errors import InputError
from ..._compare.inspection import Inspection
from ..._transform.matrices import MotionModel
from ..layers.world import start_between
from ..results.actions import BLINK_KEY
from ..results.panel import ResultPanel
from ..runs.basis import MODEL, OTHER_AXES, PAIR, Basis, pair_basis
from ..runs.finished_run import FinishedRun
from ..runs.in_worker import run_steps
from ..runs.task import Parameters, Task
from ..shared.access import KeptFocus
from ..shared.background import Background
from ..shared.collapsible import CollapsiblePart
from ..shared.docks import EndsWithItsDock
from ..shared.help_window import open_help
from ..shared.keyboard import Keys, anywhere_in, tab_from_top_to_bottom
from ..shared.labels import align_names, fill_width
from ..shared.layer_pair import LayerPair
from ..shared.ready import make_ready
from ..shared.refusal import Refusal, refusals_to
from ..shared.remembered_settings import remember
from ..shared.rows import row, timer
from ..shared.scrolling import Scroll, ScrollsWhereLow
from ..shared.watching import Watch
from .controls import BAR_INTERVAL, begin_buttons, end_buttons, model_choice, name_stage
from .next_steps import NextSteps, begin_dragging, draw_region, mark_points
from .plan import describe_pair
from .preview import FramePreview, Preview, preview_of
from .region_and_start import POINTS, RegionAndStartForm
from .settings import SettingsForm
from .stack_form import StackForm


class AlignWidget(Container):  # type: ignore[type-arg]
    """Align one image layer to another, show the difference, and say whether to trust it.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        The viewer whose layers are aligned; napari passes it.
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        self._viewer = napari_viewer
        self._work = Background(self._set_running)
        self._told = 0.0
        self._preview: Preview | FramePreview | None = None
        self._enough = Event()
        self.model = model_choice()
        self.pair = LayerPair(napari_viewer, self.model)
        self.stack = StackForm(napari_viewer)
        self.plan = Label(value="")
        self.align_button, self.judge_button = begin_buttons()
        self.cancel_button, self.keep_button, self._ends = end_buttons()
        self.progress = ProgressBar(max=1000, value=0)
        self.settings = SettingsForm()
        self.where = RegionAndStartForm(napari_viewer)
        self.steps = NextSteps(
            self._align_as, self._align_by_edges, self._mark, self._drag, self._draw
        )
        self.after = ResultPanel(
            napari_viewer, self._follow_threshold, self.steps, self.steps.follow
        )
        self.help = PushButton(text="Help", tooltip="What all of this means, with pictures")
        super().__init__(
            widgets=[
                self.pair,
                self.stack,
                self.plan,
                row(self.align_button, self.judge_button),
                self.progress,
                self._ends,
                self.after,
                self.help,
            ],
            labels=False,
        )
        self._focus = KeptFocus(self.native)
        self._soon = timer(self.native, self._look)
        self._chosen = Watch(self.native)
        self._arrange()
        remember("align", {"model": self.model, **self.settings.kept})
        self._connect()
        self._set_running(False)
        self._tell_plan()

    @property
    def running(self) -> bool:
        """Whether an alignment is under way."""
        return self._work.running

    def parameters(self) -> Parameters:
        """Return what is chosen.

        Raises
        ------
        InputError
            If the epsilon or the precision is not a number, or a value cannot be used.
        """
        return self.settings.chosen(self.model.value)

    def run(self) -> None:
        """Start aligning the chosen layers in a worker thread."""
        self._try(self._start)

    def _try(self, start: Callable[[], object]) -> None:
        if self.running:
            return
        with refusals_to(self._refuse):
            start()

    def judge(self) -> None:
        """Start judging the chosen layers where they lie, in a worker thread."""
        self._try(self._start_judging)

    def cancel(self) -> None:
        """Stop the alignment that is under way, if any; nothing is added."""
        self._work.cancel()

    def keep(self) -> None:
        """Stop the alignment of a film that is under way, with the frames that are done."""
        self._enough.set()

    def _arrange(self) -> None:
        self.folds = {
            "Where": CollapsiblePart(
                "Region and start",
                self.where.native,
                self.native,
                tooltip="Compare only a part of the images; say where the search begins",
            ),
            "Settings": CollapsiblePart(
                "Settings",
                self.settings.native,
                self.native,
                tooltip="What is made of the result, how it is compared, how the search runs",
            ),
        }
        # What a run needs stays in sight where there is room, the rest scrolls below it.
        below = [*self.folds.values(), self.after.native, self.help.native]
        self._scroll = Scroll(below, self.native)
        self.native.layout().addWidget(self._scroll)
        top = [each.native for each in (self.pair, self.stack, self.plan)]
        in_order = partial(tab_from_top_to_bottom, self.native)
        ScrollsWhereLow(self.native, top, self._scroll, in_order)
        tab_from_top_to_bottom(self.native)
        self._keys = Keys(self.native, self.run, self._work.cancel)
        fill_width(self.plan)
        align_names(self.native, [box.label for box in (*self.pair, *self.stack)])
        for form in (self.where, self.settings):
            align_names(form.native, form.names)

    def _connect(self) -> None:
        self.align_button.changed.connect(self.run)
        self.judge_button.changed.connect(self.judge)
        self.cancel_button.changed.connect(self.cancel)
        self.keep_button.changed.connect(self.keep)
        self.where.drag.changed.connect(self._drag)
        self.where.draw.changed.connect(self._draw)
        self.where.mark.changed.connect(self._mark)
        self.help.changed.connect(lambda: open_help(self.native))
        for plan in (
            self.pair.reference,
            self.pair.moving,
            *self.stack,
            self.settings.output,
            self.where.region,
            self.where.moving_region,
            self.where.start,
            self.where.reference_points,
            self.where.moving_points,
        ):
            plan.changed.connect(self._tell_plan)
        for choice in (self.pair, self.stack, self.where, self.settings):
            choice.changed.connect(self._compare_with_choice)
        Watch(self.native).layer_list(self._viewer, self._look_soon)
        dims = self._viewer.dims.events
        Watch(self.native).begin(self._look_soon, dims.point, dims.axis_labels)
        # napari's own keys are for its canvas alone.
        self._viewer.bind_key(BLINK_KEY, self.after.toggle_blink, overwrite=True)
        anywhere_in(self.native, BLINK_KEY.replace("-", "+"), self.after.toggle_blink)
        make_ready(self.native)
        EndsWithItsDock(self, self._viewer)
        self.native.destroyed.connect(self._leave)

    def _start(self) -> None:
        reference, moving = self.pair.chosen(stack_to_itself=True)
        task = self._task(reference, moving)
        self._preview = preview_of(moving, task, self._viewer)
        self._begin(task)

    def _start_judging(self) -> None:
        reference, moving = self.pair.chosen()
        fixed, frames = self.stack.on_show(reference, moving)
        but = (*self.stack.ignored(many=False), OTHER_AXES, MODEL, "the start")
        self._begin(
            Task(
                (reference.unique_id, moving.unique_id),
                fixed,
                frames,
                self.parameters(),
                start_between(fixed.grid, frames.shown.grid),
                self.where.regions(fixed, frames, frames=False, many=False),
                judged=True,
                basis=self._depends_on(*but, *self.settings.basis()),
            )
        )

    def _begin(self, task: Task) -> None:
        task.check()
        self._enough = task.enough
        self._work.start(
            run_steps,
            task,
            on_step=self._advance,
            on_end=self._end,
            on_cancel=lambda: self.after.say("Cancelled: nothing was changed."),
        )

    def _task(self, reference: Image, moving: Image) -> Task:
        choice, fixed, frames, others = self.stack.taken(reference, moving)
        itself = choice is not None and choice.anchor is not None
        every = choice is not None and choice.mode == "every frame"
        many = itself or others is not None
        return Task(
            (reference.unique_id, moving.unique_id),
            fixed,
            frames,
            self.parameters(),
            None if itself else self.where.initial(fixed, frames.shown),
            self.where.regions(fixed, frames, frames=every, many=many),
            choice,
            others,
            basis=self._depends_on(
                *self.stack.ignored(many=many),
                # Of a single image the result follows it.
                *["the interpolation"] * (choice is None),
            ),
        )

    def _basis(self) -> Basis:
        """Return what a result depends on, in words, and what it is now."""
        reference, moving = self.pair.reference.value, self.pair.moving.value
        if reference is None or moving is None:
            return {PAIR: None}
        return {
            **pair_basis(reference, moving, self._viewer),
            MODEL: self.model.value,
            "the frames": (self.stack.choice, self.stack.axes.value),
            "the channel": self.stack.look,
            **self.where.basis(),
            **self.settings.basis(),
        }

    def _depends_on(self, *but: str) -> Basis:
        return {words: was for words, was in self._basis().items() if words not in but}

    def _look(self) -> None:
        self._tell_plan()
        self._compare_with_choice()

    def _compare_with_choice(self) -> None:
        """Let the panel tell whether its result is that of what is chosen."""
        if self.running:
            return
        layers = [self.pair.reference.value, self.pair.moving.value, *self.where.marked]
        self._chosen.end()
        self._chosen.begin(self._look_soon, *(each.events for each in layers if each is not None))
        # A number may be half typed; Align will complain of it.
        parameters = None
        with suppress(InputError):
            parameters = self.parameters()
        self.after.follow(self._basis(), parameters)

    def _look_soon(self, _: object = None) -> None:
        self._soon.start()

    def _end(self, run: FinishedRun | Refusal) -> None:
        self._end_preview()
        with refusals_to(self._refuse):
            if isinstance(run, Refusal):
                raise InputError(run.message)
            self.after.present(run)
            self.after.follow(self._basis())
            self._scroll.bring(self.after.results.native)

    def _advance(self, step: Progress) -> None:
        if self._preview is not None:
            self._preview.tell(step)
        # Qt draws a bar at once, which takes as long as a frame of a film.
        if not isinstance(step, FrameProgress) or time.monotonic() - self._told >= BAR_INTERVAL:
            self.progress.value = round(step.fraction * self.progress.max)
            name_stage(self.progress, step.stage)
            self._told = time.monotonic()

    def _set_running(self, running: bool) -> None:
        self._focus.through(running, lambda: self._show_running(running))

    def _show_running(self, running: bool) -> None:
        self.align_button.enabled = self.judge_button.enabled = not running
        self.progress.visible = self._ends.visible = running
        self.keep_button.visible = running and isinstance(self._preview, FramePreview)
        self.progress.value = 0
        if not running:
            self._end_preview()
        self.after.work(running)
        self._look_soon()

    def _end_preview(self) -> None:
        if self._preview is not None:
            self._preview.remove()
        self._preview = None

    def _refuse(self, message: str) -> None:
        if self.where.start.value == POINTS:
            # What is wrong may be in there, and nobody would look.
            self.folds["Where"].expand(animate=False)
        self.after.say(message, self._basis())
        show_warning(message)

    def _follow_threshold(self, seen: Inspection) -> None:
        self.settings.threshold.start_by_hand_at(seen.after.thresholds)

    def _tell_plan(self) -> None:
        """Say at once what is special about the two layers."""
        reference, moving = self.pair.reference.value, self.pair.moving.value
        self.settings.threshold.suit(reference, moving)
        self.stack.follow(reference, moving)
        self.settings.suit_volumes(self.stack.in_three_axes, self.stack.volume)
        notes: list[str | None] = []
        try:
            pair = self.pair.chosen(stack_to_itself=True)
            notes = describe_pair(*pair, self.stack, self.settings.output.value)
        except InputError as error:
            # That nothing is chosen yet is seen.
            notes = [] if reference is None or moving is None else [str(error)]
        # While a run shows the moving layer elsewhere, that is nothing to tell of.
        if self._preview is None:
            self.plan.value = " ".join(note for note in (*notes, self.where.region_note()) if note)
        self.plan.visible = bool(self.plan.value)

    def _align_as(self, model: MotionModel | Literal["smooth"]) -> None:
        self.model.value = model
        if model == "smooth":
            # A field can do nothing else.
            self.settings.output.value = "resample"
        self.run()

    def _align_by_edges(self) -> None:
        self.settings.compare_edges_too()
        self.run()

    def _by_hand(self, begin: Callable[[Image, Image], str]) -> None:
        """Begin what a person goes on with in the viewer, and say how."""

        def start() -> None:
            message = begin(*self.pair.chosen(stack_to_itself=True))
            self.folds["Where"].expand(animate=False)
            self.after.say(message, self._basis())

        self._try(start)

    def _mark(self) -> None:
        axes = 3 if self.stack.in_three_axes else 2
        self._by_hand(partial(mark_points, self._viewer, self.where, axes))

    def _draw(self) -> None:
        self._by_hand(partial(draw_region, self._viewer, self.where))

    def _drag(self) -> None:
        layer = self.pair.moving.value
        if layer is None:
            self._refuse("Choose a moving layer first.")
        else:
            self.after.say(begin_dragging(self._viewer, layer), self._basis())

    def _leave(self) -> None:
        self._work.leave()
        self.after.leave()
        # Unless a later form has taken it.
        for key in [k for k, do in self._viewer.keymap.items() if do == self.after.toggle_blink]:
            self._viewer.bind_key(key, None)
