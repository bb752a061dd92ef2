"""What a running alignment tells its caller."""

from dataclasses import dataclass
from typing import Any, Protocol

from .._transform.transform import Transform
from .._verdict.field_result import SmoothAlignment
from .._verdict.result import AlignmentResult
from .._verdict.verdict import Verdict, WithVerdict

FrameResult = AlignmentResult | SmoothAlignment
"""What comes of a frame: a matrix or, of a film that bends, a field."""


class AnyResult(Protocol):
    """What comes of a frame, which may be a volume."""

    @property
    def verdict(self) -> Verdict: ...
    @property
    def reason(self) -> str: ...
    @property
    def aligned(self) -> bool: ...
    @property
    def inverted(self) -> bool: ...
    @property
    def transform(self) -> Any: ...


@dataclass(frozen=True)
class Progress:
    """One step of a running alignment.

    Attributes
    ----------
    fraction : float
        Share of the work that is done, from 0 to 1.
    stage : str
        What is being done, in words.
    transform : Transform or None
        The best transform so far, at full resolution.

    Examples
    --------
    >>> from skimage import data
    >>> from napari_ecc_align import align
    >>> steps, camera = [], data.camera()
    >>> found = align(camera, camera[2:], model="translation", progress=steps.append)
    >>> steps[-1].stage, steps[-1].transform.parts()[:2] == found.transform.parts()[:2]
    ('done', True)
    """

    fraction: float
    stage: str
    transform: Transform | None = None


@dataclass(frozen=True)
class FrameProgress(Progress):
    """The progress of a whole stack, told when a frame is done.

    Attributes
    ----------
    result : AlignmentResult, SmoothAlignment, VolumeAlignment or None
        Of the frame that is done.
    """

    result: WithVerdict | None = None
