"""How images are binarised, as a person chooses it: a method and the parameters it has."""

from __future__ import annotations

from typing import Any

from magicgui.widgets import ComboBox, FloatSlider, FloatSpinBox, SpinBox
from magicgui.widgets.bases import ValueWidget
from napari.layers import Image

from ..._compare.thresholding import LOCAL_METHODS, METHODS_WITH_K, THRESHOLD_METHODS, Thresholding
from .rows import Form

MANUAL = "by hand"


class ThresholdSettings(Form):
    """A threshold method and, below it, just the parameters that this method has."""

    def __init__(self) -> None:
        self.method = ComboBox(
            choices=(*THRESHOLD_METHODS, MANUAL),
            value="otsu",
            label="threshold",
            tooltip="How both images become black and white: otsu for ink on paper, sauvola "
            "where the light is uneven, by hand to choose the values",
        )
        self.window = SpinBox(
            value=51,
            min=3,
            max=9999,
            step=2,
            label="window, px",
            tooltip="Side of the neighbourhood that each pixel is compared with: wider than "
            "the strokes or spots, narrower than the shadows",
        )
        self.k = FloatSpinBox(
            value=0.2,
            min=-5,
            max=5,
            step=0.05,
            label="k",
            tooltip="How far below the mean of its neighbourhood a pixel must lie: more leaves "
            "fewer pixels dark",
        )
        self.of_reference = FloatSlider(
            label="reference at", tooltip="What lies above this value is white in the reference"
        )
        self.of_moving = FloatSlider(
            label="moving at", tooltip="What lies above this value is white in the moving image"
        )
        super().__init__(self.method, self.window, self.k, self.of_reference, self.of_moving)
        self.method.changed.connect(self._show_what_counts)
        self._show_what_counts()

    @property
    def kept(self) -> dict[str, ValueWidget[Any]]:
        """The widgets whose values are remembered; thresholds by hand are of one pair alone."""
        return {"threshold": self.method, "window": self.window, "k": self.k}

    def suit(self, reference: Image | None, moving: Image | None) -> None:
        """Let the sliders span what two layers hold."""
        for slider, layer in ((self.of_reference, reference), (self.of_moving, moving)):
            if layer is None:
                continue
            low, high = (float(limit) for limit in layer.contrast_limits_range)
            step = (high - low) / 1000
            if step > max(abs(slider.min - low), abs(slider.max - high)) or step <= 0:
                continue
            with slider.changed.blocked():
                # Twice: each is rounded to a whole number of steps as wide as they are then.
                slider.range = (low, high)
                slider.step = step
                slider.range = (low, high)
                slider.value = (low + high) / 2

    def start_by_hand_at(self, thresholds: tuple[float | None, float | None]) -> None:
        """Put the sliders where a method has found the thresholds, unless they are in use."""
        if self.method.value == MANUAL:
            return
        for slider, value in zip((self.of_reference, self.of_moving), thresholds, strict=True):
            if value is not None and slider.min <= value <= slider.max:
                with slider.changed.blocked():
                    slider.value = value

    def chosen(self) -> Thresholding:
        """Return what is chosen."""
        method = self.method.value
        if method == MANUAL:
            values = self.of_reference.value, self.of_moving.value
            return Thresholding(thresholds=values)
        return Thresholding(
            method=method,
            # Windows have a middle pixel; an even number typed in means the next one.
            window_size=self.window.value | 1 if method in LOCAL_METHODS else None,
            k=self.k.value if method in METHODS_WITH_K else None,
        )

    def _show_what_counts(self) -> None:
        method = self.method.value
        self.window.visible = method in LOCAL_METHODS
        self.k.visible = method in METHODS_WITH_K
        self.of_reference.visible = self.of_moving.visible = method == MANUAL
