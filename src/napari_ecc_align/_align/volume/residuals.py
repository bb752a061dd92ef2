"""Do parts of two volumes lie elsewhere than one motion puts them: what tiles have in common."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..._transform.models import Array
from ..._verdict.limits import LARGEST_UNCERTAINTY, LEAST_PART, MINOR, TIMES_LEFT, WRONG
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
    bent : (3,) array
        How far they lie from where they are put (RMS) along z, y and x, where they have so much of
        it in common with their neighbours that something bends; else 0. What noise moves them by,
        or interpolation between planes that lie far apart, they have not in common.
    """

    displaced: int = 0
    misplaced_share: float = 0.0
    largest: float = 0.0
    bent: Array = field(default_factory=lambda: np.zeros(3))

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
        bent = float(np.linalg.norm(self.bent))
        if bent > uncertain and np.hypot(bent, uncertain) > LARGEST_UNCERTAINTY:
            return (
                f"{remains}parts lie about {bent:.2g} voxels from where it puts them, as their "
                "neighbours do: a smooth field follows them."
            )
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
        bent=_bent(moves[close], tiles.uncertainties[close] / spacing.min(), places[close], tiles),
    )


def _bent(moves: Array, sigmas: Array, places: Array, tiles: VolumeTiles) -> Array:
    """Return how far what bends lies from where it is put (RMS) along z, y and x, in voxels.

    So far as tiles lie beyond what they are uncertain by: neighbours, a tile apart, have less of
    it in common, but no less than a half. By what all lie off alike nothing bends.
    """
    shared = shared_with(moves, neighbours(places, tiles.radius))
    if not shared:
        return np.zeros(3)
    squares = (moves**2).mean(axis=0)
    beyond = squares.sum() - (sigmas**2).mean()
    in_parts = shared**2 - (moves.mean(axis=0) ** 2).sum()
    most = max(0.0, min(beyond, TIMES_LEFT**2 * in_parts))
    return np.asarray(np.sqrt(squares / squares.sum()) * max(shared, np.sqrt(most)))[::-1]
