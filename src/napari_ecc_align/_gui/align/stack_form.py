"""How a stack is aligned, and what its axes hold: shown only while a stack is chosen."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import permutations

import numpy as np
from magicgui.widgets import ComboBox, Container
from napari.components import ViewerModel
from napari.layers import Image

from ..._common.errors import InputError
from ..._images.stack_axes import ROLES, Z_IS_NOT_SEARCHED, Role, StackAxes
from ..layers.attributes import axes_of, say_axes
from ..layers.snapshots import (
    MEAN,
    ON_SHOW,
    Channel,
    LayerSnapshot,
    shown_index,
    snapshot,
    volume_snapshot,
)
from ..layers.stack_snapshots import (
    StackSnapshot,
    is_stack,
    single_frame,
    stack_snapshot,
    volume_film_snapshot,
)
from ..layers.world import PixelGrid, layer_grid, unit_of
from ..runs.basis import MOVING_PLANE, OF_VOLUMES, OTHER_AXES, REFERENCE_PLANE
from ..runs.frame_choice import (
    AS_VOLUME,
    OF_CHANNELS,
    FrameChoice,
    are_volumes,
    choices,
    is_volume_film,
    unlike,
)


class StackForm(Container):  # type: ignore[type-arg]
    """The choice of what the axes of the moving layer hold, and what happens to its frames."""

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self._moving: Image | None = None
        self._reference: Image | None = None
        self._meanings: list[tuple[str, tuple[Role, ...]]] = []
        self._choices: tuple[FrameChoice, ...] = ()
        self._looks: list[tuple[str, Channel]] = []
        self.axes = ComboBox(
            choices=lambda _: self._meanings,
            label="axes",
            tooltip="What the axes of the moving layer hold. Frames of time and planes of depth "
            "are aligned each for itself; the channels of an image move together",
        )
        self.frames = ComboBox(
            choices=lambda _: list(self._choices),
            label="align",
            tooltip="A stack can be aligned frame by frame, or all of it by the frame on show; "
            "two volumes as such, along z too; channels move together, or each for itself "
            "(chromatic shift)",
        )
        self.channel = ComboBox(
            choices=lambda _: self._looks,
            label="channel",
            tooltip="Which channel is looked at to find the transform of all channels",
        )
        super().__init__(widgets=[self.axes, self.frames, self.channel])
        self.margins = (0, 0, 0, 0)
        self.axes.changed.connect(self._say)
        self.follow(None, None)

    @property
    def choice(self) -> FrameChoice | None:
        """What is to happen to the frames; None if the moving layer is a single image."""
        chosen: FrameChoice | None = self.frames.value
        return chosen if self._choices else None

    @property
    def volume(self) -> bool:
        """Whether two volumes are aligned as such."""
        return self.choice == AS_VOLUME

    @property
    def in_three_axes(self) -> bool:
        """Whether volumes are aligned: two as such, or every one of a film."""
        return self.volume or self._volumes

    @property
    def _volumes(self) -> bool:
        return self.choice is not None and self.choice.volumes

    @property
    def look(self) -> Channel:
        """Which channel is looked at."""
        choice = self.choice
        if choice is None or choice.channels or choice.mode in ("the frame on show", "one volume"):
            return ON_SHOW
        return ON_SHOW if self.channel.value is None else self.channel.value

    def ignored(self, *, many: bool) -> tuple[str, ...]:
        """Return what a result does not depend on, in words, as the frames are chosen.

        Parameters
        ----------
        many : bool
            Whether frames are aligned to others of their stack, or to those of the reference.
        """
        choice = self.choice
        if self.volume:
            return (MOVING_PLANE, REFERENCE_PLANE, OTHER_AXES)
        if self._volumes:
            planes = (MOVING_PLANE, REFERENCE_PLANE, OTHER_AXES)
            return (*planes, *(OF_VOLUMES if many else OF_VOLUMES[1:]))
        every = choice is not None and choice.mode == "every frame"
        own = MOVING_PLANE if every or choice in OF_CHANNELS else OTHER_AXES
        return (*OF_VOLUMES, own, *[REFERENCE_PLANE] * (many or choice in OF_CHANNELS))

    def taken(
        self, reference: Image, moving: Image
    ) -> tuple[FrameChoice | None, LayerSnapshot, StackSnapshot, StackSnapshot | None]:
        """Return what a run needs of the two layers.

        Returns
        -------
        choice : FrameChoice or None
            What is to happen to the frames; None of a single image, such as the frame on show, or
            of a volume.
        reference : LayerSnapshot
            What is on show of the reference.
        frames : StackSnapshot
            What is aligned.
        references : StackSnapshot or None
            What each frame is aligned to, if it is neither the same for all nor a frame itself.
        """
        viewer, choice = self._viewer, self.choice
        if self.volume:
            return None, *self.on_show(reference, moving), None
        if choice is not None and choice.volumes:
            itself = choice.anchor is not None
            volume = volume_snapshot(reference, viewer, self.look)
            target = None if itself else volume.grid
            frames = volume_film_snapshot(moving, viewer, target=target, channel=self.look)
            return choice, volume, frames, None
        fixed = snapshot(reference, viewer, self.look)
        if choice is None or choice.mode == "the frame on show":
            return None, fixed, single_frame(snapshot(moving, viewer), fixed.grid), None
        take = partial(stack_snapshot, viewer=viewer, channel=self.look, channels=choice.channels)
        if choice.anchor is not None:
            return choice, fixed, take(moving), None
        many = _frame_axis(axes_of(reference, viewer), choice) is not None
        others = take(reference) if many and choice.mode == "every frame" else None
        return choice, fixed, take(moving, target=fixed.grid), others

    def on_show(self, reference: Image, moving: Image) -> tuple[LayerSnapshot, StackSnapshot]:
        """Return the planes of two layers that are on show, or where z counts the volumes."""
        take = volume_snapshot if self.in_three_axes else snapshot
        fixed = take(reference, self._viewer)
        return fixed, single_frame(take(moving, self._viewer), fixed.grid)

    def follow(self, reference: Image | None, moving: Image | None) -> None:
        """Offer what suits the two layers, if the moving one is a stack."""
        stack = reference is not None and moving is not None and is_stack(moving)
        self._moving, self._reference = (moving, reference) if stack else (None, None)
        axes = axes_of(moving, self._viewer) if stack and moving is not None else None
        offered: tuple[FrameChoice, ...] = ()
        if axes is not None and reference is not None and moving is not None:
            itself = reference.unique_id == moving.unique_id
            others = axes_of(reference, self._viewer)
            volume = None if itself else are_volumes(others, axes)
            film = is_volume_film(axes) if itself or volume is not None else None
            offered = choices(axes, itself=itself, volume=volume, film=film)
        meanings, looks = _meanings(axes), _looks(axes)
        if meanings != self._meanings:
            self._meanings = meanings
            with self.axes.changed.blocked():
                self.axes.reset_choices()
        if axes is not None:
            with self.axes.changed.blocked():
                self.axes.value = axes.roles
        if offered != self._choices:
            self._choices = offered
            self.frames.reset_choices()
            if offered:
                self.frames.value = offered[0]
        if looks != self._looks:
            self._looks = looks
            self.channel.reset_choices()
            if looks:
                self.channel.value = ON_SHOW
        chosen = self.choice
        together = chosen is None or not (chosen.channels or self.volume)
        self.channel.visible = bool(looks) and together
        self.visible = bool(offered)

    def described(self, reference: Image, moving: Image) -> str | None:
        """Return in words what will happen to the frames, or None if there are none."""
        choice, axes = self.choice, axes_of(moving, self._viewer)
        others = axes_of(reference, self._viewer)
        if choice is None:
            if others.long:
                return f"The reference is a stack: its {_shown(others)} on show is used."
            return None
        if self.volume:
            return self._described_volume(reference, moving)
        if choice.volumes:
            return self._described_film(reference, moving, axes, choice)
        along, pairs = _frame_axis(axes, choice), _frame_axis(others, choice)
        one = "channel" if choice.channels else _shown(axes)
        words, every = choice.words, choice.mode == "every frame"
        if choice.anchor is None and every:
            other = "the reference" if pairs is None else "its own in the reference"
            words = f"every {one} to {other}"
        said = [f"Stack of {axes}: {words}{self._looked_at(moving, axes, choice)}."]
        if every and choice.anchor is None and along is not None and pairs is not None:
            lengths = others.lengths[pairs], axes.lengths[along]
            if lengths[0] != lengths[1]:
                said = [f"Stack of {axes}.", unlike(*lengths, f"{one}s")]
        if axes.guessed:
            said.append("This is guessed, as its axes have no names; choose under axes.")
        if one == "plane" and every:
            said.append(Z_IS_NOT_SEARCHED)
        return " ".join(said)

    def _described_volume(self, reference: Image, moving: Image) -> str:
        grids = [layer_grid(layer, 3) for layer in (reference, moving)]
        thick = [_planes(grid) for grid in grids]
        other = f" onto {thick[0]}" * (thick[0] != thick[1])
        said = f"Volume, {thick[1]}{other}; z is searched."
        if all(unit_of(grid) is None and np.ptp(grid.sizes) == 0 for grid in grids):
            said += " Voxels are taken for cubes; if they are none, set the layers' scale."
        axes = axes_of(moving, self._viewer)
        if axes.long[:-1]:
            shown = shown_index(moving, self._viewer)
            by = [f"{axes.noun(axis, many=False)} {shown[axis]}" for axis in axes.long[:-1]]
            said += f" By {' and '.join(by)} (on show); Apply to layers gives it to all."
        if any(axes_of(layer, self._viewer).guessed for layer in (reference, moving)):
            said += " That the planes are depth is guessed; choose under axes."
        return said

    def _described_film(
        self, reference: Image, moving: Image, axes: StackAxes, choice: FrameChoice
    ) -> str:
        assert axes.along is not None
        to = "the reference" if choice.anchor is None else choice.words.partition(" to ")[2]
        count = axes.lengths[axes.along]
        said = (
            f"Film of {count} volumes, {_planes(layer_grid(moving, 3))}: every one to {to}"
            f"{self._looked_at(moving, axes, choice)}; z is searched."
        )
        if choice.anchor is None and axes_of(reference, self._viewer).long[:-1]:
            said += " The volume on show of the reference is used."
        if axes.guessed:
            said += " That the axes are time and depth is guessed; choose under axes."
        return said

    def _looked_at(self, moving: Image, axes: StackAxes, choice: FrameChoice) -> str:
        """Return by which channel the others are aligned, if there are others."""
        if axes.channels is None or choice.channels or choice.mode == "the frame on show":
            return ""
        which = "the mean of all channels" if self.look == MEAN else f"channel {self.look}"
        if self.look == ON_SHOW:
            with suppress(InputError):
                shown = shown_index(moving, self._viewer)[axes.channels]
                which = f"channel {shown} (on show)"
        return f", by {which}" + "; channels move together" * (choice not in OF_CHANNELS)

    def _say(self, roles: tuple[Role, ...] | None) -> None:
        moving, reference = self._moving, self._reference
        if moving is None or reference is None or roles is None:
            return
        say_axes(moving, roles)
        others = axes_of(reference)
        if len(others.roles) == len(roles) and not any(others.names):
            # Two stacks of a kind: a person would expect to say it once.
            say_axes(reference, roles)


def _meanings(axes: StackAxes | None) -> list[tuple[str, tuple[Role, ...]]]:
    """Return what the axes of a stack may hold, in words and as roles."""
    if axes is None:
        return []
    count = len(axes.long)
    roles = [*ROLES[:3], *[ROLES[3]] * (count - 3)]
    found = []
    for held in dict.fromkeys(permutations(roles, count)):
        own = list(axes.roles)
        for axis, role in zip(axes.long, held, strict=True):
            own[axis] = role
        meant = replace(axes, roles=tuple(own))
        words = ", ".join(meant.counted(axis) for axis in axes.long)
        found.append((words, meant.roles))
    if axes.roles not in [own for _, own in found]:
        words = ", ".join(axes.counted(axis) for axis in axes.long)
        found.append((words, axes.roles))
    return found


def _looks(axes: StackAxes | None) -> list[tuple[str, Channel]]:
    """Return which channels may be looked at, in words and as they are."""
    if axes is None or axes.channels is None:
        return []
    numbers = range(axes.lengths[axes.channels])
    return [(f"the one {ON_SHOW}", ON_SHOW), (MEAN, MEAN), *((str(n), n) for n in numbers)]


def _planes(grid: PixelGrid) -> str:
    """Return how many planes a volume has, and how far apart they are if that is known."""
    unit, apart = unit_of(grid), f"{grid.sizes[0]:.4g}"
    told = f" of {apart} {unit}" if unit else f" of {apart}" if apart != "1" else ""
    return f"{grid.shape[0]} planes{told}"


def _frame_axis(axes: StackAxes, choice: FrameChoice) -> int | None:
    return axes.channels if choice.channels else axes.along


def _shown(axes: StackAxes) -> str:
    return axes.noun(axes.channels if axes.along is None else axes.along, many=False)
