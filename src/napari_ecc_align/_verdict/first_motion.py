"""What tiles say of a motion, without those that show another one and what a raster does."""

from __future__ import annotations

from dataclasses import replace

from .evidence import Evidence
from .laid import Laid
from .other_motions import is_minor
from .pair_tiles import of_no_raster
from .residual_pattern import ResidualPattern, residual_pattern
from .rules import is_insufficient
from .tile_matching import Tiles, without


def pattern_of(tiles: Tiles, evidence: Evidence, *, bent: bool = False) -> ResidualPattern:
    """Return what tiles say of the motion model, without those that show a second motion."""
    return residual_pattern(
        of_the_first(evidence, tiles),
        evidence.shape,
        bent=bent or evidence.model == "homography",
        hull=evidence.hull,
    )


def of_the_first(evidence: Evidence, tiles: Tiles) -> Tiles:
    """Return tiles without those that show a second motion which is everywhere."""
    second = evidence.second
    if second is None or not second.is_everywhere:
        return tiles
    if second.is_still(evidence.motion, evidence.shape):
        # Where something lies still all over the image, tiles show that, or something between.
        return without(tiles, ~tiles.agree)
    return without(tiles, second.shown_by(tiles)) if is_minor(second, evidence.ecc) else tiles


def without_raster(laid: Laid, evidence: Evidence) -> Evidence:
    """Ask a coarser level for the pattern where a raster alone displaces tiles."""
    averaged = of_no_raster(laid, evidence.fine) if is_insufficient(evidence) else None
    if averaged is None:
        return evidence
    return replace(evidence, pattern=pattern_of(averaged, evidence), raster=True)
