"""What can happen to the frames of a stack."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from ..._align.volume.sources import LEAST_SIDE
from ..._common.errors import InputError
from ..._images.stack_axes import StackAxes, unpaired

if TYPE_CHECKING:
    from ..._align.passes import Anchor

FrameMode = Literal["every frame", "the frame on show", "one transform for all", "one volume"]


@dataclass(frozen=True)
class FrameChoice:
    """What happens to the frames.

    Attributes
    ----------
    words : str
        For the form and the plan.
    mode : {"every frame", "the frame on show", "one transform for all", "one volume"}
        Align every frame; or only the one on show, and it alone is resampled; or that one, and
        all frames follow it; or all planes as one volume, in three axes.
    anchor : {"first", "previous", "mean"}, int or None
        What the frames of a stack are aligned to when it is aligned to itself.
    channels : bool, default: False
        Each channel is aligned for itself, as a frame is.
    volumes : bool, default: False
        The frames are volumes, and are aligned in three axes.

    Raises
    ------
    InputError
        If a stack is aligned to itself otherwise than frame by frame.
    """

    words: str
    mode: FrameMode
    anchor: Anchor | int | None = None
    channels: bool = False
    volumes: bool = False

    def __post_init__(self) -> None:
        if self.anchor is not None and self.mode != "every frame":
            raise InputError("A stack can be aligned to itself only frame by frame")

    def __str__(self) -> str:
        return self.words


TO_ITSELF = (
    FrameChoice("every frame to the first", "every frame", "first"),
    FrameChoice("every frame to the one before", "every frame", "previous"),
    FrameChoice("every frame to the mean", "every frame", "mean"),
)
TO_ANOTHER = (
    FrameChoice("every frame", "every frame"),
    FrameChoice("only the frame on show", "the frame on show"),
    FrameChoice("the frame on show, for all", "one transform for all"),
)
OF_CHANNELS = (
    FrameChoice("all channels together", "one transform for all"),
    FrameChoice("only the channel on show", "the frame on show"),
)
AS_VOLUME = FrameChoice("as one volume", "one volume")
VOLUMES_TO_ITSELF = tuple(
    replace(each, words=each.words.replace("frame", "volume"), volumes=True) for each in TO_ITSELF
)
VOLUMES_TO_ANOTHER = (FrameChoice("every volume", "every frame", volumes=True),)


def choices(
    axes: StackAxes, *, itself: bool, volume: bool | None = None, film: bool | None = None
) -> tuple[FrameChoice, ...]:
    """Return what can happen to the images of a stack, the usual thing first.

    Parameters
    ----------
    axes : StackAxes
        What its axes hold.
    itself : bool
        Whether it is aligned to itself.
    volume : bool, optional
        Whether it and the reference are volumes: None of what are none, False of what may be.
    film : bool, optional
        Whether it is a film of volumes: None of what is none, False of what may be.
    """
    volumes = VOLUMES_TO_ITSELF if itself else VOLUMES_TO_ANOTHER
    found: list[FrameChoice] = [AS_VOLUME] * (volume is True)
    found += volumes if film is True else ()
    if axes.along is not None:
        one = axes.noun(axes.along, many=False)
        usual = TO_ITSELF if itself else TO_ANOTHER
        found += [replace(each, words=each.words.replace("frame", one)) for each in usual]
    elif not itself:
        found += OF_CHANNELS
    if axes.channels is not None:
        to = " to the first" if itself else ""
        words = f"each channel for itself{to}"
        found.append(FrameChoice(words, "every frame", "first" if itself else None, channels=True))
    perhaps = volumes if film is False else ()
    return (*found, *perhaps, *[AS_VOLUME] * (volume is False))


def are_volumes(reference: StackAxes, moving: StackAxes) -> bool | None:
    """Tell whether the axes before rows and columns of two layers are depth.

    Returns
    -------
    bool or None
        False if nobody says so but it may be, or if there are several volumes in time; None if it
        is not, or there are too few planes.
    """
    roles, several = [], False
    for axes in (reference, moving):
        if not axes.lengths or axes.lengths[-1] < LEAST_SIDE:
            return None
        guessed = axes.guessed and len(axes.long) == 1 and axes.roles[-1] == "frames"
        roles.append("guessed" if guessed else axes.roles[-1])
        several |= any(axes.roles[axis] not in ("planes", "channels") for axis in axes.long[:-1])
    if set(roles) <= {"planes", "guessed"}:
        return "planes" in roles and not several
    return None


def is_volume_film(axes: StackAxes) -> bool | None:
    """Tell whether a layer's axes before rows and columns are time and depth.

    Returns
    -------
    bool or None
        False if nobody says so but it may be; None if it is not, or there are too few planes.
    """
    if not axes.lengths or axes.lengths[-1] < LEAST_SIDE or axes.along is None:
        return None
    roles = {axes.roles[axis] for axis in axes.long[:-1]}
    deep = axes.roles[-1] == "planes" and axes.roles[axes.along] == "frames"
    return not axes.guessed if deep and roles <= {"frames", "channels"} else None


def unlike(reference: int, moving: int, called: str) -> str:
    """Return that two stacks have not as many frames, planes or channels, and what is possible."""
    one = called[:-1]
    possible = (
        f"only the {one} on show, the {one} on show for all, a single image as the reference, or "
        "the stack to itself"
    )
    return unpaired(reference, moving, called, possible)
