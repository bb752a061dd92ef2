"""A run of the Align form that has ended: what it was started with, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..inspection import Inspection
from ..result import AlignmentResult
from ..transform import Transform
from .layers import LayerSnapshot
from .provenance import provenance
from .result_layers import Pair
from .run import Parameters
from .script import alignment_script, image_origin


@dataclass(frozen=True, eq=False)
class FinishedRun:
    """What there is to look at, to repeat and to take elsewhere after a run.

    Attributes
    ----------
    pair : tuple
        The ids of the reference and the moving layer.
    reference, moving : LayerSnapshot
        What was taken of them before the run.
    parameters : Parameters
        What was chosen.
    initial : Transform or None
        Where the search began.
    result : AlignmentResult
        The transform and its verdict.
    inspection : Inspection or None
        What there is to see; None after a failure, and of images too large to compare.
    """

    pair: Pair
    reference: LayerSnapshot
    moving: LayerSnapshot
    parameters: Parameters
    initial: Transform | None
    result: AlignmentResult
    inspection: Inspection | None

    def record(self) -> dict[str, Any]:
        """Return how the result came about, as plain values that JSON can hold."""
        return provenance(
            self.reference,
            self.moving,
            vars(self.parameters),
            self.result,
            initial=self.initial,
        )

    def script(self) -> str:
        """Return a Python script that finds the same transform."""
        return alignment_script(
            image_origin(self.reference.origin),
            image_origin(self.moving.origin),
            self.parameters.of_align(),
            self.initial,
            threshold=self.parameters.threshold,
        )
