"""What can happen to the frames of a stack."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..._align.stack import Anchor
from ..._common.errors import InputError

FrameMode = Literal["every frame", "the frame on show", "one transform for all"]


@dataclass(frozen=True)
class FrameChoice:
    """What happens to the frames.

    Attributes
    ----------
    words : str
        For the form and the plan.
    mode : {"every frame", "the frame on show", "one transform for all"}
        Align every frame; or only the one on show, and it alone is resampled; or that one, and
        all frames follow it.
    anchor : {"first", "previous", "mean"}, int or None
        What the frames of a stack are aligned to when it is aligned to itself.

    Raises
    ------
    InputError
        If a stack is aligned to itself otherwise than frame by frame.
    """

    words: str
    mode: FrameMode
    anchor: Anchor | int | None = None

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
