"""How the frames of a stack are aligned: shown only while a stack is chosen."""

from __future__ import annotations

from magicgui.widgets import ComboBox, Container
from napari.layers import Image

from ..layers.attributes import plane_count
from ..layers.stack_snapshots import is_stack
from ..runs.frame_choice import TO_ANOTHER, TO_ITSELF, FrameChoice


class StackForm(Container):  # type: ignore[type-arg]
    """The choice of what happens to the frames of the moving layer."""

    def __init__(self) -> None:
        self._choices: tuple[FrameChoice, ...] = ()
        self.frames = ComboBox(
            choices=lambda _: list(self._choices),
            nullable=True,
            label="frames",
            tooltip="A stack can be aligned frame by frame, or all of it by the frame on show",
        )
        super().__init__(widgets=[self.frames])
        self.margins = (0, 0, 0, 0)
        self.follow(None, None)

    @property
    def choice(self) -> FrameChoice | None:
        """What is to happen to the frames; None if the moving layer is a single image."""
        chosen: FrameChoice | None = self.frames.value
        return chosen if self._choices else None

    def follow(self, reference: Image | None, moving: Image | None) -> None:
        """Offer what suits the two layers, if the moving one is a stack."""
        choices: tuple[FrameChoice, ...] = ()
        if reference is not None and moving is not None and is_stack(moving):
            choices = TO_ITSELF if reference.unique_id == moving.unique_id else TO_ANOTHER
        if choices != self._choices:
            self._choices = choices
            self.frames.reset_choices()
            self.frames.value = choices[0] if choices else None
        self.visible = bool(choices)


def describe_stack(reference: Image, moving: Image, choice: FrameChoice | None) -> str | None:
    """Return in a sentence what will happen to the frames, or None if there are none."""
    if choice is None:
        if is_stack(reference):
            return "The reference is a stack: its frame on show is used."
        return None
    count = max(plane_count(moving))
    words = choice.words
    if choice.anchor is None and choice.mode == "every frame":
        other = "its own in the reference" if is_stack(reference) else "the reference"
        words = f"every frame to {other}"
    return f"Stack of {count}: {words}."
