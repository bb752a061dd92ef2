"""Do parts of two volumes lie elsewhere than one motion puts them: what tiles have in common."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..._transform.models import Array
from ..._verdict.limits import LARGEST_UNCERTAINTY, LEAST_PART, MINOR, WRONG
from ..._verdict.neighbours import (
    LEAST_DISPLACED,
    lengths,
    like_neighbours,
    neighbours,
    shared_with,
)
from ..._verdict.residual_pattern import SIGMAS
from .tiles import VolumeTiles


@dataclass(frozen=True)
class VolumeResiduals:
    """What tiles that fit well show beside their neighbours, as of images; lengths in voxels.

    Attributes
    ----------
    displaced : int
        Those that do not agree, but fit elsewhere as their neighbours do.
    misplaced_share : float
        Share of those that do so by more than a voxel, beyond doubt.
    largest : float
        The farthest of these, in the unit of the spacing.
    shared : float
        RMS displacement that they have in common with their neighbours, beyond doubt.
    """

    displaced: int = 0
    misplaced_share: float = 0.0
    largest: float = 0.0
    shared: float = 0.0

    def why_in_parts(self, agreeing: int, uncertain: float) -> str | None:
        """Say if one motion is not enough; knowing how many agree, and one sigma in voxels."""
        if self.displaced > MINOR * agreeing:
            return (
                f"A part of the volumes moved otherwise than the rest: {self.displaced} tiles fit "
                "best elsewhere, as their neighbours do."
            )
        remains = "The motion model does not suffice: "
        if self.misplaced_share > LEAST_PART:
            return f"{remains}a local deformation of up to {self.largest:.2g} remains."
        if self.shared > uncertain and np.hypot(self.shared, uncertain) > LARGEST_UNCERTAINTY:
            return f"{remains}parts lie about {self.shared:.2g} voxels from where it puts them."
        return None


def residuals_of(tiles: VolumeTiles, spacing: Array) -> VolumeResiduals:
    """Return what tiles have in common; spacing (z, y, x) is that of the reference."""
    if not tiles.agreeing:
        return VolumeResiduals()
    good = tiles.comparable
    own = np.flatnonzero(good)
    places, voxel = tiles.displacements[:, :3], spacing[::-1]
    far = tiles.displacements[:, 3:]
    moves, sizes = far / voxel, lengths(far / voxel)
    # They do not overlap, so that each is a neighbour.
    beside = neighbours(places[own], tiles.radius)
    alike, like_one = like_neighbours(moves, own, beside)
    # What lies beyond the border of what was searched lies far off.
    bound = np.isfinite(tiles.uncertainties)
    doubt = SIGMAS * np.where(bound, tiles.uncertainties, 0) / spacing.min()
    # Where two of three are alike by chance in images, it is one of ten in volumes.
    certain = good & (alike | like_one) & (sizes > np.maximum(WRONG, doubt))
    close = np.flatnonzero(good & bound & (lengths(far) <= 2 * tiles.radius))
    return VolumeResiduals(
        displaced=int((alike & tiles.elsewhere).sum()),
        misplaced_share=certain.sum() / len(own) if certain.sum() >= LEAST_DISPLACED else 0.0,
        largest=float(lengths(far)[certain].max(initial=0.0)),
        shared=shared_with(moves[close], neighbours(places[close], tiles.radius)),
    )
