"""What the axes before an image's rows and columns hold: frames, planes, channels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from .._common.errors import InputError

Axis = int | str
"""An axis by its number, from the end if it is negative, or by its name."""
Role = Literal["frames", "planes", "channels", "other"]
ROLES: tuple[Role, ...] = get_args(Role)
Z_IS_NOT_SEARCHED = "Each plane is aligned in x and y only; z is not searched."

_NAMES: dict[str, Role] = {
    **dict.fromkeys(("t", "time", "frame", "frames"), "frames"),
    **dict.fromkeys(("z", "depth", "plane", "planes", "slice", "slices"), "planes"),
    **dict.fromkeys(("c", "ch", "channel", "channels", "band", "bands"), "channels"),
}
# A longer axis that has no name is hardly one of channels.
_MOST_CHANNELS = 5


@dataclass(frozen=True)
class StackAxes:
    """The axes before an image's rows and columns, and what each of them holds.

    Attributes
    ----------
    lengths : tuple of int
        How many images there are along each.
    names : tuple of str
        What each is called; nothing where nobody says.
    roles : tuple of str
        "frames", "planes" of depth, "channels" or "other". The channels of an image move together.
    guessed : bool
        Whether a role was told from nothing but the lengths.

    Examples
    --------
    >>> from napari_ecc_align._images.stack_axes import stack_axes
    >>> axes = stack_axes((3, 5), ("c", "t"))
    >>> axes.along, axes.channels, str(axes)
    (1, 0, '5 frames (t) of 3 channels (c)')
    """

    lengths: tuple[int, ...]
    names: tuple[str, ...]
    roles: tuple[Role, ...]
    guessed: bool = False

    @property
    def long(self) -> list[int]:
        """The axes along which there is more than one image."""
        return [axis for axis, length in enumerate(self.lengths) if length > 1]

    @property
    def along(self) -> int | None:
        """The axis each of whose images has a transform of its own; None of one image."""
        order: tuple[Role, ...] = ("frames", "planes", "other")
        moved = [axis for axis in self.long if self.roles[axis] in order]
        return min(moved, key=lambda axis: order.index(self.roles[axis]), default=None)

    @property
    def channels(self) -> int | None:
        """The axis of the channels, if there are several."""
        return next((axis for axis in self.long if self.roles[axis] == "channels"), None)

    def noun(self, axis: int | None, *, many: bool = True) -> str:
        """Return what an image along an axis is called: a frame, a plane, a channel."""
        role = "frames" if axis is None or self.roles[axis] == "other" else self.roles[axis]
        return role if many else role[:-1]

    def counted(self, axis: int) -> str:
        """Return how many images there are along an axis, in words: "5 frames"."""
        count = self.lengths[axis]
        if self.roles[axis] == "other":
            return f"{count} along {self.label(axis)}"
        return f"{count} {self.noun(axis, many=count != 1)}"

    def label(self, axis: int) -> str:
        """Return the name of an axis, or its number."""
        return self.names[axis] or f"axis {axis}"

    def __str__(self) -> str:
        channels = self.channels
        rest = sorted(
            (axis for axis in self.long if axis != channels), key=lambda a: a != self.along
        )
        parts = [f"{self.counted(axis)} ({self.label(axis)})" for axis in rest]
        said = " x ".join(parts)
        if channels is not None:
            own = f"{self.counted(channels)} ({self.label(channels)})"
            return f"{said} of {own}" if said else own
        return said


def stack_axes(
    lengths: Sequence[int],
    names: Sequence[str] = (),
    said: Mapping[int, Role] | None = None,
    alone: Role = "frames",
) -> StackAxes:
    """Return what axes hold, by what is said of them, by their names, or else by a guess.

    Parameters
    ----------
    lengths : sequence of int
        How many images there are along each axis before rows and columns.
    names : sequence of str, optional
        As many; those that are no words, such as napari's "-3", say nothing.
    said : mapping of int to str, optional
        What an axis holds for certain.
    alone : str, default: "frames"
        What the only axis is taken for where nothing is known of it.

    Notes
    -----
    Beside others, the shortest axis of at most 5 is taken for the channels, the last one of
    equals; then come frames, then planes.
    """
    lengths = tuple(int(length) for length in lengths)
    names = tuple(str(name) if _is_word(name) else "" for name in names or [""] * len(lengths))
    roles: list[Role | None] = [_NAMES.get(name.lower()) for name in names]
    said = said or {}
    for axis, role in enumerate(roles):
        # Of two axes of frames, those that are said to be are the frames.
        roles[axis] = said.get(axis, "other" if role in said.values() else role)
    long = [axis for axis, length in enumerate(lengths) if length > 1]
    unknown = [axis for axis in long if roles[axis] is None]
    known = {roles[axis] for axis in long}
    guessed = bool(unknown)
    if len(long) == 1 and unknown:
        roles[unknown.pop()] = alone
    elif unknown and "channels" not in known:
        shortest = min(reversed(unknown), key=lambda axis: lengths[axis])
        if lengths[shortest] <= _MOST_CHANNELS:
            roles[shortest] = "channels"
            unknown.remove(shortest)
    free = [role for role in ROLES[:2] if role not in known]
    for axis, left in zip(unknown, [*free, *[ROLES[3]] * len(unknown)], strict=False):
        roles[axis] = left
    return StackAxes(lengths, names, tuple(role or "other" for role in roles), guessed)


def role_of(name: str) -> Role | None:
    """Return what an axis of a name holds, if the name says."""
    return _NAMES.get(name.lower())


def axis_number(axis: Axis, names: Sequence[str], count: int, option: str, owner: str) -> int:
    """Return the number of an axis.

    Parameters
    ----------
    axis : int or str
        Its number or name; a name such as "t" also finds an axis called "time".
    names : sequence of str
        Those of the axes, if they have any.
    count : int
        How many axes there are.
    option, owner : str
        What the argument and its array are called in an error.

    Raises
    ------
    InputError
        If there is no such axis.
    """
    if isinstance(axis, str):
        lower = [name.lower() for name in names]
        if axis.lower() in lower:
            return lower.index(axis.lower())
        role = role_of(axis)
        alike = [number for number, name in enumerate(lower) if role and _NAMES.get(name) == role]
        if len(alike) == 1:
            return alike[0]
        known = f"they are {', '.join(map(repr, names))}" if names else "its axes have no names"
        raise InputError(f"{option} {axis!r} is none of the axes of {owner}: {known}")
    if not isinstance(axis, (int, np.integer)) or isinstance(axis, bool):
        raise InputError(f"{option} must be a whole number or the name of an axis, not {axis!r}")
    if not -count <= axis < count:
        raise InputError(f"{option} {axis} is none of the {count} axes of {owner}")
    return int(axis) % count


def unpaired(reference: int, moving: int, noun: str, possible: str) -> str:
    """Return why the images of two stacks do not go in pairs, and what is possible."""
    return (
        f"The reference has {reference} {noun} and the moving stack {moving}: they do not go in "
        f"pairs. Possible: {possible}."
    )


def _is_word(name: object) -> bool:
    return any(character.isalpha() for character in str(name))
