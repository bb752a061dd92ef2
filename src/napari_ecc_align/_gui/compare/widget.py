"""The widget that compares two layers in black and white where they lie, aligned here or not."""

from __future__ import annotations

from functools import partial
from html import escape
from typing import Any

import napari
from magicgui.widgets import CheckBox, ComboBox, Container, Label
from napari.layers import Labels, Layer

from ..._compare.binary import ONLY_MOVING, ONLY_REFERENCE, Comparison
from ..layers.attributes import METADATA_KEY, layer_with_id
from ..layers.comparison_layers import NOT_COMPARED, label_colours, renew
from ..layers.snapshots import LayerSnapshot, snapshot
from ..layers.world import start_between
from ..shared.background import Background
from ..shared.docks import EndsWithItsDock
from ..shared.html import MEANINGS, OUTSIDE_MEANING, legend, legend_outside, table
from ..shared.keyboard import Keys, tab_from_top_to_bottom
from ..shared.labels import fill_width
from ..shared.layer_pair import LayerPair
from ..shared.ready import make_ready
from ..shared.refusal import refusals_to
from ..shared.rows import Form, button, timer
from ..shared.scrolling import scroll_all
from ..shared.threshold_settings import ThresholdSettings
from ..shared.watching import Watch
from .steps import compare_steps

_PAUSE_MS = 150
_PLACE = ("data", "scale", "translate", "rotate", "shear", "affine", "units")
_BOTH = "both"
_MEANINGS = {**MEANINGS, NOT_COMPARED: OUTSIDE_MEANING}


class CompareWidget(Container):  # type: ignore[type-arg]
    """Binarise two image layers and count and show where they differ, without aligning them.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        The viewer whose layers are compared; napari passes it.
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        self._viewer = napari_viewer
        self._work = Background(self._ended, self._say, "comparison")
        self._again = self._started = False
        self._watched: list[Layer] = []
        self._map_id: object = None
        self.pair = LayerPair(napari_viewer)
        self.settings = ThresholdSettings()
        self.kind_shown = ComboBox(
            choices=(_BOTH, *MEANINGS.values()),
            value=_BOTH,
            label="show",
            tooltip="Which differing pixels are drawn",
        )
        self.live = CheckBox(
            value=True,
            text="follow changes",
            tooltip="Compare again as soon as a setting, a layer's place or the slice changes",
        )
        self.compare_button = button(
            "Compare", "Count and show where the two differ, as they lie (Return)", self.run
        )
        self.results = Label(value="", visible=False)
        super().__init__(
            widgets=[
                self.pair,
                self.settings,
                Form(self.kind_shown),
                self.live,
                self.compare_button,
                self.results,
            ],
            labels=False,
        )
        self._arrange()

    @property
    def running(self) -> bool:
        """Whether a comparison is under way or about to be."""
        return self._work.running or self._timer.isActive()

    def run(self) -> None:
        """Compare the chosen layers in a worker thread."""
        self._started = True
        self._timer.stop()
        if self._work.running:
            self._again = True
            return
        with refusals_to(self._say):
            fixed, other = (snapshot(layer, self._viewer) for layer in self.pair.chosen())
            self._work.start(
                compare_steps,
                fixed.data,
                other.data,
                start_between(fixed.grid, other.grid),
                self.settings.chosen(),
                on_end=partial(self._put, fixed, other),
            )

    def _arrange(self) -> None:
        fill_width(self.results)
        scroll_all(self.native)
        tab_from_top_to_bottom(self.native)
        self._keys = Keys(self.native, self.run)
        self._timer = timer(self.native, self.run, _PAUSE_MS)
        self.settings.changed.connect(self._changed)
        self.pair.changed.connect(self._follow_pair)
        self.kind_shown.changed.connect(self._show_chosen)
        Watch(self.native).begin(self._stepped, self._viewer.dims.events.point)
        self._places = Watch(self.native)
        make_ready(self.native)
        EndsWithItsDock(self, self._viewer)
        self.native.destroyed.connect(self._work.leave)
        self._follow_pair()

    def _changed(self, _: object = None) -> None:
        """Compare again soon, once a person has asked for it at all."""
        if self._started and self.live.value:
            self._timer.start()

    def _stepped(self, _: object = None) -> None:
        if any(layer.ndim > 2 for layer in self._watched):
            self._changed()

    def _follow_pair(self, _: object = None) -> None:
        self._places.end()
        reference, moving = self.pair.reference.value, self.pair.moving.value
        self._watched = list({id(x): x for x in (reference, moving) if x is not None}.values())
        for layer in self._watched:
            self._places.begin(self._changed, *(getattr(layer.events, name) for name in _PLACE))
        self.settings.suit(reference, moving)
        self._changed()

    def _ended(self, running: bool) -> None:
        if not running and self._again:
            self._again = False
            self.run()

    def _put(self, reference: LayerSnapshot, moving: LayerSnapshot, found: Comparison) -> None:
        note = {
            "compared": [reference.name, moving.name],
            "method": found.method,
            "different": found.different,
            "iou": found.iou,
            "dice": found.dice,
        }
        options: dict[str, Any] = {**reference.grid.placement, "metadata": {METADATA_KEY: note}}
        layer = self._map()
        if layer is None:
            layer = self._viewer.add_labels(
                found.labels,
                name="binary difference",
                colormap=label_colours(),
                # napari's status bar says it under the pointer.
                features={"index": [*_MEANINGS], "meaning": [*_MEANINGS.values()]},
                **options,
            )
            self._map_id = layer.unique_id
        else:
            renew(layer, found.labels, options)
        self._show_chosen()
        self.settings.start_by_hand_at(found.thresholds)
        self.results.value = _as_html(found)
        self.results.visible = True

    def _map(self) -> Labels | None:
        return layer_with_id(self._viewer, self._map_id)

    def _show_chosen(self, _: object = None) -> None:
        layer = self._map()
        if layer is not None:
            chosen = {words: label for label, words in MEANINGS.items()}.get(self.kind_shown.value)
            layer.selected_label = chosen or ONLY_REFERENCE
            layer.show_selected_label = chosen is not None

    def _say(self, message: str) -> None:
        self.results.value = escape(message)
        self.results.visible = True


def _as_html(found: Comparison) -> str:
    rows = [
        (legend(ONLY_REFERENCE), f"{found.only_reference:,}"),
        (legend(ONLY_MOVING), f"{found.only_moving:,}"),
        (legend_outside(), f"{found.labels.size - found.compared:,}"),
        ("differing pixels", f"{found.different:,}"),
        ("share of overlap", f"{found.fraction:.2%}"),
        ("pixels compared", f"{found.compared:,}"),
        ("IoU", f"{found.iou:.3f}"),
        ("Dice", f"{found.dice:.3f}"),
    ]
    names = ("threshold of reference", "threshold of moving")
    for name, value in zip(names, found.thresholds, strict=True):
        if value is not None:
            rows.append((name, f"{value:.4g}"))
    return table(
        f'<tr><td>{label}</td><td align="right"><b>{value}</b></td></tr>' for label, value in rows
    )
