"""What is known of an alignment when it is judged, and what a judgement is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from .._transform.coordinates import UNMOVED, corner_error
from .._transform.matrices import MotionModel
from .limits import LARGEST_UNCERTAINTY, LEAST_AGREEING, LIKE, TIMES_BY_EDGES
from .residual_pattern import ResidualPattern
from .rival import NO_RIVAL, Rival
from .second_motion import SecondMotion
from .shifted_rival import WholeFit
from .tile_matching import Tiles
from .verdict import Verdict


@dataclass(frozen=True, eq=False)
class Evidence:
    """What is known of a plausible alignment when it is judged.

    Attributes
    ----------
    ecc : float
        Of the two images, at full resolution; of an inverted one, that of its negative.
    corner_uncertainty : float
        As the estimator states it, at the corners of what both images show, in px; NaN if it
        states none.
    model : str
        The motion model.
    shape : tuple of int
        Height and width of the reference.
    motion : ndarray of float64, shape (3, 3)
        Maps pixels from where they were before to where they are now.
    still : int
        Tiles at full resolution, not among the others, that did not move.
    fine : Tiles
        Tiles at full resolution: is it exact?
    wide : Tiles
        Tiles that see farther: is it the right place at all? `fine` itself where none were asked.
    stays : float
        Over which share of what both show something else that is seen did not move.
    pattern : ResidualPattern
        The pattern in the displacements of the fine tiles.
    whole : WholeFit
        How the whole of a coarse level fits where they lie, close by, and if it is moved on.
    displaced_wide : int
        Wide tiles that, with their neighbours, fit well at another place.
    turned : Rival
        How well they correlate where they lie and where they would if turned or enlarged.
    second : SecondMotion or None
        What moves otherwise.
    fields : float
        How much more every other line is displaced in one of the images, in px.
    lines : float
        How far from where they lie they fit best without whole columns and rows, in px; 0 unless
        these hold them there.
    raster : bool
        What displaces fine tiles averages out on coarser levels, of which the pattern then is.
    levels_apart : float
        How far a coarser level lies from where fine detail is laid, beyond doubt (px, RMS at the
        corners); 0 where that was not asked.
    colours_apart : float
        How far red, green or blue lies from where all are laid, beyond doubt (px).
    frame_uncertainty : float
        As `corner_uncertainty`, at the corners of the reference's frame.
    hull : ndarray of float64, shape (n, 2), or None
        The corners (x, y) of what both images show of the reference; None for those of its frame.
    by_edges : bool
        The direction of edges is what was compared.
    alike : bool
        What fits looks alike by its brightness, as what belongs to the camera does.
    believed : bool
        The estimator stayed with it on finer levels.
    """

    ecc: float
    corner_uncertainty: float
    model: MotionModel
    shape: tuple[int, int]
    motion: NDArray[np.float64]
    fine: Tiles
    wide: Tiles
    still: int
    pattern: ResidualPattern
    whole: WholeFit
    displaced_wide: int = 0
    turned: Rival = NO_RIVAL
    second: SecondMotion | None = None
    stays: float = 0.0
    fields: float = 0.0
    lines: float = 0.0
    raster: bool = False
    levels_apart: float = 0.0
    colours_apart: float = 0.0
    frame_uncertainty: float = 0.0
    hull: NDArray[np.float64] | None = None
    by_edges: bool = False
    alike: bool = True
    believed: bool = True

    @property
    def shows_still(self) -> bool:
        """Whether more than one tile by chance shows something else that did not move."""
        return self.still >= LEAST_AGREEING

    def lies_still(self, within: float = LARGEST_UNCERTAINTY) -> bool:
        """Tell whether the images lie, to `within` px, where what belongs to the camera stays."""
        return self._moved <= within

    @property
    def contradiction(self) -> float:
        """How far (px, RMS) tiles, levels and colours contradict the transform beyond doubt."""
        # What is off is so for each of them.
        return max(self.pattern.contradiction, self.levels_apart, self.colours_apart)

    @cached_property
    def _moved(self) -> float:
        """How far (px, RMS) the corners lie from where they were."""
        return corner_error(self.motion, UNMOVED, self.shape)

    @property
    def exactness(self) -> float:
        """What the limits of uncertainty are multiplied by."""
        two_kinds = self.by_edges and abs(self.ecc) <= LIKE
        return TIMES_BY_EDGES if two_kinds else 1.0


@dataclass(frozen=True)
class Judgement:
    """A verdict and the sentence that gives its reason.

    Attributes
    ----------
    verdict : {"aligned", "doubtful", "failed"}
    reason : str
    placed : bool
        The place is beyond doubt, if it is "doubtful": only the motion model does not suffice.
    """

    verdict: Verdict
    reason: str
    placed: bool = False

    def doubted(self, why: str) -> Judgement:
        """Return a judgement that is at most "doubtful", with what is doubted in its reason."""
        if self.verdict != "aligned":
            return self
        return Judgement("doubtful", f"{self.reason} {why}")
