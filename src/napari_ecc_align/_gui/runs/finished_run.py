"""A run of the Align form that has ended: what was asked, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..._compare.inspection import Inspection
from ..._transform.files import FORMATS
from ..._verdict.result import AlignmentResult
from .provenance import provenance
from .script import alignment_script, image_origin, mask_expression
from .task import Task


@dataclass(frozen=True, eq=False)
class FinishedRun:
    """What there is to look at, to repeat and to take elsewhere after a run.

    Attributes
    ----------
    task : Task
        What was asked.
    result : AlignmentResult
        The transform and its verdict.
    inspection : Inspection or None
        What there is to see; None after a failure, and of images too large to compare.
    """

    task: Task
    result: AlignmentResult
    inspection: Inspection | None

    formats = FORMATS
    """The formats that `save` knows, by suffix."""

    def record(self) -> dict[str, Any]:
        """Return how the result came about, as plain values that JSON can hold."""
        task = self.task
        return provenance(
            task.reference,
            task.moving,
            vars(task.parameters),
            self.result,
            initial=task.initial,
            region=task.region_records(),
        )

    def script(self) -> str:
        """Return a Python script that finds the same transform."""
        task = self.task
        return alignment_script(
            image_origin(task.reference.origin),
            image_origin(task.moving.origin),
            task.parameters.of_align(),
            task.initial,
            thresholding=None if self.inspection is None else task.parameters.thresholding,
            masks={
                f"{role}_mask": mask_expression(role, region.record, image.grid)
                for role, image, region in task.images_and_regions()
                if region is not None
            },
        )

    def save(self, path: Path) -> None:
        """Write the transform, in the format that the suffix names.

        Raises
        ------
        InputError
            If it cannot be written.
        """
        self.result.transform.save(path)
