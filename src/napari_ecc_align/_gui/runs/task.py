"""One run of the Align form: all that it needs, taken before it starts."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

from ..._compare.difference import DifferenceMode
from ..._compare.thresholding import Thresholding
from ..._ecc.options import Engine
from ..._images.warping import Interpolation
from ..._transform.transform import MotionModel, Transform
from ..layers.aligned_layers import Output
from ..layers.regions import Mask, Region
from ..layers.snapshots import LayerSnapshot

Pair = tuple[Hashable, Hashable]


@dataclass(frozen=True)
class Parameters:
    """What a person chose."""

    model: MotionModel
    engine: Engine
    precision: float
    max_iterations: int
    tolerance: float
    thresholding: Thresholding
    difference: DifferenceMode
    interpolation: Interpolation
    output: Output = "resample"

    def of_align(self) -> dict[str, Any]:
        """Return those that are keywords of `align`."""
        return {
            "model": self.model,
            "engine": self.engine,
            "precision": self.precision,
            "max_iterations": self.max_iterations,
            "tolerance": self.tolerance,
        }


@dataclass(frozen=True, eq=False)
class Task:
    """What to align, and how.

    Attributes
    ----------
    pair : tuple
        The ids of the reference and the moving layer.
    reference, moving : LayerSnapshot
        The two images.
    parameters : Parameters
        What was chosen.
    initial : Transform or None
        Where the search begins.
    reference_region, moving_region : Region or None
        Where the images are compared; None is everywhere.
    """

    pair: Pair
    reference: LayerSnapshot
    moving: LayerSnapshot
    parameters: Parameters
    initial: Transform | None = None
    reference_region: Region | None = None
    moving_region: Region | None = None

    def masks(self) -> dict[str, Mask]:
        """Return the masks of `align`, by argument.

        Raises
        ------
        InputError
            If a region lies outside its image.
        """
        return {
            f"{role}_mask": region.mask(image.grid)
            for role, image, region in self.images_and_regions()
            if region is not None
        }

    def region_records(self) -> dict[str, Any] | None:
        """Return the regions as plain values, by image; None if there are none."""
        records = {
            role: region.record
            for role, _, region in self.images_and_regions()
            if region is not None
        }
        return records or None

    def images_and_regions(self) -> tuple[tuple[str, LayerSnapshot, Region | None], ...]:
        """Return the role, image and region of each of the two."""
        return (
            ("reference", self.reference, self.reference_region),
            ("moving", self.moving, self.moving_region),
        )
