"""What can happen to the frames of a stack."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from ..._align.stack import Anchor

StackMode = Literal["every frame", "the frame on show", "one transform for all"]
STACK_MODES: tuple[StackMode, ...] = get_args(StackMode)


@dataclass(frozen=True)
class StackChoice:
    """What happens to the frames.

    Attributes
    ----------
    words : str
        For the form and the plan.
    mode : {"every frame", "the frame on show", "one transform for all"}
        As in `run_stack_steps`.
    to : {"first", "previous", "mean"} or None
        What the frames of a stack are aligned to when it is aligned to itself.
    """

    words: str
    mode: StackMode
    to: Anchor | None = None

    def __str__(self) -> str:
        return self.words


TO_ITSELF = (
    StackChoice("every frame to the first", "every frame", "first"),
    StackChoice("every frame to the one before", "every frame", "previous"),
    StackChoice("every frame to the mean", "every frame", "mean"),
)
TO_ANOTHER = (
    StackChoice("every frame", "every frame"),
    StackChoice("only the frame on show", "the frame on show"),
    StackChoice("the frame on show, for all", "one transform for all"),
)
