"""One run of the Align form: all that it needs, taken before it starts."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, replace
from threading import Event
from typing import TYPE_CHECKING, Any

from ..._align.volume.transform import VolumeTransform
from ..._common.errors import InputError
from ..._compare.thresholding import Thresholding
from ..._ecc.options import SearchOptions
from ..._images.sources import is_lazy, is_multiscale
from ..._images.warping import Resampling
from ..._transform.transform import Transform
from ..layers.aligned_layers import Output
from ..layers.frame_regions import Regions
from ..layers.snapshots import LayerSnapshot
from ..layers.stack_snapshots import StackSnapshot
from ..layers.volume_regions import VolumeRegion
from ..layers.world import spacings, start_between
from ..shared.labels import elided
from .basis import Basis
from .frame_choice import FrameChoice

if TYPE_CHECKING:
    from ..._align.passes import Anchor

LayerIds = tuple[Hashable, Hashable]
"""The ids of a reference and a moving layer."""


@dataclass(frozen=True)
class Parameters:
    """What a person chose: how to search, how to resample, how to compare, what to make."""

    search: SearchOptions
    resampling: Resampling
    thresholding: Thresholding
    signed: bool
    output: Output = "resample"
    smooth: bool = False
    all_turns: bool = False

    def record(self) -> dict[str, Any]:
        """Return what was chosen, by name, for the provenance."""
        return {
            **vars(self.search),
            **({"model": "smooth"} if self.smooth else {}),
            **({"all_turns": True} if self.all_turns else {}),
            "thresholding": self.thresholding,
            "signed": self.signed,
            "interpolation": self.resampling.interpolation,
            "output": self.output,
        }


@dataclass(frozen=True, eq=False)
class Task:
    """What to align, and how.

    Attributes
    ----------
    layer_ids : tuple
        The ids of the reference and the moving layer.
    reference : LayerSnapshot
        The reference's plane on show, or its volume.
    frames : StackSnapshot
        What is aligned: the frames of a stack, or a single image, or volume, as a stack of one.
    parameters : Parameters
        What was chosen.
    initial : Transform, VolumeTransform or None
        Where the search begins.
    regions : dict of str to Regions, or of volumes VolumeRegion
        Where what a frame is aligned to ("reference") and the frame ("moving") are compared; one
        that is not there is compared everywhere.
    choice : FrameChoice or None
        What is to happen to the frames; None of a single image.
    references : StackSnapshot or None
        The reference, if it is another stack whose frames go with those of the moving one.
    judged : bool
        Nothing is searched for: `initial`, or none, is judged as it is.
    basis : mapping of str to object
        What the result depends on, in words, and what it was when the run began.
    enough : Event
        Set when no more frames are wanted: those that are done are the result.
    """

    layer_ids: LayerIds
    reference: LayerSnapshot
    frames: StackSnapshot
    parameters: Parameters
    initial: Transform | VolumeTransform | None = None
    regions: Mapping[str, Regions | VolumeRegion] = field(default_factory=dict)
    choice: FrameChoice | None = None
    references: StackSnapshot | None = None
    judged: bool = False
    basis: Basis = field(default_factory=dict)
    enough: Event = field(default_factory=Event)

    @property
    def title(self) -> str:
        """What is aligned to what, by the layers' names, shortened if need be."""
        moving, reference = (elided(each.name) for each in (self.moving, self.reference))
        return moving if len(set(self.layer_ids)) == 1 else f"{moving} → {reference}"

    @property
    def moving(self) -> LayerSnapshot:
        """The moving layer's plane on show."""
        return self.frames.shown

    @property
    def lay(self) -> Any:
        """Where the two lie before, reference pixel to moving pixel; None if pixel on pixel."""
        if self.anchor is not None:
            return None
        return start_between(self.reference.grid, self.moving.grid)

    @property
    def shape(self) -> tuple[int, ...]:
        """(height, width) of the reference, and so of what is resampled on it.

        Of a volume (depth, height, width).
        """
        return self.reference.grid.shape

    @property
    def is_volume(self) -> bool:
        """Whether two volumes are aligned."""
        return self.reference.grid.axes == 3 and not self.frame_by_frame

    @property
    def is_volume_film(self) -> bool:
        """Whether every volume of a film is aligned."""
        return self.reference.grid.axes == 3 and self.frame_by_frame

    @property
    def bends(self) -> bool:
        """Whether a smooth field is looked for."""
        return self.parameters.smooth and not self.judged

    def check(self) -> None:
        """Raise `InputError` for what a smooth field cannot be looked for in."""
        if not self.bends:
            return
        if not self.frame_by_frame and self.parameters.output != "resample":
            raise InputError(
                "A field bends the layer, which cannot be moved as it is: choose the output "
                "resample"
            )

    @property
    def spacings(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Lengths of the reference's and the moving image's pixels, in the reference's units."""
        return spacings(self.reference.grid, self.moving.grid)

    @property
    def frame_by_frame(self) -> bool:
        """Whether every frame of a stack is aligned."""
        return self.choice is not None and self.choice.mode == "every frame"

    @property
    def anchor(self) -> Anchor | int | None:
        """What the frames of a stack that is aligned to itself are aligned to; None of others."""
        return None if self.choice is None else self.choice.anchor

    @property
    def resamples(self) -> bool:
        """Whether a new layer is wanted: the frames of one cannot be moved each on its own."""
        return self.frame_by_frame or (self.parameters.output != "move" and not self.judged)

    @property
    def drawn_where_looked_at(self) -> bool:
        """Whether it is a single image or volume that is not, or not only, one array in memory.

        Of what comes of it no more is drawn than somebody sees. Of volumes that bend, or are in
        colour, all is.
        """
        if self.is_volume:
            if self.bends:
                return False
            if any(len(image.data.shape) > 3 for image in (self.reference, self.moving)):
                return False
        elif self.choice is not None:
            return False
        sources = self.reference.source, self.moving.source
        return any(is_lazy(source) or is_multiscale(source) for source in sources)

    @property
    def moves(self) -> bool:
        """Whether the moving layer itself is to be moved."""
        wanted = self.parameters.output in ("move", "both")
        return wanted and not self.frame_by_frame and not self.judged

    def compared_as(self, parameters: Parameters) -> Task:
        """Return the task with another way to look at what it finds."""
        own = self.parameters
        chosen = replace(parameters, search=own.search, output=own.output)
        return replace(self, parameters=chosen)

    def masks(self) -> dict[str, Any]:
        """Return the masks of `align`, or of `align_stack` if all frames are aligned.

        Raises
        ------
        InputError
            If a region lies outside its image.
        """
        grids = {"reference": self.reference.grid, "moving": self.moving.grid}
        return {
            f"{role}_mask": regions.masks(grids[role], len(self.frames))
            for role, regions in self.regions.items()
        }
