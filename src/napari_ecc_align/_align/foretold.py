"""What the field of one frame of a film foretells of the next ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .._ecc.field.cells import Expected
from .._images.pyramid.representations import Representation
from .._verdict.finding import Judged
from .._verdict.verdict import Verdict


@dataclass(frozen=True, eq=False)
class Foretold:
    """What was found of a frame, for the next ones that are aligned to the same image.

    Attributes
    ----------
    sure : bool
        Another frame of which nothing was foretold bends alike: nothing else foretells the next.
    verdict, bends
        Of its result.
    told_share : float
        On which share of what both images show cells say where it lies.
    representation, inverted
        Of its global motion.
    energy : float
        How far its field bends for what is expected.
    expected : Expected
        Of a field like its.
    halves : sequence of Expected
        Of a field like that of either half of its cells.
    judged : Judged
        What tiles say of the images as its field lays them.
    """

    sure: bool
    verdict: Verdict
    bends: bool
    told_share: float
    representation: Representation
    inverted: bool
    energy: float
    expected: Expected
    halves: Sequence[Expected]
    judged: Judged
