"""What the alignment of one frame of a film foretells of the next."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .._common.steps import outcome_of
from .._ecc.estimate import Estimate
from .._ecc.options import SearchOptions
from .._ecc.refine import Refiner
from .._images.pyramid.levels import Level
from .._images.pyramid.pair import Pyramids
from .._verdict.finding import Judged
from .._verdict.followed import judged_like, may_be_followed
from .._verdict.result import AlignmentResult
from .._verdict.trust import most_trusted

# So many pixels are followed in a few hundredths of a second.
_SMALL = 2**20


class Follower:
    """Follows frames that are all aligned to one image, from one to the next.

    A frame that follows one of which everything was asked is refined from where that was found,
    and judged by what may be different. Where that leaves a doubt, everything is asked of it, too.

    Parameters
    ----------
    basis : Judged, optional
        What was found of the last frame of which everything was asked, if it may be followed.
    """

    def __init__(self, basis: Judged | None = None) -> None:
        self.basis = basis
        self._last: tuple[list[Level], AlignmentResult | None] | None = None

    def followed(
        self, pyramids: Pyramids, options: SearchOptions, initial: NDArray[np.float64] | None
    ) -> Generator[None, None, AlignmentResult | None]:
        """Align the next frame from where the last was found; None if that settles nothing.

        Asked again of the same frame, it says the same.
        """
        if self._last is None or self._last[0] is not pyramids.moving:
            found = yield from self._followed(pyramids, options, initial)
            self._last = pyramids.moving, found
        return self._last[1]

    def _followed(
        self, pyramids: Pyramids, options: SearchOptions, initial: NDArray[np.float64] | None
    ) -> Generator[None, None, AlignmentResult | None]:
        before = self.basis
        if before is None or before.estimate.refined is None or initial is None:
            return None
        refiner = Refiner(pyramids.reference, pyramids.moving, options, follows=True)
        steps = refiner.followed(initial, before.estimate.refined)
        # A small image takes less time than telling of its steps.
        small = pyramids.reference[0].size <= _SMALL
        refined = outcome_of(steps) if small else (yield from steps)
        estimate = Estimate.of(
            refined, options.motion.n_parameters, start="initial", representation="intensity"
        )
        judged = judged_like(before, pyramids, estimate, options, initial)
        return None if judged is None else judged.result

    @property
    def is_unmirrored(self) -> bool:
        """Whether the last frame is as another one that has been looked at turned over."""
        settled = self._last is not None and self._last[1] is not None
        return settled and self.basis is not None and self.basis.unmirrored

    def note_unmirrored(self) -> None:
        """Remember that a frame has been looked at turned over, and lies no better so."""
        if self.basis is not None:
            self.basis = replace(self.basis, unmirrored=True)

    def keep(
        self,
        pyramids: Pyramids,
        options: SearchOptions,
        judged: list[Judged],
        results: list[AlignmentResult],
    ) -> None:
        """Remember what was found of a frame of which everything was asked.

        Parameters
        ----------
        pyramids, options
            Of the frame.
        judged : list of Judged
        results : list of AlignmentResult
            What came of each.
        """
        best = most_trusted(results)
        found = next(one for one, result in zip(judged, results, strict=True) if result is best)
        refined = found.estimate.refined
        if refined is not None and best.found and may_be_followed(found):
            # What is measured of the next frames is measured of this one, too.
            refiner = Refiner(pyramids.reference, pyramids.moving, options, follows=True)
            again = outcome_of(refiner.followed(refined.matrix, refined))
            alike = replace(refined, moves=again.moves, begun=again.begun)
            estimate = replace(found.estimate, refined=alike)
            self.basis = replace(found, estimate=estimate)
