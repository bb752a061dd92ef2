"""One run on a stack: all that it needs, taken before it starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..._transform.transform import Transform
from ..layers.frame_regions import Regions
from ..layers.regions import Region
from ..layers.snapshots import LayerSnapshot
from ..layers.stack_snapshots import StackSnapshot
from ..layers.world import Grid
from .stack_choice import StackChoice
from .task import Parameters, Task


@dataclass(frozen=True, eq=False)
class StackTask:
    """What to align, and how.

    Attributes
    ----------
    task : Task
        The two layers' planes on show, and what was chosen.
    stack : StackSnapshot
        The moving stack.
    choice : StackChoice
        What is to happen to the frames.
    references : StackSnapshot or None
        The reference, if it is another stack whose frames go with those of the moving one.
    reference_regions, moving_regions : FrameRegions, PaintedFrames or None
        Where what a frame is aligned to, and the frame, are compared; None is everywhere. Of
        "every frame" alone: otherwise those of the task count.
    """

    task: Task
    stack: StackSnapshot
    choice: StackChoice
    references: StackSnapshot | None = None
    reference_regions: Regions | None = None
    moving_regions: Regions | None = None

    @property
    def parameters(self) -> Parameters:
        """What was chosen."""
        return self.task.parameters

    @property
    def itself(self) -> bool:
        """Whether the stack is aligned to itself."""
        return self.choice.to is not None

    @property
    def every(self) -> bool:
        """Whether every frame is aligned."""
        return self.choice.mode == "every frame"

    @property
    def reference(self) -> LayerSnapshot | StackSnapshot | None:
        """What the frames are aligned to; None is the stack itself."""
        if self.itself:
            return None
        return self.references or self.task.reference

    @property
    def initial(self) -> Transform | None:
        """Where the search begins."""
        return None if self.itself else self.task.initial

    @property
    def reference_grid(self) -> Grid:
        """Where the pixels lie that the transforms start from."""
        return self.stack.shown.grid if self.itself else self.task.reference.grid

    @property
    def resamples(self) -> bool:
        """Whether a new layer is wanted: the frames of one cannot be moved each on its own."""
        return self.every or self.parameters.output != "move"

    @property
    def moves(self) -> bool:
        """Whether the moving layer itself is to be moved."""
        return not self.every and self.parameters.output in ("move", "both")

    def masks(self) -> dict[str, Any]:
        """Return the masks of `align_stack`, or of `align` where one frame goes for all.

        Raises
        ------
        InputError
            If a region lies outside its image.
        """
        if not self.every:
            return self.task.masks()
        counts = len(self.stack) if self.itself or self.references is not None else 1
        sides = (
            ("reference_mask", self.reference_regions, self.reference_grid, counts),
            ("moving_mask", self.moving_regions, self.stack.shown.grid, len(self.stack)),
        )
        return {
            name: regions.masks(grid, count)
            for name, regions, grid, count in sides
            if regions is not None
        }

    def region_records(self) -> dict[str, Any] | None:
        """Return the regions as plain values, by image; None if there are none."""
        sides: dict[str, Region | Regions | None] = {
            "reference": self.reference_regions,
            "moving": self.moving_regions,
        }
        if not self.every:
            sides = {"reference": self.task.reference_region, "moving": self.task.moving_region}
        records = {role: each.record for role, each in sides.items() if each is not None}
        return records or None
