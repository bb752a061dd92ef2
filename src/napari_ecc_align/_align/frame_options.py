"""What the frames of a series have in common, and how one of them is aligned."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from .._common.steps import retold
from .._ecc.options import SearchOptions
from .._images.sources import Source, checked_source
from .._transform.field import Field
from .._transform.models import MODELS
from .._transform.transform import Transform
from .._verdict.field_result import SmoothAlignment
from .._verdict.result import AlignmentResult
from .bent import is_placed, known_to_lie_still, nothing
from .cancelling import CANCELLED, Cancelled, cancelled_result
from .counted_tiles import counted
from .follower import Follower
from .mean_frame import mean_frame
from .options import Job, checked_initial
from .packed_results import PackedResults
from .pair import job_steps
from .progress import FrameResult, Progress
from .read_frames import ReadFrames, Unreadable
from .smooth import FieldFollower, smooth_steps
from .stack_masks import StackMasks

AnyFollower = Follower | FieldFollower

# Frames need be aligned no more exactly (px) to make a mean: each is aligned again, to it.
_ROUGH = 0.1

_ITSELF = "The frame that the others are aligned to."


@dataclass(frozen=True)
class Bending:
    """That frames bend, and over what length in px; as they say themselves if None."""

    stiffness: float | None = None


@dataclass(frozen=True)
class Turn:
    """One alignment of the whole: of a frame to an image, perhaps as one of two for the frame."""

    index: int
    count: int
    begin: float = 0.0
    share: float = 1.0

    def of_all(self, step: Progress, called: str) -> Progress:
        """Return a step as one of the whole stack."""
        fraction = (self.index + self.begin + self.share * step.fraction) / self.count
        stage = f"{called[:-1]} {self.index + 1} of {self.count}: {step.stage}"
        return replace(step, fraction=fraction, stage=stage)


@dataclass(frozen=True)
class FrameOptions(ABC):
    """What every alignment of a series has in common.

    Attributes
    ----------
    search : SearchOptions
    reference_masks, moving_masks : StackMasks
    cancel : callable, optional
        Asked often; returns True where the frames that are left are not wanted.
    called : str
        What the frames are.
    brief : bool
        Tiles are just counted in the results.
    bending : Bending, optional
        That they bend.
    """

    block: ClassVar[int]
    """So many frames follow one another; the first of them follows the first of those before.

    Blocks can then be aligned side by side, with the same results for any number of processes.
    """

    search: SearchOptions
    reference_masks: StackMasks
    moving_masks: StackMasks
    cancel: Callable[[], bool] | None = None
    called: str = "frames"
    brief: bool = False
    bending: Bending | None = None

    @property
    def is_cancelled(self) -> bool:
        """Whether the frames that are left are not wanted."""
        return self.cancel is not None and self.cancel()

    def rough(self, numbers: Sequence[int]) -> Self:
        """Return options for some of the frames, of which a mean is made."""
        return replace(
            self,
            search=replace(self.search, precision=max(self.search.precision, _ROUGH)),
            moving_masks=self.moving_masks.chosen(numbers),
        )

    def kept(self, known: Sequence[Any]) -> list[Any] | PackedResults:
        """Return the results that are known as a sequence to which those that come are added."""
        return list(known)

    @abstractmethod
    def follower(self) -> AnyFollower | None:
        """Return what follows frames that are aligned to one image."""

    @abstractmethod
    def prepared(self, image: NDArray[Any], index: int) -> Any:
        """Return an image that frames are aligned to, of a number, as a reference for all."""

    @abstractmethod
    def aligned(
        self,
        reference: Any,
        moving: NDArray[Any],
        start: Any,
        turn: Turn,
        follower: AnyFollower | None = None,
    ) -> Generator[Progress, None, Any]:
        """Align a frame to what was `prepared`, one step at a time.

        Parameters
        ----------
        reference : object
        moving : ndarray
        start : transform or array_like, optional
            Where to start first.
        turn : Turn
        follower : Follower or FieldFollower, optional
            What follows the frames of a block.
        """

    @abstractmethod
    def mean(self, images: ReadFrames, results: Sequence[Any]) -> NDArray[Any]:
        """Return the mean of frames on the first of them, as their results lay them."""

    @abstractmethod
    def failed(self, shape: tuple[int, ...], reason: str) -> Any:
        """Return the result of a frame, on a reference of a shape, that nothing came of."""

    @abstractmethod
    def cancelled(self, shape: tuple[int, ...]) -> Any:
        """Return the result of a frame that was cancelled before anything was found."""

    @abstractmethod
    def itself(self, shape: tuple[int, ...]) -> Any:
        """Return the result of the frame that the others are aligned to."""


@dataclass(frozen=True)
class StackOptions(FrameOptions):
    """What every alignment of frames of a plane has in common; they may bend."""

    block = 32

    def follower(self) -> AnyFollower | None:
        """Return what follows frames that are aligned to one image.

        Where each frame has a model chosen for it, what one has does not foretell the next.
        """
        if self.bending is not None:
            return FieldFollower()
        return None if self.search.model == "auto" else Follower()

    def kept(self, known: Sequence[Any]) -> list[Any] | PackedResults:
        """Return the results that are known to be added to; of very many, in little memory."""
        return PackedResults(known) if self.brief and self.bending is None else list(known)

    def prepared(self, image: NDArray[Any], index: int) -> Source:
        """Return an image that frames are aligned to, of a number, as a reference for all."""
        whole = self.search.engine == "opencv"
        return checked_source(image, self.reference_masks[index], "reference", whole=whole)

    def aligned(
        self,
        reference: Source,
        moving: NDArray[Any],
        start: Any,
        turn: Turn,
        follower: AnyFollower | None = None,
    ) -> Generator[Progress, None, FrameResult]:
        """Align a frame, following another one if there is one."""
        mask = self.moving_masks[turn.index]
        whole = self.search.engine == "opencv"
        source = checked_source(moving, mask, "moving", whole=whole)
        matrix = start.matrix if isinstance(start, Field) else checked_initial(start)
        job = Job(reference, source, self.search, matrix)

        def told(step: Progress) -> Progress:
            if self.is_cancelled:
                raise Cancelled(step.transform)
            return turn.of_all(step, self.called)

        try:
            result = yield from retold(self._steps(job, follower), told)
            return counted(result) if self.brief else result
        except Cancelled as cancelled:
            return self.cancelled(job.shape, cancelled.reached)

    def _steps(
        self, job: Job, follower: AnyFollower | None
    ) -> Generator[Progress, None, FrameResult]:
        if self.bending is not None:
            field_follower = follower if isinstance(follower, FieldFollower) else None
            return smooth_steps(job, self.bending.stiffness, field_follower)
        return job_steps(
            replace(job, follower=follower if isinstance(follower, Follower) else None)
        )

    def mean(self, images: ReadFrames, results: Sequence[FrameResult]) -> NDArray[Any]:
        """Return the mean of frames on the first of them, in gray."""
        return mean_frame(images, results)

    def failed(self, shape: tuple[int, ...], reason: str) -> FrameResult:
        """Return the result of a frame, on a reference of shape (h, w), that nothing came of."""
        size = (shape[0], shape[1])
        if self.bending is not None:
            return nothing(size, "failed", reason)
        identity = Transform.identity(self.search.narrowest)
        return AlignmentResult(identity, "failed", reason, size, engine=self.search.engine)

    def cancelled(self, shape: tuple[int, ...], reached: Transform | None = None) -> FrameResult:
        """Return the result of a frame that was cancelled, with the best transform so far."""
        size = (shape[0], shape[1])
        if self.bending is not None:
            return nothing(size, "cancelled", CANCELLED)
        return cancelled_result(size, self.search, reached)

    def itself(self, shape: tuple[int, ...]) -> FrameResult:
        """Return the result of the frame that the others are aligned to, of shape (h, w)."""
        size = (shape[0], shape[1])
        if self.bending is not None:
            return known_to_lie_still(size, _ITSELF)
        return AlignmentResult(
            Transform.identity(self.search.narrowest),
            "aligned",
            _ITSELF,
            size,
            ecc=1.0,
            ecc_before=1.0,
            overlap_fraction=1.0,
            corner_uncertainty=0.0,
            covariance=np.zeros((MODELS[self.search.narrowest].n_parameters,) * 2),
            converged=True,
            start="identity",
            engine=self.search.engine,
        )


def is_start(result: Any) -> bool:
    """Tell whether the next frame may start where this one was found."""
    if isinstance(result, SmoothAlignment):
        return is_placed(result)
    return bool(result.aligned or (isinstance(result, AlignmentResult) and result.placed))


def tried(
    options: FrameOptions,
    reference: Any,
    moving: NDArray[Any] | Unreadable,
    start: Any,
    turn: Turn,
    follower: AnyFollower | None = None,
) -> Generator[Progress, None, Any]:
    """Align a frame as its options say, or return that it cannot be read."""
    if isinstance(moving, Unreadable):
        return options.failed(reference.shape, moving.reason)
    return (yield from options.aligned(reference, moving, start, turn, follower))
